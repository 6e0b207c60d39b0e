//! Boots and heartbeats, and what is said before a boot is accepted.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::defect::{Frames, becomes, calls, habit, never_calls};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

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

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "boots again without waiting",
        breaks: "after Rejected or Pending it waits the interval [1.6 §4.2]",
        make: boots_too_soon,
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
        name: "lives in 1970",
        breaks: "it takes over the time that the CSMS tells [1.6 §4.2]",
        make: || {
            calls("StatusNotification", |payload| {
                payload["timestamp"] = "1970-01-01T00:00:00Z".into();
            })
        },
    },
    Frames {
        name: "sends a stop before its boot is accepted",
        breaks: "until it is accepted it sends nothing but boots [1.6 §4.2]",
        make: stops_before_acceptance,
    },
    Frames {
        name: "talks before it boots",
        breaks: "nothing is sent before the boot [1.6 §4.2]",
        make: talks_before_it_boots,
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
];
