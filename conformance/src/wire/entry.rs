//! What was seen on a line, in order, byte for byte, and read by the judge's own eyes.
//!
//! The frames are taken apart here with nothing but a JSON parser: a misreading shared by the rig, the CSMS and
//! the simulator must not make a scenario pass.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dynamo_protocol::trace::Direction;
use serde_json::Value;

use crate::words::quoted;

/// One thing that happened on a line.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When, by the rig's clock.
    pub(crate) at: SystemTime,
    /// What.
    pub(crate) kind: EntryKind,
    /// A step has looked at it and accounts for it.
    pub(crate) consumed: bool,
}

/// The kinds of things that happen on a line.
#[derive(Clone, Debug)]
pub(crate) enum EntryKind {
    /// The WebSocket was opened.
    Opened,
    /// The WebSocket was closed or lost.
    Closed { by: End, reason: String },
    /// A text message.
    Frame {
        direction: Direction,
        raw: Arc<str>,
        message: Message,
    },
    /// What the rig did beside the line: a driver or operator call, a note for the reader.
    Note(String),
    /// Something was done to the system under test that may end its connections: its power, its network.
    Cut {
        text: String,
        /// Its power, and with that its registration.
        power: bool,
    },
    /// A request to the REST API, or its answer.
    Http {
        direction: Direction,
        head: HttpHead,
        raw: String,
    },
}

/// What a note begins with that says what was done at the charge point under test.
pub(crate) const OPERATOR: &str = "operator: ";

/// One of the two ends of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Rig,
    Sut,
}

/// The first line of a request or an answer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct HttpHead {
    /// Who called.
    #[serde(skip)]
    pub(crate) who: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
}

/// A frame of OCPP-J as the judge reads it [1.6J §4.2].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Call {
        id: String,
        action: String,
        payload: Value,
    },
    Result {
        id: String,
        payload: Value,
    },
    Error {
        id: String,
        code: String,
        description: String,
        details: Value,
    },
    Unreadable(String),
}

impl Message {
    /// Reads one text message, strictly: exact number of elements, types as written in the specification.
    pub(crate) fn read(raw: &str) -> Self {
        match serde_json::from_str::<Value>(raw) {
            Ok(Value::Array(elements)) => {
                Self::from_elements(&elements).unwrap_or_else(Self::Unreadable)
            }
            Ok(_) => Self::Unreadable("JSON, but no array".into()),
            Err(error) => Self::Unreadable(if raw.trim().is_empty() {
                "an empty text".into()
            } else {
                format!("no JSON: wrong at character {}", error.column().max(1))
            }),
        }
    }

    fn from_elements(elements: &[Value]) -> Result<Self, String> {
        let text = |index: usize, what: &str| {
            elements[index]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("{what} is not a string"))
        };
        let kind = elements.first().and_then(Value::as_u64);
        let expected = match kind {
            Some(2) => 4,
            Some(3) => 3,
            Some(4) => 5,
            _ => {
                return Err(
                    "the first element is none of 2 (CALL), 3 (CALLRESULT), 4 (CALLERROR)".into(),
                );
            }
        };
        if elements.len() != expected {
            return Err(format!(
                "{} elements where {expected} belong",
                elements.len()
            ));
        }
        let id = text(1, "the message id")?;
        if id.is_empty() || id.chars().count() > 36 {
            return Err("the message id has not 1 to 36 characters".into());
        }
        Ok(match kind {
            Some(2) => Self::Call {
                id,
                action: text(2, "the action")?,
                payload: elements[3].clone(),
            },
            Some(3) => Self::Result {
                id,
                payload: elements[2].clone(),
            },
            _ => Self::Error {
                id,
                code: text(2, "the error code")?,
                description: text(3, "the error description")?,
                details: elements[4].clone(),
            },
        })
    }

    /// The message id, where the frame has one.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Call { id, .. } | Self::Result { id, .. } | Self::Error { id, .. } => Some(id),
            Self::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                action, payload, ..
            } => write!(f, "{action} {payload}"),
            Self::Result { payload, .. } => write!(f, "the answer {payload}"),
            Self::Error {
                code, description, ..
            } if description.is_empty() => write!(f, "the error {code}"),
            Self::Error {
                code, description, ..
            } => write!(f, "the error {code} ({})", quoted(description)),
            Self::Unreadable(reason) => write!(f, "something unreadable ({reason})"),
        }
    }
}

impl Entry {
    /// The frame of the given direction, if this is one.
    pub(crate) fn frame(&self, wanted: Direction) -> Option<&Message> {
        match &self.kind {
            EntryKind::Frame {
                direction, message, ..
            } if *direction == wanted => Some(message),
            _ => None,
        }
    }

    /// The call from the system under test, if this is one: its action and payload.
    pub(crate) fn call_from_sut(&self) -> Option<(&str, &str, &Value)> {
        match self.frame(Direction::FromSut)? {
            Message::Call {
                id,
                action,
                payload,
            } => Some((id, action, payload)),
            _ => None,
        }
    }

    /// The call to the system under test, if this is one.
    pub(crate) fn call_to_sut(&self) -> Option<(&str, &str, &Value)> {
        match self.frame(Direction::ToSut)? {
            Message::Call {
                id,
                action,
                payload,
            } => Some((id, action, payload)),
            _ => None,
        }
    }
}

pub(crate) fn unix_us(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

pub(crate) fn unix_ms(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_strictly() {
        assert!(matches!(
            Message::read(r#"[2,"1","Heartbeat",{}]"#),
            Message::Call { .. }
        ));
        assert!(matches!(
            Message::read(r#"[3,"1",{}]"#),
            Message::Result { .. }
        ));
        assert!(matches!(
            Message::read(r#"[4,"1","GenericError","",{}]"#),
            Message::Error { .. }
        ));
        for bad in [
            "",
            "{}",
            "[]",
            r#"["2","1","Heartbeat",{}]"#,
            r#"[2,1,"Heartbeat",{}]"#,
            r#"[2,"1","Heartbeat"]"#,
            r#"[2,"1","Heartbeat",{},{}]"#,
            r#"[3,"",{}]"#,
            r#"[4,"1","GenericError",""]"#,
            r#"[2,"1234567890123456789012345678901234567","Heartbeat",{}]"#,
        ] {
            assert!(
                matches!(Message::read(bad), Message::Unreadable(_)),
                "{bad}"
            );
        }
    }
}
