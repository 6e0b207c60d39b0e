//! Frames of OCPP-J as text: `CALL`, `CALLRESULT` and `CALLERROR` [1.6J §4.2].

use std::borrow::Cow;
use std::fmt::Write as _;

use ocpp_kit::rpc::{Frame, FrameError};
use ocpp_kit::types::MessageId;
use ocpp_kit::{RawValue, Version};

use crate::{CallError, ErrorCode};

pub use crate::payload::payload;

/// A frame taken apart; payloads stay unparsed slices of the text.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// The peer wants something.
    Call {
        /// To be given back in the answer.
        id: MessageId,
        /// The name of the action, as it stood there.
        action: Cow<'a, str>,
        /// The fourth element.
        payload: &'a RawValue,
    },
    /// The peer did what was wanted.
    Result {
        /// The id of the call.
        id: MessageId,
        /// The third element.
        payload: &'a RawValue,
    },
    /// The peer refused.
    Error {
        /// The id of the call.
        id: MessageId,
        /// What it said.
        error: CallError,
    },
    /// Not a frame of this version.
    Broken {
        /// The id, when the text was a `CALL` whose id could be read: only then it can be answered.
        answer_to: Option<MessageId>,
        /// What is wrong with it.
        reason: String,
    },
}

/// Takes one WebSocket text message apart. Never fails: what is no frame is [`Parsed::Broken`].
#[must_use]
pub fn parse(text: &str, version: Version) -> Parsed<'_> {
    match Frame::parse(text, version) {
        Ok(Frame::Call {
            id,
            action,
            payload: Cow::Borrowed(payload),
        }) => Parsed::Call {
            id,
            action,
            payload,
        },
        Ok(Frame::CallResult {
            id,
            payload: Cow::Borrowed(payload),
        }) => Parsed::Result { id, payload },
        Ok(Frame::CallError { id, error }) => Parsed::Error {
            id,
            error: error.to_call_error(),
        },
        Ok(other) => Parsed::Broken {
            answer_to: None,
            reason: format!("{} is not part of OCPP {version}", other.message_type()),
        },
        Err(error) => broken(text, &error),
    }
}

fn broken(text: &str, error: &FrameError) -> Parsed<'static> {
    Parsed::Broken {
        answer_to: readable_call_id(text),
        reason: error.to_string(),
    }
}

/// The id of a text that is at least `[2, "id", …`.
fn readable_call_id(text: &str) -> Option<MessageId> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let number: u8 = serde_json::from_str(elements.first()?.get()).ok()?;
    let id: String = serde_json::from_str(elements.get(1)?.get()).ok()?;
    (number == 2 && !id.is_empty()).then(|| MessageId::from_wire(&id))
}

/// The id of a broken text that is at least `[3, "id"` or `[4, "id"`: an answer, and one that says nothing.
pub(crate) fn broken_answer_id(text: &str) -> Option<MessageId> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let number: u8 = serde_json::from_str(elements.first()?.get()).ok()?;
    let id: String = serde_json::from_str(elements.get(1)?.get()).ok()?;
    (matches!(number, 3 | 4) && !id.is_empty()).then(|| MessageId::from_wire(&id))
}

/// The text of a `CALL`. `payload` is the JSON of the request.
#[must_use]
pub fn call(id: &str, action: &str, payload: &str) -> String {
    let mut text = String::with_capacity(id.len() + action.len() + payload.len() + 12);
    text.push_str("[2,");
    push_json(&mut text, id);
    text.push(',');
    push_json(&mut text, action);
    text.push(',');
    text.push_str(payload);
    text.push(']');
    text
}

/// The text of a `CALLRESULT`. `payload` is the JSON of the response.
#[must_use]
pub fn result(id: &str, payload: &str) -> String {
    let mut text = String::with_capacity(id.len() + payload.len() + 8);
    text.push_str("[3,");
    push_json(&mut text, id);
    text.push(',');
    text.push_str(payload);
    text.push(']');
    text
}

