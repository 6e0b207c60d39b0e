//! Payloads into types, with the verdict of the published schemas.
//!
//! `ocpp-kit` checks lengths, enumerations, bounds and occurrence. What it leaves open is closed here, so that
//! [`Decoding::strict`] agrees with the schemas: members the schema does not name, explicit `null`s and arrays
//! in the place of objects are refused, and date-times, URIs and `multipleOf 0.1` are checked ([`format`]).
//! A member the schema does not name is a `FormationViolation`: the message is not of the form of its action.
//! U+0000 in a text is refused always.
//! Date-times that the calendar of the types cannot hold become the nearest that it can.

pub(crate) mod format;
mod tree;

use std::borrow::Cow;

use ocpp_kit::decode::{
    DateTimeLeniency, DecodeError, DecodeErrorKind, DecodeOptions, NumericStrings,
    UnknownEnumValues, decode_payload,
};
use ocpp_kit::validate::Validate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::v16::{Action, transcode_request, transcode_response};
use crate::{CallError, MESSAGE_BYTES_MAX, RawValue};
use tree::Tree;

/// Date-times of one payload that may have to be brought into the calendar, each costing one more decoding.
const REPAIRS_MAX: usize = 32;

/// How strictly payloads are read. Each leniency has a name and is there because real chargers need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoding {
    /// Members the schema does not name are dropped instead of refused.
    pub allow_unknown_fields: bool,
    /// Enumeration values the schema does not name are kept instead of refused.
    pub allow_unknown_values: bool,
    /// Date-times without an offset, or with a space for the `T`, are taken as UTC.
    pub allow_loose_date_times: bool,
    /// Locations of files need not be URIs.
    pub allow_loose_uris: bool,
    /// Numbers written as strings are taken as numbers.
    pub allow_numeric_strings: bool,
}

impl Decoding {
    /// Exactly what the specification says.
    #[must_use]
    pub const fn strict() -> Self {
        Self {
            allow_unknown_fields: false,
            allow_unknown_values: false,
            allow_loose_date_times: false,
            allow_loose_uris: false,
            allow_numeric_strings: false,
        }
    }

    /// Every leniency at once.
    #[must_use]
    pub const fn lenient() -> Self {
        Self {
            allow_unknown_fields: true,
            allow_unknown_values: true,
            allow_loose_date_times: true,
            allow_loose_uris: true,
            allow_numeric_strings: true,
        }
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
        let options = self.options();
        let message: T = repairing(payload, |payload| decode_payload(payload, &options))?;
        let ours = serde_json::to_string(&message).map_err(unreadable)?;
        self.agree(payload.get(), &ours)?;
        Ok(message)
    }

