//! The report as JUnit XML, for CI: a suite per feature, a case per scenario. A case that was not run is `skipped`
//! with its reason as the message.

use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use crate::report::{Report, ScenarioReport, Status};

pub(super) fn render(report: &Report) -> Result<String> {
    let mut junit = JunitReport::new("dynamo conformance");
    junit.set_time(Duration::from_millis(report.duration_ms));
    let mut files: Vec<&str> = report
        .scenarios
        .iter()
        .map(|scenario| scenario.file.as_str())
        .collect();
    files.sort_unstable();
    files.dedup();
    for file in files {
        junit.add_test_suite(suite(report, file));
    }
    let text = junit
        .to_string()
        .context("cannot write the report as JUnit XML")?;
    // The library writes the attribute for suites only; consumers read it of the whole as well.
    let skipped = format!(
        " errors=\"0\" skipped=\"{}\"",
        report.summary.not_run + report.summary.not_applicable
    );
    let text = text.replacen(" errors=\"0\"", &skipped, 1);
    // It leaves out control characters, but not these two, which XML does not allow either.
    Ok(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}

fn suite(report: &Report, file: &str) -> TestSuite {
    let mut suite = TestSuite::new(file);
    let (mut skipped, mut ms) = (0, 0);
    for scenario in report
        .scenarios
        .iter()
        .filter(|scenario| scenario.file == file)
    {
        skipped += usize::from(matches!(
            scenario.status,
            Status::NotRun | Status::NotApplicable
        ));
        ms += scenario.duration_ms;
        suite.add_test_case(case(scenario));
    }
    suite.set_time(Duration::from_millis(ms));
    suite
        .extra
        .insert("skipped".into(), skipped.to_string().into());
    suite
}

fn case(scenario: &ScenarioReport) -> TestCase {
    let reason = scenario.reason.clone().unwrap_or_default();
    let status = match scenario.status {
        Status::Passed | Status::Warned => TestCaseStatus::success(),
        Status::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(reason)
                .set_description(evidence(scenario));
            status
        }
        Status::NotRun | Status::NotApplicable => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
    };
    let mut case = TestCase::new(name(scenario), status);
    if scenario.status == Status::Warned {
        case.set_system_out(format!("warned: {}", scenario.warnings.join("; ")));
    }
    case.set_classname(scenario.file.clone())
        .set_time(Duration::from_millis(scenario.duration_ms));
    case
}

/// The scenario's name with the ids of known test cases that it carries.
fn name(scenario: &ScenarioReport) -> String {
    let ids: Vec<&str> = scenario
        .tags
        .iter()
        .map(String::as_str)
        .filter(|tag| tag.starts_with("TC_"))
        .collect();
    if ids.is_empty() {
        scenario.name.clone()
    } else {
        format!("{} {}", ids.join(" "), scenario.name)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, scenario};

    #[test]
    fn the_xml_is_well_formed_and_counts_and_names_are_right() {
        let mut scenarios = vec![
            scenario(&["csms"], Status::Passed, &[]),
            scenario(
                &["csms"],
                Status::Failed,
                &[("from_sut", "\u{0}\u{1b}[1m]]> <&\" \u{ffff} ü")],
            ),
            scenario(&["csms"], Status::NotRun, &[]),
            scenario(&["charge-point"], Status::NotRun, &[]),
        ];
        for (index, scenario) in scenarios.iter_mut().enumerate() {
            scenario.name = format!("S <{index}> \"&\" [a=\u{1}]");
        }
        scenarios[1].reason = Some("it sent <this> & \"that\"\nand \u{8} more".into());
        scenarios[2].reason = Some("needs --driver".into());
        scenarios[3].reason = Some("needs --operator".into());
        scenarios[3].file = "g.feature".into();
        let text = render(&report(scenarios)).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let whole = document.root_element();
        let counts = |node: &roxmltree::Node<'_, '_>| {
            ["tests", "failures", "errors", "skipped"]
                .map(|name| node.attribute(name).unwrap().parse::<usize>().unwrap())
        };
        assert_eq!(counts(&whole), [4, 1, 0, 2]);
        let suites: Vec<_> = whole.children().filter(|node| node.is_element()).collect();
        assert_eq!(counts(&suites[0]), [3, 1, 0, 1]);
        assert_eq!(counts(&suites[1]), [1, 0, 0, 1]);
        let of = |name: &'static str| {
            document
                .descendants()
                .filter(move |node| node.has_tag_name(name))
        };
        let messages: Vec<_> = of("skipped")
            .map(|node| node.attribute("message"))
            .collect();
        assert_eq!(messages, [Some("needs --driver"), Some("needs --operator")]);
        let mut names: Vec<_> = of("testcase").map(|node| node.attribute("name")).collect();
        names.dedup();
        assert_eq!(names.len(), 4, "{names:?}");
        let failure = of("failure").next().unwrap();
        assert!(
            failure
                .attribute("message")
                .unwrap()
                .contains("<this> & \"that\"")
        );
        assert!(failure.text().unwrap().contains("]]> <&\""));
    }
}
