//! Transactions without a stop: how they are left, come back, and end for good; the rules are in `domain::ending`.

use crate::domain::transactions::claims::Claims;
use crate::domain::transactions::leaving::{Course, EndedBy, Stamped};
use crate::domain::transactions::register::Standing;
use crate::store::transactions::meter::{LastMeter, last_meter_columns};
use crate::store::{Conn, ConnectorReport, Many, Result, Store, chunks, on_db, run_on_db};

/// How a transaction is left without a stop.
pub(crate) struct Left {
    pub ended_by: EndedBy,
    /// When its connector was left, by the charge point's stamp.
    pub left_at_ms: Option<i64>,
    /// When that was received; `None` makes the end final.
    pub received_at_ms: Option<i64>,
    /// When this happens.
    pub now_ms: i64,
}

/// An open transaction of a connector.
#[derive(sqlx::FromRow)]
pub(crate) struct Open {
    pub id: i64,
    pub started_at_ms: i64,
    pub received_at_ms: i64,
    /// Whether a register of its own was told.
    pub has_readings: bool,
}

impl Open {
    /// How it began.
    pub(crate) const fn began(&self) -> Stamped {
        Stamped {
            at_ms: self.started_at_ms,
            received_at_ms: self.received_at_ms,
        }
    }
}

/// What is known of a transaction when something is told of it.
#[derive(sqlx::FromRow)]
pub(crate) struct TransactionFacts {
    pub id: i64,
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    state: String,
    ended_by: Option<String>,
    started_at_ms: i64,
    received_at_ms: i64,
    meter_start_wh: Option<i64>,
    #[sqlx(flatten)]
    last_meter: LastMeter,
    left_at_ms: Option<i64>,
    left_received_at_ms: Option<i64>,
    provisional_since_ms: Option<i64>,
    told_late: bool,
}

impl TransactionFacts {
    /// How far it is.
    pub(crate) fn course(&self) -> Course {
        Course::of(
            &self.state,
            self.ended_by.as_deref(),
            self.provisional_since_ms,
            self.told_late,
        )
    }

    /// When its connector was left, where that has a stamp.
    pub(crate) fn left(&self) -> Option<Stamped> {
        Some(Stamped {
            at_ms: self.left_at_ms?,
            received_at_ms: self.left_received_at_ms?,
        })
    }

    /// How it began.
    pub(crate) fn began(&self) -> Claims {
        Claims {
            started_at_ms: self.started_at_ms,
            start_received_at_ms: self.received_at_ms,
            meter_start_wh: self.meter_start_wh,
            ..Claims::default()
        }
    }

    /// Where its register stands, as far as meter values told.
    pub(crate) fn standing(&self) -> Option<Standing> {
        self.last_meter.standing()
    }
}

/// Leaves a transaction without a stop, at its last meter value; bind what ended it as $1, when its connector was left
/// as $2, when that was received as $3, and the time of now as $4. The last text selects it, the one before sets
/// more. A stop of nobody that came meanwhile is remembered.
macro_rules! leave {
    ($chosen:literal) => {
        leave!("", concat!($chosen, " and state = 'open'"))
    };
    ($further:literal, $chosen:expr) => {
        concat!(
            "update charge_transaction set state = 'abandoned', ended_by = $1, left_at_ms = $2,
                 left_received_at_ms = $3, provisional_since_ms = $3, updated_at_ms = $4,
                 meter_stop_wh = coalesce(last_meter_wh, meter_start_wh),
                 stopped_at_ms = coalesce(last_meter_at_ms, started_at_ms),
                 saw_orphan_stop = exists (select 1 from orphan_stop o
                     where o.charge_point_id = charge_transaction.charge_point_id
                       and o.received_at_ms >= charge_transaction.received_at_ms
                       and o.cause = 'unknown_transaction')",
            $further,
            " where ",
            $chosen,
            " returning id"
        )
    };
}

const SILENT_ENDS: &str =
    "select provisional_since_ms, id, organization_id, charge_point_id from charge_transaction
     where provisional_since_ms is not null and provisional_since_ms <= $1
       and (provisional_since_ms, id) > ($2, $3)
     order by provisional_since_ms, id limit $4";

