//! What a defect comes to: which of the scenarios that are meant for it have caught it, and which only turned red.

use std::collections::HashMap;

use crate::defect::{By, Catch, Seed};
use crate::report::matrix::{Row, Said};
use crate::report::{ScenarioReport, Status};
use crate::run::gather::RECOMMENDED;

/// How each scenario ended where nothing was wrong, by its name.
pub(super) type Before = HashMap<String, Status>;

/// The row of a defect that was played before `scenarios`.
pub(super) fn row(
    seed: &Seed,
    meant: &[Catch],
    scenarios: &[ScenarioReport],
    before: &Before,
    bent: bool,
) -> Row {
    let catch_of = |name: &str| {
        meant
            .iter()
            .find(|catch| catch.scenarios.contains(&name))
            .copied()
    };
    let mut row = Row::of(seed.name, seed.breaks, bent);
    for scenario in scenarios {
        let said = Said {
            scenario: scenario.name.clone(),
            said: what_it_says(scenario),
        };
        match catch_of(&scenario.name) {
            Some(catch) if catches(&catch, scenario, before) => row.caught.push(said),
            Some(_) => row.missed.push(said),
            None if is_red(scenario, before) => row.also_red.push(said.scenario),
            None => {}
        }
    }
    row.killed_by = row
        .caught
        .iter()
        .map(|said| said.scenario.clone())
        .collect();
    row
}

/// Whether a scenario is red, and for the reason that is expected.
fn catches(catch: &Catch, scenario: &ScenarioReport, before: &Before) -> bool {
    // A demand of the standard has to fail; what only warns leaves the run green.
    let may_warn = catch.only_warns || is_recommended(scenario);
    if !is_red(scenario, before) || (scenario.status == Status::Warned && !may_warn) {
        return false;
    }
    match catch.by {
        By::Words(words) => what_it_says(scenario).contains(words),
        By::Rule(id) => {
            let text = format!("(in every scenario) {id}");
            let weight = scenario.status;
            let mut steps = scenario.steps.iter();
            steps.any(|step| step.text == text && step.status == weight)
        }
    }
}

/// What one scenario asks for that the standard does not demand can only warn.
fn is_recommended(scenario: &ScenarioReport) -> bool {
    let mut tags = scenario.tags.iter();
    tags.any(|tag| RECOMMENDED.contains(&tag.as_str()))
}

/// Failed, or warned where it did not warn before.
pub(super) fn is_red(scenario: &ScenarioReport, before: &Before) -> bool {
    match scenario.status {
        Status::Failed => true,
        Status::Warned => before.get(&scenario.name) != Some(&Status::Warned),
        _ => false,
    }
}

/// The verdict with all its reasons.
pub(super) fn what_it_says(scenario: &ScenarioReport) -> String {
    let reason = scenario.reason.iter();
    let of_steps = scenario.steps.iter().filter_map(|step| {
        let heavy = step.status == Status::Failed || step.status == scenario.status;
        step.error.as_ref().filter(|_| heavy)
    });
    let warned = scenario.status == Status::Warned;
    let warnings = scenario.warnings.iter().filter(|_| warned);
    let mut all: Vec<&str> = Vec::new();
    for text in reason.chain(of_steps).chain(warnings) {
        if !all.iter().any(|said| said.contains(text.as_str())) {
            all.push(text);
        }
    }
    let all = all.join("; ");
    match scenario.status {
        Status::Failed => all,
        status if all.is_empty() => status.word().to_owned(),
        status => format!("{}: {all}", status.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::side::Side;
    use crate::defect::of;
    use crate::report::StepReport;

    fn scenario(status: Status, reason: &str) -> ScenarioReport {
        ScenarioReport {
            name: "one".into(),
            reason: Some(reason.into()),
            ..crate::report::tests::scenario(&[], status, &[])
        }
    }

    fn caught(catch: Catch, scenario: ScenarioReport) -> Row {
        let seed = of(Side::Csms)[0];
        let before = Before::from([("one".to_owned(), Status::Passed)]);
        row(&seed, &[catch], &[scenario], &before, true)
    }

    const BY_WORDS: Catch = Catch {
        by: By::Words("no Heartbeat within"),
        scenarios: &["one"],
        only_warns: false,
    };

    #[test]
    fn a_scenario_that_is_red_for_another_reason_has_not_caught_the_defect() {
        let right = caught(
            BY_WORDS,
            scenario(Status::Failed, "it sends: no Heartbeat within 4 seconds; x"),
        );
        assert_eq!(right.killed_by, ["one"]);
        let wrong = caught(BY_WORDS, scenario(Status::Failed, "the line is down"));
        assert!(wrong.killed_by.is_empty());
        assert_eq!(wrong.missed[0].said, "the line is down");
    }

    #[test]
    fn a_rule_catches_only_with_the_weight_of_the_verdict() {
        let by_rule = Catch {
            by: By::Rule("ocpp16-no-late-status"),
            ..BY_WORDS
        };
        let with = |of_rule| {
            let mut failed = scenario(Status::Failed, "another step");
            failed.steps.push(StepReport {
                text: "(in every scenario) ocpp16-no-late-status".into(),
                status: of_rule,
                error: Some("late".into()),
                started_ms: 0,
                ended_ms: 0,
                started_us: 0,
                line: 0,
            });
            caught(by_rule, failed).killed_by.len()
        };
        assert_eq!(with(Status::Failed), 1);
        assert_eq!(
            with(Status::Warned),
            0,
            "a recommendation beside the failure"
        );
    }

    #[test]
    fn a_warning_does_not_catch_what_the_standard_demands() {
        let warning = || scenario(Status::Warned, "no Heartbeat within 4 seconds");
        assert!(caught(BY_WORDS, warning()).killed_by.is_empty());
        let only_warns = Catch {
            only_warns: true,
            ..BY_WORDS
        };
        assert_eq!(caught(only_warns, warning()).killed_by, ["one"]);
        let mut recommended = warning();
        recommended.tags.push("recommended".into());
        assert_eq!(caught(BY_WORDS, recommended).killed_by, ["one"]);
    }
}
