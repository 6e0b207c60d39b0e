//! Transactions.

use crate::domain::guest::TransactionEnd;
use crate::domain::tags::tag::tag_key;
use crate::domain::transactions::{
    claims::Claims,
    energy::is_below_readings,
    facts::{Start, StopReport},
    leaving::Course,
};
use crate::store::transactions::meter::{LastMeter, last_meter_columns};
use crate::store::{Belonging, Conn, Many, OwnedPoint, Owner, Result, Store, chunks, on_db, owned};

/// A transaction to insert, with the answer its start gets.
pub(crate) struct NewTransaction<'a> {
    pub start: &'a Start,
    /// Whose it is.
    pub belongs_to: &'a Belonging,
    pub answer: Option<String>,
    /// The group that the answer names.
    pub tag_group: Option<&'a str>,
    pub authorization_method: Option<&'static str>,
    /// What made the charge point begin it, where this server knows it.
    pub trigger: Option<&'static str>,
}

/// A stop with the answer it gets.
pub(crate) struct Stop<'a> {
    pub stop: &'a StopReport,
    pub answer: Option<String>,
}

/// An open transaction as the API shows it.
#[derive(sqlx::FromRow)]
pub(crate) struct ActiveTransaction {
    pub id: i64,
    pub connector_id: Option<i64>,
    pub id_tag: Option<String>,
    pub started_at_ms: i64,
    pub meter_start_wh: Option<i64>,
    pub last_meter_wh: Option<i64>,
}

/// A transaction that has ended.
#[derive(sqlx::FromRow)]
pub(crate) struct Ended {
    pub id: i64,
    pub connector_id: Option<i64>,
    pub id_tag: Option<String>,
    pub stop_id_tag: Option<String>,
    pub reason: Option<String>,
    pub started_at_ms: i64,
    pub stopped_at_ms: Option<i64>,
    pub meter_start_wh: Option<i64>,
    pub meter_stop_wh: Option<i64>,
    /// The energy that is billed of one that was stopped.
    pub billed_wh: Option<i64>,
}

/// A transaction as the API lists it.
#[derive(sqlx::FromRow)]
pub(crate) struct TransactionRow {
    pub id: i64,
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    pub id_tag: Option<String>,
    pub state: String,
    pub started_at_ms: i64,
    pub stopped_at_ms: Option<i64>,
    pub meter_start_wh: Option<i64>,
    pub meter_stop_wh: Option<i64>,
    pub reason: Option<String>,
    pub meter_values: i64,
    pub received_at_ms: i64,
    pub stop_received_at_ms: Option<i64>,
    pub heard_at_ms: i64,
    /// Since when nothing was told of it, while its end is provisional.
    pub provisional_since_ms: Option<i64>,
    pub told_late: bool,
    pub saw_orphan_stop: bool,
    #[sqlx(flatten)]
    pub last_meter: LastMeter,
    /// The names of what was forgiven of its messages, with blanks between them.
    pub deviations: String,
    /// An amount of money; `None` while it is open, and where nothing is billed.
    pub cost: Option<String>,
    /// The energy that is billed of one that was stopped.
    pub billed_wh: Option<i64>,
    pub currency: Option<String>,
    /// Why it is billed to somebody who might not charge, if so.
    pub billed_though: Option<String>,
}

impl TransactionRow {
    pub(crate) fn claims(&self) -> Claims {
        Claims {
            started_at_ms: self.started_at_ms,
            start_received_at_ms: self.received_at_ms,
            stopped_at_ms: self.stopped_at_ms,
            stop_received_at_ms: self.stop_received_at_ms.or(Some(self.heard_at_ms)),
            meter_start_wh: self.meter_start_wh,
            meter_stop_wh: self.meter_stop_wh,
            is_below_readings: is_below(self.meter_stop_wh, &self.last_meter),
            told_late: self.told_late,
            saw_orphan_stop: self.saw_orphan_stop,
        }
    }
}

