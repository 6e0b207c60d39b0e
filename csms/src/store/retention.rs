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

use sqlx::AssertSqlSafe;

use super::outbox::BEHIND_MS;
use super::transaction_list::{Bind, Put, bind_all};
use super::{Conn, Result, Store, on_db, run_on_db};

/// Rows that are deleted in one transaction: some milliseconds, so that charge points do not wait.
pub(crate) const PART_ROWS: i64 = 500;
/// Charge points whose oldest rows are looked for at once.
const POINTS: i64 = 200;
/// A transaction that was heard of within this time may be corrected.
const MAY_CHANGE_MS: i64 = 24 * 60 * 60 * 1000;
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
}

impl Dropping {
    pub(crate) const ALL: [Self; 12] = [
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
        }
    }
}

/// Tables from which nothing is dropped, and why they do not grow without end.
#[cfg(test)]
const STAYS: [(&str, &str); 16] = [
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
    ("charge_transaction", "bills"),
    ("transaction_cost", "bills"),
    (
        "tariff",
        "bills may be made by it however late a transaction is told",
    ),
    ("probe", "two rows"),
    ("secret", "a row per key of the server"),
    ("account", "people; sign-up is bounded"),
    ("project", "people make each"),
    ("site", "people make each"),
    ("configuration_key", "a charge point has a bounded number"),
    (
        "integration_request",
        "people make each, with the organization's key",
    ),
    ("_sqlx_migrations", "a row per migration"),
];

/// Rows of a table that can go, by an instant `$1`, beginning with the oldest.
struct Rule {
    table: Dropping,
    key: &'static str,
    /// What to read, with `r` for the row whose instant counts.
    from: &'static str,
    /// The key as it is read.
    read_key: &'static str,
    condition: &'static str,
    order: &'static str,
}

const fn by_id(
    table: Dropping,
    from: &'static str,
    condition: &'static str,
    order: &'static str,
) -> Rule {
    Rule {
        table,
        key: "id",
        from,
        read_key: "r.id",
        condition,
        order,
    }
}

/// What is dropped by age alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    SentLetter,
    FailedLetter,
    CommissioningEntry,
    Commissioning,
    Invitation,
    GuestSession,
    Certificate,
    Webhook,
    IdempotentAnswer,
}

impl Old {
    /// In this order: a run after its entries.
    pub(crate) const ALL: [Self; 9] = [
        Self::SentLetter,
        Self::FailedLetter,
        Self::CommissioningEntry,
        Self::Commissioning,
        Self::Invitation,
        Self::GuestSession,
        Self::Certificate,
        Self::Webhook,
        Self::IdempotentAnswer,
    ];

    pub(crate) const fn table(self) -> Dropping {
        self.rule().table
    }

    const fn rule(self) -> Rule {
        match self {
            Self::SentLetter => by_id(
                Dropping::Outbox,
                "outbox r",
                "r.sent_at_ms < $1",
                "r.sent_at_ms",
            ),
            Self::FailedLetter => by_id(
                Dropping::Outbox,
                "outbox r",
                "r.given_up_at_ms < $1",
                "r.given_up_at_ms",
            ),
            Self::CommissioningEntry => Rule {
                table: Dropping::CommissioningEntry,
                key: "commissioning_id, number",
                from: "commissioning r join commissioning_entry e on e.commissioning_id = r.id",
                read_key: "e.commissioning_id, e.number",
                condition: OLD_RUN,
                order: "r.completed_at_ms",
            },
            Self::Commissioning => by_id(
                Dropping::Commissioning,
                "commissioning r",
                OLD_RUN_WITHOUT_ENTRIES,
                "r.completed_at_ms",
            ),
            Self::Invitation => by_id(
                Dropping::Invitation,
                "invitation r",
                "r.accepted_at_ms is null and r.expires_at_ms < $1",
                "r.expires_at_ms",
            ),
            Self::GuestSession => Rule {
                table: Dropping::GuestSession,
                key: "token",
                from: "guest_session r",
                read_key: "r.token",
                condition: "r.transaction_id is null and r.ended_at_ms < $1 and r.captured is null
                    and r.payment_status in ('canceled', 'declined', 'refused')",
                order: "r.ended_at_ms",
            },
            Self::Certificate => by_id(
                Dropping::Certificate,
                "certificate r",
                "r.expires_at_ms < $1",
                "r.expires_at_ms",
            ),
            Self::Webhook => by_id(
                Dropping::Webhook,
                "webhook r",
                "r.deleted_at_ms < $1",
                "r.deleted_at_ms",
            ),
            Self::IdempotentAnswer => Rule {
                table: Dropping::IdempotentAnswer,
                key: "organization_id, key",
                from: "idempotent_answer r",
                read_key: "r.organization_id, r.key",
                condition: "r.created_at_ms <= $1",
                order: "r.created_at_ms",
            },
        }
    }
}

