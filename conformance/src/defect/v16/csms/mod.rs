//! Ways in which CSMS get it wrong.

mod command;
mod handshake;
mod line;
mod session;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::defect::{
    Frames, Offers, answers, answers_twice, becomes, calls, habit, never_answers, swaps_error_codes,
};
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

/// A connector has one transaction id for good.
fn gives_an_id_again() -> Box<dyn Bend> {
    let (mut connector, mut ids) = (Value::Null, Vec::<(Value, Value)>::new());
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == "StartTransaction" =>
        {
            connector = payload["connectorId"].clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            let given = ids.iter().find(|(of, _)| *of == connector);
            let Some((_, given)) = given else {
                ids.push((connector.clone(), payload["transactionId"].clone()));
                return None;
            };
            let mut payload = payload.clone();
            payload["transactionId"] = given.clone();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Counts from the beginning when the charge point boots.
fn counts_anew_after_a_boot() -> Box<dyn Bend> {
    let mut given = 0;
    habit(move |direction, action, message| match message {
        Message::Result { .. }
            if direction == Direction::FromSut && action == "BootNotification" =>
        {
            given = 0;
            None
        }
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            given += 1;
            let mut payload = payload.clone();
            payload["transactionId"] = given.into();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Refuses a stop that ends where its start began.
fn wants_energy() -> Box<dyn Bend> {
    let mut begun = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::ToSut => {
            if action == "StartTransaction" {
                begun = payload["meterStart"].clone();
            }
            let is_empty = action == "StopTransaction" && payload["meterStop"] == begun;
            is_empty.then(|| Fate {
                back: vec![json!([4, id, "PropertyConstraintViolation", "", {}]).to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

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

/// Keeps so much of a message id.
fn cuts_ids(length: usize) -> Box<dyn Bend> {
    habit(move |direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && id.chars().count() > length =>
        {
            let id: String = id.chars().take(length).collect();
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

/// Hears nothing while a command of its own is open.
fn is_deaf_while_it_waits() -> Box<dyn Bend> {
    let mut open: Option<String> = None;
    habit(move |direction, _, message| match message {
        Message::Call { id, .. } if direction == Direction::FromSut => {
            open = Some(id.clone());
            None
        }
        Message::Call { .. } => open.as_ref().map(|_| Fate::default()),
        _ if direction == Direction::ToSut && message.id() == open.as_deref() => {
            open = None;
            None
        }
        _ => None,
    })
}

/// Leaves calls of a kind unanswered.
fn drops(wanted: &'static str, kind: fn(&Value) -> bool) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::ToSut && action == wanted && kind(payload) =>
        {
            Some(Fate::default())
        }
        _ => None,
    })
}

/// Takes messages of any action that lack what they need.
fn takes_what_lacks() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Error { id, .. }
            if direction == Direction::FromSut
                && matches!(action, "MeterValues" | "StopTransaction") =>
        {
            Some(becomes(json!([3, id, {}])))
        }
        _ => None,
    })
}

/// The first sample of a message with meter values.
fn sample(payload: &Value) -> &Value {
    &payload["meterValue"][0]["sampledValue"][0]
}

/// Where the time of a message stands.
fn time_of(payload: &Value) -> &str {
    let time = payload.get("timestamp");
    let time = time.unwrap_or(&payload["meterValue"][0]["timestamp"]);
    time.as_str().unwrap_or_default()
}

fn has_offset(payload: &Value) -> bool {
    let time = time_of(payload);
    !time.is_empty() && !time.ends_with('Z')
}

/// Refuses calls of an action that are of a kind.
fn refuses(wanted: &'static str, kind: impl Fn(&Value) -> bool + Send + 'static) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut && action == wanted && kind(payload) =>
        {
            let error = json!([4, id, "FormationViolation", "", {}]);
            Some(Fate {
                back: vec![error.to_string()],
                ..Fate::default()
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

/// A command that stays where it is; who ordered it hears of an error.
fn not_sent(id: &str) -> Fate {
    Fate {
        back: vec![json!([4, id, "GenericError", "", {}]).to_string()],
        ..Fate::default()
    }
}

/// After an error it sends no command any more.
fn is_stuck_after_an_error() -> Box<dyn Bend> {
    let mut stuck = false;
    habit(move |direction, _, message| match message {
        Message::Error { .. } if direction == Direction::ToSut => {
            stuck = true;
            None
        }
        Message::Call { id, .. } if direction == Direction::FromSut && stuck => Some(not_sent(id)),
        _ => None,
    })
}

/// Hangs up when an answer names a key as unknown.
fn stumbles_over_unknown_keys() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::ToSut && payload.get("unknownKey").is_some() =>
        {
            Some(Fate {
                close: true,
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// Whether something was told more than a quarter of an hour after it happened.
fn is_old(payload: &Value) -> bool {
    let stamp: Option<jiff::Timestamp> = time_of(payload).parse().ok();
    stamp.is_some_and(|stamp| {
        jiff::Timestamp::now().duration_since(stamp) > jiff::SignedDuration::from_mins(15)
    })
}

/// Hangs up when an answer lists more keys than it has room for.
fn stumbles_over_many_keys() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Result { id, payload } if direction == Direction::ToSut => {
            let keys = payload["configurationKey"].as_array().map_or(0, Vec::len);
            (keys > 10).then(|| Fate {
                close: true,
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

fn refuses_unknown_stops() -> Box<dyn Bend> {
    let mut known = Vec::new();
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut && action == "StartTransaction" =>
        {
            known.push(payload["transactionId"].clone());
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "StopTransaction"
                && !known.contains(&payload["transactionId"]) =>
        {
            let error = json!([
                4,
                id,
                "PropertyConstraintViolation",
                "unknown transaction",
                {}
            ]);
            Some(Fate {
                on: Vec::new(),
                back: vec![error.to_string()],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Answers with an id of its own.
fn answers_with_another_id() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            Some(becomes(json!([3, "another", payload])))
        }
        _ => None,
    })
}

/// Does not wait for the answer to a command before the next one.
fn sends_two_commands() -> Box<dyn Bend> {
    let mut sent = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut && !sent => {
            sent = true;
            let second = json!([2, "at-once", "ClearCache", {}]).to_string();
            Some(Fate {
                on: vec![json!([2, id, action, payload]).to_string(), second],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Sends a refused command again at once.
fn insists() -> Box<dyn Bend> {
    let mut last: Option<(String, Value)> = None;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. } if direction == Direction::FromSut => {
            last = Some((action.to_owned(), payload.clone()));
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut && payload["status"] == "Rejected" =>
        {
            let (action, command) = last.take()?;
            let again = json!([2, "again", action, command]).to_string();
            Some(Fate {
                on: vec![json!([3, id, payload]).to_string()],
                back: vec![again],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Takes what breaks the schema.
fn takes_anything() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Error { id, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            Some(becomes(json!([3, id, {}])))
        }
        _ => None,
    })
}

/// Asks the charge point for what only charge points say.
fn speaks_for_the_other_side() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "BootNotification" =>
        {
            let call = json!([2, "mine", "Heartbeat", {}]).to_string();
            Some(Fate {
                on: vec![json!([3, id, payload]).to_string(), call],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// All of them that lie on the line.
pub(in crate::defect) fn seeds() -> impl Iterator<Item = &'static Frames> {
    let all = [SEEDS, command::SEEDS, line::SEEDS, session::SEEDS];
    all.into_iter().flatten()
}

/// Those of the handshake.
pub(in crate::defect) fn offers() -> impl Iterator<Item = &'static Offers> {
    handshake::SEEDS.iter()
}

static SEEDS: &[Frames] = &[
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
        name: "adds members of its own",
        breaks: "a payload has no members beyond its schema [1.6J §4.2]",
        make: || answers("Heartbeat", |payload| payload["mood"] = "fine".into()),
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
        name: "answers twice",
        breaks: "each call has one answer [1.6J §4.1.1]",
        make: answers_twice,
    },
    Frames {
        name: "answers with another id",
        breaks: "an answer has the id of its call [1.6J §4.2.2]",
        make: answers_with_another_id,
    },
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
        name: "gives every transaction the same id",
        breaks: "each transaction has its own id [1.6 §4.8]",
        make: || {
            answers("StartTransaction", |payload| {
                payload["transactionId"] = 1.into()
            })
        },
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
        name: "stumbles over a charge point with many keys",
        breaks: "a charge point lists all its keys [1.6 §5.8]",
        make: stumbles_over_many_keys,
    },
    Frames {
        name: "gives refused starts no id",
        breaks: "every start is given a transaction id [1.6 §4.8]",
        make: || {
            answers("StartTransaction", |payload| {
                if payload["idTagInfo"]["status"] != "Accepted" {
                    payload
                        .as_object_mut()
                        .map(|members| members.remove("transactionId"));
                }
            })
        },
    },
    Frames {
        name: "refuses stops it does not know",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: refuses_unknown_stops,
    },
    Frames {
        name: "starts at the wrong connector",
        breaks: "a remote start names the connector that was meant [1.6 §5.11]",
        make: || {
            calls("RemoteStartTransaction", |payload| {
                payload["connectorId"] = (payload["connectorId"].as_i64().unwrap_or(0) + 1).into();
            })
        },
    },
    Frames {
        name: "stops the wrong transaction",
        breaks: "a remote stop carries the id that the start was given [1.6 §5.12]",
        make: || {
            calls("RemoteStopTransaction", |payload| {
                payload["transactionId"] = 4_711.into()
            })
        },
    },
    Frames {
        name: "resets softly whatever was asked",
        breaks: "Reset carries the type that was meant [1.6 §5.14]",
        make: || calls("Reset", |payload| payload["type"] = "Soft".into()),
    },
    Frames {
        name: "writes another value",
        breaks: "ChangeConfiguration carries the value that was meant [1.6 §5.3]",
        make: || {
            calls("ChangeConfiguration", |payload| {
                payload["value"] = "42".into()
            })
        },
    },
    Frames {
        name: "reads everything whatever was asked",
        breaks: "GetConfiguration names the keys that were meant [1.6 §5.8]",
        make: || {
            calls("GetConfiguration", |payload| {
                payload.as_object_mut().map(|members| members.remove("key"));
            })
        },
    },
    Frames {
        name: "sends two commands at once",
        breaks: "the next call waits for the answer to the one before [1.6J §4.1.1]",
        make: sends_two_commands,
    },
    Frames {
        name: "insists after a refusal",
        breaks: "a refused command is answered; nobody asked for another [1.6 §5.11]",
        make: insists,
    },
    Frames {
        name: "mixes up NotImplemented and NotSupported",
        breaks: "NotImplemented is for an action nobody knows [1.6J §4.2.3]",
        make: swaps_error_codes,
    },
    Frames {
        name: "takes what breaks the schema",
        breaks: "a payload that breaks the schema is refused [1.6J §4.2.3]",
        make: takes_anything,
    },
    Frames {
        name: "answers data of any vendor with data",
        breaks: "there are no data for a vendor it does not know [1.6 §4.3]",
        make: || answers("DataTransfer", |payload| payload["data"] = "thanks".into()),
    },
    Frames {
        name: "asks for another message",
        breaks: "TriggerMessage names the message that was meant [1.6 §5.17]",
        make: || {
            calls("TriggerMessage", |payload| {
                payload["requestedMessage"] = "StatusNotification".into()
            })
        },
    },
    Frames {
        name: "asks for the message of another connector",
        breaks: "TriggerMessage names the connector that was meant [1.6 §5.17]",
        make: || {
            calls("TriggerMessage", |payload| {
                if payload["connectorId"] == 1 {
                    payload["connectorId"] = 2.into();
                }
            })
        },
    },
    Frames {
        name: "refuses what was asked for",
        breaks: "a message that was asked for is acknowledged [1.6 §5.17]",
        make: || {
            refuses("MeterValues", |payload| {
                payload["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
            })
        },
    },
    Frames {
        name: "minds the case of tags that start",
        breaks: "tags have no case [1.6 §7.28]",
        make: || minds_case("StartTransaction"),
    },
    Frames {
        name: "gives a second session the id of the first",
        breaks: "each transaction has its own id [1.6 §4.8]",
        make: gives_an_id_again,
    },
    Frames {
        name: "has a clock that stands still",
        breaks: "the heartbeat is answered with the current time [1.6 §4.6]",
        make: stands_still,
    },
    Frames {
        name: "cuts message ids",
        breaks: "an answer has the id of its call, of up to 36 characters [1.6J §4.1.4]",
        make: || cuts_ids(30),
    },
    Frames {
        name: "hangs up after it has refused a tag",
        breaks: "a refused tag is answered, and the line goes on [1.6 §4.1]",
        make: hangs_up_on_strangers,
    },
    Frames {
        name: "is deaf while it waits for an answer",
        breaks: "each side may call while a call of the other is open [1.6J §4.1.1]",
        make: is_deaf_while_it_waits,
    },
    Frames {
        name: "knows no running transaction",
        breaks: "readings of a transaction are acknowledged [1.6 §4.7]",
        make: || {
            refuses("MeterValues", |payload| {
                payload.get("transactionId").is_some()
            })
        },
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
    Frames {
        name: "takes no meter of a maker",
        breaks: "a boot may tell of the meter [1.6 §6.3]",
        make: || {
            refuses("BootNotification", |payload| {
                payload.get("meterType").is_some()
            })
        },
    },
    Frames {
        name: "takes data in ASCII alone",
        breaks: "messages are UTF-8 [1.6J §4.1.2]",
        make: || {
            refuses("DataTransfer", |payload| {
                payload["data"]
                    .as_str()
                    .is_some_and(|data| !data.is_ascii())
            })
        },
    },
    Frames {
        name: "knows few contexts",
        breaks: "a reading has any context of the standard [1.6 §7.35]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload)["context"] == "Interruption.End"
            })
        },
    },
    Frames {
        name: "knows few locations",
        breaks: "a reading has any location of the standard [1.6 §7.30]",
        make: || refuses("MeterValues", |payload| sample(payload)["location"] == "EV"),
    },
    Frames {
        name: "knows few measurands",
        breaks: "a reading has any measurand of the standard [1.6 §7.31]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload)["measurand"] == "Power.Factor"
            })
        },
    },
    Frames {
        name: "knows few phases",
        breaks: "a reading has any phase of the standard [1.6 §7.34]",
        make: || refuses("MeterValues", |payload| sample(payload)["phase"] == "L3-L1"),
    },
    Frames {
        name: "knows few units",
        breaks: "a reading has any unit of the standard [1.6 §7.45]",
        make: || refuses("MeterValues", |payload| sample(payload)["unit"] == "kvarh"),
    },
    Frames {
        name: "takes no signed readings",
        breaks: "a reading may be signed [1.6 §7.49]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload)["format"] == "SignedData"
            })
        },
    },
    Frames {
        name: "wants to know what is measured",
        breaks: "a reading without a measurand is one of the import register [1.6 §7.43]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload).get("measurand").is_none()
            })
        },
    },
    Frames {
        name: "takes one reading at a time",
        breaks: "a message has one reading or more [1.6 §6.31]",
        make: || {
            refuses("MeterValues", |payload| {
                payload["meterValue"]
                    .as_array()
                    .is_some_and(|all| all.len() > 1)
            })
        },
    },
    Frames {
        name: "takes no readings of the whole charge point",
        breaks: "connector 0 is the main meter [1.6 §4.7]",
        make: || refuses("MeterValues", |payload| payload["connectorId"] == 0),
    },
    Frames {
        name: "takes no reservation",
        breaks: "a start may end a reservation [1.6 §6.45]",
        make: || {
            refuses("StartTransaction", |payload| {
                payload.get("reservationId").is_some()
            })
        },
    },
    Frames {
        name: "knows few error codes",
        breaks: "a status has any error code of the standard [1.6 §7.6]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["errorCode"] == "WeakSignal"
            })
        },
    },
    Frames {
        name: "takes no error codes of makers",
        breaks: "a status may have an error code of the maker [1.6 §6.47]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload.get("vendorErrorCode").is_some()
            })
        },
    },
    Frames {
        name: "knows few statuses",
        breaks: "a connector has any status of the standard [1.6 §7.7]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["status"] == "Reserved"
            })
        },
    },
    Frames {
        name: "takes no readings with a stop",
        breaks: "a stop may carry readings [1.6 §6.49]",
        make: || {
            refuses("StopTransaction", |payload| {
                payload.get("transactionData").is_some()
            })
        },
    },
    Frames {
        name: "knows few reasons",
        breaks: "a transaction ends for any reason of the standard [1.6 §7.36]",
        make: || {
            refuses("StopTransaction", |payload| {
                payload["reason"] == "EmergencyStop"
            })
        },
    },
    Frames {
        name: "wants the time of a status in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("StatusNotification", has_offset),
    },
    Frames {
        name: "wants the time of a reading in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("MeterValues", has_offset),
    },
    Frames {
        name: "wants the time of a start in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("StartTransaction", has_offset),
    },
    Frames {
        name: "wants the time of a stop in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("StopTransaction", has_offset),
    },
    Frames {
        name: "wants fractions of a second",
        breaks: "times may have fractions or none [1.6 §3.15]",
        make: || {
            refuses("StatusNotification", |payload| {
                !time_of(payload).is_empty() && !time_of(payload).contains('.')
            })
        },
    },
    Frames {
        name: "leaves odd readings unanswered",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: || drops("MeterValues", |payload| sample(payload)["value"] == "NaN"),
    },
    Frames {
        name: "leaves old starts unanswered",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: || {
            drops("StartTransaction", |payload| {
                time_of(payload).starts_with("2000")
            })
        },
    },
    Frames {
        name: "takes readings and stops that lack what they need",
        breaks: "a member that is needed is there [1.6J §4.2.3]",
        make: takes_what_lacks,
    },
    Frames {
        name: "changes the availability of another connector",
        breaks: "ChangeAvailability names the connector that was meant [1.6 §5.2]",
        make: || {
            calls("ChangeAvailability", |payload| {
                if payload["connectorId"] == 1 {
                    payload["connectorId"] = 0.into();
                }
            })
        },
    },
    Frames {
        name: "drops the data it was to send",
        breaks: "DataTransfer carries what was meant [1.6 §5.6]",
        make: || {
            calls("DataTransfer", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("data"));
            })
        },
    },
    Frames {
        name: "sends no command after an error",
        breaks: "a command that failed is over: the next one follows [1.6J §4.1.1]",
        make: is_stuck_after_an_error,
    },
    Frames {
        name: "stumbles over a key that is unknown",
        breaks: "a charge point names the keys it does not know [1.6 §5.8]",
        make: stumbles_over_unknown_keys,
    },
    Frames {
        name: "takes no old readings",
        breaks: "what was queued is processed like the rest [1.6 §3.7]",
        make: || refuses("MeterValues", is_old),
    },
    Frames {
        name: "refuses stops with a tag that it does not know",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: || {
            refuses("StopTransaction", |payload| {
                payload["idTag"]
                    .as_str()
                    .is_some_and(|tag| !tag.contains("USER"))
            })
        },
    },
    Frames {
        name: "has no room for signed readings",
        breaks: "a signed reading has no limit [1.6 §7.43]",
        make: || {
            refuses("MeterValues", |payload| {
                payload.to_string().len() > 2_000 && sample(payload)["format"] == "SignedData"
            })
        },
    },
    Frames {
        name: "has no room for many readings",
        breaks: "a message has any number of readings [1.6 §6.31]",
        make: || {
            refuses("MeterValues", |payload| {
                payload["meterValue"]
                    .as_array()
                    .is_some_and(|all| all.len() > 20)
            })
        },
    },
    Frames {
        name: "has no room for long infos",
        breaks: "an info has up to 50 characters [1.6 §6.47]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["info"].as_str().is_some_and(|info| info.len() > 40)
            })
        },
    },
    Frames {
        name: "counts transactions anew after a boot",
        breaks: "each transaction has its own id [1.6 §4.8]",
        make: counts_anew_after_a_boot,
    },
    Frames {
        name: "books no session without energy",
        breaks: "a stop cannot be prevented, only acknowledged [1.6 §4.10]",
        make: wants_energy,
    },
    Frames {
        name: "knows few statuses of the whole charge point",
        breaks: "connector 0 is Available, Unavailable or Faulted [1.6 §4.9]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["connectorId"] == 0 && payload["status"] != "Available"
            })
        },
    },
    Frames {
        name: "takes error codes with Faulted alone",
        breaks: "what is no reason to stop is told with any status [1.6 §7.6]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["errorCode"] == "WeakSignal" && payload["status"] == "Charging"
            })
        },
    },
    Frames {
        name: "speaks for the other side",
        breaks: "Heartbeat is the charge point's [1.6 §4.6]",
        make: speaks_for_the_other_side,
    },
];
