//! Configuration keys: reading, writing, and what must be there.

use cucumber::{given, then, when};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::expect::{Failure, StepResult};
use crate::world::{DONE, OrEnd, World};

/// The required keys of the Core profile [1.6 §9.1] and whether they are read-only (`None`: left to the maker).
const CORE_KEYS: [(&str, Option<bool>); 21] = [
    ("AuthorizeRemoteTxRequests", None),
    ("ClockAlignedDataInterval", Some(false)),
    ("ConnectionTimeOut", Some(false)),
    ("ConnectorPhaseRotation", Some(false)),
    ("GetConfigurationMaxKeys", Some(true)),
    ("HeartbeatInterval", Some(false)),
    ("LocalAuthorizeOffline", Some(false)),
    ("LocalPreAuthorize", Some(false)),
    ("MeterValuesAlignedData", Some(false)),
    ("MeterValuesSampledData", Some(false)),
    ("MeterValueSampleInterval", Some(false)),
    ("NumberOfConnectors", Some(true)),
    ("ResetRetries", Some(false)),
    ("StopTransactionOnEVSideDisconnect", None),
    ("StopTransactionOnInvalidId", Some(false)),
    ("StopTxnAlignedData", Some(false)),
    ("StopTxnSampledData", Some(false)),
    ("SupportedFeatureProfiles", Some(true)),
    ("TransactionMessageAttempts", Some(false)),
    ("TransactionMessageRetryInterval", Some(false)),
    ("UnlockConnectorOnEVSideDisconnect", Some(false)),
];

/// Required keys of the other profiles, all read-only unless said otherwise [1.6 §9.2, §9.4].
const PROFILE_KEYS: [(&str, &str, Option<bool>); 7] = [
    (
        "LocalAuthListManagement",
        "LocalAuthListEnabled",
        Some(false),
    ),
    (
        "LocalAuthListManagement",
        "LocalAuthListMaxLength",
        Some(true),
    ),
    (
        "LocalAuthListManagement",
        "SendLocalListMaxLength",
        Some(true),
    ),
    ("SmartCharging", "ChargeProfileMaxStackLevel", Some(true)),
    (
        "SmartCharging",
        "ChargingScheduleAllowedChargingRateUnit",
        Some(true),
    ),
    ("SmartCharging", "ChargingScheduleMaxPeriods", Some(true)),
    ("SmartCharging", "MaxChargingProfilesInstalled", Some(true)),
];

/// Whether every charge point must take new values of this key.
pub(crate) fn must_be_writable(key: &str) -> bool {
    CORE_KEYS.contains(&(key, Some(false)))
}

#[given(regex = r"^the setting (\w+) is (\S+)$")]
async fn setting(world: &mut World, key: String, value: String) -> StepResult {
    world.bench()?.configure(&key, &value).await.or_end(world)
}

#[when("the CSMS reads the whole configuration")]
async fn read_all(world: &mut World) -> StepResult {
    world.bench()?.command("GetConfiguration", json!({})).await;
    DONE
}

#[when(regex = r"^the CSMS reads ([A-Z]\w+)$")]
async fn read(world: &mut World, key: String) -> StepResult {
    world
        .bench()?
        .command("GetConfiguration", json!({"key": [key]}))
        .await;
    DONE
}

#[when("the CSMS reads as many keys at once as it allows")]
async fn read_most(world: &mut World) -> StepResult {
    let bench = world.bench()?;
    let most: usize = last_value_read(bench, "GetConfigurationMaxKeys")?
        .parse()
        .map_err(|_| Failure::new("GetConfigurationMaxKeys is no number"))?;
    let keys: Vec<String> = longest_list(bench).into_iter().take(most).collect();
    bench
        .command("GetConfiguration", json!({"key": keys}))
        .await;
    DONE
}

