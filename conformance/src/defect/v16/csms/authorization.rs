//! Which tag may charge.

use dynamo_protocol::trace::Direction;
use serde_json::json;

use super::refuses;
use crate::defect::{Frames, answers, becomes, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Lets in a tag that should be refused with this status.
fn lets_in(status: &'static str) -> Box<dyn Bend> {
    answers("Authorize", move |payload| {
        if payload["idTagInfo"]["status"] == status {
            payload["idTagInfo"]["status"] = "Accepted".into();
        }
    })
}

/// A tag is another tag in lower case.
fn minds_case(wanted: &'static str) -> Box<dyn Bend> {
    let mut lower = false;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if direction == Direction::ToSut && action == wanted => {
            let tag = payload["idTag"].as_str().unwrap_or_default();
            lower = tag == tag.to_lowercase();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == wanted && lower =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"] = json!({"status": "Invalid"});
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Hangs up when it has refused a tag.
fn hangs_up_on_strangers() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut
                && action == "Authorize"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            Some(Fate {
                close: true,
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// The tags of all answers are accepted until a day that is over.
fn accepts_for_the_past() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && payload["idTagInfo"]["status"] == "Accepted" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["expiryDate"] = "2001-01-01T00:00:00Z".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Accepts every start that another tag than an unknown one makes.
fn starts_whom_it_refuses() -> Box<dyn Bend> {
    answers("StartTransaction", |payload| {
        let status = &payload["idTagInfo"]["status"];
        if status == "Blocked" || status == "Expired" {
            payload["idTagInfo"]["status"] = "Accepted".into();
        }
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "lets unknown tags in",
        breaks: "an unknown tag is Invalid [1.6 §7.2]",
        make: || lets_in("Invalid"),
    },
    Frames {
        name: "lets blocked tags in",
        breaks: "a blocked tag is Blocked [1.6 §7.2]",
        make: || lets_in("Blocked"),
    },
    Frames {
        name: "lets expired tags in",
        breaks: "an expired tag is Expired [1.6 §7.2]",
        make: || lets_in("Expired"),
    },
    Frames {
        name: "minds the case of tags",
        breaks: "tags have no case [1.6 §7.28]",
        make: || minds_case("Authorize"),
    },
    Frames {
        name: "accepts tags until a day that is over",
        breaks: "an acceptance that has ended is none [1.6 §7.27]",
        make: accepts_for_the_past,
    },
    Frames {
        name: "accepts starts of blocked and expired tags",
        breaks: "the tag of a start is checked again [1.6 §4.8]",
        make: starts_whom_it_refuses,
    },
    Frames {
        name: "says of the tag that stops that it is Invalid",
        breaks: "what is said of a tag is true [1.6 §6.50]",
        make: || {
            answers("StopTransaction", |payload| {
                payload["idTagInfo"] = json!({"status": "Invalid"})
            })
        },
    },
    Frames {
        name: "minds the case of tags that start",
        breaks: "tags have no case [1.6 §7.28]",
        make: || minds_case("StartTransaction"),
    },
    Frames {
        name: "hangs up after it has refused a tag",
        breaks: "a refused tag is answered, and the line goes on [1.6 §4.1]",
        make: hangs_up_on_strangers,
    },
    Frames {
        name: "takes tags of letters and digits alone",
        breaks: "a tag is any text of up to 20 characters [1.6 §3.9]",
        make: || {
            refuses("Authorize", |payload| {
                payload["idTag"]
                    .as_str()
                    .is_some_and(|tag| tag.contains('#'))
            })
        },
    },
];