/// A run that ended before `$1`, and is not the newest of its charge point, nor the newest that passed.
const OLD_RUN: &str = "r.completed_at_ms < $1 and exists (select 1 from commissioning n
     where n.charge_point_id = r.charge_point_id and n.started_at_ms > r.started_at_ms
       and (r.status <> 'completed' or n.status = 'completed'))";
const OLD_RUN_WITHOUT_ENTRIES: &str =
    "r.completed_at_ms < $1 and exists (select 1 from commissioning n
     where n.charge_point_id = r.charge_point_id and n.started_at_ms > r.started_at_ms
       and (r.status <> 'completed' or n.status = 'completed'))
     and not exists (select 1 from commissioning_entry e where e.commissioning_id = r.id)";

/// A transaction `t` whose bill may still change; `$recent` is an instant a day ago.
const MAY_CHANGE: &str = "(t.state = 'open'
     or (t.state <> 'stopped' and (t.received_at_ms >= $recent or t.last_meter_at_ms >= $recent
         or t.stopped_at_ms >= $recent))
     or exists (select 1 from guest_session g where g.transaction_id = t.id and g.payment_status in
         ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling')))";

/// Records of charge points, of which one can have too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfPoint {
    MeterValue,
    Event,
    Stop,
}

impl OfPoint {
    pub(crate) const ALL: [Self; 3] = [Self::MeterValue, Self::Event, Self::Stop];

    pub(crate) const fn table(self) -> Dropping {
        match self {
            Self::MeterValue => Dropping::MeterValue,
            Self::Event => Dropping::ChargePointEvent,
            Self::Stop => Dropping::OrphanStop,
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::MeterValue => "content_hash",
            Self::Event => "id",
            Self::Stop => "transaction_number, content_hash",
        }
    }
}

/// A charge point with the instants of its oldest records.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OldestOfPoint {
    pub charge_point_id: String,
    meter_value_ms: Option<i64>,
    event_ms: Option<i64>,
    stop_ms: Option<i64>,
}

impl OldestOfPoint {
    pub(crate) const fn oldest_ms(&self, of: OfPoint) -> Option<i64> {
        match of {
            OfPoint::MeterValue => self.meter_value_ms,
            OfPoint::Event => self.event_ms,
            OfPoint::Stop => self.stop_ms,
        }
    }
}

/// A connector with the instant of its oldest status.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OldestOfConnector {
    pub charge_point_id: String,
    pub connector_id: i64,
    pub oldest_ms: Option<i64>,
}

/// A part of the records of a charge point.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub of: OfPoint,
    pub charge_point_id: String,
    /// Received since then; where the part before this ended.
    pub from_ms: i64,
    /// Received before.
    pub before_ms: i64,
    pub now_ms: i64,
    /// Whether what a bill may need goes too.
    pub even_needed: bool,
}

