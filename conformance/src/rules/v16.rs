//! The rules of OCPP 1.6 that every scenario demands: payloads obey the schema, a charge point waits for its
//! acceptance and tells the time it was told, and nobody says what no step accounts for.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use dynamo_protocol::RawValue;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::trace::Direction;
use dynamo_protocol::v16::Action;
use serde_json::Value;

use super::ocppj::ERROR_CODES;
use super::schemas::in_words;
use super::{Breach, Circumstances, Rule};
use crate::case::side::Side;
use crate::wire::entry::{Entry, Message};
use crate::words::quoted;

static FRAME: Rule = Rule::must("ocppj-frame");
static PAYLOAD: Rule = Rule::must("ocpp16-payload");
static ERROR_CODE: Rule = Rule::must("ocppj-error-code");
static BEFORE_ACCEPTANCE: Rule = Rule::must("ocpp16-silent-before-acceptance");
static STAMP_OF_NOW: Rule = Rule::must("ocpp16-stamp-of-now");
static ACCOUNTED_FOR: Rule = Rule::must("accounted-for");

pub(super) fn frames_are_valid(
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
        match message {
            Message::Unreadable(reason) => found.push(FRAME.broken(format!(
                "it sent something that is no OCPP-J frame: {reason} [1.6J §4.2]"
            ))),
            Message::Call {
                action, payload, ..
            } => {
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
            Message::Error { code, .. } => {
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

/// From a boot until it is accepted a charge point sends nothing but boots, and what it was told to send [1.6 §4.2].
pub(super) fn nothing_is_said_before_acceptance(entries: &[Entry], found: &mut Vec<Breach>) {
    let mut boot: Option<&str> = None;
    let mut accepted = true;
    for entry in entries {
        if let Some((id, action, _)) = entry.call_from_sut() {
            if action == "BootNotification" {
                (boot, accepted) = (Some(id), false);
            } else if !accepted {
                found.push(BEFORE_ACCEPTANCE.broken(format!(
                    "it sent {action} before its boot was accepted [1.6 §4.2]"
                )));
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
pub(super) fn time_stamps_are_of_now(entries: &[Entry], found: &mut Vec<Breach>) {
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
            found.push(STAMP_OF_NOW.broken(format!(
                "its {action} is dated {}, which is not the time it was told [1.6 §4.2, §4.6]",
                payload["timestamp"]
            )));
        }
    }
}

/// Every call that no step accounts for, and that its side may not make unasked.
pub(super) fn nothing_is_unaccounted(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<Breach>,
) {
    let mut status_of: HashMap<i64, &str> = HashMap::new();
    let mut allowed = circumstances.allowed.to_vec();
    for (index, entry) in entries.iter().enumerate() {
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        let accounted = entry.consumed
            || allowed.iter_mut().any(|allowed| {
                let is_it = allowed.times > 0
                    && index >= allowed.from
                    && allowed.expected.matches(action, payload);
                allowed.times -= usize::from(is_it);
                is_it
            })
            || match circumstances.side {
                Side::ChargePoint => charge_point_may(action, payload, &status_of),
                Side::Csms => CSMS_MAY.contains(&action),
                // There the scenario knows who asks for what: a command that it does not await should not be.
                Side::Api => false,
            };
        if action == "BootNotification" {
            status_of.clear();
        }
        if action == "StatusNotification"
            && let (Some(connector), Some(status)) =
                (payload["connectorId"].as_i64(), payload["status"].as_str())
        {
            status_of.insert(connector, status);
        }
        if !accounted {
            found.push(
                ACCOUNTED_FOR.broken(format!("it sent {action} {payload}, which no step expects")),
            );
        }
    }
}

/// Questions a CSMS may put to a charge point at any time; its commands it may not invent.
pub(crate) const CSMS_MAY: [&str; 11] = [
    "GetConfiguration",
    "ChangeConfiguration",
    "ChangeAvailability",
    "TriggerMessage",
    "GetLocalListVersion",
    "SendLocalList",
    "ClearCache",
    "DataTransfer",
    "SetChargingProfile",
    "ClearChargingProfile",
    "GetCompositeSchedule",
];

/// What a charge point may say at any time: signs of life, readings, the status it had already, and that the car or
/// the station does not take or give energy yet.
fn charge_point_may(action: &str, payload: &Value, status_of: &HashMap<i64, &str>) -> bool {
    match action {
        "Heartbeat"
        | "MeterValues"
        | "SecurityEventNotification"
        | "DataTransfer"
        | "FirmwareStatusNotification"
        | "DiagnosticsStatusNotification"
        | "LogStatusNotification" => true,
        "StatusNotification" => {
            let (connector, status) = (payload["connectorId"].as_i64(), payload["status"].as_str());
            let before = connector
                .and_then(|connector| status_of.get(&connector))
                .copied();
            let pause = matches!(status, Some("SuspendedEV" | "SuspendedEVSE"));
            status == before
                || (pause
                    && matches!(
                        before,
                        Some("Preparing" | "Charging" | "SuspendedEV" | "SuspendedEVSE")
                    ))
                || (status == Some("Charging")
                    && matches!(before, Some("SuspendedEV" | "SuspendedEVSE")))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::time::SystemTime;

    use dynamo_protocol::trace::Direction;

    use crate::wire::entry::{EntryKind, Message};

    fn is_accounted(side: Side, raw: &str) -> bool {
        let entry = Entry {
            at: SystemTime::now(),
            kind: EntryKind::Frame {
                direction: Direction::FromSut,
                raw: raw.into(),
                message: Message::read(raw),
            },
            consumed: false,
        };
        let circumstances = Circumstances {
            side,
            allowed: &[],
            errors_expected: &HashSet::new(),
            whole: true,
            moved_clock: false,
            schemas: None,
        };
        let mut found = Vec::new();
        nothing_is_unaccounted(&[entry], &circumstances, &mut found);
        found.is_empty()
    }

    #[test]
    fn a_charge_point_may_show_that_it_lives_and_no_more() {
        let may = |raw| is_accounted(Side::ChargePoint, raw);
        assert!(may(r#"[2,"a","Heartbeat",{}]"#));
        assert!(!may(r#"[2,"a","Authorize",{"idTag":"x"}]"#));
    }

    #[test]
    fn a_csms_may_look_after_a_charge_point_except_behind_the_rest_api() {
        let trigger = r#"[2,"a","TriggerMessage",{"requestedMessage":"Heartbeat"}]"#;
        assert!(is_accounted(Side::Csms, trigger));
        assert!(!is_accounted(Side::Api, trigger));
        assert!(!is_accounted(
            Side::Csms,
            r#"[2,"a","Reset",{"type":"Soft"}]"#
        ));
    }
}
