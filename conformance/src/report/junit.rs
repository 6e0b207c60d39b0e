//! The report as JUnit XML, for CI.

use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::{Report, ScenarioReport, Status};

pub(super) fn render(report: &Report) -> Result<String> {
    let mut junit = JunitReport::new("dynamo conformance");
    junit.set_time(Duration::from_millis(report.duration_ms));
    let mut features: Vec<&str> = report
        .scenarios
        .iter()
        .map(|scenario| scenario.file.as_str())
        .collect();
    features.sort_unstable();
    features.dedup();
    for feature in features {
        let mut suite = TestSuite::new(feature);
        for scenario in report
            .scenarios
            .iter()
            .filter(|scenario| scenario.file == feature)
        {
            suite.add_test_case(case(scenario));
        }
        junit.add_test_suite(suite);
    }
    junit
        .to_string()
        .context("cannot write the report as JUnit XML")
}

fn case(scenario: &ScenarioReport) -> TestCase {
    let reason = scenario.reason.clone().unwrap_or_default();
    let status = match scenario.status {
        Status::Passed => TestCaseStatus::success(),
        Status::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(reason)
                .set_description(evidence(scenario));
            status
        }
        Status::NotRun => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
    };
    let mut case = TestCase::new(scenario.name.clone(), status);
    case.set_classname(scenario.file.clone())
        .set_time(Duration::from_millis(scenario.duration_ms));
    case
}

/// The steps and the frames, so that a failure in CI can be understood without the other reports.
fn evidence(scenario: &ScenarioReport) -> String {
    let steps = scenario.steps.iter().map(|step| {
        let error = step
            .error
            .as_deref()
            .map(|error| format!(": {error}"))
            .unwrap_or_default();
        format!("{:>8}  {}{error}", step.status.word(), step.text)
    });
    let frames = scenario.frames.iter().map(|frame| {
        let at = frame.at.saturating_sub(scenario.started_ms);
        format!(
            "{at:>7} ms {} {}",
            if frame.direction == "to_sut" {
                "→"
            } else {
                "←"
            },
            frame.raw
        )
    });
    steps.chain(frames).collect::<Vec<_>>().join("\n")
}
