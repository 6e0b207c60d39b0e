//! Commands that are others than was meant, that come too often, or that do not come any more.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::{not_sent, refuses};
use crate::defect::{Frames, answers, becomes, calls, habit};
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

/// After an error it sends no command any more.
fn is_stuck_after_an_error() -> Box<dyn Bend> {
    let mut stuck = false;
    habit(move |direction, _, message| match message {
        Message::Error { .. } if direction == Direction::ToSut => {
            stuck = true;
            None
        }
        Message::Call { id, .. } if direction == Direction::FromSut && stuck => Some(not_sent(id)),
        _ => None,
    })
}

/// Hangs up when an answer names a key as unknown.
fn stumbles_over_unknown_keys() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut && payload.get("unknownKey").is_some() =>
        {
            Some(Fate {
                close: true,
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Hangs up when an answer lists more keys than it has room for.
fn stumbles_over_many_keys() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload } if direction == Direction::ToSut => {
            let keys = payload["configurationKey"].as_array().map_or(0, Vec::len);
            (keys > 10).then(|| Fate {
                close: true,
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Sends a refused command again at once.
fn insists() -> Box<dyn Bend> {
    let mut last: Option<(String, Value)> = None;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if direction == Direction::FromSut => {
            last = Some((action.to_owned(), payload.clone()));
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut && payload["status"] == "Rejected" =>
        {
            let (action, command) = last.take()?;
            let again = json!([2, "again", action, command]).to_string();
            Some(Fate {
                on: vec![json!([3, id, payload]).to_string()],
                back: vec![again],
                ..Fate::default()
            })
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
    Frames {
        name: "stumbles over a charge point with many keys",
        breaks: "a charge point lists all its keys [1.6 §5.8]",
        make: stumbles_over_many_keys,
    },
    Frames {
        name: "starts at the wrong connector",
        breaks: "a remote start names the connector that was meant [1.6 §5.11]",
        make: || {
            calls("RemoteStartTransaction", |payload| {
                payload["connectorId"] = (payload["connectorId"].as_i64().unwrap_or(0) + 1).into();
            })
        },
    },
    Frames {
        name: "stops the wrong transaction",
        breaks: "a remote stop carries the id that the start was given [1.6 §5.12]",
        make: || {
            calls("RemoteStopTransaction", |payload| {
                payload["transactionId"] = 4_711.into()
            })
        },
    },
    Frames {
        name: "resets softly whatever was asked",
        breaks: "Reset carries the type that was meant [1.6 §5.14]",
        make: || calls("Reset", |payload| payload["type"] = "Soft".into()),
    },
    Frames {
        name: "writes another value",
        breaks: "ChangeConfiguration carries the value that was meant [1.6 §5.3]",
        make: || {
            calls("ChangeConfiguration", |payload| {
                payload["value"] = "42".into()
            })
        },
    },
    Frames {
        name: "reads everything whatever was asked",
        breaks: "GetConfiguration names the keys that were meant [1.6 §5.8]",
        make: || {
            calls("GetConfiguration", |payload| {
                payload.as_object_mut().map(|members| members.remove("key"));
            })
        },
    },
    Frames {
        name: "insists after a refusal",
        breaks: "a refused command is answered; nobody asked for another [1.6 §5.11]",
        make: insists,
    },
    Frames {
        name: "answers data of any vendor with data",
        breaks: "there are no data for a vendor it does not know [1.6 §4.3]",
        make: || answers("DataTransfer", |payload| payload["data"] = "thanks".into()),
    },
    Frames {
        name: "asks for another message",
        breaks: "TriggerMessage names the message that was meant [1.6 §5.17]",
        make: || {
            calls("TriggerMessage", |payload| {
                payload["requestedMessage"] = "StatusNotification".into()
            })
        },
    },
    Frames {
        name: "asks for the message of another connector",
        breaks: "TriggerMessage names the connector that was meant [1.6 §5.17]",
        make: || {
            calls("TriggerMessage", |payload| {
                if payload["connectorId"] == 1 {
                    payload["connectorId"] = 2.into();
                }
            })
        },
    },
    Frames {
        name: "refuses what was asked for",
        breaks: "a message that was asked for is acknowledged [1.6 §5.17]",
        make: || {
            refuses("MeterValues", |payload| {
                payload["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
            })
        },
    },
    Frames {
        name: "changes the availability of another connector",
        breaks: "ChangeAvailability names the connector that was meant [1.6 §5.2]",
        make: || {
            calls("ChangeAvailability", |payload| {
                if payload["connectorId"] == 1 {
                    payload["connectorId"] = 0.into();
                }
            })
        },
    },
    Frames {
        name: "drops the data it was to send",
        breaks: "DataTransfer carries what was meant [1.6 §5.6]",
        make: || {
            calls("DataTransfer", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("data"));
            })
        },
    },
    Frames {
        name: "sends no command after an error",
        breaks: "a command that failed is over: the next one follows [1.6J §4.1.1]",
        make: is_stuck_after_an_error,
    },
    Frames {
        name: "stumbles over a key that is unknown",
        breaks: "a charge point names the keys it does not know [1.6 §5.8]",
        make: stumbles_over_unknown_keys,
    },
];