fn is_below(meter_stop_wh: Option<i64>, last_meter: &LastMeter) -> bool {
    let told = meter_stop_wh.zip(last_meter.standing());
    told.is_some_and(|(stop_wh, last)| is_below_readings(stop_wh, &last))
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

#[derive(sqlx::FromRow)]
struct EndRow {
    started_at_ms: i64,
    told_at_ms: i64,
    state: String,
    ended_by: Option<String>,
    provisional_since_ms: Option<i64>,
    told_late: bool,
    heard_at_ms: i64,
    left_received_at_ms: Option<i64>,
    last_seen_at_ms: Option<i64>,
}

/// The columns of [`TransactionRow`], and where they come from.
macro_rules! row_columns {
    () => {
        concat!(
            "t.id, charge_point_id, connector_id, id_tag, state, started_at_ms, stopped_at_ms,
                 meter_start_wh, meter_stop_wh, reason, received_at_ms, stop_received_at_ms, heard_at_ms,
                 provisional_since_ms, told_late, saw_orphan_stop, ",
            last_meter_columns!(),
            ",
                 (select count(*) from meter_value v where v.transaction_id = t.id) as meter_values,
                 deviations, c.total as cost, case when state = 'stopped' then c.energy_wh end as billed_wh, c.currency, c.billed_though
             from charge_transaction t left join transaction_cost c on c.transaction_id = t.id"
        )
    };
}
pub(in crate::store) use row_columns;

// The EVSE is the one that was told, else the one that the operator put the connector into, else the connector itself.
static INSERT: Many = Many::new(
    "with r (organization, point, connector, tag, tag_key, reservation, state, started_at_ms, meter_wh, answer,
         received_at_ms, heard_at_ms, updated_at_ms, installer, project, station, evse, tag_kind, tag_group, method,
         start_trigger) as (values {rows})
     insert into charge_transaction (organization_id, charge_point_id, connector_id, id_tag, tag_key,
         reservation_id, state, started_at_ms, meter_start_wh, start_answer, received_at_ms, heard_at_ms,
         updated_at_ms, installer_id, project_id, station_transaction_id, evse_id, tag_kind, tag_group,
         authorization_method, start_trigger)
     select r.organization, r.point, r.connector, r.tag, r.tag_key, r.reservation, r.state, r.started_at_ms, r.meter_wh,
         r.answer, r.received_at_ms, r.heard_at_ms, r.updated_at_ms, r.installer, r.project, r.station,
         coalesce(r.evse, (select e.evse_id from evse_connector e
             where e.charge_point_id = r.point and e.connector_1_6 = r.connector), r.connector),
         r.tag_kind, r.tag_group, r.method, r.start_trigger
     from r where true
     on conflict do nothing returning id, charge_point_id",
    21,
);

/// What is known of a transaction that was just stopped.
#[derive(sqlx::FromRow)]
struct StoppedRow {
    id: i64,
    started_at_ms: i64,
    received_at_ms: i64,
    meter_start_wh: Option<i64>,
    told_late: bool,
    #[sqlx(flatten)]
    last_meter: LastMeter,
}

