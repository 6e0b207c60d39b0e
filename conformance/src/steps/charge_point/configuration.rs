//! Configuration keys: reading, writing, and what must be there.

use crate::dialect::v16::keys::CORE_KEYS;
use crate::dialect::v16::keys::INTERVALS;
use crate::dialect::v16::keys::KINDS;
use crate::dialect::v16::keys::PROFILE_KEYS;
use crate::dialect::v16::keys::stretch;
use crate::dialect::v16::keys::value_in;
use cucumber::{given, then, when};
use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::{CsmsRole, HAD};
use crate::steps::world::{OrEnd, World};
use crate::wire::entry::{Entry, Message};
use crate::words::{list, quoted};

#[given(regex = r"^the setting (\w+) is (\S+)$")]
async fn setting(world: &mut World, key: String, value: String) -> StepResult {
    set(world, &key, &value).await
}

/// A key that a charge point may lack.
#[given(regex = r"^the setting (\w+) is (\S+) where there is one$")]
async fn setting_if_any(world: &mut World, key: String, value: String) -> StepResult {
    match world.csms()?.remember(&key).await? {
        Some(is) if is != value => set(world, &key, &value).await,
        _ => DONE,
    }
}

/// An empty list switches a kind of readings off.
#[given(regex = r"^the setting (\w+) holds nothing$")]
async fn setting_empty(world: &mut World, key: String) -> StepResult {
    set(world, &key, "").await
}

/// Sets a key; intervals no smaller than this charge point takes them, and the scenario's other times with them.
pub(super) async fn set(world: &mut World, key: &str, value: &str) -> StepResult {
    let csms = world.csms()?;
    let mut value = value.to_owned();
    if INTERVALS.contains(&key)
        && let Ok(interval) = value.parse::<u32>()
    {
        // One measure for the whole scenario: its steps speak of intervals as it has written them.
        let stretch = csms
            .stretch
            .max(stretch(interval, csms.traits.min_interval));
        csms.stretch = stretch;
        value = (interval * stretch).to_string();
        // What counts from the moment of this setting, and not from midnight, stands far from the aligned instants.
        if key == ALIGNED && interval > 0 && csms.clock.is_none() {
            between_instants(Duration::from_secs((interval * stretch).into())).await;
        }
    }
    csms.configure(key, &value).await.or_end(world)
}

/// The interval that is counted from midnight [1.6 §9.1.5].
const ALIGNED: &str = "ClockAlignedDataInterval";

/// Waits for the middle between two instants of the clock that are so far apart.
async fn between_instants(interval: Duration) {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let into = Duration::from_nanos_u128(since_epoch.as_nanos() % interval.as_nanos());
    let until = (interval + interval / 2).saturating_sub(into);
    let once = if until >= interval {
        until - interval
    } else {
        until
    };
    tokio::time::sleep(once).await;
}

#[when("the CSMS reads as many keys at once as it allows")]
async fn read_most(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let most: usize = last_value_read(csms, "GetConfigurationMaxKeys")?
        .parse()
        .map_err(|_| Failure::new("the value of GetConfigurationMaxKeys is no number"))?;
    let keys: Vec<String> = all_names(csms).into_iter().take(most).collect();
    csms.talk
        .command("GetConfiguration", json!({"key": keys}))
        .await;
    DONE
}

/// The names in the last answer to a question that named no key: the whole configuration.
fn all_names(csms: &CsmsRole) -> Vec<String> {
    let log = csms.talk.line.log();
    let asked = log.entries.iter().rev().filter_map(Entry::call_to_sut);
    let id = asked
        .filter(|(_, action, payload)| {
            *action == "GetConfiguration" && payload.get("key").is_none()
        })
        .map(|(id, _, _)| id)
        .next();
    let answer = id.and_then(|id| log.answer_to(id));
    match answer.and_then(|index| log.entries[index].frame(Direction::FromSut)) {
        Some(Message::Result { payload, .. }) => names(&payload["configurationKey"]),
        _ => Vec::new(),
    }
}

