//! Who may charge, and who may stop.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::only_says_that_it_set;
use crate::defect::{Frames, becomes, habit, never_calls, only_says};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

fn accepted_tag() -> Value {
    json!({"idTagInfo": {"status": "Accepted"}})
}

/// Takes Invalid for Accepted.
fn charges_anybody() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && ["Authorize", "StartTransaction"].contains(&action)
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// When a tag is asked about during a session, stops it.
fn stops_for_a_stranger() -> Box<dyn Bend> {
    let mut running: Option<(Value, Value)> = None;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            running = Some((Value::Null, payload.clone()));
            None
        }
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            if let Some((id, _)) = &mut running {
                *id = payload["transactionId"].clone();
            }
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "Authorize" =>
        {
            let (transaction, start) = running.take()?;
            let stop = json!([2, "stranger", "StopTransaction", {"transactionId": transaction,
                "meterStop": start["meterStart"], "timestamp": crate::wire::script::now(), "reason": "Local",
                "idTag": payload["idTag"]}]);
            Some(Fate {
                on: vec![
                    json!([2, id, action, payload]).to_string(),
                    stop.to_string(),
                ],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Asks about the tag that started before it stops for it.
fn asks_before_its_own_stop() -> Box<dyn Bend> {
    const ASKS: &str = "asks-first";
    let mut stop = None;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && action == "StopTransaction"
                && payload["reason"].as_str().unwrap_or("Local") == "Local"
                && payload.get("idTag").is_some() =>
        {
            stop = Some(json!([2, id, action, payload]).to_string());
            let asks = json!([2, ASKS, "Authorize", {"idTag": payload["idTag"]}]);
            Some(becomes(asks))
        }
        Message::Result { id, .. } if direction == Direction::ToSut && id == ASKS => Some(Fate {
            released: stop.take().into_iter().collect(),
            ..Fate::default()
        }),
        _ => None,
    })
}

/// Takes a refused start for an accepted one.
fn overhears_refused_starts() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "StartTransaction"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"]["status"] = "Accepted".into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Asks about a tag once in its life.
fn asks_once() -> Box<dyn Bend> {
    let mut count = 0;
    never_calls(
        "Authorize",
        move |_| {
            count += 1;
            count > 1
        },
        accepted_tag,
    )
}

/// Closes the line when a tag is refused.
fn hangs_up_on_refusal() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
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

/// Reads of an acceptance only that it is one.
fn overlooks_expiry() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut && action == "Authorize" =>
        {
            let mut payload = payload.clone();
            payload["idTagInfo"].as_object_mut()?.remove("expiryDate")?;
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// A refusal starts nothing, and does not get into the cache.
fn forgets_bad_news() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut
                && action == "Authorize"
                && payload["idTagInfo"]["status"] != "Accepted" =>
        {
            Some(becomes(json!([4, id, "InternalError", "", {}])))
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "asks nobody",
        breaks: "a tag it cannot judge itself is asked about first [1.6 §4.1]",
        make: || never_calls("Authorize", |_| true, accepted_tag),
    },
    Frames {
        name: "charges anybody",
        breaks: "no energy for a tag that is not Accepted [1.6 §4.1]",
        make: charges_anybody,
    },
    Frames {
        name: "only says that it has cleared its cache",
        breaks: "after ClearCache tags are asked about again [1.6 §5.4]",
        make: || only_says("ClearCache", || json!({"status": "Accepted"})),
    },
    Frames {
        name: "asks before it stops for its own tag",
        breaks: "the tag that started stops unasked [1.6 §3.4, §4.1]",
        make: asks_before_its_own_stop,
    },
    Frames {
        name: "goes on when its start is refused",
        breaks: "StopTransactionOnInvalidId says what a refused start means [1.6 §9.1.24]",
        make: overhears_refused_starts,
    },
    Frames {
        name: "asks about a tag once in its life",
        breaks: "the cache is corrected and can be switched off [1.6 §3.5, §3.5.1]",
        make: asks_once,
    },
    Frames {
        name: "overlooks the end of an acceptance",
        breaks: "what the cache holds ends with its expiryDate [1.6 §3.5.1, §7.27]",
        make: overlooks_expiry,
    },
    Frames {
        name: "forgets bad news of a tag",
        breaks: "newer information takes the place of what the cache holds [1.6 §3.5.1]",
        make: forgets_bad_news,
    },
    Frames {
        name: "charges from its cache whatever the setting",
        breaks: "with LocalAuthorizeOffline false the cache starts nobody offline [1.6 §3.5]",
        make: || only_says_that_it_set("LocalAuthorizeOffline", "false"),
    },
    Frames {
        name: "hangs up on a refused tag",
        breaks: "a refusal is an answer like any other [1.6 §4.1]",
        make: hangs_up_on_refusal,
    },
    Frames {
        name: "stops for a stranger",
        breaks: "only the starting tag or one of its group stops [1.6 §4.10]",
        make: stops_for_a_stranger,
    },
];
