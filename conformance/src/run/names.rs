//! The names in braces that steps about the REST API use: whether each stands for something.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use gherkin::{Feature, Step};

use crate::case::features::{all_tags, place, read};
use crate::case::side::{Side, side_of};
use crate::role::rest::words::names_in;
use crate::words::{did_you_mean, list, quoted};

/// Names that steps give, whether the embedded features use them or not.
const GIVEN_BY_THE_RIG: [&str; 6] = [
    "invitation",
    "listener",
    "project",
    "secret",
    "site owner",
    "transaction",
];

/// Looks at features of the user's before anything runs. That a name is given before it is used shows in the run.
///
/// # Errors
/// One line with file and line: a name that no feature gives and the rig does not give either.
pub(super) fn ensure_they_stand_for_something(features: &[Feature]) -> Result<()> {
    let embedded = read(&[], false)?;
    let mut known = BTreeSet::from(GIVEN_BY_THE_RIG);
    for (_, step) in steps(&embedded) {
        known.extend(texts(step).flat_map(names_in));
    }
    for (_, step) in steps(features) {
        if gives_names(step) {
            known.extend(names_in(&step.value));
        }
    }
    known.retain(|name| !is_time(name));
    for (feature, step) in steps(features) {
        let mut names = texts(step).flat_map(names_in);
        let unknown = names.find(|name| !is_time(name) && !known.contains(name));
        if let Some(name) = unknown {
            let known: Vec<&str> = known.iter().copied().collect();
            bail!(
                "{}: nothing is called {}; {}there are {} and now",
                place(feature, step.position.line),
                quoted(name),
                did_you_mean(name, known.iter().copied()),
                list(&known)
            );
        }
    }
    Ok(())
}

/// The steps of scenarios about the REST API; elsewhere a brace is a brace.
fn steps(features: &[Feature]) -> impl Iterator<Item = (&Feature, &Step)> {
    features.iter().flat_map(|feature| {
        let scenarios = feature.scenarios.iter();
        let of_api =
            scenarios.filter(move |one| side_of(&all_tags(feature, one)) == Some(Side::Api));
        of_api.flat_map(move |scenario| {
            let background = feature.background.iter().flat_map(|one| &one.steps);
            background
                .chain(&scenario.steps)
                .map(move |step| (feature, step))
        })
    })
}

/// `its id is remembered as {thing}`, `the time in 2 hours is called {then}`.
fn gives_names(step: &Step) -> bool {
    [" is remembered as {", " is called {"]
        .iter()
        .any(|words| step.value.contains(words))
}

fn is_time(name: &str) -> bool {
    name == "now" || name.starts_with("now ")
}

fn texts(step: &Step) -> impl Iterator<Item = &str> {
    let cells = step
        .table
        .iter()
        .flat_map(|table| table.rows.iter().flatten());
    let others = step.docstring.iter().chain(cells);
    std::iter::once(&step.value)
        .chain(others)
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_for_nothing_is_told_with_its_place() {
        let says = |tag: &str, step: &str| {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("{tag}\nFeature: x\n  Scenario: a\n{step}");
            std::fs::write(folder.path().join("a.feature"), text).unwrap();
            let features = read(&[folder.path().to_owned()], true).unwrap();
            let known = ensure_they_stand_for_something(&features);
            known.map_or_else(|error| error.to_string(), |()| String::new())
        };
        let slip = "    When it calls GET /x/{charge piont}\n";
        let error = says("@api", slip);
        let wanted = "a.feature:4: nothing is called \"charge piont\"; did you mean charge point? there are ";
        assert!(error.contains(wanted), "{error}");
        assert_eq!(says("@charge-point", slip), "");
        assert_eq!(says("@api", "    When it calls GET /x/{secret}\n"), "");
        assert_eq!(
            says("@api", "    When it calls GET /x/{now - 5 minutes}\n"),
            ""
        );
        let own =
            "    Then its id is remembered as {own thing}\n    When it calls GET /x/{own thing}\n";
        assert_eq!(says("@api", own), "");
    }
}
