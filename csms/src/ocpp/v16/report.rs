//! What messages of OCPP 1.6 are about, and what charge points report by them.

use dynamo_protocol::v16::Action;
use serde_json::Value;

use crate::domain::charge_points::connector::{ConnectorState, Phase};
use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::Target;
use crate::ocpp::dialect::{Report, Taken, Topic};

/// What a message of this action is about.
pub(super) fn topic(action: &str) -> Option<Topic> {
    Some(match Action::from_wire(action)? {
        Action::GetConfiguration => Topic::ReadSettings,
        Action::TriggerMessage => Topic::Trigger,
        Action::RemoteStartTransaction => Topic::RemoteStart,
        Action::RemoteStopTransaction => Topic::RemoteStop,
        Action::BootNotification => Topic::Boot,
        Action::StatusNotification => Topic::Status,
        Action::Authorize => Topic::Authorization,
        Action::StartTransaction | Action::StopTransaction => Topic::Transaction,
        Action::MeterValues => Topic::MeterValues,
        _ => return None,
    })
}

/// What a call reports, and what it was answered; `numbering` is that of its charge point.
pub(super) fn of(
    action: &str,
    (call, answered): (&Value, Option<&Value>),
    numbering: &Numbering,
) -> Option<Report> {
    Some(match Action::from_wire(action)? {
        Action::BootNotification => Report::Boot {
            firmware_version: call["firmwareVersion"].as_str().map(str::to_owned),
        },
        Action::StatusNotification => {
            let word = call["status"].as_str().unwrap_or("unknown");
            let state = ConnectorState::from_word(word);
            Report::Status {
                at: target(call, numbering)?,
                is_free: state.is_some_and(ConnectorState::may_begin),
                is_charging: state.is_some_and(|state| state.phase == Some(Phase::Charging)),
                word: word.to_owned(),
            }
        }
        Action::StartTransaction => Report::Started {
            at: target(call, numbering).unwrap_or(Target::Station),
            token: call["idTag"].as_str()?.to_owned(),
            taken: answered.map(|answer| Taken {
                transaction: number(answer),
                is_accepted: answer["idTagInfo"]["status"] == "Accepted",
            }),
        },
        Action::MeterValues => Report::Metered {
            transaction: number(call)?,
        },
        Action::StopTransaction => Report::Stopped {
            transaction: number(call)?,
        },
        _ => return None,
    })
}

/// What a call is about; 0 is the whole charge point [1.6 §3.7].
fn target(call: &Value, numbering: &Numbering) -> Option<Target> {
    let number = call["connectorId"].as_i64()?;
    if number == 0 {
        return Some(Target::Station);
    }
    let (evse, connector) = numbering.evse_of(number);
    Some(Target::Connector {
        evse: evse.try_into().ok()?,
        connector: connector.try_into().ok()?,
    })
}

/// The number of a transaction, as text.
fn number(payload: &Value) -> Option<String> {
    let number = payload["transactionId"].as_i64()?;
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_report_what_they_say() {
        let report = |action, call: Value, answered: Option<Value>| {
            let numbering = Numbering::of(vec![(2, 1, 1), (1, 1, 2)]);
            of(action, (&call, answered.as_ref()), &numbering)
        };
        assert_eq!(
            report("BootNotification", json!({"firmwareVersion": "1.2"}), None),
            Some(Report::Boot {
                firmware_version: Some("1.2".to_owned())
            })
        );
        for (word, is_free, is_charging) in [
            ("Available", true, false),
            ("Preparing", true, false),
            ("Charging", false, true),
            ("SuspendedEV", false, false),
            ("Faulted", false, false),
        ] {
            let said = report(
                "StatusNotification",
                json!({"connectorId": 2, "status": word}),
                None,
            );
            let wanted = Report::Status {
                at: Target::Connector {
                    evse: 1,
                    connector: 1,
                },
                word: word.to_owned(),
                is_free,
                is_charging,
            };
            assert_eq!(said, Some(wanted));
        }
        let started = |taken| {
            Some(Report::Started {
                at: Target::Connector {
                    evse: 1,
                    connector: 2,
                },
                token: "T".to_owned(),
                taken,
            })
        };
        let start = json!({"connectorId": 1, "idTag": "T"});
        assert_eq!(
            report("StartTransaction", start.clone(), None),
            started(None)
        );
        let answer = json!({"transactionId": 7, "idTagInfo": {"status": "Accepted"}});
        let taken = Taken {
            transaction: Some("7".to_owned()),
            is_accepted: true,
        };
        assert_eq!(
            report("StartTransaction", start, Some(answer)),
            started(Some(taken))
        );
        assert_eq!(
            report("StopTransaction", json!({"transactionId": -7}), None),
            Some(Report::Stopped {
                transaction: "-7".to_owned()
            })
        );
        // Of no transaction.
        assert_eq!(report("MeterValues", json!({"connectorId": 1}), None), None);
        assert_eq!(report("MeterValues", json!("cut"), None), None);
        assert_eq!(report("Heartbeat", json!({}), None), None);
    }
}
