//! What the data set of the demo needs beside the usual doors: whether it may come into a database, and
//! transactions with given numbers.

use dynamo_protocol::ocpi::DateTime;
use dynamo_protocol::ocpi::credentials::CredentialsRole;
use serde_json::Value;

use crate::store::{Conn, Result, Store, key_hash, on_db, run_on_db};

/// What a database was used for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// Nothing.
    Empty,
    /// The demo, whose API key is in it, revoked or not.
    Demo,
    /// Something else.
    Used,
}

impl Store {
    /// What this database was used for so far.
    pub(crate) async fn past(&self, demo_key: &str) -> Result<Past> {
        let mut conn = self.reader().await?;
        let past: Option<String> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select case when exists (select 1 from api_key where key_hash = $1) then 'demo' else 'used' end
             where exists (select 1 from api_key) or exists (select 1 from account)
                 or exists (select 1 from charge_point) or exists (select 1 from id_tag)")
            .bind(key_hash(demo_key))
            .fetch_optional(db))?;
        Ok(match past.as_deref() {
            None => Past::Empty,
            Some("demo") => Past::Demo,
            Some(_) => Past::Used,
        })
    }

    /// The next transaction has this number at least.
    pub(crate) async fn number_transactions_from(&self, id: i64) -> Result<()> {
        self.write(id, |id, conn| {
            Box::pin(async move { conn.number_transactions_from(*id).await })
        })
        .await
    }

    /// Charge point and connector of the transaction of this number, whatever became of it.
    pub(crate) async fn place_of(&self, id: i64) -> Result<Option<(String, Option<i64>)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select charge_point_id, connector_id from charge_transaction where id = $1")
            .bind(id)
            .fetch_optional(db))
    }
}

/// A partner that is registered from the beginning.
#[derive(Clone, Debug)]
pub(crate) struct DemoPartner {
    pub id: &'static str,
    pub organization_id: &'static str,
    pub name: &'static str,
    pub token_hash: String,
    pub their_token: &'static str,
    pub versions_url: &'static str,
    pub role: CredentialsRole,
    pub now_ms: i64,
}

impl Store {
    /// Keeps a partner that nobody registered; one that is there stays.
    pub(crate) async fn demo_partner(&self, new: DemoPartner) -> Result<()> {
        self.write(new, |new, conn| {
            Box::pin(async move {
                run_on_db!(&mut *conn, db => sqlx::query(
                    "insert into partner (id, organization_id, name, state, token_hash, their_token, versions_url,
                         endpoints, created_at_ms, registered_at_ms, updated_at_ms)
                     values ($1, $2, $3, 'registered', $4, $5, $6, '[]', $7, $7, $7) on conflict do nothing")
                    .bind(new.id).bind(new.organization_id).bind(new.name).bind(&new.token_hash)
                    .bind(new.their_token).bind(new.versions_url).bind(new.now_ms)
                    .execute(db))?;
                let details = serde_json::to_string(&new.role.business_details)?;
                run_on_db!(conn, db => sqlx::query(
                    "insert into partner_party (organization_id, role, country_code, party_id, partner_id,
                         business_details)
                     values ($1, $2, $3, $4, $5, $6) on conflict do nothing")
                    .bind(new.organization_id).bind(new.role.role.as_str())
                    .bind(new.role.country_code.as_str()).bind(new.role.party_id.as_str()).bind(new.id)
                    .bind(&details)
                    .execute(db))
            })
        })
        .await
    }

    /// Keeps a session that is over, and its bill, made when that says; what is there stays.
    pub(crate) async fn demo_bill(
        &self,
        (partner, organization): (&'static str, &'static str),
        session_id: &'static str,
        session: Value,
        bill: Value,
    ) -> Result<()> {
        let input = (partner, organization, session_id, session, bill);
        self.write(input, |(partner, organization, session_id, session, bill), conn| {
            Box::pin(async move {
                let at_ms = bill["last_updated"].as_str().and_then(DateTime::parse);
                let at_ms = at_ms.map_or(0, |at| at.0);
                let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
                run_on_db!(&mut *conn, db => sqlx::query(
                    "insert into roaming_session (id, organization_id, partner_id, token, auth_method, location, tariffs,
                         free_idle_minutes, currency, time_zone, body, created_at_ms, updated_at_ms)
                     values ($1, $2, $3, $4, $5, $6, '[]', 0, $7, 'Europe/London', $8, $9, $9) on conflict do nothing")
                    .bind(*session_id).bind(*organization).bind(*partner).bind(session["cdr_token"].to_string())
                    .bind(text(session, "auth_method")).bind(bill["cdr_location"].to_string())
                    .bind(text(session, "currency")).bind(session.to_string()).bind(at_ms)
                    .execute(db))?;
                run_on_db!(conn, db => sqlx::query(
                    "insert into cdr (id, organization_id, partner_id, session_id, body, created_at_ms)
                     values ($1, $2, $3, $4, $5, $6) on conflict do nothing")
                    .bind(text(bill, "id")).bind(*organization).bind(*partner).bind(*session_id)
                    .bind(bill.to_string()).bind(at_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Gives a session its id.
    pub(crate) async fn name_session(&self, transaction: i64, id: &'static str) -> Result<()> {
        self.write((transaction, id), |(transaction, id), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query("update roaming_session set id = $2 where transaction_id = $1")
                    .bind(*transaction).bind(*id)
                    .execute(db))
            })
        })
        .await
    }

    /// Gives the tariffs of a charge point their id.
    pub(crate) async fn name_tariff(
        &self,
        charge_point: &'static str,
        id: &'static str,
    ) -> Result<()> {
        self.write((charge_point, id), |(charge_point, id), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update tariff set public_id = $2 where owner_kind = 'charge_point' and owner_id = $1")
                    .bind(*charge_point).bind(*id)
                    .execute(db))
            })
        })
        .await
    }
}

impl Conn {
    async fn number_transactions_from(&mut self, id: i64) -> Result<()> {
        // Each database keeps the next number in its own way.
        let statements: &[&'static str] = match self {
            Self::Sqlite(_) => &[
                "insert into sqlite_sequence (name, seq) select 'charge_transaction', 0
                 where not exists (select 1 from sqlite_sequence where name = 'charge_transaction')
                   and $1 > 0",
                "update sqlite_sequence set seq = max(seq, $1 - 1) where name = 'charge_transaction'",
            ],
            Self::Postgres(_) => &[
                "select setval(pg_get_serial_sequence('charge_transaction', 'id'), $1, false)
                 where $1 > (select coalesce(max(id), 0) from charge_transaction)",
            ],
        };
        for statement in statements {
            run_on_db!(self, db => sqlx::query(*statement).bind(id).execute(db))?;
        }
        Ok(())
    }
}
