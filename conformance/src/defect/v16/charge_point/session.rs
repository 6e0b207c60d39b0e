//! Sessions that begin, go on or end as they should not.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::setting::behaves_as_if;
use super::{QUEUED, age, nothing, swallowed};
use crate::defect::{Frames, becomes, calls, habit, never_calls, only_says};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Asks about a tag that it knows before it starts a session, from this boot on.
fn asks_first(from_boot: u32) -> Box<dyn Bend> {
    const ASKS: &str = "asks-before-it-starts";
    let (mut boots, mut has_asked, mut start) = (0, false, None);
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut => {
            boots += u32::from(action == "BootNotification");
            // Somebody else comes.
            has_asked &= payload["status"] != "Preparing";
            if action != "StartTransaction" {
                has_asked |= action == "Authorize";
                return None;
            }
            let asks = boots >= from_boot && !std::mem::take(&mut has_asked);
            asks.then(|| {
                start = Some(json!([2, id, action, payload]).to_string());
                becomes(json!([2, ASKS, "Authorize", {"idTag": payload["idTag"]}]))
            })
        }
        Message::Result { id, .. } if direction == Direction::ToSut && id == ASKS => Some(Fate {
            released: start.take().into_iter().collect(),
            ..Fate::default()
        }),
        _ => None,
    })
}

/// Says no more of a connector that is free again after it was in this state.
fn hides_that_it_is_free_after(state: &'static str) -> Box<dyn Bend> {
    let mut last = [Value::Null, Value::Null, Value::Null];
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            let connector = usize::try_from(payload["connectorId"].as_u64()?).ok()?;
            let before = std::mem::replace(last.get_mut(connector)?, payload["status"].clone());
            let is_free = payload["status"] == "Available";
            (is_free && before == state).then(|| swallowed(id, &nothing()))
        }
        _ => None,
    })
}

/// Charges though the cable is not locked.
fn starts_without_a_lock() -> Box<dyn Bend> {
    let mut tag = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == "RemoteStartTransaction" =>
        {
            tag = payload["idTag"].clone();
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && payload["errorCode"] == "ConnectorLockFailure" =>
        {
            let start = json!([2, "without-a-lock", "StartTransaction", {"connectorId": payload["connectorId"],
                "idTag": tag, "meterStart": 0, "timestamp": crate::wire::script::now()}]);
            Some(Fate {
                made_up: vec![start.to_string()],
                ..becomes(json!([2, id, action, payload]))
            })
        }
        _ => None,
    })
}

/// Keeps the ends of sessions to itself that came for a reason, after so many.
fn never_stops(reason: &'static str, after: u32) -> Box<dyn Bend> {
    let mut count = 0;
    let unwanted = move |payload: &Value| {
        let is_it = payload["reason"] == reason;
        count += u32::from(is_it);
        is_it && count > after
    };
    never_calls("StopTransaction", unwanted, nothing)
}

/// Readings that were asked for are those of the session before.
fn tells_readings_of_before() -> Box<dyn Bend> {
    calls("MeterValues", |payload| {
        let is_asked = payload["meterValue"][0]["sampledValue"][0]["context"] == "Trigger";
        if let Some(id) = payload["transactionId"].as_i64().filter(|_| is_asked) {
            payload["transactionId"] = (id - 1).into();
        }
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "starts for another tag",
        breaks: "a start names the tag that asked for it [1.6 §6.45]",
        make: || {
            calls("StartTransaction", |payload| {
                payload["idTag"] = "SOMEBODY-ELSE".into()
            })
        },
    },
    Frames {
        name: "asks about tags that are in its cache",
        breaks: "LocalPreAuthorize lets who is in the cache start unasked [1.6 §9.1.14]",
        make: || asks_first(0),
    },
    Frames {
        name: "loses its cache in a power cut",
        breaks: "the cache is kept in memory that outlives a power cut [1.6 §3.5.1]",
        make: || asks_first(2),
    },
    Frames {
        name: "waits for the cable for ever",
        breaks: "ConnectionTimeOut is how long it waits for the cable [1.6 §9.1.6]",
        make: || hides_that_it_is_free_after("Preparing"),
    },
    Frames {
        name: "hides that a cable was taken out",
        breaks: "a change of state is reported [1.6 §4.9]",
        make: || hides_that_it_is_free_after("Finishing"),
    },
    Frames {
        name: "starts though the lock has failed",
        breaks: "a cable that cannot be locked charges nobody [1.6 §7.6]",
        make: starts_without_a_lock,
    },
    Frames {
        name: "charges on without the car",
        breaks: "with StopTransactionOnEVSideDisconnect an unplugged car ends its session [1.6 §9.1.23]",
        make: || never_stops("EVDisconnected", 0),
    },
    Frames {
        name: "only says that it stops",
        breaks: "an accepted remote stop ends the session [1.6 §5.12]",
        make: || only_says("RemoteStopTransaction", || json!({"status": "Accepted"})),
    },
    Frames {
        name: "unlocks and charges on",
        breaks: "to unlock a connector ends its session [1.6 §5.18]",
        make: || only_says("UnlockConnector", || json!({"status": "Unlocked"})),
    },
    Frames {
        name: "ends one session before it restarts",
        breaks: "before a soft reset all sessions are ended [1.6 §5.14]",
        make: || never_stops("SoftReset", 1),
    },
    Frames {
        name: "forgets a session when the power fails",
        breaks: "a power cut ends a session for the reason PowerLoss [1.6 §7.36]",
        make: || never_stops("PowerLoss", 0),
    },
    Frames {
        name: "loses the start it queued",
        breaks: "transaction messages are delivered after an outage [1.6 §3.7]",
        make: || {
            never_calls(
                "StartTransaction",
                |payload| age(&payload["timestamp"]) > QUEUED,
                || json!({"transactionId": 1, "idTagInfo": {"status": "Accepted"}}),
            )
        },
    },
    Frames {
        name: "tells readings of another session when it is asked",
        breaks: "MeterValues name the transaction that runs [1.6 §4.7]",
        make: tells_readings_of_before,
    },
    Frames {
        name: "charges strangers offline",
        breaks: "offline an unknown tag starts nothing unless it is allowed to [1.6 §3.5.4]",
        make: || behaves_as_if("AllowOfflineTxForUnknownId", "true"),
    },
];