/// The names in the longest answer so far: the whole configuration.
fn longest_list(bench: &Bench) -> Vec<String> {
    let log = bench.line.log();
    let lists = log.entries.iter().filter_map(|entry| {
        match entry.frame(dynamo_protocol::trace::Direction::FromSut)? {
            crate::trace::Message::Result { payload, .. } => {
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
    let bench = world.bench()?;
    bench.remember(&key).await?;
    bench
        .command("ChangeConfiguration", json!({"key": key, "value": value}))
        .await;
    DONE
}

#[then("it answers with its configuration")]
async fn answers_configuration(world: &mut World) -> StepResult {
    let result = world.bench()?.result().await?;
    match result["configurationKey"].as_array() {
        Some(keys) if !keys.is_empty() => DONE,
        _ => Err(Failure::new(format!("its answer {result} lists no key"))),
    }
}

#[then(regex = r"^it answers with a value of (\w+)$")]
async fn answers_value(world: &mut World, key: String) -> StepResult {
    let result = world.bench()?.result().await?;
    value_in(&result, &key).map(|_| ())
}

#[then(regex = r"^it answers that (\w+) is unknown$")]
async fn answers_unknown(world: &mut World, key: String) -> StepResult {
    let result = world.bench()?.result().await?;
    let unknown = result["unknownKey"]
        .as_array()
        .is_some_and(|keys| keys.iter().any(|other| *other == key));
    let known = result["configurationKey"]
        .as_array()
        .is_some_and(|keys| !keys.is_empty());
    if unknown && !known {
        DONE
    } else {
        Err(Failure::new(format!("its answer is {result}")))
    }
}

#[then(regex = r"^it answers that (\w+) is (\d+)$")]
async fn answers_that(world: &mut World, key: String, value: String) -> StepResult {
    let result = world.bench()?.result().await?;
    let is = value_in(&result, &key)?;
    if is == value {
        DONE
    } else {
        Err(Failure::new(format!("{key} is {is}, not {value}")))
    }
}

#[then("it answers with all of them and none unknown")]
async fn answers_all(world: &mut World) -> StepResult {
    let bench = world.bench()?;
    let asked = bench.last_call_payload()?;
    let asked: Vec<String> = serde_json::from_value(asked["key"].clone()).unwrap_or_default();
    let result = bench.result().await?;
    let got = names(&result["configurationKey"]);
    let missing: Vec<&String> = asked.iter().filter(|key| !got.contains(key)).collect();
    let unknown = result["unknownKey"].as_array().map_or(0, Vec::len);
    if missing.is_empty() && unknown == 0 && !asked.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "of {} keys it left out {missing:?} and called {unknown} unknown",
        asked.len()
    )))
}

#[then("every required key of the profiles it claims is there, read-only where it must be")]
async fn required_keys(world: &mut World) -> StepResult {
    let bench = world.bench()?;
    let claimed = last_value_read(bench, "SupportedFeatureProfiles")?;
    let claimed: Vec<&str> = claimed.split(',').map(str::trim).collect();
    let result = bench.result().await?;
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
        Err(Failure::new(wrong.join("; ")))
    }
}

fn wrong_key(keys: &[Value], key: &str, readonly: Option<bool>) -> Option<String> {
    match keys.iter().find(|entry| {
        entry["key"]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case(key))
    }) {
        None => Some(format!("{key} is missing")),
        Some(entry) => {
            let is = entry["readonly"].as_bool();
            (readonly.is_some() && is != readonly)
                .then(|| format!("{key} is marked readonly {}", entry["readonly"]))
        }
    }
}

fn value_in(result: &Value, key: &str) -> Result<String, Failure> {
    let keys = result["configurationKey"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    keys.iter()
        .find(|entry| {
            entry["key"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(key))
        })
        .and_then(|entry| entry["value"].as_str().map(str::to_owned))
        .ok_or_else(|| Failure::new(format!("its answer {result} has no value of {key}")))
}

/// The value of a key as the last answer that named it told it.
pub(super) fn last_value_read(bench: &Bench, key: &str) -> Result<String, Failure> {
    let log = bench.line.log();
    let answers = log.entries.iter().rev().filter_map(|entry| {
        match entry.frame(dynamo_protocol::trace::Direction::FromSut)? {
            crate::trace::Message::Result { payload, .. } => Some(payload),
            _ => None,
        }
    });
    answers
        .filter(|payload| payload.get("configurationKey").is_some())
        .find_map(|payload| value_in(payload, key).ok())
        .ok_or_else(|| Failure::new(format!("{key} was not read before")))
}
