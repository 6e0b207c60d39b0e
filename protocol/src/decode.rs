//! Payloads into types, with the verdict of the published schemas.
//!
//! `ocpp-kit` checks lengths, enumerations, bounds and occurrence. Three things it leaves open are closed
//! here, so that [`Decoding::strict`] agrees with the schemas: members the schema does not name and explicit
//! `null`s are refused, date-times are RFC 3339 and nothing looser, and `multipleOf 0.1` holds.

use ocpp_kit::decode::{
    DateTimeLeniency, DecodeError, DecodeErrorKind, DecodeOptions, NumericStrings,
    UnknownEnumValues, decode_payload,
};
use ocpp_kit::validate::Validate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CallError, RawValue};

/// How strictly payloads are read. Each leniency has a name and is there because real chargers need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoding {
    /// Members the schema does not name are dropped instead of refused.
    pub allow_unknown_fields: bool,
    /// Enumeration values the schema does not name are kept instead of refused.
    pub allow_unknown_values: bool,
    /// Date-times without an offset, or with a space for the `T`, are taken as UTC.
    pub allow_loose_date_times: bool,
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
            allow_numeric_strings: true,
        }
    }

    fn options(self) -> DecodeOptions {
        let mut options = DecodeOptions::strict();
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

    /// Decodes one payload.
    ///
    /// # Errors
    /// The `CALLERROR` the specification asks for: its code, and in its details the JSON pointer of the member.
    pub fn decode<T: DeserializeOwned + Serialize + Validate>(
        self,
        payload: &RawValue,
    ) -> Result<T, CallError> {
        let message: T = decode_payload(payload, &self.options())?;
        let wire: Value = serde_json::from_str(payload.get())
            .map_err(|error| DecodeError::new(DecodeErrorKind::Format, "", error.to_string()))?;
        let ours = serde_json::to_value(&message)
            .map_err(|error| DecodeError::new(DecodeErrorKind::Format, "", error.to_string()))?;
        match self.compare(&wire, &ours, &mut String::new()) {
            Some(error) => Err(error.into()),
            None => Ok(message),
        }
    }

    /// Walks the payload beside what the types made of it. What differs was not expressible in the types.
    fn compare(self, wire: &Value, ours: &Value, path: &mut String) -> Option<DecodeError> {
        match (wire, ours) {
            (Value::Object(wire), Value::Object(ours)) => wire.iter().find_map(|(name, value)| {
                let length = path.len();
                path.push('/');
                path.push_str(name);
                let error = match ours.get(name) {
                    Some(mine) if is_rate(name) => {
                        rate(value, path).or_else(|| self.compare(value, mine, path))
                    }
                    Some(mine) => self.compare(value, mine, path),
                    None if self.allow_unknown_fields => None,
                    None if value.is_null() => Some(DecodeError::new(
                        DecodeErrorKind::Type,
                        path.as_str(),
                        "null is not a value of this member",
                    )),
                    None => Some(DecodeError::new(
                        DecodeErrorKind::UnknownField,
                        path.as_str(),
                        "the schema does not name this member",
                    )),
                };
                path.truncate(length);
                error
            }),
            (Value::Array(wire), Value::Array(ours)) => {
                wire.iter()
                    .zip(ours)
                    .enumerate()
                    .find_map(|(index, (value, mine))| {
                        let length = path.len();
                        path.push('/');
                        path.push_str(&index.to_string());
                        let error = self.compare(value, mine, path);
                        path.truncate(length);
                        error
                    })
            }
            // Only date-times change their text on the way through the types.
            (Value::String(wire), Value::String(ours))
                if wire != ours && !self.allow_loose_date_times =>
            {
                (!is_rfc3339(wire)).then(|| {
                    DecodeError::new(
                        DecodeErrorKind::Property,
                        path.as_str(),
                        format!("{wire:?} is not an RFC 3339 date-time with offset"),
                    )
                })
            }
            _ => None,
        }
    }
}

/// The members of 1.6 that carry `multipleOf 0.1`: charging rates [1.6 §7.14, §7.13].
fn is_rate(name: &str) -> bool {
    name == "limit" || name == "minChargingRate"
}

fn rate(value: &Value, path: &str) -> Option<DecodeError> {
    let Value::Number(number) = value else {
        return None;
    };
    let text = number.to_string();
    // One decimal at most, judged on the decimal text: 0.1 has no exact binary form.
    let exact = match text.split_once(['e', 'E']) {
        None => text
            .split_once('.')
            .is_none_or(|(_, decimals)| decimals.trim_end_matches('0').len() <= 1),
        Some((mantissa, exponent)) => {
            let decimals = mantissa
                .split_once('.')
                .map_or(0, |(_, d)| d.trim_end_matches('0').len());
            exponent
                .parse::<i64>()
                .is_ok_and(|e| i64::try_from(decimals).unwrap_or(i64::MAX) - e <= 1)
                || mantissa
                    .trim_start_matches('-')
                    .chars()
                    .all(|c| c == '0' || c == '.')
        }
    };
    (!exact).then(|| {
        DecodeError::new(
            DecodeErrorKind::Property,
            path,
            format!("{text} is not a multiple of 0.1"),
        )
    })
}

/// RFC 3339 `date-time`: the parser of the types also takes ISO 8601 spellings that RFC 3339 does not know.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|d| d.iter().all(u8::is_ascii_digit))
    };
    let at = |index: usize, allowed: &[u8]| bytes.get(index).is_some_and(|b| allowed.contains(b));
    let fixed = digits(0..4)
        && at(4, b"-")
        && digits(5..7)
        && at(7, b"-")
        && digits(8..10)
        && at(10, b"Tt")
        && digits(11..13)
        && at(13, b":")
        && digits(14..16)
        && at(16, b":")
        && digits(17..19);
    if !fixed {
        return false;
    }
    let rest = &text[19..];
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    let offset = zone.as_bytes();
    matches!(zone, "Z" | "z")
        || (offset.len() == 6
            && matches!(offset[0], b'+' | b'-')
            && offset[3] == b':'
            && [1, 2, 4, 5].iter().all(|i| offset[*i].is_ascii_digit()))
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
            ErrorCode::ProtocolError
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
