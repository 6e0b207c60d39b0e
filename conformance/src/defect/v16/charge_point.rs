//! Ways in which charge points get it wrong.

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

fn lacks_key(key: &'static str) -> Box<dyn Bend> {
    answers("GetConfiguration", move |payload| {
        if let Some(keys) = payload["configurationKey"].as_array_mut() {
            keys.retain(|entry| entry["key"] != key);
        }
    })
}

pub(in crate::defect) static SEEDS: &[Frames] = &[
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
        breaks: "an unknown vendor is UnknownVendorId [1.6 §5.6]",
        make: || says("DataTransfer", "UnknownVendorId", "Accepted"),
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
