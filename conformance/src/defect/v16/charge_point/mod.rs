//! Ways in which charge points get it wrong.

mod session;
mod setting;

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::defect::{
    Frames, answers, answers_twice, becomes, calls, habit, never_answers, never_calls, only_says,
    says, swaps_error_codes,
};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// A message older than this was queued.
const QUEUED: Duration = Duration::from_millis(700);

fn nothing() -> Value {
    json!({})
}

fn accepted_tag() -> Value {
    json!({"idTagInfo": {"status": "Accepted"}})
}

fn status_is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |payload| payload["status"] == status
}

fn age(stamp: &Value) -> Duration {
    let stamp: Option<jiff::Timestamp> = stamp.as_str().and_then(|text| text.parse().ok());
    let age = stamp.map(|stamp| jiff::Timestamp::now().duration_since(stamp));
    age.and_then(|age| Duration::try_from(age).ok())
        .unwrap_or_default()
}

/// Right behind an answer to a boot that is not Accepted, boots again.
fn boots_too_soon() -> Box<dyn Bend> {
    let mut boot = None;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if action == "BootNotification" && direction == Direction::FromSut =>
        {
            boot = Some(payload.clone());
            None
        }
        Message::Result { payload, .. }
            if action == "BootNotification" && payload["status"] != "Accepted" =>
        {
            let again = json!([2, "again", "BootNotification", boot.clone()?]).to_string();
            let on = json!([3, message.id()?, payload]).to_string();
            Some(Fate {
                on: vec![on],
                back: vec![again],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Takes Invalid for Accepted.
fn charges_anybody() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && ["Authorize", "StartTransaction"].contains(&action)
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// After a boot every connector is Available, whatever it was before.
fn forgets_availability() -> Box<dyn Bend> {
    let mut boots = 0;
    habit(move |direction, action, message| match message {
        Message::Call { .. } if action == "BootNotification" => {
            boots += 1;
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && boots > 1
                && payload["status"] == "Unavailable" =>
        {
            let mut payload = payload.clone();
            payload["status"] = "Available".into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Sends the next call without waiting for the answer to the one before.
fn opens_two_calls() -> Box<dyn Bend> {
    let mut number = 0;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            number += 1;
            let frame = json!([2, id, action, payload]).to_string();
            let second = json!([2, format!("beside-{number}"), "Heartbeat", {}]).to_string();
            Some(Fate {
                on: vec![frame, second],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// All calls carry the same id.
fn uses_one_id() -> Box<dyn Bend> {
    let mut real = String::new();
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut => {
            real.clone_from(id);
            Some(becomes(json!([2, "1", action, payload])))
        }
        Message::Result { id, payload } if direction == Direction::ToSut && id == "1" => {
            Some(becomes(json!([3, real, payload])))
        }
        _ => None,
    })
}

/// Says what was queued with the time of its delivery.
fn stamps_at_delivery(action: &'static str) -> Box<dyn Bend> {
    calls(action, |payload| {
        if age(&payload["timestamp"]) > QUEUED {
            payload["timestamp"] = crate::wire::script::now().into();
        }
    })
}

/// Meter values stand a second beside where they belong.
fn measures_beside_the_clock() -> Box<dyn Bend> {
    calls("MeterValues", |payload| {
        for value in payload["meterValue"].as_array_mut().into_iter().flatten() {
            let stamp: Option<jiff::Timestamp> = value["timestamp"]
                .as_str()
                .and_then(|text| text.parse().ok());
            if let Some(stamp) = stamp {
                value["timestamp"] = (stamp + Duration::from_secs(1)).to_string().into();
            }
        }
    })
}

/// Every other call of an action is lost.
fn loses_every_other(action: &'static str) -> Box<dyn Bend> {
    let mut count = 0;
    never_calls(
        action,
        move |_| {
            count += 1;
            count % 2 == 0
        },
        nothing,
    )
}

/// The keys that an answer to GetConfiguration tells, if it tells any.
fn keys_of(payload: &mut Value) -> Option<&mut Vec<Value>> {
    payload.get_mut("configurationKey")?.as_array_mut()
}

fn lacks_key(key: &'static str) -> Box<dyn Bend> {
    answers("GetConfiguration", move |payload| {
        if let Some(keys) = keys_of(payload) {
            keys.retain(|entry| entry["key"] != key);
        }
    })
}

/// All of them.
pub(in crate::defect) fn seeds() -> impl Iterator<Item = &'static Frames> {
    let all = [SEEDS, session::SEEDS, setting::SEEDS];
    all.into_iter().flatten()
}

static SEEDS: &[Frames] = &[
    Frames {
        name: "boots again without waiting",
        breaks: "after Rejected or Pending it waits the interval [1.6 §4.2]",
        make: boots_too_soon,
    },
    Frames {
        name: "keeps connector 0 to itself",
        breaks: "after Accepted it reports connector 0 and all others [1.6 §4.9]",
        make: || {
            never_calls(
                "StatusNotification",
                |payload| payload["connectorId"] == 0,
                nothing,
            )
        },
    },
    Frames {
        name: "sends no heartbeat",
        breaks: "it sends a heartbeat after each interval [1.6 §4.6]",
        make: || {
            never_calls(
                "Heartbeat",
                |_| true,
                || json!({"currentTime": crate::wire::script::now()}),
            )
        },
    },
    Frames {
        name: "asks nobody",
        breaks: "a tag it cannot judge itself is asked about first [1.6 §4.1]",
        make: || never_calls("Authorize", |_| true, accepted_tag),
    },
    Frames {
        name: "charges anybody",
        breaks: "no energy for a tag that is not Accepted [1.6 §4.1]",
        make: charges_anybody,
    },
    Frames {
        name: "stops another transaction",
        breaks: "StopTransaction carries the id that the start was given [1.6 §4.10]",
        make: || {
            calls("StopTransaction", |payload| {
                payload["transactionId"] = 4_711.into()
            })
        },
    },
    Frames {
        name: "gives no reason",
        breaks: "the reason of a stop is left out only for Local [1.6 §4.10]",
        make: || {
            calls("StopTransaction", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("reason"));
            })
        },
    },
    Frames {
        name: "writes numbers as text",
        breaks: "meterStart is an integer [1.6 §6.45]",
        make: || {
            calls("StartTransaction", |payload| {
                payload["meterStart"] = payload["meterStart"].to_string().into()
            })
        },
    },
    Frames {
        name: "leaves the offset out",
        breaks: "time stamps are RFC 3339 with their offset [1.6 §3.13]",
        make: || {
            calls("StartTransaction", |payload| {
                payload["timestamp"] = "2024-03-10T15:00:00".into()
            })
        },
    },
    Frames {
        name: "lives in 1970",
        breaks: "it takes over the time that the CSMS tells [1.6 §4.2]",
        make: || {
            calls("StatusNotification", |payload| {
                payload["timestamp"] = "1970-01-01T00:00:00Z".into();
            })
        },
    },
    Frames {
        name: "answers twice",
        breaks: "each call has one answer [1.6J §4.1.1]",
        make: answers_twice,
    },
    Frames {
        name: "never answers an unlock",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: || never_answers("UnlockConnector"),
    },
    Frames {
        name: "mixes up NotImplemented and NotSupported",
        breaks: "NotImplemented is for an action nobody knows [1.6J §4.2.3]",
        make: swaps_error_codes,
    },
    Frames {
        name: "forgets that it is out of service",
        breaks: "availability survives a reboot [1.6 §5.2]",
        make: forgets_availability,
    },
    Frames {
        name: "accepts a start where somebody charges",
        breaks: "a remote start it cannot do is Rejected [1.6 §5.11]",
        make: || says("RemoteStartTransaction", "Rejected", "Accepted"),
    },
    Frames {
        name: "accepts the stop of any transaction",
        breaks: "a remote stop of an unknown transaction is Rejected [1.6 §5.12]",
        make: || says("RemoteStopTransaction", "Rejected", "Accepted"),
    },
    Frames {
        name: "only says that it has set a key",
        breaks: "an accepted value is in force [1.6 §5.3]",
        make: || only_says("ChangeConfiguration", || json!({"status": "Accepted"})),
    },
    Frames {
        name: "sets keys that nobody knows",
        breaks: "an unknown key is NotSupported [1.6 §5.3]",
        make: || says("ChangeConfiguration", "NotSupported", "Accepted"),
    },
    Frames {
        name: "takes any value",
        breaks: "a value that makes no sense is Rejected [1.6 §5.3]",
        make: || says("ChangeConfiguration", "Rejected", "Accepted"),
    },
    Frames {
        name: "lacks a required key",
        breaks: "every required Core key is there [1.6 §9.1]",
        make: || lacks_key("ClockAlignedDataInterval"),
    },
    Frames {
        name: "unlocks what cannot be unlocked",
        breaks: "a fixed cable is NotSupported [1.6 §5.18]",
        make: || says("UnlockConnector", "NotSupported", "Unlocked"),
    },
    Frames {
        name: "hides a jammed lock",
        breaks: "a lock that does not open is UnlockFailed [1.6 §5.18]",
        make: || says("UnlockConnector", "UnlockFailed", "Unlocked"),
    },
    Frames {
        name: "only says that it has cleared its cache",
        breaks: "after ClearCache tags are asked about again [1.6 §5.4]",
        make: || only_says("ClearCache", || json!({"status": "Accepted"})),
    },
    Frames {
        name: "takes data of any vendor",
        breaks: "an unknown vendor is UnknownVendorId [1.6 §4.3]",
        make: || says("DataTransfer", "UnknownVendorId", "Accepted"),
    },
    Frames {
        name: "is thrown by data of a vendor it does not know",
        breaks: "an unknown vendor is UnknownVendorId [1.6 §4.3]",
        make: errors_on_data,
    },
    Frames {
        name: "hides that a cable was plugged in",
        breaks: "a change of state is reported [1.6 §4.9]",
        make: || never_calls("StatusNotification", status_is("Preparing"), nothing),
    },
    Frames {
        name: "hides its faults",
        breaks: "a fault is reported with its code [1.6 §4.9]",
        make: || never_calls("StatusNotification", status_is("Faulted"), nothing),
    },
    Frames {
        name: "loses what it queued of meter values",
        breaks: "meter values of a transaction survive an outage [1.6 §3.7]",
        make: || {
            never_calls(
                "MeterValues",
                |payload| age(&payload["meterValue"][0]["timestamp"]) > QUEUED,
                nothing,
            )
        },
    },
    Frames {
        name: "loses the stop it queued",
        breaks: "transaction messages are delivered after an outage [1.6 §3.7]",
        make: || {
            never_calls(
                "StopTransaction",
                |payload| age(&payload["timestamp"]) > QUEUED,
                nothing,
            )
        },
    },
    Frames {
        name: "stamps starts when it delivers them",
        breaks: "a queued message keeps its time [1.6 §3.7]",
        make: || stamps_at_delivery("StartTransaction"),
    },
    Frames {
        name: "stamps stops when it delivers them",
        breaks: "a queued message keeps its time [1.6 §3.7]",
        make: || stamps_at_delivery("StopTransaction"),
    },
    Frames {
        name: "measures beside the clock",
        breaks: "aligned values stand on the aligned instants [1.6 §3.16.2]",
        make: measures_beside_the_clock,
    },
    Frames {
        name: "loses every other meter value",
        breaks: "a sample comes after each interval [1.6 §3.16.3]",
        make: || loses_every_other("MeterValues"),
    },
    Frames {
        name: "measures backwards",
        breaks: "meterStop is what the register shows at the end [1.6 §6.49]",
        make: || {
            calls("StopTransaction", |payload| {
                payload["meterStop"] = (-1).into()
            })
        },
    },
    Frames {
        name: "opens two calls at a time",
        breaks: "the next call waits for the answer to the one before [1.6J §4.1.1]",
        make: opens_two_calls,
    },
    Frames {
        name: "uses one id for all calls",
        breaks: "the id of a call is unique [1.6J §4.1.4]",
        make: uses_one_id,
    },
    Frames {
        name: "accepts every trigger and sends nothing",
        breaks: "what was triggered and accepted is sent [1.6 §5.17]",
        make: || only_says("TriggerMessage", || json!({"status": "Accepted"})),
    },
    Frames {
        name: "sends what was triggered before it answers",
        breaks: "a trigger is answered before the message is sent [1.6 §5.17]",
        make: answers_triggers_late,
    },
    Frames {
        name: "accepts a trigger of any connector",
        breaks: "a connector that is not there has nothing to tell [1.6 §5.17]",
        make: || says("TriggerMessage", "Rejected", "Accepted"),
    },
    Frames {
        name: "tells one connector where all are meant",
        breaks: "a trigger without a connector means all [1.6 §5.17]",
        make: triggers_one_for_all,
    },
    Frames {
        name: "asks before it stops for its own tag",
        breaks: "the tag that started stops unasked [1.6 §3.4, §4.1]",
        make: asks_before_its_own_stop,
    },
    Frames {
        name: "charges where it is out of service",
        breaks: "out of service means no charging [1.6 §5.2]",
        make: charges_out_of_service,
    },
    Frames {
        name: "drops the stop that the CSMS cannot process",
        breaks: "a transaction message is dropped only after it has failed often [1.6 §3.7.1]",
        make: || takes_errors_for_answers("StopTransaction"),
    },
    Frames {
        name: "drops the readings that the CSMS cannot process",
        breaks: "a transaction message is dropped only after it has failed often [1.6 §3.7.1]",
        make: || takes_errors_for_answers("MeterValues"),
    },
    Frames {
        name: "sends a stop again at once",
        breaks: "it waits TransactionMessageRetryInterval first [1.6 §9.1.32]",
        make: || stops_again(Duration::ZERO, 1),
    },
    Frames {
        name: "never gives a stop up",
        breaks: "TransactionMessageAttempts is how often it is tried [1.6 §9.1.31]",
        make: || stops_again(Duration::from_secs(1), 3),
    },
    Frames {
        name: "says the end of a session once",
        breaks: "what was not answered is kept and sent again [1.6 §3.7.1, §5.14]",
        make: stops_once,
    },
    Frames {
        name: "goes on when its start is refused",
        breaks: "StopTransactionOnInvalidId says what a refused start means [1.6 §9.1.24]",
        make: overhears_refused_starts,
    },
    Frames {
        name: "asks about a tag once in its life",
        breaks: "the cache is corrected and can be switched off [1.6 §3.5, §3.5.1]",
        make: asks_once,
    },
    Frames {
        name: "overlooks the end of an acceptance",
        breaks: "what the cache holds ends with its expiryDate [1.6 §3.5.1, §7.27]",
        make: overlooks_expiry,
    },
    Frames {
        name: "forgets bad news of a tag",
        breaks: "newer information takes the place of what the cache holds [1.6 §3.5.1]",
        make: forgets_bad_news,
    },
    Frames {
        name: "sends a stop before its boot is accepted",
        breaks: "until it is accepted it sends nothing but boots [1.6 §4.2]",
        make: stops_before_acceptance,
    },
    Frames {
        name: "charges from its cache whatever the setting",
        breaks: "with LocalAuthorizeOffline false the cache starts nobody offline [1.6 §3.5]",
        make: || only_says_that_it_set("LocalAuthorizeOffline", "false"),
    },
    Frames {
        name: "leaves out what it has sampled",
        breaks: "StopTransaction holds what StopTxnSampledData asks for [1.6 §9.1.27]",
        make: || {
            calls("StopTransaction", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("transactionData"));
            })
        },
    },
    Frames {
        name: "tells samples of another session at the end",
        breaks: "StopTransaction holds samples of its session [1.6 §6.49, §9.1.27]",
        make: tells_other_samples,
    },
    Frames {
        name: "tells one sample at the end",
        breaks: "StopTransaction holds a sample of each interval [1.6 §9.1.27]",
        make: || {
            calls("StopTransaction", |payload| {
                if let Some(data) = payload
                    .get_mut("transactionData")
                    .and_then(Value::as_array_mut)
                {
                    data.truncate(1);
                }
            })
        },
    },
    Frames {
        name: "adds samples to each stop",
        breaks: "with both lists empty StopTransaction holds none [1.6 §3.16.5]",
        make: adds_samples_to_stops,
    },
    Frames {
        name: "keeps a value that it has refused",
        breaks: "a refused value is not in force [1.6 §5.3]",
        make: keeps_what_it_refused,
    },
    Frames {
        name: "begins each session at nought",
        breaks: "meterStart is what the register of the connector shows [1.6 §6.45]",
        make: begins_at_nought,
    },
    Frames {
        name: "tells of connector 1 what happens at connector 2",
        breaks: "a start names its connector [1.6 §6.45]",
        make: mixes_up_connectors,
    },
    Frames {
        name: "stops the last of two sessions",
        breaks: "StopTransaction carries the id of the session that ends [1.6 §6.49]",
        make: stops_the_last_one,
    },
    Frames {
        name: "hangs up on a refused tag",
        breaks: "a refusal is an answer like any other [1.6 §4.1]",
        make: hangs_up_on_refusal,
    },
    Frames {
        name: "cuts message ids short",
        breaks: "an id of 36 characters comes back as it was [1.6J §4.1.4]",
        make: cuts_ids_short,
    },
    Frames {
        name: "minds the case of keys",
        breaks: "names of keys have no case [1.6 §7.17]",
        make: minds_the_case_of_keys,
    },
    Frames {
        name: "talks before it boots",
        breaks: "nothing is sent before the boot [1.6 §4.2]",
        make: talks_before_it_boots,
    },
    Frames {
        name: "measures for another transaction",
        breaks: "MeterValues name the transaction that runs [1.6 §4.7]",
        make: measures_for_another,
    },
    Frames {
        name: "loses the first sample",
        breaks: "samples are counted from the start of the transaction [1.6 §9.1.19]",
        make: loses_the_first_sample,
    },
    Frames {
        name: "measures what nobody asked for",
        breaks: "samples hold what MeterValuesSampledData asks for [1.6 §9.1.17]",
        make: measures_more,
    },
    Frames {
        name: "charges while it is suspended",
        breaks: "a refused tag gets no more energy [1.6 §4.8]",
        make: charges_while_suspended,
    },
    Frames {
        name: "ends a session in silence",
        breaks: "a refused command changes nothing [1.6 §5.11, §5.18]",
        make: ends_in_silence,
    },
    Frames {
        name: "names a key twice",
        breaks: "each key has one value [1.6 §5.8]",
        make: || {
            answers("GetConfiguration", |payload| {
                if let Some(keys) = keys_of(payload)
                    && keys.len() > 1
                {
                    keys.push(keys[0].clone());
                }
            })
        },
    },
    Frames {
        name: "miscounts its connectors",
        breaks: "NumberOfConnectors is how many there are [1.6 §9.1.21]",
        make: || {
            answers("GetConfiguration", |payload| {
                for entry in keys_of(payload).into_iter().flatten() {
                    if entry["key"] == "NumberOfConnectors" {
                        entry["value"] = "9".into();
                    }
                }
            })
        },
    },
    Frames {
        name: "tells more keys than it was asked for",
        breaks: "it tells the keys that were asked for [1.6 §5.8]",
        make: || {
            answers("GetConfiguration", |payload| {
                if let Some(keys) = keys_of(payload)
                    && keys.len() == 1
                {
                    keys.push(json!({"key": "Mood", "readonly": true, "value": "fine"}));
                }
            })
        },
    },
    Frames {
        name: "loses every other heartbeat",
        breaks: "it sends a heartbeat after each interval [1.6 §4.6]",
        make: || {
            let mut count = 0;
            never_calls(
                "Heartbeat",
                move |_| {
                    count += 1;
                    count % 2 == 0
                },
                || json!({"currentTime": crate::wire::script::now()}),
            )
        },
    },
    Frames {
        name: "names another tag in the stop",
        breaks: "a stop names the tag that asked for it [1.6 §6.49]",
        make: || {
            calls("StopTransaction", |payload| {
                if payload.get("idTag").is_some() {
                    payload["idTag"] = "SOMEBODY-ELSE".into();
                }
            })
        },
    },
    Frames {
        name: "goes out of service at once in words",
        breaks: "in use it is Scheduled [1.6 §5.2]",
        make: || says("ChangeAvailability", "Scheduled", "Accepted"),
    },
    Frames {
        name: "stops for a stranger",
        breaks: "only the starting tag or one of its group stops [1.6 §4.10]",
        make: stops_for_a_stranger,
    },
];

/// When a tag is asked about during a session, stops it.
fn stops_for_a_stranger() -> Box<dyn Bend> {
    let mut running: Option<(Value, Value)> = None;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            running = Some((Value::Null, payload.clone()));
            None
        }
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            if let Some((id, _)) = &mut running {
                *id = payload["transactionId"].clone();
            }
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "Authorize" =>
        {
            let (transaction, start) = running.take()?;
            let stop = json!([2, "stranger", "StopTransaction", {"transactionId": transaction,
                "meterStop": start["meterStart"], "timestamp": crate::wire::script::now(), "reason": "Local",
                "idTag": payload["idTag"]}]);
            Some(Fate {
                on: vec![
                    json!([2, id, action, payload]).to_string(),
                    stop.to_string(),
                ],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Answers a trigger when what it asks for is said already.
fn answers_triggers_late() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "TriggerMessage" =>
        {
            Some(Fate {
                delay: Duration::from_millis(400),
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Asked for the statuses of all, tells that of connector 0.
fn triggers_one_for_all() -> Box<dyn Bend> {
    let mut all = false;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == "TriggerMessage" =>
        {
            all = payload.get("connectorId").is_none();
            None
        }
        Message::Call { id, payload, .. }
            if all
                && direction == Direction::FromSut
                && action == "StatusNotification"
                && payload["connectorId"] != 0 =>
        {
            Some(swallowed(id, &nothing()))
        }
        _ => None,
    })
}

/// What the system under test says is not said, and answered.
fn swallowed(id: &str, answer: &Value) -> Fate {
    Fate {
        back: vec![json!([3, id, answer]).to_string()],
        ..Fate::default()
    }
}

/// Asks about the tag that started before it stops for it.
fn asks_before_its_own_stop() -> Box<dyn Bend> {
    const ASKS: &str = "asks-first";
    let mut stop = None;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && action == "StopTransaction"
                && payload["reason"].as_str().unwrap_or("Local") == "Local"
                && payload.get("idTag").is_some() =>
        {
            stop = Some(json!([2, id, action, payload]).to_string());
            let asks = json!([2, ASKS, "Authorize", {"idTag": payload["idTag"]}]);
            Some(becomes(asks))
        }
        Message::Result { id, .. } if direction == Direction::ToSut && id == ASKS => Some(Fate {
            released: stop.take().into_iter().collect(),
            ..Fate::default()
        }),
        _ => None,
    })
}

/// Says that a connector is out of service, and charges there.
fn charges_out_of_service() -> Box<dyn Bend> {
    let mut out = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "ChangeAvailability"
                && payload["type"] == "Inoperative" =>
        {
            let mut back = vec![json!([3, id, {"status": "Accepted"}]).to_string()];
            if !out {
                let status = json!([2, "out", "StatusNotification", {"connectorId": payload["connectorId"],
                    "errorCode": "NoError", "status": "Unavailable", "timestamp": crate::wire::script::now()}]);
                back.push(status.to_string());
            }
            out = true;
            Some(Fate {
                back,
                ..Fate::default()
            })
        }
        Message::Call { id, .. }
            if out && direction == Direction::ToSut && action == "RemoteStartTransaction" =>
        {
            Some(swallowed(id, &json!({"status": "Rejected"})))
        }
        Message::Call { id, .. }
            if out && direction == Direction::FromSut && action == "StatusNotification" =>
        {
            Some(swallowed(id, &nothing()))
        }
        _ => None,
    })
}

/// Takes an error for an answer.
fn takes_errors_for_answers(wanted: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Error { id, .. } if direction == Direction::ToSut && action == wanted => {
            Some(becomes(json!([3, id, {}])))
        }
        _ => None,
    })
}

/// After each error the same StopTransaction again, at once or this much later, and so often.
fn stops_again(after: Duration, from_failure: u32) -> Box<dyn Bend> {
    let mut stop = Value::Null;
    let mut failures = 0;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "StopTransaction" =>
        {
            stop = payload.clone();
            None
        }
        Message::Error { id, code, .. }
            if direction == Direction::ToSut && action == "StopTransaction" =>
        {
            failures += 1;
            if failures < from_failure {
                return None;
            }
            let again = json!([2, format!("again-{failures}"), action, stop]);
            Some(Fate {
                on: vec![json!([4, id, code, "", {}]).to_string()],
                back: vec![again.to_string()],
                delay: after,
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Says the end of each session once, whatever became of it.
fn stops_once() -> Box<dyn Bend> {
    let mut said: Vec<Value> = Vec::new();
    never_calls(
        "StopTransaction",
        move |payload| {
            let again = said.contains(payload);
            said.push(payload.clone());
            again
        },
        nothing,
    )
}

/// Takes a refused start for an accepted one.
fn overhears_refused_starts() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "StartTransaction"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Asks about a tag once in its life.
fn asks_once() -> Box<dyn Bend> {
    let mut count = 0;
    never_calls(
        "Authorize",
        move |_| {
            count += 1;
            count > 1
        },
        accepted_tag,
    )
}

/// Says that it has set a key to this, and leaves it.
fn only_says_that_it_set(key: &'static str, value: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "ChangeConfiguration"
                && payload["key"] == key
                && payload["value"] == value =>
        {
            Some(swallowed(id, &json!({"status": "Accepted"})))
        }
        _ => None,
    })
}

/// Adds a sample to each StopTransaction.
fn adds_samples_to_stops() -> Box<dyn Bend> {
    calls("StopTransaction", |payload| {
        let sample =
            json!({"value": payload["meterStop"].to_string(), "context": "Sample.Periodic"});
        payload["transactionData"] =
            json!([{"timestamp": payload["timestamp"], "sampledValue": [sample]}]);
    })
}

/// Refuses a value and has it all the same.
fn keeps_what_it_refused() -> Box<dyn Bend> {
    let mut asked: Option<(Value, Value)> = None;
    let mut kept: Option<(Value, Value)> = None;
    habit(move |direction, action, message| match (action, message) {
        ("ChangeConfiguration", Message::Call { payload, .. }) => {
            asked = Some((payload["key"].clone(), payload["value"].clone()));
            None
        }
        ("ChangeConfiguration", Message::Result { payload, .. }) => {
            if payload["status"] == "Rejected" {
                kept.clone_from(&asked);
            }
            None
        }
        ("GetConfiguration", Message::Result { id, payload })
            if direction == Direction::FromSut =>
        {
            let (key, value) = kept.as_ref()?;
            let mut payload = payload.clone();
            for entry in keys_of(&mut payload).into_iter().flatten() {
                if entry["key"] == *key {
                    entry["value"] = value.clone();
                }
            }
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// The meter of each session but the first begins at nought.
fn begins_at_nought() -> Box<dyn Bend> {
    let mut sessions = 0;
    calls("StartTransaction", move |payload| {
        sessions += 1;
        if sessions > 1 {
            payload["meterStart"] = 0.into();
        }
    })
}

/// Tells of connector 1 what happens at connector 2.
fn mixes_up_connectors() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && ["StartTransaction", "MeterValues"].contains(&action)
                && payload["connectorId"] == 2 =>
        {
            let mut payload = payload.clone();
            payload["connectorId"] = 1.into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Ends the session that began last, whichever is over.
fn stops_the_last_one() -> Box<dyn Bend> {
    let mut last = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            last = payload["transactionId"].clone();
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "StopTransaction" =>
        {
            let mut payload = payload.clone();
            payload["transactionId"] = last.clone();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Closes the line when a tag is refused.
fn hangs_up_on_refusal() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "Authorize"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            Some(Fate {
                close: true,
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Has room for 32 characters of a message id.
fn cuts_ids_short() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && id.chars().count() > 32 =>
        {
            let short: String = id.chars().take(32).collect();
            Some(becomes(json!([3, short, payload])))
        }
        _ => None,
    })
}

/// Knows a key only as it writes it itself.
fn minds_the_case_of_keys() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut && action == "GetConfiguration" =>
        {
            let key = payload["key"][0].as_str()?;
            let unknown = json!({"configurationKey": [], "unknownKey": [key]});
            (key == key.to_uppercase()).then(|| swallowed(id, &unknown))
        }
        _ => None,
    })
}

/// Says that it lives before it says who it is.
fn talks_before_it_boots() -> Box<dyn Bend> {
    let mut boots = 0;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "BootNotification" =>
        {
            boots += 1;
            let early = json!([2, format!("early-{boots}"), "Heartbeat", {}]);
            Some(Fate {
                on: vec![
                    early.to_string(),
                    json!([2, id, action, payload]).to_string(),
                ],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Tells each sample once more, of the transaction before.
fn measures_for_another() -> Box<dyn Bend> {
    let mut told = Value::Null;
    let mut number = 0;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "MeterValues" =>
        {
            told = payload.clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut && action == "MeterValues" =>
        {
            number += 1;
            let before = told["transactionId"].as_i64()? - 1;
            told["transactionId"] = before.into();
            let again = json!([2, format!("before-{number}"), action, told]);
            Some(Fate {
                back: vec![again.to_string()],
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// The first sample of a session does not come.
fn loses_the_first_sample() -> Box<dyn Bend> {
    let mut count = 0;
    never_calls(
        "MeterValues",
        move |_| {
            count += 1;
            count == 1
        },
        nothing,
    )
}

/// Measures what nobody has asked for.
fn measures_more() -> Box<dyn Bend> {
    calls("MeterValues", |payload| {
        let values = payload["meterValue"].as_array_mut();
        for value in values.into_iter().flatten() {
            if let Some(samples) = value["sampledValue"].as_array_mut() {
                let context = samples[0]["context"].clone();
                samples
                    .push(json!({"value": "21", "measurand": "Temperature", "context": context}));
            }
        }
    })
}

/// Energy flows on while the station says that it gives none.
fn charges_while_suspended() -> Box<dyn Bend> {
    let (mut suspended, mut more) = (false, 0);
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            suspended = payload["status"] == "SuspendedEVSE";
            None
        }
        Message::Call { id, payload, .. }
            if suspended && direction == Direction::FromSut && action == "MeterValues" =>
        {
            let mut payload = payload.clone();
            more += 20;
            let sample = &mut payload["meterValue"][0]["sampledValue"][0];
            let value: f64 = sample["value"].as_str()?.parse().ok()?;
            sample["value"] = (value + f64::from(more)).to_string().into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// A command that it refuses ends the session, and nobody is told.
fn ends_in_silence() -> Box<dyn Bend> {
    let mut ended = false;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut
                && [
                    "RemoteStartTransaction",
                    "RemoteStopTransaction",
                    "UnlockConnector",
                ]
                .contains(&action) =>
        {
            ended = payload["status"] == "Rejected" || payload["status"] == "NotSupported";
            None
        }
        Message::Call { id, .. }
            if ended && direction == Direction::ToSut && action == "RemoteStopTransaction" =>
        {
            Some(swallowed(id, &json!({"status": "Rejected"})))
        }
        _ => None,
    })
}

/// Data of a vendor that it does not know is an error to it.
fn errors_on_data() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, .. }
            if direction == Direction::FromSut && action == "DataTransfer" =>
        {
            Some(becomes(json!([4, id, "InternalError", "", {}])))
        }
        _ => None,
    })
}

/// The register in its StopTransaction is far beyond where the session ended.
fn tells_other_samples() -> Box<dyn Bend> {
    calls("StopTransaction", |payload| {
        let data = payload
            .get_mut("transactionData")
            .and_then(Value::as_array_mut);
        for value in data.into_iter().flatten() {
            let samples = value["sampledValue"].as_array_mut();
            for sample in samples.into_iter().flatten() {
                let beyond = sample["value"].as_str().and_then(|text| text.parse().ok());
                let beyond: f64 = beyond.unwrap_or(0.0) + 1_000_000.0;
                sample["value"] = beyond.to_string().into();
            }
        }
    })
}

/// Reads of an acceptance only that it is one.
fn overlooks_expiry() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut && action == "Authorize" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"].as_object_mut()?.remove("expiryDate")?;
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// A refusal starts nothing, and does not get into the cache.
fn forgets_bad_news() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "Authorize"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            Some(becomes(json!([4, id, "InternalError", "", {}])))
        }
        _ => None,
    })
}

/// Says behind a refused boot what it has to say of a session.
fn stops_before_acceptance() -> Box<dyn Bend> {
    let mut transaction = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            transaction = payload["transactionId"].clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "BootNotification"
                && payload["status"] == "Rejected"
                && !transaction.is_null() =>
        {
            let stop = json!([2, "too-early", "StopTransaction", {"transactionId": transaction, "meterStop": 9_999,
                "timestamp": crate::wire::script::now(), "reason": "PowerLoss"}]);
            Some(Fate {
                back: vec![stop.to_string()],
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}
