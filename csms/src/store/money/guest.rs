//! Guest sessions. Every change says from which states it leads, so that whoever comes second changes nothing.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::guest::held::{Holding, SANDBOX_PREFIX};
use crate::domain::guest::{GuestStatus, PaymentStatus};
use crate::domain::money::price::{Tariff, Usage};
use crate::store::{Conn, Owner, Result, Store, StoreError, amount, on_db, run_on_db};

/// What a receipt says beside its figures, as it was when the session was authorized.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReceiptFacts {
    pub company: String,
    pub charge_point_name: Option<String>,
    pub address: Option<String>,
    /// In percent.
    pub tax_rate: Decimal,
}

/// A guest session.
#[derive(Clone, Debug)]
pub(crate) struct GuestSession {
    pub token: String,
    pub organization_id: String,
    pub charge_point_id: String,
    pub evse_id: i64,
    /// The one that the guest chose, and then the one where the transaction began.
    pub connector_id: i64,
    pub id_tag: String,
    pub transaction_id: Option<i64>,
    pub status: GuestStatus,
    /// Why it failed, or did not stop.
    pub reason: Option<String>,
    /// Whether the charge point was asked to start, heard or not.
    pub start_sent: bool,
    pub stop_asked_at_ms: Option<i64>,
    pub payment_method_id: String,
    pub payment_reference: Option<String>,
    pub payment_status: PaymentStatus,
    pub next_action_url: Option<String>,
    /// Where the guest comes back to after an action elsewhere.
    pub return_url: String,
    pub receipt: ReceiptFacts,
    pub tariff: Tariff,
    pub held: Decimal,
    /// What is paid for, once it is ended.
    pub energy_wh: Option<i64>,
    pub idle_minutes: Option<i64>,
    pub total: Option<Decimal>,
    pub captured: Option<Decimal>,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

impl GuestSession {
    /// What it is as far as its money is concerned.
    pub(crate) fn holding(&self) -> Holding {
        Holding {
            status: self.status,
            payment: self.payment_status,
            reason: self.reason.clone(),
            ended_at_ms: self.ended_at_ms,
            reference: self.payment_reference.clone(),
            action_url: self.next_action_url.clone(),
        }
    }
}

/// A session to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewGuest {
    pub token: String,
    pub organization_id: String,
    pub charge_point_id: String,
    pub connector_id: i64,
    /// In capitals.
    pub id_tag: String,
    pub payment_method_id: String,
    pub return_url: String,
    pub receipt: ReceiptFacts,
    pub tariff: Tariff,
    pub held: Decimal,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
}

/// What a guest's session came to.
pub(crate) struct GuestPrice {
    pub ended_at_ms: i64,
    pub usage: Usage,
    pub total: Decimal,
    /// What becomes of the money that is held.
    pub payment: PaymentStatus,
}

#[derive(sqlx::FromRow)]
struct GuestRow {
    token: String,
    organization_id: String,
    charge_point_id: String,
    evse_id: i64,
    connector_id: i64,
    id_tag: String,
    transaction_id: Option<i64>,
    status: String,
    reason: Option<String>,
    start_sent: bool,
    stop_asked_at_ms: Option<i64>,
    payment_method_id: String,
    payment_reference: Option<String>,
    payment_status: String,
    next_action_url: Option<String>,
    return_url: String,
    receipt: String,
    tariff: String,
    held: String,
    energy_wh: Option<i64>,
    idle_minutes: Option<i64>,
    total: Option<String>,
    captured: Option<String>,
    created_at_ms: i64,
    expires_at_ms: i64,
    ended_at_ms: Option<i64>,
}

macro_rules! guest_columns {
    () => {
        "token, organization_id, charge_point_id, evse_id, connector_id, id_tag, transaction_id, status, reason, \
         start_sent, stop_asked_at_ms, payment_method_id, payment_reference, payment_status, \
         next_action_url, return_url, receipt, tariff, held, energy_wh, idle_minutes, total, captured, created_at_ms, \
         expires_at_ms, ended_at_ms"
    };
}

