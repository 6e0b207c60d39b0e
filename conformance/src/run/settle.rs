//! What the user says about verdicts as scenarios end: warnings can be made to count, known deviations are let go.

use cucumber::tag::Ext as _;
use gherkin::tagexpr::TagOperation;
use jiff::civil::Date;
use serde::Serialize;

use crate::case::side::{Side, side_of};
use crate::case::waivers::Waiver;
use crate::report::{BreachReport, ScenarioReport, Status};
use crate::rules::Weight;

/// What became of a waiver.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WaiverUse {
    #[serde(flatten)]
    pub(crate) waiver: Waiver,
    /// Scenarios that failed or were warned about, with what it names.
    pub(crate) used: usize,
    /// Its last day is over.
    pub(crate) expired: bool,
    /// A scenario in which it could have been met came to its end.
    #[serde(skip)]
    tried: bool,
}

impl WaiverUse {
    fn of(waiver: &Waiver, today: Date) -> Self {
        Self {
            waiver: waiver.clone(),
            used: 0,
            expired: waiver.until.is_some_and(|until| until < today),
            tried: false,
        }
    }

    /// Why it does not fit any more, if so. What was not tried says nothing about it, and a run that was `cut` short has
    /// not tried everything that a rule is about.
    fn complaint(&self, cut: bool) -> Option<String> {
        let subject = self.waiver.subject();
        if !self.tried || (cut && self.waiver.rule.is_some()) {
            return None;
        }
        if let (true, Some(until)) = (self.expired, self.waiver.until) {
            return Some(format!("the waiver of {subject} has expired ({until})"));
        }
        (self.used == 0).then(|| {
            format!(
                "the waiver of {subject} fits nothing that failed or was warned about; take it out"
            )
        })
    }

    fn names_case_of(&self, scenario: &ScenarioReport) -> bool {
        let case = self.waiver.case.as_deref();
        case.is_some_and(|id| scenario.tags.iter().any(|tag| tag == id))
    }

    fn names_rule(&self, id: &str) -> bool {
        self.waiver.rule.as_deref() == Some(id)
    }

    /// Whether what it names could be met in this scenario.
    fn is_about(&self, scenario: &ScenarioReport) -> bool {
        let of_api = side_of(&scenario.tags) == Some(Side::Api);
        let rule = self.waiver.rule.as_deref();
        self.names_case_of(scenario)
            || rule.is_some_and(|rule| rule.starts_with(RULES_OF_THE_API) == of_api)
    }
}

/// How the ids of rules begin that only scenarios of the REST API can break.
const RULES_OF_THE_API: &str = "rest-";

/// Settles verdicts as scenarios end.
pub(crate) struct Settling {
    /// Which scenarios may not be warned about: none, all, or those that fit.
    strict: Option<Option<TagOperation>>,
    pub(crate) uses: Vec<WaiverUse>,
}

impl Settling {
    pub(crate) fn new(
        strict: Option<Option<TagOperation>>,
        waivers: &[Waiver],
        today: Date,
    ) -> Self {
        let uses = waivers.iter().map(|waiver| WaiverUse::of(waiver, today));
        Self {
            strict,
            uses: uses.collect(),
        }
    }

    /// Waivers that do not fit any more, a line for each. `cut`: not all scenarios had their turn.
    pub(crate) fn complaints(&self, cut: bool) -> Vec<String> {
        let complaints = self.uses.iter().filter_map(|one| one.complaint(cut));
        complaints.collect()
    }

    /// First a warning becomes a failure where that is asked for, then a failure that is known becomes a warning.
    pub(crate) fn settle(&mut self, scenario: &mut ScenarioReport) {
        if !matches!(
            scenario.status,
            Status::Passed | Status::Warned | Status::Failed
        ) {
            return;
        }
        let is_strict = self.strict.as_ref().is_some_and(|which| {
            which
                .as_ref()
                .is_none_or(|which| which.eval(&scenario.tags))
        });
        if is_strict && scenario.status == Status::Warned {
            scenario.status = Status::Failed;
        }
        for one in &mut self.uses {
            let met = scenario.status != Status::Passed
                && (one.names_case_of(scenario)
                    || scenario.rules.iter().any(|rule| one.names_rule(rule)));
            one.tried |= one.is_about(scenario);
            one.used += usize::from(met && !one.expired);
        }
        if scenario.status == Status::Failed
            && let Some(reason) = self.waived(scenario, is_strict)
        {
            scenario.status = Status::Warned;
            let failed = scenario.reason.take().unwrap_or_default();
            scenario.reason = Some(format!("waived ({reason}): {failed}"));
        }
    }

