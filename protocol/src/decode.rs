//! Payloads into types, in one of two decodings.
//!
//! `ocpp-kit` checks lengths, enumerations, bounds and occurrence. What it leaves open is closed here, so that
//! [`Decoding::Strict`] agrees with the published schemas: members the schema does not name, explicit `null`s and
//! arrays in the place of objects are refused, and date-times, URIs and `multipleOf 0.1` are checked (`format`).
//! A member the schema does not name is a `FormationViolation`: the message is not of the form of its action.
//! Date-times that the calendar of the types cannot hold become the nearest that it can.
//!
//! [`Decoding::Tolerant`] takes what a strict reading takes, with the same value, at the same cost. Where that refuses,
//! it reads once more, by the table of leniencies ([`LENIENCIES`]), and says what it had to forgive. Members that are
//! missing, of a type that cannot be read, or words outside an enumeration where a decision hangs on them are refused
//! in both decodings, as is U+0000 in a text; but for the optional members that may be left out when they are unreadable.

mod agree;
mod by_action;
mod fault;
pub(crate) mod format;
mod leniency;
mod loose_time;
mod reader;
mod tree;

use std::cell::RefCell;

use ocpp_kit::decode::{DecodeError, DecodeErrorKind, DecodeOptions, decode_payload};
use ocpp_kit::validate::{Validate, Violation, ViolationKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use leniency::{Deviation, LENIENCIES, Leniency, Places, Row};

use crate::v16::Action;
use crate::{CallError, MESSAGE_BYTES_MAX, RawValue};
use agree::{agree, unreadable};
use by_action::Look;
use reader::{Mode, Notes, Place, Reader};

/// How strictly payloads are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoding {
    /// As far as they can be understood: see [`LENIENCIES`].
    #[default]
    Tolerant,
    /// Exactly as the specification says.
    Strict,
}

/// A message, and what was odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<T> {
    /// What was understood.
    pub message: T,
    /// What had to be forgiven, each kind once; always empty when the decoding is strict.
    pub deviations: Vec<Deviation>,
}

impl Decoding {
    /// Exactly what the specification says.
    #[must_use]
    pub const fn strict() -> Self {
        Self::Strict
    }

    /// Its word: `tolerant` or `strict`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tolerant => "tolerant",
            Self::Strict => "strict",
        }
    }

    /// By its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Tolerant, Self::Strict]
            .into_iter()
            .find(|decoding| decoding.as_str() == word)
    }

    /// Decodes one payload.
    ///
    /// # Errors
    /// The `CALLERROR` the specification asks for: its code, and in its description the JSON pointer of the
    /// member.
    pub fn decode<T: DeserializeOwned + Serialize + Validate>(
        self,
        payload: &RawValue,
    ) -> Result<T, CallError> {
        self.read(payload).map(|decoded| decoded.message)
    }

    /// Decodes one payload and says what had to be forgiven.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn read<T: DeserializeOwned + Serialize + Validate>(
        self,
        payload: &RawValue,
    ) -> Result<Decoded<T>, CallError> {
        Ok(self.look(payload)?)
    }

    /// Reads the payload of a `CALLRESULT` to a `CALL` whose action is a value, not a type: the JSON of what was
    /// understood.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn read_response(
        self,
        action: Action,
        payload: &RawValue,
    ) -> Result<Decoded<serde_json::Value>, CallError> {
        Ok(by_action::response(action, Transcode(self, payload))?)
    }

    /// The verdict of [`Decoding::decode`] on the payload of a `CALL` whose action is a value, not a type.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn check_request(self, action: Action, payload: &RawValue) -> Result<(), CallError> {
        self.deviations_of_request(action, payload).map(drop)
    }

    /// The verdict of [`Decoding::decode`] on the payload of the `CALLRESULT` to such a `CALL`.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn check_response(self, action: Action, payload: &RawValue) -> Result<(), CallError> {
        self.deviations_of_response(action, payload).map(drop)
    }

    /// What would be forgiven of the payload of a `CALL`.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn deviations_of_request(
        self,
        action: Action,
        payload: &RawValue,
    ) -> Result<Vec<Deviation>, CallError> {
        Ok(by_action::request(action, Check(self, payload))?)
    }

    /// What would be forgiven of the payload of a `CALLRESULT`.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn deviations_of_response(
        self,
        action: Action,
        payload: &RawValue,
    ) -> Result<Vec<Deviation>, CallError> {
        Ok(by_action::response(action, Check(self, payload))?)
    }

    /// At most two decodings, whatever the payload.
    fn look<T: DeserializeOwned + Serialize + Validate>(
        self,
        payload: &RawValue,
    ) -> Result<Decoded<T>, DecodeError> {
        let refused = match exactly(payload) {
            Ok(message) => {
                return Ok(Decoded {
                    message,
                    deviations: Vec::new(),
                });
            }
            Err(refused) => refused,
        };
        if payload.get().len() > MESSAGE_BYTES_MAX {
            return Err(refused);
        }
        match self {
            Self::Tolerant => tolerantly(payload, refused),
            // Only a date-time outside the calendar of the types can be refused wrongly.
            Self::Strict if refused.kind == DecodeErrorKind::Property => {
                within_the_calendar(payload)
            }
            Self::Strict => Err(refused),
        }
    }
}