impl GuestRow {
    fn read(self) -> Result<GuestSession> {
        let corrupt = || StoreError::Corrupt(format!("the guest session {}", self.token));
        let status = GuestStatus::ALL.iter().find(|s| s.as_str() == self.status);
        let payment = PaymentStatus::ALL
            .iter()
            .find(|s| s.as_str() == self.payment_status);
        Ok(GuestSession {
            status: *status.ok_or_else(corrupt)?,
            payment_status: *payment.ok_or_else(corrupt)?,
            tariff: serde_json::from_str(&self.tariff).map_err(|_| corrupt())?,
            receipt: serde_json::from_str(&self.receipt).map_err(|_| corrupt())?,
            held: amount(&self.held)?,
            total: self.total.as_deref().map(amount).transpose()?,
            captured: self.captured.as_deref().map(amount).transpose()?,
            token: self.token,
            organization_id: self.organization_id,
            charge_point_id: self.charge_point_id,
            evse_id: self.evse_id,
            connector_id: self.connector_id,
            id_tag: self.id_tag,
            transaction_id: self.transaction_id,
            reason: self.reason,
            start_sent: self.start_sent,
            stop_asked_at_ms: self.stop_asked_at_ms,
            payment_method_id: self.payment_method_id,
            payment_reference: self.payment_reference,
            next_action_url: self.next_action_url,
            return_url: self.return_url,
            energy_wh: self.energy_wh,
            idle_minutes: self.idle_minutes,
            created_at_ms: self.created_at_ms,
            expires_at_ms: self.expires_at_ms,
            ended_at_ms: self.ended_at_ms,
        })
    }
}

impl Store {
    /// A session by its token; of this organization only, if one is given.
    pub(crate) async fn guest(
        &self,
        owner: Option<&Owner>,
        token: &str,
    ) -> Result<Option<GuestSession>> {
        let mut conn = self.reader().await?;
        let organization = owner.map(|owner| owner.organization_id.as_str());
        let row: Option<GuestRow> = on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select ", guest_columns!(), " from guest_session
             where token = $1 and organization_id = coalesce($2, organization_id)"))
            .bind(token).bind(organization)
            .fetch_optional(db))?;
        row.map(GuestRow::read).transpose()
    }

    /// Tokens and charge points of the sessions about which something is to be done.
    pub(crate) async fn guests_under_way(&self) -> Result<Vec<(String, String)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select token, charge_point_id from guest_session where ended_at_ms is null
             union select token, charge_point_id from guest_session where payment_status in
                 ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling')")
            .fetch_all(db))
    }

    /// Name of an organization.
    pub(crate) async fn organization_name(&self, id: &str) -> Result<String> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar("select name from organization where id = $1")
            .bind(id)
            .fetch_one(db))
    }

    /// What a guest did at the sandbox's page; whether there was something to do.
    pub(crate) async fn guest_acted(&self, token: &str, now_ms: i64) -> Result<bool> {
        self.write((token.to_owned(), now_ms), |(token, now_ms), conn| {
            Box::pin(async move {
                let acted: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update guest_session set payment_status = 'authorized', status = 'authorizing'
                     where token = $1 and payment_status = 'requires_action' and ended_at_ms is null
                       and expires_at_ms > $2 and substr(payment_reference, 1, length($3)) = $3 returning token")
                    .bind(token).bind(*now_ms).bind(SANDBOX_PREFIX)
                    .fetch_optional(db))?;
                Ok(acted.is_some())
            })
        })
        .await
    }

    /// The charge point is about to be asked to start; false when it was, or need not be any more.
    pub(crate) async fn guest_start_sent(&self, token: &str) -> Result<bool> {
        self.write(token.to_owned(), |token, conn| {
            Box::pin(async move {
                let sent: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update guest_session set start_sent = $2
                     where token = $1 and start_sent = $3 and status = 'authorizing'
                       and ended_at_ms is null returning token")
                    .bind(token).bind(true).bind(false)
                    .fetch_optional(db))?;
                Ok(sent.is_some())
            })
        })
        .await
    }

    /// The charge point was not asked after all.
    pub(crate) async fn guest_start_unsent(&self, token: &str) -> Result<()> {
        self.write(token.to_owned(), |token, conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update guest_session set start_sent = $2 where token = $1 and status = 'authorizing'")
                    .bind(token).bind(false)
                    .execute(db))
            })
        })
        .await
    }

    /// Somebody wants the session to stop.
    pub(crate) async fn guest_stop_asked(&self, token: &str, now_ms: i64) -> Result<()> {
        self.write((token.to_owned(), now_ms), |(token, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update guest_session set status = 'stopping', reason = null,
                         stop_asked_at_ms = case when coalesce(stop_asked_at_ms, 0) >= $2
                             then stop_asked_at_ms + 1 else $2 end
                     where token = $1 and status in ('charging', 'stopping')")
                    .bind(token).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// The charge point does not stop what is open; what has ended meanwhile needs no stop.
    pub(crate) async fn guest_stop_refused(&self, token: &str, why: &str) -> Result<()> {
        let input = (token.to_owned(), why.to_owned());
        self.write(input, |(token, why), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update guest_session set status = 'charging', stop_asked_at_ms = null, reason = $2
                     where token = $1 and status = 'stopping' and exists (select 1 from charge_transaction t
                         where t.id = transaction_id and t.state = 'open')")
                    .bind(token).bind(why)
                    .execute(db))
            })
        })
        .await
    }

    /// How the last thing that was asked of the gateway ended, and what was taken.
    pub(crate) async fn guest_settled(
        &self,
        token: &str,
        payment: PaymentStatus,
        captured: Option<Decimal>,
    ) -> Result<()> {
        let input = (token.to_owned(), payment, captured);
        self.write(input, |(token, payment, captured), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update guest_session set payment_status = $2, captured = $3
                     where token = $1 and payment_status in ('capturing', 'canceling')")
                    .bind(token).bind(payment.as_str()).bind(captured.map(|c| c.to_string()))
                    .execute(db))
            })
        })
        .await
    }
}

