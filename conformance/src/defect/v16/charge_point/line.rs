//! What is read wrong, answered when it should not be, or not answered.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::swallowed;
use crate::defect::v16::{NeverPongs, hangs_up_on_rubbish, reads_no_spaces};
use crate::defect::{
    Frames, answers_twice, becomes, calls, habit, never_answers, says, swaps_error_codes,
};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Answers a command of this kind like this, and does nothing.
fn answers_to(
    wanted: &'static str,
    kind: fn(&Value) -> bool,
    answer: fn() -> Value,
) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut && action == wanted && kind(payload) =>
        {
            Some(swallowed(id, &answer()))
        }
        _ => None,
    })
}

/// Answers questions also while its boot is refused.
fn answers_while_it_is_refused() -> Box<dyn Bend> {
    let mut refused = false;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. } if action == "BootNotification" => {
            refused = payload["status"] == "Rejected";
            None
        }
        Message::Call { id, .. }
            if refused && direction == Direction::ToSut && action == "GetConfiguration" =>
        {
            Some(swallowed(id, &json!({"configurationKey": []})))
        }
        _ => None,
    })
}

/// Reads of a time its date and its clock alone.
fn reads_no_offset() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload } if direction == Direction::ToSut => {
            let (instant, _) = payload["currentTime"].as_str()?.split_once('+')?;
            let mut payload = payload.clone();
            payload["currentTime"] = format!("{instant}Z").into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Cannot read what is written in another script.
fn reads_ascii_alone() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut && !payload.to_string().is_ascii() =>
        {
            let error = json!([4, id, "FormationViolation", "", {}]).to_string();
            Some(Fate {
                back: vec![error],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Takes an error in answer to a question for a yes.
fn takes_errors_for_a_yes() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Error { id, .. } if direction == Direction::ToSut && action == "Authorize" => {
            Some(becomes(
                json!([3, id, {"idTagInfo": {"status": "Accepted"}}]),
            ))
        }
        _ => None,
    })
}

/// After a heartbeat that was not answered well sends none.
fn beats_until_an_error() -> Box<dyn Bend> {
    let mut dead = false;
    habit(move |direction, action, message| match message {
        Message::Error { .. } if direction == Direction::ToSut && action == "Heartbeat" => {
            dead = true;
            None
        }
        Message::Call { id, .. }
            if dead && direction == Direction::FromSut && action == "Heartbeat" =>
        {
            Some(swallowed(
                id,
                &json!({"currentTime": crate::wire::script::now()}),
            ))
        }
        _ => None,
    })
}

/// Boots again at once when it is refused and told no interval.
fn floods_with_boots() -> Box<dyn Bend> {
    let mut boot = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if action == "BootNotification" => {
            boot = payload.clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "BootNotification"
                && payload["interval"] == 0 =>
        {
            let again = json!([2, "at-once", "BootNotification", boot]);
            Some(Fate {
                made_up: vec![again.to_string()],
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Takes no remote start any more once a tag was refused.
fn is_blocked_by_a_refusal() -> Box<dyn Bend> {
    let mut blocked = false;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "Authorize" =>
        {
            blocked |= payload["idTagInfo"]["status"] != "Accepted";
            None
        }
        Message::Call { id, .. }
            if blocked && direction == Direction::ToSut && action == "RemoteStartTransaction" =>
        {
            Some(swallowed(id, &json!({"status": "Rejected"})))
        }
        _ => None,
    })
}

/// Tells of connector 1 when another one was meant.
fn triggers_the_first() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "TriggerMessage"
                && payload["connectorId"] == 2 =>
        {
            let mut payload = payload.clone();
            payload["connectorId"] = 1.into();
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

/// Boots no more once the CSMS could not process its boot.
fn boots_once() -> Box<dyn Bend> {
    let mut dead = false;
    habit(move |direction, action, message| match message {
        Message::Error { .. } if direction == Direction::ToSut && action == "BootNotification" => {
            dead = true;
            None
        }
        Message::Call { .. } if direction == Direction::FromSut => dead.then(Fate::default),
        _ => None,
    })
}

/// Takes a remote stop also while it is pending.
fn stops_while_it_is_pending() -> Box<dyn Bend> {
    let mut pending = false;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. } if action == "BootNotification" => {
            pending = payload["status"] == "Pending";
            None
        }
        Message::Call { id, .. }
            if pending && direction == Direction::ToSut && action == "RemoteStopTransaction" =>
        {
            Some(swallowed(id, &json!({"status": "Accepted"})))
        }
        _ => None,
    })
}

/// Says Idle once it has told its three statuses behind a boot.
fn says_idle(with: &'static str) -> Box<dyn Bend> {
    let mut told = 0;
    habit(move |direction, action, message| match message {
        Message::Result { id, payload } if direction == Direction::ToSut => {
            match action {
                "BootNotification" => told = 0,
                "StatusNotification" => told += 1,
                _ => return None,
            }
            (action == "StatusNotification" && told == 3).then(|| {
                let idle = json!([2, "idle", with, {"status": "Idle"}]);
                Fate {
                    made_up: vec![idle.to_string()],
                    ..becomes(json!([3, id, payload]))
                }
            })
        }
        _ => None,
    })
}

/// Loses what is longer than its buffer.
fn reads_so_much(bytes: usize) -> Box<dyn Bend> {
    habit(move |direction, _, message| match message {
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            (payload.to_string().len() > bytes).then(Fate::default)
        }
        _ => None,
    })
}

/// Takes no acceptance whose time has fewer or more digits behind the point.
fn reads_decimals(least: usize, most: usize) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "BootNotification" =>
        {
            let time = payload["currentTime"].as_str().unwrap_or_default();
            let (_, rest) = time.split_once('.').unwrap_or(("", ""));
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            (!(least..=most).contains(&digits)).then(Fate::default)
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "takes an error for a yes",
        breaks: "energy comes only after authorization [1.6 §4.1]",
        make: takes_errors_for_a_yes,
    },
    Frames {
        name: "sends no heartbeat after an error",
        breaks: "it sends a heartbeat after each interval [1.6 §4.6]",
        make: beats_until_an_error,
    },
    Frames {
        name: "boots without a pause when it is told no interval",
        breaks: "refused with the interval 0 it chooses its own [1.6 §4.2]",
        make: floods_with_boots,
    },
    Frames {
        name: "takes no remote start after a tag was refused",
        breaks: "a remote start it can do is Accepted [1.6 §5.11]",
        make: is_blocked_by_a_refusal,
    },
    Frames {
        name: "tells of the first connector whichever is asked for",
        breaks: "a trigger names the connector that is meant [1.6 §5.17]",
        make: triggers_the_first,
    },
    Frames {
        name: "answers while it is refused",
        breaks: "while it is Rejected it answers nothing [1.6 §4.2]",
        make: answers_while_it_is_refused,
    },
    Frames {
        name: "reads a time without its offset",
        breaks: "times may have an offset [1.6 §3.15]",
        make: reads_no_offset,
    },
    Frames {
        name: "reads ASCII alone",
        breaks: "messages are UTF-8 [1.6J §4.1.2]",
        make: reads_ascii_alone,
    },
    Frames {
        name: "takes a text for a number",
        breaks: "a value of the wrong type is refused [1.6J §4.2.3]",
        make: || {
            answers_to(
                "ChangeAvailability",
                |payload| payload["connectorId"].is_string(),
                || json!({"status": "Accepted"}),
            )
        },
    },
    Frames {
        name: "unlocks connector 0",
        breaks: "connector 0 has nothing to unlock [1.6 §6.53]",
        make: || {
            answers_to(
                "UnlockConnector",
                |payload| payload["connectorId"] == 0,
                || json!({"status": "Unlocked"}),
            )
        },
    },
    Frames {
        name: "takes any ping interval",
        breaks: "a negative ping interval is Rejected [1.6 §9.1.34]",
        make: || {
            answers_to(
                "ChangeConfiguration",
                |payload| payload["key"] == "WebSocketPingInterval",
                || json!({"status": "Accepted"}),
            )
        },
    },
    Frames {
        name: "refuses a remote start with a charging profile",
        breaks: "without SmartCharging a profile is passed over [1.6 §5.11]",
        make: || {
            answers_to(
                "RemoteStartTransaction",
                |payload| payload.get("chargingProfile").is_some(),
                || json!({"status": "Rejected"}),
            )
        },
    },
    Frames {
        name: "reads letters and digits of a tag alone",
        breaks: "a tag is any text of up to 20 characters [1.6 §3.9]",
        make: || {
            calls("Authorize", |payload| {
                let tag = payload["idTag"].as_str().unwrap_or_default();
                let read = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
                payload["idTag"] = tag.chars().filter(read).collect::<String>().into();
            })
        },
    },
    Frames {
        name: "leaves pings unanswered",
        breaks: "a ping is answered with a pong [1.6J §5.3]",
        make: || Box::new(NeverPongs),
    },
    Frames {
        name: "hangs up on rubbish",
        breaks: "what is no frame ends nothing [1.6J §4.2]",
        make: hangs_up_on_rubbish,
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
        name: "cuts message ids short",
        breaks: "an id of 36 characters comes back as it was [1.6J §4.1.4]",
        make: cuts_ids_short,
    },
    Frames {
        name: "reads JSON without spaces alone",
        breaks: "messages are JSON [1.6J §4.1.2]",
        make: reads_no_spaces,
    },
    Frames {
        name: "has no room for a long command",
        breaks: "a value has up to 500 characters [1.6 §6.9]",
        make: || reads_so_much(300),
    },
    Frames {
        name: "wants fractions of a second",
        breaks: "times may have fractions of a second, or none [1.6 §3.15]",
        make: || reads_decimals(1, 9),
    },
    Frames {
        name: "reads milliseconds and nothing finer",
        breaks: "times may have fractions of a second [1.6 §3.15]",
        make: || reads_decimals(0, 3),
    },
    Frames {
        name: "boots no more after an error",
        breaks: "it boots until it is accepted [1.6 §4.2]",
        make: boots_once,
    },
    Frames {
        name: "takes a remote stop while it is pending",
        breaks: "while it is Pending a remote stop is not allowed [1.6 §4.2]",
        make: stops_while_it_is_pending,
    },
    Frames {
        name: "tells unasked that its firmware is idle",
        breaks: "Idle answers a TriggerMessage alone [1.6 §4.5]",
        make: || says_idle("FirmwareStatusNotification"),
    },
    Frames {
        name: "tells unasked that its diagnostics are idle",
        breaks: "Idle answers a TriggerMessage alone [1.6 §4.4]",
        make: || says_idle("DiagnosticsStatusNotification"),
    },
    Frames {
        name: "has a vendor with an umlaut",
        breaks: "texts of the string types are printable ASCII [1.6 §2.2]",
        make: || {
            calls("BootNotification", |payload| {
                payload["chargePointVendor"] = "Säule".into();
            })
        },
    },
    Frames {
        name: "takes a text for a payload",
        breaks: "a payload is an object [1.6J §4.2.3]",
        make: || {
            answers_to(
                "ChangeAvailability",
                Value::is_string,
                || json!({"status": "Accepted"}),
            )
        },
    },
];