static STOP: Many = Many::new(
    concat!("with r (number, point, at_ms, meter_wh, why, what_made_it, tag, answer, now_ms) as (values {rows})
     update charge_transaction set state = 'stopped', stopped_at_ms = r.at_ms, meter_stop_wh = r.meter_wh,
         reason = r.why, stop_trigger = r.what_made_it, stop_id_tag = r.tag, stop_answer = r.answer,
         stop_received_at_ms = r.now_ms, heard_at_ms = r.now_ms, updated_at_ms = r.now_ms,
         told_late = told_late or (state = 'abandoned' and provisional_since_ms is null),
         provisional_since_ms = null, left_at_ms = null, ended_by = null, saw_orphan_stop = false
     from r where id = r.number and charge_point_id = r.point and state <> 'stopped'
     returning id, started_at_ms, received_at_ms, meter_start_wh, told_late, ", last_meter_columns!()),
    9,
);

static WITH_OTHERS: Many = Many::new(
    "with r (number, point, connector) as (values {rows})
     select r.number from r where exists (select 1 from charge_transaction t
         where t.charge_point_id = r.point and t.connector_id = r.connector and t.state = 'open'
           and t.id <> r.number)",
    3,
);

/// Reason, id tag and answer of a stop.
type StopColumns = (Option<String>, Option<String>, Option<String>);

impl Store {
    /// The open transactions of one charge point, oldest first, as far as they are the owner's: what it does for
    /// somebody whose it was is not among them.
    pub(crate) async fn active_transactions(
        &self,
        point: &OwnedPoint,
    ) -> Result<Vec<ActiveTransaction>> {
        let owner = point.owner();
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select id, connector_id, id_tag, started_at_ms, meter_start_wh, last_meter_wh
             from charge_transaction t
             where charge_point_id = $1 and state = 'open' and ", owned!("t", "$2", "$3", "$4"),
            " order by id"))
            .bind(&point.id)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_all(db))
    }

    /// Start and end of a transaction, and when its charge point was heard of last.
    pub(crate) async fn transaction_end(&self, id: i64) -> Result<TransactionState> {
        let mut conn = self.reader().await?;
        let row: EndRow = on_db!(&mut conn, db => sqlx::query_as(
            "select t.started_at_ms, coalesce(t.last_meter_at_ms, t.started_at_ms) as told_at_ms, t.state, t.ended_by,
                 t.provisional_since_ms, t.told_late, t.heard_at_ms, t.left_received_at_ms, p.last_seen_at_ms
             from charge_transaction t join charge_point p on p.id = t.charge_point_id where t.id = $1")
            .bind(id)
            .fetch_one(db))?;
        let ended_by = row.ended_by.as_deref();
        let course = Course::of(
            &row.state,
            ended_by,
            row.provisional_since_ms,
            row.told_late,
        );
        Ok(TransactionState {
            started_at_ms: row.started_at_ms,
            end: TransactionEnd::of(course, row.heard_at_ms, row.left_received_at_ms),
            told_at_ms: row.told_at_ms,
            seen_at_ms: row.last_seen_at_ms,
        })
    }

    /// Organization and charge point of a transaction of this owner, and of this charge point where one is given.
    pub(crate) async fn transaction_place(
        &self,
        owner: Option<&Owner>,
        charge_point: Option<&str>,
        id: i64,
    ) -> Result<Option<(String, String)>> {
        let mut conn = self.reader().await?;
        let organization = owner.map(|owner| &owner.organization_id);
        let installer = owner.and_then(|owner| owner.installer_id.as_ref());
        let site_owner = owner.and_then(|owner| owner.site_owner_id.as_ref());
        on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select t.organization_id, t.charge_point_id
             from charge_transaction t where t.id = $1 and ($2 is null or t.charge_point_id = $2) and ($3 is null or (",
            owned!("t", "$3", "$4", "$5"), "))"))
            .bind(id).bind(charge_point).bind(organization).bind(installer).bind(site_owner)
            .fetch_optional(db))
    }

    /// A transaction of this owner, as the API lists it.
    pub(crate) async fn transaction(
        &self,
        owner: &Owner,
        id: i64,
    ) -> Result<Option<TransactionRow>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(concat!("select ", row_columns!(), " where t.id = $1 and ",
            owned!("t", "$2", "$3", "$4")))
            .bind(id)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))
    }
}

