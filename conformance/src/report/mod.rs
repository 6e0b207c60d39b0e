//! What a run has to say: the model of the report, and its forms for people (`html`), for CI (`xml`, JUnit) and for
//! scripts (`json`).

pub(crate) mod causes;
mod html;
mod junit;
pub(crate) mod matrix;
mod ndjson;
pub(crate) mod outcome;
pub(crate) mod rest_coverage;

use crate::wire::http::HttpExchange;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::case::catalogue;
use crate::case::side::Side;
use crate::report::rest_coverage::ApiCoverage;
use crate::wire::entry::{HttpHead, Message};

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
    /// Its configuration, as it told it.
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
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Coverage {
    pub(crate) http: Vec<HttpCoverage>,
    /// The OpenAPI document held against that, in a run with the REST API under test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<ApiCoverage>,
    pub(crate) ocpp: Vec<OcppCoverage>,
    pub(crate) catalogue: CatalogueCoverage,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct HttpCoverage {
    pub(crate) method: String,
    /// With its parameters in braces, where the document knows the path.
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) scenarios: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OcppCoverage {
    action: String,
    direction: &'static str,
    outcome: String,
    scenarios: usize,
}

/// Ids of the sides that were put to the test; those of a side that was not do not count.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct CatalogueCoverage {
    covered: Vec<&'static str>,
    missing: Vec<&'static str>,
    sides: Vec<SideCoverage>,
}

/// The ids of one side.
#[derive(Clone, Debug, Serialize)]
struct SideCoverage {
    #[serde(serialize_with = "tag_of")]
    side: Side,
    covered: usize,
    all: usize,
}

fn tag_of<S: serde::Serializer>(side: &Side, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(side.tag())
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ScenarioReport {
    /// The id of a known test case, where it has one.
    pub(crate) id: Option<String>,
    pub(crate) feature: String,
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    /// Identity of the charge point on the line.
    pub(crate) identity: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    /// Recommendations and habits that were not kept.
    pub(crate) warnings: Vec<String>,
    /// The rules that were not kept, by their ids.
    pub(crate) rules: Vec<&'static str>,
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
        }
    }
}

impl Coverage {
    /// What the scenarios exercised: from the recorded frames, from the driver's exchanges, and from the tags of
    /// those that passed.
    pub(crate) fn of(scenarios: &[ScenarioReport], exchanges: &[HttpExchange]) -> Self {
        Self {
            http: http_coverage(exchanges),
            api: None,
            ocpp: ocpp_coverage(scenarios),
            catalogue: catalogue_coverage(scenarios),
        }
    }
}

fn http_coverage(exchanges: &[HttpExchange]) -> Vec<HttpCoverage> {
    let mut seen: BTreeMap<(&str, &str, u16), BTreeSet<&str>> = BTreeMap::new();
    for exchange in exchanges {
        seen.entry((&exchange.method, &exchange.path, exchange.status))
            .or_default()
            .insert(&exchange.scenario);
    }
    seen.into_iter()
        .map(|((method, path, status), scenarios)| HttpCoverage {
            method: method.to_owned(),
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
            .filter(|frame| frame.http.is_none())
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

/// An id is covered when every scenario that carries it passed. A side is under test when it has a scenario.
fn catalogue_coverage(scenarios: &[ScenarioReport]) -> CatalogueCoverage {
    let mut coverage = CatalogueCoverage::default();
    for side in [Side::Csms, Side::ChargePoint] {
        if !scenarios.iter().any(|scenario| scenario.tests(side)) {
            continue;
        }
        let all = catalogue::ids_of(side);
        let (covered, missing): (Vec<&str>, Vec<&str>) = all.iter().partition(|id| {
            let mut with = scenarios
                .iter()
                .filter(|scenario| scenario.has_tag(id))
                .peekable();
            with.peek().is_some() && with.all(|scenario| scenario.status.is_good())
        });
        coverage.sides.push(SideCoverage {
            side,
            covered: covered.len(),
            all: all.len(),
        });
        coverage.covered.extend(covered);
        coverage.missing.extend(missing);
    }
    coverage
}

impl CatalogueCoverage {
    /// For the last line of a run: `Core test case ids: CSMS 36 of 36, charge point 53 of 53`.
    pub(crate) fn sentence(&self) -> String {
        let sides: Vec<String> = self
            .sides
            .iter()
            .map(|side| format!("{} {} of {}", side.side.name(), side.covered, side.all))
            .collect();
        if sides.is_empty() {
            return "no Core test case ids".into();
        }
        format!("Core test case ids: {}", sides.join(", "))
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
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            identity: "CP".into(),
            status,
            reason: None,
            warnings: Vec::new(),
            rules: Vec::new(),
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
    fn coverage_counts_what_passed_and_what_was_on_the_wire() {
        let frames = [
            ("to_sut", r#"[2,"1","Reset",{"type":"Soft"}]"#),
            ("from_sut", r#"[3,"1",{"status":"Accepted"}]"#),
        ];
        let scenarios = [
            scenario(&["charge-point", "TC_001_CS"], Status::Passed, &frames),
            scenario(&["charge-point", "TC_002_CS"], Status::Failed, &frames),
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
    fn only_the_ids_of_the_sides_under_test_count_and_each_side_is_named() {
        let of = |scenarios: &[ScenarioReport]| Coverage::of(scenarios, &[]).catalogue;
        let ids = |side: Side| {
            let mut tags = vec![side.tag()];
            tags.extend(catalogue::ids_of(side));
            scenario(&tags, Status::Passed, &[])
        };
        let (csms, charger) = (ids(Side::Csms), ids(Side::ChargePoint));
        let alone = of(std::slice::from_ref(&csms));
        assert_eq!(alone.sentence(), "Core test case ids: CSMS 36 of 36");
        assert_eq!((alone.covered.len(), alone.missing.len()), (36, 0));
        let alone = of(std::slice::from_ref(&charger));
        assert_eq!(
            alone.sentence(),
            "Core test case ids: charge point 53 of 53"
        );
        let both = of(&[csms, charger]);
        assert_eq!(
            both.sentence(),
            "Core test case ids: CSMS 36 of 36, charge point 53 of 53"
        );
        let json = serde_json::to_value(&both).unwrap();
        assert_eq!(
            json["sides"][0],
            serde_json::json!({"side": "csms", "covered": 36, "all": 36})
        );
        let failed = scenario(&["csms", "TC_001_CSMS"], Status::NotRun, &[]);
        assert_eq!(of(&[failed]).sentence(), "Core test case ids: CSMS 0 of 36");
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