/// A part of the statuses of a connector.
#[derive(Clone, Debug)]
pub(crate) struct StatusPart {
    pub charge_point_id: String,
    pub connector_id: i64,
    /// Received before.
    pub before_ms: i64,
    pub now_ms: i64,
    /// Whether what a bill may need goes too.
    pub even_needed: bool,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// So many rows, and when the last of them was received.
    Rows(i64, i64),
    /// Another server is at it.
    Busy,
}

impl Dropped {
    fn of(received_ms: &[i64]) -> Self {
        let rows = i64::try_from(received_ms.len()).unwrap_or(i64::MAX);
        Self::Rows(rows, received_ms.iter().copied().max().unwrap_or(i64::MIN))
    }
}

impl Store {
    /// Some charge points behind this one by id, deleted ones among them, with the instants of their oldest records.
    pub(crate) async fn oldest_of_points(&self, after: &str) -> Result<Vec<OldestOfPoint>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select p.id as charge_point_id,
                 (select min(v.received_at_ms) from meter_value v where v.charge_point_id = p.id) as meter_value_ms,
                 (select min(e.received_at_ms) from charge_point_event e where e.charge_point_id = p.id) as event_ms,
                 (select min(o.received_at_ms) from orphan_stop o where o.charge_point_id = p.id) as stop_ms
             from charge_point p where p.id > $1 order by p.id limit $2")
            .bind(after).bind(POINTS)
            .fetch_all(db))
    }

    /// The connectors of the charge points behind one and up to another by id, with the instants of their oldest
    /// statuses.
    pub(crate) async fn oldest_of_connectors(
        &self,
        after: &str,
        to: &str,
    ) -> Result<Vec<OldestOfConnector>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select c.charge_point_id, c.connector_id, (select min(h.received_at_ms) from connector_history h
                 where h.charge_point_id = c.charge_point_id and h.connector_id = c.connector_id) as oldest_ms
             from connector c where c.charge_point_id > $1 and c.charge_point_id <= $2
             order by c.charge_point_id, c.connector_id")
            .bind(after).bind(to)
            .fetch_all(db))
    }

    /// When the record was received that has so many newer ones of its charge point before it; `None` where there are
    /// not so many. Reads the index as far as that.
    pub(crate) async fn bound_of_point(
        &self,
        of: OfPoint,
        charge_point: &str,
        rows_max: i64,
    ) -> Result<Option<i64>> {
        let text = format!(
            "select received_at_ms from {} where charge_point_id = $1
             order by received_at_ms desc limit 1 offset $2",
            of.table().table()
        );
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(AssertSqlSafe(text))
            .bind(charge_point).bind(rows_max.saturating_sub(1))
            .fetch_optional(db))
    }

    /// The same of a connector's statuses.
    pub(crate) async fn bound_of_connector(
        &self,
        (charge_point, connector): (&str, i64),
        rows_max: i64,
    ) -> Result<Option<i64>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(
            "select received_at_ms from connector_history where charge_point_id = $1 and connector_id = $2
             order by received_at_ms desc limit 1 offset $3")
            .bind(charge_point).bind(connector).bind(rows_max.saturating_sub(1))
            .fetch_optional(db))
    }

    /// Drops a part of the records of a charge point.
    pub(crate) async fn drop_part(&self, part: Part) -> Result<Dropped> {
        self.write(part, |part, conn| Box::pin(conn.drop_part(part)))
            .await
    }

    /// Drops a part of the statuses of a connector; the newest stays.
    pub(crate) async fn drop_statuses(&self, part: StatusPart) -> Result<Dropped> {
        self.write(part, |part, conn| Box::pin(conn.drop_statuses(part)))
            .await
    }

    /// Drops a part of what is older than an instant.
    pub(crate) async fn drop_old(&self, old: Old, before_ms: i64) -> Result<Dropped> {
        let mut conn = self.reader().await?;
        let rule = old.rule();
        let text = format!(
            "select 1 from {} where {} limit 1",
            rule.from, rule.condition
        );
        let any: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(AssertSqlSafe(text))
            .bind(before_ms)
            .fetch_optional(db))?;
        drop(conn);
        if any.is_none() {
            return Ok(Dropped::of(&[]));
        }
        self.write((old, before_ms), |(old, before_ms), conn| {
            Box::pin(conn.drop_old(*old, *before_ms))
        })
        .await
    }

    /// Drops a part of the mail that nobody took before an instant, because no server for it is set up.
    pub(crate) async fn drop_unsent_mail(&self, before_ms: i64, now_ms: i64) -> Result<Dropped> {
        let mut conn = self.reader().await?;
        let any: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select 1 from outbox where kind = 'mail' and sent_at_ms is null and given_up_at_ms is null
                 and created_at_ms < $1 limit 1")
            .bind(before_ms)
            .fetch_optional(db))?;
        drop(conn);
        if any.is_none() {
            return Ok(Dropped::of(&[]));
        }
        self.write((before_ms, now_ms), |(before_ms, now_ms), conn| {
            Box::pin(conn.drop_unsent_mail(*before_ms, *now_ms))
        })
        .await
    }
}

