//! Ways in which charge points get it wrong.

mod authorization;
mod boot;
mod connector;
mod delivery;
mod line;
mod metering;
mod session;
mod setting;
mod trigger;

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::defect::{Frames, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// A message older than this was queued.
const QUEUED: Duration = Duration::from_millis(700);

fn nothing() -> Value {
    json!({})
}

fn age(stamp: &Value) -> Duration {
    let stamp: Option<jiff::Timestamp> = stamp.as_str().and_then(|text| text.parse().ok());
    let age = stamp.map(|stamp| jiff::Timestamp::now().duration_since(stamp));
    age.and_then(|age| Duration::try_from(age).ok())
        .unwrap_or_default()
}

/// All of them.
pub(in crate::defect) fn seeds() -> impl Iterator<Item = &'static Frames> {
    let all = [
        authorization::SEEDS,
        boot::SEEDS,
        connector::SEEDS,
        delivery::SEEDS,
        line::SEEDS,
        metering::SEEDS,
        session::SEEDS,
        setting::SEEDS,
        trigger::SEEDS,
    ];
    all.into_iter().flatten()
}

/// What the system under test says is not said, and answered.
fn swallowed(id: &str, answer: &Value) -> Fate {
    Fate {
        back: vec![json!([3, id, answer]).to_string()],
        ..Fate::default()
    }
}

/// Says that it has set a key to this, and leaves it.
fn only_says_that_it_set(key: &'static str, value: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "ChangeConfiguration"
                && payload["key"] == key
                && payload["value"] == value =>
        {
            Some(swallowed(id, &json!({"status": "Accepted"})))
        }
        _ => None,
    })
}
