//! Commands that are others than was meant, that come too often, or that do not come any more.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::not_sent;
use crate::defect::{Frames, becomes, calls, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// After an answer with one of these words it sends no command any more.
fn is_stuck_after(words: &'static [&'static str]) -> Box<dyn Bend> {
    let mut stuck = false;
    habit(move |direction, _, message| match message {
        Message::Result { payload, .. } if direction == Direction::ToSut => {
            let word = payload["status"].as_str().unwrap_or_default();
            stuck |= words.contains(&word);
            None
        }
        Message::Call { id, .. } if direction == Direction::FromSut && stuck => Some(not_sent(id)),
        _ => None,
    })
}

/// Sends a command again at once when it was answered with this word.
fn repeats(wanted: &'static str, word: &'static str) -> Box<dyn Bend> {
    let mut last = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if direction == Direction::FromSut && action == wanted => {
            last = payload.clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut && action == wanted && payload["status"] == word =>
        {
            let again = json!([2, "again", action, last]);
            Some(Fate {
                back: vec![again.to_string()],
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Has no such command.
fn never_sends(wanted: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, .. } if direction == Direction::FromSut && action == wanted => {
            Some(not_sent(id))
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "sends no command after a refusal",
        breaks: "a refused command is over: the next one follows [1.6J §4.1.1]",
        make: || is_stuck_after(&["Rejected", "NotSupported", "UnlockFailed"]),
    },
    Frames {
        name: "sends no command after RebootRequired",
        breaks: "a command that was answered is over: the next one follows [1.6J §4.1.1]",
        make: || is_stuck_after(&["RebootRequired"]),
    },
    Frames {
        name: "sends no command after NotImplemented",
        breaks: "a command that was answered is over: the next one follows [1.6J §4.1.1]",
        make: || is_stuck_after(&["NotImplemented"]),
    },
    Frames {
        name: "unlocks again where there is nothing to unlock",
        breaks: "a refused command is answered; nobody asked for another [1.6 §5.18]",
        make: || repeats("UnlockConnector", "NotSupported"),
    },
    Frames {
        name: "never clears a cache",
        breaks: "a CSMS can have the cache cleared [1.6 §5.4]",
        make: || never_sends("ClearCache"),
    },
    Frames {
        name: "resets hard whatever was asked",
        breaks: "Reset carries the type that was meant [1.6 §5.14]",
        make: || calls("Reset", |payload| payload["type"] = "Hard".into()),
    },
    Frames {
        name: "unlocks another connector",
        breaks: "UnlockConnector names the connector that was meant [1.6 §5.18]",
        make: || {
            calls("UnlockConnector", |payload| {
                payload["connectorId"] = (payload["connectorId"].as_i64().unwrap_or(0) + 1).into();
            })
        },
    },
];