/// The names of keys in a list of keys with their values.
fn names(list: &Value) -> Vec<String> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| entry["key"].as_str().map(str::to_owned))
        .collect()
}

/// What was refused is not there [1.6 §5.3].
#[then(regex = r"^it answers that (\w+) has the value it had$")]
async fn answers_that_had(world: &mut World, key: String) -> StepResult {
    let csms = world.csms()?;
    let had = csms.talk.told.get(HAD).cloned().unwrap_or(Value::Null);
    let result = csms.talk.result().await?;
    let is = value_in(&result, &key)?;
    if had == is.as_str() {
        return DONE;
    }
    Err(Failure::new(format!(
        "{key} is {}, and was {had} before a value was refused",
        quoted(&is)
    )))
}

/// The longest message id there is [1.6J §4.1.4]; it comes back as it was.
#[when(regex = r"^the CSMS reads (\w+) with a message id of 36 characters$")]
async fn read_with_long_id(world: &mut World, key: String) -> StepResult {
    let csms = world.csms()?;
    csms.talk.begin_act();
    let id = uuid_of(SystemTime::now());
    let frame = json!([2, id, "GetConfiguration", {"key": [key]}]);
    csms.talk.line.send(frame.to_string()).await;
    csms.talk.last_call = Some((id, "GetConfiguration".to_owned()));
    DONE
}

/// An id in the form of a UUID, made of the time.
fn uuid_of(now: SystemTime) -> String {
    let us = crate::wire::entry::unix_us(now) % (1 << 48);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{us:012x}",
        us % 0xffff_fffb,
        us % 0xfff1,
        us % 0xffd,
        us % 0xfef
    )
}

#[then("it answers with its configuration")]
async fn answers_configuration(world: &mut World) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    match result["configurationKey"].as_array() {
        Some(keys) if !keys.is_empty() => DONE,
        _ => Err(Failure::new(format!("its answer {result} lists no key"))),
    }
}

/// A number that it has not now, and that it takes: no smaller than its smallest.
#[when(regex = r"^the CSMS sets (\w+) to another value$")]
async fn write_other(world: &mut World, key: String) -> StepResult {
    const USUAL: u32 = 20;
    let csms = world.csms()?;
    let now = csms.remember(&key).await?.unwrap_or_default();
    let usual = USUAL.max(csms.traits.min_interval);
    let value = if now.trim() == usual.to_string() {
        usual + 10
    } else {
        usual
    };
    csms.talk.told.insert(SET, json!(value));
    let request = json!({"key": key, "value": value.to_string()});
    csms.talk.command("ChangeConfiguration", request).await;
    DONE
}

/// Under this name the scenario remembers the value that it has set.
const SET: &str = "the value that was set";

#[then(regex = r"^it answers that (\w+) has the value that was set$")]
async fn answers_that_set(world: &mut World, key: String) -> StepResult {
    let csms = world.csms()?;
    let wanted = csms.talk.told.get(SET).and_then(Value::as_i64);
    let result = csms.talk.result().await?;
    let is = value_in(&result, &key)?;
    if wanted.is_some() && is.trim().parse().ok() == wanted {
        return DONE;
    }
    Err(Failure::new(format!(
        "{key} is {}, not {} as it was set",
        quoted(&is),
        wanted.unwrap_or_default()
    )))
}

/// One entry for the one key that was asked for, with its value [1.6 §5.8].
#[then(regex = r"^it answers with (\w+) alone$")]
async fn answers_alone(world: &mut World, key: String) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    value_in(&result, &key)?;
    let named = names(&result["configurationKey"]);
    let unknown = result["unknownKey"].as_array().map_or(0, Vec::len);
    if named.len() == 1 && unknown == 0 {
        return DONE;
    }
    Err(Failure::new(format!(
        "asked for {key} alone it told {} and called {unknown} keys unknown",
        list(&named)
    )))
}