impl Conn {
    /// The status that a connector reported last.
    pub(crate) async fn connector_word(
        &mut self,
        charge_point: &str,
        connector: i64,
    ) -> Result<Option<String>> {
        on_db!(self, db => sqlx::query_scalar(
            "select status from connector where charge_point_id = $1 and connector_id = $2")
            .bind(charge_point).bind(connector)
            .fetch_optional(db))
    }

    /// False when another session has the EVSE.
    pub(crate) async fn insert_guest(&mut self, new: &NewGuest, evse_id: i64) -> Result<bool> {
        let tariff = serde_json::to_string(&new.tariff).expect("a tariff has string keys only");
        let receipt = serde_json::to_string(&new.receipt).expect("its keys are strings");
        let made: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "insert into guest_session (token, organization_id, charge_point_id, connector_id, id_tag, status,
                 start_sent, payment_method_id, payment_status, tariff, held, created_at_ms, expires_at_ms,
                 return_url, receipt, evse_id)
             values ($1, $2, $3, $4, $5, 'authorizing', $6, $7, 'authorizing', $8, $9, $10, $11, $12, $13, $14)
             on conflict do nothing returning token")
            .bind(&new.token).bind(&new.organization_id).bind(&new.charge_point_id).bind(new.connector_id)
            .bind(&new.id_tag).bind(false).bind(&new.payment_method_id).bind(&tariff)
            .bind(new.held.to_string()).bind(new.created_at_ms).bind(new.expires_at_ms)
            .bind(&new.return_url).bind(&receipt).bind(evse_id)
            .fetch_optional(db))?;
        Ok(made.is_some())
    }

    /// A session by its token; nobody else changes it before this transaction of the database ends.
    pub(crate) async fn lock_guest(&mut self, token: &str) -> Result<Option<GuestSession>> {
        let row: Option<GuestRow> = on_db!(self, db => sqlx::query_as(concat!(
            "update guest_session set status = status where token = $1 returning ", guest_columns!()))
            .bind(token)
            .fetch_optional(db))?;
        row.map(GuestRow::read).transpose()
    }

    /// Keeps what became of a session before it begins.
    pub(crate) async fn keep_holding(&mut self, token: &str, holding: &Holding) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update guest_session set status = $2, payment_status = $3, reason = $4, ended_at_ms = $5,
                 payment_reference = $6, next_action_url = $7
             where token = $1")
            .bind(token).bind(holding.status.as_str()).bind(holding.payment.as_str())
            .bind(&holding.reason).bind(holding.ended_at_ms).bind(&holding.reference)
            .bind(&holding.action_url)
            .execute(db))
    }

    /// The session with this id tag.
    pub(crate) async fn guest_of_tag(&mut self, tag: &str) -> Result<Option<GuestSession>> {
        let row: Option<GuestRow> = on_db!(self, db => sqlx::query_as(concat!(
            "select ", guest_columns!(), " from guest_session where id_tag = $1"))
            .bind(tag.to_uppercase())
            .fetch_optional(db))?;
        row.map(GuestRow::read).transpose()
    }

    /// The same, and nobody else changes it before this transaction of the database ends.
    pub(crate) async fn lock_guest_of_tag(&mut self, tag: &str) -> Result<Option<GuestSession>> {
        let row: Option<GuestRow> = on_db!(self, db => sqlx::query_as(concat!(
            "update guest_session set status = status where id_tag = $1 returning ", guest_columns!()))
            .bind(tag.to_uppercase())
            .fetch_optional(db))?;
        row.map(GuestRow::read).transpose()
    }

    /// The transaction of a session has begun; it is billed as the guest was told.
    pub(crate) async fn guest_began(
        &mut self,
        session: &GuestSession,
        transaction: i64,
    ) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update guest_session set status = 'charging', transaction_id = $2, connector_id = coalesce(
                 (select t.connector_id from charge_transaction t where t.id = $2), connector_id)
             where token = $1")
            .bind(&session.token).bind(transaction)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            "insert into transaction_cost (transaction_id, currency, tariff)
             select $1, $2, tariff from guest_session where token = $3")
            .bind(transaction).bind(&session.tariff.currency).bind(&session.token)
            .execute(db))
    }

    /// The transaction of a session was left without a stop: others may have the connector while its price waits.
    pub(crate) async fn guest_left(&mut self, transaction: i64) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update guest_session set has_left = $2 where transaction_id = $1 and ended_at_ms is null")
            .bind(transaction).bind(true)
            .execute(db))
    }

    /// The transaction goes on after all. Where another session has the connector meanwhile, that one keeps it.
    /// A stop that was asked for, and refused because it seemed to be over, is asked for anew.
    pub(crate) async fn guest_came_back(&mut self, transaction: i64) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update guest_session set stop_asked_at_ms = stop_asked_at_ms + 1
             where transaction_id = $1 and status = 'stopping'")
            .bind(transaction)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            "update guest_session set has_left = $2
             where transaction_id = $1 and ended_at_ms is null
               and not exists (select 1 from guest_session o where o.charge_point_id = guest_session.charge_point_id
                   and o.evse_id = guest_session.evse_id and o.ended_at_ms is null and not o.has_left)")
            .bind(transaction).bind(false)
            .execute(db))
    }

    /// The transaction has ended: what is paid for, and whether it is to be taken or let go. Nothing where that was
    /// done before.
    pub(crate) async fn guest_finalised(&mut self, token: &str, price: &GuestPrice) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update guest_session set status = 'stopped', ended_at_ms = $2, payment_status = $3,
                 energy_wh = $4, idle_minutes = $5, total = $6
             where token = $1 and status in ('charging', 'stopping') and payment_status = 'authorized'")
            .bind(token).bind(price.ended_at_ms).bind(price.payment.as_str())
            .bind(price.usage.energy_wh).bind(price.usage.idle_minutes).bind(price.total.to_string())
            .execute(db))
    }
}
