//! Sessions and tags that are judged as they should not be.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::refuses;
use crate::defect::{Frames, becomes, habit};
use crate::wire::entry::Message;
use crate::wire::fate::Bend;

/// Refuses the tag of a session that runs.
fn refuses_who_charges() -> Box<dyn Bend> {
    let mut runs = false;
    habit(move |direction, action, message| match message {
        Message::Result { id, payload } if direction == Direction::FromSut => match action {
            "Authorize" if runs && payload["idTagInfo"]["status"] == "Accepted" => {
                let refused = json!({"idTagInfo": {"status": "ConcurrentTx"}});
                Some(becomes(json!([3, id, refused])))
            }
            "StartTransaction" | "StopTransaction" => {
                runs = action == "StartTransaction";
                None
            }
            _ => None,
        },
        _ => None,
    })
}

/// Finds a blocked tag only as it is written on the list.
fn blocks_as_it_is_written() -> Box<dyn Bend> {
    let mut small = false;
    habit(move |direction, _, message| match message {
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            let tag = payload["idTag"].as_str().unwrap_or_default();
            small = tag == tag.to_lowercase();
            None
        }
        Message::Result { id, payload }
            if small
                && direction == Direction::FromSut
                && payload["idTagInfo"]["status"] == "Blocked" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Takes a start that is told again for another one.
fn makes_two_of_one() -> Box<dyn Bend> {
    let mut told: Vec<Value> = Vec::new();
    let mut is_told_again = false;
    habit(move |direction, action, message| match message {
        _ if action != "StartTransaction" => None,
        Message::Call { payload, .. } if direction == Direction::ToSut => {
            is_told_again = told.contains(payload);
            told.push(payload.clone());
            None
        }
        Message::Result { id, payload } if direction == Direction::FromSut && is_told_again => {
            let mut payload = payload.clone();
            payload["transactionId"] = (payload["transactionId"].as_i64()? + 1).into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "refuses a tag while it charges",
        breaks: "the tag of a session that runs is valid [1.6 §7.2]",
        make: refuses_who_charges,
    },
    Frames {
        name: "lets a blocked tag in when it is written small",
        breaks: "tags have no case [1.6 §7.28]",
        make: blocks_as_it_is_written,
    },
    Frames {
        name: "makes two transactions of one that is told twice",
        breaks: "a message that was not answered is sent again [1.6 §3.7.1]",
        make: makes_two_of_one,
    },
    Frames {
        name: "takes no session that pauses",
        breaks: "a connector has any status of the standard [1.6 §7.7]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["status"] == "SuspendedEV"
            })
        },
    },
];
