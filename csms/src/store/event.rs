//! Events of charge points.

use super::{Conn, Result, run_on_db};
use crate::domain::reports::Event;

impl Conn {
    pub(crate) async fn insert_event(&mut self, event: &Event) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "insert into charge_point_event (charge_point_id, kind, message, reported_at_ms, received_at_ms)
             values ($1, $2, $3, $4, $5)")
            .bind(&event.charge_point_id).bind(event.kind).bind(&event.message)
            .bind(event.reported_at_ms).bind(event.received_at_ms)
            .execute(db))?;
        Ok(())
    }
}
