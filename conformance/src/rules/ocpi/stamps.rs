//! Points in time as OCPI writes them [OCPI 2.2.1 §16.3].

use std::time::SystemTime;

use jiff::civil::DateTime;
use serde_json::Value;

use crate::rules::{Breach, Rule};
use crate::wire::entry::{End, unix_ms};
use crate::wire::ocpi::Exchange;

/// A point in time has no offset, no more than 25 characters, and is one.
static FORM: Rule = Rule::must("ocpi-date-time");
/// The time in an envelope is that of the answer.
static NOW: Rule = Rule::should("ocpi-timestamp-of-now");

/// How far the clock of a platform may be from that of the rig.
const APART_MAX_MS: u64 = 60_000;

/// Fields that hold points in time, on all levels of all objects.
const FIELDS: [&str; 5] = [
    "timestamp",
    "last_updated",
    "start_date_time",
    "end_date_time",
    "expiry_date",
];

/// Stamps of another form, and envelopes of another time.
pub(super) fn are_right(exchange: &Exchange, found: &mut Vec<Breach>) {
    let asked = &exchange.asked;
    let json = match asked.by {
        End::Rig => exchange.json(),
        End::Sut => asked.json(),
    };
    let mut wrong = Vec::new();
    look(json.as_ref().unwrap_or(&Value::Null), &mut wrong);
    if asked.by == End::Sut {
        for (name, value) in query(&asked.url) {
            if name.starts_with("date_") && !is_date_time(&value) {
                wrong.push((name, value));
            }
        }
    }
    if let Some((name, value)) = wrong.first() {
        let text = format!("{}: {name} is {value:?}", asked.in_words());
        found.push(FORM.broken(text));
    }
    let stamp = json.as_ref().and_then(|json| json["timestamp"].as_str());
    let stamp = stamp.filter(|_| asked.by == End::Rig && wrong.is_empty());
    if let (Some(stamp), Some(at)) = (stamp, exchange.answered_at)
        && let Some(apart) = apart_ms(stamp, at)
        && apart > APART_MAX_MS
    {
        let text = format!(
            "{}: the timestamp {stamp} of the answer is {} s from the rig's clock",
            asked.in_words(),
            apart / 1_000
        );
        found.push(NOW.broken(text));
    }
}

fn look(json: &Value, wrong: &mut Vec<(String, String)>) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => {
                        if !is_date_time(text) {
                            wrong.push((name.clone(), text.clone()));
                        }
                    }
                    value => look(value, wrong),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| look(element, wrong)),
        _ => {}
    }
}

fn query(url: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(url).ok();
    url.map_or_else(Vec::new, |url| {
        let pairs = url.query_pairs();
        pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    })
}

/// `YYYY-MM-DDThh:mm:ss`, a fraction and a `Z` where they are wanted.
pub(super) fn is_date_time(text: &str) -> bool {
    let plain = text.strip_suffix('Z').unwrap_or(text);
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let shape = whole.len() == 19
        && whole.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    text.len() <= 25 && shape && digits(fraction) && whole.parse::<DateTime>().is_ok()
}

fn apart_ms(stamp: &str, at: SystemTime) -> Option<u64> {
    let plain = stamp.strip_suffix('Z').unwrap_or(stamp);
    let stamp: jiff::Timestamp = format!("{plain}Z").parse().ok()?;
    let stamp = u64::try_from(stamp.as_millisecond()).ok()?;
    Some(stamp.abs_diff(unix_ms(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_time_is_one_of_the_standard() {
        for right in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-02-28T23:59:59.9Z",
            "2026-01-01T00:00:00.000Z",
        ] {
            assert!(is_date_time(right), "{right}");
        }
        for wrong in [
            "2026-01-01T00:00:00+00:00",
            "2026-01-01",
            "2026-01-01 00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T00:00:00.000000000Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00Z",
        ] {
            assert!(!is_date_time(wrong), "{wrong}");
        }
    }
}
