//! Configuration keys: reading, writing, and what must be there.

use crate::dialect::v16::keys::CORE_KEYS;
use crate::dialect::v16::keys::INTERVALS;
use crate::dialect::v16::keys::PROFILE_KEYS;
use crate::dialect::v16::keys::stretch;
use crate::dialect::v16::keys::value_in;
use cucumber::{given, then, when};
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::steps::world::{OrEnd, World};
use crate::words::{list, quoted};

#[given(regex = r"^the setting (\w+) is (\S+)$")]
async fn setting(world: &mut World, key: String, value: String) -> StepResult {
    set(world, &key, &value).await
}

/// Sets a key; intervals no smaller than this charge point takes them, and the scenario's other times with them.
pub(super) async fn set(world: &mut World, key: &str, value: &str) -> StepResult {
    let csms = world.csms()?;
    let mut value = value.to_owned();
    if INTERVALS.contains(&key)
        && let Ok(interval) = value.parse::<u32>()
    {
        let stretch = stretch(interval, csms.traits.min_interval);
        csms.stretch = csms.stretch.max(stretch);
        value = (interval * stretch).to_string();
    }
    csms.configure(key, &value).await.or_end(world)
}

#[when("the CSMS reads the whole configuration")]
async fn read_all(world: &mut World) -> StepResult {
    world
        .csms()?
        .talk
        .command("GetConfiguration", json!({}))
        .await;
    DONE
}

#[when(regex = r"^the CSMS reads ([A-Z]\w+)$")]
async fn read(world: &mut World, key: String) -> StepResult {
    world
        .csms()?
        .talk
        .command("GetConfiguration", json!({"key": [key]}))
        .await;
    DONE
}

#[when("the CSMS reads as many keys at once as it allows")]
async fn read_most(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let most: usize = last_value_read(csms, "GetConfigurationMaxKeys")?
        .parse()
        .map_err(|_| Failure::new("the value of GetConfigurationMaxKeys is no number"))?;
    let keys: Vec<String> = longest_list(csms).into_iter().take(most).collect();
    csms.talk
        .command("GetConfiguration", json!({"key": keys}))
        .await;
    DONE
}

/// The names in the longest answer so far: the whole configuration.
fn longest_list(csms: &CsmsRole) -> Vec<String> {
    let log = csms.talk.line.log();
    let lists = log.entries.iter().filter_map(|entry| {
        match entry.frame(dynamo_protocol::trace::Direction::FromSut)? {
            crate::wire::entry::Message::Result { payload, .. } => {
                Some(names(&payload["configurationKey"]))
            }
            _ => None,
        }
    });
    lists.max_by_key(Vec::len).unwrap_or_default()
}

/// The names of keys in a list of keys with their values.
fn names(list: &Value) -> Vec<String> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| entry["key"].as_str().map(str::to_owned))
        .collect()
}

#[when(regex = r"^the CSMS sets (\w+) to (\S+)$")]
async fn write(world: &mut World, key: String, value: String) -> StepResult {
    let csms = world.csms()?;
    csms.remember(&key).await?;
    csms.talk
        .command("ChangeConfiguration", json!({"key": key, "value": value}))
        .await;
    DONE
}

#[then("it answers with its configuration")]
async fn answers_configuration(world: &mut World) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    match result["configurationKey"].as_array() {
        Some(keys) if !keys.is_empty() => DONE,
        _ => Err(Failure::new(format!("its answer {result} lists no key"))),
    }
}

#[then(regex = r"^it answers with a value of (\w+)$")]
async fn answers_value(world: &mut World, key: String) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    value_in(&result, &key).map(|_| ())
}

#[then(regex = r"^it answers that (\w+) is unknown$")]
async fn answers_unknown(world: &mut World, key: String) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    let unknown = result["unknownKey"]
        .as_array()
        .is_some_and(|keys| keys.iter().any(|other| *other == key));
    let known = result["configurationKey"]
        .as_array()
        .is_some_and(|keys| !keys.is_empty());
    if unknown && !known {
        DONE
    } else {
        Err(Failure::new(format!(
            "its answer to {key} is {result}; {key} among the unknown keys and no value is expected"
        )))
    }
}

#[then(regex = r"^it answers that (\w+) is (\d+)$")]
async fn answers_that(world: &mut World, key: String, value: String) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    let is = value_in(&result, &key)?;
    if is == value {
        DONE
    } else {
        Err(Failure::new(format!(
            "{key} is {}, not {}",
            quoted(&is),
            quoted(&value)
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
    if wrong.is_empty() {
        DONE
    } else {
        Err(Failure::new(format!("{} [1.6 §9]", wrong.join("; "))))
    }
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
    let answers = log.entries.iter().rev().filter_map(|entry| {
        match entry.frame(dynamo_protocol::trace::Direction::FromSut)? {
            crate::wire::entry::Message::Result { payload, .. } => Some(payload),
            _ => None,
        }
    });
    answers
        .filter(|payload| payload.get("configurationKey").is_some())
        .find_map(|payload| value_in(payload, key).ok())
        .ok_or_else(|| Failure::new(format!("{key} was not read before")))
}
