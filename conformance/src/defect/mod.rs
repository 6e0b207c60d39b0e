//! Seeded defects: known ways of getting a protocol wrong, put between a system that is right and the judge.
//!
//! A defect sits on the socket of the system under test, or between its REST API and who calls it, and changes what
//! crosses there, so that the judge sees exactly what it would see from a system built that way. Each must turn a
//! scenario red that is meant for it; one that survives shows a blind spot of the judge. `dynamo conformance
//! --self-test` prints which scenario caught which.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::case::side::Side;
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};
use crate::wire::http::HttpBend;

mod meant;
mod rest;
mod v16;

pub(crate) use meant::{is_meant, meant_for};

/// A defect as it is listed: its name, the rule it breaks, and how it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    /// Short, as in the kill matrix.
    pub(crate) name: &'static str,
    /// The rule it breaks, with its section.
    pub(crate) breaks: &'static str,
    pub(crate) make: Make,
}

/// How a defect is made: a fresh one for each scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Make {
    /// On the line.
    Frames(fn() -> Box<dyn Bend>),
    /// At the REST API.
    Http(fn() -> Box<dyn HttpBend>),
}

/// Defects with the scenarios that have to catch them, by name.
type Table = &'static [(&'static str, &'static [&'static str])];

/// Defects that are tried with scenarios of this side.
pub(crate) fn of(side: Side) -> Vec<Seed> {
    let (frames, http): (&[Frames], &[Http]) = match side {
        Side::ChargePoint => (v16::charge_point::SEEDS, &[]),
        Side::Csms => (v16::csms::SEEDS, &[]),
        Side::Api => (&[], rest::SEEDS),
    };
    let frames = frames.iter().map(|seed| Seed {
        name: seed.name,
        breaks: seed.breaks,
        make: Make::Frames(seed.make),
    });
    let http = http.iter().map(|seed| Seed {
        name: seed.name,
        breaks: seed.breaks,
        make: Make::Http(seed.make),
    });
    frames.chain(http).collect()
}

/// A defect on the line.
struct Frames {
    name: &'static str,
    breaks: &'static str,
    make: fn() -> Box<dyn Bend>,
}

/// A defect of a REST API.
struct Http {
    name: &'static str,
    breaks: &'static str,
    make: fn() -> Box<dyn HttpBend>,
}

/// A defect that is a function; what it remembers is in its captures.
struct Habit<F>(F);

impl<F> Bend for Habit<F>
where
    F: FnMut(Direction, &str, &Message) -> Option<Fate> + Send,
{
    fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate> {
        (self.0)(direction, action, message)
    }
}

/// Makes a defect of a function that sees every frame.
fn habit<F>(habit: F) -> Box<dyn Bend>
where
    F: FnMut(Direction, &str, &Message) -> Option<Fate> + Send + 'static,
{
    Box::new(Habit(habit))
}

/// Changes the payloads of calls that the system under test makes.
fn calls<F>(wanted: &'static str, mut change: F) -> Box<dyn Bend>
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
fn answers<F>(wanted: &'static str, mut change: F) -> Box<dyn Bend>
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
fn never_calls<F>(wanted: &'static str, mut unwanted: F, answer: fn() -> Value) -> Box<dyn Bend>
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
fn only_says<F>(wanted: &'static str, answer: F) -> Box<dyn Bend>
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
fn says(action: &'static str, instead_of: &'static str, word: &'static str) -> Box<dyn Bend> {
    answers(action, move |payload| {
        if payload["status"] == instead_of {
            payload["status"] = word.into();
        }
    })
}

fn answers_twice() -> Box<dyn Bend> {
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

fn never_answers(wanted: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| {
        let answer = !matches!(message, Message::Call { .. });
        (direction == Direction::FromSut && answer && action == wanted).then(Fate::default)
    })
}

/// Mixes up the two codes for what it does not do.
fn swaps_error_codes() -> Box<dyn Bend> {
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

fn becomes(frame: Value) -> Fate {
    Fate {
        on: vec![frame.to_string()],
        back: Vec::new(),
        ..Fate::default()
    }
}

/// The names of a side are in the kill matrix, so they must differ; the rules they break must be cited.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::side::SIDES;
    use std::collections::BTreeSet;

    #[test]
    fn each_defect_has_its_name_and_cites_its_rule() {
        for seeds in SIDES.map(of) {
            let names: BTreeSet<_> = seeds.iter().map(|seed| seed.name).collect();
            assert_eq!(names.len(), seeds.len());
            assert!(seeds.len() >= 15);
            for seed in seeds {
                assert!(seed.breaks.contains('§'), "{}: {}", seed.name, seed.breaks);
            }
        }
    }
}
