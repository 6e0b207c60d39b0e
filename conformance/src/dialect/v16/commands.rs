//! A command as it has to come when it was ordered: what a CSMS may leave out, and how names are compared.

use dynamo_protocol::v16::Action;
use serde_json::{Value, json};

use crate::watch::expected::{Expected, Want};

/// Whether there is such a message, of either side.
pub(crate) fn is_known(action: &str) -> bool {
    Action::from_wire(action).is_some()
}

/// The names of all messages, of both sides.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    Action::ALL.iter().map(|action| action.as_str())
}

/// The command that carries this order out.
pub(crate) fn ordered(action: &str, payload: &Value) -> Expected {
    let mut expected = Expected::call(action.to_owned());
    for (member, value) in payload.as_object().into_iter().flatten() {
        for want in wants(action, member, value) {
            expected = expected.want(member.clone(), want);
        }
    }
    for (of, member, means_none) in [
        // An empty list means the same as none [1.6 §6.23].
        ("GetConfiguration", "key", json!([])),
        // What is of the whole charge point has no connector, or 0 [1.6 §5.17].
        ("TriggerMessage", "connectorId", json!(0)),
    ] {
        if action == of && payload.get(member).is_none() {
            expected = expected.want(member, Want::IsOrAbsent(means_none));
        }
    }
    expected
}

fn wants(action: &str, member: &str, value: &Value) -> Vec<Want> {
    match (action, member, value) {
        // The connector is optional in both [1.6 §6.33, §6.51].
        ("RemoteStartTransaction" | "TriggerMessage", "connectorId", value) => {
            vec![Want::IsOrAbsent(value.clone())]
        }
        // Names of keys, tags and vendors have no case [1.6 §7.17, §7.28, §6.15]. A CSMS may ask for more keys.
        ("GetConfiguration", "key", Value::Array(keys)) => {
            let names = keys.iter().filter_map(Value::as_str);
            names.map(|name| Want::Has(name.to_owned())).collect()
        }
        (_, "key" | "idTag" | "vendorId" | "messageId", Value::String(name)) => {
            vec![Want::Tag(name.clone())]
        }
        (_, _, value) => vec![Want::Is(value.clone())],
    }
}

/// The connector that was ordered and that the CSMS has left to the charge point.
pub(crate) fn connector_left_open(payload: &Value, came: &Value) -> Option<u64> {
    let connector = payload["connectorId"]
        .as_u64()
        .filter(|connector| *connector > 0)?;
    came.get("connectorId").is_none().then_some(connector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_name_of_a_message_is_noticed() {
        assert!(is_known("UnlockConnector") && is_known("StatusNotification"));
        assert!(!is_known("UnlockConnectr"));
    }

    #[test]
    fn an_order_is_carried_out_in_each_form_that_the_standard_allows_and_in_no_other() {
        let right = [
            ("Reset", json!({"type": "Soft"}), json!({"type": "Soft"})),
            ("GetConfiguration", json!({}), json!({"key": []})),
            ("GetConfiguration", json!({}), json!({})),
            (
                "GetConfiguration",
                json!({"key": ["A"]}),
                json!({"key": ["b", "a"]}),
            ),
            (
                "TriggerMessage",
                json!({"requestedMessage": "Heartbeat"}),
                json!({"requestedMessage": "Heartbeat", "connectorId": 0}),
            ),
            (
                "RemoteStartTransaction",
                json!({"idTag": "Ab", "connectorId": 1}),
                json!({"idTag": "aB"}),
            ),
            (
                "ChangeConfiguration",
                json!({"key": "A", "value": "x"}),
                json!({"key": "a", "value": "x"}),
            ),
        ];
        for (action, payload, came) in right {
            assert!(
                ordered(action, &payload).matches(action, &came),
                "{action} {came}"
            );
        }
        let wrong = [
            ("Reset", json!({"type": "Soft"}), json!({"type": "Hard"})),
            ("GetConfiguration", json!({}), json!({"key": ["A"]})),
            ("GetConfiguration", json!({"key": ["A"]}), json!({})),
            (
                "RemoteStartTransaction",
                json!({"idTag": "A", "connectorId": 1}),
                json!({"idTag": "A", "connectorId": 2}),
            ),
            (
                "ChangeConfiguration",
                json!({"key": "A", "value": "x"}),
                json!({"key": "A", "value": "X"}),
            ),
            ("UnlockConnector", json!({"connectorId": 1}), json!({})),
        ];
        for (action, payload, came) in wrong {
            assert!(
                !ordered(action, &payload).matches(action, &came),
                "{action} {came}"
            );
        }
    }
}
