//! Why a second reading failed: in the kinds that the error codes of OCPP are chosen by.

use std::fmt::{self, Display};

use ocpp_kit::decode::{DecodeError, DecodeErrorKind};
use serde::de::{self, Expected, Unexpected};

/// A fault of one value.
#[derive(Debug)]
pub(super) struct Fault {
    pub kind: DecodeErrorKind,
    /// Where; told by the innermost that knows it.
    pointer: Option<String>,
    pub reason: String,
    /// Whether the message is refused for it, wherever it stands.
    pub is_final: bool,
}

impl Fault {
    pub(super) fn new(kind: DecodeErrorKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            pointer: None,
            reason: reason.into(),
            is_final: false,
        }
    }

    /// What JSON's own deserializer says of a value.
    pub(super) fn of_json(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let cut = message.rsplit_once(" at line ");
        let reason = cut.map_or(message.as_str(), |(reason, _)| reason);
        let kind = if error.is_data() && reason.starts_with("invalid type") {
            DecodeErrorKind::Type
        } else if error.is_data() {
            DecodeErrorKind::Property
        } else {
            DecodeErrorKind::Format
        };
        Self::new(kind, reason)
    }

    pub(super) fn at(mut self, pointer: impl FnOnce() -> String) -> Self {
        self.pointer.get_or_insert_with(pointer);
        self
    }

    pub(super) fn into_final(mut self) -> Self {
        self.is_final = true;
        self
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind, fault.pointer.unwrap_or_default(), fault.reason)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(reason: T) -> Self {
        Self::new(DecodeErrorKind::Property, reason.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let reason = format!("invalid type: {unexpected}, expected {expected}");
        Self::new(DecodeErrorKind::Type, reason)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let reason = format!("invalid length {length}, expected {expected}");
        Self::new(DecodeErrorKind::Occurrence, reason)
    }

    fn missing_field(field: &'static str) -> Self {
        let reason = format!("missing field `{field}`");
        Self::new(DecodeErrorKind::Occurrence, reason)
    }

    fn duplicate_field(field: &'static str) -> Self {
        let reason = format!("duplicate field `{field}`");
        Self::new(DecodeErrorKind::Format, reason)
    }
}
