//! Meter values.

use std::collections::HashSet;

use crate::domain::transactions::facts::{MeterReport, Reading};
use crate::domain::transactions::register::{Doubt, Standing};
use crate::store::{Conn, Many, Result, chunks, on_db};

/// Where the register of a transaction stands, as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct LastMeter {
    last_meter_wh: Option<i64>,
    last_meter_at_ms: Option<i64>,
    last_meter_source: Option<i64>,
    last_meter_doubt: Option<i64>,
    last_meter_first_wh: Option<i64>,
    last_meter_least_wh: Option<i64>,
}

impl LastMeter {
    /// As far as meter values told.
    pub(crate) fn standing(&self) -> Option<Standing> {
        Some(Standing {
            wh: self.last_meter_wh?,
            at_ms: self.last_meter_at_ms?,
            source: self.last_meter_source?,
            doubt: Doubt::from_number(self.last_meter_doubt?),
            first_wh: self.last_meter_first_wh?,
            least_wh: self.last_meter_least_wh,
        })
    }
}

/// The columns of [`LastMeter`].
macro_rules! last_meter_columns {
    () => {
        "last_meter_wh, last_meter_at_ms, last_meter_source, last_meter_doubt, last_meter_first_wh, last_meter_least_wh"
    };
}
pub(in crate::store) use last_meter_columns;

/// A reading to keep.
pub(crate) struct NewReading<'a> {
    pub report: &'a MeterReport,
    pub reading: &'a Reading,
    /// The same content from the same place has the same.
    hash: String,
    /// Its transaction, if it is one of its charge point's.
    transaction: Option<i64>,
}

impl<'a> NewReading<'a> {
    pub(crate) fn of(
        report: &'a MeterReport,
        reading: &'a Reading,
        transaction: Option<i64>,
    ) -> Self {
        Self {
            report,
            reading,
            hash: report.content_hash(reading),
            transaction,
        }
    }

    /// What makes it the same as another one.
    pub(crate) fn key(&self) -> (String, String) {
        (self.report.charge_point_id.clone(), self.hash.clone())
    }
}

static INSERT: Many = Many::new(
    "insert into meter_value (charge_point_id, content_hash, connector_id, transaction_number,
         transaction_id, sampled_at_ms, sampled_values, received_at_ms)
     values {rows} on conflict do nothing returning charge_point_id, content_hash",
    8,
);

impl Conn {
    /// Keeps readings; the keys of those that are not kept already.
    pub(crate) async fn insert_readings(
        &mut self,
        readings: &[NewReading<'_>],
    ) -> Result<HashSet<(String, String)>> {
        let mut new = HashSet::new();
        for chunk in chunks(readings) {
            let text = INSERT.for_rows(self, chunk.len());
            let rows: Vec<(String, String)> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for NewReading { report, reading, hash, transaction } in chunk {
                    query = query.bind(&report.charge_point_id).bind(hash)
                        .bind(report.connector_id).bind(report.transaction_number)
                        .bind(*transaction).bind(reading.at_ms).bind(&reading.samples)
                        .bind(report.received_at_ms);
                }
                query.fetch_all(db)
            })?;
            new.extend(rows);
        }
        Ok(new)
    }
}
