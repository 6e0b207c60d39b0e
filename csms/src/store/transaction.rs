//! Transactions.

use super::{Conn, Owner, Result, Store, on_db, run_on_db};
use crate::domain::authorization::tag_key;
use crate::domain::content_hash;
use crate::domain::guest::TransactionEnd;
use crate::domain::transaction::{Start, StopReport, Told};

/// A transaction to insert, with the answer its start gets.
pub(crate) struct NewTransaction<'a> {
    pub start: &'a Start,
    pub answer: String,
}

/// A stop with the answer it gets.
pub(crate) struct Stop<'a> {
    pub stop: &'a StopReport,
    pub answer: Option<String>,
}

/// A stop that stops nothing, with the answer it gets.
pub(crate) struct OrphanStop<'a> {
    pub stop: &'a StopReport,
    pub answer: Option<String>,
}

/// An open transaction as the API shows it.
#[derive(sqlx::FromRow)]
pub(crate) struct ActiveTransaction {
    pub id: i64,
    pub connector_id: i64,
    pub id_tag: String,
    pub started_at_ms: i64,
    pub meter_start_wh: i64,
    pub last_meter_wh: Option<i64>,
}

/// A transaction that has ended.
#[derive(sqlx::FromRow)]
pub(crate) struct Ended {
    pub id: i64,
    pub connector_id: i64,
    pub id_tag: String,
    pub stop_id_tag: Option<String>,
    pub reason: Option<String>,
    pub started_at_ms: i64,
    pub stopped_at_ms: Option<i64>,
    pub meter_start_wh: i64,
    pub meter_stop_wh: Option<i64>,
}

/// A transaction as the API lists it.
#[derive(sqlx::FromRow)]
pub(crate) struct TransactionRow {
    pub id: i64,
    pub charge_point_id: String,
    pub connector_id: i64,
    pub id_tag: String,
    pub state: String,
    pub started_at_ms: i64,
    pub stopped_at_ms: Option<i64>,
    pub meter_start_wh: i64,
    pub meter_stop_wh: Option<i64>,
    pub reason: Option<String>,
    pub meter_values: i64,
    pub received_at_ms: i64,
    pub stop_received_at_ms: Option<i64>,
    /// An amount of money; `None` while it is open, and where nothing is billed.
    pub cost: Option<String>,
    pub currency: Option<String>,
}

impl TransactionRow {
    pub(crate) const fn told(&self) -> Told {
        Told {
            started_at_ms: self.started_at_ms,
            start_received_at_ms: self.received_at_ms,
            stopped_at_ms: self.stopped_at_ms,
            stop_received_at_ms: self.stop_received_at_ms,
            meter_start_wh: self.meter_start_wh,
            meter_stop_wh: self.meter_stop_wh,
        }
    }
}

/// Which transactions to list. Bounds are inclusive below and exclusive above, by time of start; the least and the
/// largest number there are stand for none.
pub(crate) struct TransactionFilter {
    pub owner: Owner,
    pub project_id: Option<String>,
    /// Includes what deleted charge points of this identity did.
    pub charge_point_id: Option<String>,
    pub id_tag: Option<String>,
    pub from_ms: i64,
    pub to_ms: i64,
    pub limit: i64,
    pub offset: i64,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionState {
    pub started_at_ms: i64,
    pub end: TransactionEnd,
    /// The stamp of its last meter value, else that of its start.
    pub told_at_ms: i64,
    /// When its charge point was heard of last, as far as that was written down.
    pub seen_at_ms: Option<i64>,
}

/// Reason, id tag and answer of a stop.
type StopColumns = (Option<String>, Option<String>, Option<String>);

impl Store {
    /// The open transactions of one charge point, oldest first; what it did for a former organization is not among
    /// them.
    pub(crate) async fn active_transactions(
        &self,
        charge_point: &str,
    ) -> Result<Vec<ActiveTransaction>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select id, connector_id, id_tag, started_at_ms, meter_start_wh, last_meter_wh
             from charge_transaction
             where charge_point_id = $1 and state = 'open'
               and organization_id = (select p.organization_id from charge_point p where p.id = $1)
             order by id")
            .bind(charge_point)
            .fetch_all(db))
    }

    /// Start and end of a transaction, and when its charge point was heard of last.
    pub(crate) async fn transaction_end(&self, id: i64) -> Result<TransactionState> {
        let mut conn = self.reader().await?;
        let row: (i64, i64, String, Option<i64>) = on_db!(&mut conn, db => sqlx::query_as(
            "select t.started_at_ms, coalesce(t.last_meter_at_ms, t.started_at_ms), t.state, p.last_seen_at_ms
             from charge_transaction t join charge_point p on p.id = t.charge_point_id where t.id = $1")
            .bind(id)
            .fetch_one(db))?;
        let (started_at_ms, told_at_ms, state, seen_at_ms) = row;
        let end = match state.as_str() {
            "open" => TransactionEnd::Open,
            "abandoned" => TransactionEnd::Abandoned,
            _ => TransactionEnd::Stopped,
        };
        Ok(TransactionState {
            started_at_ms,
            end,
            told_at_ms,
            seen_at_ms,
        })
    }
}

