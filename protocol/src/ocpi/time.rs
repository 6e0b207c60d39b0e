//! Times of OCPI: UTC, with or without `Z`, with or without a fraction [OCPI 2.2.1 §16.1].

use std::fmt;

use jiff::civil;
use jiff::tz::Offset;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant, in Unix milliseconds. Written with `Z`, and with a fraction only where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(pub i64);

/// How a text reads as a time.
pub(super) enum Reading {
    /// As the standard writes it.
    Good(DateTime),
    /// It can only mean one instant, but is not written so; what is wrong, as the end of a sentence.
    Forgiven(DateTime, &'static str),
    /// It is no time.
    None,
}

/// Characters of a time [OCPI 2.2.1 §16.1].
const CHARS_MAX: usize = 25;

pub(super) fn read_time(text: &str) -> Reading {
    let bare = text.strip_suffix('Z').unwrap_or(text);
    let is_shaped = text.as_bytes().get(10) == Some(&b'T')
        && bare
            .bytes()
            .all(|b| b.is_ascii_digit() || b"-T:.".contains(&b));
    if is_shaped {
        let time = bare.parse::<civil::DateTime>();
        let time = time
            .ok()
            .and_then(|time| Offset::UTC.to_timestamp(time).ok());
        return match time {
            Some(time) if text.len() <= CHARS_MAX => Reading::Good(DateTime::of(time)),
            Some(time) => {
                Reading::Forgiven(DateTime::of(time), "is a time of more than 25 characters")
            }
            None => Reading::None,
        };
    }
    let with_offset = text.parse::<Timestamp>().map(DateTime::of);
    with_offset.map_or(Reading::None, |time| {
        Reading::Forgiven(time, "is a time in another form than 2026-01-31T08:00:00Z")
    })
}

impl DateTime {
    /// Of a text in any form that can only mean one instant; `None` for others.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match read_time(text) {
            Reading::Good(time) | Reading::Forgiven(time, _) => Some(time),
            Reading::None => None,
        }
    }

    /// Parts of a millisecond count as a whole one: of what is kept by the millisecond, the same is then before, and
    /// the same after.
    fn of(time: Timestamp) -> Self {
        let nanoseconds = time.as_nanosecond();
        Self(
            i64::try_from(nanoseconds.div_euclid(1_000_000)).unwrap_or(i64::MAX)
                + i64::from(nanoseconds.rem_euclid(1_000_000) != 0),
        )
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Timestamp::from_millisecond(self.0).unwrap_or_default();
        let at = at.round(Unit::Millisecond).unwrap_or(at);
        at.fmt(f)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_an_instant_are_the_same() {
        let at = DateTime::parse("2026-01-31T08:00:00Z").unwrap();
        for same in [
            "2026-01-31T08:00:00",
            "2026-01-31T08:00:00.0Z",
            "2026-01-31T08:00:00.000",
            "2026-01-31T10:00:00+02:00",
            "2026-01-31T08:00:00+00:00",
            "2026-01-31 08:00:00Z",
        ] {
            assert_eq!(DateTime::parse(same), Some(at), "{same}");
        }
        assert_eq!(at.to_string(), "2026-01-31T08:00:00Z");
        assert_eq!(DateTime(at.0 + 250).to_string(), "2026-01-31T08:00:00.25Z");
        assert!(matches!(read_time("2026-01-31T08:00:00"), Reading::Good(_)));
        assert!(matches!(
            read_time("2026-01-31T08:00:00+00:00"),
            Reading::Forgiven(..)
        ));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-31",
            "2026-01-31T25:00:00Z",
            "1769846400",
            "2026-01-31T08:00:00ZZ",
        ] {
            assert_eq!(DateTime::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn parts_of_a_millisecond_are_after_it() {
        let whole = DateTime::parse("2026-01-31T08:00:00.123Z").unwrap();
        let more = DateTime::parse("2026-01-31T08:00:00.1231Z").unwrap();
        assert_eq!(more.0, whole.0 + 1);
    }
}
