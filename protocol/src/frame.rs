//! Frames of OCPP-J as text: `CALL`, `CALLRESULT` and `CALLERROR` [1.6J §4.2].

use std::borrow::Cow;
use std::fmt::Write as _;

use ocpp_kit::rpc::{Frame, FrameError};
use ocpp_kit::types::MessageId;
use ocpp_kit::{RawValue, Version};
use serde::de::DeserializeOwned;

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
        answer_to: head(text)
            .filter(|head| head.kind == 2)
            .and_then(|head| head.id),
        reason: error.to_string(),
    }
}

/// A broken text that begins as an answer does, `[3,` or `[4,`: it answers, and says nothing.
pub(crate) struct BrokenAnswer {
    /// What it answers, where that can be read.
    pub id: Option<MessageId>,
}

/// What a broken text answers, if it is an answer.
pub(crate) fn broken_answer(text: &str) -> Option<BrokenAnswer> {
    let head = head(text).filter(|head| matches!(head.kind, 3 | 4))?;
    Some(BrokenAnswer { id: head.id })
}

/// What a text begins with that begins as a frame does, `[2,"id"`.
struct Head {
    kind: u8,
    /// Where it can be read.
    id: Option<MessageId>,
}

/// The beginning of a text. What comes after it is not looked at: a text that ends in the middle, or goes on as no JSON
/// does, still says whose it is. So does one with a byte order mark, or with its message type as a text, `["2","id"`.
fn head(text: &str) -> Option<Head> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let rest = text.strip_prefix('[')?;
    let (kind, rest) = match first_value::<u8>(rest) {
        Some(read) => read,
        None => {
            let (kind, rest) = first_value::<String>(rest)?;
            (kind.parse().ok()?, rest)
        }
    };
    let id = rest
        .trim_start()
        .strip_prefix(',')
        .and_then(first_value::<String>)
        .filter(|(id, _)| !id.is_empty())
        .map(|(id, _)| MessageId::from_wire(&id));
    Some(Head { kind, id })
}

/// The JSON value that a text begins with, and what follows it.
fn first_value<T: DeserializeOwned>(text: &str) -> Option<(T, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    let rest = text.get(values.byte_offset()..)?;
    Some((value, rest))
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
        // Texts that are not JSON: cut off anywhere after the id, or with a mistake there.
        let whole = r#" [ 2 , "7\"x" , "MeterValues", {"connectorId": 1, "meterValue": []}]"#;
        let id_end = whole.find("x\"").unwrap() + 2;
        for end in (id_end..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            assert_eq!(answer_to(&whole[..end]).as_deref(), Some("7\"x"), "{end}");
        }
        for mistake in [
            r#"[2,"7","StopTransaction",{"meterStop":nan}]"#,
            r#"[2,"7","StopTransaction",{"meterStop":1,}]"#,
            r#"[2,"7","Heartbeat",{}]]"#,
            r#"[2,"7";"Heartbeat""#,
        ] {
            assert_eq!(answer_to(mistake).as_deref(), Some("7"), "{mistake}");
        }
        // What no reader of frames takes, and says whose it is.
        for mistake in [
            "\u{feff}[2,\"7\",\"Heartbeat\",{}]",
            r#"["2","7","Heartbeat",{}]"#,
        ] {
            assert_eq!(answer_to(mistake).as_deref(), Some("7"), "{mistake}");
        }
        for text in [
            r#"[2]"#,
            r#"["x","7","Heartbeat",{}]"#,
            r#"["2","#,
            r#"[2,7,"Heartbeat",{}]"#,
            r#"[2,"","Heartbeat",{}]"#,
            r#"[2,"7"#,
            r#"[2 "7","Heartbeat",{}]"#,
            r#"[22,"7"]"#,
            r#"[3,"7"]"#,
            r#"[3,"7",{"#,
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
