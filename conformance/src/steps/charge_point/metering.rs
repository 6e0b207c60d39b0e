//! Meter values: how often, when, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use std::time::{Duration, Instant, SystemTime};

use cucumber::{given, then};
use serde_json::Value;

use crate::failure::{DONE, Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::steps::world::World;
use crate::watch::expected::{Expected, Order, Want};
use crate::watch::reading::{ENERGY, Reading, readings, slack_wh};
use crate::words::{list, span};

/// What a sample may come early or late.
const SAMPLE_SLACK_MS: i64 = 700;

/// Waits for MeterValues of the scenario's transaction until `enough` readings of this context are there; the whole
/// takes no longer than this.
async fn gather(
    csms: &mut CsmsRole,
    context: &str,
    patience: Duration,
    enough: impl Fn(&[Reading]) -> bool,
) -> Result<Vec<Reading>, Failure> {
    let id = csms.talk.transaction;
    gather_of(
        csms,
        id.map(|id| Want::Is(id.into())),
        context,
        patience,
        enough,
    )
    .await
}

/// The same, of MeterValues whose transactionId is as wanted.
async fn gather_of(
    csms: &mut CsmsRole,
    transaction: Option<Want>,
    context: &str,
    patience: Duration,
    enough: impl Fn(&[Reading]) -> bool,
) -> Result<Vec<Reading>, Failure> {
    let deadline = Instant::now() + patience;
    let mut expected = Expected::call("MeterValues");
    if let Some(transaction) = transaction {
        expected = expected.want("transactionId", transaction);
    }
    if let Some(start) = csms.talk.told.get("StartTransaction") {
        expected = expected.with("connectorId", start["connectorId"].clone());
    }
    let mut all: Vec<Reading> = Vec::new();
    while !enough(&all) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let came = all.len();
            return Err(Failure::new(format!(
                "{came} readings of {context} came within {}, too few for this step",
                span(patience)
            )));
        }
        let seen = csms
            .talk
            .expect_within(Order::Next, &expected, left)
            .await?;
        for reading in readings(&seen.payload, context)? {
            // What was not answered is told again, and is the same reading.
            if !all.contains(&reading) {
                all.push(reading);
            }
        }
    }
    Ok(all)
}

#[then(regex = r"^it sends (\d+) meter values of the transaction, sampled (\d+) seconds? apart$")]
async fn sampled(world: &mut World, count: usize, seconds: i64) -> StepResult {
    let csms = world.csms()?;
    let seconds = seconds * i64::from(csms.stretch);
    let all = gather(
        csms,
        "Sample.Periodic",
        patience_for(csms, count, seconds),
        |all| all.len() >= count,
    )
    .await?;
    none_of(csms, "Sample.Clock")?;
    evenly_apart(&all, seconds)
}

/// What was switched off is off.
fn none_of(csms: &CsmsRole, context: &str) -> StepResult {
    for payload in payloads_of(csms)
        .iter()
        .filter(|payload| !payload["transactionId"].is_null())
    {
        if !readings(payload, context)?.is_empty() {
            return Err(Failure::new(format!(
                "it sent readings of {context}, which is switched off"
            )));
        }
    }
    DONE
}

/// Time for this many readings, and the usual patience on top.
fn patience_for(csms: &CsmsRole, count: usize, seconds: i64) -> Duration {
    csms.talk.patience
        + Duration::from_secs(seconds.unsigned_abs()) * u32::try_from(count).unwrap_or(u32::MAX)
}

/// Values of the clock name the transaction "if applicable" [1.6 §4.7]: with its id or with none.
#[then(
    regex = r"^it sends (\d+) meter values aligned to (\d+) seconds? of the clock, with the transaction or without$"
)]
async fn aligned(world: &mut World, count: usize, seconds: i64) -> StepResult {
    let csms = world.csms()?;
    let seconds = seconds * i64::from(csms.stretch);
    let id = csms.talk.transaction.unwrap_or_default();
    let all = gather_of(
        csms,
        Some(Want::IsOrAbsent(id.into())),
        "Sample.Clock",
        patience_for(csms, count, seconds),
        |all| all.len() >= count,
    )
    .await?;
    none_of(csms, "Sample.Periodic")?;
    evenly_apart(&all, seconds)?;
    stand_on_the_clock(&all, seconds)
}