const FIRST_SILENT_END: &str = "select min(provisional_since_ms) from charge_transaction where provisional_since_ms is not null";

static HEARD_OF: Many = Many::new(
    "with r (number, at_ms, wh, stamp_ms, source, doubt, first_wh, least_wh) as (values {rows})
     update charge_transaction set heard_at_ms = r.at_ms, updated_at_ms = r.at_ms,
         told_late = told_late or (state = 'abandoned' and provisional_since_ms is null),
         provisional_since_ms = case when state = 'abandoned' then r.at_ms else null end,
         last_meter_wh = coalesce(r.wh, last_meter_wh),
         last_meter_at_ms = coalesce(r.stamp_ms, last_meter_at_ms),
         last_meter_source = coalesce(r.source, last_meter_source),
         last_meter_doubt = coalesce(r.doubt, last_meter_doubt),
         last_meter_first_wh = coalesce(r.first_wh, last_meter_first_wh),
         last_meter_least_wh = case when r.wh is null then last_meter_least_wh else r.least_wh end,
         meter_stop_wh = case when state = 'abandoned' then coalesce(r.wh, meter_stop_wh)
             else meter_stop_wh end,
         stopped_at_ms = case when state = 'abandoned' then coalesce(r.stamp_ms, stopped_at_ms)
             else stopped_at_ms end
     from r where id = r.number and state <> 'stopped'",
    8,
);

/// Transactions by charge point and id.
macro_rules! facts {
    ($lock:literal) => {
        Many::new(
            concat!(
                "with r (point, number) as (values {rows}) select ",
                facts_columns!(),
                " from r join charge_transaction on id = r.number and charge_point_id = r.point",
                $lock
            ),
            2,
        )
    };
}

static WITH_OPEN: Many = Many::new(
    "with r (point, connector) as (values {rows})
     select r.point, r.connector from r where exists (select 1 from charge_transaction t
         where t.charge_point_id = r.point and t.connector_id = r.connector and t.state = 'open')",
    2,
);

static WITH_LEFT: Many = Many::new(
    "with r (point, connector) as (values {rows})
     select r.point, r.connector from r where exists (select 1 from charge_transaction t
         where t.charge_point_id = r.point and t.connector_id = r.connector
           and t.provisional_since_ms is not null and t.state = 'abandoned' and t.ended_by = 'available'
           and not t.told_late)",
    2,
);

/// The columns of [`TransactionFacts`].
macro_rules! facts_columns {
    () => {
        concat!(
            "id, charge_point_id, connector_id, state, ended_by, started_at_ms, received_at_ms, meter_start_wh, ",
            last_meter_columns!(),
            ", left_at_ms, left_received_at_ms, provisional_since_ms, told_late"
        )
    };
}

static FACTS: Many = facts!("");
static LOCKED_FACTS: Many = facts!(" order by id for update of charge_transaction");

impl Store {
    /// Provisional ends of which nothing was told since, the longest silent first and after those given: since when,
    /// id, organization, charge point.
    pub(crate) async fn silent_ends(
        &self,
        silent_since_ms: i64,
        (after_ms, after_id): (i64, i64),
        limit: i64,
    ) -> Result<Vec<(i64, i64, String, String)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            SILENT_ENDS)
            .bind(silent_since_ms).bind(after_ms).bind(after_id).bind(limit)
            .fetch_all(db))
    }

    /// Since when nothing was told of the provisional end that becomes final first.
    pub(crate) async fn first_silent_end(&self) -> Result<Option<i64>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(
            FIRST_SILENT_END)
            .fetch_one(db))
    }
}

impl Conn {
    /// A transaction of this charge point; nobody else changes it before this transaction of the database ends.
    pub(crate) async fn lock_transaction(
        &mut self,
        charge_point: &str,
        id: i64,
    ) -> Result<Option<TransactionFacts>> {
        Ok(self.lock_transactions(&[(charge_point, id)]).await?.pop())
    }

