//! Sessions that begin, go on or end as they should not.

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::setting::behaves_as_if;
use super::{QUEUED, age, nothing, swallowed};
use crate::defect::{Frames, becomes, calls, habit, never_calls, only_says, says};
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

/// The register begins anew with each boot but the first.
fn begins_at_nought_after_a_boot() -> Box<dyn Bend> {
    let mut boots = 0;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut => {
            boots += u32::from(action == "BootNotification");
            (boots > 1 && action == "StartTransaction").then(|| {
                let mut payload = payload.clone();
                payload["meterStart"] = 0.into();
                becomes(json!([2, id, action, payload]))
            })
        }
        _ => None,
    })
}

/// Once the car was away it gives no more energy.
fn stays_suspended() -> Box<dyn Bend> {
    let mut suspended = false;
    never_calls(
        "StatusNotification",
        move |payload| {
            if payload["status"] != "Charging" {
                suspended = payload["status"] == "SuspendedEV";
            }
            suspended && payload["status"] == "Charging"
        },
        nothing,
    )
}

/// What a connector goes through before a car that comes starts a session that nobody asked for.
#[derive(Clone, Copy)]
enum Since {
    /// Nobody has plugged in in time.
    TheLapse,
    /// The car has left its session.
    TheCarLeft,
}

/// Starts a session for who was the last when a car comes.
fn starts_unasked(since: Since) -> Box<dyn Bend> {
    let (mut last, mut tag, mut may) = (Value::Null, Value::Null, false);
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut => match action {
            "Authorize" | "StartTransaction" => {
                tag = payload["idTag"].clone();
                None
            }
            "StopTransaction" => {
                may |= matches!(since, Since::TheCarLeft) && payload["reason"] == "EVDisconnected";
                None
            }
            "StatusNotification" if payload["connectorId"] == 1 => {
                let status = payload["status"].clone();
                let lapsed = last == "Preparing" && status == "Available";
                may |= matches!(since, Since::TheLapse) && lapsed;
                last = status;
                (may && last == "Preparing").then(|| {
                    may = false;
                    let start = json!([2, "nobody-asked", "StartTransaction", {"connectorId": 1, "idTag": tag,
                        "meterStart": 0, "timestamp": crate::wire::script::now()}]);
                    Fate {
                        made_up: vec![start.to_string()],
                        ..becomes(json!([2, id, action, payload]))
                    }
                })
            }
            _ => None,
        },
        _ => None,
    })
}

/// Says no more of a connector that is free again after it was in this state.
pub(super) fn hides_that_it_is_free_after(state: &'static str) -> Box<dyn Bend> {
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

/// The meter of each session but the first begins at nought.
fn begins_at_nought() -> Box<dyn Bend> {
    let mut sessions = 0;
    calls("StartTransaction", move |payload| {
        sessions += 1;
        if sessions > 1 {
            payload["meterStart"] = 0.into();
        }
    })
}

/// Tells of connector 1 what happens at connector 2.
fn mixes_up_connectors() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && ["StartTransaction", "MeterValues"].contains(&action)
                && payload["connectorId"] == 2 =>
        {
            let mut payload = payload.clone();
            payload["connectorId"] = 1.into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Ends the session that began last, whichever is over.
fn stops_the_last_one() -> Box<dyn Bend> {
    let mut last = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            last = payload["transactionId"].clone();
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut && action == "StopTransaction" =>
        {
            let mut payload = payload.clone();
            payload["transactionId"] = last.clone();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// A command that it refuses ends the session, and nobody is told.
fn ends_in_silence() -> Box<dyn Bend> {
    let mut ended = false;
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut
                && [
                    "RemoteStartTransaction",
                    "RemoteStopTransaction",
                    "UnlockConnector",
                ]
                .contains(&action) =>
        {
            ended = payload["status"] == "Rejected" || payload["status"] == "NotSupported";
            None
        }
        Message::Call { id, .. }
            if ended && direction == Direction::ToSut && action == "RemoteStopTransaction" =>
        {
            Some(swallowed(id, &json!({"status": "Rejected"})))
        }
        _ => None,
    })
}

/// Charges a car that is back, and counts it in the register alone.
fn charges_between_sessions() -> Box<dyn Bend> {
    let mut is_back = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut => {
            is_back |= payload["reason"] == "EVDisconnected";
            (is_back && action == "StartTransaction").then(|| {
                let mut payload = payload.clone();
                let register = payload["meterStart"].as_i64().unwrap_or_default();
                payload["meterStart"] = (register + 12).into();
                becomes(json!([2, id, action, payload]))
            })
        }
        _ => None,
    })
}

/// Does not learn the id of a session whose start it could not tell at once.
fn names_no_late_session() -> Box<dyn Bend> {
    let mut late = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut => match action {
            "StartTransaction" => {
                late = age(&payload["timestamp"]) > QUEUED;
                None
            }
            "MeterValues" if late => {
                let mut payload = payload.clone();
                payload.as_object_mut()?.remove("transactionId");
                Some(becomes(json!([2, id, action, payload])))
            }
            _ => None,
        },
        _ => None,
    })
}

