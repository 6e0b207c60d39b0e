//! The report as Cucumber messages, one JSON object per line: for tools that read what Cucumber writes. Documents and
//! places are those of the feature files; what every scenario demands without saying so is a hook behind it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::document::Document;
use super::matrix::Matrix;
use super::{Report, ScenarioReport, Status, StepReport};
use crate::case::features::source_of;

/// The version of the messages.
const PROTOCOL: &str = "27.0.0";

pub(super) fn render(report: &Report) -> Result<String> {
    let mut out = String::new();
    for message in messages(report)? {
        out.push_str(
            &serde_json::to_string(&message).context("cannot write the report as NDJSON")?,
        );
        out.push('\n');
    }
    Ok(out)
}

fn messages(report: &Report) -> Result<Vec<Value>> {
    let begun = report
        .scenarios
        .iter()
        .map(|scenario| scenario.started_ms)
        .filter(|at| *at > 0)
        .min();
    let begun = begun.unwrap_or_default();
    let mut messages = vec![json!({"meta": {
        "protocolVersion": PROTOCOL,
        "implementation": {"name": report.tool, "version": report.environment.tool_version},
        "runtime": {"name": report.tool},
        "os": {"name": std::env::consts::OS},
        "cpu": {"name": std::env::consts::ARCH}}})];
    let documents = documents(report);
    for document in documents.values() {
        messages.push(
            json!({"source": {"uri": document.file, "data": document.text,
            "mediaType": "text/x.cucumber.gherkin+plain"}}),
        );
        messages.push(document.message());
    }
    for (number, scenario) in report.scenarios.iter().enumerate() {
        let document = documents.get(scenario.file.as_str());
        messages.push(pickle(scenario, number, document));
    }
    let steps = report.scenarios.iter().flat_map(|scenario| &scenario.steps);
    let hooks: BTreeSet<&str> = steps.filter(|step| is_hook(step)).map(hook_name).collect();
    for name in hooks {
        messages.push(json!({"hook": {"id": hook_id(name), "name": name,
            "sourceReference": {"uri": "in every scenario"}}}));
    }
    messages.push(json!({"testRunStarted": {"timestamp": timestamp(begun)}}));
    for (number, scenario) in report.scenarios.iter().enumerate() {
        messages.extend(played(scenario, number));
    }
    messages.push(json!({"testRunFinished": {
        "success": report.summary.success && !report.self_test.as_ref().is_some_and(Matrix::is_bad),
        "timestamp": timestamp(begun + report.duration_ms)}}));
    Ok(messages)
}

/// The feature files, by their names. A file that is gone or cannot be read any more has no document.
fn documents(report: &Report) -> BTreeMap<&str, Document<'_>> {
    let mut documents = BTreeMap::new();
    for scenario in &report.scenarios {
        let file = scenario.file.as_str();
        if documents.contains_key(file) {
            continue;
        }
        let number = documents.len();
        let document = source_of(file).and_then(|text| Document::read(number, file, text).ok());
        if let Some(document) = document {
            documents.insert(file, document);
        }
    }
    documents
}

/// A demand of every scenario, which stands in no file.
fn is_hook(step: &StepReport) -> bool {
    step.line == 0
}

/// The rule.
fn hook_name(step: &StepReport) -> &str {
    step.text.rsplit(' ').next().unwrap_or_default()
}

fn hook_id(name: &str) -> String {
    format!("h-{name}")
}

fn pickle(scenario: &ScenarioReport, number: usize, document: Option<&Document<'_>>) -> Value {
    let found = document.and_then(|document| document.scenario(scenario.line));
    let nodes = found.as_ref().map_or_else(Vec::new, |found| found.nodes());
    let row = nodes.get(1);
    let steps = scenario.steps.iter().enumerate();
    let steps: Vec<Value> = steps
        .filter(|(_, step)| !is_hook(step))
        .map(|(index, step)| {
            let of_document = document.and_then(|document| document.step(step.line));
            let own = document.map(|document| document.id(step.line));
            let nodes: Vec<&String> = own.iter().chain(row).collect();
            let mut pickled = json!({"id": format!("p{number}-{index}"), "astNodeIds": nodes,
                "text": words(&step.text)});
            if let Some(step) = of_document {
                pickled["type"] = step.kind().into();
                if let Some(argument) = step.argument(found.as_ref()) {
                    pickled["argument"] = argument;
                }
            }
            pickled
        })
        .collect();
    let tags = scenario.tags.iter().map(|tag| {
        let node = found.as_ref().and_then(|found| found.tag(tag));
        json!({"name": format!("@{tag}"), "astNodeId": node.unwrap_or_default()})
    });
    let language = document.map_or("en", |document| document.language());
    json!({"pickle": {"id": format!("p{number}"), "uri": scenario.file, "name": scenario.name,
        "language": language, "steps": steps, "tags": tags.collect::<Vec<_>>(), "astNodeIds": nodes}})
}

