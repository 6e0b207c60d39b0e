//! Whether the rig has a function for each step.

use std::io::Write as _;

use anyhow::{Result, bail};
use cucumber::codegen::{Regex, StepConstructor as _, WorldInventory};
use gherkin::{Feature, Step, Table};

use super::{names, slips};
use crate::case::features::{place, read};
use crate::steps::world::World;
use crate::words::{count, quoted};

/// A step as it is written in the code, and how a feature uses it.
struct KnownStep {
    /// The keyword and the words, what varies as the pattern says.
    pattern: String,
    regex: Regex,
    example: String,
    table: Option<Table>,
}

/// All steps of the rig, each with an example from the embedded features.
fn all() -> Result<Vec<KnownStep>> {
    let features = read(&[], false)?;
    let used: Vec<&Step> = features.iter().flat_map(steps_of).collect();
    let step = |keyword: &str, regex: Regex| {
        let fits = |step: &&&Step| regex.is_match(&step.value);
        // A table shows more than the words alone.
        let best = used.iter().find(|step| fits(step) && step.table.is_some());
        let example = best.or_else(|| used.iter().find(fits)).copied();
        KnownStep {
            pattern: format!("{keyword} {}", words_of(regex.as_str())),
            example: example.map_or_else(String::new, |step| format!("{keyword} {}", step.value)),
            table: example.and_then(|step| step.table.clone()),
            regex,
        }
    };
    let mut all = Vec::new();
    for given in cucumber::codegen::inventory::iter::<<World as WorldInventory>::Given> {
        all.push(step("Given", given.inner().1()));
    }
    for when in cucumber::codegen::inventory::iter::<<World as WorldInventory>::When> {
        all.push(step("When", when.inner().1()));
    }
    for then in cucumber::codegen::inventory::iter::<<World as WorldInventory>::Then> {
        all.push(step("Then", then.inner().1()));
    }
    all.sort_by(|one, other| one.pattern.cmp(&other.pattern));
    Ok(all)
}

/// Prints all steps.
pub(crate) fn print() -> Result<()> {
    let mut out = crate::terminal::results();
    let all = all()?;
    for step in &all {
        writeln!(out, "{}", step.pattern)?;
        if step.example != step.pattern {
            writeln!(out, "    {}", step.example)?;
        }
        for row in step.table.iter().flat_map(|table| &table.rows) {
            writeln!(out, "      | {} |", row.join(" | "))?;
        }
    }
    writeln!(out, "{} steps", all.len())?;
    Ok(())
}

/// A pattern for people: without the marks of its beginning and end, and of groups that only hold together.
fn words_of(pattern: &str) -> String {
    let words = pattern.trim_start_matches('^').trim_end_matches('$');
    words.replace("(?:", "(")
}

/// Steps whose words are close to these.
fn similar<'a>(all: &'a [KnownStep], words: &str) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = all
        .iter()
        .map(|step| {
            let example = step.example.split_once(' ').map_or("", |(_, rest)| rest);
            let likeness = strsim::jaro_winkler(example, words)
                .max(strsim::jaro_winkler(&plain(example), &plain(words)));
            (likeness, step.example.as_str())
        })
        .filter(|(likeness, _)| *likeness > LIKENESS_MIN)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter()
        .map(|(_, example)| example)
        .take(SIMILAR_SHOWN)
        .collect()
}

