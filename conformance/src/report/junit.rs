//! The report as JUnit XML, for CI: a suite per feature, a case per scenario. What was warned about has passed and says so in
//! its output; what was not run or does not apply is `skipped`, with its reason as the message.
//!
//! Elements and attributes are those that the xUnit plugin of Jenkins takes (its schema `junit-10.xsd`), which knows fewer
//! than others do.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use crate::report::causes::cause_of;
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
    // The schema of Jenkins does not know this attribute. In texts and values, quotation marks are
    // escaped.
    let text = text.replace(" disabled=\"0\"", "");
    // It leaves out control characters, but not these two, which XML does not allow either.
    Ok(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}

fn suite(report: &Report, file: &str) -> TestSuite {
    let mut suite = TestSuite::new(file);
    let (mut skipped, mut ms, mut names) = (0, 0, BTreeMap::new());
    let of_file = || report.scenarios.iter().filter(|one| one.file == file);
    for scenario in of_file() {
        skipped += usize::from(matches!(
            scenario.status,
            Status::NotRun | Status::NotApplicable
        ));
        ms += scenario.duration_ms;
        // Rows of an outline can have the same name: each has its number.
        let name = scenario.name_with_ids();
        let times = names.entry(name.clone()).or_insert(0_usize);
        *times += 1;
        suite.add_test_case(case(scenario, numbered(&name, *times)));
    }
    // The library calls skipped cases disabled, which is another word with an attribute of its own.
    suite.disabled = 0;
    suite.set_time(Duration::from_millis(ms));
    let started = of_file().map(|one| one.started_at.as_str()).min();
    let attributes = [
        ("skipped", skipped.to_string()),
        ("timestamp", started.unwrap_or_default().to_owned()),
        ("file", file.to_owned()),
    ];
    for (name, value) in attributes {
        suite.extra.insert(name.into(), value.into());
    }
    let environment = &report.environment;
    for (name, value) in [
        ("tested", environment.sut.as_str()),
        ("ocpp", environment.ocpp),
        ("dynamo", environment.tool_version),
    ] {
        suite.add_property((name, value));
    }
    suite
}

fn case(scenario: &ScenarioReport, name: String) -> TestCase {
    let reason = scenario.reason.clone().unwrap_or_default();
    let status = match scenario.status {
        Status::Passed | Status::Warned => TestCaseStatus::success(),
        Status::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(reason)
                .set_type(cause_of(scenario))
                .set_description(evidence(scenario));
            status
        }
        Status::NotRun | Status::NotApplicable => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason).set_type(scenario.status.word());
            status
        }
    };
    let mut case = TestCase::new(name, status);
    if scenario.status == Status::Warned {
        case.set_system_out(format!("warned: {}", warnings(scenario)));
    }
    case.set_classname(class_name(&scenario.file))
        .set_time(Duration::from_millis(scenario.duration_ms));
    case
}

/// What was not kept, each once: the reason is one of the warnings, or has one in it.
fn warnings(scenario: &ScenarioReport) -> String {
    let mut all: Vec<&str> = Vec::new();
    for text in scenario.reason.iter().chain(&scenario.warnings) {
        if !all.iter().any(|said| said.contains(text.as_str())) {
            all.push(text);
        }
    }
    all.join("; ")
}

/// The file as a class in packages, which is how CI systems group: `ocpp16.core.csms.boot`.
fn class_name(file: &str) -> String {
    let file = file.strip_suffix(".feature").unwrap_or(file);
    let parts = file.split(['/', '\\']).filter(|part| !part.is_empty());
    parts
        .map(|part| part.replace('.', "_"))
        .collect::<Vec<_>>()
        .join(".")
}

