//! Meter values.

use crate::domain::transactions::facts::{MeterReport, Reading};
use crate::store::{Conn, Result, on_db};

impl Conn {
    /// Keeps a reading; false when it is kept already.
    pub(crate) async fn insert_reading(
        &mut self,
        report: &MeterReport,
        reading: &Reading,
        transaction: Option<i64>,
    ) -> Result<bool> {
        let new: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "insert into meter_value (charge_point_id, content_hash, connector_id, transaction_number,
                 transaction_id, sampled_at_ms, sampled_values, received_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning content_hash")
            .bind(&report.charge_point_id).bind(report.content_hash(reading))
            .bind(report.connector_id).bind(report.transaction_number)
            .bind(transaction).bind(reading.at_ms).bind(&reading.samples)
            .bind(report.received_at_ms)
            .fetch_optional(db))?;
        Ok(new.is_some())
    }
}
