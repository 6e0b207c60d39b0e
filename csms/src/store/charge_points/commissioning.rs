//! Commissioning: the step itself, runs, and their logs; what follows from them is in `domain::projects::going_live`.

use crate::domain::projects::commissioning::{Check, RunOutcome, TAG};
use crate::domain::tags::tag::tag_key;
use crate::domain::transactions::claims::Claims;
use crate::store::{Conn, OwnedPoint, Owner, Result, Store, StoreError, on_db, owned, run_on_db};

/// A commissioning run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub id: String,
    pub charge_point_id: String,
    pub installer_id: String,
    /// `in_progress`, `completed` or `failed`.
    pub status: String,
    pub run_test_transaction: bool,
    pub notify_on_complete: bool,
    pub checks: Vec<Check>,
    pub started_at_ms: i64,
    pub completed_at_ms: Option<i64>,
    /// The process that works on it, by its run id; only that writes its progress.
    pub leased_by: String,
}

#[derive(sqlx::FromRow)]
struct RunRow {
    id: String,
    charge_point_id: String,
    installer_id: String,
    status: String,
    run_test_transaction: bool,
    notify_on_complete: bool,
    checks: String,
    started_at_ms: i64,
    completed_at_ms: Option<i64>,
    leased_by: String,
}

impl RunRow {
    fn read(self) -> Result<Run> {
        let corrupt = |error| StoreError::Corrupt(format!("checks that are none: {error}"));
        Ok(Run {
            checks: serde_json::from_str(&self.checks).map_err(corrupt)?,
            id: self.id,
            charge_point_id: self.charge_point_id,
            installer_id: self.installer_id,
            status: self.status,
            run_test_transaction: self.run_test_transaction,
            notify_on_complete: self.notify_on_complete,
            started_at_ms: self.started_at_ms,
            completed_at_ms: self.completed_at_ms,
            leased_by: self.leased_by,
        })
    }
}

macro_rules! run_columns {
    () => {
        "id, charge_point_id, installer_id, status, run_test_transaction, notify_on_complete, checks, \
         started_at_ms, completed_at_ms, leased_by"
    };
}

/// The transaction of a run, as its charge point told it.
#[derive(sqlx::FromRow)]
pub(crate) struct TestTransaction {
    pub id: i64,
    pub state: String,
    pub connector_id: Option<i64>,
    started_at_ms: i64,
    received_at_ms: i64,
    stopped_at_ms: Option<i64>,
    stop_received_at_ms: Option<i64>,
    meter_start_wh: Option<i64>,
    meter_stop_wh: Option<i64>,
}

impl TestTransaction {
    pub(crate) fn claims(&self) -> Claims {
        Claims {
            started_at_ms: self.started_at_ms,
            start_received_at_ms: self.received_at_ms,
            stopped_at_ms: self.stopped_at_ms,
            stop_received_at_ms: self.stop_received_at_ms,
            meter_start_wh: self.meter_start_wh,
            meter_stop_wh: self.meter_stop_wh,
            ..Claims::default()
        }
    }
}

/// An entry of a run's log: when, and JSON text.
pub(crate) type LogEntry = (i64, String);

/// Entries of a log: what four checks can add.
const LOG_ENTRIES_MAX: i64 = 1000;

/// How long a process has a run for itself without saying so again.
const LEASE_MS: i64 = 30_000;
/// Runs that are leased at once.
const LEASED_AT_ONCE_MAX: i64 = 100;

