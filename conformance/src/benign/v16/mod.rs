//! What OCPP 1.6 leaves open.

pub(super) mod charge_point;
pub(super) mod csms;

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::wire::bend::habit;
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Every time stamp that the system under test writes, in another form of the same time.
fn times(form: fn(jiff::Timestamp) -> String) -> Box<dyn Bend> {
    habit(move |direction, action, message| {
        if direction != Direction::FromSut {
            return None;
        }
        let (mut payload, frame): (Value, Box<dyn Fn(Value) -> Value>) = match message {
            Message::Call { id, payload, .. } => {
                let (id, action) = (id.clone(), action.to_owned());
                (
                    payload.clone(),
                    Box::new(move |payload| json!([2, id, action, payload])),
                )
            }
            Message::Result { id, payload } => {
                let id = id.clone();
                (
                    payload.clone(),
                    Box::new(move |payload| json!([3, id, payload])),
                )
            }
            _ => return None,
        };
        rewrite(&mut payload, form);
        Some(Fate {
            on: vec![frame(payload).to_string()],
            ..Fate::default()
        })
    })
}

fn rewrite(value: &mut Value, form: fn(jiff::Timestamp) -> String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_time = matches!(name.as_str(), "timestamp" | "currentTime" | "expiryDate");
                let time = value
                    .as_str()
                    .filter(|_| is_time)
                    .and_then(|text| text.parse().ok());
                match time {
                    Some(time) => *value = form(time).into(),
                    None => rewrite(value, form),
                }
            }
        }
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| rewrite(element, form)),
        _ => {}
    }
}

fn whole_seconds(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn microseconds(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn zero_offset(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

/// The same moment, two hours east.
fn two_hours_east(time: jiff::Timestamp) -> String {
    let there = time + jiff::SignedDuration::from_hours(2);
    there.strftime("%Y-%m-%dT%H:%M:%S.%3f+02:00").to_string()
}

/// The same JSON with blanks and line breaks in it.
fn pretty() -> Box<dyn Bend> {
    written(|frame| serde_json::to_string_pretty(frame).unwrap_or_default())
}

/// The same JSON with letters of its texts as escapes.
fn escaped() -> Box<dyn Bend> {
    written(|frame| {
        let (mut text, mut inside, mut escape) = (String::new(), false, false);
        for letter in frame.to_string().chars() {
            match letter {
                _ if escape => escape = false,
                '\\' => escape = true,
                '"' => inside = !inside,
                'A' | 'e' if inside => {
                    text += &format!("\\u{:04x}", u32::from(letter));
                    continue;
                }
                _ => {}
            }
            text.push(letter);
        }
        text
    })
}

/// Every frame of the system under test in another way of writing it.
fn written(write: fn(&Value) -> String) -> Box<dyn Bend> {
    habit(move |direction, action, message| {
        let frame = match message {
            _ if direction != Direction::FromSut => return None,
            Message::Call { id, payload, .. } => json!([2, id, action, payload]),
            Message::Result { id, payload } => json!([3, id, payload]),
            Message::Error {
                id,
                code,
                description,
                details,
            } => json!([4, id, code, description, details]),
            Message::Unreadable(_) => return None,
        };
        Some(Fate {
            on: vec![write(&frame)],
            ..Fate::default()
        })
    })
}

/// Everything it says takes so long.
fn slow(length: Duration) -> Box<dyn Bend> {
    habit(move |direction, _, message| {
        let frame = match message {
            _ if direction != Direction::FromSut => return None,
            Message::Call {
                id,
                action,
                payload,
            } => json!([2, id, action, payload]),
            Message::Result { id, payload } => json!([3, id, payload]),
            _ => return None,
        };
        Some(Fate {
            on: vec![frame.to_string()],
            delay: length,
            ..Fate::default()
        })
    })
}

/// Once its so many-th call of an action is answered (`ToSut`), or it has answered so many (`FromSut`), the system
/// under test makes a call of its own. It waits for the answer before it makes another.
fn afterwards(
    (wanted, number, answered): (&'static str, usize, Direction),
    action: &'static str,
    payload: fn() -> Value,
) -> Box<dyn Bend> {
    const OF_ITS_OWN: &str = "of-its-own";
    let (mut so_far, mut open) = (0, false);
    let mut held: Vec<String> = Vec::new();
    habit(move |direction, of, message| match message {
        Message::Call {
            id,
            action,
            payload,
        } if open && direction == Direction::FromSut => {
            held.push(json!([2, id, action, payload]).to_string());
            Some(Fate::default())
        }
        Message::Result { id, .. } | Message::Error { id, .. }
            if open && direction == Direction::ToSut && id == OF_ITS_OWN =>
        {
            open = false;
            Some(Fate {
                released: std::mem::take(&mut held),
                ..Fate::default()
            })
        }
        Message::Result {
            id,
            payload: answer,
        } if direction == answered && of == wanted => {
            so_far += 1;
            if so_far != number {
                return None;
            }
            open = true;
            Some(Fate {
                on: vec![json!([3, id, answer]).to_string()],
                made_up: vec![json!([2, OF_ITS_OWN, action, payload()]).to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}