fn numbered(name: &str, times: usize) -> String {
    match times {
        1 => name.to_owned(),
        times => format!("{name} ({times})"),
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
    fn each_warning_is_told_once_that_of_a_recommendation_too() {
        let warned = |reason: &str, warnings: &[&str]| {
            let mut one = scenario(&["csms"], Status::Warned, &[]);
            one.reason = Some(reason.into());
            one.warnings = warnings.iter().map(|text| (*text).to_owned()).collect();
            super::warnings(&one)
        };
        assert_eq!(warned("late", &["late", "late", "early"]), "late; early");
        assert_eq!(
            warned("waived (known): late", &["late"]),
            "waived (known): late"
        );
        assert_eq!(warned("Then x: it hung up", &[]), "Then x: it hung up");
    }

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
        let counts = |node: &roxmltree::Node<'_, '_>, names: &[&'static str]| -> Vec<usize> {
            let count = |name: &&'static str| node.attribute(*name).unwrap().parse().unwrap();
            names.iter().map(count).collect()
        };
        let of_suite = ["tests", "failures", "errors", "skipped"];
        assert_eq!(counts(&whole, &of_suite[..3]), [4, 1, 0]);
        let suites: Vec<_> = whole.children().filter(|node| node.is_element()).collect();
        assert_eq!(counts(&suites[0], &of_suite), [3, 1, 0, 1]);
        assert_eq!(counts(&suites[1], &of_suite), [1, 0, 0, 1]);
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

    /// What `junit-10.xsd` of the xUnit plugin knows, as far as a report needs it: the attributes of an element, those that it
    /// must have first, and the elements in it.
    type Known = (
        &'static str,
        usize,
        &'static [&'static str],
        &'static [&'static str],
    );
    const KNOWN: [Known; 8] = [
        (
            "testsuites",
            0,
            &["name", "time", "tests", "failures", "errors"],
            &["testsuite"],
        ),
        (
            "testsuite",
            4,
            &[
                "name",
                "tests",
                "failures",
                "errors",
                "group",
                "time",
                "skipped",
                "timestamp",
                "hostname",
                "id",
                "package",
                "file",
                "log",
                "url",
                "version",
            ],
            &["properties", "testcase", "system-out", "system-err"],
        ),
        ("properties", 0, &[], &["property"]),
        ("property", 2, &["name", "value"], &[]),
        (
            "testcase",
            1,
            &["name", "time", "classname", "group"],
            &["skipped", "error", "failure", "system-out", "system-err"],
        ),
        ("skipped", 0, &["type", "message"], &[]),
        ("failure", 0, &["type", "message"], &[]),
        ("system-out", 0, &[], &[]),
    ];

    fn of_every_kind() -> Report {
        let mut scenarios: Vec<ScenarioReport> = [
            Status::Passed,
            Status::Warned,
            Status::Failed,
            Status::NotRun,
            Status::NotApplicable,
        ]
        .into_iter()
        .map(|status| scenario(&["csms", "TC_001_CSMS"], status, &[]))
        .collect();
        for (index, one) in scenarios.iter_mut().enumerate() {
            one.file = "ocpp16/core/csms/boot.feature".into();
            one.reason = Some("a disabled=\"0\" reason".into());
            one.started_at = format!("2026-01-02T03:04:0{}.000Z", 9 - index);
            one.duration_ms = 1_234_567;
        }
        report(scenarios)
    }

    #[test]
    fn jenkins_knows_each_element_and_attribute_in_its_place() {
        let text = render(&of_every_kind()).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        assert!(document.root_element().has_tag_name("testsuites"));
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            let (_, needed, attributes, elements) = KNOWN
                .into_iter()
                .find(|known| known.0 == name)
                .unwrap_or_else(|| panic!("{name} is not known"));
            for attribute in node.attributes() {
                let attribute = attribute.name();
                assert!(attributes.contains(&attribute), "{name} {attribute}");
            }
            for attribute in &attributes[..needed] {
                assert!(node.has_attribute(*attribute), "{name} {attribute}");
            }
            for child in node.children().filter(roxmltree::Node::is_element) {
                let child = child.tag_name().name();
                assert!(elements.contains(&child), "{child} in {name}");
            }
            if let Some(time) = node.attribute("time").filter(|_| name != "testcase") {
                let (whole, decimals) = time.split_once('.').unwrap();
                let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                assert!(digits(whole) && digits(decimals) && decimals.len() <= 3);
            }
        }
    }

    #[test]
    fn names_are_stable_and_differ_and_what_warned_has_passed() {
        let report = of_every_kind();
        let text = render(&report).unwrap();
        assert_eq!(text, render(&report).unwrap());
        let document = roxmltree::Document::parse(&text).unwrap();
        let of = |name: &'static str| {
            let all = document.descendants();
            all.filter(move |node| node.has_tag_name(name))
        };
        let suite = of("testsuite").next().unwrap();
        assert_eq!(
            suite.attribute("timestamp"),
            Some("2026-01-02T03:04:05.000Z")
        );
        assert_eq!(suite.attribute("skipped"), Some("2"));
        let names: Vec<_> = of("testcase").map(|node| node.attribute("name")).collect();
        assert_eq!(
            names[..3],
            [
                Some("TC_001_CSMS S"),
                Some("TC_001_CSMS S (2)"),
                Some("TC_001_CSMS S (3)")
            ]
        );
        let cases: Vec<_> = of("testcase").collect();
        assert_eq!(
            cases[0].attribute("classname"),
            Some("ocpp16.core.csms.boot")
        );
        let inside = |index: usize| -> Vec<&str> {
            let children = cases[index].children();
            children
                .filter(roxmltree::Node::is_element)
                .map(|node| node.tag_name().name())
                .collect()
        };
        assert_eq!(inside(0), Vec::<&str>::new());
        assert_eq!(inside(1), ["system-out"]);
        assert_eq!(inside(2), ["failure"]);
        assert_eq!((inside(3), inside(4)), (vec!["skipped"], vec!["skipped"]));
        let kinds: Vec<_> = of("skipped").map(|node| node.attribute("type")).collect();
        assert_eq!(kinds, [Some("not run"), Some("not applicable")]);
    }
}
