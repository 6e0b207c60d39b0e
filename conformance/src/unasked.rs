//! What comes without a step that expects it: which calls each side may make unasked.

use std::collections::HashMap;

use serde_json::Value;

use crate::checks::Circumstances;
use crate::rig::Side;
use crate::trace::Entry;

/// Every call that no step accounts for, and that its side may not make unasked.
pub(crate) fn nothing_is_unaccounted(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<String>,
) {
    let mut status_of: HashMap<i64, &str> = HashMap::new();
    for entry in entries {
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        let accounted = entry.consumed
            || circumstances
                .allowed
                .iter()
                .any(|allowed| allowed.matches(action, payload))
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
            found.push(format!("it sent {action} {payload}, which no step expects"));
        }
    }
}

/// Questions a CSMS may put to a charge point at any time; its commands it may not invent.
pub(crate) const CSMS_MAY: [&str; 9] = [
    "GetConfiguration",
    "ChangeConfiguration",
    "ChangeAvailability",
    "TriggerMessage",
    "GetLocalListVersion",
    "SendLocalList",
    "ClearCache",
    "DataTransfer",
    "SetChargingProfile",
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

    use crate::trace::{EntryKind, Message};

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
