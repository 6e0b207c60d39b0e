//! Ways in which CSMS get it wrong.

mod authorization;
mod boot;
mod command;
mod forms;
mod handshake;
mod line;
mod session;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::defect::{Frames, Offers, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// The first sample of a message with meter values.
fn sample(payload: &Value) -> &Value {
    &payload["meterValue"][0]["sampledValue"][0]
}

/// Where the time of a message stands.
fn time_of(payload: &Value) -> &str {
    let time = payload.get("timestamp");
    let time = time.unwrap_or(&payload["meterValue"][0]["timestamp"]);
    time.as_str().unwrap_or_default()
}

/// Refuses calls of an action that are of a kind.
fn refuses(wanted: &'static str, kind: impl Fn(&Value) -> bool + Send + 'static) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut && action == wanted && kind(payload) =>
        {
            let error = json!([4, id, "FormationViolation", "", {}]);
            Some(Fate {
                back: vec![error.to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// A command that stays where it is; who ordered it hears of an error.
fn not_sent(id: &str) -> Fate {
    Fate {
        back: vec![json!([4, id, "GenericError", "", {}]).to_string()],
        ..Fate::default()
    }
}

/// All of them that lie on the line.
pub(in crate::defect) fn seeds() -> impl Iterator<Item = &'static Frames> {
    let all = [
        authorization::SEEDS,
        boot::SEEDS,
        command::SEEDS,
        forms::SEEDS,
        line::SEEDS,
        session::SEEDS,
    ];
    all.into_iter().flatten()
}

/// Those of the handshake.
pub(in crate::defect) fn offers() -> impl Iterator<Item = &'static Offers> {
    handshake::SEEDS.iter()
}