    /// The verdict of [`Decoding::decode`] on the payload of a `CALL` whose action is a value, not a type.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn check_request(self, action: Action, payload: &RawValue) -> Result<(), CallError> {
        let options = self.options();
        let ours = repairing(payload, |payload| {
            transcode_request(action, payload, &options)
        })?;
        Ok(self.agree(payload.get(), ours.get())?)
    }

    /// The verdict of [`Decoding::decode`] on the payload of the `CALLRESULT` to such a `CALL`.
    ///
    /// # Errors
    /// Like [`Decoding::decode`].
    pub fn check_response(self, action: Action, payload: &RawValue) -> Result<(), CallError> {
        let options = self.options();
        let ours = repairing(payload, |payload| {
            transcode_response(action, payload, &options)
        })?;
        Ok(self.agree(payload.get(), ours.get())?)
    }

    fn options(self) -> DecodeOptions {
        let mut options = DecodeOptions::strict().with_max_payload_size(MESSAGE_BYTES_MAX);
        if self.allow_unknown_values {
            options.unknown_enum_values = UnknownEnumValues::Preserve;
        }
        if self.allow_loose_date_times {
            options.datetime = DateTimeLeniency::AllowSpace;
        }
        if self.allow_numeric_strings {
            options.numeric_strings = NumericStrings::Coerce;
        }
        options
    }

    /// Compares the text of a payload with the text of what the types made of it.
    fn agree(self, wire: &str, ours: &str) -> Result<(), DecodeError> {
        let wire = serde_json::from_str(wire).map_err(unreadable)?;
        let ours = serde_json::from_str(ours).map_err(unreadable)?;
        self.compare(&wire, &ours, 0)
    }

    /// Walks the payload beside what the types made of it: what is missing there was not expressible in the
    /// types.
    fn compare(self, wire: &Tree, ours: &Tree, depth: usize) -> Result<(), DecodeError> {
        match (wire, ours) {
            (Tree::Object(wire), Tree::Object(ours)) => {
                wire.iter().try_for_each(|(name, value)| {
                    let mine = ours.iter().find(|(our_name, _)| our_name == name);
                    self.member(name, value, mine.map(|(_, mine)| mine), depth)
                        .map_err(|error| below(name, error))
                })
            }
            (Tree::Array(wire), Tree::Array(ours)) => wire
                .iter()
                .zip(ours)
                .enumerate()
                .try_for_each(|(index, (value, mine))| {
                    self.compare(value, mine, depth + 1)
                        .map_err(|error| below(&index.to_string(), error))
                }),
            (Tree::Array(_), Tree::Object(_)) => Err(DecodeError::new(
                DecodeErrorKind::Type,
                "",
                "an array in the place of an object",
            )),
            (Tree::Text(text), _) => no_nul(text),
            _ => Ok(()),
        }
    }

    fn member(
        self,
        name: &str,
        value: &Tree,
        mine: Option<&Tree>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        let Some(mine) = mine else {
            return if self.allow_unknown_fields {
                Ok(())
            } else if matches!(value, Tree::Null) {
                let reason = "null is not a value of this member";
                Err(DecodeError::new(DecodeErrorKind::Type, "", reason))
            } else {
                let reason = "the schema does not name this member";
                Err(DecodeError::new(DecodeErrorKind::Format, "", reason))
            };
        };
        if let Tree::Text(text) = value {
            no_nul(text)?;
        }
        let wrong = match value {
            Tree::Text(text) if format::is_date_time_member(name) => (!self.allow_loose_date_times
                && !format::is_date_time(text))
            .then(|| format!("{text:?} is not an RFC 3339 date-time with offset")),
            Tree::Text(text) if depth == 0 && format::is_uri_member(name) => {
                (!self.allow_loose_uris && !format::is_uri(text))
                    .then(|| format!("{text:?} is not a URI"))
            }
            Tree::Number(number) if format::is_rate_member(name) => {
                (!format::is_rate(*number)).then(|| format!("{number} is not a multiple of 0.1"))
            }
            Tree::Object(_) | Tree::Array(_) => return self.compare(value, mine, depth + 1),
            _ => None,
        };
        wrong.map_or(Ok(()), |reason| {
            Err(DecodeError::new(DecodeErrorKind::Property, "", reason))
        })
    }
}

/// U+0000 has no meaning in any text of OCPP, and not every database can hold it.
fn no_nul(text: &str) -> Result<(), DecodeError> {
    if text.contains('\0') {
        let reason = "a text cannot contain U+0000";
        return Err(DecodeError::new(DecodeErrorKind::Property, "", reason));
    }
    Ok(())
}

/// Decodes, and where a date-time is sound but outside the calendar of the types, once more with its nearest
/// neighbour.
fn repairing<T>(
    payload: &RawValue,
    decode: impl Fn(&RawValue) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut payload = Cow::Borrowed(payload);
    for _ in 0..REPAIRS_MAX {
        match decode(&payload).map_err(with_pointer) {
            Err(error) if error.kind == DecodeErrorKind::Property => {
                payload = Cow::Owned(repaired(&payload, &error.path).ok_or(error)?);
            }
            decided => return decided,
        }
    }
    decode(&payload).map_err(with_pointer)
}

