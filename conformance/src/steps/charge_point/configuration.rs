//! Configuration keys: reading, writing, and what must be there.

use cucumber::{given, then, when};
use serde_json::{Value, json};

use crate::bench::{Bench, Closed};
use crate::expect::{Expected, Failure, Order, StepResult};
use crate::params::{list, quoted};
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

/// Intervals and time-outs in seconds, of which a charge point may have a smallest one.
const INTERVALS: [&str; 5] = [
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "HeartbeatInterval",
    "MeterValueSampleInterval",
    "TransactionMessageRetryInterval",
];

/// How often a scenario's interval goes into the smallest one of this charge point; 1 where it is long enough, or
/// means "off".
pub(super) fn stretch(interval: u32, min_interval: u32) -> u32 {
    if interval == 0 {
        1
    } else {
        min_interval.div_ceil(interval).max(1)
    }
}

#[given(regex = r"^the setting (\w+) is (\S+)$")]
async fn setting(world: &mut World, key: String, value: String) -> StepResult {
    set(world, &key, &value).await
}

/// Sets a key; intervals no smaller than this charge point takes them, and the scenario's other times with them.
pub(super) async fn set(world: &mut World, key: &str, value: &str) -> StepResult {
    let bench = world.bench()?;
    let mut value = value.to_owned();
    if INTERVALS.contains(&key)
        && let Ok(interval) = value.parse::<u32>()
    {
        let stretch = stretch(interval, bench.traits.min_interval);
        bench.stretch = bench.stretch.max(stretch);
        value = (interval * stretch).to_string();
    }
    bench.configure(key, &value).await.or_end(world)
}

/// The charge point took a value that counts after a restart: restarts it, and makes sure that the value is there.
pub(crate) async fn restart_to_set(
    bench: &mut Bench,
    key: &str,
    value: &str,
) -> Result<(), Closed> {
    bench.line.note(format!(
        "rig: the charge point needs a restart to set {key}; it is reset"
    ));
    bench.command("Reset", json!({"type": "Soft"})).await;
    let result = bench.result().await?;
    if result["status"] != "Accepted" {
        return Err(Closed::NotRun(format!(
            "the charge point needs a restart to set {key} and answered the reset with {}; set {key} to {value} before \
             the run",
            result["status"]
        )));
    }
    bench
        .expect(Order::Next, &Expected::call("BootNotification"))
        .await?;
    super::boot::statuses(bench, 0, &["Available"], Order::Next).await?;
    bench
        .command("GetConfiguration", json!({"key": [key]}))
        .await;
    let is = value_in(&bench.result().await?, key)?;
    if is.eq_ignore_ascii_case(value) {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{key} was set to {value} and answered with RebootRequired; after the restart it is {is}"
        ))
        .into())
    }
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
        .map_err(|_| Failure::new("the value of GetConfigurationMaxKeys is no number"))?;
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
        Err(Failure::new(format!(
            "its answer to {key} is {result}; {key} among the unknown keys and no value is expected"
        )))
    }
}

#[then(regex = r"^it answers that (\w+) is (\d+)$")]
async fn answers_that(world: &mut World, key: String, value: String) -> StepResult {
    let result = world.bench()?.result().await?;
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
        "of the {} keys that were asked for it left out {} and called {unknown} unknown; all of them are expected",
        asked.len(),
        list(&missing)
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    use dynamo_protocol::trace::Direction;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::defect::{Defect, Fate, Seed};
    use crate::features;
    use crate::peer::csms::CsmsServer;
    use crate::report::Status;
    use crate::rig::{ChargerUnderTest, Rig, RigParts, Tags};
    use crate::trace::Message;

    /// A charge point whose settings count after a restart.
    struct NeedsRestart;

    impl Defect for NeedsRestart {
        fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate> {
            match message {
                Message::Result { id, payload }
                    if direction == Direction::FromSut
                        && action == "ChangeConfiguration"
                        && payload["status"] == "Accepted" =>
                {
                    Some(Fate::pass(
                        &json!([3, id, {"status": "RebootRequired"}]).to_string(),
                    ))
                }
                _ => None,
            }
        }
    }

    #[tokio::test]
    async fn a_charge_point_that_needs_a_restart_for_a_setting_is_restarted_and_judged() {
        let over = CancellationToken::new();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = CsmsServer::listen(local, over.clone()).await.unwrap();
        let parts = RigParts {
            charger: Some(ChargerUnderTest::Bundled),
            server: Some(server),
            csms: None,
            api: None,
            tags: Tags {
                known: "RFID-USER-4A2F".into(),
                unknown: "NO-SUCH-TAG".into(),
                blocked: None,
                expired: None,
            },
            patience: Duration::from_secs(10),
            schemas: None,
            defect: Some(Seed {
                name: "needs a restart",
                breaks: "nothing",
                make: || Box::new(NeedsRestart),
            }),
        };
        let rig = Arc::new(Rig::new(parts));
        let features = features::keep(features::read(None).unwrap(), |tags| {
            tags.iter().any(|tag| tag == "TC_004_2_CS")
        });
        let played = crate::run::play(&rig, features, 1, &CancellationToken::new(), |_| {}).await;
        let scenarios = played.unwrap();
        over.cancel();
        assert_eq!(scenarios.len(), 1);
        let scenario = &scenarios[0];
        assert_eq!(scenario.status, Status::Passed, "{:?}", scenario.reason);
        let resets = scenario
            .frames
            .iter()
            .filter(|frame| frame.direction == "to_sut" && frame.raw.contains("\"Reset\""))
            .count();
        assert_eq!(resets, 1, "{:?}", scenario.frames);
    }

    #[test]
    fn an_interval_is_stretched_to_the_smallest_that_the_charge_point_takes() {
        assert_eq!(stretch(1, 1), 1);
        assert_eq!(stretch(2, 1), 1);
        assert_eq!(stretch(1, 10), 10);
        assert_eq!(stretch(2, 10), 5);
        assert_eq!(stretch(2, 15), 8);
        assert_eq!(stretch(900, 10), 1);
        assert_eq!(stretch(0, 10), 1, "0 switches off");
    }
}