impl Store {
    /// Begins a run, leased by who begins it, or finds the one that is in progress; `None` when the charge point is
    /// not the owner's any more, or is no more.
    pub(crate) async fn begin_run(&self, point: &OwnedPoint, run: Run) -> Result<Option<Run>> {
        self.write((point.owner().clone(), run), |(owner, run), conn| {
            Box::pin(async move {
                let made: Option<String> = on_db!(conn, db => sqlx::query_scalar(concat!(
                    "insert into commissioning (id, charge_point_id, installer_id, status,
                         run_test_transaction, notify_on_complete, checks, started_at_ms, leased_by,
                         leased_until_ms)
                     select $1, p.id, $3, 'in_progress', $4, $5, $6, $7, $11, $12 from charge_point p
                     where p.id = $2 and p.deleted_at_ms is null and ", owned!("p", "$8", "$9", "$10"),
                     " on conflict do nothing returning id"))
                    .bind(&run.id).bind(&run.charge_point_id).bind(&run.installer_id)
                    .bind(run.run_test_transaction).bind(run.notify_on_complete)
                    .bind(to_json(&run.checks)).bind(run.started_at_ms)
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .bind(&run.leased_by).bind(run.started_at_ms.saturating_add(LEASE_MS))
                    .fetch_optional(db))?;
                if made.is_some() {
                    return Ok(Some(run.clone()));
                }
                let row: Option<RunRow> = on_db!(conn, db => sqlx::query_as(concat!(
                    "select ", run_columns!(), " from commissioning
                     where status = 'in_progress' and charge_point_id in (select p.id from charge_point p
                         where p.id = $1 and p.deleted_at_ms is null and ", owned!("p", "$2", "$3", "$4"), ")"))
                    .bind(&run.charge_point_id)
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .fetch_optional(db))?;
                row.map(RunRow::read).transpose()
            })
        })
        .await
    }

    /// The newest run of a charge point.
    pub(crate) async fn newest_run(&self, point: &OwnedPoint) -> Result<Option<Run>> {
        let mut conn = self.reader().await?;
        let row: Option<RunRow> = on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select ", run_columns!(), " from commissioning where charge_point_id = $1
             order by started_at_ms desc, id desc limit 1"))
            .bind(&point.id)
            .fetch_optional(db))?;
        row.map(RunRow::read).transpose()
    }

