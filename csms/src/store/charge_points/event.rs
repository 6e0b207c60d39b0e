//! Events of charge points.
//!
//! A message without a stamp of its own that says what one of the newest events says, and comes within an hour of it, is
//! counted there and adds no row; a row holds a day at most. So a charge point in a boot loop makes one row a day.

use crate::domain::charge_points::event::Event;
use crate::domain::content_hash;
use crate::store::{Conn, Result, on_db, run_on_db};

/// How long after it was said last an event is the same again.
const AGAIN_MS: i64 = 60 * 60 * 1000;
/// How long after it was said first.
const ROW_MS: i64 = 24 * 60 * 60 * 1000;
/// Events of a charge point that are looked at, the newest.
const LOOKED_AT: i64 = 16;

impl Conn {
    /// Counts an event that was said before; false where it was not.
    async fn count_event(&mut self, event: &Event) -> Result<bool> {
        let now_ms = event.received_at_ms;
        let counted: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "update charge_point_event set times = times + 1, last_received_at_ms = $4
             where id = (select e.id from (
                     select n.id, n.kind, n.message, n.content_hash, n.received_at_ms, n.last_received_at_ms
                     from charge_point_event n where n.charge_point_id = $1
                     order by n.received_at_ms desc, n.id desc limit $7) e
                 where e.kind = $2 and e.message = $3 and e.content_hash is null
                     and e.last_received_at_ms >= $5 and e.received_at_ms >= $6
                 order by e.id desc limit 1)
             returning id")
            .bind(&event.charge_point_id).bind(event.kind).bind(&event.message).bind(now_ms)
            .bind(now_ms.saturating_sub(AGAIN_MS)).bind(now_ms.saturating_sub(ROW_MS)).bind(LOOKED_AT)
            .fetch_optional(db))?;
        Ok(counted.is_some())
    }

    pub(crate) async fn insert_event(&mut self, event: &Event) -> Result<()> {
        if event.stamp_ms.is_none() && self.count_event(event).await? {
            return Ok(());
        }
        let hash = event.stamp_ms.map(|_| content_hash(&[&event.message]));
        run_on_db!(self, db => sqlx::query(
            "insert into charge_point_event (charge_point_id, kind, message, content_hash, reported_at_ms,
                 received_at_ms, last_received_at_ms, times)
             values ($1, $2, $3, $4, $5, $6, $6, 1) on conflict do nothing")
            .bind(&event.charge_point_id).bind(event.kind).bind(&event.message).bind(hash)
            .bind(event.stamp_ms.unwrap_or(event.received_at_ms)).bind(event.received_at_ms)
            .execute(db))
    }
}
