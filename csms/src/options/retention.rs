//! How long what grows is kept, as the options say it.

use std::time::Duration;

/// How long what grows is kept. Ages count from when something was received, or from its end; what an open transaction, one
/// that may be corrected, or an unsettled guest session needs is kept longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Meter values.
    pub meter_values: Duration,
    /// Statuses of connectors; the newest of each stays.
    pub status_history: Duration,
    /// Boots, firmware, diagnostics, logs and security events.
    pub events: Duration,
    /// Stops of transactions that nobody knows.
    pub stops_of_nobody: Duration,
    /// Mail and webhooks after they were sent.
    pub sent_notifications: Duration,
    /// Mail and webhooks after they were given up, and mail that no server takes.
    pub failed_notifications: Duration,
    /// Commissioning runs after their end; the newest of a charge point and the newest that passed stay.
    pub commissioning_runs: Duration,
    /// Invitations after their expiry.
    pub invitations: Duration,
    /// Guest sessions that ended before they began.
    pub unbegun_guest_sessions: Duration,
    /// Certificates of charge points after their expiry.
    pub expired_certificates: Duration,
    /// Meter values of one charge point.
    pub meter_values_max: u32,
    /// Statuses of one connector.
    pub statuses_max: u32,
    /// Events of one charge point.
    pub events_max: u32,
    /// Stops of nobody of one charge point.
    pub stops_max: u32,
}

/// So many days of 24 hours.
pub(crate) const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            meter_values: days(400),
            status_history: days(90),
            events: days(90),
            stops_of_nobody: days(3 * 366),
            sent_notifications: days(7),
            failed_notifications: days(90),
            commissioning_runs: days(2 * 366),
            invitations: days(90),
            unbegun_guest_sessions: days(90),
            expired_certificates: days(3 * 366),
            meter_values_max: 500_000,
            statuses_max: 20_000,
            events_max: 1_000,
            stops_max: 1_000,
        }
    }
}
