//! What a charge point may say unasked.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::dialect::v16::answers::was_given;
use crate::rules::Circumstances;
use crate::wire::entry::{Entry, EntryKind, OPERATOR};

/// What is known of a charge point that tells what no step expects.
#[derive(Default)]
pub(super) struct Habits {
    status_of: HashMap<i64, String>,
    /// Connectors whose first status after a boot is still to come.
    untold: bool,
    told: HashSet<i64>,
    /// Transactions that began in this record: message ids are not looked at, a start is enough.
    starts: usize,
    /// How often it said what it may say at any time.
    chatter: HashMap<String, usize>,
    pub(super) chatter_max: usize,
    /// It was without a connection, and since it is back nothing was done to it.
    was_away: bool,
    /// When its last connection was opened, while that is open.
    open_since: Option<SystemTime>,
}

/// What a stamp may differ from the rig's clock: some are of whole seconds.
const STAMP_SLACK: Duration = Duration::from_secs(2);

/// How often a charge point may say one and the same thing in a scenario without being asked, and so often more for each
/// second and connector.
const CHATTER_MAX: usize = 100;

impl Circumstances<'_> {
    /// How often a charge point may have said one and the same thing by now.
    pub(super) fn chatter_max(&self, begun: SystemTime, now: SystemTime) -> usize {
        // A day of a moved clock has a day's chatter.
        if self.moved_clock {
            return usize::MAX;
        }
        let seconds = now.duration_since(begun).unwrap_or_default().as_secs();
        let connectors = u64::from(self.connectors.max(1));
        CHATTER_MAX + usize::try_from(seconds * connectors).unwrap_or(usize::MAX / 2)
    }
}

impl Habits {
    pub(super) fn see(&mut self, entry: &Entry) {
        match &entry.kind {
            EntryKind::Opened => self.open_since = Some(entry.at),
            EntryKind::Closed { .. } => {
                self.open_since = None;
                self.was_away = true;
            }
            // What follows from an act is news.
            EntryKind::Note(text) if self.open_since.is_some() && text.starts_with(OPERATOR) => {
                self.was_away = false;
            }
            _ => {}
        }
    }

    /// Whether a status is one of the time without connection: told soon after it, or dated in it.
    pub(super) fn is_of_the_outage(&self, payload: &Value) -> bool {
        let dated = payload["timestamp"].as_str();
        let dated = dated.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let before = |opened: SystemTime| {
            dated.is_none_or(|dated| SystemTime::from(dated) <= opened + STAMP_SLACK)
        };
        self.was_away && self.open_since.is_none_or(before)
    }

    pub(super) fn take(&mut self, action: &str, payload: &Value) {
        match action {
            "BootNotification" => {
                self.status_of.clear();
                self.told.clear();
                self.untold = true;
                self.was_away = false;
            }
            "StartTransaction" => self.starts += 1,
            "StatusNotification" => {
                if let (Some(connector), Some(status)) =
                    (payload["connectorId"].as_i64(), payload["status"].as_str())
                {
                    self.status_of.insert(connector, status.to_owned());
                    self.told.insert(connector);
                }
            }
            _ => {}
        }
    }

    /// What a charge point may say at any time: signs of life, readings, the status it had already, that of each
    /// connector after a boot, and that the car or the station does not take or give energy yet.
    pub(super) fn may(&mut self, action: &str, payload: &Value) -> bool {
        match action {
            "Heartbeat"
            | "MeterValues"
            | "SecurityEventNotification"
            | "DataTransfer"
            | "FirmwareStatusNotification"
            | "DiagnosticsStatusNotification"
            | "LogStatusNotification" => {
                let so_far = self.chatter.entry(action.to_owned()).or_default();
                *so_far += 1;
                *so_far <= self.chatter_max
            }
            "StatusNotification" => self.may_report(payload),
            // A session of a scenario that is over may end now.
            "StopTransaction" if self.starts == 0 => {
                payload["transactionId"].as_i64().is_some_and(was_given)
            }
            _ => false,
        }
    }

    fn may_report(&self, payload: &Value) -> bool {
        let (Some(connector), Some(status)) =
            (payload["connectorId"].as_i64(), payload["status"].as_str())
        else {
            return false;
        };
        if self.untold && !self.told.contains(&connector) {
            return true;
        }
        let before = self.status_of.get(&connector).map(String::as_str);
        // A fault of a connector can be one of the whole.
        if connector == 0 {
            let faulty = self.status_of.values().any(|status| status == "Faulted");
            return Some(status) == before || (faulty && matches!(status, "Faulted" | "Available"));
        }
        let pause = matches!(status, "SuspendedEV" | "SuspendedEVSE");
        Some(status) == before
            || (pause
                && matches!(
                    before,
                    Some("Preparing" | "Charging" | "SuspendedEV" | "SuspendedEVSE")
                ))
            || (status == "Charging" && matches!(before, Some("SuspendedEV" | "SuspendedEVSE")))
    }
}
