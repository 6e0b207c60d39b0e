//! What is dropped once it is old, or too much of one charge point. Deletes a part at a time, found by an index.
//!
//! What ends each table that grows:
//!
//! | table | ends |
//! | --- | --- |
//! | `meter_value`, `connector_history`, `charge_point_event`, `orphan_stop` | by age, and the oldest by number: per charge point, of `connector_history` per connector |
//! | `outbox` | sent letters and failed ones by age; mail that nobody took by age; what waits for a webhook by number (`outbox/deliver.rs`) |
//! | `commissioning`, `commissioning_entry` | by age after the end, except the newest run of a charge point and its newest that passed |
//! | `invitation` | by age after its expiry, when nobody accepted it |
//! | `guest_session` | by age after its end, when it never began and nothing was taken; the others are bills |
//! | `certificate` | by age after its expiry |
//! | `webhook` | after it was deleted, when no letter to it is left |
//! | `idempotent_answer` | after a day, as the API says |
//! | `roaming_grant`, `roaming_reservation` | a day after its end: what is told late may need it |
//! | `roaming_command` | 30 days after its result was told, or given up |
//!
//! Everything else stays: bills (`charge_transaction`, `transaction_cost`, `tariff`), and what people or operators made and
//! end themselves (see [`STAYS`]).
//!
//! What a bill may still need is kept whatever its age: the meter values and statuses of transactions that are open, were
//! heard of within a day and may be corrected, or whose guest's money is not settled. A bound by number reaches them at ten
//! times the number.
//!
//! Several servers on one PostgreSQL database take turns: a part is dropped by whoever holds a lock that ends with the
//! commit, and the others leave it. Rows that somebody else is changing are left for the next time.

mod of_point;
mod old;

use crate::store::{Conn, Result, on_db};

pub(crate) use of_point::{OfPoint, OldestOfConnector, OldestOfPoint, Part, StatusPart};
pub(crate) use old::Old;

/// Rows that are deleted in one transaction: some milliseconds, so that charge points do not wait.
pub(crate) const PART_ROWS: i64 = 500;
/// The lock of whoever drops a part on PostgreSQL: "dynamo" in ASCII, and 1.
const LOCK: i64 = 0x6479_6e61_6d6f_0001;

/// A table from which rows are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropping {
    MeterValue,
    ConnectorHistory,
    ChargePointEvent,
    OrphanStop,
    Outbox,
    CommissioningEntry,
    Commissioning,
    Invitation,
    GuestSession,
    Certificate,
    Webhook,
    IdempotentAnswer,
    RoamingGrant,
    RoamingCommand,
    RoamingReservation,
}

impl Dropping {
    pub(crate) const ALL: [Self; 15] = [
        Self::MeterValue,
        Self::ConnectorHistory,
        Self::ChargePointEvent,
        Self::OrphanStop,
        Self::Outbox,
        Self::CommissioningEntry,
        Self::Commissioning,
        Self::Invitation,
        Self::GuestSession,
        Self::Certificate,
        Self::Webhook,
        Self::IdempotentAnswer,
        Self::RoamingGrant,
        Self::RoamingCommand,
        Self::RoamingReservation,
    ];

    /// The table's name.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::MeterValue => "meter_value",
            Self::ConnectorHistory => "connector_history",
            Self::ChargePointEvent => "charge_point_event",
            Self::OrphanStop => "orphan_stop",
            Self::Outbox => "outbox",
            Self::CommissioningEntry => "commissioning_entry",
            Self::Commissioning => "commissioning",
            Self::Invitation => "invitation",
            Self::GuestSession => "guest_session",
            Self::Certificate => "certificate",
            Self::Webhook => "webhook",
            Self::IdempotentAnswer => "idempotent_answer",
            Self::RoamingGrant => "roaming_grant",
            Self::RoamingCommand => "roaming_command",
            Self::RoamingReservation => "roaming_reservation",
        }
    }
}

/// Tables from which nothing is dropped, and why they do not grow without end.
#[cfg(test)]
const STAYS: [(&str, &str); 29] = [
    ("organization", "an operator makes each"),
    ("api_key", "an operator makes each"),
    (
        "charge_point",
        "somebody registers each; --accept-unknown takes what comes, and is for demos",
    ),
    (
        "connector",
        "a charge point has a bounded number, one row each",
    ),
    (
        "id_tag",
        "an operator registers each; --accept-unknown takes what comes, and is for demos",
    ),
    (
        "partner",
        "an operator invites or asks each; one that was removed says what there was",
    ),
    ("partner_party", "a partner has a few"),
    (
        "partner_token",
        "its issuer owns each, and never deletes one",
    ),
    ("roaming_session", "bills"),
    (
        "roaming_push",
        "a partner has one row for each object, which stays as well",
    ),
    ("cdr", "bills"),
    ("registration_change", "one row"),
    ("charge_transaction", "bills"),
    ("transaction_cost", "bills"),
    (
        "tariff",
        "bills may be made by it however late a transaction is told",
    ),
    (
        "id_tag_past",
        "a late start is billed by what its tag was; an operator makes each change",
    ),
    (
        "charge_point_past",
        "a late start belongs to whom its charge point was with; people make each change",
    ),
    (
        "project_access_past",
        "a late start is judged by the list of then; people make each change",
    ),
    (
        "deviation",
        "a charge point has one row per message and leniency",
    ),
    ("probe", "two rows"),
    ("secret", "a row per key of the server"),
    ("account", "people; sign-up is bounded"),
    ("project", "people make each"),
    ("site", "people make each"),
    ("variable", "a charge point has a bounded number"),
    ("evse", "a charge point has a bounded number"),
    ("evse_connector", "a charge point has a bounded number"),
    (
        "integration_request",
        "people make each, with the organization's key",
    ),
    ("_sqlx_migrations", "a row per migration"),
];

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// So many rows, and when the last of them was received.
    Rows(i64, i64),
    /// Another server is at it.
    Busy,
}

impl Dropped {
    pub(in crate::store) fn of(received_ms: &[i64]) -> Self {
        let rows = i64::try_from(received_ms.len()).unwrap_or(i64::MAX);
        Self::Rows(rows, received_ms.iter().copied().max().unwrap_or(i64::MIN))
    }
}

impl Conn {
    /// Whether it is this server's turn, until the end of the transaction.
    pub(in crate::store) async fn has_turn(&mut self) -> Result<bool> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(_) => {
                on_db!(self, db => sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
                .bind(LOCK)
                .fetch_one(db))
            }
        }
    }

    /// What leaves rows alone that somebody else is changing.
    pub(in crate::store) const fn unlocked_only(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " for update of r skip locked",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn every_table_ends_or_says_why_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let mut conn = store.reader().await.unwrap();
        let text =
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
        let tables: Vec<String> =
            on_db!(&mut conn, db => sqlx::query_scalar(text).fetch_all(db)).unwrap();
        let tables: BTreeSet<&str> = tables.iter().map(String::as_str).collect();
        let ends = Dropping::ALL.iter().map(|table| table.table());
        let stays = STAYS.iter().map(|(table, why)| {
            assert!(!why.is_empty());
            *table
        });
        let known: BTreeSet<&str> = ends.clone().chain(stays).collect();
        assert_eq!(tables, known);
        assert_eq!(
            known.len(),
            Dropping::ALL.len() + STAYS.len(),
            "one of them is in both lists"
        );
    }
}
