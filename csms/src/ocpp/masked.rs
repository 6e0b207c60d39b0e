//! Messages as they may be shown: without the passwords of charge points.

use serde_json::Value;

use crate::domain::charge_points::security::{AUTHORIZATION_KEY, mask_passwords};

/// What is shown of a message that may have a key in it and cannot be read.
const HIDDEN: &str = "(not shown: it may have the key of the charge point)";

/// A message that can be shown, where it is not the message itself: passwords of charge points in it are hidden.
pub(crate) fn masked(message: &str) -> Option<String> {
    // Most messages are not looked into any further.
    let key = AUTHORIZATION_KEY.as_bytes();
    let mut parts = message.as_bytes().windows(key.len());
    if !parts.any(|part| part.eq_ignore_ascii_case(key)) {
        return None;
    }
    let Ok(mut value) = serde_json::from_str::<Value>(message) else {
        return Some(HIDDEN.to_owned());
    };
    mask_passwords(&mut value);
    serde_json::to_string(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_shown_without_the_key() {
        let frame = r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}]"#;
        assert!(!masked(frame).unwrap().contains("s3cret"));
        assert_eq!(masked(r#"[2,"1","Heartbeat",{}]"#), None);
        // One that was cut off.
        let cut = &frame[..frame.len() - 3];
        assert_eq!(masked(cut).as_deref(), Some(HIDDEN));
    }
}