impl Conn {
    /// The ids of new transactions, of different charge points; `None` where one with this key is there that its own
    /// stop did not end.
    pub(crate) async fn insert_transactions(
        &mut self,
        new: &[NewTransaction<'_>],
    ) -> Result<Vec<Option<i64>>> {
        let mut ids = Vec::with_capacity(new.len());
        for chunk in chunks(new) {
            let text = INSERT.for_rows(self, chunk.len());
            let rows: Vec<(i64, String)> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for NewTransaction { start, belongs_to, answer, tag_group, authorization_method, trigger } in chunk {
                    query = query.bind(&belongs_to.organization_id).bind(&start.charge_point_id)
                        .bind(start.connector_id).bind(&start.id_tag)
                        .bind(start.id_tag.as_deref().map(tag_key)).bind(start.reservation_id).bind("open")
                        .bind(start.started_at_ms).bind(start.meter_start_wh).bind(answer)
                        .bind(start.now_ms).bind(start.now_ms).bind(start.now_ms)
                        .bind(&belongs_to.installer_id).bind(&belongs_to.project_id)
                        .bind(&start.station_id).bind(start.evse_id).bind(start.tag_kind).bind(*tag_group)
                        .bind(*authorization_method).bind(*trigger);
                }
                query.fetch_all(db)
            })?;
            let ids_of_chunk = chunk.iter().map(|new| {
                let row = rows
                    .iter()
                    .find(|(_, point)| *point == new.start.charge_point_id);
                row.map(|(id, _)| *id)
            });
            ids.extend(ids_of_chunk);
        }
        Ok(ids)
    }

    /// Of new transactions those on whose connector another one is open.
    pub(crate) async fn with_other_open<'s>(
        &mut self,
        new: &[(i64, &'s Start)],
    ) -> Result<Vec<(i64, &'s Start, i64)>> {
        let placed: Vec<_> = new
            .iter()
            .filter_map(|(id, start)| Some((*id, *start, start.connector_id?)))
            .collect();
        let mut found = Vec::new();
        for chunk in chunks(&placed) {
            let text = WITH_OTHERS.for_rows(self, chunk.len());
            let ids: Vec<i64> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_scalar(text);
                for (id, start, connector) in chunk {
                    query = query.bind(*id).bind(&start.charge_point_id).bind(*connector);
                }
                query.fetch_all(db)
            })?;
            found.extend(chunk.iter().filter(|(id, ..)| ids.contains(id)).copied());
        }
        Ok(found)
    }

    /// Id and first answer of the transaction that this start repeats.
    pub(crate) async fn transaction_by_key(
        &mut self,
        start: &Start,
    ) -> Result<Option<(i64, Option<String>)>> {
        on_db!(self, db => sqlx::query_as(
            "select id, start_answer from charge_transaction
             where charge_point_id = $1 and station_transaction_id = $6
                or charge_point_id = $1 and connector_id = $2 and tag_key = $3 and started_at_ms = $4
                   and meter_start_wh = $5 and state <> 'stopped'")
            .bind(&start.charge_point_id).bind(start.connector_id).bind(start.id_tag.as_deref().map(tag_key))
            .bind(start.started_at_ms).bind(start.meter_start_wh).bind(&start.station_id)
            .fetch_optional(db))
    }

    /// A transaction as a webhook tells its end.
    pub(crate) async fn ended(&mut self, id: i64) -> Result<Ended> {
        on_db!(self, db => sqlx::query_as(
            "select t.id, connector_id, id_tag, stop_id_tag, reason, started_at_ms, stopped_at_ms, meter_start_wh,
                 meter_stop_wh, case when state = 'stopped' then c.energy_wh end as billed_wh
             from charge_transaction t left join transaction_cost c on c.transaction_id = t.id where t.id = $1")
            .bind(id)
            .fetch_one(db))
    }

    /// Stops open or abandoned transactions, each of its charge point; what is known of those that there were, by id.
    pub(crate) async fn stop_transactions(
        &mut self,
        records: &[Stop<'_>],
    ) -> Result<Vec<(i64, Claims)>> {
        let mut stopped = Vec::new();
        for chunk in chunks(records) {
            let text = STOP.for_rows(self, chunk.len());
            let rows: Vec<StoppedRow> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for Stop { stop, answer } in chunk {
                    query = query.bind(stop.transaction_number).bind(&stop.charge_point_id)
                        .bind(stop.stopped_at_ms).bind(stop.meter_stop_wh).bind(&stop.reason)
                        .bind(stop.trigger).bind(&stop.id_tag).bind(answer).bind(stop.now_ms);
                }
                query.fetch_all(db)
            })?;
            for row in rows {
                let record = chunk
                    .iter()
                    .find(|record| record.stop.transaction_number == row.id);
                let stop = record.map(|record| record.stop);
                let meter_stop_wh = stop.map(|stop| stop.meter_stop_wh);
                let claims = Claims {
                    started_at_ms: row.started_at_ms,
                    start_received_at_ms: row.received_at_ms,
                    stopped_at_ms: stop.map(|stop| stop.stopped_at_ms),
                    stop_received_at_ms: stop.map(|stop| stop.now_ms),
                    meter_start_wh: row.meter_start_wh,
                    meter_stop_wh,
                    is_below_readings: is_below(meter_stop_wh, &row.last_meter),
                    told_late: row.told_late,
                    saw_orphan_stop: false,
                };
                stopped.push((row.id, claims));
            }
        }
        Ok(stopped)
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
}