/// Names have no case [1.6 §7.17]; where nothing was asked for, nothing can be unknown.
#[then("no key is named twice and none is unknown")]
async fn named_once(world: &mut World) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    let mut seen = HashSet::new();
    let twice: Vec<String> = names(&result["configurationKey"])
        .into_iter()
        .filter(|name| !seen.insert(name.to_lowercase()))
        .collect();
    if !twice.is_empty() {
        return Err(Failure::new(format!("it names {} twice", list(&twice))));
    }
    match result["unknownKey"].as_array() {
        Some(unknown) if !unknown.is_empty() => Err(Failure::new(format!(
            "it calls {} unknown, which nobody asked for",
            result["unknownKey"]
        ))),
        _ => DONE,
    }
}

/// A key without a value has none yet [1.6 §7.29].
#[then("each value of a standard key is of its kind")]
async fn of_their_kinds(world: &mut World) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    let told = result["configurationKey"].as_array();
    for entry in told.into_iter().flatten() {
        let (Some(key), Some(value)) = (entry["key"].as_str(), entry["value"].as_str()) else {
            continue;
        };
        let mut kinds = KINDS.iter();
        if let Some((name, kind)) = kinds.find(|(name, _)| name.eq_ignore_ascii_case(key))
            && !value.is_empty()
            && !kind.fits(value)
        {
            let kind = format!("{kind:?}").to_lowercase();
            return Err(Failure::new(format!(
                "the value of {name} is {}, which is no {kind} [1.6 §9]",
                quoted(value)
            )));
        }
    }
    DONE
}

/// Connectors are numbered without a gap, and each is reported after the boot [1.6 §2.2, §4.9].
#[then("NumberOfConnectors is the number of connectors it has reported")]
async fn counts_connectors(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let told = last_value_read(csms, "NumberOfConnectors")?;
    let log = csms.talk.line.log();
    let calls = log.entries.iter().filter_map(Entry::call_from_sut);
    let reported = calls
        .filter(|(_, action, _)| *action == "StatusNotification")
        .filter_map(|(_, _, payload)| payload["connectorId"].as_i64())
        .max();
    if reported.is_some() && told.trim().parse().ok() == reported {
        return DONE;
    }
    Err(Failure::new(format!(
        "NumberOfConnectors is {}, and the highest connector that it has reported is {}",
        quoted(&told),
        reported.unwrap_or_default()
    )))
}

#[then(regex = r"^it answers with a value of (\w+)$")]
async fn answers_value(world: &mut World, key: String) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    value_in(&result, &key).map(|_| ())
}

#[then(regex = r"^it answers that (\w+) is unknown$")]
async fn answers_unknown(world: &mut World, key: String) -> StepResult {
    let csms = world.csms()?;
    let asked = csms.talk.last_call_payload()?["key"].clone();
    let others = asked.as_array().map_or(0, Vec::len).saturating_sub(1);
    let result = csms.talk.result().await?;
    let unknown = result["unknownKey"]
        .as_array()
        .is_some_and(|keys| keys.len() == 1 && keys[0] == key);
    let known = result["configurationKey"].as_array().map_or(0, Vec::len);
    if unknown && known == others {
        DONE
    } else {
        Err(Failure::new(format!(
            "its answer to {asked} is {result}; {key} alone among the unknown keys, and a value of each other one, is expected"
        )))
    }
}

#[then("it answers with all of them and none unknown")]
async fn answers_all(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let asked = csms.talk.last_call_payload()?;
    let asked: Vec<String> = serde_json::from_value(asked["key"].clone()).unwrap_or_default();
    let result = csms.talk.result().await?;
    let got = names(&result["configurationKey"]);
    let missing: Vec<&String> = asked.iter().filter(|key| !got.contains(key)).collect();
    let unknown = result["unknownKey"].as_array().map_or(0, Vec::len);
    if missing.is_empty() && unknown == 0 && !asked.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "of the {} keys that were asked for it left out {} and called {unknown} unknown; all of them are expected",
        asked.len(),
        list(&missing)
    )))
}

