//! What was queued while nobody listened, or was not answered well.

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::{QUEUED, age, nothing};
use crate::defect::{Frames, becomes, calls, habit, never_calls};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Says what was queued with the time of its delivery.
fn stamps_at_delivery(action: &'static str) -> Box<dyn Bend> {
    calls(action, |payload| {
        if age(&payload["timestamp"]) > QUEUED {
            payload["timestamp"] = crate::wire::script::now().into();
        }
    })
}

/// Takes an error for an answer.
fn takes_errors_for_answers(wanted: &'static str) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Error { id, .. } if direction == Direction::ToSut && action == wanted => {
            Some(becomes(json!([3, id, {}])))
        }
        _ => None,
    })
}

/// After each error the same StopTransaction again, at once or this much later, and so often.
fn stops_again(after: Duration, from_failure: u32) -> Box<dyn Bend> {
    let mut stop = Value::Null;
    let mut failures = 0;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "StopTransaction" =>
        {
            stop = payload.clone();
            None
        }
        Message::Error { id, code, .. }
            if direction == Direction::ToSut && action == "StopTransaction" =>
        {
            failures += 1;
            if failures < from_failure {
                return None;
            }
            let again = json!([2, format!("again-{failures}"), action, stop]);
            Some(Fate {
                on: vec![json!([4, id, code, "", {}]).to_string()],
                back: vec![again.to_string()],
                delay: after,
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Says the end of each session once, whatever became of it.
fn stops_once() -> Box<dyn Bend> {
    let mut said: Vec<Value> = Vec::new();
    never_calls(
        "StopTransaction",
        move |payload| {
            let again = said.contains(payload);
            said.push(payload.clone());
            again
        },
        nothing,
    )
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "loses what it queued of meter values",
        breaks: "meter values of a transaction survive an outage [1.6 §3.7]",
        make: || {
            never_calls(
                "MeterValues",
                |payload| age(&payload["meterValue"][0]["timestamp"]) > QUEUED,
                nothing,
            )
        },
    },
    Frames {
        name: "loses the stop it queued",
        breaks: "transaction messages are delivered after an outage [1.6 §3.7]",
        make: || {
            never_calls(
                "StopTransaction",
                |payload| age(&payload["timestamp"]) > QUEUED,
                nothing,
            )
        },
    },
    Frames {
        name: "stamps starts when it delivers them",
        breaks: "a queued message keeps its time [1.6 §3.7]",
        make: || stamps_at_delivery("StartTransaction"),
    },
    Frames {
        name: "stamps stops when it delivers them",
        breaks: "a queued message keeps its time [1.6 §3.7]",
        make: || stamps_at_delivery("StopTransaction"),
    },
    Frames {
        name: "drops the stop that the CSMS cannot process",
        breaks: "a transaction message is dropped only after it has failed often [1.6 §3.7.1]",
        make: || takes_errors_for_answers("StopTransaction"),
    },
    Frames {
        name: "drops the readings that the CSMS cannot process",
        breaks: "a transaction message is dropped only after it has failed often [1.6 §3.7.1]",
        make: || takes_errors_for_answers("MeterValues"),
    },
    Frames {
        name: "sends a stop again at once",
        breaks: "it waits TransactionMessageRetryInterval first [1.6 §9.1.32]",
        make: || stops_again(Duration::ZERO, 1),
    },
    Frames {
        name: "never gives a stop up",
        breaks: "TransactionMessageAttempts is how often it is tried [1.6 §9.1.31]",
        make: || stops_again(Duration::from_secs(1), 3),
    },
    Frames {
        name: "says the end of a session once",
        breaks: "what was not answered is kept and sent again [1.6 §3.7.1, §5.14]",
        make: stops_once,
    },
];
