//! What a run has to say: the model of the report, and its forms for people (`html`), for CI (`xml`, JUnit) and for
//! scripts (`json`).

mod html;
mod junit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::catalogue;
use crate::trace::Message;

/// How a scenario or a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Passed,
    Failed,
    NotRun,
}

impl Status {
    /// The word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not run",
        }
    }
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) tool: &'static str,
    pub(crate) version: &'static str,
    pub(crate) ocpp: &'static str,
    /// What was put to the test, in a sentence.
    pub(crate) sut: String,
    pub(crate) started_at: String,
    pub(crate) duration_ms: u64,
    pub(crate) disclaimer: &'static str,
    pub(crate) summary: Summary,
    pub(crate) coverage: Coverage,
    pub(crate) scenarios: Vec<ScenarioReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_test: Option<crate::self_test::Matrix>,
}

/// What the tool is not.
pub(crate) const DISCLAIMER: &str =
    "dynamo is not affiliated with the Open Charge Alliance. A pass is no certificate.";

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) scenarios: usize,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) not_run: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Coverage {
    pub(crate) http: Vec<HttpCoverage>,
    pub(crate) ocpp: Vec<OcppCoverage>,
    pub(crate) catalogue: CatalogueCoverage,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct HttpCoverage {
    method: &'static str,
    path: String,
    status: u16,
    scenarios: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OcppCoverage {
    action: String,
    direction: &'static str,
    outcome: String,
    scenarios: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct CatalogueCoverage {
    covered: Vec<&'static str>,
    missing: Vec<&'static str>,
}

/// One exchange with a driver.
#[derive(Clone, Debug)]
pub(crate) struct HttpExchange {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) scenario: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScenarioReport {
    pub(crate) feature: String,
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    /// Identity of the charge point on the line.
    pub(crate) identity: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) started_ms: u64,
    pub(crate) duration_ms: u64,
    pub(crate) steps: Vec<StepReport>,
    pub(crate) frames: Vec<FrameReport>,
    pub(crate) notes: Vec<NoteReport>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct StepReport {
    pub(crate) text: String,
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) started_ms: u64,
    pub(crate) ended_ms: u64,
    /// For the order of things that happen in one millisecond.
    #[serde(skip)]
    pub(crate) started_us: u64,
}

/// A frame; `at` is Unix milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FrameReport {
    pub(crate) at: u64,
    #[serde(skip)]
    pub(crate) at_us: u64,
    pub(crate) direction: &'static str,
    pub(crate) raw: String,
}

/// A remark about what happened beside the frames.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NoteReport {
    pub(crate) at: u64,
    #[serde(skip)]
    pub(crate) at_us: u64,
    pub(crate) text: String,
}

impl Summary {
    pub(crate) fn of(scenarios: &[ScenarioReport]) -> Self {
        let count = |status| {
            scenarios
                .iter()
                .filter(|scenario| scenario.status == status)
                .count()
        };
        Self {
            scenarios: scenarios.len(),
            passed: count(Status::Passed),
            failed: count(Status::Failed),
            not_run: count(Status::NotRun),
        }
    }
}

impl Coverage {
    /// What the scenarios exercised: from the recorded frames, from the driver's exchanges, and from the tags of
    /// those that passed.
    pub(crate) fn of(scenarios: &[ScenarioReport], exchanges: &[HttpExchange]) -> Self {
        Self {
            http: http_coverage(exchanges),
            ocpp: ocpp_coverage(scenarios),
            catalogue: catalogue_coverage(scenarios),
        }
    }
}

fn http_coverage(exchanges: &[HttpExchange]) -> Vec<HttpCoverage> {
    let mut seen: BTreeMap<(&str, &str, u16), BTreeSet<&str>> = BTreeMap::new();
    for exchange in exchanges {
        seen.entry((exchange.method, &exchange.path, exchange.status))
            .or_default()
            .insert(&exchange.scenario);
    }
    seen.into_iter()
        .map(|((_, path, status), scenarios)| HttpCoverage {
            method: "POST",
            path: path.to_owned(),
            status,
            scenarios: scenarios.len(),
        })
        .collect()
}