impl Conn {
    /// The new transaction's id; `None` when one with this key is there already.
    pub(crate) async fn insert_transaction(
        &mut self,
        new: &NewTransaction<'_>,
    ) -> Result<Option<i64>> {
        let start = new.start;
        on_db!(self, db => sqlx::query_scalar(
            "insert into charge_transaction (organization_id, charge_point_id, connector_id, id_tag, tag_key,
                 reservation_id, state, started_at_ms, meter_start_wh, start_answer, received_at_ms)
             values ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10)
             on conflict do nothing returning id")
            .bind(&start.organization_id).bind(&start.charge_point_id).bind(start.connector_id)
            .bind(&start.id_tag).bind(tag_key(&start.id_tag)).bind(start.reservation_id)
            .bind(start.started_at_ms).bind(start.meter_start_wh).bind(&new.answer).bind(start.now_ms)
            .fetch_optional(db))
    }

    /// Id and first answer of the transaction with the key of this start.
    pub(crate) async fn transaction_by_key(&mut self, start: &Start) -> Result<(i64, String)> {
        on_db!(self, db => sqlx::query_as(
            "select id, start_answer from charge_transaction
             where charge_point_id = $1 and connector_id = $2 and tag_key = $3 and started_at_ms = $4
               and meter_start_wh = $5")
            .bind(&start.charge_point_id).bind(start.connector_id).bind(tag_key(&start.id_tag))
            .bind(start.started_at_ms).bind(start.meter_start_wh)
            .fetch_one(db))
    }

    /// Abandons what is open on a connector, except the transaction that just began there; which that was.
    pub(crate) async fn abandon_others(
        &mut self,
        charge_point: &str,
        connector: i64,
        id: i64,
    ) -> Result<Vec<i64>> {
        on_db!(self, db => sqlx::query_scalar(
            "update charge_transaction set state = 'abandoned',
                 meter_stop_wh = coalesce(last_meter_wh, meter_start_wh),
                 stopped_at_ms = coalesce(last_meter_at_ms, started_at_ms)
             where charge_point_id = $1 and connector_id = $2 and state = 'open' and id <> $3 returning id")
            .bind(charge_point).bind(connector).bind(id)
            .fetch_all(db))
    }

    /// Ends an open transaction at its last meter value, without a stop; false when it was over already.
    pub(crate) async fn abandon(&mut self, id: i64) -> Result<bool> {
        let abandoned: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "update charge_transaction set state = 'abandoned',
                 meter_stop_wh = coalesce(last_meter_wh, meter_start_wh),
                 stopped_at_ms = coalesce(last_meter_at_ms, started_at_ms)
             where id = $1 and state = 'open' returning id")
            .bind(id)
            .fetch_optional(db))?;
        Ok(abandoned.is_some())
    }

    /// A transaction as a webhook tells its end.
    pub(crate) async fn ended(&mut self, id: i64) -> Result<Ended> {
        on_db!(self, db => sqlx::query_as(
            "select id, connector_id, id_tag, stop_id_tag, reason, started_at_ms, stopped_at_ms, meter_start_wh,
                 meter_stop_wh
             from charge_transaction where id = $1")
            .bind(id)
            .fetch_one(db))
    }

    /// Id and start of what is open on a connector.
    pub(crate) async fn open_on(
        &mut self,
        charge_point: &str,
        connector: i64,
    ) -> Result<Vec<(i64, i64)>> {
        on_db!(self, db => sqlx::query_as(
            "select id, started_at_ms from charge_transaction
             where charge_point_id = $1 and connector_id = $2 and state = 'open'")
            .bind(charge_point).bind(connector)
            .fetch_all(db))
    }

    /// Stops this charge point's open or abandoned transaction; `None` when it has none of that number.
    pub(crate) async fn stop_transaction(&mut self, record: &Stop<'_>) -> Result<Option<Told>> {
        let stop = record.stop;
        let stopped: Option<(i64, i64, i64)> = on_db!(self, db => sqlx::query_as(
            "update charge_transaction set state = 'stopped', stopped_at_ms = $3, meter_stop_wh = $4,
                 reason = $5, stop_id_tag = $6, stop_answer = $7, stop_received_at_ms = $8
             where id = $1 and charge_point_id = $2 and state <> 'stopped'
             returning started_at_ms, received_at_ms, meter_start_wh")
            .bind(stop.transaction_number).bind(&stop.charge_point_id).bind(stop.stopped_at_ms)
            .bind(stop.meter_stop_wh).bind(&stop.reason).bind(&stop.id_tag).bind(&record.answer)
            .bind(stop.now_ms)
            .fetch_optional(db))?;
        let told = stopped.map(
            |(started_at_ms, start_received_at_ms, meter_start_wh)| Told {
                started_at_ms,
                start_received_at_ms,
                stopped_at_ms: Some(stop.stopped_at_ms),
                stop_received_at_ms: Some(stop.now_ms),
                meter_start_wh,
                meter_stop_wh: Some(stop.meter_stop_wh),
            },
        );
        Ok(told)
    }

    /// The answer this very stop got before; the outer `None` when it stopped no transaction.
    pub(crate) async fn answer_to_same_stop(
        &mut self,
        stop: &StopReport,
    ) -> Result<Option<Option<String>>> {
        let first: Option<StopColumns> = on_db!(self, db => sqlx::query_as(
            "select reason, stop_id_tag, stop_answer from charge_transaction
             where id = $1 and charge_point_id = $2 and stopped_at_ms = $3 and meter_stop_wh = $4")
            .bind(stop.transaction_number).bind(&stop.charge_point_id)
            .bind(stop.stopped_at_ms).bind(stop.meter_stop_wh)
            .fetch_optional(db))?;
        Ok(first
            .filter(|(reason, tag, _)| *reason == stop.reason && *tag == stop.id_tag)
            .map(|(.., answer)| answer))
    }

    /// Keeps a stop that stopped no transaction; the answer is that of its first arrival.
    pub(crate) async fn insert_orphan_stop(
        &mut self,
        orphan: &OrphanStop<'_>,
    ) -> Result<Option<String>> {
        let stop = orphan.stop;
        let (at_ms, meter_wh) = (stop.stopped_at_ms, stop.meter_stop_wh);
        let content = (at_ms, meter_wh, &stop.reason, &stop.id_tag);
        let hash = content_hash(&[&format!("{content:?}")]);
        run_on_db!(self, db => sqlx::query(
            "insert into orphan_stop (charge_point_id, transaction_number, stopped_at_ms, meter_stop_wh,
                 message, stop_answer, received_at_ms, content_hash)
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing")
            .bind(&stop.charge_point_id).bind(stop.transaction_number).bind(stop.stopped_at_ms)
            .bind(stop.meter_stop_wh).bind(&stop.message).bind(&orphan.answer).bind(stop.now_ms)
            .bind(&hash)
            .execute(db))?;
        on_db!(self, db => sqlx::query_scalar(
            "select stop_answer from orphan_stop where charge_point_id = $1 and transaction_number = $2
               and content_hash = $3")
            .bind(&stop.charge_point_id).bind(stop.transaction_number).bind(&hash)
            .fetch_one(db))
    }
}
