//! What a reading of the energy register says.

use dynamo_protocol::time::unix_ms;
use serde_json::Value;

use crate::failure::Failure;
use crate::words::quoted;

/// What a missing measurand means [1.6 §7.43].
pub(crate) const ENERGY: &str = "Energy.Active.Import.Register";

/// One reading of the energy register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) at_ms: i64,
    pub(crate) energy_wh: f64,
    /// What its last digit stands for.
    pub(crate) digit_wh: f64,
}

/// The readings in a MeterValues call that have the wanted context. A missing context means `Sample.Periodic`, a
/// missing measurand the energy register [1.6 §7.43].
pub(crate) fn readings(payload: &Value, context: &str) -> Result<Vec<Reading>, Failure> {
    let mut found = Vec::new();
    for value in payload["meterValue"].as_array().into_iter().flatten() {
        let text = value["timestamp"].as_str().unwrap_or_default();
        let stamp = dynamo_protocol::DateTime::parse(text).map_err(|_| {
            Failure::new(format!(
                "the timestamp {} of a reading is no time",
                quoted(text)
            ))
        })?;
        let is = |sample: &Value, member: &str, wanted: &str, default: &str| {
            sample[member].as_str().unwrap_or(default) == wanted
        };
        let samples = value["sampledValue"].as_array().into_iter().flatten();
        let registers: Vec<&Value> = samples
            .filter(|sample| {
                is(sample, "context", context, "Sample.Periodic")
                    && is(sample, "measurand", ENERGY, ENERGY)
                    && sample["phase"].is_null()
            })
            .collect();
        // The same energy may be read at two places; what left the station is what counts [1.6 §7.27, §7.43].
        let outlet = registers
            .iter()
            .find(|sample| is(sample, "location", "Outlet", "Outlet"));
        if let Some(sample) = outlet.or(registers.first()) {
            found.push(Reading {
                at_ms: unix_ms(stamp),
                energy_wh: energy_wh(sample)?,
                digit_wh: digit_wh(sample),
            });
        }
    }
    Ok(found)
}

pub(crate) fn energy_wh(sample: &Value) -> Result<f64, Failure> {
    let text = sample["value"].as_str().unwrap_or_default();
    let number: f64 = text
        .parse()
        .map_err(|_| Failure::new(format!("the reading {} is no number", quoted(text))))?;
    Ok(if sample["unit"].as_str() == Some("kWh") {
        number * 1_000.0
    } else {
        number
    })
}

/// What the last digit of a reading stands for, in Wh: it may be rounded, or cut off.
pub(crate) fn digit_wh(sample: &Value) -> f64 {
    let text = sample["value"].as_str().unwrap_or_default();
    let decimals = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let unit = if sample["unit"].as_str() == Some("kWh") {
        1_000.0
    } else {
        1.0
    };
    unit * 0.1_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX))
}

/// How far two readings may be apart that read the same: meterStart and meterStop are whole Wh [1.6 §6.45, §6.49], and a
/// reading may be rounded up where another is cut off.
pub(crate) fn slack_wh(all: &[Reading]) -> f64 {
    const FLOAT: f64 = 0.001;
    let digits = all.iter().map(|reading| reading.digit_wh);
    digits.fold(1.0, f64::max) + FLOAT
}
