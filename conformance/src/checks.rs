//! What every scenario demands without saying so: frames are frames, payloads obey the schema, each call gets
//! exactly one answer, one call is open at a time, and nothing comes that no step accounts for.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use dynamo_protocol::RawValue;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::trace::Direction;
use dynamo_protocol::v16::Action;
use serde_json::Value;

use crate::expect::Expected;
use crate::line::ENTRIES_MAX;
use crate::params::quoted;
use crate::rig::Side;
use crate::schemas::{Schemas, in_words};
use crate::trace::{Entry, EntryKind, Message};
use crate::unasked::nothing_is_unaccounted;

/// What a scenario knows about its line beyond the frames.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) side: Side,
    /// Calls that a scenario allows without demanding them.
    pub(crate) allowed: &'a [Expected],
    /// Ids of our calls that may be answered with a CALLERROR.
    pub(crate) errors_expected: &'a HashSet<String>,
    /// The scenario moves the clock of the system under test.
    pub(crate) moved_clock: bool,
    /// Published schemas the user added.
    pub(crate) schemas: Option<&'a Schemas>,
}

/// Every breach of the unspoken rules, in the words of the report.
pub(crate) fn breaches(entries: &[Entry], circumstances: &Circumstances<'_>) -> Vec<String> {
    let mut found = Vec::new();
    frames_are_valid(entries, circumstances, &mut found);
    calls_are_answered_once(entries, circumstances, &mut found);
    one_call_is_open(entries, &mut found);
    ids_are_used_once(entries, &mut found);
    if circumstances.side == Side::ChargePoint {
        nothing_is_said_before_acceptance(entries, &mut found);
        if !circumstances.moved_clock {
            time_stamps_are_of_now(entries, &mut found);
        }
    }
    if entries.len() >= ENTRIES_MAX {
        found.push(format!(
            "more than {ENTRIES_MAX} things happened on the line; the rest is not on record"
        ));
    }
    nothing_is_unaccounted(entries, circumstances, &mut found);
    found
}

fn frames_are_valid(entries: &[Entry], circumstances: &Circumstances<'_>, found: &mut Vec<String>) {
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for entry in entries {
        if let Some((id, action, _)) = entry.call_to_sut() {
            asked.insert(id, action);
        }
        let Some(message) = entry.frame(Direction::FromSut) else {
            continue;
        };
        match message {
            Message::Unreadable(reason) => found.push(format!(
                "it sent something that is no OCPP-J frame: {reason} [1.6J §4.2]"
            )),
            Message::Call {
                action, payload, ..
            } => {
                if let Some(wrong) = wrong_call(action, payload, circumstances) {
                    found.push(format!("its {action} {wrong}"));
                }
            }
            Message::Result { id, payload } => {
                if let Some(action) = asked.get(id.as_str())
                    && let Some(wrong) = wrong_payload(
                        action,
                        payload,
                        Decoding::check_response,
                        circumstances,
                        true,
                    )
                {
                    found.push(format!("its answer to {action} {wrong}"));
                }
            }
            Message::Error { code, .. } => {
                if !ERROR_CODES.contains(&code.as_str()) {
                    found.push(format!(
                        "its CALLERROR has the code {}, which OCPP 1.6 does not know [1.6J §4.2.3]",
                        quoted(code)
                    ));
                }
            }
        }
    }
}

/// The codes as OCPP-J 1.6 spells them [1.6J §4.2.3].
pub(crate) const ERROR_CODES: [&str; 10] = [
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
];

fn wrong_call(action: &str, payload: &Value, circumstances: &Circumstances<'_>) -> Option<String> {
    let Some(known) = Action::from_wire(action) else {
        return Some("is no action of OCPP 1.6".into());
    };
    let allowed = match circumstances.side {
        Side::ChargePoint => known.origin().from_charging_station(),
        Side::Csms | Side::Api => known.origin().from_csms(),
    };
    if !allowed {
        return Some("is an action of the other side".into());
    }
    wrong_payload(
        action,
        payload,
        Decoding::check_request,
        circumstances,
        false,
    )
}

type Check = fn(Decoding, Action, &RawValue) -> Result<(), dynamo_protocol::CallError>;

fn wrong_payload(
    action: &str,
    payload: &Value,
    check: Check,
    circumstances: &Circumstances<'_>,
    is_response: bool,
) -> Option<String> {
    let known = Action::from_wire(action)?;
    let raw = RawValue::from_string(payload.to_string()).ok()?;
    if let Err(error) = check(Decoding::strict(), known, &raw) {
        return Some(format!(
            "breaks the schema: {}",
            in_words(&error.description)
        ));
    }
    let schemas = circumstances.schemas?;
    schemas
        .complaint(action, is_response, payload)
        .map(|text| format!("breaks the published schema: {text}"))
}