#[then("every required key of the profiles it claims is there, read-only where it must be")]
async fn required_keys(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let claimed = last_value_read(csms, "SupportedFeatureProfiles")?;
    let claimed: Vec<&str> = claimed.split(',').map(str::trim).collect();
    let result = csms.talk.result().await?;
    let others = PROFILE_KEYS
        .iter()
        .filter(|(profile, _, _)| claimed.contains(profile));
    let wanted = CORE_KEYS
        .iter()
        .copied()
        .chain(others.map(|(_, key, readonly)| (*key, *readonly)));
    let keys = result["configurationKey"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let wrong: Vec<String> = wanted
        .filter_map(|(key, readonly)| wrong_key(&keys, key, readonly))
        .collect();
    if !claimed.contains(&"Core") {
        return Err(Failure::new(format!(
            "it does not claim Core, only {}",
            claimed.join(", ")
        )));
    }
    if !wrong.is_empty() {
        return Err(Failure::new(format!("{} [1.6 §9]", wrong.join("; "))));
    }
    let strange: Vec<String> = claimed
        .iter()
        .filter(|name| !PROFILES.contains(name))
        .map(|name| quoted(name))
        .collect();
    if !strange.is_empty() {
        world.warn(format!(
            "SupportedFeatureProfiles names {}, which is no profile [1.6 §9.1.29]",
            list(&strange)
        ));
    }
    DONE
}

/// The feature profiles of OCPP 1.6 [1.6 §9.1.29].
const PROFILES: [&str; 6] = [
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
];

/// The profiles that a charge point claims.
pub(super) async fn profiles(csms: &mut CsmsRole) -> Result<Vec<String>, Failure> {
    const KEY: &str = "SupportedFeatureProfiles";
    csms.talk
        .command("GetConfiguration", json!({"key": [KEY]}))
        .await;
    let claimed = value_in(&csms.talk.result().await?, KEY)?;
    Ok(claimed
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect())
}

/// A limit in amperes, or in watts where the charge point takes nothing else [1.6 §9.4.2].
pub(in crate::steps) async fn schedule(csms: &mut CsmsRole) -> Result<Value, Failure> {
    const KEY: &str = "ChargingScheduleAllowedChargingRateUnit";
    let talk = &mut csms.talk;
    let question = json!({"key": [KEY]});
    talk.command("GetConfiguration", question).await;
    let units = value_in(&talk.result().await?, KEY).unwrap_or_default();
    let units = units.to_lowercase();
    let (unit, limit) = if units.contains("power") && !units.contains("current") {
        ("W", 11_000.0)
    } else {
        ("A", 16.0)
    };
    let periods = json!([{"startPeriod": 0, "limit": limit}]);
    Ok(json!({"chargingRateUnit": unit, "chargingSchedulePeriod": periods}))
}

fn wrong_key(keys: &[Value], key: &str, readonly: Option<bool>) -> Option<String> {
    match keys.iter().find(|entry| {
        entry["key"]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case(key))
    }) {
        None => Some(format!("the required key {key} is missing")),
        Some(entry) => {
            let is = entry["readonly"].as_bool();
            (readonly.is_some() && is != readonly).then(|| {
                let wanted = readonly.unwrap_or_default();
                format!(
                    "{key} is marked \"readonly\": {}, not {wanted}",
                    entry["readonly"]
                )
            })
        }
    }
}

/// The value of a key as the last answer that named it told it.
pub(super) fn last_value_read(csms: &CsmsRole, key: &str) -> Result<String, Failure> {
    let log = csms.talk.line.log();
    let answers =
        log.entries
            .iter()
            .rev()
            .filter_map(|entry| match entry.frame(Direction::FromSut)? {
                Message::Result { payload, .. } => Some(payload),
                _ => None,
            });
    answers
        .filter(|payload| payload.get("configurationKey").is_some())
        .find_map(|payload| value_in(payload, key).ok())
        .ok_or_else(|| Failure::new(format!("{key} was not read before")))
}