/// The payload with the date-time at `pointer` brought into the calendar; nothing if that is not what is wrong.
fn repaired(payload: &RawValue, pointer: &str) -> Option<Box<RawValue>> {
    let mut root: Value = serde_json::from_str(payload.get()).ok()?;
    let member = root.pointer_mut(pointer)?;
    *member = Value::String(format::nearest_date_time(member.as_str()?)?);
    serde_json::value::to_raw_value(&root).ok()
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

fn below(name: &str, mut error: DecodeError) -> DecodeError {
    let name = name.replace('~', "~0").replace('/', "~1");
    error.path.insert_str(0, &name);
    error.path.insert(0, '/');
    error
}

fn unreadable(error: serde_json::Error) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Format, "", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use crate::v16::{HeartbeatResponse, SetChargingProfileRequest, StatusNotificationRequest};

    fn decode<T: DeserializeOwned + Serialize + Validate>(json: &str) -> Result<T, CallError> {
        Decoding::strict().decode(&RawValue::from_string(json.to_owned()).unwrap())
    }

    fn code<T: DeserializeOwned + Serialize + Validate>(json: &str) -> ErrorCode {
        decode::<T>(json).err().expect("refused").code
    }

    #[test]
    fn each_kind_of_mistake_has_its_code() {
        type Status = StatusNotificationRequest;
        assert!(
            decode::<Status>(r#"{"connectorId":1,"errorCode":"NoError","status":"Available"}"#)
                .is_ok()
        );
        assert_eq!(
            code::<Status>(r#"{"connectorId":1,"status":"Available"}"#),
            ErrorCode::OccurrenceConstraintViolation
        );
        assert_eq!(
            code::<Status>(r#"{"connectorId":"1","errorCode":"NoError","status":"Available"}"#),
            ErrorCode::TypeConstraintViolation
        );
        assert_eq!(
            code::<Status>(r#"{"connectorId":1,"errorCode":"NoError","status":"Bored"}"#),
            ErrorCode::PropertyConstraintViolation
        );
        assert_eq!(
            code::<Status>(
                r#"{"connectorId":1,"errorCode":"NoError","status":"Available","mood":"fine"}"#
            ),
            ErrorCode::FormatViolation
        );
        assert_eq!(
            code::<Status>(
                r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":null}"#
            ),
            ErrorCode::TypeConstraintViolation
        );
        assert_eq!(code::<Status>("[]"), ErrorCode::FormatViolation);
    }

    #[test]
    fn a_nul_in_a_text_is_refused_however_lenient() {
        let status =
            r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":"a\u0000b"}"#;
        let text = RawValue::from_string(status.to_owned()).unwrap();
        let list = RawValue::from_string(r#"{"key":["a","b\u0000"]}"#.to_owned()).unwrap();
        for decoding in [Decoding::strict(), Decoding::lenient()] {
            for refused in [
                decoding.decode::<StatusNotificationRequest>(&text).err(),
                decoding
                    .check_request(Action::GetConfiguration, &list)
                    .err(),
            ] {
                let code = refused.expect("refused").code;
                assert_eq!(code, ErrorCode::PropertyConstraintViolation);
            }
        }
    }

    #[test]
    fn date_times_are_rfc_3339_and_nothing_looser() {
        for good in [
            "2024-03-10T15:00:00Z",
            "2024-03-10T15:00:00.123+01:00",
            "2024-03-10t15:00:00z",
        ] {
            assert!(
                decode::<HeartbeatResponse>(&format!(r#"{{"currentTime":"{good}"}}"#)).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "2024-03-10 15:00:00Z",
            "20240310T150000Z",
            "2024-03-10T15:00Z",
            "2024-03-10T15:00:00",
            "2024-03-10T15:00:00+01",
            "2024-03-10T15:00:00.Z",
            "yesterday",
        ] {
            assert_eq!(
                code::<HeartbeatResponse>(&format!(r#"{{"currentTime":"{bad}"}}"#)),
                ErrorCode::PropertyConstraintViolation,
                "{bad}"
            );
        }
    }

    #[test]
    fn charging_rates_have_one_decimal() {
        let profile = |limit: &str| {
            format!(
                r#"{{"connectorId":1,"csChargingProfiles":{{"chargingProfileId":1,"stackLevel":0,
                "chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":
                {{"chargingRateUnit":"A","chargingSchedulePeriod":[{{"startPeriod":0,"limit":{limit}}}]}}}}}}"#
            )
        };
        for good in ["16", "16.5", "16.50", "1.65e1", "0", "1e2"] {
            assert!(
                decode::<SetChargingProfileRequest>(&profile(good)).is_ok(),
                "{good}"
            );
        }
        for bad in ["16.55", "0.01", "1.655e1", "1e-2"] {
            assert_eq!(
                code::<SetChargingProfileRequest>(&profile(bad)),
                ErrorCode::PropertyConstraintViolation,
                "{bad}"
            );
        }
    }

    #[test]
    fn each_leniency_forgives_its_own_mistake_only() {
        let loose =
            RawValue::from_string(r#"{"currentTime":"2024-03-10 15:00:00"}"#.into()).unwrap();
        assert!(
            Decoding {
                allow_loose_date_times: true,
                ..Decoding::strict()
            }
            .decode::<HeartbeatResponse>(&loose)
            .is_ok()
        );
        assert!(
            Decoding {
                allow_unknown_fields: true,
                ..Decoding::strict()
            }
            .decode::<HeartbeatResponse>(&loose)
            .is_err()
        );
        let extra = RawValue::from_string(
            r#"{"connectorId":"1","errorCode":"NoError","status":"Available","mood":"fine"}"#
                .into(),
        )
        .unwrap();
        assert!(
            Decoding::lenient()
                .decode::<StatusNotificationRequest>(&extra)
                .is_ok()
        );
        assert!(
            Decoding::strict()
                .decode::<StatusNotificationRequest>(&extra)
                .is_err()
        );
    }
}
