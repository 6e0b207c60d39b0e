//! Texts of the standard's string types hold printable ASCII and nothing else [1.6 §2.2].

use dynamo_protocol::trace::Direction;
use serde_json::Value;

use crate::rules::{Breach, Rule};
use crate::wire::entry::{Entry, Message};
use crate::words::quoted;

static PRINTABLE: Rule = Rule::must("ocpp16-printable-text");

/// The members of these types. What is written for people, as the data of DataTransfer, may be in any script.
const MEMBERS: [&str; 19] = [
    "chargeBoxSerialNumber",
    "chargePointModel",
    "chargePointSerialNumber",
    "chargePointVendor",
    "fileName",
    "firmwareVersion",
    "iccid",
    "idTag",
    "imsi",
    "info",
    "key",
    "messageId",
    "meterSerialNumber",
    "meterType",
    "parentIdTag",
    "unknownKey",
    "value",
    "vendorErrorCode",
    "vendorId",
];

/// Holds the texts of each message against that.
pub(in crate::rules) fn texts_are(entries: &[Entry], found: &mut Vec<Breach>) {
    for entry in entries {
        let Some(Message::Call { payload, .. } | Message::Result { payload, .. }) =
            entry.frame(Direction::FromSut)
        else {
            continue;
        };
        if let Some((member, text)) = unprintable(payload) {
            found.push(PRINTABLE.broken(format!(
                "its member {member} is {}; this type holds printable ASCII alone [1.6 §2.2]",
                quoted(text)
            )));
        }
    }
}

/// The first text that holds something else, with the name of its member.
fn unprintable(value: &Value) -> Option<(&str, &str)> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            // What a meter signs is in the form of its maker.
            let signed =
                name == "value" && members.get("format").is_some_and(|f| f == "SignedData");
            let bound = MEMBERS.contains(&name.as_str()) && !signed;
            let told = bound.then(|| text_in(value));
            let told = told.flatten().map(|text| (name.as_str(), text));
            told.or_else(|| unprintable(value))
        }),
        Value::Array(list) => list.iter().find_map(unprintable),
        _ => None,
    }
}

/// Such a text itself, or in a list of texts.
fn text_in(value: &Value) -> Option<&str> {
    let is_printable = |c: char| matches!(c, ' '..='~');
    match value {
        Value::String(text) => (!text.chars().all(is_printable)).then_some(text),
        Value::Array(list) => list.iter().find_map(text_in),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_for_people_may_be_in_any_script() {
        let is_fine = |value: Value| unprintable(&value).is_none();
        assert!(is_fine(json!({"chargePointVendor": "A & B ~"})));
        assert!(is_fine(json!({"vendorId": "x", "data": "Säule"})));
        assert!(!is_fine(json!({"chargePointVendor": "Säule"})));
        assert!(!is_fine(json!({"info": "two\nlines"})));
        assert!(!is_fine(json!({"unknownKey": ["a", "ä"]})));
        assert!(is_fine(
            json!({"value": "<a>\n</a>", "format": "SignedData"})
        ));
        let nested = json!({"configurationKey": [{"key": "a", "value": "ä"}]});
        assert_eq!(unprintable(&nested), Some(("value", "ä")));
    }
}