fn ocpp_coverage(scenarios: &[ScenarioReport]) -> Vec<OcppCoverage> {
    let mut seen: BTreeMap<(String, &'static str, String), usize> = BTreeMap::new();
    for scenario in scenarios {
        let messages: Vec<(&'static str, Message)> = scenario
            .frames
            .iter()
            .map(|frame| (frame.direction, Message::read(&frame.raw)))
            .collect();
        let mut here = BTreeSet::new();
        for (direction, message) in &messages {
            let Message::Call { id, action, .. } = message else {
                continue;
            };
            let outcome = messages
                .iter()
                .filter(|(other, _)| other != direction)
                .find_map(|(_, answer)| match answer {
                    Message::Result { id: other, payload } if other == id => {
                        Some(outcome_of(payload))
                    }
                    Message::Error {
                        id: other, code, ..
                    } if other == id => Some(code.clone()),
                    _ => None,
                });
            here.insert((
                action.clone(),
                *direction,
                outcome.unwrap_or_else(|| "no answer".into()),
            ));
        }
        for key in here {
            *seen.entry(key).or_default() += 1;
        }
    }
    seen.into_iter()
        .map(|((action, direction, outcome), scenarios)| OcppCoverage {
            action,
            direction,
            outcome,
            scenarios,
        })
        .collect()
}

fn outcome_of(payload: &Value) -> String {
    let status = payload
        .get("status")
        .or_else(|| payload.pointer("/idTagInfo/status"));
    status
        .and_then(Value::as_str)
        .unwrap_or("answered")
        .to_owned()
}

/// An id is covered when every scenario that carries it passed.
fn catalogue_coverage(scenarios: &[ScenarioReport]) -> CatalogueCoverage {
    let (covered, missing) = catalogue::ids().partition(|id| {
        let mut with = scenarios
            .iter()
            .filter(|scenario| scenario.tags.iter().any(|tag| tag == id))
            .peekable();
        with.peek().is_some() && with.all(|scenario| scenario.status == Status::Passed)
    });
    CatalogueCoverage { covered, missing }
}

impl CatalogueCoverage {
    /// For the last line of a run.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "{} of {} Core test case ids",
            self.covered.len(),
            self.covered.len() + self.missing.len()
        )
    }
}

impl Report {
    /// Writes the report in the form that the file's ending asks for.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = match Form::of(path)? {
            Form::Html => html::render(self)?,
            Form::Junit => junit::render(self)?,
            Form::Json => {
                serde_json::to_string_pretty(self).context("cannot write the report as JSON")?
            }
        };
        std::fs::write(path, text)
            .with_context(|| format!("cannot write the report {}", path.display()))
    }
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Junit,
    Json,
}

impl Form {
    /// The form that the ending of a file name asks for.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("html") => Ok(Self::Html),
            Some("xml") => Ok(Self::Junit),
            Some("json") => Ok(Self::Json),
            _ => bail!(
                "--report {}: the name must end in .html, .xml (JUnit) or .json",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(tags: &[&str], status: Status, frames: &[(&'static str, &str)]) -> ScenarioReport {
        ScenarioReport {
            feature: "F".into(),
            file: "f.feature".into(),
            name: "S".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            identity: "CP".into(),
            status,
            reason: None,
            started_ms: 0,
            duration_ms: 1,
            steps: Vec::new(),
            frames: frames
                .iter()
                .map(|(direction, raw)| FrameReport {
                    at: 0,
                    at_us: 0,
                    direction,
                    raw: (*raw).to_owned(),
                })
                .collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn coverage_counts_what_passed_and_what_was_on_the_wire() {
        let frames = [
            ("to_sut", r#"[2,"1","Reset",{"type":"Soft"}]"#),
            ("from_sut", r#"[3,"1",{"status":"Accepted"}]"#),
        ];
        let scenarios = [
            scenario(&["TC_001_CS"], Status::Passed, &frames),
            scenario(&["TC_002_CS"], Status::Failed, &frames),
        ];
        let coverage = Coverage::of(&scenarios, &[]);
        assert_eq!(coverage.catalogue.covered, ["TC_001_CS"]);
        assert!(coverage.catalogue.missing.contains(&"TC_002_CS"));
        assert_eq!(coverage.ocpp.len(), 1);
        assert_eq!(
            (
                coverage.ocpp[0].outcome.as_str(),
                coverage.ocpp[0].scenarios
            ),
            ("Accepted", 2)
        );
        assert_eq!(Summary::of(&scenarios).failed, 1);
    }

    #[test]
    fn a_report_needs_an_ending_it_knows() {
        assert_eq!(Form::of(Path::new("a/b.html")).unwrap(), Form::Html);
        assert!(
            Form::of(Path::new("report.txt"))
                .unwrap_err()
                .to_string()
                .contains(".html")
        );
    }
}
