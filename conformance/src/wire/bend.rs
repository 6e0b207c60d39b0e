//! What bends are made of: for seeded defects, and for the liberties that a right system may take.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::entry::Message;
use super::fate::{Bend, Fate};

/// A bend that is a function; what it remembers is in its captures.
struct Habit<F>(F);

impl<F> Bend for Habit<F>
where
    F: FnMut(Direction, &str, &Message) -> Option<Fate> + Send,
{
    fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate> {
        (self.0)(direction, action, message)
    }
}

/// Makes a bend of a function that sees every frame.
pub(crate) fn habit<F>(habit: F) -> Box<dyn Bend>
where
    F: FnMut(Direction, &str, &Message) -> Option<Fate> + Send + 'static,
{
    Box::new(Habit(habit))
}

/// Changes the payloads of calls that the system under test makes.
pub(crate) fn calls<F>(wanted: &'static str, mut change: F) -> Box<dyn Bend>
where
    F: FnMut(&mut Value) + Send + 'static,
{
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == wanted =>
        {
            let mut payload = payload.clone();
            change(&mut payload);
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Changes the payloads of answers that the system under test gives.
pub(crate) fn answers<F>(wanted: &'static str, mut change: F) -> Box<dyn Bend>
where
    F: FnMut(&mut Value) + Send + 'static,
{
    habit(move |direction, action, message| match message {
        Message::Result { id, payload } if direction == Direction::FromSut && action == wanted => {
            let mut payload = payload.clone();
            change(&mut payload);
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// The system under test never makes such a call: it is swallowed, and answered so that the rest goes on.
pub(crate) fn never_calls<F>(
    wanted: &'static str,
    mut unwanted: F,
    answer: fn() -> Value,
) -> Box<dyn Bend>
where
    F: FnMut(&Value) -> bool + Send + 'static,
{
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == wanted && unwanted(payload) =>
        {
            Some(Fate {
                on: Vec::new(),
                back: vec![json!([3, id, answer()]).to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// The system under test says it did what it was told, and did nothing.
pub(crate) fn only_says<F>(wanted: &'static str, answer: F) -> Box<dyn Bend>
where
    F: Fn() -> Value + Send + 'static,
{
    habit(move |direction, action, message| match message {
        Message::Call { id, .. } if direction == Direction::ToSut && action == wanted => {
            Some(Fate {
                on: Vec::new(),
                back: vec![json!([3, id, answer()]).to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// One status for another in the answers to an action.
pub(crate) fn says(
    action: &'static str,
    instead_of: &'static str,
    word: &'static str,
) -> Box<dyn Bend> {
    answers(action, move |payload| {
        if payload["status"] == instead_of {
            payload["status"] = word.into();
        }
    })
}

/// Every result comes twice.
pub(crate) fn answers_twice() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload } if direction == Direction::FromSut => {
            let frame = json!([3, id, payload]).to_string();
            Some(Fate {
                on: vec![frame.clone(), frame],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Calls of this action stay without an answer.
pub(crate) fn never_answers(wanted: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| {
        let answer = !matches!(message, Message::Call { .. });
        (direction == Direction::FromSut && answer && action == wanted).then(Fate::default)
    })
}

/// Mixes up the two codes for what it does not do.
pub(crate) fn swaps_error_codes() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Error {
            id,
            code,
            description,
            details,
        } if direction == Direction::FromSut => {
            let other = match code.as_str() {
                "NotImplemented" => "NotSupported",
                "NotSupported" => "NotImplemented",
                _ => return None,
            };
            Some(becomes(json!([4, id, other, description, details])))
        }
        _ => None,
    })
}

/// Another frame goes on in its place.
pub(crate) fn becomes(frame: Value) -> Fate {
    Fate {
        on: vec![frame.to_string()],
        back: Vec::new(),
        ..Fate::default()
    }
}