    /// The same of several, each with its charge point; those that are none of it are left out.
    pub(crate) async fn lock_transactions(
        &mut self,
        places: &[(&str, i64)],
    ) -> Result<Vec<TransactionFacts>> {
        let mut found = Vec::new();
        for chunk in chunks(places) {
            let text = match self {
                Self::Sqlite(_) => &FACTS,
                Self::Postgres(_) => &LOCKED_FACTS,
            };
            let text = text.for_rows(self, chunk.len());
            let rows: Vec<TransactionFacts> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for (charge_point, id) in chunk {
                    query = query.bind(*charge_point).bind(*id);
                }
                query.fetch_all(db)
            })?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Leaves an open transaction, at its last meter value; false when it was over already.
    pub(crate) async fn abandon(&mut self, id: i64, left: &Left) -> Result<bool> {
        let abandoned: Option<i64> = on_db!(self, db => sqlx::query_scalar(leave!("id = $5"))
            .bind(left.ended_by.as_str()).bind(left.left_at_ms).bind(left.received_at_ms).bind(left.now_ms)
            .bind(id)
            .fetch_optional(db))?;
        if abandoned.is_some() {
            self.guest_left(id).await?;
        }
        Ok(abandoned.is_some())
    }

    /// The newest transaction of a connector that was left by a status and may come back.
    pub(crate) async fn left_on(
        &mut self,
        charge_point: &str,
        connector: i64,
    ) -> Result<Option<TransactionFacts>> {
        on_db!(self, db => sqlx::query_as(concat!(
            "select ", facts_columns!(), " from charge_transaction
             where charge_point_id = $1 and connector_id = $2 and provisional_since_ms is not null
               and state = 'abandoned' and ended_by = 'available' and not told_late
             order by id desc limit 1"))
            .bind(charge_point).bind(connector)
            .fetch_optional(db))
    }

    /// Brings back what was left by a status, unless its connector has a newer transaction, or by a start, unless
    /// something is open there.
    pub(crate) async fn reopen(&mut self, charge_point: &str, id: i64, now_ms: i64) -> Result<()> {
        // A start waits that would otherwise begin between the question and the answer.
        self.hold_charge_point(charge_point).await?;
        let reopened: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "update charge_transaction set state = 'open', ended_by = null, left_at_ms = null,
                 left_received_at_ms = null, provisional_since_ms = null, meter_stop_wh = null, stopped_at_ms = null, saw_orphan_stop = $3,
                 heard_at_ms = $2, updated_at_ms = $2
             where id = $1 and state = 'abandoned' and ended_by in ('available', 'start')
               and provisional_since_ms is not null and not told_late
               and not exists (select 1 from charge_transaction n
                   where n.charge_point_id = charge_transaction.charge_point_id
                     and n.connector_id = charge_transaction.connector_id
                     and (n.state = 'open' or (charge_transaction.ended_by = 'available'
                         and n.id > charge_transaction.id
                         and n.started_at_ms >= charge_transaction.started_at_ms)))
             returning id")
            .bind(id).bind(now_ms).bind(false)
            .fetch_optional(db))?;
        if let Some(id) = reopened {
            self.guest_came_back(id).await?;
            tracing::info!(
                charge_point,
                transaction_id = id,
                "a transaction goes on that a status or a start had ended"
            );
        }
        Ok(())
    }

    /// Something was told of transactions without a stop (by id), when, and maybe where the register of each stands: one
    /// that is abandoned ended there. A provisional end waits once more, and a final one is marked and becomes
    /// provisional.
    pub(crate) async fn heard_of(
        &mut self,
        transactions: &[(i64, i64, Option<Standing>)],
    ) -> Result<()> {
        for chunk in chunks(transactions) {
            let text = HEARD_OF.for_rows(self, chunk.len());
            run_on_db!(&mut *self, db => {
                let mut query = sqlx::query(text);
                for (id, received_at_ms, standing) in chunk {
                    query = query.bind(*id).bind(*received_at_ms)
                        .bind(standing.map(|standing| standing.wh))
                        .bind(standing.map(|standing| standing.at_ms))
                        .bind(standing.map(|standing| standing.source))
                        .bind(standing.map(|standing| standing.doubt.number()))
                        .bind(standing.map(|standing| standing.first_wh))
                        .bind(standing.and_then(|standing| standing.least_wh));
                }
                query.execute(db)
            })?;
        }
        Ok(())
    }

    /// Makes a provisional end final of which nothing was told since; false when it is not, or is already.
    pub(crate) async fn finalise_end(
        &mut self,
        id: i64,
        silent_since_ms: i64,
        now_ms: i64,
    ) -> Result<bool> {
        let finalised: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "update charge_transaction set provisional_since_ms = null, updated_at_ms = $3
             where id = $1 and state = 'abandoned' and provisional_since_ms <= $2 returning id")
            .bind(id).bind(silent_since_ms).bind(now_ms)
            .fetch_optional(db))?;
        Ok(finalised.is_some())
    }

