//! Whether the rig has a function for each step.

use anyhow::{Result, bail};
use gherkin::Feature;

use crate::case::features::place;
use crate::words::quoted;

pub(crate) fn ensure_steps_are_known(features: &[Feature]) -> Result<()> {
    let known = <crate::steps::world::World as cucumber::World>::collection();
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
                Ok(Some(_)) => continue,
                Ok(None) => "no step of the rig has these words",
                Err(_) => "several steps of the rig have these words",
            };
            bail!(
                "{}:{}: {wrong}: {}; the steps of the embedded features are those that can be used",
                place(feature, step.position.line),
                step.position.col,
                quoted(&format!("{}{}", step.keyword, step.value))
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::features::read;

    #[test]
    fn every_step_of_every_feature_has_exactly_one_function() {
        let steps = <crate::steps::world::World as cucumber::World>::collection();
        for feature in read(None).expect("the embedded features are readable") {
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
        ] {
            std::fs::write(&file, format!("{head}{rest}")).unwrap();
            let features = read(Some(folder.path())).unwrap();
            let error = ensure_steps_are_known(&features).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