/// The text of a `CALLERROR`, its code spelled as `version` spells it: 1.6 has `FormationViolation` and
/// `OccurenceConstraintViolation` [1.6J §4.2.3].
#[must_use]
pub fn error(id: &str, error: &CallError, version: Version) -> String {
    let mut text = String::from("[4,");
    push_json(&mut text, id);
    text.push(',');
    push_json(&mut text, error.code.as_wire(version));
    text.push(',');
    push_json(&mut text, &error.description);
    let _ = write!(text, ",{}]", error.details);
    text
}

fn push_json(text: &mut String, value: &str) {
    let plain = value.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&payload(&value));
    }
}

/// The answer to a frame that is broken but says whose call it was.
#[must_use]
pub fn refusal(id: &MessageId, reason: &str, version: Version) -> String {
    error(
        id.as_str(),
        &CallError::new(ErrorCode::FormatViolation, reason),
        version,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_frames_of_the_specification_are_read() {
        // [1.6J §4.2.1], §4.2.2, §4.2.3: one literal of each.
        let Parsed::Call {
            id,
            action,
            payload,
        } = parse(
            r#"[2, "19223201", "BootNotification", {"chargePointVendor": "VendorX"}]"#,
            Version::V1_6,
        )
        else {
            panic!("a CALL")
        };
        assert_eq!(
            (id.as_str(), action.as_ref()),
            ("19223201", "BootNotification")
        );
        assert!(payload.get().contains("VendorX"));
        assert!(matches!(
            parse(r#"[3,"19223201",{"status":"Accepted"}]"#, Version::V1_6),
            Parsed::Result { .. }
        ));
        let Parsed::Error { error, .. } = parse(
            r#"[4,"19223201","OccurenceConstraintViolation","x",{}]"#,
            Version::V1_6,
        ) else {
            panic!("a CALLERROR")
        };
        assert_eq!(error.code, ErrorCode::OccurrenceConstraintViolation);
    }

    #[test]
    fn codes_are_written_as_1_6_spells_them() {
        for (code, spelled) in [
            (ErrorCode::FormatViolation, "FormationViolation"),
            (
                ErrorCode::OccurrenceConstraintViolation,
                "OccurenceConstraintViolation",
            ),
            (
                ErrorCode::TypeConstraintViolation,
                "TypeConstraintViolation",
            ),
        ] {
            let text = error(
                "7",
                &CallError::new(code, "a \"quoted\" reason"),
                Version::V1_6,
            );
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value[2], spelled);
            assert_eq!(value[3], "a \"quoted\" reason");
        }
    }

    #[test]
    fn a_broken_call_keeps_its_id_and_nothing_else_is_answered() {
        let answer_to = |text| match parse(text, Version::V1_6) {
            Parsed::Broken { answer_to, .. } => answer_to.map(MessageId::into_string),
            other => panic!("{other:?}"),
        };
        assert_eq!(answer_to(r#"[2,"7","Heartbeat"]"#).as_deref(), Some("7"));
        assert_eq!(answer_to(r#"[2,"7",5,{}]"#).as_deref(), Some("7"));
        for text in [
            r#"[2]"#,
            r#"[2,7,"Heartbeat",{}]"#,
            r#"[3,"7"]"#,
            r#"[9,"7",{}]"#,
            "{}",
            "",
            "[",
            "nonsense",
        ] {
            assert_eq!(answer_to(text), None, "{text}");
        }
    }

    #[test]
    fn odd_ids_are_given_back_as_they_came() {
        let id = "quote\" backslash\\ newline\n";
        let value: serde_json::Value = serde_json::from_str(&result(id, "{}")).unwrap();
        assert_eq!(value[1], id);
        let value: serde_json::Value = serde_json::from_str(&call(id, "Heartbeat", "{}")).unwrap();
        assert_eq!(value[1], id);
    }
}
