//! Settings that are taken and not heeded, or taken though they make no sense.

use dynamo_protocol::trace::Direction;
use serde_json::json;

use super::{nothing, only_says_that_it_set, swallowed};
use crate::defect::{Frames, answers, becomes, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Takes any value of these keys.
fn takes_any(keys: &'static [&'static str]) -> Box<dyn Bend> {
    let mut is_asked = false;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if action == "ChangeConfiguration" => {
            is_asked = payload["key"]
                .as_str()
                .is_some_and(|key| keys.contains(&key));
            None
        }
        Message::Result { id, payload }
            if is_asked
                && direction == Direction::FromSut
                && action == "ChangeConfiguration"
                && payload["status"] == "Rejected" =>
        {
            Some(becomes(json!([3, id, {"status": "Accepted"}])))
        }
        _ => None,
    })
}

/// Behaves as if a key had another value, and does not say so: asked for it, it tells what it should be, and then
/// takes the other one.
pub(super) fn behaves_as_if(key: &'static str, value: &'static str) -> Box<dyn Bend> {
    const SETS: &str = "sets-it-itself";
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "GetConfiguration"
                && payload["key"][0] == key =>
        {
            let asks = json!([2, id, action, payload]);
            let sets = json!([2, SETS, "ChangeConfiguration", {"key": key, "value": value}]);
            Some(Fate {
                on: vec![asks.to_string(), sets.to_string()],
                ..Fate::default()
            })
        }
        Message::Result { id, .. } if direction == Direction::FromSut && id == SETS => {
            Some(Fate::default())
        }
        _ => None,
    })
}

/// Has answers before they are there, and goes on.
fn waits_for_no_answer() -> Box<dyn Bend> {
    const SAYS: &str = "StatusNotification";
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut && action == SAYS => {
            let said = json!([2, id, action, payload]).to_string();
            Some(Fate {
                on: vec![said],
                ..swallowed(id, &nothing())
            })
        }
        Message::Result { .. } if direction == Direction::ToSut && action == SAYS => {
            Some(Fate::default())
        }
        _ => None,
    })
}

/// Closes the line when something comes that is no frame.
fn hangs_up_on_rubbish() -> Box<dyn Bend> {
    habit(|direction, _, message| {
        let is_rubbish = matches!(message, Message::Unreadable(_));
        (direction == Direction::ToSut && is_rubbish).then(|| Fate {
            close: true,
            ..Fate::default()
        })
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "says nothing of keys that it does not know",
        breaks: "unknown keys are named as such [1.6 §5.8]",
        make: || {
            answers("GetConfiguration", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("unknownKey"));
            })
        },
    },
    Frames {
        name: "takes any word for true or false",
        breaks: "a value that makes no sense is Rejected [1.6 §5.3]",
        make: || takes_any(&["LocalPreAuthorize"]),
    },
    Frames {
        name: "takes any measurand for its samples",
        breaks: "a measurand that it does not have is Rejected [1.6 §9.1.17]",
        make: || takes_any(&["MeterValuesSampledData", "StopTxnSampledData"]),
    },
    Frames {
        name: "takes any measurand for the values of the clock",
        breaks: "a measurand that it does not have is Rejected [1.6 §9.1.15]",
        make: || takes_any(&["MeterValuesAlignedData", "StopTxnAlignedData"]),
    },
    Frames {
        name: "frees the cable whatever the setting",
        breaks: "UnlockConnectorOnEVSideDisconnect says whether the cable is freed [1.6 §9.1.33]",
        make: || only_says_that_it_set("UnlockConnectorOnEVSideDisconnect", "false"),
    },
    Frames {
        name: "keeps the cable whatever the setting",
        breaks: "UnlockConnectorOnEVSideDisconnect says whether the cable is freed [1.6 §9.1.33]",
        make: || behaves_as_if("UnlockConnectorOnEVSideDisconnect", "false"),
    },
    Frames {
        name: "stops without the car whatever the setting",
        breaks: "StopTransactionOnEVSideDisconnect says what an unplugged car means [1.6 §9.1.23]",
        make: || only_says_that_it_set("StopTransactionOnEVSideDisconnect", "false"),
    },
    Frames {
        name: "waits for no answer to its statuses",
        breaks: "the next call waits for the answer to the one before [1.6J §4.1.1]",
        make: waits_for_no_answer,
    },
    Frames {
        name: "hangs up on rubbish",
        breaks: "what is no frame ends nothing [1.6J §4.2]",
        make: hangs_up_on_rubbish,
    },
];
