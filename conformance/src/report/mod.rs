//! What a run has to say: the model of the report, and its forms for people (`html`), for CI (`xml`, JUnit) and for
//! scripts (`json`).

pub(crate) mod causes;
mod coverage;
mod document;
mod evidence;
mod html;
mod junit;
pub(crate) mod matrix;
mod ndjson;
pub(crate) mod outcome;
mod pretty;
pub(crate) mod rest_coverage;
mod sequence;
mod story;

use crate::wire::http::HttpExchange;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::case::side::Side;
use crate::rules::Weight;
use crate::wire::entry::HttpHead;

pub(crate) use coverage::Coverage;

/// How a scenario or a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Passed,
    /// A recommendation or a habit was not kept.
    Warned,
    Failed,
    /// Something is missing that the user could give.
    NotRun,
    /// The system under test has no such thing.
    NotApplicable,
}

impl Status {
    /// Whether nothing that is demanded was missing.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::Warned)
    }

    /// The word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::NotRun => "not run",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) tool: &'static str,
    /// Of this format: it grows when something that is there changes its meaning.
    pub(crate) version: u32,
    pub(crate) environment: Environment,
    pub(crate) started_at: String,
    pub(crate) duration_ms: u64,
    pub(crate) disclaimer: &'static str,
    pub(crate) summary: Summary,
    pub(crate) coverage: Coverage,
    pub(crate) scenarios: Vec<ScenarioReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_test: Option<matrix::Matrix>,
    /// Known deviations that the user has accepted, and what became of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waivers: Vec<Value>,
}

/// The version of the JSON form.
pub(crate) const FORMAT: u32 = 1;

/// Where and how a run was made.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Environment {
    pub(crate) tool_version: &'static str,
    pub(crate) ocpp: &'static str,
    /// What was put to the test, in a sentence.
    pub(crate) sut: String,
    /// As it was typed, without secrets.
    pub(crate) command_line: String,
    pub(crate) os: &'static str,
    /// What a charge point says of itself: its BootNotification.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) device: Value,
    /// The capability file, as it is written.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) capabilities: Value,
    /// The configuration of a charge point, as it told it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) configuration: BTreeMap<String, Option<String>>,
}

/// What the tool is not.
pub(crate) const DISCLAIMER: &str =
    "dynamo is not affiliated with the Open Charge Alliance. A pass is no certificate.";

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) scenarios: usize,
    pub(crate) passed: usize,
    pub(crate) warned: usize,
    pub(crate) failed: usize,
    pub(crate) not_run: usize,
    pub(crate) not_applicable: usize,
    /// What makes the run fail beside its scenarios: what it left out, waivers that do not fit any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<String>,
    /// Why not all scenarios had their turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_early: Option<String>,
    /// The exit code is 0.
    pub(crate) success: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScenarioReport {
    /// The id of a known test case, where it has one.
    pub(crate) id: Option<String>,
    pub(crate) feature: String,
    pub(crate) file: String,
    pub(crate) name: String,
    /// Where it stands in the file: for a row of an outline, that of the row.
    pub(crate) line: usize,
    pub(crate) tags: Vec<String>,
    /// Identity of the charge point on the line.
    pub(crate) identity: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    /// Recommendations and habits that were not kept.
    pub(crate) warnings: Vec<String>,
    /// The rules that were not kept, by their ids.
    pub(crate) rules: Vec<&'static str>,
    /// How they were not kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) breaches: Vec<BreachReport>,
    pub(crate) started_at: String,
    pub(crate) started_ms: u64,
    pub(crate) duration_ms: u64,
    pub(crate) steps: Vec<StepReport>,
    pub(crate) frames: Vec<FrameReport>,
    pub(crate) notes: Vec<NoteReport>,
    /// With the REST API under test; the report tells them as frames.
    #[serde(skip)]
    pub(crate) exchanges: Vec<HttpExchange>,
}

/// A rule that was not kept.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BreachReport {
    pub(crate) rule: &'static str,
    #[serde(serialize_with = "word_of")]
    pub(crate) weight: Weight,
    pub(crate) text: String,
}

fn word_of<S: serde::Serializer>(weight: &Weight, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match weight {
        Weight::Must => "must",
        Weight::Should => "should",
    })
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
    /// Where it stands in its file; 0 for what is demanded in every scenario.
    #[serde(skip)]
    pub(crate) line: usize,
}

/// A frame; `at` is Unix milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FrameReport {
    pub(crate) at: u64,
    #[serde(skip)]
    pub(crate) at_us: u64,
    pub(crate) direction: &'static str,
    /// A frame of OCPP-J, or a request or an answer of HTTP as text.
    pub(crate) raw: String,
    /// What it is, where it is no frame of OCPP-J.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpHead>,
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
            warned: count(Status::Warned),
            failed: count(Status::Failed),
            not_run: count(Status::NotRun),
            not_applicable: count(Status::NotApplicable),
            problems: Vec::new(),
            ended_early: None,
            success: count(Status::Failed) == 0,
        }
    }
}

impl ScenarioReport {
    fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }

    /// The ids of known test cases that it carries.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let tags = self.tags.iter().map(String::as_str);
        tags.filter(|tag| tag.starts_with("TC_"))
    }

    /// Its name, with these ids before it.
    pub(crate) fn name_with_ids(&self) -> String {
        let ids: String = self.ids().map(|id| format!("{id} ")).collect();
        format!("{ids}{}", self.name)
    }

    /// Whether it puts this side to the test.
    fn tests(&self, side: Side) -> bool {
        self.has_tag(side.tag())
    }
}

impl Report {
    /// Writes the report in the form that the file's ending asks for.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = match Form::of(path)? {
            Form::Html => html::render(self)?,
            Form::Junit => junit::render(self)?,
            Form::Ndjson => ndjson::render(self)?,
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
    Ndjson,
}

impl Form {
    /// The form that the ending of a file name asks for.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("html") => Ok(Self::Html),
            Some("xml") => Ok(Self::Junit),
            Some("json") => Ok(Self::Json),
            Some("ndjson") => Ok(Self::Ndjson),
            _ => bail!(
                "--report {}: the name must end in .html, .xml (JUnit), .json or .ndjson",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run with these scenarios.
    pub(crate) fn report(scenarios: Vec<ScenarioReport>) -> Report {
        Report {
            tool: "dynamo",
            version: FORMAT,
            environment: Environment {
                sut: "something".into(),
                ..Environment::default()
            },
            started_at: "2026-01-02T03:04:05.123456789Z".into(),
            duration_ms: 61_234,
            disclaimer: DISCLAIMER,
            summary: Summary::of(&scenarios),
            coverage: Coverage::of(&scenarios, &[]),
            scenarios,
            self_test: None,
            waivers: Vec::new(),
        }
    }

    /// A scenario with these tags and frames.
    pub(crate) fn scenario(
        tags: &[&str],
        status: Status,
        frames: &[(&'static str, &str)],
    ) -> ScenarioReport {
        ScenarioReport {
            id: None,
            feature: "F".into(),
            file: "f.feature".into(),
            name: "S".into(),
            line: 1,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            identity: "CP".into(),
            status,
            reason: None,
            warnings: Vec::new(),
            rules: Vec::new(),
            breaches: Vec::new(),
            started_at: String::new(),
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
                    http: None,
                })
                .collect(),
            notes: Vec::new(),
            exchanges: Vec::new(),
        }
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
