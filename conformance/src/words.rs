//! How people write and read: lengths of time, lists, texts in quotation marks.

use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

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

/// So many things: `1 scenario`, `2 scenarios`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// How like two words must be, from 0 to 1, to be taken for one another.
const LIKENESS_MIN: f64 = 0.75;

/// The question whether the one of `all` was meant that is most like `word`; nothing where none is.
pub(crate) fn did_you_mean<'a>(word: &str, all: impl Iterator<Item = &'a str>) -> String {
    let upper = word.to_uppercase();
    let likeness = |other: &str| strsim::jaro_winkler(&other.to_uppercase(), &upper);
    let near = all
        .map(|other| (likeness(other), other))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match near {
        Some((likeness, near)) if likeness >= LIKENESS_MIN => format!("did you mean {near}? "),
        _ => String::new(),
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
    fn one_thing_is_not_several() {
        let of = |number| count(number, "scenario");
        assert_eq!(
            [of(0), of(1), of(2)],
            ["0 scenarios", "1 scenario", "2 scenarios"]
        );
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
