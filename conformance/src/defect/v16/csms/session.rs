//! Sessions that are begun, kept or ended as they should not be.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::{refuses, sample, time_of};
use crate::defect::{Frames, answers, becomes, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Leaves calls of a kind unanswered.
fn drops(wanted: &'static str, kind: fn(&Value) -> bool) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == wanted && kind(payload) =>
        {
            Some(Fate::default())
        }
        _ => None,
    })
}

/// Refuses the tag of a session that runs.
fn refuses_who_charges() -> Box<dyn Bend> {
    let mut runs = false;
    habit(move |direction, action, message| match message {
        Message::Result { id, payload } if direction == Direction::FromSut => match action {
            "Authorize" if runs && payload["idTagInfo"]["status"] == "Accepted" => {
                let refused = json!({"idTagInfo": {"status": "ConcurrentTx"}});
                Some(becomes(json!([3, id, refused])))
            }
            "StartTransaction" | "StopTransaction" => {
                runs = action == "StartTransaction";
                None
            }
            _ => None,
        },
        _ => None,
    })
}

/// Finds a blocked tag only as it is written on the list.
fn blocks_as_it_is_written() -> Box<dyn Bend> {
    let mut small = false;
    habit(move |direction, _, message| match message {
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            let tag = payload["idTag"].as_str().unwrap_or_default();
            small = tag == tag.to_lowercase();
            None
        }
        Message::Result { id, payload }
            if small
                && direction == Direction::FromSut
                && payload["idTagInfo"]["status"] == "Blocked" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Takes a start that is told again for another one.
fn makes_two_of_one() -> Box<dyn Bend> {
    let mut told: Vec<Value> = Vec::new();
    let mut is_told_again = false;
    habit(move |direction, action, message| match message {
        _ if action != "StartTransaction" => None,
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            is_told_again = told.contains(payload);
            told.push(payload.clone());
            None
        }
        Message::Result { id, payload } if direction == Direction::FromSut && is_told_again => {
            let mut payload = payload.clone();
            payload["transactionId"] = (payload["transactionId"].as_i64()? + 1).into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// A tag has one session at a time: a second start is the first one.
fn knows_one_session_per_tag() -> Box<dyn Bend> {
    let (mut tag, mut running) = (Value::Null, Vec::<(Value, Value)>::new());
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            match action {
                "StartTransaction" => tag = payload["idTag"].clone(),
                "StopTransaction" => running.retain(|(_, id)| *id != payload["transactionId"]),
                _ => {}
            }
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            let Some((_, given)) = running.iter().find(|(of, _)| *of == tag) else {
                running.push((tag.clone(), payload["transactionId"].clone()));
                return None;
            };
            let mut payload = payload.clone();
            payload["transactionId"] = given.clone();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Takes whoever starts next for the person whom it has started.
fn knows_whom_it_started() -> Box<dyn Bend> {
    let (mut expects, mut is_it) = (false, false);
    habit(move |direction, action, message| match message {
        Message::Call { .. } if action == "RemoteStartTransaction" => {
            expects = true;
            None
        }
        Message::Call { .. } if direction == Direction::ToSut && action == "StartTransaction" => {
            is_it = std::mem::take(&mut expects);
            None
        }
        Message::Result { id, payload }
            if is_it && direction == Direction::FromSut && action == "StartTransaction" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// A session is over for it when its connector is free; it knows no stop of it after that.
fn ends_with_the_status() -> Box<dyn Bend> {
    let mut free = false;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            match action {
                "StartTransaction" => free = false,
                "StatusNotification" => free = payload["status"] == "Available",
                _ => {}
            }
            None
        }
        Message::Result { id, .. }
            if free && direction == Direction::FromSut && action == "StopTransaction" =>
        {
            Some(becomes(json!([
                4,
                id,
                "PropertyConstraintViolation",
                "unknown transaction",
                {}
            ])))
        }
        _ => None,
    })
}

/// A refused start has no id of its own.
fn gives_refused_starts_no_id() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut
                && action == "StartTransaction"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            let mut payload = payload.clone();
            payload["transactionId"] = 0.into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// A connector has one transaction id for good.
fn gives_an_id_again() -> Box<dyn Bend> {
    let (mut connector, mut ids) = (Value::Null, Vec::<(Value, Value)>::new());
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            connector = payload["connectorId"].clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            let given = ids.iter().find(|(of, _)| *of == connector);
            let Some((_, given)) = given else {
                ids.push((connector.clone(), payload["transactionId"].clone()));
                return None;
            };
            let mut payload = payload.clone();
            payload["transactionId"] = given.clone();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Counts from the beginning when the charge point boots.
fn counts_anew_after_a_boot() -> Box<dyn Bend> {
    let mut given = 0;
    habit(move |direction, action, message| match message {
        Message::Result { .. }
            if direction == Direction::FromSut && action == "BootNotification" =>
        {
            given = 0;
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            given += 1;
            let mut payload = payload.clone();
            payload["transactionId"] = given.into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Refuses a stop that ends where its start began.
fn wants_energy() -> Box<dyn Bend> {
    let mut begun = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::ToSut => {
            if action == "StartTransaction" {
                begun = payload["meterStart"].clone();
            }
            let is_empty = action == "StopTransaction" && payload["meterStop"] == begun;
            is_empty.then(|| Fate {
                back: vec![json!([4, id, "PropertyConstraintViolation", "", {}]).to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Whether something was told more than a quarter of an hour after it happened.
fn is_old(payload: &Value) -> bool {
    let stamp: Option<jiff::Timestamp> = time_of(payload).parse().ok();
    stamp.is_some_and(|stamp| {
        jiff::Timestamp::now().duration_since(stamp) > jiff::SignedDuration::from_mins(15)
    })
}

fn refuses_unknown_stops() -> Box<dyn Bend> {
    let mut known = Vec::new();
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            known.push(payload["transactionId"].clone());
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "StopTransaction"
                && !known.contains(&payload["transactionId"]) =>
        {
            let error = json!([
                4,
                id,
                "PropertyConstraintViolation",
                "unknown transaction",
                {}
            ]);
            Some(Fate {
                on: Vec::new(),
                back: vec![error.to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Answers with an error what was told before.
fn refuses_what_comes_again(wanted: &'static str) -> Box<dyn Bend> {
    let mut told: Vec<Value> = Vec::new();
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::ToSut && action == wanted => {
            let again = told.contains(payload);
            told.push(payload.clone());
            again.then(|| {
                let error = json!([4, id, "InternalError", "told before", {}]);
                Fate {
                    back: vec![error.to_string()],
                    ..Fate::default()
                }
            })
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "refuses a tag while it charges",
        breaks: "the tag of a session that runs is valid [1.6 §7.2]",
        make: refuses_who_charges,
    },
    Frames {
        name: "lets a blocked tag in when it is written small",
        breaks: "tags have no case [1.6 §7.28]",
        make: blocks_as_it_is_written,
    },
    Frames {
        name: "makes two transactions of one that is told twice",
        breaks: "a message that was not answered is sent again [1.6 §3.7.1]",
        make: makes_two_of_one,
    },
    Frames {
        name: "takes a second start of a tag for the first",
        breaks: "each transaction has an id of its own [1.6 §4.8]",
        make: knows_one_session_per_tag,
    },
    Frames {
        name: "takes whoever starts for the one whom it has started",
        breaks: "the tag of a start is checked again [1.6 §4.8]",
        make: knows_whom_it_started,
    },
    Frames {
        name: "knows no session whose connector is free",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: ends_with_the_status,
    },
    Frames {
        name: "gives all refused starts one transaction id",
        breaks: "a refused start is told its end under its id [1.6 §4.8]",
        make: gives_refused_starts_no_id,
    },
    Frames {
        name: "takes no session that pauses",
        breaks: "a connector has any status of the standard [1.6 §7.7]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["status"] == "SuspendedEV"
            })
        },
    },
    Frames {
        name: "gives every transaction the same id",
        breaks: "each transaction has its own id [1.6 §4.8]",
        make: || {
            answers("StartTransaction", |payload| {
                payload["transactionId"] = 1.into()
            })
        },
    },
    Frames {
        name: "gives refused starts no id",
        breaks: "every start is given a transaction id [1.6 §4.8]",
        make: || {
            answers("StartTransaction", |payload| {
                if payload["idTagInfo"]["status"] != "Accepted" {
                    payload
                        .as_object_mut()
                        .map(|members| members.remove("transactionId"));
                }
            })
        },
    },
    Frames {
        name: "refuses stops it does not know",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: refuses_unknown_stops,
    },
    Frames {
        name: "gives a second session the id of the first",
        breaks: "each transaction has its own id [1.6 §4.8]",
        make: gives_an_id_again,
    },
    Frames {
        name: "knows no running transaction",
        breaks: "readings of a transaction are acknowledged [1.6 §4.7]",
        make: || {
            refuses("MeterValues", |payload| {
                payload.get("transactionId").is_some()
            })
        },
    },
    Frames {
        name: "leaves odd readings unanswered",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: || drops("MeterValues", |payload| sample(payload)["value"] == "NaN"),
    },
    Frames {
        name: "leaves old starts unanswered",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: || {
            drops("StartTransaction", |payload| {
                time_of(payload).starts_with("2000")
            })
        },
    },
    Frames {
        name: "takes no old readings",
        breaks: "what was queued is processed like the rest [1.6 §3.7]",
        make: || refuses("MeterValues", is_old),
    },
    Frames {
        name: "refuses stops with a tag that it does not know",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: || {
            refuses("StopTransaction", |payload| {
                payload["idTag"]
                    .as_str()
                    .is_some_and(|tag| !tag.contains("USER"))
            })
        },
    },
    Frames {
        name: "counts transactions anew after a boot",
        breaks: "each transaction has its own id [1.6 §4.8]",
        make: counts_anew_after_a_boot,
    },
    Frames {
        name: "books no session without energy",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: wants_energy,
    },
    Frames {
        name: "refuses a stop that is told again",
        breaks: "every StopTransaction is answered [1.6 §4.10]",
        make: || refuses_what_comes_again("StopTransaction"),
    },
    Frames {
        name: "refuses readings that are told again",
        breaks: "every MeterValues is answered [1.6 §4.7]",
        make: || refuses_what_comes_again("MeterValues"),
    },
];
