//! What a charge point has sampled, told with the end of the session.

use std::collections::BTreeSet;

use cucumber::then;
use serde_json::{Value, json};

use crate::failure::{DONE, Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::steps::world::World;
use crate::watch::reading::{ENERGY, readings, slack_wh};

/// The transactionData of the stop that the steps before have seen.
fn transaction_data(csms: &CsmsRole) -> Result<Vec<Value>, Failure> {
    let stop = csms.talk.told.get("StopTransaction");
    let stop = stop.ok_or_else(|| Failure::new("there was no StopTransaction before this step"))?;
    Ok(stop["transactionData"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}

/// What StopTxnSampledData or StopTxnAlignedData asks for [1.6 §9.1.25, §9.1.27], between the begin and the end. The
/// member itself is optional [1.6 §6.49]: one that never has it is warned about.
#[then(
    regex = r"^its StopTransaction holds at least (\d+) readings of the energy register, between meterStart and meterStop$"
)]
async fn stop_holds(world: &mut World, least: usize) -> StepResult {
    let csms = world.csms()?;
    let number = |action: &str, member: &str| {
        let told = csms.talk.told.get(action);
        told.and_then(|told| told[member].as_f64())
            .unwrap_or_default()
    };
    let begun = number("StartTransaction", "meterStart");
    let ended = number("StopTransaction", "meterStop");
    let data = transaction_data(csms)?;
    if data.is_empty() {
        world.warn(
            "it took a list of measurands for the end of a session, and its StopTransaction has no transactionData \
             [1.6 §9.1.25, §9.1.27]",
        );
        return DONE;
    }
    let data = json!({"meterValue": data});
    if let Some(other) = beyond_the_register(&data) {
        return Err(Failure::new(format!(
            "its StopTransaction holds the sample {other}; only {ENERGY} was asked for [1.6 §9.1.25, §9.1.27]"
        )));
    }
    let mut found = Vec::new();
    for context in [
        "Transaction.Begin",
        "Sample.Periodic",
        "Sample.Clock",
        "Transaction.End",
    ] {
        found.extend(readings(&data, context)?);
    }
    if found.len() < least {
        return Err(Failure::new(format!(
            "its StopTransaction holds {} readings of {ENERGY}, not {least}",
            found.len()
        )));
    }
    let stamps: BTreeSet<i64> = found.iter().map(|reading| reading.at_ms).collect();
    if stamps.len() < least.min(found.len()) {
        return Err(Failure::new(format!(
            "the {} readings of its StopTransaction carry {} times; there is one for each interval [1.6 §9.1.25, §9.1.27]",
            found.len(),
            stamps.len()
        )));
    }
    let slack = slack_wh(&found);
    let beside = found
        .iter()
        .find(|reading| reading.energy_wh < begun - slack || reading.energy_wh > ended + slack);
    match beside {
        Some(reading) => Err(Failure::new(format!(
            "its StopTransaction holds a reading of {} Wh; the session went from {begun} Wh to {ended} Wh",
            reading.energy_wh
        ))),
        None => DONE,
    }
}

/// A sample of another measurand than the energy register. What a meter signs, and what it tells of the begin and the end,
/// is another matter.
fn beyond_the_register(data: &Value) -> Option<&Value> {
    let values = data["meterValue"].as_array()?.iter();
    let mut samples =
        values.flat_map(|value| value["sampledValue"].as_array().into_iter().flatten());
    samples.find(|sample| {
        let context = sample["context"].as_str().unwrap_or("Sample.Periodic");
        ["Sample.Periodic", "Sample.Clock"].contains(&context)
            && sample["measurand"].as_str().unwrap_or(ENERGY) != ENERGY
            && sample["format"] != "SignedData"
    })
}

/// Nobody has asked for samples [1.6 §3.16.5]. What a meter signs at the begin and the end is another matter.
#[then("its StopTransaction holds no samples")]
async fn stop_holds_none(world: &mut World) -> StepResult {
    let data = transaction_data(world.csms()?)?;
    let samples = data
        .iter()
        .flat_map(|value| value["sampledValue"].as_array().into_iter().flatten());
    let mut unasked = samples.filter(|sample| {
        let context = sample["context"].as_str().unwrap_or("Sample.Periodic");
        ["Sample.Periodic", "Sample.Clock"].contains(&context) && sample["format"] != "SignedData"
    });
    match unasked.next() {
        Some(sample) => Err(Failure::new(format!(
            "its StopTransaction holds the sample {sample}, and no samples were asked for [1.6 §3.16.5]"
        ))),
        None => DONE,
    }
}
