//! Words of steps as types, parsed once.

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use crate::expect::Failure;
use crate::rig::Tags;

/// A second tag that the scripted central system accepts.
pub(crate) const ANOTHER_TAG: &str = "RFID-USER-7C11";
/// A tag that belongs to the same group as the known one, once a scenario says so.
pub(crate) const SIBLING_TAG: &str = "RFID-USER-9B3E";
/// The tag of test transactions of the platform.
pub(crate) const COMMISSIONING_TAG: &str = "COMMISSIONING";
/// The group of both.
pub(crate) const GROUP_TAG: &str = "RFID-GROUP-1";

/// A tag as steps name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagWord {
    Known,
    Another,
    Sibling,
    Unknown,
    Blocked,
    Expired,
    /// That a commissioning run of the CSMS uses, and nobody else.
    Commissioning,
}

impl FromStr for TagWord {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Ok(match words {
            "the known tag" => Self::Known,
            "another tag" => Self::Another,
            "the sibling tag" => Self::Sibling,
            "the unknown tag" => Self::Unknown,
            "the blocked tag" => Self::Blocked,
            "the expired tag" => Self::Expired,
            "the commissioning tag" => Self::Commissioning,
            other => return Err(format!("{} names no tag", quoted(other))),
        })
    }
}

impl TagWord {
    /// The tag itself; `Err` says what is missing when this run has none.
    pub(crate) fn of(self, tags: &Tags) -> Result<String, &'static str> {
        match self {
            Self::Known => Ok(tags.known.clone()),
            Self::Another => Ok(ANOTHER_TAG.into()),
            Self::Sibling => Ok(SIBLING_TAG.into()),
            Self::Unknown => Ok(tags.unknown.clone()),
            Self::Blocked => tags.blocked.clone().ok_or("needs --blocked-id-tag"),
            Self::Commissioning => Ok(COMMISSIONING_TAG.into()),
            Self::Expired => tags.expired.clone().ok_or("needs --expired-id-tag"),
        }
    }
}

/// A length of time as steps write it: `2 seconds`, `1500 milliseconds`, `24 hours`.
pub(crate) fn duration(number: u64, unit: &str) -> Result<Duration, Failure> {
    Ok(match unit.trim_end_matches('s') {
        "millisecond" => Duration::from_millis(number),
        "second" => Duration::from_secs(number),
        "minute" => Duration::from_secs(number * 60),
        "hour" => Duration::from_secs(number * 3_600),
        _ => return Err(Failure::new(format!("{} is no unit of time", quoted(unit)))),
    })
}

/// A length of time for people: `250 ms`, `30 s`, `1.5 s`; nothing finer than milliseconds.
pub(crate) fn span(length: Duration) -> String {
    let ms = length.as_millis();
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    let decimals = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    format!("{} s", decimals.trim_end_matches('0').trim_end_matches('.'))
}

/// A text in quotation marks, on one line whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// An enumeration for people: `A, B and C`.
pub(crate) fn list<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [all @ .., last] => {
            let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", all.join(", "), last.as_ref())
        }
    }
}

/// The words of an enumeration in a sentence: `A`, `A or B`, `A, B or C`.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(", ")
        .flat_map(|part| part.split(" or "))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumerations_of_words_are_taken_apart() {
        assert_eq!(words("Accepted"), ["Accepted"]);
        assert_eq!(words("Finishing or Preparing"), ["Finishing", "Preparing"]);
        assert_eq!(words("A, B or C"), ["A", "B", "C"]);
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(duration(1, "second").unwrap(), Duration::from_secs(1));
        assert_eq!(
            duration(1500, "milliseconds").unwrap(),
            Duration::from_millis(1500)
        );
        assert_eq!(duration(24, "hours").unwrap(), Duration::from_secs(86_400));
        assert!(duration(1, "fortnight").is_err());
    }

    #[test]
    fn people_read_milliseconds_with_units_and_no_more() {
        assert_eq!(span(Duration::from_secs(30)), "30 s");
        assert_eq!(span(Duration::from_nanos(1_500_123_456)), "1.5 s");
        assert_eq!(span(Duration::from_nanos(4_007_999_999)), "4.007 s");
        assert_eq!(span(Duration::from_micros(250_900)), "250 ms");
        assert_eq!(span(Duration::ZERO), "0 ms");
    }

    #[test]
    fn enumerations_for_people_end_with_and() {
        assert_eq!(list(&["A"]), "A");
        assert_eq!(list(&["A", "B", "C"]), "A, B and C");
        assert_eq!(list::<&str>(&[]), "nothing");
    }
}