fn played(scenario: &ScenarioReport, number: usize) -> Vec<Value> {
    let steps = scenario.steps.iter().enumerate();
    let steps: Vec<Value> = steps
        .map(|(index, step)| {
            let id = format!("t{number}-{index}");
            if is_hook(step) {
                return json!({"id": id, "hookId": hook_id(hook_name(step))});
            }
            json!({"id": id, "pickleStepId": format!("p{number}-{index}"), "stepDefinitionIds": [],
                "stepMatchArgumentsLists": []})
        })
        .collect();
    let started = format!("r{number}");
    let mut messages = vec![
        json!({"testCase": {"id": format!("t{number}"), "pickleId": format!("p{number}"), "testSteps": steps}}),
        json!({"testCaseStarted": {"id": started, "testCaseId": format!("t{number}"), "attempt": 0,
            "timestamp": timestamp(scenario.started_ms)}}),
    ];
    // A step that did not come has no times of its own.
    let mut now = scenario.started_ms;
    for (index, step) in scenario.steps.iter().enumerate() {
        let id = format!("t{number}-{index}");
        let (began, ended) = (now.max(step.started_ms), now.max(step.ended_ms));
        now = ended;
        messages.push(
            json!({"testStepStarted": {"testCaseStartedId": started, "testStepId": id,
            "timestamp": timestamp(began)}}),
        );
        let mut result = json!({"status": word(step.status),
            "duration": timestamp(ended.saturating_sub(began))});
        if let Some(error) = &step.error {
            result["message"] = error.as_str().into();
        }
        messages.push(
            json!({"testStepFinished": {"testCaseStartedId": started, "testStepId": id,
            "testStepResult": result, "timestamp": timestamp(ended)}}),
        );
    }
    messages.push(
        json!({"testCaseFinished": {"testCaseStartedId": started, "willBeRetried": false,
        "timestamp": timestamp(now.max(scenario.started_ms + scenario.duration_ms))}}),
    );
    messages
}

/// A step without its keyword.
fn words(step: &str) -> &str {
    step.split_once(' ').map_or(step, |(_, text)| text)
}

/// The status in the words of Cucumber: it knows no warnings.
fn word(status: Status) -> &'static str {
    match status {
        Status::Passed | Status::Warned => "PASSED",
        Status::Failed => "FAILED",
        Status::NotRun | Status::NotApplicable => "SKIPPED",
    }
}

/// An instant, or a length of time.
fn timestamp(ms: u64) -> Value {
    json!({"seconds": ms / 1_000, "nanos": ms % 1_000 * 1_000_000})
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

    /// A message for each word that a scenario of this file has, as `report` makes it of what was played.
    fn of_file(file: &str, text: &str, line: usize, steps: &[(usize, &str)]) -> Vec<Value> {
        let mut one = scenario(&["core", "own", "row"], Status::Passed, &[]);
        (one.file, one.line, one.started_ms) = (file.into(), line, 5);
        one.steps = steps
            .iter()
            .map(|(line, text)| StepReport {
                text: (*text).into(),
                status: Status::Passed,
                error: None,
                started_ms: 0,
                ended_ms: 0,
                started_us: 0,
                line: *line,
            })
            .collect();
        std::fs::write(file, text).unwrap();
        messages(&report(vec![one])).unwrap()
    }

    #[test]
    fn places_texts_and_tags_are_those_of_the_file() {
        let text = "@core\nFeature: F\n  About it.\n\n  # a remark\n  @own\n  Scenario Outline: S\n    Given a <kind> b\n      | x | <kind> |\n\n    @row\n    Examples:\n      | kind |\n      | old |\n      | new |\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.feature");
        let file = file.to_str().unwrap();
        let steps = [(8, "Given a new b"), (0, "(in every scenario) no-hang-up")];
        let messages = of_file(file, text, 15, &steps);
        let of = |kind: &str| messages.iter().find_map(|one| one.get(kind)).unwrap();
        assert_eq!(of("source")["data"], text);
        let feature = &of("gherkinDocument")["feature"];
        assert_eq!(feature["location"], json!({"line": 2, "column": 1}));
        let outline = &feature["children"][0]["scenario"];
        assert_eq!(outline["location"]["line"], 7);
        let given = &outline["steps"][0];
        assert_eq!(
            (&given["text"], &given["location"]["line"]),
            (&json!("a <kind> b"), &json!(8))
        );
        assert_eq!(
            given["dataTable"]["rows"][0]["cells"][1]["location"],
            json!({"line": 9, "column": 12})
        );
        let row = &outline["examples"][0]["tableBody"][1];
        assert_eq!(row["location"]["line"], 15);
        let pickle = of("pickle");
        assert_eq!(pickle["astNodeIds"], json!([outline["id"], row["id"]]));
        assert_eq!(
            pickle["steps"].as_array().unwrap().len(),
            1,
            "a rule is no step"
        );
        let step = &pickle["steps"][0];
        assert_eq!(
            (&step["text"], &step["type"]),
            (&json!("a new b"), &json!("Context"))
        );
        assert_eq!(
            step["argument"]["dataTable"]["rows"][0]["cells"][1]["value"],
            "new"
        );
        let places: Vec<&Value> = pickle["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| &tag["astNodeId"])
            .collect();
        let wanted = [
            &feature["tags"][0]["id"],
            &outline["tags"][0]["id"],
            &outline["examples"][0]["tags"][0]["id"],
        ];
        assert_eq!(places, wanted);
        let cases = of("testCase")["testSteps"].as_array().unwrap();
        assert_eq!(cases[1]["hookId"], of("hook")["id"]);
        let finished = of("testCaseStarted");
        assert_eq!(finished["timestamp"]["nanos"], 5_000_000);
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
