//! Sessions of partners' drivers.

use dynamo_protocol::ocpi::cdrs::CdrLocation;
use dynamo_protocol::ocpi::sessions::{AuthMethod, CdrToken};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::domain::roaming::kept::{Facts, Kept, NewSession};
use crate::domain::transactions::claims::{Claims, energy_wh};
use crate::domain::transactions::energy::billed_wh;
use crate::store::transactions::meter::{LastMeter, last_meter_columns};
use crate::store::{
    Conn, HISTORY_ROWS_MAX, Many, Result, Store, StoreError, chunks, on_db, run_on_db,
};

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: String,
    organization_id: String,
    token: String,
    auth_method: String,
    authorization_reference: Option<String>,
    location: String,
    tariffs: String,
    free_idle_minutes: i64,
    currency: String,
    time_zone: String,
    body: Option<String>,
    transaction_id: i64,
    charge_point_id: String,
    connector_id: Option<i64>,
    state: String,
    started_at_ms: i64,
    stopped_at_ms: Option<i64>,
    meter_start_wh: Option<i64>,
    meter_stop_wh: Option<i64>,
    #[sqlx(flatten)]
    last_meter: LastMeter,
    received_at_ms: i64,
    provisional_since_ms: Option<i64>,
    changed_ms: i64,
}

/// In the place of a tariff of the REST API: the bill is that of OCPI.
const NO_TARIFF: &str = r#"{"currency":"EUR","price_per_kwh":"0","session_fee":"0","idle_fee_per_minute":"0","free_idle_minutes":0}"#;

/// A session whose end is final by now.
pub(crate) struct OpenSession {
    pub organization_id: String,
    pub kept: Kept,
}

/// A session that is over, and its bill.
pub(crate) struct FinalSession<'a> {
    pub id: &'a str,
    pub session: Value,
    pub cdr_id: &'a str,
    pub cdr: Value,
    /// What the operator sees of it: transaction, currency, energy and the sum with tax.
    pub cost: (i64, &'a str, i64, Decimal),
    pub at_ms: i64,
}

/// A session as partners see it: as it is kept for good, or still made of its transaction.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Final(Value),
    SoFar(Box<(Kept, Facts)>),
}

/// Sessions with the time of their last change, under a condition on the session `s`.
macro_rules! sessions {
    ($condition:literal, $then:literal) => {
        concat!(
            "with seen as (
                 select s.id, s.organization_id, s.token, s.auth_method, s.authorization_reference, s.location, s.tariffs,
                     s.free_idle_minutes, s.currency, s.time_zone, s.body, s.created_at_ms,
                     coalesce(t.id, 0) as transaction_id, coalesce(t.charge_point_id, '') as charge_point_id,
                     t.connector_id, coalesce(t.state, 'stopped') as state, coalesce(t.started_at_ms, 0) as started_at_ms,
                     t.stopped_at_ms, t.meter_start_wh, t.meter_stop_wh, ", last_meter_columns!(), ",
                     coalesce(t.received_at_ms, 0) as received_at_ms, t.provisional_since_ms,
                     case when s.body is not null or s.updated_at_ms > t.updated_at_ms then s.updated_at_ms
                         else t.updated_at_ms end as changed_ms
                 from roaming_session s left join charge_transaction t on t.id = s.transaction_id
                 where ", $condition, ") ",
            $then
        )
    };
}

