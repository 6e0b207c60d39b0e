//! Boots, heartbeats and the time they tell.

use dynamo_protocol::trace::Direction;
use serde_json::json;

use crate::defect::{Frames, answers, becomes, habit, never_answers};
use crate::wire::entry::Message;
use crate::wire::fate::Bend;

/// Every answer of the line tells the time of the first.
fn stands_still() -> Box<dyn Bend> {
    let mut first = None;
    habit(move |direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && payload.get("currentTime").is_some() =>
        {
            let time = first.get_or_insert_with(|| payload["currentTime"].clone());
            let mut payload = payload.clone();
            payload["currentTime"] = time.clone();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "tells no time",
        breaks: "the answer to a boot carries the time [1.6 §6.4]",
        make: || {
            answers("BootNotification", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("currentTime"));
            })
        },
    },
    Frames {
        name: "gives no interval",
        breaks: "an accepted charge point is told its heartbeat interval [1.6 §4.2]",
        make: || {
            answers("BootNotification", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("interval"));
            })
        },
    },
    Frames {
        name: "lives yesterday",
        breaks: "the heartbeat is answered with the current time [1.6 §4.6]",
        make: || {
            answers("Heartbeat", |payload| {
                payload["currentTime"] = "2020-01-01T00:00:00Z".into()
            })
        },
    },
    Frames {
        name: "ignores heartbeats",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: || never_answers("Heartbeat"),
    },
    Frames {
        name: "ignores status notifications",
        breaks: "StatusNotification is acknowledged [1.6 §4.9]",
        make: || never_answers("StatusNotification"),
    },
    Frames {
        name: "has a clock that stands still",
        breaks: "the heartbeat is answered with the current time [1.6 §4.6]",
        make: stands_still,
    },
];
