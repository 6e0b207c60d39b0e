//! Meter values: what is kept of them, and which of them is the register that energy is counted by.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::content_hash;
use super::occurrence::Occurrence;
use super::transaction::implausible;
use crate::store::{Result, Store};

/// The samples of one instant.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The charge point's stamp.
    pub at_ms: i64,
    /// The samples as JSON text, every member that was sent.
    pub samples: String,
    /// The energy register in Wh, when it is among the samples.
    pub register_wh: Option<i64>,
}

/// A report of one or more readings.
#[derive(Clone, Debug)]
pub(crate) struct MeterReport {
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    /// As the charge point sent it; it may be nobody's.
    pub transaction_number: Option<i64>,
    pub readings: Vec<Reading>,
    pub received_at_ms: i64,
    /// The names of what was forgiven of the message.
    pub deviations: Vec<&'static str>,
    /// How webhooks are told that a transaction went on.
    pub told: Option<Occurrence>,
}

impl MeterReport {
    /// Stamp and register of the latest reading. One with a stamp that cannot be right moves nothing on: it would
    /// hide all that come after it.
    pub(crate) fn latest(&self) -> Option<(i64, i64)> {
        let readings = self.readings.iter();
        readings
            .filter(|reading| !implausible(reading.at_ms, self.received_at_ms))
            .filter_map(|reading| Some((reading.at_ms, reading.register_wh?)))
            .max_by_key(|(at_ms, _)| *at_ms)
    }

    /// The same content from the same place has the same hash: a retransmission is stored once.
    pub(crate) fn content_hash(&self, reading: &Reading) -> String {
        let place = (self.connector_id, self.transaction_number, reading.at_ms);
        content_hash(&[&format!("{place:?}"), &reading.samples])
    }
}

/// Registers beyond this, in Wh either way, are no readings of a meter; they are kept as text only.
const REGISTER_WH_MAX: u64 = 1_000_000_000_000_000;

/// A sampled energy register in whole Wh, rounded to the nearest. `None` when the text is no number, the
/// unit none of energy, or the value beyond 10^15 Wh.
#[must_use]
pub fn register_wh(value: &str, unit: Option<&str>) -> Option<i64> {
    let number = value
        .trim()
        .parse::<Decimal>()
        .or_else(|_| Decimal::from_scientific(value.trim()))
        .ok()?;
    let wh = match unit {
        None | Some("Wh") => number,
        Some("kWh") => number.checked_mul(Decimal::ONE_THOUSAND)?,
        Some(_) => return None,
    };
    let whole = wh.round().to_i64()?;
    (whole.unsigned_abs() <= REGISTER_WH_MAX).then_some(whole)
}

/// Keeps a report. Readings that are kept already are not counted again.
pub(crate) async fn record(store: &Store, report: MeterReport) -> Result<()> {
    store
        .write(report, |report, conn| {
            Box::pin(async move { conn.insert_readings(report).await })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_become_whole_watt_hours() {
        assert_eq!(register_wh("12345", None), Some(12_345));
        assert_eq!(register_wh("12.3456", Some("kWh")), Some(12_346));
        assert_eq!(register_wh(" 7.4 ", Some("Wh")), Some(7));
        assert_eq!(register_wh("1e3", Some("Wh")), Some(1_000));
        assert_eq!(register_wh("-5", Some("Wh")), Some(-5));
    }

    #[test]
    fn what_is_no_energy_is_no_register() {
        assert_eq!(register_wh("12", Some("V")), None);
        assert_eq!(register_wh("twelve", None), None);
        assert_eq!(register_wh("", None), None);
        assert_eq!(register_wh("9e99", Some("kWh")), None);
        assert_eq!(register_wh("1000000000000001", None), None);
        assert_eq!(register_wh("-9223372036854775808", None), None);
        assert_eq!(
            register_wh("1000000000000", Some("kWh")),
            Some(1_000_000_000_000_000)
        );
    }

    #[test]
    fn the_latest_reading_counts_unless_its_stamp_cannot_be() {
        let reading = |at_ms, register_wh| Reading {
            at_ms,
            samples: "[]".into(),
            register_wh,
        };
        let mut report = MeterReport {
            charge_point_id: "CP".into(),
            connector_id: Some(1),
            transaction_number: Some(1),
            readings: vec![
                reading(20, Some(7)),
                reading(10, Some(5)),
                reading(30, None),
            ],
            received_at_ms: 40,
            deviations: Vec::new(),
            told: None,
        };
        assert_eq!(report.latest(), Some((20, 7)));
        report.readings.push(reading(4_000_000_000_000, Some(9)));
        assert_eq!(report.latest(), Some((20, 7)));
        report.readings.drain(..2);
        assert_eq!(report.latest(), None);
    }

    #[test]
    fn place_time_and_content_make_a_reading_different() {
        let reading = Reading {
            at_ms: 5,
            samples: "[]".into(),
            register_wh: None,
        };
        let report = MeterReport {
            charge_point_id: "CP".into(),
            connector_id: Some(1),
            transaction_number: None,
            readings: Vec::new(),
            received_at_ms: 0,
            deviations: Vec::new(),
            told: None,
        };
        let hash = report.content_hash(&reading);
        assert_eq!(hash, report.clone().content_hash(&reading.clone()));
        let elsewhere = MeterReport {
            transaction_number: Some(1),
            ..report.clone()
        };
        assert_ne!(hash, elsewhere.content_hash(&reading));
        let later = Reading {
            at_ms: 6,
            ..reading
        };
        assert_ne!(hash, report.content_hash(&later));
    }
}