    /// Why the failure of a scenario is let go, if it is known: its case, or each rule that made it fail.
    fn waived(&self, scenario: &ScenarioReport, is_strict: bool) -> Option<String> {
        let valid = || self.uses.iter().filter(|one| !one.expired);
        if let Some(one) = valid().find(|one| one.names_case_of(scenario)) {
            return Some(one.waiver.reason.clone());
        }
        // A step that failed by itself, or that warned where warnings count, is no rule.
        let step_failed = scenario
            .steps
            .iter()
            .any(|step| step.status == Status::Failed && !step.text.starts_with('('));
        let of_a_rule = |text: &String| scenario.breaches.iter().any(|breach| breach.text == *text);
        let step_warned = is_strict && !scenario.warnings.iter().all(of_a_rule);
        if step_failed || step_warned {
            return None;
        }
        let counts = |breach: &&BreachReport| is_strict || breach.weight == Weight::Must;
        let mut reason = None;
        for breach in scenario.breaches.iter().filter(counts) {
            let known = valid().find(|one| one.names_rule(breach.rule))?;
            reason.get_or_insert_with(|| known.waiver.reason.clone());
        }
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;

    fn waiver(case: Option<&str>, rule: Option<&str>, until: Option<Date>) -> Waiver {
        Waiver {
            rule: rule.map(str::to_owned),
            case: case.map(str::to_owned),
            reason: "known".into(),
            until,
        }
    }

    fn of_case(id: &str) -> Waiver {
        waiver(Some(id), None, None)
    }

    fn of_rule(id: &str) -> Waiver {
        waiver(None, Some(id), None)
    }

    /// A scenario that broke rules, each with its weight.
    fn broken(status: Status, breaches: &[(&'static str, Weight)]) -> ScenarioReport {
        let mut scenario = scenario(&["charge-point"], status, &[]);
        for (rule, weight) in breaches {
            let text = format!("{rule} is broken");
            if *weight == Weight::Should {
                scenario.warnings.push(text.clone());
            }
            scenario.rules.push(rule);
            scenario.breaches.push(BreachReport {
                rule,
                weight: *weight,
                text,
            });
        }
        scenario
    }

    const TODAY: Date = jiff::civil::date(2026, 6, 1);
    const ALL: Option<Option<TagOperation>> = Some(None);

    /// The statuses after the settling, and the complaints.
    fn settled(
        strict: Option<Option<TagOperation>>,
        waivers: &[Waiver],
        scenarios: Vec<ScenarioReport>,
    ) -> (Vec<Status>, Vec<String>) {
        let mut settling = Settling::new(strict, waivers, TODAY);
        let settle = |mut scenario| {
            settling.settle(&mut scenario);
            scenario.status
        };
        let statuses = scenarios.into_iter().map(settle).collect();
        (statuses, settling.complaints(false))
    }

    #[test]
    fn a_known_deviation_warns_and_one_that_fits_nothing_complains() {
        let scenarios = vec![
            scenario(&["charge-point", "TC_003_CS"], Status::Failed, &[]),
            broken(Status::Failed, &[("no-hang-up", Weight::Must)]),
            scenario(&["charge-point", "TC_010_CS"], Status::Failed, &[]),
            scenario(&["charge-point", "TC_011_CS"], Status::Passed, &[]),
        ];
        let waivers = [
            of_case("TC_003_CS"),
            waiver(None, Some("no-hang-up"), Some(TODAY)),
            waiver(
                Some("TC_010_CS"),
                None,
                Some(jiff::civil::date(2026, 5, 31)),
            ),
            of_case("TC_011_CS"),
        ];
        let (statuses, complaints) = settled(None, &waivers, scenarios);
        assert_eq!(
            statuses,
            [
                Status::Warned,
                Status::Warned,
                Status::Failed,
                Status::Passed
            ]
        );
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("TC_010_CS has expired"));
        assert!(complaints[1].contains("TC_011_CS fits nothing"));
    }

    #[test]
    fn a_waiver_of_what_was_not_selected_or_did_not_come_to_its_end_is_not_unused() {
        let scenarios = vec![
            scenario(&["charge-point", "TC_001_CS"], Status::Passed, &[]),
            scenario(&["charge-point", "TC_002_CS"], Status::NotApplicable, &[]),
            scenario(&["charge-point", "TC_003_CS"], Status::NotRun, &[]),
        ];
        let waivers = ["TC_002_CS", "TC_003_CS", "TC_004_CS"].map(of_case);
        assert_eq!(settled(None, &waivers, scenarios).1, Vec::<String>::new());
        // A rule can be broken in every scenario of its side.
        let mut settling = Settling::new(
            None,
            &[of_rule("no-hang-up"), of_rule("rest-document")],
            TODAY,
        );
        settling.settle(&mut scenario(&["charge-point"], Status::Passed, &[]));
        let complaints = settling.complaints(false);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains("no-hang-up"));
        assert_eq!(settling.complaints(true), Vec::<String>::new());
    }

    #[test]
    fn a_waiver_of_what_only_warns_is_used() {
        let late = || broken(Status::Warned, &[("ocpp16-no-late-status", Weight::Should)]);
        let recommended = || {
            let mut scenario = broken(Status::Warned, &[("no-hang-up", Weight::Must)]);
            scenario.tags = vec!["charge-point".into(), "robustness".into()];
            scenario
        };
        let waivers = [of_rule("ocpp16-no-late-status"), of_rule("no-hang-up")];
        let warned = vec![Status::Warned, Status::Warned];
        for strict in [None, ALL] {
            assert_eq!(
                settled(strict, &waivers, vec![late(), recommended()]),
                (warned.clone(), Vec::new())
            );
        }
        assert_eq!(settled(ALL, &[], vec![late()]).0, [Status::Failed]);
    }

    #[test]
    fn only_what_makes_a_scenario_fail_has_to_be_known() {
        let both = || {
            let breaches = [
                ("no-hang-up", Weight::Must),
                ("ocpp16-no-late-status", Weight::Should),
            ];
            broken(Status::Failed, &breaches)
        };
        let waivers = [of_rule("no-hang-up")];
        assert_eq!(settled(None, &waivers, vec![both()]).0, [Status::Warned]);
        assert_eq!(settled(ALL, &waivers, vec![both()]).0, [Status::Failed]);
        let other = [
            ("no-hang-up", Weight::Must),
            ("ocppj-answered", Weight::Must),
        ];
        let (statuses, complaints) = settled(None, &waivers, vec![broken(Status::Failed, &other)]);
        assert_eq!(statuses, [Status::Failed]);
        assert_eq!(complaints, Vec::<String>::new(), "it was met");
        // A step that warns is no rule, and with --strict it counts.
        let mut warned = both();
        warned.warnings.push("a step has warned".into());
        let waivers = [of_rule("no-hang-up"), of_rule("ocpp16-no-late-status")];
        assert_eq!(settled(ALL, &waivers, vec![warned]).0, [Status::Failed]);
    }

    #[test]
    fn strictness_makes_warnings_count_where_it_is_asked_for() {
        let scenarios = || {
            vec![
                scenario(&["recommended"], Status::Warned, &[]),
                scenario(&["robustness"], Status::Warned, &[]),
            ]
        };
        let which = "@robustness".parse().unwrap();
        let (statuses, _) = settled(Some(Some(which)), &[], scenarios());
        assert_eq!(statuses, [Status::Warned, Status::Failed]);
        let (statuses, _) = settled(ALL, &[], scenarios());
        assert_eq!(statuses, [Status::Failed, Status::Failed]);
    }
}