impl Store {
    /// A part of a partner's sessions that changed within a time, oldest first, and how many there are in all.
    pub(crate) async fn roaming_sessions(
        &self,
        partner: &str,
        (from_ms, to_ms): (i64, i64),
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Seen>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(sessions!(
            "s.partner_id = $1", "select count(*) from seen where changed_ms >= $2 and changed_ms < $3"))
            .bind(partner).bind(from_ms).bind(to_ms)
            .fetch_one(db))?;
        let rows: Vec<SessionRow> = on_db!(&mut conn, db => sqlx::query_as(sessions!(
            "s.partner_id = $1", "select * from seen where changed_ms >= $2 and changed_ms < $3 order by created_at_ms, id
             limit $4 offset $5"))
            .bind(partner).bind(from_ms).bind(to_ms).bind(limit).bind(offset)
            .fetch_all(db))?;
        let mut sessions = Vec::with_capacity(rows.len());
        for row in rows {
            sessions.push(conn.seen_session(row).await?);
        }
        Ok((sessions, total))
    }

    /// A part of a partner's CDRs that were made within a time, oldest first, and how many there are in all.
    pub(crate) async fn cdrs(
        &self,
        partner: &str,
        (from_ms, to_ms): (i64, i64),
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Value>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(
            "select count(*) from cdr where partner_id = $1 and created_at_ms >= $2 and created_at_ms < $3")
            .bind(partner).bind(from_ms).bind(to_ms)
            .fetch_one(db))?;
        let bodies: Vec<String> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select body from cdr where partner_id = $1 and created_at_ms >= $2 and created_at_ms < $3
             order by created_at_ms, id limit $4 offset $5")
            .bind(partner).bind(from_ms).bind(to_ms).bind(limit).bind(offset)
            .fetch_all(db))?;
        let cdrs = bodies.iter().map(|body| Ok(serde_json::from_str(body)?));
        Ok((cdrs.collect::<Result<_>>()?, total))
    }

    /// The transaction of a partner's session that goes on, and its charge point.
    pub(crate) async fn roaming_transaction(
        &self,
        partner: &str,
        session: &str,
    ) -> Result<Option<(i64, String)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select t.id, t.charge_point_id from roaming_session s join charge_transaction t on t.id = s.transaction_id
             where s.partner_id = $1 and lower(s.id) = lower($2) and s.body is null and t.state = 'open'")
            .bind(partner).bind(session)
            .fetch_optional(db))
    }

    /// Whether a partner has such a session, over or not.
    pub(crate) async fn has_roaming_session(&self, partner: &str, session: &str) -> Result<bool> {
        let mut conn = self.reader().await?;
        let found: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select 1 from roaming_session where partner_id = $1 and lower(id) = lower($2)")
            .bind(partner).bind(session)
            .fetch_optional(db))?;
        Ok(found.is_some())
    }

    /// Where a token of a partner charges at the moment.
    pub(crate) async fn roaming_location_of(
        &self,
        partner: &str,
        uid: &str,
    ) -> Result<Option<CdrLocation>> {
        let mut conn = self.reader().await?;
        let open: Vec<(String, String)> = on_db!(&mut conn, db => sqlx::query_as(
            "select s.token, s.location from roaming_session s join charge_transaction t on t.id = s.transaction_id
             where s.partner_id = $1 and s.body is null and t.state = 'open'")
            .bind(partner)
            .fetch_all(db))?;
        for (token, location) in open {
            let token: CdrToken = serde_json::from_str(&token)?;
            if token.uid == *uid {
                return Ok(Some(serde_json::from_str(&location)?));
            }
        }
        Ok(None)
    }

    /// Whether a transaction is open on a connector.
    pub(crate) async fn is_charging(&self, charge_point: &str, connector: i64) -> Result<bool> {
        let mut conn = self.reader().await?;
        Ok(!conn.open_on(charge_point, connector).await?.is_empty())
    }
}

static AMONG: Many = Many::new(
    "with r (number) as (values {rows})
     select s.transaction_id from r join roaming_session s on s.transaction_id = r.number where s.body is null",
    1,
);

