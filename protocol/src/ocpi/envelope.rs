//! What stands around every answer [OCPI 2.2.1 §4.1.7, §5].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::DateTime;

/// What an answer says of itself [OCPI 2.2.1 §5].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusCode {
    /// It was done.
    Success,
    /// The caller did something wrong.
    ClientError,
    /// A parameter is missing or wrong.
    InvalidParameters,
    /// Something that is needed was not said.
    NotEnoughInformation,
    /// No such location, EVSE or connector.
    UnknownLocation,
    /// No such token.
    UnknownToken,
    /// This side could not do it.
    ServerError,
    /// The caller's own interface could not be used.
    CannotUseClient,
    /// No common version.
    UnsupportedVersion,
    /// An endpoint that is needed is missing.
    NoMatchingEndpoints,
    /// Of a hub: the party that is called is not known here.
    UnknownReceiver,
}

impl StatusCode {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Success => 1000,
            Self::ClientError => 2000,
            Self::InvalidParameters => 2001,
            Self::NotEnoughInformation => 2002,
            Self::UnknownLocation => 2003,
            Self::UnknownToken => 2004,
            Self::ServerError => 3000,
            Self::CannotUseClient => 3001,
            Self::UnsupportedVersion => 3002,
            Self::NoMatchingEndpoints => 3003,
            Self::UnknownReceiver => 4001,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// A list, an object or a text, as the endpoint says; absent where there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<Value>,
    /// See [`StatusCode`].
    pub status_code: i32,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status_message: Option<String>,
    /// When it was made.
    pub timestamp: DateTime,
}

/// What the answer of a peer says, as far as it can be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Nothing where it is missing, null or an empty list.
    pub data: Option<Value>,
    /// 1000 where a body of success says none.
    pub status_code: i64,
    /// For people; empty where there is none.
    pub message: String,
}

impl Said {
    /// Whether the peer did what it was asked.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status_code >= 1000 && self.status_code < 2000
    }
}

/// Reads the body of a peer's answer with a status of success. Peers in the field send an empty body, none that is JSON,
/// no envelope, and status codes as text: what was accepted is accepted.
#[must_use]
pub fn read_answer(body: &[u8]) -> Said {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = match &value["status_code"] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let data = match code {
        Some(_) => value.get("data").cloned(),
        None => Some(value.clone()),
    };
    Said {
        data: data.filter(|data| !data.is_null() && *data != Value::Array(Vec::new())),
        status_code: code.unwrap_or(1000),
        message: value["status_message"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_answers_are_understood() {
        let said = read_answer(br#"{"data":[],"status_code":"1000","timestamp":"x"}"#);
        assert!(said.is_success() && said.data.is_none());
        let said = read_answer(br#"{"data":{"a":1},"status_code":2001,"status_message":"no"}"#);
        assert!(!said.is_success() && said.message == "no" && said.data.is_some());
        for empty in [&b""[..], b"<html>", b"{\"data\":", b"null"] {
            let said = read_answer(empty);
            assert!(said.is_success() && said.data.is_none());
        }
        assert!(read_answer(br#"{"token":"x"}"#).data.is_some());
    }
}