    /// A run by its id.
    pub(crate) async fn run(&self, id: &str) -> Result<Option<Run>> {
        let mut conn = self.reader().await?;
        let row: Option<RunRow> = on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select ", run_columns!(), " from commissioning where id = $1"))
            .bind(id)
            .fetch_optional(db))?;
        row.map(RunRow::read).transpose()
    }

    /// Leases runs in progress that no living process works on: those that the end of one cut short.
    /// Where there are none, nothing is written.
    pub(crate) async fn lease_runs(&self, holder: &str, now_ms: i64) -> Result<Vec<Run>> {
        let mut conn = self.reader().await?;
        let any: Option<String> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select id from commissioning where status = 'in_progress' and leased_until_ms <= $1 limit 1")
            .bind(now_ms)
            .fetch_optional(db))?;
        drop(conn);
        if any.is_none() {
            return Ok(Vec::new());
        }
        let rows = self.write((holder.to_owned(), now_ms), |(holder, now_ms), conn| {
            Box::pin(async move {
                let rows: Vec<RunRow> = on_db!(conn, db => sqlx::query_as(concat!(
                    "update commissioning set leased_by = $1, leased_until_ms = $2
                     where status = 'in_progress' and leased_until_ms <= $3 and id in (
                         select id from commissioning where status = 'in_progress' and leased_until_ms <= $3
                         order by leased_until_ms limit $4)
                     returning ", run_columns!()))
                    .bind(&*holder).bind(now_ms.saturating_add(LEASE_MS)).bind(*now_ms)
                    .bind(LEASED_AT_ONCE_MAX)
                    .fetch_all(db))?;
                Ok(rows)
            })
        });
        let mut runs = Vec::new();
        for row in rows.await? {
            let id = row.id.clone();
            match row.read() {
                Ok(run) => runs.push(run),
                Err(error) => {
                    tracing::error!(run = id, %error, "a commissioning run cannot be read")
                }
            }
        }
        Ok(runs)
    }

    /// Keeps the lease of a run, or gives it back; false when it is not the holder's, or the run has ended.
    pub(crate) async fn keep_run(&self, run: &Run, until: Option<i64>) -> Result<bool> {
        let until_ms = until.map_or(0, |now_ms| now_ms.saturating_add(LEASE_MS));
        let input = (run.id.clone(), run.leased_by.clone(), until_ms);
        self.write(input, |(id, holder, until_ms), conn| {
            Box::pin(async move {
                let kept: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update commissioning set leased_until_ms = $3
                     where id = $1 and leased_by = $2 and status = 'in_progress' returning id")
                    .bind(&*id).bind(&*holder).bind(*until_ms)
                    .fetch_optional(db))?;
                Ok(kept.is_some())
            })
        })
        .await
    }

    /// Keeps how far a run has come, and what it logged since the last time.
    pub(crate) async fn run_advanced(&self, run: &Run, entries: Vec<LogEntry>) -> Result<()> {
        let (id, holder) = (run.id.clone(), run.leased_by.clone());
        let input = (id, holder, to_json(&run.checks), entries);
        self.write(input, |(id, holder, checks, entries), conn| {
            Box::pin(async move {
                let own: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update commissioning set checks = $2 where id = $1 and leased_by = $3 returning id")
                    .bind(&*id).bind(&*checks).bind(&*holder)
                    .fetch_optional(db))?;
                if own.is_none() {
                    return Err(StoreError::Missing(format!("this process's lease of the run {id}")));
                }
                let last: i64 = on_db!(conn, db => sqlx::query_scalar(
                    "select coalesce(max(number), 0) from commissioning_entry where commissioning_id = $1")
                    .bind(id)
                    .fetch_one(db))?;
                for (number, (at_ms, entry)) in (last + 1..).zip(entries) {
                    run_on_db!(conn, db => sqlx::query(
                        "insert into commissioning_entry (commissioning_id, number, at_ms, entry)
                         values ($1, $2, $3, $4)")
                        .bind(id).bind(number).bind(at_ms).bind(entry)
                        .execute(db))?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The log of a run, its first [`LOG_ENTRIES_MAX`] entries.
    pub(crate) async fn run_log(&self, run: &Run) -> Result<Vec<LogEntry>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select at_ms, entry from commissioning_entry where commissioning_id = $1
             order by number limit $2")
            .bind(&run.id).bind(LOG_ENTRIES_MAX)
            .fetch_all(db))
    }

    /// The newest test transaction since an instant, by the server's clock.
    pub(crate) async fn test_transaction(
        &self,
        charge_point: &str,
        since_ms: i64,
    ) -> Result<Option<TestTransaction>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select id, state, connector_id, started_at_ms, received_at_ms, stopped_at_ms,
                 stop_received_at_ms, meter_start_wh, meter_stop_wh
             from charge_transaction
             where charge_point_id = $1 and tag_key = $2 and received_at_ms >= $3
             order by id desc limit 1")
            .bind(charge_point).bind(tag_key(TAG)).bind(since_ms)
            .fetch_optional(db))
    }
}

impl Conn {
    /// Ends a run that this process works on; the answer is its charge point, none when it has ended, or another
    /// process has it.
    pub(crate) async fn end_run(
        &mut self,
        (id, leased_by): (&str, &str),
        outcome: RunOutcome,
        now_ms: i64,
    ) -> Result<Option<String>> {
        on_db!(self, db => sqlx::query_scalar(
            "update commissioning set status = $2, completed_at_ms = $3
             where id = $1 and status = 'in_progress' and leased_by = $4
             returning charge_point_id")
            .bind(id).bind(outcome.as_str()).bind(now_ms).bind(leased_by)
            .fetch_optional(db))
    }

    /// Commissions a charge point; false when it is already, is not the owner's, or is no more.
    pub(crate) async fn commission(
        &mut self,
        owner: &Owner,
        id: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let first: Option<String> = on_db!(self, db => sqlx::query_scalar(concat!(
            "update charge_point set commissioned_at_ms = $2, updated_at_ms = $2
             where id = $1 and deleted_at_ms is null and commissioned_at_ms is null and ",
            owned!("charge_point", "$3", "$4", "$5"), " returning id"))
            .bind(id).bind(now_ms)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))?;
        if first.is_some() {
            self.touch_sites_of(id, None, now_ms).await?;
        }
        Ok(first.is_some())
    }

    /// When a charge point of this owner was commissioned.
    pub(crate) async fn commissioned_at(&mut self, owner: &Owner, id: &str) -> Result<Option<i64>> {
        let at_ms: Option<Option<i64>> = on_db!(self, db => sqlx::query_scalar(concat!(
            "select p.commissioned_at_ms from charge_point p where p.id = $1 and p.deleted_at_ms is null and ",
            owned!("p", "$2", "$3", "$4")))
            .bind(id)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))?;
        Ok(at_ms.flatten())
    }

    /// Whether a run that asks for a test transaction is in progress at the charge point.
    pub(crate) async fn awaits_test_transaction(&mut self, charge_point: &str) -> Result<bool> {
        let run: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "select id from commissioning
             where charge_point_id = $1 and status = 'in_progress' and run_test_transaction = $2")
            .bind(charge_point).bind(true)
            .fetch_optional(db))?;
        Ok(run.is_some())
    }
}

fn to_json(checks: &[Check]) -> String {
    serde_json::to_string(checks).expect("checks have string keys only")
}
