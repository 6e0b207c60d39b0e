//! The rules of OCPP-J 1.6, whatever the messages say: each call has one answer, one call is open at a time, ids are
//! used once.

use std::collections::{HashMap, HashSet};

use dynamo_protocol::trace::Direction;

use super::{Breach, Circumstances, Rule};
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::words::quoted;

static ANSWERED_WELL: Rule = Rule::must("ocppj-result-not-error");
static ANSWERED: Rule = Rule::must("ocppj-answered");
static ANSWERED_ONCE: Rule = Rule::must("ocppj-answered-once");
static ANSWERS_A_CALL: Rule = Rule::must("ocppj-answers-a-call");
static ONE_OPEN_CALL: Rule = Rule::must("ocppj-one-open-call");
static ID_USED_ONCE: Rule = Rule::must("ocppj-id-used-once");

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

pub(super) fn calls_are_answered_once(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<Breach>,
) {
    let mut answers: HashMap<&str, usize> = HashMap::new();
    let mut errors: HashSet<&str> = HashSet::new();
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
                errors.insert(id);
                let names_a_call = asked.contains_key(id.as_str());
                if names_a_call && !circumstances.errors_expected.contains(id) {
                    let action = asked.get(id.as_str()).copied().unwrap_or("something");
                    found.push(ANSWERED_WELL.broken(format!(
                        "it answered {action} with the error {code} ({}), not with a result",
                        quoted(description)
                    )));
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
            0 if !circumstances.whole => {}
            0 if closed_after(entries, index) || circumstances.errors_expected.contains(id) => {}
            0 => found.push(ANSWERED.broken(format!(
                "it never answered {action}; each call gets one answer [1.6J §4.1]"
            ))),
            1 => {}
            more => found.push(ANSWERED_ONCE.broken(format!(
                "it answered {action} {more} times; each call gets one answer [1.6J §4.1]"
            ))),
        }
    }
    let rubbish =
        |entry: &Entry| matches!(entry.frame(Direction::ToSut), Some(Message::Unreadable(_)));
    let sent_rubbish = entries.iter().any(rubbish);
    for id in answers.keys().filter(|id| !asked.contains_key(*id)) {
        // Rubbish has no id that an error could name; what stands there then is left to the peer.
        if sent_rubbish && errors.contains(id) {
            continue;
        }
        found.push(ANSWERS_A_CALL.broken(format!(
            "it answered a call with the message id {} that nobody made",
            quoted(id)
        )));
    }
}

fn closed_after(entries: &[Entry], index: usize) -> bool {
    entries[index..]
        .iter()
        .any(|entry| matches!(entry.kind, EntryKind::Closed { .. }))
}

/// A peer sends its next call after the answer to the one before [1.6J §4.1.1].
pub(super) fn one_call_is_open(entries: &[Entry], found: &mut Vec<Breach>) {
    let mut open: Option<(&str, &str)> = None;
    for (index, entry) in entries.iter().enumerate() {
        match &entry.kind {
            EntryKind::Opened | EntryKind::Closed { .. } => open = None,
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
                    found.push(ONE_OPEN_CALL.broken(format!(
                        "it sent {action} while its {earlier_action} was still open; \
                         one call waits for its answer at a time [1.6J §4.1.1]"
                    )));
                }
                open = Some((id, action));
            }
            EntryKind::Note(_) | EntryKind::Cut { .. } | EntryKind::Http { .. } => {}
        }
    }
}

fn answered_later(entries: &[Entry], index: usize, id: &str) -> bool {
    let other_line =
        |entry: &&Entry| matches!(entry.kind, EntryKind::Opened | EntryKind::Closed { .. });
    let mut same_line = entries[index..]
        .iter()
        .take_while(|entry| !other_line(entry));
    same_line.any(|entry| entry.frame(Direction::ToSut).and_then(Message::id) == Some(id))
}

pub(super) fn ids_are_used_once(entries: &[Entry], found: &mut Vec<Breach>) {
    let mut seen = HashSet::new();
    for entry in entries {
        if matches!(entry.kind, EntryKind::Opened) {
            seen.clear();
        }
        if let Some((id, action, _)) = entry.call_from_sut()
            && !seen.insert(id)
        {
            found.push(ID_USED_ONCE.broken(format!(
                "its {action} uses the message id {} again; each call has one of its own [1.6J §4.2.1]",
                quoted(id)
            )));
        }
    }
}
