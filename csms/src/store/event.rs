//! Events of charge points.

use super::{Conn, Result, run_on_db};
use crate::domain::content_hash;
use crate::domain::reports::Event;

impl Conn {
    pub(crate) async fn insert_event(&mut self, event: &Event) -> Result<()> {
        let hash = event.stamp_ms.map(|_| content_hash(&[&event.message]));
        run_on_db!(self, db => sqlx::query(
            "insert into charge_point_event (charge_point_id, kind, message, content_hash, reported_at_ms,
                 received_at_ms)
             values ($1, $2, $3, $4, $5, $6) on conflict do nothing")
            .bind(&event.charge_point_id).bind(event.kind).bind(&event.message).bind(hash)
            .bind(event.stamp_ms.unwrap_or(event.received_at_ms)).bind(event.received_at_ms)
            .execute(db))
    }
}
