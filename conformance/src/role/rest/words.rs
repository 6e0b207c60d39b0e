//! What steps say in braces: names of things, answers they remember, and points in time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::failure::Failure;
use crate::words::{duration, list, quoted};

/// A text with what is in braces put in. Braces of JSON are left alone: what they hold begins with no letter.
pub(crate) fn expand(words: &BTreeMap<String, String>, text: &str) -> Result<String, Failure> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        expanded.push_str(&rest[..open]);
        rest = &rest[open..];
        match name_at(rest) {
            Some(name) => {
                expanded.push_str(&value(words, name)?);
                rest = &rest[name.len() + 2..];
            }
            None => {
                expanded.push('{');
                rest = &rest[1..];
            }
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The names in braces of a text, which [`expand`] looks for.
pub(crate) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{')
        .filter_map(|(at, _)| name_at(&text[at..]))
}

/// The name between the brace that the text begins with and its partner.
fn name_at(text: &str) -> Option<&str> {
    let end = text.find('}')?;
    let name = &text[1..end];
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || " +-_".contains(c);
    (name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letters))
        .then_some(name)
}

/// What a name stands for.
pub(crate) fn value(words: &BTreeMap<String, String>, name: &str) -> Result<String, Failure> {
    if let Some(value) = words.get(name) {
        return Ok(value.clone());
    }
    if let Some(rest) = name.strip_prefix("now") {
        return time(rest.trim());
    }
    let known: Vec<&String> = words.keys().collect();
    Err(Failure::new(format!(
        "nothing is called {}; there are {} and now",
        quoted(name),
        list(&known)
    )))
}

/// `now`, `now + 1 hour`, `now - 5 minutes`.
fn time(offset: &str) -> Result<String, Failure> {
    let now = jiff::Timestamp::now().as_millisecond();
    let parts: Vec<&str> = offset.split(' ').filter(|part| !part.is_empty()).collect();
    let wrong = || Failure::new(format!("{} is no distance in time", quoted(offset)));
    let ms = match parts.as_slice() {
        [] => 0,
        [sign @ ("+" | "-"), number, unit] => {
            let number: u64 = number.parse().map_err(|_| wrong())?;
            let length = if unit.starts_with("day") {
                Duration::from_secs(number * 86_400)
            } else {
                duration(number, unit)?
            };
            let ms = i64::try_from(length.as_millis()).map_err(|_| wrong())?;
            if *sign == "+" { ms } else { -ms }
        }
        _ => return Err(wrong()),
    };
    jiff::Timestamp::from_millisecond(now + ms)
        .map(|at| dynamo_protocol::time::text(at.as_millisecond()))
        .map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_of_json_stay_and_names_are_put_in() {
        let words = BTreeMap::from([("charge point".to_owned(), "CP-1".to_owned())]);
        let text = r#"{"id": "{charge point}", "x": {}, "y": {"z": 1}}"#;
        assert_eq!(
            expand(&words, text).unwrap(),
            r#"{"id": "CP-1", "x": {}, "y": {"z": 1}}"#
        );
        let error = expand(&words, "/a/{project}").unwrap_err().to_string();
        assert!(error.contains("charge point and now"), "{error}");
    }

    #[test]
    fn points_in_time_are_before_and_after_now() {
        let at = |name: &str| -> jiff::Timestamp {
            value(&BTreeMap::new(), name).unwrap().parse().unwrap()
        };
        assert!(at("now - 1 minute") < at("now") && at("now") < at("now + 2 days"));
        assert!(value(&BTreeMap::new(), "now + 1 fortnight").is_err());
        assert!(value(&BTreeMap::new(), "now * 2").is_err());
    }
}