#[then(regex = r"^it has sent (\d+) meter values aligned to (\d+) seconds of the clock$")]
async fn has_sent_aligned(world: &mut World, count: usize, seconds: i64) -> StepResult {
    let csms = world.csms()?;
    let payloads = payloads_of(csms);
    let mut all = Vec::new();
    for payload in payloads
        .iter()
        .filter(|payload| payload["connectorId"] == 1)
    {
        all.extend(readings(payload, "Sample.Clock")?);
    }
    if all.len() != count {
        return Err(Failure::new(format!(
            "it has sent {} meter values of connector 1 aligned to the clock, not {count}",
            all.len()
        )));
    }
    let gap = all
        .windows(2)
        .find(|pair| pair[1].at_ms - pair[0].at_ms != seconds * 1_000);
    if let Some(pair) = gap {
        return Err(Failure::new(format!(
            "two meter values aligned to the clock are {} ms apart, not {seconds} s",
            pair[1].at_ms - pair[0].at_ms
        )));
    }
    stand_on_the_clock(&all, seconds)
}

/// Aligned values are counted from midnight [1.6 §9.1.5]; the stamp may lag by what the reading takes.
fn stand_on_the_clock(all: &[Reading], seconds: i64) -> StepResult {
    const DAY_MS: i64 = 86_400_000;
    for reading in all {
        let off = reading.at_ms.rem_euclid(DAY_MS).rem_euclid(seconds * 1_000);
        if off > SAMPLE_SLACK_MS {
            return Err(Failure::new(format!(
                "a value was taken {off} ms after the aligned instant"
            )));
        }
    }
    DONE
}

#[then(
    regex = r"^it delivers at least (\d+) meter values taken during the outage, (\d+) seconds? apart and oldest first$"
)]
async fn after_outage(world: &mut World, count: usize, seconds: i64) -> StepResult {
    let csms = world.csms()?;
    let seconds = seconds * i64::from(csms.stretch);
    let (begun, length) = csms
        .outage
        .ok_or_else(|| Failure::new("there was no outage before this step"))?;
    let begun_ms = i64::try_from(crate::wire::entry::unix_ms(begun)).unwrap_or(i64::MAX);
    let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    let within = begun_ms - SAMPLE_SLACK_MS..=begun_ms + length_ms + SAMPLE_SLACK_MS;
    // What was queued is told one by one, while more comes.
    let patience = patience_for(csms, count, seconds) + length;
    let enough = |all: &[Reading]| {
        let taken = all
            .iter()
            .filter(|reading| within.contains(&reading.at_ms))
            .count();
        // One from after the outage shows that none is missing at its end.
        taken >= count
            && all
                .iter()
                .any(|reading| reading.at_ms > begun_ms + length_ms)
    };
    let all = gather(csms, "Sample.Periodic", patience, enough).await?;
    evenly_apart(&all, seconds)
}

/// Each reading comes this long after the one before, and all together take no longer than they should.
fn evenly_apart(all: &[Reading], seconds: i64) -> StepResult {
    // A stamp of whole seconds may be a second off [1.6 §3.15].
    let whole = all.iter().all(|reading| reading.at_ms % 1_000 == 0);
    let slack = SAMPLE_SLACK_MS + if whole { 1_000 } else { 0 };
    for pair in all.windows(2) {
        let apart = pair[1].at_ms - pair[0].at_ms;
        if (apart - seconds * 1_000).abs() > slack {
            return Err(Failure::new(format!(
                "two samples are {apart} ms apart, not {seconds} s"
            )));
        }
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return DONE;
    };
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX) - 1;
    let (took, should) = (last.at_ms - first.at_ms, count * seconds * 1_000);
    if (took - should).abs() > slack {
        return Err(Failure::new(format!(
            "{} samples took {took} ms, not {should} ms",
            all.len()
        )));
    }
    DONE
}

/// The measurands of all readings of the session's connector so far are those that were set, no more and no fewer.
#[then(regex = r"^they hold (\S+) and nothing else$")]
async fn hold_measurands(world: &mut World, measurands: String) -> StepResult {
    let csms = world.csms()?;
    let wanted: BTreeSet<&str> = measurands.split(',').collect();
    for (_, is) in measurands_by_time(csms, "Sample.Clock", &wanted) {
        let is: BTreeSet<&str> = is.iter().map(String::as_str).collect();
        if is != wanted {
            return Err(Failure::new(format!(
                "a reading holds {}, not {}",
                names(&is),
                names(&wanted)
            )));
        }
    }
    DONE
}

