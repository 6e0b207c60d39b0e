//! Settings that are taken and not heeded, or taken though they make no sense.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::{nothing, only_says_that_it_set, swallowed};
use crate::defect::{Frames, answers, becomes, habit, only_says, says};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Takes any value of these keys.
fn takes_any(keys: &'static [&'static str]) -> Box<dyn Bend> {
    let mut is_asked = false;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if action == "ChangeConfiguration" => {
            is_asked = payload["key"]
                .as_str()
                .is_some_and(|key| keys.contains(&key));
            None
        }
        Message::Result { id, payload }
            if is_asked
                && direction == Direction::FromSut
                && action == "ChangeConfiguration"
                && payload["status"] == "Rejected" =>
        {
            Some(becomes(json!([3, id, {"status": "Accepted"}])))
        }
        _ => None,
    })
}

/// Behaves as if a key had another value, and does not say so: asked for it, it tells what it should be, and then
/// takes the other one.
pub(super) fn behaves_as_if(key: &'static str, value: &'static str) -> Box<dyn Bend> {
    const SETS: &str = "sets-it-itself";
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "GetConfiguration"
                && payload["key"][0] == key =>
        {
            let asks = json!([2, id, action, payload]);
            let sets = json!([2, SETS, "ChangeConfiguration", {"key": key, "value": value}]);
            Some(Fate {
                on: vec![asks.to_string(), sets.to_string()],
                ..Fate::default()
            })
        }
        Message::Result { id, .. } if direction == Direction::FromSut && id == SETS => {
            Some(Fate::default())
        }
        _ => None,
    })
}

/// Says that it has set a key, and leaves it.
fn only_says_that_it_sets(key: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "ChangeConfiguration"
                && payload["key"] == key =>
        {
            Some(swallowed(id, &json!({"status": "Accepted"})))
        }
        _ => None,
    })
}

/// Sets a key only by the name that it gives it.
fn minds_the_case_of_keys_that_are_set() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut && action == "ChangeConfiguration" =>
        {
            let key = payload["key"].as_str()?;
            let unknown = json!({"status": "NotSupported"});
            (key == key.to_uppercase()).then(|| swallowed(id, &unknown))
        }
        _ => None,
    })
}

