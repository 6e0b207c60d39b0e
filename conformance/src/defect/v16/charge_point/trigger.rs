//! Messages that the CSMS asks for.

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::json;

use super::{nothing, swallowed};
use crate::defect::{Frames, becomes, habit, only_says, says};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Answers a trigger when what it asks for is said already.
fn answers_triggers_late() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "TriggerMessage" =>
        {
            Some(Fate {
                delay: Duration::from_millis(400),
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Asked for the statuses of all, tells that of connector 0.
fn triggers_one_for_all() -> Box<dyn Bend> {
    let mut all = false;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == "TriggerMessage" =>
        {
            all = payload.get("connectorId").is_none();
            None
        }
        Message::Call { id, payload, .. }
            if all
                && direction == Direction::FromSut
                && action == "StatusNotification"
                && payload["connectorId"] != 0 =>
        {
            Some(swallowed(id, &nothing()))
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "accepts every trigger and sends nothing",
        breaks: "what was triggered and accepted is sent [1.6 §5.17]",
        make: || only_says("TriggerMessage", || json!({"status": "Accepted"})),
    },
    Frames {
        name: "sends what was triggered before it answers",
        breaks: "a trigger is answered before the message is sent [1.6 §5.17]",
        make: answers_triggers_late,
    },
    Frames {
        name: "accepts a trigger of any connector",
        breaks: "a connector that is not there has nothing to tell [1.6 §5.17]",
        make: || says("TriggerMessage", "Rejected", "Accepted"),
    },
    Frames {
        name: "tells one connector where all are meant",
        breaks: "a trigger without a connector means all [1.6 §5.17]",
        make: triggers_one_for_all,
    },
];