/// The measurands of the readings of the session's connector in this context, by their time: what belongs together
/// may come in one element or in more [1.6 §4.7]. A phase counts where the setting names it.
fn measurands_by_time(
    csms: &CsmsRole,
    context: &str,
    wanted: &BTreeSet<&str>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for payload in payloads_of_session(csms) {
        for value in payload["meterValue"].as_array().into_iter().flatten() {
            let time = value["timestamp"].as_str().unwrap_or_default();
            for sample in value["sampledValue"].as_array().into_iter().flatten() {
                if sample["context"].as_str().unwrap_or("Sample.Periodic") != context {
                    continue;
                }
                let measurand = sample["measurand"].as_str().unwrap_or(ENERGY);
                let phase = sample["phase"].as_str().unwrap_or_default();
                let full = format!("{measurand}.{phase}");
                let name = if wanted.contains(full.as_str()) {
                    full
                } else {
                    measurand.to_owned()
                };
                all.entry(time.to_owned()).or_default().insert(name);
            }
        }
    }
    all
}

/// Where nothing is set, the energy register is: readings of nothing cannot be looked at.
#[given("the sampled measurands are those it is set to")]
async fn as_it_is_set(world: &mut World) -> StepResult {
    const KEY: &str = "MeterValuesSampledData";
    let is = world.csms()?.remember(KEY).await?.unwrap_or_default();
    let has_register = is.split(',').any(|measurand| measurand.trim() == ENERGY);
    let is = if has_register {
        is
    } else {
        super::configuration::set(world, KEY, ENERGY).await?;
        ENERGY.to_owned()
    };
    world.csms()?.talk.told.insert(KEY, is.into());
    DONE
}

#[then("its samples hold the measurands it is set to and nothing else")]
async fn hold_what_is_set(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let set = csms.talk.told.get("MeterValuesSampledData").cloned();
    let set = set.ok_or_else(|| Failure::new("no step before this one has read the setting"))?;
    let wanted: BTreeSet<&str> = set
        .as_str()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    let all = measurands_by_time(csms, "Sample.Periodic", &wanted);
    // The last reading may still be on its way in parts.
    let complete = all.len().saturating_sub(1);
    for (index, is) in all.values().enumerate() {
        let is: BTreeSet<&str> = is.iter().map(String::as_str).collect();
        let more = is.difference(&wanted).next().is_some();
        if more || (index < complete && is != wanted) {
            return Err(Failure::new(format!(
                "a sample holds {}, not {}",
                names(&is),
                names(&wanted)
            )));
        }
    }
    DONE
}

/// The interval runs from the start of the transaction [1.6 §9.1.19].
#[then(regex = r"^the first came (\d+) seconds? after the start$")]
async fn first_came(world: &mut World, seconds: i64) -> StepResult {
    const LATE_MS: i64 = 1_500;
    let csms = world.csms()?;
    let should = seconds * i64::from(csms.stretch) * 1_000;
    let start = csms.talk.told.get("StartTransaction").cloned();
    let start =
        start.ok_or_else(|| Failure::new("there was no StartTransaction before this step"))?;
    let begun = super::transaction::stamp(&start)?;
    let begun_ms = i64::try_from(crate::wire::entry::unix_ms(begun)).unwrap_or(i64::MAX);
    let mut first = None;
    for payload in payloads_of_session(csms) {
        first = first.or(readings(&payload, "Sample.Periodic")?.first().copied());
    }
    let first = first.ok_or_else(|| Failure::new("no sample has come"))?;
    let took = first.at_ms - begun_ms;
    if took < should - SAMPLE_SLACK_MS || took > should + LATE_MS {
        return Err(Failure::new(format!(
            "the first sample was taken {took} ms after the start, not {should} ms"
        )));
    }
    DONE
}

/// What is measured belongs to the transaction that runs, or to none.
#[then("no meter values name another transaction")]
async fn of_this_transaction(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let ours = csms.talk.transaction;
    let other = payloads_of(csms).into_iter().find(|payload| {
        !payload["transactionId"].is_null() && payload["transactionId"].as_i64() != ours
    });
    match other {
        Some(payload) => Err(Failure::new(format!(
            "it sent MeterValues of the transaction {}, not of {}",
            payload["transactionId"],
            ours.unwrap_or_default()
        ))),
        None => DONE,
    }
}

