//! Meter values.

use serde_json::json;

use super::{Conn, Result, on_db};
use crate::clock::rfc3339;
use crate::domain::billing;
use crate::domain::metering::MeterReport;

impl Conn {
    /// Keeps readings and moves the transaction's last register on. A number that is no transaction of this
    /// charge point is kept as it is.
    pub(crate) async fn insert_readings(&mut self, report: &MeterReport) -> Result<()> {
        let transaction_id = match report.transaction_number {
            Some(number) => {
                self.own_transaction(&report.charge_point_id, number)
                    .await?
            }
            None => None,
        };
        if let Some(id) = transaction_id {
            self.mark_deviations(id, &report.deviations).await?;
        }
        let mut is_new = false;
        for reading in &report.readings {
            let new: Option<String> = on_db!(self, db => sqlx::query_scalar(
                "insert into meter_value (charge_point_id, content_hash, connector_id, transaction_number,
                     transaction_id, sampled_at_ms, sampled_values, received_at_ms)
                 values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning content_hash")
                .bind(&report.charge_point_id).bind(report.content_hash(reading))
                .bind(report.connector_id).bind(report.transaction_number)
                .bind(transaction_id).bind(reading.at_ms).bind(&reading.samples)
                .bind(report.received_at_ms)
                .fetch_optional(db))?;
            is_new |= new.is_some();
        }
        let latest = report.latest();
        if let (Some(id), Some((at_ms, register_wh))) = (transaction_id, latest) {
            let state: Option<String> = on_db!(self, db => sqlx::query_scalar(
                "update charge_transaction set last_meter_wh = $2, last_meter_at_ms = $3,
                     meter_stop_wh = case when state = 'abandoned' then $2 else meter_stop_wh end,
                     stopped_at_ms = case when state = 'abandoned' then $3 else stopped_at_ms end
                 where id = $1 and (last_meter_at_ms is null or last_meter_at_ms <= $3)
                 returning state")
                .bind(id).bind(register_wh).bind(at_ms)
                .fetch_optional(db))?;
            if state.as_deref() == Some("abandoned") {
                billing::settle(self, id).await?;
            }
        }
        if let (Some(id), Some(told), true) = (transaction_id, &report.told, is_new) {
            let data = json!({
                "transaction_id": id,
                "connector_id": report.connector_id,
                "meter_value": latest.map(|(_, register_wh)| register_wh),
                "timestamp": report.readings.iter().map(|reading| reading.at_ms).max().map(rfc3339),
            });
            self.tell(told, &data).await?;
        }
        Ok(())
    }

    async fn own_transaction(&mut self, charge_point: &str, number: i64) -> Result<Option<i64>> {
        on_db!(self, db => sqlx::query_scalar(
            "select id from charge_transaction where id = $1 and charge_point_id = $2")
            .bind(number).bind(charge_point)
            .fetch_optional(db))
    }
}