/// Keeps the readings of the last five seconds, and those before the last seven.
fn loses_the_middle() -> Box<dyn Bend> {
    const LOST: std::ops::Range<Duration> = Duration::from_secs(5)..Duration::from_secs(7);
    never_calls(
        "MeterValues",
        |payload| LOST.contains(&age(&payload["meterValue"][0]["timestamp"])),
        nothing,
    )
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
        breaks: "LocalPreAuthorize lets who is in the cache start unasked [1.6 §9.1.13]",
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
        name: "gives no more energy once the car was away",
        breaks: "a car that is back may charge on [1.6 §9.1.23]",
        make: stays_suspended,
    },
    Frames {
        name: "starts when the time for the cable is over",
        breaks: "ConnectionTimeOut ends what was authorized [1.6 §9.1.6]",
        make: || starts_unasked(Since::TheLapse),
    },
    Frames {
        name: "starts again when the car is back",
        breaks: "a session that has ended gives no more energy [1.6 §4.10]",
        make: || starts_unasked(Since::TheCarLeft),
    },
    Frames {
        name: "begins at nought after a power cut",
        breaks: "meterStart is what the register of the connector shows [1.6 §6.45]",
        make: begins_at_nought_after_a_boot,
    },
    Frames {
        name: "learns nothing from the answer to a stop",
        breaks: "the cache takes in what a StopTransaction is answered [1.6 §3.5.1]",
        make: || {
            habit(|direction, action, message| match message {
                Message::Result { id, payload }
                    if direction == Direction::ToSut
                        && action == "StopTransaction"
                        && payload.get("idTagInfo").is_some() =>
                {
                    Some(becomes(json!([3, id, {}])))
                }
                _ => None,
            })
        },
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
    Frames {
        name: "stops another transaction",
        breaks: "StopTransaction carries the id that the start was given [1.6 §4.10]",
        make: || {
            calls("StopTransaction", |payload| {
                payload["transactionId"] = 4_711.into()
            })
        },
    },
    Frames {
        name: "gives no reason",
        breaks: "the reason of a stop is left out only for Local [1.6 §4.10]",
        make: || {
            calls("StopTransaction", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("reason"));
            })
        },
    },
    Frames {
        name: "writes numbers as text",
        breaks: "meterStart is an integer [1.6 §6.45]",
        make: || {
            calls("StartTransaction", |payload| {
                payload["meterStart"] = payload["meterStart"].to_string().into()
            })
        },
    },
    Frames {
        name: "leaves the offset out",
        breaks: "time stamps are RFC 3339 with their offset [1.6 §3.13]",
        make: || {
            calls("StartTransaction", |payload| {
                payload["timestamp"] = "2024-03-10T15:00:00".into()
            })
        },
    },
    Frames {
        name: "accepts a start where somebody charges",
        breaks: "a remote start it cannot do is Rejected [1.6 §5.11]",
        make: || says("RemoteStartTransaction", "Rejected", "Accepted"),
    },
    Frames {
        name: "accepts the stop of any transaction",
        breaks: "a remote stop of an unknown transaction is Rejected [1.6 §5.12]",
        make: || says("RemoteStopTransaction", "Rejected", "Accepted"),
    },
    Frames {
        name: "measures backwards",
        breaks: "meterStop is what the register shows at the end [1.6 §6.49]",
        make: || {
            calls("StopTransaction", |payload| {
                payload["meterStop"] = (-1).into()
            })
        },
    },
    Frames {
        name: "begins each session at nought",
        breaks: "meterStart is what the register of the connector shows [1.6 §6.45]",
        make: begins_at_nought,
    },
    Frames {
        name: "tells of connector 1 what happens at connector 2",
        breaks: "a start names its connector [1.6 §6.45]",
        make: mixes_up_connectors,
    },
    Frames {
        name: "stops the last of two sessions",
        breaks: "StopTransaction carries the id of the session that ends [1.6 §6.49]",
        make: stops_the_last_one,
    },
    Frames {
        name: "ends a session in silence",
        breaks: "a refused command changes nothing [1.6 §5.11, §5.18]",
        make: ends_in_silence,
    },
    Frames {
        name: "names another tag in the stop",
        breaks: "a stop names the tag that asked for it [1.6 §6.49]",
        make: || {
            calls("StopTransaction", |payload| {
                if payload.get("idTag").is_some() {
                    payload["idTag"] = "SOMEBODY-ELSE".into();
                }
            })
        },
    },
    Frames {
        name: "charges a car that is back",
        breaks: "without a transaction there is no energy [1.6 §4.10]",
        make: charges_between_sessions,
    },
    Frames {
        name: "names no transaction that was told late",
        breaks: "readings of a transaction carry its id [1.6 §4.7]",
        make: names_no_late_session,
    },
    Frames {
        name: "keeps the oldest and the newest of an outage",
        breaks: "every message of a transaction is kept for later [1.6 §3.7]",
        make: loses_the_middle,
    },
    Frames {
        name: "measures volts in watts",
        breaks: "a unit fits its measurand [1.6 §7.45]",
        make: || {
            calls("MeterValues", |payload| {
                let samples = payload["meterValue"][0]["sampledValue"].as_array_mut();
                let volts = json!({"value": "230", "measurand": "Voltage", "unit": "W"});
                if let Some(samples) = samples {
                    samples.push(volts);
                }
            })
        },
    },
];
