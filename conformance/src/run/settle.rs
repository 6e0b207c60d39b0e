//! What the user says about verdicts after the scenarios were played: known deviations are let go, warnings can be made
//! to count.

use cucumber::tag::Ext as _;
use gherkin::tagexpr::TagOperation;
use jiff::civil::Date;
use serde::Serialize;

use crate::case::waivers::Waiver;
use crate::report::{ScenarioReport, Status};

/// What became of a waiver.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WaiverUse {
    #[serde(flatten)]
    pub(crate) waiver: Waiver,
    /// Scenarios that failed but for it.
    pub(crate) used: usize,
    /// Its last day is over.
    pub(crate) expired: bool,
}

impl WaiverUse {
    /// Why it does not fit any more, if so.
    pub(crate) fn complaint(&self) -> Option<String> {
        let subject = self.waiver.subject();
        if self.expired {
            return Some(format!(
                "the waiver of {subject} has expired ({})",
                self.waiver
                    .until
                    .map(|day| day.to_string())
                    .unwrap_or_default()
            ));
        }
        (self.used == 0)
            .then(|| format!("the waiver of {subject} fits nothing that failed; take it out"))
    }
}

/// Lets known deviations go: what fails because of them is warned about.
pub(crate) fn waive(
    scenarios: &mut [ScenarioReport],
    waivers: &[Waiver],
    today: Date,
) -> Vec<WaiverUse> {
    let mut uses: Vec<WaiverUse> = waivers
        .iter()
        .map(|waiver| WaiverUse {
            waiver: waiver.clone(),
            used: 0,
            expired: waiver.until.is_some_and(|until| until < today),
        })
        .collect();
    for scenario in scenarios
        .iter_mut()
        .filter(|scenario| scenario.status == Status::Failed)
    {
        let has_tag = |id: &str| scenario.tags.iter().any(|tag| tag == id);
        let step_failed = scenario
            .steps
            .iter()
            .any(|step| step.status == Status::Failed && !step.text.starts_with('('));
        let by_case = uses
            .iter_mut()
            .find(|one| !one.expired && one.waiver.case.as_deref().is_some_and(has_tag));
        let waived = match by_case {
            Some(one) => {
                one.used += 1;
                Some(one.waiver.reason.clone())
            }
            None if step_failed || scenario.rules.is_empty() => None,
            None => {
                // All of its breaches have to be known.
                let known = |rule: &&'static str| {
                    uses.iter()
                        .position(|one| !one.expired && one.waiver.rule.as_deref() == Some(*rule))
                };
                let found: Option<Vec<usize>> = scenario.rules.iter().map(known).collect();
                found.map(|found| {
                    for index in &found {
                        uses[*index].used += 1;
                    }
                    uses[found[0]].waiver.reason.clone()
                })
            }
        };
        if let Some(reason) = waived {
            scenario.status = Status::Warned;
            let failed = scenario.reason.take().unwrap_or_default();
            scenario.reason = Some(format!("waived ({reason}): {failed}"));
            scenario.warnings.extend(scenario.reason.clone());
        }
    }
    uses
}

/// Makes warnings count as failures, all of them or those of scenarios that fit.
pub(crate) fn be_strict(scenarios: &mut [ScenarioReport], which: Option<&TagOperation>) {
    for scenario in scenarios.iter_mut() {
        let fits = which.is_none_or(|which| which.eval(&scenario.tags));
        let waived = scenario
            .reason
            .as_deref()
            .is_some_and(|reason| reason.starts_with("waived ("));
        if scenario.status == Status::Warned && fits && !waived {
            scenario.status = Status::Failed;
        }
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

    const TODAY: Date = jiff::civil::date(2026, 6, 1);

    #[test]
    fn a_known_deviation_warns_and_one_that_fits_nothing_complains() {
        let mut by_rule = scenario(&["charge-point"], Status::Failed, &[]);
        by_rule.rules = vec!["no-hang-up"];
        let mut scenarios = vec![
            scenario(&["charge-point", "TC_003_CS"], Status::Failed, &[]),
            by_rule,
            scenario(&["charge-point", "TC_010_CS"], Status::Failed, &[]),
        ];
        let waivers = [
            waiver(Some("TC_003_CS"), None, None),
            waiver(None, Some("no-hang-up"), Some(TODAY)),
            waiver(
                Some("TC_010_CS"),
                None,
                Some(jiff::civil::date(2026, 5, 31)),
            ),
            waiver(Some("TC_011_CS"), None, None),
        ];
        let uses = waive(&mut scenarios, &waivers, TODAY);
        let statuses: Vec<Status> = scenarios.iter().map(|scenario| scenario.status).collect();
        assert_eq!(statuses, [Status::Warned, Status::Warned, Status::Failed]);
        let complaints: Vec<bool> = uses.iter().map(|one| one.complaint().is_some()).collect();
        assert_eq!(complaints, [false, false, true, true]);
    }

    #[test]
    fn strictness_makes_warnings_count_where_it_is_asked_for() {
        let mut scenarios = vec![
            scenario(&["recommended"], Status::Warned, &[]),
            scenario(&["robustness"], Status::Warned, &[]),
        ];
        let which = "@robustness".parse().unwrap();
        be_strict(&mut scenarios, Some(&which));
        assert_eq!(scenarios[0].status, Status::Warned);
        assert_eq!(scenarios[1].status, Status::Failed);
        be_strict(&mut scenarios, None);
        assert_eq!(scenarios[0].status, Status::Failed);
    }
}