impl Conn {
    /// Of these transactions those of partners' drivers that have no bill.
    pub(crate) async fn roaming_among(&mut self, transactions: &[i64]) -> Result<Vec<i64>> {
        let mut roaming = Vec::new();
        for chunk in chunks(transactions) {
            let text = AMONG.for_rows(self, chunk.len());
            let ids: Vec<i64> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_scalar(text);
                for id in chunk {
                    query = query.bind(*id);
                }
                query.fetch_all(db)
            })?;
            roaming.extend(ids);
        }
        Ok(roaming)
    }

    pub(crate) async fn insert_roaming_session(&mut self, new: &NewSession) -> Result<()> {
        let token = serde_json::to_string(&new.driver.token)?;
        let location = serde_json::to_string(&new.location)?;
        let tariffs = serde_json::to_string(&new.tariffs)?;
        let driver = &new.driver;
        run_on_db!(self, db => sqlx::query(
            "insert into roaming_session (id, organization_id, partner_id, transaction_id, token, auth_method,
                 authorization_reference, location, tariffs, currency, created_at_ms, updated_at_ms,
                 free_idle_minutes, time_zone)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13) on conflict do nothing")
            .bind(&new.id).bind(&new.organization_id).bind(&driver.partner_id).bind(new.transaction_id)
            .bind(&token).bind(driver.auth_method.as_str()).bind(driver.reference.as_ref().map(|r| r.as_str()))
            .bind(&location).bind(&tariffs).bind(&new.currency).bind(new.now_ms)
            .bind(new.free_idle_minutes).bind(&new.time_zone)
            .execute(db))
    }

    async fn seen_session(&mut self, row: SessionRow) -> Result<Seen> {
        if let Some(body) = &row.body {
            return Ok(Seen::Final(serde_json::from_str(body)?));
        }
        let kept = kept_of(row)?.kept;
        let facts = self.roaming_facts(&kept).await?;
        Ok(Seen::SoFar(Box::new((kept, facts))))
    }

    /// A session of a partner.
    pub(crate) async fn roaming_session(
        &mut self,
        partner: &str,
        id: &str,
    ) -> Result<Option<Seen>> {
        let row: Option<SessionRow> = on_db!(&mut *self, db => sqlx::query_as(sessions!(
            "s.partner_id = $1 and s.id = $2", "select * from seen"))
            .bind(partner).bind(id)
            .fetch_optional(db))?;
        match row {
            Some(row) => self.seen_session(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The session of a transaction, as long as it has no bill.
    pub(crate) async fn open_roaming_session(
        &mut self,
        transaction: i64,
    ) -> Result<Option<OpenSession>> {
        let row: Option<SessionRow> = on_db!(self, db => sqlx::query_as(sessions!(
            "s.transaction_id = $1 and s.body is null", "select * from seen"))
            .bind(transaction)
            .fetch_optional(db))?;
        row.map(kept_of).transpose()
    }

    /// What is known of the time of a session: readings of its transaction, and the phases of its connector.
    pub(crate) async fn roaming_facts(&mut self, kept: &Kept) -> Result<Facts> {
        let readings: Vec<(i64, String)> = on_db!(&mut *self, db => sqlx::query_as(
            "select sampled_at_ms, sampled_values from meter_value where transaction_id = $1
             order by sampled_at_ms, received_at_ms limit $2")
            .bind(kept.transaction_id).bind(HISTORY_ROWS_MAX)
            .fetch_all(db))?;
        let phases: Vec<(i64, Option<String>)> = on_db!(self, db => sqlx::query_as(
            "select reported_at_ms, phase from connector_history
             where charge_point_id = $1 and connector_id = $2 and reported_at_ms <= $4
               and reported_at_ms >= coalesce((select max(h.reported_at_ms) from connector_history h
                   where h.charge_point_id = $1 and h.connector_id = $2 and h.reported_at_ms <= $3), $3)
             order by reported_at_ms, place limit $5")
            .bind(&kept.charge_point_id).bind(kept.connector_id).bind(kept.started_at_ms)
            .bind(kept.ended_at_ms.unwrap_or(i64::MAX)).bind(HISTORY_ROWS_MAX)
            .fetch_all(db))?;
        Ok(Facts { readings, phases })
    }

    /// Keeps a session that is over for good, and its bill.
    pub(crate) async fn finish_roaming_session(&mut self, done: FinalSession<'_>) -> Result<()> {
        let (session, cdr) = (done.session.to_string(), done.cdr.to_string());
        run_on_db!(&mut *self, db => sqlx::query(
            "update roaming_session set body = $2, updated_at_ms = $3 where id = $1 and body is null")
            .bind(done.id).bind(&session).bind(done.at_ms)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            "insert into cdr (id, organization_id, partner_id, session_id, body, created_at_ms)
             select $1, organization_id, partner_id, id, $3, $4 from roaming_session where id = $2
             on conflict do nothing")
            .bind(done.cdr_id).bind(done.id).bind(&cdr).bind(done.at_ms)
            .execute(db))?;
        let (transaction, currency, energy_wh, total) = done.cost;
        run_on_db!(self, db => sqlx::query(
            "insert into transaction_cost (transaction_id, currency, tariff, energy_wh, idle_minutes, total)
             values ($1, $2, $3, $4, 0, $5) on conflict do nothing")
            .bind(transaction).bind(currency).bind(NO_TARIFF).bind(energy_wh).bind(total.to_string())
            .execute(db))
    }
}

fn kept_of(row: SessionRow) -> Result<OpenSession> {
    let method = AuthMethod::from_word(&row.auth_method);
    let last = row.last_meter.standing();
    let meter_wh = row
        .meter_stop_wh
        .or(last.map(|last| last.wh))
        .or(row.meter_start_wh);
    let claims = Claims {
        started_at_ms: row.started_at_ms,
        start_received_at_ms: row.received_at_ms,
        stopped_at_ms: row.stopped_at_ms,
        meter_start_wh: row.meter_start_wh,
        meter_stop_wh: meter_wh,
        ..Claims::default()
    };
    let so_far_wh = meter_wh.and_then(|meter_wh| energy_wh(row.meter_start_wh, meter_wh));
    let kept = Kept {
        is_over: row.state != "open" && row.provisional_since_ms.is_none(),
        energy_wh: match row.stopped_at_ms {
            Some(_) => billed_wh(&claims, last.as_ref()),
            None => so_far_wh.unwrap_or(0),
        },
        id: row.id,
        token: serde_json::from_str(&row.token)?,
        auth_method: method
            .ok_or_else(|| StoreError::Corrupt(format!("the method {:?}", row.auth_method)))?,
        reference: row.authorization_reference.map(Into::into),
        location: serde_json::from_str(&row.location)?,
        tariffs: serde_json::from_str(&row.tariffs)?,
        free_idle_minutes: row.free_idle_minutes,
        currency: row.currency,
        time_zone: row.time_zone,
        charge_point_id: row.charge_point_id,
        connector_id: row.connector_id,
        transaction_id: row.transaction_id,
        started_at_ms: row.started_at_ms,
        ended_at_ms: row.stopped_at_ms,
        meter_start_wh: row.meter_start_wh.unwrap_or(0),
        updated_at_ms: row.changed_ms,
    };
    Ok(OpenSession {
        organization_id: row.organization_id,
        kept,
    })
}
