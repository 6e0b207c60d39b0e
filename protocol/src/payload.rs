//! Messages as JSON text, their times as [`time::text`] writes them.
//!
//! `ocpp-kit` writes a time with as many fraction digits as it needs: none at the full second, one at `.800`. Parsers of
//! real firmware expect none or three and refuse, or misread, the rest. So each member that is a time is written
//! anew, in UTC with exactly three. Texts of other members are left alone, whatever they look like.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use crate::decode::format::{is_date_time, is_date_time_member};
use crate::{DateTime, time};

/// The JSON of a message.
///
/// # Panics
/// Never for the messages of this crate: they have string keys and no failing serialisers.
#[must_use]
pub fn payload<T: Serialize>(message: &T) -> String {
    let mut json = Vec::with_capacity(128);
    let mut serializer = Serializer::with_formatter(&mut json, Times::default());
    message
        .serialize(&mut serializer)
        .expect("OCPP messages serialise");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// Compact JSON, with the texts of members that are times held back until they are whole.
#[derive(Default)]
struct Times {
    /// The name of the member that is being written.
    name: String,
    /// The text of its value, when that is a time.
    text: String,
    at: At,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// In the name of a member.
    Name,
    /// Before the value of a member that is a time.
    Time,
    /// Inside its text.
    TimeText,
    #[default]
    Elsewhere,
}

impl Formatter for Times {
    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.name.clear();
        self.at = At::Name;
        CompactFormatter.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.at = if is_date_time_member(&self.name) {
            At::Time
        } else {
            At::Elsewhere
        };
        CompactFormatter.begin_object_value(writer)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.at == At::Time {
            self.text.clear();
            self.at = At::TimeText;
        }
        CompactFormatter.begin_string(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        match self.at {
            At::TimeText => {
                self.text.push_str(fragment);
                return Ok(());
            }
            At::Name => self.name.push_str(fragment),
            At::Time | At::Elsewhere => {}
        }
        CompactFormatter.write_string_fragment(writer, fragment)
    }

    /// A text with an escape in it is no time.
    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        if self.at == At::TimeText {
            self.at = At::Elsewhere;
            CompactFormatter.write_string_fragment(writer, &self.text)?;
        }
        CompactFormatter.write_char_escape(writer, escape)
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.at == At::TimeText {
            self.at = At::Elsewhere;
            let stamp = DateTime::parse(&self.text).ok();
            let stamp = stamp.filter(|_| is_date_time(&self.text));
            let text = stamp.map(|stamp| time::text(time::unix_ms(stamp)));
            CompactFormatter.write_string_fragment(writer, text.as_ref().unwrap_or(&self.text))?;
        }
        CompactFormatter.end_string(writer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::v16::{
        DataTransferRequest, HeartbeatResponse, MeterValue, MeterValuesRequest, SampledValue,
    };

    #[test]
    fn times_have_three_fraction_digits_and_nothing_else_is_touched() {
        let at = |unix_ms| MeterValue::new(time::date_time(unix_ms), vec![SampledValue::new("1")]);
        let values = MeterValuesRequest::new(1, vec![at(0), at(1_500), at(-1)]);
        let texts = [
            "1970-01-01T00:00:00.000Z",
            "1970-01-01T00:00:01.500Z",
            "1969-12-31T23:59:59.999Z",
        ];
        let written: serde_json::Value = serde_json::from_str(&payload(&values)).unwrap();
        for (place, text) in texts.iter().enumerate() {
            assert_eq!(written["meterValue"][place]["timestamp"], *text);
        }
        // What a vendor says is the vendor's.
        let theirs = "2024-03-10T15:00:00.8Z";
        let transfer = DataTransferRequest::new("V").with_data(theirs);
        assert!(payload(&transfer).contains(theirs));
    }

    #[test]
    fn a_time_of_another_zone_is_written_in_utc_and_what_is_no_time_stays() {
        for (member, value, text) in [
            (
                "expiryDate",
                "2030-01-31T12:00:00+01:00",
                "2030-01-31T11:00:00.000Z",
            ),
            ("validFrom", "2030-01-31 12:00:00Z", "2030-01-31 12:00:00Z"),
            ("timestamp", "so\"on", "so\"on"),
            ("vendorId", "2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
        ] {
            let message = json!({ member: value });
            assert_eq!(payload(&message), json!({ member: text }).to_string());
        }
        let nested = json!({"timestamp": null, "a": ["2030-01-31T12:00:00Z", {"b": 5}]});
        assert_eq!(payload(&nested), nested.to_string());
    }

    proptest! {
        #[test]
        fn every_time_has_one_form_and_survives_it(unix_ms in -62_135_596_800_000_i64..253_402_207_200_000) {
            let text = payload(&HeartbeatResponse::new(time::date_time(unix_ms)));
            let stamp = &text[r#"{"currentTime":""#.len()..text.len() - 2];
            prop_assert_eq!(stamp.len(), "2024-03-10T15:00:00.000Z".len());
            prop_assert!(stamp.ends_with('Z') && stamp.as_bytes()[19] == b'.');
            prop_assert_eq!(time::unix_ms(DateTime::parse(stamp).unwrap()), unix_ms);
        }

        #[test]
        fn json_means_what_it_meant(name in "[a-zA-Z\"]{0,9}", value in ".{0,40}") {
            let message = json!({ "x": { &name: &value }, "timestamp": &value });
            let again: serde_json::Value = serde_json::from_str(&payload(&message)).unwrap();
            if DateTime::parse(&value).is_err() {
                prop_assert_eq!(again, message);
            }
        }
    }
}
