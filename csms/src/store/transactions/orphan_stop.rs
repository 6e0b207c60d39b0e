//! Stops that stopped nothing.

use crate::domain::content_hash;
use crate::domain::transactions::facts::{StopReport, UnreadableStop};
use crate::domain::transactions::orphan::OrphanCause;
use crate::store::{Conn, OwnedPoint, Result, Store, on_db, run_on_db};

/// A stop that stops nothing, with the answer it gets.
pub(crate) struct OrphanStop<'a> {
    pub stop: &'a StopReport,
    pub answer: Option<String>,
}

/// Such a stop as the API lists it.
#[derive(sqlx::FromRow)]
pub(crate) struct OrphanStopRow {
    /// As the charge point sent it.
    pub transaction_number: i64,
    pub stopped_at_ms: i64,
    pub meter_stop_wh: i64,
    /// `unknown_transaction`, `already_stopped` or `unreadable`.
    pub cause: String,
    /// The whole message as JSON text.
    pub message: String,
    pub received_at_ms: i64,
}

impl Store {
    /// A page of the stops of a charge point that stopped nothing, oldest first, and how many there are in all. What
    /// came while it was another organization's is not among them.
    pub(crate) async fn orphan_stops(
        &self,
        point: &OwnedPoint,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<OrphanStopRow>, i64)> {
        let organization = &point.owner().organization_id;
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(
            "select count(*) from orphan_stop where charge_point_id = $1 and organization_id = $2")
            .bind(&point.id).bind(organization)
            .fetch_one(db))?;
        let rows = on_db!(&mut conn, db => sqlx::query_as(
            "select transaction_number, stopped_at_ms, meter_stop_wh, cause, message, received_at_ms
             from orphan_stop where charge_point_id = $1 and organization_id = $2
             order by received_at_ms, transaction_number, content_hash limit $3 offset $4")
            .bind(&point.id).bind(organization).bind(limit).bind(offset)
            .fetch_all(db))?;
        Ok((rows, total))
    }
}

impl Conn {
    /// Keeps a stop that was refused because it cannot be read; false where the same was kept before.
    pub(crate) async fn insert_unreadable_stop(&mut self, stop: &UnreadableStop) -> Result<bool> {
        let kept: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "insert into orphan_stop (organization_id, charge_point_id, transaction_number, stopped_at_ms,
                 meter_stop_wh, message, cause, received_at_ms, content_hash)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict do nothing returning cause")
            .bind(&stop.organization_id).bind(&stop.charge_point_id).bind(stop.transaction_number)
            .bind(stop.stopped_at_ms).bind(stop.meter_stop_wh.unwrap_or_default()).bind(&stop.message)
            .bind(OrphanCause::Unreadable.as_str()).bind(stop.now_ms).bind(content_hash(&[&stop.message]))
            .fetch_optional(db))?;
        Ok(kept.is_some())
    }

    /// Keeps a stop that stopped no transaction; the answer is that of its first arrival, and whether this is it. What
    /// waits for a stop at this charge point is marked, when the stop is nobody's.
    pub(crate) async fn insert_orphan_stop(
        &mut self,
        orphan: &OrphanStop<'_>,
    ) -> Result<(Option<String>, bool)> {
        let stop = orphan.stop;
        let (at_ms, meter_wh) = (stop.stopped_at_ms, stop.meter_stop_wh);
        let content = (at_ms, meter_wh, &stop.reason, &stop.id_tag);
        let hash = content_hash(&[&format!("{content:?}")]);
        let known: Option<i64> = on_db!(&mut *self, db => sqlx::query_scalar(
            "select id from charge_transaction where id = $1 and charge_point_id = $2")
            .bind(stop.transaction_number).bind(&stop.charge_point_id)
            .fetch_optional(db))?;
        let cause = OrphanCause::of(known.is_some());
        let kept: Option<String> = on_db!(&mut *self, db => sqlx::query_scalar(
            "insert into orphan_stop (organization_id, charge_point_id, transaction_number, stopped_at_ms,
                 meter_stop_wh, message, cause, stop_answer, received_at_ms, content_hash)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict do nothing returning cause")
            .bind(&stop.organization_id).bind(&stop.charge_point_id).bind(stop.transaction_number)
            .bind(stop.stopped_at_ms).bind(stop.meter_stop_wh).bind(&stop.message).bind(cause.as_str()).bind(&orphan.answer)
            .bind(stop.now_ms).bind(&hash)
            .fetch_optional(db))?;
        if kept.is_some() && cause.may_be_of_another() {
            run_on_db!(&mut *self, db => sqlx::query(
                "update charge_transaction set saw_orphan_stop = $2
                 where charge_point_id = $1 and provisional_since_ms is not null and state = 'abandoned'")
                .bind(&stop.charge_point_id).bind(true)
                .execute(db))?;
        }
        let answer = on_db!(self, db => sqlx::query_scalar(
            "select stop_answer from orphan_stop where charge_point_id = $1 and transaction_number = $2
               and content_hash = $3")
            .bind(&stop.charge_point_id).bind(stop.transaction_number).bind(&hash)
            .fetch_one(db))?;
        Ok((answer, kept.is_some()))
    }
}
