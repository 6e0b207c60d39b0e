//! Events of charge points.

use crate::domain::charge_points::event::{Event, SameAgain};
use crate::domain::content_hash;
use crate::store::{Conn, Result, on_db, run_on_db};

impl Conn {
    /// Counts an event that was said before; false where it was not.
    async fn count_event(&mut self, event: &Event, again: SameAgain) -> Result<bool> {
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
            .bind(&event.charge_point_id).bind(event.kind).bind(&event.message)
            .bind(event.received_at_ms).bind(again.last_from_ms).bind(again.first_from_ms).bind(again.among)
            .fetch_optional(db))?;
        Ok(counted.is_some())
    }

    pub(crate) async fn insert_event(&mut self, event: &Event) -> Result<()> {
        if let Some(again) = event.same_again()
            && self.count_event(event, again).await?
        {
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