impl Conn {
    /// Whether it is this server's turn, until the end of the transaction.
    async fn has_turn(&mut self) -> Result<bool> {
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
    const fn unlocked_only(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " for update of r skip locked",
        }
    }

    async fn drop_part(&mut self, part: &Part) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let put = part_text(part, self.unlocked_only());
        let received: Vec<i64> = on_db!(self, db => bind_all!(
            sqlx::query_scalar(AssertSqlSafe(put.text.clone())), put)
            .fetch_all(db))?;
        Ok(Dropped::of(&received))
    }

    async fn drop_statuses(&mut self, part: &StatusPart) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let mut before_ms = part.before_ms;
        let newest: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "select max(reported_at_ms) from connector_history where charge_point_id = $1 and connector_id = $2")
            .bind(&part.charge_point_id).bind(part.connector_id)
            .fetch_one(db))?;
        let mut reported_before_ms = newest.unwrap_or(i64::MIN);
        if !part.even_needed
            && let Some((received_ms, reported_ms)) = self.needed_statuses(part).await?
        {
            before_ms = before_ms.min(received_ms);
            reported_before_ms = reported_before_ms.min(reported_ms);
        }
        let text = format!(
            "delete from connector_history where charge_point_id = $1 and (connector_id, reported_at_ms, place) in (
                 select r.connector_id, r.reported_at_ms, r.place from connector_history r
                 where r.charge_point_id = $1 and r.connector_id = $2 and r.received_at_ms < $3
                     and r.reported_at_ms < $4
                 order by r.received_at_ms limit $5{})
             returning received_at_ms",
            self.unlocked_only()
        );
        let received: Vec<i64> = on_db!(self, db => sqlx::query_scalar(AssertSqlSafe(text.clone()))
            .bind(&part.charge_point_id).bind(part.connector_id).bind(before_ms).bind(reported_before_ms)
            .bind(PART_ROWS)
            .fetch_all(db))?;
        Ok(Dropped::of(&received))
    }

    /// Since when the statuses of a connector are needed for bills that may change, by their arrival and by their stamps;
    /// the status that held when such a transaction began is one of them.
    async fn needed_statuses(&mut self, part: &StatusPart) -> Result<Option<(i64, i64)>> {
        let changing = MAY_CHANGE.replace("$recent", "$3");
        let text = format!(
            "select min(t.received_at_ms), min(t.started_at_ms) from charge_transaction t
             where t.charge_point_id = $1 and t.connector_id = $2 and t.state <> 'stopped' and {changing}
             union all
             select min(t.received_at_ms), min(t.started_at_ms) from guest_session g
                 join charge_transaction t on t.id = g.transaction_id
             where g.charge_point_id = $1 and t.connector_id = $2 and g.payment_status in
                 ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling')"
        );
        let recent_ms = part.now_ms.saturating_sub(MAY_CHANGE_MS);
        let rows: Vec<(Option<i64>, Option<i64>)> = on_db!(&mut *self, db => sqlx::query_as(
            AssertSqlSafe(text.clone()))
            .bind(&part.charge_point_id).bind(part.connector_id).bind(recent_ms)
            .fetch_all(db))?;
        let received_ms = rows
            .iter()
            .filter_map(|(received_ms, _)| *received_ms)
            .min();
        let started_ms = rows.iter().filter_map(|(_, started_ms)| *started_ms).min();
        let Some((received_ms, started_ms)) = received_ms.zip(started_ms) else {
            return Ok(None);
        };
        let held_ms: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "select max(reported_at_ms) from connector_history
             where charge_point_id = $1 and connector_id = $2 and reported_at_ms <= $3")
            .bind(&part.charge_point_id).bind(part.connector_id).bind(started_ms)
            .fetch_one(db))?;
        Ok(Some((received_ms, held_ms.unwrap_or(started_ms))))
    }

    async fn drop_old(&mut self, old: Old, before_ms: i64) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let text = old_text(old, self.unlocked_only());
        let rows: u64 = on_db!(self, db => async {
            let query = sqlx::query(AssertSqlSafe(text.clone())).bind(before_ms).bind(PART_ROWS);
            query.execute(db).await.map(|done| done.rows_affected())
        })?;
        Ok(Dropped::Rows(
            i64::try_from(rows).unwrap_or(i64::MAX),
            i64::MIN,
        ))
    }

    async fn drop_unsent_mail(&mut self, before_ms: i64, now_ms: i64) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let text = format!(
            "delete from outbox where id in (select r.id from outbox r
                 where r.kind = 'mail' and r.sent_at_ms is null and r.given_up_at_ms is null
                     and r.created_at_ms < $1 and r.leased_until_ms <= $2
                 order by r.created_at_ms limit $3{})
             returning lane",
            self.unlocked_only()
        );
        let mut lanes: Vec<String> = on_db!(&mut *self, db => sqlx::query_scalar(AssertSqlSafe(text.clone()))
            .bind(before_ms).bind(now_ms).bind(PART_ROWS)
            .fetch_all(db))?;
        let dropped = i64::try_from(lanes.len()).unwrap_or(i64::MAX);
        lanes.sort_unstable();
        lanes.dedup();
        // What stood behind them is the first now.
        for lane in lanes {
            run_on_db!(&mut *self, db => sqlx::query(
                "update outbox set due_at_ms = $3 where due_at_ms = $2 and id = (select o.id from outbox o
                     where o.lane = $1 and o.sent_at_ms is null and o.given_up_at_ms is null
                     order by o.id limit 1)")
                .bind(lane).bind(BEHIND_MS).bind(now_ms)
                .execute(db))?;
        }
        Ok(Dropped::Rows(dropped, i64::MIN))
    }
}