/// What the types and the schemas say of a payload.
fn exactly<T: DeserializeOwned + Serialize + Validate>(
    payload: &RawValue,
) -> Result<T, DecodeError> {
    const OPTIONS: DecodeOptions = DecodeOptions::strict().with_max_payload_size(MESSAGE_BYTES_MAX);
    let message: T = decode_payload(payload, &OPTIONS).map_err(with_pointer)?;
    agree_with(payload, &message)?;
    Ok(message)
}

/// The same, with date-times that the calendar of the types cannot hold.
fn within_the_calendar<T: DeserializeOwned + Serialize + Validate>(
    payload: &RawValue,
) -> Result<Decoded<T>, DecodeError> {
    let (message, _) = second_reading::<T>(payload.get(), Mode::Exact)?;
    if let Some(violation) = message
        .validate()
        .err()
        .and_then(|all| all.into_iter().next())
    {
        return Err(refusal(violation));
    }
    agree_with(payload, &message)?;
    Ok(Decoded {
        message,
        deviations: Vec::new(),
    })
}

fn tolerantly<T: DeserializeOwned + Validate>(
    payload: &RawValue,
    refused: DecodeError,
) -> Result<Decoded<T>, DecodeError> {
    let json = payload.get();
    let (message, mut notes) = if is_empty(json) {
        let (message, mut notes) = second_reading("{}", Mode::Tolerant).map_err(|_| refused)?;
        leniency::note(&mut notes.deviations, Leniency::EmptyPayload, "", json);
        (message, notes)
    } else if json.starts_with('{') {
        second_reading::<T>(json, Mode::Tolerant)?
    } else {
        return Err(refused);
    };
    for violation in message.validate().err().into_iter().flatten() {
        forgive(violation, json, &mut notes)?;
    }
    Ok(Decoded {
        message,
        deviations: notes.deviations,
    })
}

fn is_empty(json: &str) -> bool {
    let inside = json
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    json == "null" || inside.is_some_and(|inside| inside.trim().is_empty())
}

fn second_reading<T: DeserializeOwned>(json: &str, mode: Mode) -> Result<(T, Notes), DecodeError> {
    let notes = RefCell::default();
    let reader = Reader {
        json,
        place: Place::ROOT,
        mode,
        notes: &notes,
    };
    let message = T::deserialize(reader)?;
    Ok((message, notes.into_inner()))
}

/// Notes what the types object to, where there is a leniency for it.
fn forgive(violation: Violation, json: &str, notes: &mut Notes) -> Result<(), DecodeError> {
    let pointer = notes.pointer_in_payload(&violation.path);
    let leniency = match violation.kind {
        ViolationKind::UnknownEnumValue if notes.free_words.contains(&pointer) => {
            Leniency::UnknownWord
        }
        ViolationKind::Property if violation.reason.starts_with("maxLength") => {
            Leniency::TextTooLong
        }
        _ => {
            return Err(refusal(Violation {
                path: pointer,
                ..violation
            }));
        }
    };
    let known = notes
        .deviations
        .iter_mut()
        .find(|deviation| deviation.leniency == leniency);
    match known {
        Some(known) => known.count += 1,
        // The whole payload is looked into once for each leniency at most.
        None => {
            let value = serde_json::from_str::<serde_json::Value>(json).map_err(unreadable)?;
            let value = value.pointer(&pointer).map(ToString::to_string);
            let value = value.unwrap_or_default();
            leniency::note(&mut notes.deviations, leniency, &pointer, &value);
        }
    }
    Ok(())
}

/// A violation as the error that the specification asks for.
fn refusal(violation: Violation) -> DecodeError {
    let kind = match violation.kind {
        ViolationKind::Occurrence => DecodeErrorKind::Occurrence,
        ViolationKind::Type => DecodeErrorKind::Type,
        _ => DecodeErrorKind::Property,
    };
    DecodeError::new(kind, violation.path, violation.reason)
}

fn agree_with(payload: &RawValue, message: &impl Serialize) -> Result<(), DecodeError> {
    let ours = serde_json::to_string(message).map_err(unreadable)?;
    agree(payload.get(), &ours)
}

/// What would be forgiven.
struct Check<'p>(Decoding, &'p RawValue);

impl Look for Check<'_> {
    type Out = Vec<Deviation>;

    fn look<T: DeserializeOwned + Serialize + Validate>(self) -> Result<Self::Out, DecodeError> {
        let Self(decoding, payload) = self;
        decoding.look::<T>(payload).map(|read| read.deviations)
    }
}

/// What was understood, as JSON.
struct Transcode<'p>(Decoding, &'p RawValue);

impl Look for Transcode<'_> {
    type Out = Decoded<serde_json::Value>;

    fn look<T: DeserializeOwned + Serialize + Validate>(self) -> Result<Self::Out, DecodeError> {
        let Self(decoding, payload) = self;
        let Decoded {
            message,
            deviations,
        } = decoding.look::<T>(payload)?;
        // Without deviations the payload itself says it, in its own spelling.
        let message = if deviations.is_empty() {
            serde_json::from_str(payload.get())
        } else {
            serde_json::to_value(&message)
        };
        Ok(Decoded {
            message: message.map_err(unreadable)?,
            deviations,
        })
    }
}

/// `ocpp-kit` writes `/list[0]/member` for the JSON pointer `/list/0/member`, and leaves the mark of an exact
/// decimal at the end.
fn with_pointer(mut error: DecodeError) -> DecodeError {
    if error.path.contains(['[', '$']) {
        let path = error
            .path
            .trim_end_matches("/$serde_json::private::RawValue");
        error.path = path.replace('[', "/").replace(']', "");
    }
    error
}

#[cfg(test)]
mod tests;