fn calls_are_answered_once(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<String>,
) {
    let mut answers: HashMap<&str, usize> = HashMap::new();
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for entry in entries {
        if let Some((id, action, _)) = entry.call_to_sut() {
            asked.insert(id, action);
        }
        match entry.frame(Direction::FromSut) {
            Some(Message::Result { id, .. }) => *answers.entry(id).or_default() += 1,
            Some(Message::Error {
                id,
                code,
                description,
                ..
            }) => {
                *answers.entry(id).or_default() += 1;
                let names_a_call = asked.contains_key(id.as_str());
                if names_a_call && !circumstances.errors_expected.contains(id) {
                    let action = asked.get(id.as_str()).copied().unwrap_or("something");
                    found.push(format!(
                        "it answered {action} with the error {code} ({}), not with a result",
                        quoted(description)
                    ));
                }
            }
            _ => {}
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        let Some((id, action, _)) = entry.call_to_sut() else {
            continue;
        };
        match answers.get(id).copied().unwrap_or(0) {
            0 if closed_after(entries, index) || circumstances.errors_expected.contains(id) => {}
            0 => found.push(format!(
                "it never answered {action}; each call gets one answer [1.6J §4.1]"
            )),
            1 => {}
            more => found.push(format!(
                "it answered {action} {more} times; each call gets one answer [1.6J §4.1]"
            )),
        }
    }
    let rubbish =
        |entry: &Entry| matches!(entry.frame(Direction::ToSut), Some(Message::Unreadable(_)));
    let sent_rubbish = entries.iter().any(rubbish);
    for id in answers.keys().filter(|id| !asked.contains_key(*id)) {
        // Rubbish has no id that an error could name; what stands there then is left to the peer.
        if sent_rubbish && *id == "-1" {
            continue;
        }
        found.push(format!(
            "it answered a call with the message id {} that nobody made",
            quoted(id)
        ));
    }
}

fn closed_after(entries: &[Entry], index: usize) -> bool {
    entries[index..]
        .iter()
        .any(|entry| matches!(entry.kind, EntryKind::Closed(_)))
}

/// A peer sends its next call after the answer to the one before [1.6J §4.1.1].
fn one_call_is_open(entries: &[Entry], found: &mut Vec<String>) {
    let mut open: Option<(&str, &str)> = None;
    for (index, entry) in entries.iter().enumerate() {
        match &entry.kind {
            EntryKind::Opened | EntryKind::Closed(_) => open = None,
            EntryKind::Frame {
                direction: Direction::ToSut,
                message,
                ..
            } => {
                if open.is_some_and(|(id, _)| message.id() == Some(id)) {
                    open = None;
                }
            }
            EntryKind::Frame { .. } => {
                let Some((id, action, _)) = entry.call_from_sut() else {
                    continue;
                };
                // A call that we never answer ends with a time-out over there, which cannot be seen from here.
                if let Some((earlier, earlier_action)) = open
                    && answered_later(entries, index, earlier)
                {
                    found.push(format!(
                        "it sent {action} while its {earlier_action} was still open; \
                         one call waits for its answer at a time [1.6J §4.1.1]"
                    ));
                }
                open = Some((id, action));
            }
            EntryKind::Note(_) | EntryKind::Http { .. } => {}
        }
    }
}

fn answered_later(entries: &[Entry], index: usize, id: &str) -> bool {
    entries[index..]
        .iter()
        .any(|entry| entry.frame(Direction::ToSut).and_then(Message::id) == Some(id))
}

fn ids_are_used_once(entries: &[Entry], found: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for entry in entries {
        if matches!(entry.kind, EntryKind::Opened) {
            seen.clear();
        }
        if let Some((id, action, _)) = entry.call_from_sut()
            && !seen.insert(id)
        {
            found.push(format!(
                "its {action} uses the message id {} again; each call has one of its own [1.6J §4.2.1]",
                quoted(id)
            ));
        }
    }
}

/// From a boot until it is accepted a charge point sends nothing but boots, and what it was told to send [1.6 §4.2].
fn nothing_is_said_before_acceptance(entries: &[Entry], found: &mut Vec<String>) {
    let mut boot: Option<&str> = None;
    let mut accepted = true;
    for entry in entries {
        if let Some((id, action, _)) = entry.call_from_sut() {
            if action == "BootNotification" {
                (boot, accepted) = (Some(id), false);
            } else if !accepted {
                found.push(format!(
                    "it sent {action} before its boot was accepted [1.6 §4.2]"
                ));
            }
        }
        match entry.frame(Direction::ToSut) {
            Some(Message::Result { id, payload }) if boot == Some(id) => {
                accepted = payload["status"] == "Accepted"
            }
            // What it is told to send it may send.
            Some(Message::Call { action, .. }) if action == "TriggerMessage" => accepted = true,
            _ => {}
        }
    }
}

/// What a charge point dates happened while the record ran: it was told the time [1.6 §4.2, §4.6].
fn time_stamps_are_of_now(entries: &[Entry], found: &mut Vec<String>) {
    const SLACK: Duration = Duration::from_secs(60);
    let Some(begun) = entries.first().map(|entry| entry.at) else {
        return;
    };
    for entry in entries {
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        let stamp: Option<jiff::Timestamp> = payload["timestamp"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let Some(stamp) = stamp.map(SystemTime::from) else {
            continue;
        };
        if stamp > entry.at + SLACK || stamp + SLACK < begun {
            found.push(format!(
                "its {action} is dated {}, which is not the time it was told [1.6 §4.2, §4.6]",
                payload["timestamp"]
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(frames: &[(Direction, &str)]) -> Vec<Entry> {
        frames
            .iter()
            .map(|(direction, raw)| Entry {
                at: SystemTime::now(),
                kind: EntryKind::Frame {
                    direction: *direction,
                    raw: (*raw).into(),
                    message: Message::read(raw),
                },
                consumed: true,
            })
            .collect()
    }

    fn check(entries: &[Entry]) -> Vec<String> {
        let circumstances = Circumstances {
            side: Side::ChargePoint,
            allowed: &[],
            errors_expected: &HashSet::new(),
            moved_clock: false,
            schemas: None,
        };
        breaches(entries, &circumstances)
    }

    const OUT: Direction = Direction::ToSut;
    const IN: Direction = Direction::FromSut;
    const RESET: &str = r#"[2,"1","Reset",{"type":"Soft"}]"#;
    const ACCEPTED: &str = r#"[3,"1",{"status":"Accepted"}]"#;

    #[test]
    fn a_call_with_its_answer_is_in_order() {
        assert_eq!(
            check(&trace(&[(OUT, RESET), (IN, ACCEPTED)])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_unspoken_rule_has_its_breach() {
        let cases: [(&[(Direction, &str)], &str); 10] = [
            (&[(OUT, RESET)], "it never answered Reset"),
            (
                &[(OUT, RESET), (IN, ACCEPTED), (IN, ACCEPTED)],
                "it answered Reset 2 times",
            ),
            (&[(IN, ACCEPTED)], "that nobody made"),
            (
                &[(OUT, RESET), (IN, r#"[3,"1",{"status":"Perhaps"}]"#)],
                "its answer to Reset breaks the schema: member status: \"Perhaps\" is not a defined value",
            ),
            (
                &[(OUT, RESET), (IN, r#"[4,"1","GenericError","no",{}]"#)],
                "with the error GenericError",
            ),
            (
                &[(IN, r#"[2,"a","Reset",{"type":"Soft"}]"#)],
                "is an action of the other side",
            ),
            (&[(IN, r#"[2,"a","Dance",{}]"#)], "is no action of OCPP 1.6"),
            (&[(IN, "hello")], "no OCPP-J frame"),
            (
                &[(
                    IN,
                    r#"[2,"a","StatusNotification",{"connectorId":0,"errorCode":"NoError","status":"Available",
                    "timestamp":"1970-01-01T00:00:00Z"}]"#,
                )],
                "which is not the time it was told",
            ),
            (
                &[
                    (IN, r#"[2,"a","Heartbeat",{}]"#),
                    (IN, r#"[2,"b","Heartbeat",{}]"#),
                    (OUT, r#"[3,"a",{"currentTime":"2024-01-01T00:00:00Z"}]"#),
                ],
                "it sent Heartbeat while its Heartbeat was still open",
            ),
        ];
        for (frames, breach) in cases {
            let found = check(&trace(frames));
            assert!(
                found.iter().any(|text| text.contains(breach)),
                "{breach}: {found:?}"
            );
        }
    }

    #[test]
    fn a_message_id_is_not_used_again_on_one_socket() {
        let beat = r#"[2,"a","Heartbeat",{}]"#;
        let answer = r#"[3,"a",{"currentTime":"2024-01-01T00:00:00Z"}]"#;
        let found = check(&trace(&[
            (IN, beat),
            (OUT, answer),
            (IN, beat),
            (OUT, answer),
        ]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(r#"its Heartbeat uses the message id "a" again"#));
    }
}
