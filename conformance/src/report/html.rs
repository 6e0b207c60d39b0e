//! The report as one HTML page that needs nothing else: for people, the hardware engineer first.

use anyhow::{Context, Result};
use askama::Template;

use super::{Report, ScenarioReport, Status};
use crate::trace::Message;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    features: Vec<FeatureView<'a>>,
    seconds: String,
    covered: usize,
    catalogue: usize,
}

struct FeatureView<'a> {
    name: &'a str,
    passed: usize,
    failed: usize,
    not_run: usize,
    scenarios: Vec<ScenarioView<'a>>,
}

struct ScenarioView<'a> {
    scenario: &'a ScenarioReport,
    class: &'static str,
    word: &'static str,
    seconds: String,
    rows: Vec<Row>,
}

/// A line of the story: a step, a frame or a remark, in the order of time.
struct Row {
    class: &'static str,
    at: String,
    mark: &'static str,
    text: String,
    detail: String,
    frame: bool,
}

pub(super) fn render(report: &Report) -> Result<String> {
    let mut names: Vec<&str> = Vec::new();
    for scenario in &report.scenarios {
        if !names.contains(&scenario.feature.as_str()) {
            names.push(&scenario.feature);
        }
    }
    let features = names
        .into_iter()
        .map(|name| feature_view(report, name))
        .collect();
    let catalogue =
        report.coverage.catalogue.covered.len() + report.coverage.catalogue.missing.len();
    let page = Page {
        report,
        features,
        seconds: seconds(report.duration_ms),
        covered: report.coverage.catalogue.covered.len(),
        catalogue,
    };
    page.render().context("cannot write the report as HTML")
}

fn feature_view<'a>(report: &'a Report, name: &'a str) -> FeatureView<'a> {
    let scenarios: Vec<_> = report
        .scenarios
        .iter()
        .filter(|scenario| scenario.feature == name)
        .map(scenario_view)
        .collect();
    let count = |status| {
        scenarios
            .iter()
            .filter(|view| view.scenario.status == status)
            .count()
    };
    FeatureView {
        name,
        passed: count(Status::Passed),
        failed: count(Status::Failed),
        not_run: count(Status::NotRun),
        scenarios,
    }
}

fn scenario_view(scenario: &ScenarioReport) -> ScenarioView<'_> {
    ScenarioView {
        scenario,
        class: class(scenario.status),
        word: scenario.status.word(),
        seconds: seconds(scenario.duration_ms),
        rows: rows(scenario),
    }
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::NotRun => "notrun",
    }
}

fn seconds(ms: u64) -> String {
    format!("{:.2} s", ms as f64 / 1_000.0)
}

fn rows(scenario: &ScenarioReport) -> Vec<Row> {
    let since = |at: u64| seconds(at.saturating_sub(scenario.started_ms));
    let steps = scenario.steps.iter().map(|step| {
        let came = step.started_us > 0;
        let (class, mark) = match step.status {
            Status::Passed => ("step passed", "✓"),
            Status::Failed => ("step failed", "✗"),
            Status::NotRun => ("step notrun", "–"),
        };
        let at = if came {
            since(step.started_ms)
        } else {
            String::new()
        };
        let detail = step.error.clone().unwrap_or_default();
        let row = Row {
            class,
            at,
            mark,
            text: step.text.clone(),
            detail,
            frame: false,
        };
        (if came { step.started_us } else { u64::MAX }, row)
    });
    let frames = scenario.frames.iter().map(|frame| {
        let (class, mark) = if frame.direction == "to_sut" {
            ("frame out", "→")
        } else {
            ("frame in", "←")
        };
        let (text, detail) = (title(&frame.raw), frame.raw.clone());
        (
            frame.at_us,
            Row {
                class,
                at: since(frame.at),
                mark,
                text,
                detail,
                frame: true,
            },
        )
    });
    let notes = scenario.notes.iter().map(|note| {
        let (text, detail) = (note.text.clone(), String::new());
        (
            note.at_us,
            Row {
                class: "note",
                at: since(note.at),
                mark: "·",
                text,
                detail,
                frame: false,
            },
        )
    });
    let mut rows: Vec<(u64, Row)> = steps.chain(frames).chain(notes).collect();
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What a frame is, in two words.
fn title(raw: &str) -> String {
    match Message::read(raw) {
        Message::Call { action, .. } => action,
        Message::Result { .. } => "answer".into(),
        Message::Error { code, .. } => format!("error {code}"),
        Message::Unreadable(_) => "no OCPP-J frame".into(),
    }
}
