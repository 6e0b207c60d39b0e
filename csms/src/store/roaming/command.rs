//! Orders of partners, their results, and reservations.

use dynamo_protocol::ocpi::commands::CommandResultType;

use crate::domain::roaming::command::{Ordered, Outcome};
use crate::store::{Result, Store, StoreError, on_db, run_on_db};

/// The first number of a reservation of a partner: those that people choose are smaller.
const FIRST_NUMBER: i64 = 1_000_000_000;

/// An EVSE that a partner keeps for somebody.
#[derive(Clone, Debug)]
pub(crate) struct RoamingReservation {
    pub partner_id: String,
    /// As it is compared.
    pub reservation_key: String,
    pub charge_point_id: String,
    pub evse_id: i64,
    pub expires_at_ms: i64,
}

#[derive(sqlx::FromRow)]
struct OutcomeRow {
    id: String,
    partner_id: String,
    response_url: String,
    result: Option<String>,
    message: Option<String>,
    attempts: i64,
}

impl Store {
    /// Keeps an order that is passed on.
    pub(crate) async fn keep_order(&self, order: Ordered) -> Result<()> {
        self.write(order, |order, conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "insert into roaming_command (id, partner_id, kind, response_url, created_at_ms, due_at_ms)
                     values ($1, $2, $3, $4, $5, $6)")
                    .bind(&order.id).bind(&order.partner_id).bind(order.kind.as_str()).bind(&order.response_url)
                    .bind(order.now_ms).bind(order.deadline_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Writes down what became of an order, once: what is known already stays.
    pub(crate) async fn keep_outcome(
        &self,
        id: &str,
        (result, message): (CommandResultType, Option<String>),
        now_ms: i64,
    ) -> Result<()> {
        let input = (id.to_owned(), result, message, now_ms);
        self.write(input, |(id, result, message, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update roaming_command set result = $2, message = $3, due_at_ms = $4
                     where id = $1 and result is null")
                    .bind(id).bind(result.as_str()).bind(message).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Results that are to be told now, each for `lease_ms` by nobody else. An order whose time is over without a result
    /// has timed out.
    pub(crate) async fn lease_outcomes(&self, now_ms: i64, lease_ms: i64) -> Result<Vec<Outcome>> {
        let mut conn = self.reader().await?;
        let any: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select 1 from roaming_command where due_at_ms <= $1 limit 1")
            .bind(now_ms)
            .fetch_optional(db))?;
        drop(conn);
        // Nothing is written each second for nothing.
        if any.is_none() {
            return Ok(Vec::new());
        }
        self.write((now_ms, lease_ms), |(now_ms, lease_ms), conn| {
            Box::pin(async move {
                let rows: Vec<OutcomeRow> = on_db!(conn, db => sqlx::query_as(
                    "update roaming_command set result = coalesce(result, $3), due_at_ms = $2, attempts = attempts + 1
                     where id in (select id from roaming_command where due_at_ms <= $1 order by due_at_ms limit 64)
                         and due_at_ms <= $1
                     returning id, partner_id, response_url, result, message, attempts")
                    .bind(*now_ms).bind(now_ms.saturating_add(*lease_ms))
                    .bind(CommandResultType::Timeout.as_str())
                    .fetch_all(db))?;
                rows.into_iter().map(outcome).collect()
            })
        })
        .await
    }

    /// A result was told, or is not told any more; or it is tried again at `again_ms`.
    pub(crate) async fn outcome_told(
        &self,
        id: &str,
        error: Option<String>,
        again_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<()> {
        let input = (id.to_owned(), error, again_ms, now_ms);
        self.write(input, |(id, error, again_ms, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update roaming_command set due_at_ms = $2, last_error = $3,
                         told_at_ms = case when $3 is null then $4 end
                     where id = $1")
                    .bind(id).bind(*again_ms).bind(error).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Keeps a reservation and gives its number: that of the one with the same id, if there is one.
    pub(crate) async fn keep_reservation(&self, reservation: RoamingReservation) -> Result<i64> {
        self.write(reservation, |reservation, conn| {
            Box::pin(async move {
                on_db!(conn, db => sqlx::query_scalar(
                    "insert into roaming_reservation (partner_id, reservation_key, number, charge_point_id, evse_id,
                         expires_at_ms)
                     values ($1, $2, (select coalesce(max(number), $6) + 1 from roaming_reservation), $3, $4, $5)
                     on conflict (partner_id, reservation_key) do update set charge_point_id = excluded.charge_point_id,
                         evse_id = excluded.evse_id, expires_at_ms = excluded.expires_at_ms
                     returning number")
                    .bind(&reservation.partner_id).bind(&reservation.reservation_key)
                    .bind(&reservation.charge_point_id).bind(reservation.evse_id)
                    .bind(reservation.expires_at_ms).bind(FIRST_NUMBER)
                    .fetch_one(db))
            })
        })
        .await
    }

    /// The number of a partner's reservation, and its charge point.
    pub(crate) async fn roaming_reservation(
        &self,
        partner: &str,
        reservation_key: &str,
    ) -> Result<Option<(i64, String)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select number, charge_point_id from roaming_reservation where partner_id = $1 and reservation_key = $2")
            .bind(partner).bind(reservation_key)
            .fetch_optional(db))
    }

    /// Forgets a reservation.
    pub(crate) async fn drop_reservation(&self, number: i64) -> Result<()> {
        self.write(number, |number, conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query("delete from roaming_reservation where number = $1")
                    .bind(*number)
                    .execute(db))
            })
        })
        .await
    }
}

fn outcome(row: OutcomeRow) -> Result<Outcome> {
    let result = row.result.as_deref().and_then(CommandResultType::from_word);
    Ok(Outcome {
        id: row.id,
        partner_id: row.partner_id,
        response_url: row.response_url,
        result: result
            .ok_or_else(|| StoreError::Corrupt(format!("the result {:?}", row.result)))?,
        message: row.message,
        attempts: row.attempts,
    })
}
