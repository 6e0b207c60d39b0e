//! Slips of the pen in the words of a step: what can be seen before anything runs is no fault of a system under test.

use anyhow::{Result, bail};
use cucumber::codegen::Regex;

use crate::dialect::{is_message, message_like, statuses};
use crate::words::{did_you_mean, duration, list};

/// Looks at the words that vary in a step: names of messages, statuses, numbers, lengths of time.
///
/// # Errors
/// One line with the place, and what is like it.
pub(super) fn ensure_words_are_right(place: &str, regex: &Regex, step: &str) -> Result<()> {
    let pattern = regex.as_str();
    let Some(captures) = regex.captures(step) else {
        return Ok(());
    };
    let words: Vec<&str> = captures
        .iter()
        .skip(1)
        .map(|group| group.map_or("", |group| group.as_str()))
        .collect();
    if let Some(sent) = sent(step).filter(|word| !is_message(word)) {
        bail!(
            "{place}: OCPP has no message {sent}; {}correct the step",
            message_like(sent)
        );
    }
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit()) && !word.is_empty();
    let mut numbers = words.iter().filter(|word| is_number(word));
    if let Some(number) = numbers.find(|number| number.parse::<u32>().is_err()) {
        bail!(
            "{place}: the number {number} is too large; give one up to {}",
            u32::MAX
        );
    }
    if pattern.contains(r"(\d+) (\w+)") {
        let groups: Vec<_> = captures.iter().skip(1).flatten().collect();
        let lengths = groups
            .windows(2)
            .filter(|pair| is_number(pair[0].as_str()) && pair[0].end() + 1 == pair[1].start());
        for unit in lengths.map(|pair| pair[1].as_str()) {
            if duration(1, unit).is_err() {
                bail!(
                    "{place}: {unit} is no unit of time; give milliseconds, seconds, minutes or hours"
                );
            }
        }
    }
    if step.contains("report") && pattern.contains(r"as (\w+)") {
        let status = step.split(" as ").nth(1).unwrap_or_default();
        let status = status.split([' ', ',']).next().unwrap_or_default();
        let known: Vec<&str> = statuses().collect();
        if !known.contains(&status) {
            bail!(
                "{place}: a connector is never {status}; {}its statuses are {}",
                did_you_mean(status, known.iter().copied()),
                list(&known)
            );
        }
    }
    Ok(())
}

/// The message that is sent, where the step says so: a word with a capital. Methods of HTTP have nothing else.
fn sent(step: &str) -> Option<&str> {
    let mut words = step.split_whitespace();
    words.find(|word| ["send", "sends"].contains(word))?;
    let message = words.next()?;
    let is_name = message.starts_with(|c: char| c.is_ascii_uppercase())
        && message.contains(|c: char| c.is_ascii_lowercase())
        && message.chars().all(char::is_alphanumeric);
    is_name.then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_word_is_told_with_what_was_meant() {
        let says = |pattern: &str, step: &str| {
            let right = ensure_words_are_right("a:4", &Regex::new(pattern).unwrap(), step);
            right.map_or_else(|error| error.to_string(), |()| String::new())
        };
        let (sends, nothing) = (
            r"^the CSMS sends ([A-Z]\w+)$",
            r"^it sends nothing else for (\d+) (\w+)$",
        );
        assert_eq!(says(sends, "the CSMS sends Reset"), "");
        let slip = says(sends, "the CSMS sends Rest");
        assert!(
            slip.starts_with("a:4: OCPP has no message Rest; did you mean Reset?"),
            "{slip}"
        );
        assert_eq!(says(nothing, "it sends nothing else for 5 seconds"), "");
        let slip = says(nothing, "it sends nothing else for 5 lightyears");
        assert!(
            slip.starts_with("a:4: lightyears is no unit of time"),
            "{slip}"
        );
        let reports = r"^it reports connector (\d+) as (\w+)$";
        assert_eq!(says(reports, "it reports connector 1 as Faulted"), "");
        let slip = says(reports, "it reports connector 1 as Availabel");
        assert!(
            slip.contains("never Availabel; did you mean Available?"),
            "{slip}"
        );
        let slip = says(reports, "it reports connector 99999999999 as Faulted");
        assert!(slip.contains("99999999999 is too large"), "{slip}");
    }
}
