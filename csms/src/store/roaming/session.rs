//! Sessions of partners' drivers.

use dynamo_protocol::ocpi::sessions::AuthMethod;
use serde_json::Value;

use crate::domain::roaming::session::{Kept, NewSession};
use crate::domain::transactions::claims::energy_wh;
use crate::store::{Conn, Result, Store, StoreError, on_db, run_on_db};

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: String,
    token: String,
    auth_method: String,
    authorization_reference: Option<String>,
    location: String,
    tariffs: String,
    currency: String,
    body: Option<String>,
    state: String,
    started_at_ms: i64,
    stopped_at_ms: Option<i64>,
    meter_start_wh: Option<i64>,
    meter_stop_wh: Option<i64>,
    last_meter_wh: Option<i64>,
    provisional_since_ms: Option<i64>,
    changed_ms: i64,
}

/// A session as partners see it: as it is kept for good, or still made of its transaction.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Final(Value),
    SoFar(Box<Kept>),
}

/// Sessions of the partner `$1` with the time of their last change.
macro_rules! sessions {
    ($then:literal) => {
        concat!(
            "with seen as (
                 select s.id, s.token, s.auth_method, s.authorization_reference, s.location, s.tariffs, s.currency, s.body,
                     s.created_at_ms, t.state, t.started_at_ms, t.stopped_at_ms, t.meter_start_wh, t.meter_stop_wh,
                     t.last_meter_wh, t.provisional_since_ms,
                     case when s.body is not null or s.updated_at_ms > t.updated_at_ms then s.updated_at_ms
                         else t.updated_at_ms end as changed_ms
                 from roaming_session s join charge_transaction t on t.id = s.transaction_id
                 where s.partner_id = $1) ",
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
            "select count(*) from seen where changed_ms >= $2 and changed_ms < $3"))
            .bind(partner).bind(from_ms).bind(to_ms)
            .fetch_one(db))?;
        let rows: Vec<SessionRow> = on_db!(&mut conn, db => sqlx::query_as(sessions!(
            "select * from seen where changed_ms >= $2 and changed_ms < $3 order by created_at_ms, id
             limit $4 offset $5"))
            .bind(partner).bind(from_ms).bind(to_ms).bind(limit).bind(offset)
            .fetch_all(db))?;
        Ok((rows.into_iter().map(seen).collect::<Result<_>>()?, total))
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

    /// Whether a transaction is open on a connector.
    pub(crate) async fn is_charging(&self, charge_point: &str, connector: i64) -> Result<bool> {
        let mut conn = self.reader().await?;
        Ok(!conn.open_on(charge_point, connector).await?.is_empty())
    }
}

impl Conn {
    pub(crate) async fn insert_roaming_session(&mut self, new: &NewSession) -> Result<()> {
        let token = serde_json::to_string(&new.driver.token)?;
        let location = serde_json::to_string(&new.location)?;
        let tariffs = serde_json::to_string(&new.tariffs)?;
        let driver = &new.driver;
        run_on_db!(self, db => sqlx::query(
            "insert into roaming_session (id, organization_id, partner_id, transaction_id, token, auth_method,
                 authorization_reference, location, tariffs, currency, created_at_ms, updated_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict do nothing")
            .bind(&new.id).bind(&new.organization_id).bind(&driver.partner_id).bind(new.transaction_id)
            .bind(&token).bind(driver.auth_method.as_str()).bind(driver.reference.as_ref().map(|r| r.as_str()))
            .bind(&location).bind(&tariffs).bind(&new.currency).bind(new.now_ms)
            .execute(db))
    }
}

fn seen(row: SessionRow) -> Result<Seen> {
    if let Some(body) = &row.body {
        return Ok(Seen::Final(serde_json::from_str(body)?));
    }
    let is_over = row.state != "open" && row.provisional_since_ms.is_none();
    let method = AuthMethod::from_word(&row.auth_method);
    let meter_wh = row
        .meter_stop_wh
        .or(row.last_meter_wh)
        .or(row.meter_start_wh);
    Ok(Seen::SoFar(Box::new(Kept {
        id: row.id,
        token: serde_json::from_str(&row.token)?,
        auth_method: method
            .ok_or_else(|| StoreError::Corrupt(format!("the method {:?}", row.auth_method)))?,
        reference: row.authorization_reference.map(Into::into),
        location: serde_json::from_str(&row.location)?,
        tariffs: serde_json::from_str(&row.tariffs)?,
        currency: row.currency,
        is_over,
        started_at_ms: row.started_at_ms,
        ended_at_ms: row.stopped_at_ms,
        energy_wh: meter_wh
            .and_then(|meter_wh| energy_wh(row.meter_start_wh, meter_wh))
            .unwrap_or(0),
        updated_at_ms: row.changed_ms,
    })))
}