/// After a later boot a setting is what it was before.
fn forgets(key: &'static str) -> Box<dyn Bend> {
    let (mut boots, mut old) = (0, Value::Null);
    habit(move |direction, action, message| match message {
        Message::Call { .. } if action == "BootNotification" => {
            boots += 1;
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "GetConfiguration" =>
        {
            let mut payload = payload.clone();
            let keys = keys_of(&mut payload)?;
            let told = keys.iter_mut().find(|told| told["key"] == key)?;
            if old.is_null() {
                old = told["value"].clone();
            }
            if boots < 2 || told["value"] == old {
                return None;
            }
            told["value"] = old.clone();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Has answers before they are there, and goes on.
fn waits_for_no_answer() -> Box<dyn Bend> {
    const SAYS: &str = "StatusNotification";
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut && action == SAYS => {
            let said = json!([2, id, action, payload]).to_string();
            Some(Fate {
                on: vec![said],
                ..swallowed(id, &nothing())
            })
        }
        Message::Result { .. } if direction == Direction::ToSut && action == SAYS => {
            Some(Fate::default())
        }
        _ => None,
    })
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

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "says nothing of keys that it does not know",
        breaks: "unknown keys are named as such [1.6 §5.8]",
        make: || {
            answers("GetConfiguration", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("unknownKey"));
            })
        },
    },
    Frames {
        name: "takes any word for true or false",
        breaks: "a value that makes no sense is Rejected [1.6 §5.3]",
        make: || {
            takes_any(&[
                "LocalAuthorizeOffline",
                "LocalPreAuthorize",
                "StopTransactionOnInvalidId",
            ])
        },
    },
    Frames {
        name: "takes any word for a number",
        breaks: "a value that makes no sense is Rejected [1.6 §5.3]",
        make: || {
            takes_any(&[
                "ClockAlignedDataInterval",
                "ConnectionTimeOut",
                "HeartbeatInterval",
                "TransactionMessageAttempts",
                "TransactionMessageRetryInterval",
            ])
        },
    },
    Frames {
        name: "lets keys be written that are to be read",
        breaks: "a key that can only be read is not written [1.6 §9.1]",
        make: || {
            takes_any(&[
                "GetConfigurationMaxKeys",
                "NumberOfConnectors",
                "SupportedFeatureProfiles",
            ])
        },
    },
    Frames {
        name: "minds the case of keys that are set",
        breaks: "names of keys have no case [1.6 §7.17]",
        make: minds_the_case_of_keys_that_are_set,
    },
    Frames {
        name: "takes any measurand for its samples",
        breaks: "a measurand that it does not have is Rejected [1.6 §9.1.17]",
        make: || takes_any(&["MeterValuesSampledData", "StopTxnSampledData"]),
    },
    Frames {
        name: "takes any measurand for the values of the clock",
        breaks: "a measurand that it does not have is Rejected [1.6 §9.1.15]",
        make: || takes_any(&["MeterValuesAlignedData", "StopTxnAlignedData"]),
    },
    Frames {
        name: "frees the cable whatever the setting",
        breaks: "UnlockConnectorOnEVSideDisconnect says whether the cable is freed [1.6 §9.1.33]",
        make: || only_says_that_it_set("UnlockConnectorOnEVSideDisconnect", "false"),
    },
    Frames {
        name: "keeps the cable whatever the setting",
        breaks: "UnlockConnectorOnEVSideDisconnect says whether the cable is freed [1.6 §9.1.33]",
        make: || behaves_as_if("UnlockConnectorOnEVSideDisconnect", "false"),
    },
    Frames {
        name: "stops without the car whatever the setting",
        breaks: "StopTransactionOnEVSideDisconnect says what an unplugged car means [1.6 §9.1.23]",
        make: || only_says_that_it_set("StopTransactionOnEVSideDisconnect", "false"),
    },
    Frames {
        name: "keeps the pace of its heartbeats",
        breaks: "HeartbeatInterval says how often a heartbeat is sent [1.6 §9.1.10]",
        make: || only_says_that_it_sets("HeartbeatInterval"),
    },
    Frames {
        name: "tells words for numbers",
        breaks: "the value of a key is of the kind of the standard [1.6 §9.1]",
        make: || {
            answers("GetConfiguration", |payload| {
                let keys = keys_of(payload).into_iter().flatten();
                for told in keys.filter(|told| told["key"] == "ConnectionTimeOut") {
                    told["value"] = "one minute".into();
                }
            })
        },
    },
    Frames {
        name: "forgets a setting in a power cut",
        breaks: "a setting that was accepted stays until it is set again [1.6 §5.3]",
        make: || forgets("MeterValueSampleInterval"),
    },
    Frames {
        name: "waits for no answer to its statuses",
        breaks: "the next call waits for the answer to the one before [1.6J §4.1.1]",
        make: waits_for_no_answer,
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
        name: "keeps a value that it has refused",
        breaks: "a refused value is not in force [1.6 §5.3]",
        make: keeps_what_it_refused,
    },
    Frames {
        name: "minds the case of keys",
        breaks: "names of keys have no case [1.6 §7.17]",
        make: minds_the_case_of_keys,
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
        name: "sends no pings whatever the setting",
        breaks: "WebSocketPingInterval is the time between pings [1.6J §7]",
        make: || only_says_that_it_set("WebSocketPingInterval", "2"),
    },
    Frames {
        name: "goes on with its pings whatever the setting",
        breaks: "with WebSocketPingInterval 0 no ping is sent [1.6J §7]",
        make: || only_says_that_it_set("WebSocketPingInterval", "0"),
    },
    Frames {
        name: "turns its phases in words of its own",
        breaks: "ConnectorPhaseRotation has eight words [1.6 §9.1.7]",
        make: || {
            answers("GetConfiguration", |payload| {
                let keys = keys_of(payload).into_iter().flatten();
                for told in keys.filter(|told| told["key"] == "ConnectorPhaseRotation") {
                    told["value"] = "1.L1L2L3,2.L1L2L3".into();
                }
            })
        },
    },
];
