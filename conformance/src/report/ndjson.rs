//! The report as Cucumber messages, one JSON object per line: for tools that read what Cucumber writes.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::matrix::Matrix;
use super::{Report, ScenarioReport, Status};

pub(super) fn render(report: &Report) -> Result<String> {
    let mut out = String::new();
    let mut push = |message: Value| -> Result<()> {
        out.push_str(
            &serde_json::to_string(&message).context("cannot write the report as NDJSON")?,
        );
        out.push('\n');
        Ok(())
    };
    let begun = report
        .scenarios
        .iter()
        .map(|scenario| scenario.started_ms)
        .filter(|at| *at > 0)
        .min();
    let begun = begun.unwrap_or_default();
    push(json!({"meta": {
        "protocolVersion": "27.0.0",
        "implementation": {"name": report.tool, "version": report.environment.tool_version},
        "runtime": {"name": report.tool},
        "os": {"name": std::env::consts::OS},
        "cpu": {"name": std::env::consts::ARCH}}}))?;
    let mut files: Vec<&str> = report
        .scenarios
        .iter()
        .map(|scenario| scenario.file.as_str())
        .collect();
    files.sort_unstable();
    files.dedup();
    for (number, file) in files.iter().enumerate() {
        push(document(report, file, number))?;
    }
    for (number, scenario) in report.scenarios.iter().enumerate() {
        push(pickle(scenario, number))?;
    }
    push(json!({"testRunStarted": {"timestamp": timestamp(begun)}}))?;
    for (number, scenario) in report.scenarios.iter().enumerate() {
        for message in played(scenario, number) {
            push(message)?;
        }
    }
    push(json!({"testRunFinished": {
        "success": report.summary.success && !report.self_test.as_ref().is_some_and(Matrix::is_bad),
        "timestamp": timestamp(begun + report.duration_ms)}}))?;
    Ok(out)
}

fn document(report: &Report, file: &str, number: usize) -> Value {
    let scenarios = report.scenarios.iter().enumerate();
    let of_file: Vec<(usize, &ScenarioReport)> = scenarios
        .filter(|(_, scenario)| scenario.file == file)
        .collect();
    let name = of_file
        .first()
        .map_or("", |(_, scenario)| scenario.feature.as_str());
    let place = json!({"line": 1, "column": 1});
    let children: Vec<Value> = of_file
        .iter()
        .map(|(index, scenario)| {
            let steps = scenario.steps.iter().enumerate().map(|(step, report)| {
                let (keyword, text) = words(&report.text);
                json!({"id": format!("s{index}-{step}"), "location": place, "keyword": keyword, "text": text})
            });
            json!({"scenario": {"id": format!("c{index}"), "location": place, "tags": [], "keyword": "Scenario",
                "name": scenario.name, "description": "", "steps": steps.collect::<Vec<_>>(), "examples": []}})
        })
        .collect();
    json!({"gherkinDocument": {"uri": file, "comments": [], "feature": {
        "location": place, "tags": [], "language": "en", "keyword": "Feature", "name": name,
        "description": format!("document {number}"), "children": children}}})
}

fn pickle(scenario: &ScenarioReport, number: usize) -> Value {
    let steps: Vec<Value> = scenario
        .steps
        .iter()
        .enumerate()
        .map(|(step, report)| {
            json!({"id": format!("p{number}-{step}"), "astNodeIds": [format!("s{number}-{step}")],
                "text": words(&report.text).1, "type": "Action"})
        })
        .collect();
    let tags: Vec<Value> = scenario
        .tags
        .iter()
        .map(|tag| json!({"name": format!("@{tag}"), "astNodeId": format!("c{number}")}))
        .collect();
    json!({"pickle": {"id": format!("p{number}"), "uri": scenario.file, "name": scenario.name, "language": "en",
        "steps": steps, "tags": tags, "astNodeIds": [format!("c{number}")]}})
}

fn played(scenario: &ScenarioReport, number: usize) -> Vec<Value> {
    let steps: Vec<Value> = (0..scenario.steps.len())
        .map(|step| {
            json!({"id": format!("t{number}-{step}"), "pickleStepId": format!("p{number}-{step}"),
                "stepDefinitionIds": [], "stepMatchArgumentsLists": []})
        })
        .collect();
    let started = format!("r{number}");
    let mut messages = vec![
        json!({"testCase": {"id": format!("t{number}"), "pickleId": format!("p{number}"), "testSteps": steps}}),
        json!({"testCaseStarted": {"id": started, "testCaseId": format!("t{number}"), "attempt": 0,
            "timestamp": timestamp(scenario.started_ms)}}),
    ];
    for (step, report) in scenario.steps.iter().enumerate() {
        let id = format!("t{number}-{step}");
        messages.push(
            json!({"testStepStarted": {"testCaseStartedId": started, "testStepId": id,
            "timestamp": timestamp(report.started_ms)}}),
        );
        let mut result = json!({"status": word(report.status),
            "duration": duration(report.ended_ms.saturating_sub(report.started_ms))});
        if let Some(error) = &report.error {
            result["message"] = error.as_str().into();
        }
        messages.push(
            json!({"testStepFinished": {"testCaseStartedId": started, "testStepId": id,
            "testStepResult": result, "timestamp": timestamp(report.ended_ms)}}),
        );
    }
    messages.push(
        json!({"testCaseFinished": {"testCaseStartedId": started, "willBeRetried": false,
        "timestamp": timestamp(scenario.started_ms + scenario.duration_ms)}}),
    );
    messages
}

/// The keyword of a step, with its blank, and the rest.
fn words(step: &str) -> (String, &str) {
    match step.split_once(' ') {
        Some((keyword, text)) if !keyword.starts_with('(') => (format!("{keyword} "), text),
        _ => ("* ".to_owned(), step),
    }
}

/// The status in the words of Cucumber: it knows no warnings.
fn word(status: Status) -> &'static str {
    match status {
        Status::Passed | Status::Warned => "PASSED",
        Status::Failed => "FAILED",
        Status::NotRun | Status::NotApplicable => "SKIPPED",
    }
}

fn timestamp(ms: u64) -> Value {
    json!({"seconds": ms / 1_000, "nanos": ms % 1_000 * 1_000_000})
}

fn duration(ms: u64) -> Value {
    timestamp(ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, scenario};

    #[test]
    fn each_line_is_one_message_and_every_id_that_is_named_is_there() {
        let text = render(&report(vec![
            scenario(&["csms"], Status::Passed, &[]),
            scenario(&["csms"], Status::Failed, &[]),
        ]))
        .unwrap();
        let messages: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of = |kind: &str| -> Vec<&Value> {
            messages
                .iter()
                .filter_map(|message| message.get(kind))
                .collect()
        };
        assert_eq!(of("meta").len(), 1);
        assert_eq!((of("pickle").len(), of("testCase").len()), (2, 2));
        for case in of("testCase") {
            assert!(
                of("pickle")
                    .iter()
                    .any(|pickle| pickle["id"] == case["pickleId"])
            );
        }
        assert_eq!(of("testRunFinished")[0]["success"], false);
    }

    #[test]
    fn a_run_that_fails_for_another_reason_than_a_scenario_is_no_success() {
        let success = |report: &Report| {
            let text = render(report).unwrap();
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            last["testRunFinished"]["success"].as_bool()
        };
        let mut report = report(vec![scenario(&["csms"], Status::Passed, &[])]);
        assert_eq!(success(&report), Some(true));
        report.summary.success = false;
        assert_eq!(success(&report), Some(false));
    }
}
