//! How a run ended. A run of everything has to be whole: what it left out is not passed over.

use crate::report::{Report, Status, Summary};
use crate::run::args::Args;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed and something passed.
    Passed,
    /// A scenario failed, a seeded defect survived, or a bundled run of everything left something out: a scenario
    /// that did not run, a documented answer that nobody got, a route that is not shown to be isolated.
    Failed,
    /// Nothing failed, but something that was selected was not run.
    Incomplete,
    /// No scenario passed or failed, and not because none applies: nothing was tested.
    NothingRan,
    /// Somebody ended the run before all scenarios had their turn; the rest is reported as not run.
    Interrupted,
}

/// Whether nothing was left out: then nothing may be missing either.
pub(crate) fn is_of_everything(args: &Args) -> bool {
    args.sut.is_none() && args.ids.is_empty() && args.tags.is_none() && args.features.is_empty()
}

/// What a run of everything did not show, a line for each.
pub(crate) fn gaps(report: &Report) -> Vec<String> {
    let of_api = match &report.coverage.api {
        Some(api) => api.gaps(),
        None => vec!["the REST API was not put to the test".to_owned()],
    };
    let not_run = report.scenarios.iter();
    let not_run = not_run.filter(|scenario| scenario.status == Status::NotRun);
    let not_run = not_run.map(|scenario| format!("not run: {} ({})", scenario.name, scenario.file));
    not_run.chain(of_api).collect()
}

/// `gaps`: what else makes the run fail. `allow_not_run`: scenarios that were not run are no reason to complain.
pub(crate) fn verdict(summary: &Summary, gaps: &[String], allow_not_run: bool) -> Verdict {
    let good = summary.passed + summary.warned;
    // What does not apply is settled: there is nothing to run.
    let settled = summary.not_applicable > 0 && summary.not_run == 0;
    match (summary.failed, good, summary.not_run) {
        (1.., _, _) => Verdict::Failed,
        (0, 0, _) if !settled => Verdict::NothingRan,
        (0, _, _) if !gaps.is_empty() => Verdict::Failed,
        (0, _, 1..) if !allow_not_run => Verdict::Incomplete,
        (0, _, _) => Verdict::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_which_nothing_applies_is_good_and_one_in_which_nothing_ran_is_not() {
        let of = |not_applicable, not_run| Summary {
            not_applicable,
            not_run,
            ..Summary::default()
        };
        assert_eq!(verdict(&of(2, 0), &[], false), Verdict::Passed);
        assert_eq!(verdict(&of(2, 1), &[], true), Verdict::NothingRan);
        assert_eq!(verdict(&of(0, 1), &[], true), Verdict::NothingRan);
        assert_eq!(verdict(&of(0, 0), &[], false), Verdict::NothingRan);
        let gap = ["a waiver fits nothing".to_owned()];
        assert_eq!(verdict(&of(2, 0), &gap, false), Verdict::Failed);
    }

    use crate::report::ScenarioReport;
    use crate::report::rest_coverage::ApiCoverage;

    #[test]
    fn a_run_of_everything_fails_when_something_is_left_out() {
        let mut passed = crate::report::tests::scenario(&["api"], Status::Passed, &[]);
        passed.name = "Passes".into();
        let not_run = ScenarioReport {
            status: Status::NotRun,
            ..passed.clone()
        };
        let verdict_of = |scenarios: Vec<ScenarioReport>, api: Option<ApiCoverage>| {
            let mut report = crate::report::tests::report(scenarios);
            report.coverage.api = api;
            let gaps = gaps(&report);
            (verdict(&report.summary, &gaps, false), gaps)
        };
        let whole = || Some(ApiCoverage::default());
        let all = verdict_of(vec![passed.clone()], whole());
        assert_eq!(all, (Verdict::Passed, Vec::new()));
        let (verdict_then, gaps) = verdict_of(vec![passed.clone(), not_run], whole());
        assert_eq!(verdict_then, Verdict::Failed);
        assert_eq!(gaps, ["not run: Passes (f.feature)"]);
        let mut open = ApiCoverage::default();
        open.isolation.open.push("PUT /things/{id}".into());
        assert_eq!(
            verdict_of(vec![passed.clone()], Some(open)).0,
            Verdict::Failed
        );
        let lacking = ApiCoverage {
            lacking: vec!["GET /things".into()],
            ..ApiCoverage::default()
        };
        assert_eq!(
            verdict_of(vec![passed.clone()], Some(lacking)).0,
            Verdict::Failed
        );
        assert_eq!(verdict_of(vec![passed], None).0, Verdict::Failed);
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let everything = |more: &[&str]| {
            let line = ["conformance"].iter().chain(more);
            is_of_everything(&<Line as clap::Parser>::parse_from(line).args)
        };
        assert!(everything(&[]) && everything(&["--concurrency", "2"]));
        assert!(!everything(&["--tags", "@api"]) && !everything(&["--features", "features/api"]));
    }
}
