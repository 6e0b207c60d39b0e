//! Messages as they may be shown: without the passwords of charge points.

use dynamo_protocol::decode::Deviation;
use serde_json::Value;

use crate::domain::charge_points::security::{
    AUTHORIZATION_KEY, MASK, is_password, mask_passwords,
};

/// What is shown of a text that may have a key in it and cannot be taken apart.
pub(super) const HIDDEN: &str = "(not shown: it may have the key of the charge point)";

/// Whether a text names the key, maybe in escapes: then the key itself may be in it.
pub(super) fn may_have_key(text: &str) -> bool {
    if text.contains("\\u") {
        return true;
    }
    let key = AUTHORIZATION_KEY.as_bytes();
    let mut parts = text.as_bytes().windows(key.len());
    parts.any(|part| part.eq_ignore_ascii_case(key))
}

/// A message that can be shown, where it is not the message itself: passwords of charge points in it are hidden.
pub(crate) fn masked(message: &str) -> Option<String> {
    // Most messages are not looked into any further.
    if !may_have_key(message) {
        return None;
    }
    let Ok(mut value) = serde_json::from_str::<Value>(message) else {
        return Some(HIDDEN.to_owned());
    };
    mask_passwords(&mut value);
    mask_texts(&mut value);
    serde_json::to_string(&value).ok()
}

/// Hides what a vendor's message has: a text with the key somewhere in it, texts beside the name of the key, and a member
/// of that name.
fn mask_texts(value: &mut Value) {
    match value {
        Value::String(text) if may_have_key(text) && !is_password(text) => {
            *text = HIDDEN.to_owned();
        }
        Value::Array(values) => values.iter_mut().for_each(mask_texts),
        Value::Object(members) => {
            let names_key = |value: &Value| value.as_str().is_some_and(is_password);
            let is_beside = members.values().any(names_key);
            for (name, value) in members {
                let may_be_key = !value.is_boolean() && !names_key(value);
                if (is_beside && may_be_key) || may_have_key(name) {
                    *value = Value::String(MASK.to_owned());
                } else {
                    mask_texts(value);
                }
            }
        }
        _ => {}
    }
}

/// What was forgiven of a message, without examples where they may be of its key.
pub(super) fn without_keys(mut deviations: Vec<Deviation>, message: &str) -> Vec<Deviation> {
    if may_have_key(message) {
        for deviation in &mut deviations {
            deviation.excerpt = HIDDEN.to_owned();
        }
    }
    deviations
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamo_protocol::decode::Leniency;

    #[test]
    fn a_frame_is_shown_without_the_key() {
        let frame = r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}]"#;
        assert!(!masked(frame).unwrap().contains("s3cret"));
        assert_eq!(masked(r#"[2,"1","Heartbeat",{}]"#), None);
        // In escapes, and one that was cut off.
        let escaped = frame.replacen('A', "\\u0041", 1);
        assert_ne!(escaped, frame);
        let shown = masked(&escaped).unwrap();
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(
            masked(&escaped[..escaped.len() - 3]).as_deref(),
            Some(HIDDEN)
        );
        let cut = &frame[..frame.len() - 3];
        assert_eq!(masked(cut).as_deref(), Some(HIDDEN));
    }

    #[test]
    fn a_key_inside_a_text_of_a_vendor_is_not_shown() {
        for payload in [
            r#"{"vendorId":"V","data":"{\"key\":\"AuthorizationKey\",\"value\":\"s3cret\"}"}"#,
            r#"{"vendorId":"V","data":"authorizationkey=s3cret"}"#,
            r#"{"vendorId":"V","messageId":"AuthorizationKey","data":"s3cret"}"#,
            r#"{"vendorId":"V","data":{"AuthorizationKey":"s3cret"}}"#,
            r#"{"vendorId":"V","data":{"name":"AuthorizationKey","setting":"s3cret"}}"#,
            r#"{"vendorId":"V","data":{"name":"AuthorizationKey","setting":{"v":"s3cret"}}}"#,
        ] {
            let shown = masked(&format!(r#"[2,"1","DataTransfer",{payload}]"#)).unwrap();
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.contains("DataTransfer"), "{shown}");
        }
        // What is no secret stays.
        let answer = r#"[3,"1",{"unknownKey":["AuthorizationKey","HeartbeatInterval"]}]"#;
        assert_eq!(masked(answer).as_deref(), Some(answer));
    }

    #[test]
    fn an_example_of_what_was_forgiven_is_not_the_key() {
        let long = Deviation {
            leniency: Leniency::TextTooLong,
            pointer: "/configurationKey/0/value".to_owned(),
            excerpt: "s3cret".to_owned(),
            count: 1,
        };
        let payload = r#"{"configurationKey":[{"key":"AuthorizationKey","value":"s3cret"}]}"#;
        let shown = without_keys(vec![long.clone()], payload);
        assert_eq!(shown[0].excerpt, HIDDEN);
        assert_eq!(without_keys(vec![long.clone()], "{}"), [long]);
    }
}