fn part_text(part: &Part, lock: &str) -> Put {
    let mut put = Put::default();
    let point = put.text(&part.charge_point_id);
    let from = put.value(Bind::Number(part.from_ms));
    let before = put.value(Bind::Number(part.before_ms));
    let limit = put.value(Bind::Number(PART_ROWS));
    let needed = if part.of == OfPoint::MeterValue && !part.even_needed {
        let recent = part.now_ms.saturating_sub(MAY_CHANGE_MS);
        let recent = put.value(Bind::Number(recent));
        let changing = MAY_CHANGE.replace("$recent", &recent);
        format!(
            " and not exists (select 1 from charge_transaction t where t.id = r.transaction_id and {changing})"
        )
    } else {
        String::new()
    };
    let (table, key) = (part.of.table().table(), part.of.key());
    put.add(&format!(
        "delete from {table} where charge_point_id = {point} and ({key}) in (select {key} from {table} r
             where r.charge_point_id = {point} and r.received_at_ms >= {from} and r.received_at_ms < {before}{needed}
             order by r.received_at_ms limit {limit}{lock})
         returning received_at_ms"
    ));
    put
}

fn old_text(old: Old, lock: &str) -> String {
    let Rule {
        table,
        key,
        from,
        read_key,
        condition,
        order,
    } = old.rule();
    format!(
        "delete from {} where ({key}) in (select {read_key} from {from} where {condition}
             order by {order} limit $2{lock})",
        table.table()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::growth::{plan, seed, steps};
    use super::super::{Mail, Store};
    use super::*;

    async fn store(folder: &tempfile::TempDir) -> Store {
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        Store::open(&address).await.unwrap()
    }

    #[tokio::test]
    async fn every_table_ends_or_says_why_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
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

    #[tokio::test]
    async fn what_is_old_is_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut conn = store.reader().await.unwrap();
        for old in Old::ALL {
            let mut put = Put::default();
            put.value(Bind::Number(1));
            put.value(Bind::Number(PART_ROWS));
            put.text = old_text(old, "");
            let plan = plan(&mut conn, &put).await;
            assert!(!plan.contains("SCAN"), "{old:?}: {plan}");
            assert!(
                !plan.contains("TEMP B-TREE FOR ORDER BY"),
                "{old:?}: {plan}"
            );
        }
        for of in OfPoint::ALL {
            let part = Part {
                of,
                charge_point_id: "CP".into(),
                from_ms: 0,
                before_ms: 1,
                now_ms: 2,
                even_needed: false,
            };
            let plan = plan(&mut conn, &part_text(&part, "")).await;
            assert!(!plan.contains("SCAN"), "{of:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{of:?}: {plan}");
        }
    }

    /// A part costs its rows, whatever else the charge point has.
    #[tokio::test]
    async fn a_part_costs_what_it_drops() {
        let mut found = Vec::new();
        for kept in [100, 10_000] {
            let folder = tempfile::tempdir().unwrap();
            let store = store(&folder).await;
            let values = |from: i64, to: i64| {
                format!(
                    "with recursive n (i) as (select {from} union all select i + 1 from n where i < {to})
                     insert into meter_value (charge_point_id, content_hash, sampled_at_ms, sampled_values,
                         received_at_ms)
                     select 'CP', 'h' || cast(i as text), i, '[]', i from n"
                )
            };
            let point =
                "insert into charge_point (id, organization_id, registration, created_at_ms)
                 values ('CP', 'org_default', 'Accepted', 0)";
            seed(
                &store,
                &[point.to_owned(), values(1, 50), values(100, 99 + kept)],
            )
            .await;
            let part = Part {
                of: OfPoint::MeterValue,
                charge_point_id: "CP".into(),
                from_ms: 0,
                before_ms: 100,
                now_ms: 1_000_000,
                even_needed: false,
            };
            let mut conn = store.reader().await.unwrap();
            let drop = async |conn: &mut Conn| conn.drop_part(&part).await;
            let (steps, dropped) = steps(&mut conn, drop).await;
            assert_eq!(dropped.unwrap(), Dropped::Rows(50, 50));
            found.push(steps);
        }
        assert!(found[1] <= found[0] + 100, "{found:?}");
    }

    #[tokio::test]
    async fn mail_behind_one_that_is_dropped_is_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for created_at_ms in [1, 2, 50] {
            let mail = Mail {
                recipient: "a@example.com".into(),
                subject: "s".into(),
                body: created_at_ms.to_string(),
                created_at_ms,
            };
            store.post_mail(mail).await.unwrap();
        }
        let dropped = store.drop_unsent_mail(10, 100).await.unwrap();
        assert_eq!(dropped, Dropped::Rows(2, i64::MIN));
        assert!(store.is_mail_due(100).await.unwrap());
        assert_eq!(store.waiting_mail("a@example.com").await.unwrap(), ["50"]);
    }
}