/// No energy flows: what the meter shows may differ by its last digit. Where no reading comes nothing shows that it does.
#[then(regex = r"^the register of connector (\d+) does not rise for (\d+) seconds?$")]
async fn does_not_rise(world: &mut World, connector: u32, seconds: u64) -> StepResult {
    const LAST_DIGIT_WH: f64 = 1.0;
    const LAST_DIGIT_KWH: f64 = 10.0;
    let csms = world.csms()?;
    let length = Duration::from_secs(seconds) * csms.stretch;
    let from = i64::try_from(crate::wire::entry::unix_ms(SystemTime::now())).unwrap_or(i64::MAX);
    let _: Option<()> = csms.talk.line.wait(length, |_| None).await;
    let (mut registers, mut digit) = (Vec::new(), LAST_DIGIT_WH);
    for payload in payloads_of(csms)
        .iter()
        .filter(|payload| payload["connectorId"] == connector)
    {
        if payload.to_string().contains("\"kWh\"") {
            digit = LAST_DIGIT_KWH;
        }
        let readings = readings(payload, "Sample.Periodic")?;
        registers.extend(
            readings
                .iter()
                .filter(|reading| reading.at_ms >= from)
                .map(|reading| reading.energy_wh),
        );
    }
    let (Some(first), Some(last)) = (registers.first(), registers.last()) else {
        return DONE;
    };
    if last - first > digit {
        return Err(Failure::new(format!(
            "the register rose from {first} Wh to {last} Wh, though the tag was refused"
        )));
    }
    DONE
}

/// Also those that were taken before the CSMS had given the transaction its id [1.6 §4.7].
#[then("every reading of the session names it")]
async fn all_name_it(world: &mut World) -> StepResult {
    let payloads = payloads_of_session(world.csms()?);
    match payloads.iter().find(|one| one["transactionId"].is_null()) {
        Some(one) => Err(Failure::new(format!(
            "its MeterValues {one} of the session name no transaction [1.6 §4.7]"
        ))),
        None => DONE,
    }
}

fn names(measurands: &BTreeSet<&str>) -> String {
    list(&measurands.iter().collect::<Vec<_>>())
}

/// The payloads of all MeterValues so far.
fn payloads_of(csms: &CsmsRole) -> Vec<Value> {
    let log = csms.talk.line.log();
    let calls = log.entries.iter().filter_map(|entry| entry.call_from_sut());
    calls
        .filter(|(_, action, _)| *action == "MeterValues")
        .map(|(_, _, payload)| payload.clone())
        .collect()
}

/// The meter values of the scenario's transaction: they name it, or no other one and are of its connector and its time.
fn payloads_of_session(csms: &CsmsRole) -> Vec<Value> {
    let id = csms.talk.transaction.map_or(Value::Null, Value::from);
    let start = csms.talk.told.get("StartTransaction");
    let begun = start.and_then(|start| super::transaction::stamp(start).ok());
    let mut payloads = payloads_of(csms);
    payloads.retain(|payload| match &payload["transactionId"] {
        Value::Null => {
            let first = super::transaction::stamp(&payload["meterValue"][0]);
            let since = first.is_ok_and(|first| begun.is_some_and(|begun| first >= begun));
            since && start.is_some_and(|start| start["connectorId"] == payload["connectorId"])
        }
        other => *other == id,
    });
    payloads
}

/// All readings of the transaction, from its start to its end, never fall.
#[then("the meter never went backwards")]
async fn never_backwards(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let number = |action: &str, member: &str| {
        let told = csms
            .talk
            .told
            .get(action)
            .and_then(|told| told[member].as_f64());
        told.ok_or_else(|| Failure::new(format!("there was no {action} before this step")))
    };
    let start = number("StartTransaction", "meterStart")?;
    let stop = number("StopTransaction", "meterStop")?;
    let payloads = payloads_of(csms);
    let ours = csms.talk.transaction;
    let mut between = Vec::new();
    for payload in payloads
        .iter()
        .filter(|payload| payload["transactionId"].as_i64() == ours)
    {
        between.extend(readings(payload, "Sample.Periodic")?);
    }
    let slack = slack_wh(&between);
    let registers = between.iter().map(|reading| reading.energy_wh);
    let all: Vec<f64> = once(start).chain(registers).chain(once(stop)).collect();
    match all.windows(2).find(|pair| pair[1] < pair[0] - slack) {
        Some(pair) => Err(Failure::new(format!(
            "the meter went from {} Wh back to {} Wh",
            pair[0], pair[1]
        ))),
        None => {
            if stop <= start {
                world.warn(format!(
                    "the meter stayed at {stop} Wh while the session ran"
                ));
            }
            DONE
        }
    }
}