/// The words without what differs from one use of a step to the next: names of the standard, and numbers.
fn plain(words: &str) -> String {
    let is_name = |word: &str| {
        let mut letters = word.chars();
        let begins = letters.next().is_some_and(char::is_uppercase);
        begins && letters.next().is_some_and(char::is_lowercase)
    };
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let words = words.split_whitespace().map(|word| match word {
        word if is_name(word) => "Name",
        word if is_number(word) => "1",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How like two steps must be, from 0 to 1, and how many are offered.
const LIKENESS_MIN: f64 = 0.8;
const SIMILAR_SHOWN: usize = 3;

fn steps_of(feature: &Feature) -> impl Iterator<Item = &Step> {
    let background = feature
        .background
        .iter()
        .flat_map(|background| &background.steps);
    background.chain(
        feature
            .scenarios
            .iter()
            .flat_map(|scenario| &scenario.steps),
    )
}

/// Looks at features of the user's before anything runs.
///
/// # Errors
/// One line with file and line: a step that nobody knows, a table that its step does not take, a name in braces that stands
/// for nothing, a scenario without steps.
pub(crate) fn ensure_steps_are_known(features: &[Feature]) -> Result<()> {
    let known = <World as cucumber::World>::collection();
    if features.is_empty() {
        return Ok(());
    }
    let all = all()?;
    for feature in features {
        let background = feature
            .background
            .iter()
            .flat_map(|background| &background.steps);
        let steps = feature
            .scenarios
            .iter()
            .flat_map(|scenario| &scenario.steps);
        for step in background.chain(steps) {
            let wrong = match known.find(step) {
                Ok(Some(_)) => {
                    let pattern = all.iter().find(|known| known.regex.is_match(&step.value));
                    if let Some(known) = pattern {
                        ensure_table_fits(feature, step, known)?;
                        let here = place(feature, step.position.line);
                        slips::ensure_words_are_right(&here, &known.regex, &step.value)?;
                    }
                    continue;
                }
                Ok(None) => "no step of the rig has these words",
                Err(_) => "several steps of the rig have these words",
            };
            bail!(
                "{}:{}: {wrong}: {}; {}",
                place(feature, step.position.line),
                step.position.col,
                quoted(&format!("{}{}", step.keyword, step.value)),
                advice(&step.value)
            );
        }
        if let Some(empty) = feature
            .scenarios
            .iter()
            .find(|scenario| scenario.steps.is_empty())
        {
            bail!(
                "{}: the scenario {} has no steps; write some or take it out",
                place(feature, empty.position.line),
                quoted(&empty.name)
            );
        }
    }
    names::ensure_they_stand_for_something(features)
}

/// A step takes a table as wide as that of its example, or none.
fn ensure_table_fits(feature: &Feature, step: &Step, known: &KnownStep) -> Result<()> {
    let Some(table) = &step.table else {
        return Ok(());
    };
    let here = place(feature, step.position.line);
    let Some(example) = &known.table else {
        bail!(
            "{here}: the step {} takes no table; take it out",
            quoted(&step.value)
        );
    };
    let (wanted, is) = (example.row_width(), table.row_width());
    if wanted != is {
        let row = example
            .rows
            .first()
            .map_or_else(String::new, |row| row.join(" | "));
        bail!(
            "{here}: the rows of this table have {}; the step {} takes {wanted}, such as | {row} |",
            count(is, "cell"),
            quoted(&step.value)
        );
    }
    Ok(())
}

/// What to write in the place of words that nobody knows.
fn advice(words: &str) -> String {
    let all = all().unwrap_or_default();
    match similar(&all, words).as_slice() {
        [] => "--steps lists all that can be used".to_owned(),
        near => {
            let near: Vec<String> = near.iter().map(|step| quoted(step)).collect();
            format!(
                "did you mean {}? --steps lists all that can be used",
                near.join(" or ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_every_feature_has_exactly_one_function() {
        let steps = <World as cucumber::World>::collection();
        for feature in read(&[], false).expect("the embedded features are readable") {
            let background = feature
                .background
                .iter()
                .flat_map(|background| &background.steps);
            for step in background.chain(
                feature
                    .scenarios
                    .iter()
                    .flat_map(|scenario| &scenario.steps),
            ) {
                let found = steps.find(step);
                assert!(
                    matches!(found, Ok(Some(_))),
                    "{:?}: {} {}",
                    feature.path,
                    step.keyword,
                    step.value
                );
            }
        }
    }

    #[test]
    fn a_slip_finds_its_step_whatever_message_it_is_about() {
        let all = all().unwrap();
        for (slip, step) in [
            ("the CSMS send UnlockConnector", "the CSMS sends "),
            ("it anwers Unlocked", "it answers "),
            (
                "the driver plugs at connector 2",
                "the driver plugs in at connector",
            ),
        ] {
            let near = similar(&all, slip);
            assert!(
                near.iter().any(|near| near.contains(step)),
                "{slip}: {near:?}"
            );
        }
    }

    #[test]
    fn a_feature_uses_each_step() {
        let unused: Vec<String> = all()
            .unwrap()
            .into_iter()
            .filter(|step| step.example.is_empty())
            .map(|step| step.pattern)
            .collect();
        assert_eq!(unused, Vec::<String>::new());
    }

    #[test]
    fn a_step_without_words_that_the_rig_knows_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.feature");
        let head = "Feature: x\n  Scenario: a\n    Given a charge point that is booted and idle\n";
        for (rest, wanted) in [
            (
                "    Then it dances\n",
                "a.feature:4:5: no step of the rig has these words: \"Then it dances\"",
            ),
            (
                "  Scenario: b\n",
                "a.feature:4: the scenario \"b\" has no steps",
            ),
            (
                "    When the CSMS sends Reset\n      | type | Soft | now |\n",
                "a.feature:4: the rows of this table have 3 cells; the step \"the CSMS sends Reset\" takes 2, such as | ",
            ),
            (
                "    When the CSMS sends Rset\n",
                "a.feature:4: OCPP has no message Rset; did you mean Reset?",
            ),
            (
                "    When the charge point is power cycled\n      | type | Soft |\n",
                "a.feature:4: the step \"the charge point is power cycled\" takes no table",
            ),
        ] {
            std::fs::write(&file, format!("{head}{rest}")).unwrap();
            let features = read(&[folder.path().to_owned()], true).unwrap();
            let error = ensure_steps_are_known(&features).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn the_embedded_features_have_no_slips() {
        let embedded = read(&[], false).unwrap();
        ensure_steps_are_known(&embedded).unwrap();
    }
}
