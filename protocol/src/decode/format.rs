//! Formats of single members that the types leave open: date-times, URIs, and rates of one decimal.
//!
//! Which members have a format is told by their names, which OCPP 1.6 uses consistently; the comparison with
//! the published schemas proves that none is missing.

use jiff::Timestamp;

/// The last whole second of the calendar behind [`crate::DateTime`]. RFC 3339 goes on for a day.
const LAST_SECOND: &str = "9999-12-30T22:00:00Z";

/// Decimals of a second that the types keep; RFC 3339 allows any number.
const DECIMALS_MAX: usize = 9;

/// The members of OCPP 1.6 that are date-times.
pub(crate) fn is_date_time_member(name: &str) -> bool {
    matches!(
        name,
        "timestamp"
            | "currentTime"
            | "expiryDate"
            | "startSchedule"
            | "scheduleStart"
            | "validFrom"
            | "validTo"
            | "startTime"
            | "stopTime"
            | "retrieveDate"
            | "retrieveDateTime"
            | "installDateTime"
            | "oldestTimestamp"
            | "latestTimestamp"
    )
}

/// The member of `GetDiagnostics` and `UpdateFirmware` that is a URI [1.6 §6.25, §6.55]. Below the top level the
/// same name means the place of a measurement.
pub(super) fn is_uri_member(name: &str) -> bool {
    name == "location"
}

/// The same by the type that has the member.
pub(super) fn is_uri_of(holder: &str, name: &str) -> bool {
    is_uri_member(name) && matches!(holder, "GetDiagnosticsRequest" | "UpdateFirmwareRequest")
}

/// The members of OCPP 1.6 with `multipleOf 0.1`: charging rates [1.6 §7.13, §7.14].
pub(super) fn is_rate_member(name: &str) -> bool {
    name == "limit" || name == "minChargingRate"
}

/// Whether a number has one decimal at most. Judged on its shortest decimal text: 0.1 has no exact binary form.
pub(super) fn is_rate(number: f64) -> bool {
    number
        .to_string()
        .split_once('.')
        .is_none_or(|(_, decimals)| decimals.len() <= 1)
}

/// Whether a text is a URI with a scheme, as RFC 3986 writes it.
pub(super) fn is_uri(text: &str) -> bool {
    fluent_uri::Uri::parse(text).is_ok()
}

/// Whether a text is an RFC 3339 date-time: the parser of the types takes more and, at the rims, less.
pub(crate) fn is_date_time(text: &str) -> bool {
    Parts::of(text).is_some_and(|parts| parts.are_in_range())
}

/// The nearest date-time that the types can hold, if `text` is one that they cannot.
pub(super) fn nearest_date_time(text: &str) -> Option<String> {
    let parts = Parts::of(text).filter(Parts::are_in_range)?;
    let decimals = &parts.decimals[..parts.decimals.len().min(DECIMALS_MAX)];
    let point = if decimals.is_empty() { "" } else { "." };
    let shortened = format!("{}{point}{decimals}{}", parts.second_text, parts.zone);
    let nearest = match shortened.parse::<Timestamp>() {
        Ok(_) => shortened,
        Err(_) if parts.year == 9999 => LAST_SECOND.to_owned(),
        Err(_) => return None,
    };
    (nearest != text).then_some(nearest)
}

/// A text of the form `2024-03-10T15:00:00.123+01:00`, taken apart.
struct Parts<'a> {
    /// Everything before the decimals.
    second_text: &'a str,
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    /// Without the point; empty where there are none.
    decimals: &'a str,
    /// `Z`, or sign, hours, colon and minutes.
    zone: &'a str,
    offset_hour: u32,
    offset_minute: u32,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (second_text, rest) = text.split_at_checked(19)?;
        let marks = second_text.as_bytes();
        let marked = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')]
            .iter()
            .all(|(index, mark)| marks[*index] == *mark);
        if !marked || !marks[10].eq_ignore_ascii_case(&b'T') {
            return None;
        }
        let (decimals, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let length = rest.bytes().take_while(u8::is_ascii_digit).count();
                (length > 0).then(|| rest.split_at(length))?
            }
            None => ("", rest),
        };
        let (offset_hour, offset_minute) = match zone.as_bytes() {
            b"Z" | b"z" => (0, 0),
            [b'+' | b'-', _, _, b':', _, _] => (number(zone, 1, 3)?, number(zone, 4, 6)?),
            _ => return None,
        };
        Some(Self {
            second_text,
            year: number(text, 0, 4)?,
            month: number(text, 5, 7)?,
            day: number(text, 8, 10)?,
            hour: number(text, 11, 13)?,
            minute: number(text, 14, 16)?,
            second: number(text, 17, 19)?,
            decimals,
            zone,
            offset_hour,
            offset_minute,
        })
    }

    fn are_in_range(&self) -> bool {
        (1..=12).contains(&self.month)
            && (1..=self.days_in_month()).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.offset_hour < 24
            && self.offset_minute < 60
            && (self.second < 60 || self.second == 60 && self.is_last_minute_of_a_utc_day())
    }

    const fn days_in_month(&self) -> u32 {
        match self.month {
            2 if self.year.is_multiple_of(4)
                && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Only there a leap second can be put in.
    fn is_last_minute_of_a_utc_day(&self) -> bool {
        const DAY: u32 = 24 * 60;
        let local = self.hour * 60 + self.minute;
        let offset = self.offset_hour * 60 + self.offset_minute;
        let utc = if self.zone.starts_with('-') {
            local + offset
        } else {
            local + DAY - offset
        };
        utc % DAY == DAY - 1
    }
}

/// The digits of `text` from `start` to `end`, exclusive.
fn number(text: &str, start: usize, end: usize) -> Option<u32> {
    let digits = text.get(start..end)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rims_of_the_calendar_are_brought_inside() {
        for (text, nearest) in [
            ("9999-12-31T23:59:59Z", Some(LAST_SECOND)),
            (
                "2024-03-10T15:00:00.1234567891+01:00",
                Some("2024-03-10T15:00:00.123456789+01:00"),
            ),
            ("2024-03-10T15:00:00Z", None),
            ("2024-13-10T15:00:00Z", None),
            ("soon", None),
        ] {
            assert_eq!(nearest_date_time(text).as_deref(), nearest, "{text}");
        }
        assert!(LAST_SECOND.parse::<Timestamp>().is_ok());
    }

    #[test]
    fn a_leap_second_stands_at_the_end_of_a_utc_day() {
        for good in ["2016-12-31T23:59:60Z", "2016-12-31T15:59:60-08:00"] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "2016-12-31T15:00:60Z",
            "2016-12-31T23:59:61Z",
            "2016-12-31T23:59:60+01:00",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }
}
