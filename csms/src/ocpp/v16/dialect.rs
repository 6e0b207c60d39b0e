//! The dialect of OCPP 1.6: which file knows what of it, and what its CALLs bring about.

use dynamo_protocol::decode::{Decoded, Decoding};
use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, RawValue, Version};
use serde_json::Value;

use super::{answer, command, report};
use crate::domain::charge_points::evse::Numbering;
use crate::domain::charge_points::security::is_password;
use crate::domain::charge_points::standard_key::wrong_value;
use crate::domain::command::{Answer, CallFailure, Command, Raw};
use crate::ocpp::dialect::{CommandCall, Dialect, Report, Topic};

/// The words of OCPP 1.6.
pub(crate) struct V16;

impl Dialect for V16 {
    fn version(&self) -> Version {
        Version::V1_6
    }

    fn say(&self, command: &Command, numbering: &Numbering) -> Result<CommandCall, CallFailure> {
        match command {
            Command::Raw(raw) => say_raw(raw),
            command => {
                let (action, payload) = command::say(command, numbering)?;
                Ok(call(action, payload))
            }
        }
    }

    fn read(
        &self,
        action: &'static str,
        decoding: Decoding,
        payload: &RawValue,
    ) -> Result<Decoded<Value>, CallError> {
        match Action::from_wire(action) {
            Some(action) => decoding.read_response(action, payload),
            None => Err(CallError::not_implemented(action)),
        }
    }

    fn answer(&self, action: &'static str, payload: Value) -> Answer {
        answer::of(action, payload)
    }

    fn topic(&self, action: &str) -> Option<Topic> {
        report::topic(action)
    }

    fn report(
        &self,
        action: &str,
        (call, answered): (&Value, Option<&Value>),
        numbering: &Numbering,
    ) -> Option<Report> {
        report::of(action, (call, answered), numbering)
    }
}

/// The action of this name, if a CSMS may send it.
pub(crate) fn find(name: &str) -> Option<Action> {
    Action::from_wire(name).filter(|action| action.origin().from_csms())
}

/// A command in the words of OCPP 1.6, for who has checked its payload.
pub(crate) fn raw(action: Action, payload: String) -> Command {
    Command::Raw(Raw {
        version: Version::V1_6,
        action: action.as_str().to_owned(),
        payload,
    })
}

fn say_raw(raw: &Raw) -> Result<CommandCall, CallFailure> {
    let spoken = Some(&raw.action).filter(|_| raw.version == Version::V1_6);
    match spoken.and_then(|name| find(name)) {
        Some(action) => Ok(call(action, raw.payload.clone())),
        None => {
            let Raw {
                version, action, ..
            } = raw;
            Err(CallFailure::NotSayable(format!(
                "it speaks OCPP 1.6, and {action:?} of OCPP {version} is no command there"
            )))
        }
    }
}

fn call(action: Action, payload: String) -> CommandCall {
    CommandCall {
        version: Version::V1_6,
        action: action.as_str(),
        asks_for: asked_for(action, &payload).map(Action::as_str),
        new_key: new_key(action, &payload),
        payload,
    }
}

/// The message that a command asks the charge point for.
fn asked_for(action: Action, payload: &str) -> Option<Action> {
    if !matches!(
        action,
        Action::TriggerMessage | Action::ExtendedTriggerMessage
    ) {
        return None;
    }
    let value: Value = serde_json::from_str(payload).ok()?;
    match value["requestedMessage"].as_str()? {
        "SignChargePointCertificate" => Some(Action::SignCertificate),
        name => Action::from_wire(name),
    }
}

/// The password that a command gives a charge point. An empty one is none.
pub(crate) fn new_key(action: Action, payload: &str) -> Option<String> {
    if action != Action::ChangeConfiguration {
        return None;
    }
    let mut payload: Value = serde_json::from_str(payload).ok()?;
    if !is_password(payload["key"].as_str()?) {
        return None;
    }
    match payload["value"].take() {
        Value::String(key) if !key.is_empty() => Some(key),
        _ => None,
    }
}

/// What is wrong with the new password in a command that gives one.
pub(crate) fn wrong_key(action: Action, payload: &str) -> Option<&'static str> {
    if action != Action::ChangeConfiguration {
        return None;
    }
    let payload: Value = serde_json::from_str(payload).ok()?;
    let key = payload["key"].as_str().filter(|key| is_password(key))?;
    wrong_value(key, &payload["value"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_charge_points_send_and_unknown_names_are_no_commands() {
        assert_eq!(find("Reset"), Some(Action::Reset));
        assert_eq!(find("DataTransfer"), Some(Action::DataTransfer));
        for name in ["BootNotification", "reset", "MakeCoffee", ""] {
            assert_eq!(find(name), None, "{name}");
        }
    }

    #[test]
    fn raw_commands_are_sent_as_they_are_and_only_in_the_version_they_are_written_in() {
        let payload = r#"{"vendorId":  "V"}"#;
        let call = V16.say(
            &raw(Action::DataTransfer, payload.to_owned()),
            &Numbering::default(),
        );
        let call = call.ok().unwrap();
        assert_eq!(
            (call.action, call.payload.as_str()),
            ("DataTransfer", payload)
        );
        for (version, action) in [
            (Version::V2_0_1, "Reset"),
            (Version::V1_6, "GetVariables"),
            (Version::V1_6, "Heartbeat"),
        ] {
            let command = Command::Raw(Raw {
                version,
                action: action.to_owned(),
                payload: "{}".to_owned(),
            });
            let failure = V16.say(&command, &Numbering::default()).err();
            assert!(matches!(failure, Some(CallFailure::NotSayable(_))));
        }
    }

    #[test]
    fn what_is_asked_for_is_what_will_be_called() {
        let asked = |action, message: &str| {
            asked_for(action, &json!({"requestedMessage": message}).to_string())
        };
        assert_eq!(
            asked(Action::TriggerMessage, "MeterValues"),
            Some(Action::MeterValues)
        );
        assert_eq!(
            asked(Action::ExtendedTriggerMessage, "SignChargePointCertificate"),
            Some(Action::SignCertificate)
        );
        assert_eq!(asked(Action::TriggerMessage, "Coffee"), None);
        assert_eq!(asked(Action::DataTransfer, "MeterValues"), None);
    }

    #[test]
    fn the_key_is_found_in_whatever_case() {
        let key = |payload: Value| new_key(Action::ChangeConfiguration, &payload.to_string());
        let secret = || Some("secret".to_owned());
        assert_eq!(
            key(json!({"key": "AuthorizationKey", "value": "secret"})),
            secret()
        );
        assert_eq!(
            key(json!({"key": "authorizationKEY", "value": "secret"})),
            secret()
        );
        assert_eq!(key(json!({"key": "AuthorizationKey", "value": ""})), None);
        assert_eq!(key(json!({"key": "HeartbeatInterval", "value": "5"})), None);
        let other = r#"{"key": "AuthorizationKey", "value": "secret"}"#;
        assert_eq!(new_key(Action::DataTransfer, other), None);
    }
}