    /// Ends what is open, or provisional, at its last meter value and for good; false when it is over already.
    pub(crate) async fn close_transaction(
        &mut self,
        id: i64,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let no_time: Option<i64> = None;
        let closed: Option<i64> = on_db!(self, db => sqlx::query_scalar(leave!(
            ", reason = $6",
            "id = $5 and (state = 'open'
                 or (state = 'abandoned' and provisional_since_ms is not null and not told_late))"))
            .bind(EndedBy::Closed.as_str()).bind(no_time).bind(no_time).bind(now_ms).bind(id).bind(reason)
            .fetch_optional(db))?;
        Ok(closed.is_some())
    }

    /// Of these reports those whose connector has an open transaction.
    pub(crate) async fn with_open_transaction<'r>(
        &mut self,
        reports: &[&'r ConnectorReport],
    ) -> Result<Vec<&'r ConnectorReport>> {
        self.among(reports, &WITH_OPEN).await
    }

    /// Of these reports those whose connector has a transaction that was left by a status and may come back.
    pub(crate) async fn with_left_transaction<'r>(
        &mut self,
        reports: &[&'r ConnectorReport],
    ) -> Result<Vec<&'r ConnectorReport>> {
        self.among(reports, &WITH_LEFT).await
    }

    async fn among<'r>(
        &mut self,
        reports: &[&'r ConnectorReport],
        text: &'static Many,
    ) -> Result<Vec<&'r ConnectorReport>> {
        let mut found = Vec::new();
        for chunk in chunks(reports) {
            let text = text.for_rows(self, chunk.len());
            let places: Vec<(String, i64)> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for report in chunk {
                    query = query.bind(&report.charge_point_id).bind(report.connector_id);
                }
                query.fetch_all(db)
            })?;
            let is_found = |report: &&&ConnectorReport| {
                places
                    .iter()
                    .any(|(point, connector)| report.place() == (point.as_str(), *connector))
            };
            found.extend(chunk.iter().filter(is_found));
        }
        Ok(found)
    }

    /// What is open on a connector.
    pub(crate) async fn open_on(
        &mut self,
        charge_point: &str,
        connector: i64,
    ) -> Result<Vec<Open>> {
        on_db!(self, db => sqlx::query_as(
            "select id, started_at_ms, received_at_ms, last_meter_wh is not null as has_readings
             from charge_transaction where charge_point_id = $1 and connector_id = $2 and state = 'open'")
            .bind(charge_point).bind(connector)
            .fetch_all(db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sweep_looks_at_what_is_provisional_and_at_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let mut conn = store.reader().await.unwrap();
        for text in [SILENT_ENDS, FIRST_SILENT_END] {
            let explain = sqlx::AssertSqlSafe(format!("explain query plan {text}"));
            let plan: Vec<(i64, i64, i64, String)> =
                on_db!(&mut conn, db => sqlx::query_as(explain).fetch_all(db)).unwrap();
            let steps: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
            assert!(
                steps
                    .iter()
                    .all(|step| step.contains("charge_transaction_provisional")),
                "{steps:?}"
            );
        }
    }
}
