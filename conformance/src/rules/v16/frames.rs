//! Frames are OCPP-J, payloads obey the schema, and what the schema leaves open is as the standard says.

use std::collections::HashMap;

use dynamo_protocol::RawValue;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::trace::Direction;
use dynamo_protocol::v16::Action;
use serde_json::Value;

use crate::case::side::Side;
use crate::rules::ocppj::ERROR_CODES;
use crate::rules::schemas::in_words;
use crate::rules::{Breach, Circumstances, Rule};
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::wire::json::member_named_twice;
use crate::words::quoted;

static FRAME: Rule = Rule::must("ocppj-frame");
static PAYLOAD: Rule = Rule::must("ocpp16-payload");
static ERROR_CODE: Rule = Rule::must("ocppj-error-code");
static FAULT_NAMED: Rule = Rule::must("ocpp16-fault-named");
static EV_COMMUNICATION: Rule = Rule::must("ocpp16-ev-communication-error");
static NAMED_TWICE: Rule = Rule::must("json-member-named-twice");

/// The statuses beside which a car may fail to talk [1.6 §4.9].
const WITH_A_CAR: [&str; 4] = ["Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing"];

/// Characters of the description of an error [1.6J §4.2.3].
const DESCRIPTION_CHARS_MAX: usize = 255;

pub(in crate::rules) fn frames_are_valid(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<Breach>,
) {
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for entry in entries {
        if let Some((id, action, _)) = entry.call_to_sut() {
            asked.insert(id, action);
        }
        let Some(message) = entry.frame(Direction::FromSut) else {
            continue;
        };
        if let EntryKind::Frame { raw, .. } = &entry.kind
            && let Some(name) = member_named_twice(raw)
        {
            found.push(NAMED_TWICE.broken(format!(
                "its message names the member {} twice in one object: {raw}",
                quoted(&name)
            )));
        }
        match message {
            Message::Unreadable(reason) => found.push(FRAME.broken(format!(
                "it sent something that is no OCPP-J frame: {reason} [1.6J §4.2]"
            ))),
            Message::Call {
                action, payload, ..
            } => {
                if action == "StatusNotification"
                    && payload["status"] == "Faulted"
                    && payload["errorCode"] == "NoError"
                {
                    found.push(FAULT_NAMED.broken(
                        "it reports Faulted with the error code NoError; a fault has a code [1.6 §4.9]",
                    ));
                }
                if action == "StatusNotification"
                    && payload["errorCode"] == "EVCommunicationError"
                    && !WITH_A_CAR.iter().any(|status| payload["status"] == *status)
                {
                    found.push(EV_COMMUNICATION.broken(format!(
                        "it reports EVCommunicationError with the status {}; it goes with {} alone [1.6 §4.9]",
                        payload["status"],
                        WITH_A_CAR.join(", ")
                    )));
                }
                if let Some(wrong) = wrong_call(action, payload, circumstances) {
                    found.push(PAYLOAD.broken(format!("its {action} {wrong}")));
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
                    found.push(PAYLOAD.broken(format!("its answer to {action} {wrong}")));
                }
            }
            Message::Error {
                code,
                description,
                details,
                ..
            } => {
                if !details.is_object() {
                    found.push(ERROR_CODE.broken(format!(
                        "its CALLERROR has the details {details}, which is no object [1.6J §4.2.3]"
                    )));
                }
                if description.chars().count() > DESCRIPTION_CHARS_MAX {
                    found.push(ERROR_CODE.broken(format!(
                        "its CALLERROR has a description of {} characters; {DESCRIPTION_CHARS_MAX} are allowed \
                         [1.6J §4.2.3]",
                        description.chars().count()
                    )));
                }
                if !ERROR_CODES.contains(&code.as_str()) {
                    found.push(ERROR_CODE.broken(format!(
                        "its CALLERROR has the code {}, which OCPP 1.6 does not know [1.6J §4.2.3]",
                        quoted(code)
                    )));
                }
            }
        }
    }
}

fn wrong_call(action: &str, payload: &Value, circumstances: &Circumstances<'_>) -> Option<String> {
    let Some(known) = Action::from_wire(action) else {
        return Some("is no action of OCPP 1.6".into());
    };
    let allowed = match circumstances.side {
        Side::ChargePoint => known.origin().from_charging_station(),
        Side::Csms | Side::Api | Side::Cpo => known.origin().from_csms(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::record::{frame, plain};

    #[test]
    fn a_car_that_does_not_talk_is_told_beside_a_status_with_a_car() {
        let found = |status: &str| {
            let entry = frame(
                Direction::FromSut,
                &format!(
                    r#"[2,"s","StatusNotification",{{"connectorId":1,"errorCode":"EVCommunicationError","status":"{status}"}}]"#
                ),
            );
            let mut found = Vec::new();
            frames_are_valid(&[entry], &plain(Side::ChargePoint), &mut found);
            let rules: Vec<_> = found.iter().map(|breach| breach.rule.id).collect();
            rules
        };
        assert!(found("SuspendedEV").is_empty());
        assert_eq!(found("Available"), ["ocpp16-ev-communication-error"]);
    }
}
