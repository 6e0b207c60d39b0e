//! The report as one HTML page that needs nothing else: for people, the hardware engineer first. A part per side
//! under test, failures first and open.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use askama::Template;
use serde_json::Value;

use crate::case::catalogue;
use crate::case::side::{SIDES, Side};
use crate::report::causes::causes;
use crate::report::evidence::Evidence;
use crate::report::rest_coverage::ApiCoverage;
use crate::report::sequence::{ARROWS_MAX, Sequence, peer};
use crate::report::story::{Row, rows, seconds};
use crate::report::{Report, ScenarioReport, Status, Summary};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    started: String,
    took: String,
    /// How many arrows a drawing has at most.
    arrows_max: usize,
    /// What failed, over all sides, by its cause.
    causes: Vec<CauseView<'a>>,
    /// What was warned about.
    warned: Vec<Link<'a>>,
    parts: Vec<PartView<'a>>,
    /// What came and what did not of the REST API under test.
    api: Option<ApiView<'a>>,
    /// What a charge point says of itself, and the capability file.
    device: Vec<(String, String)>,
    capabilities: String,
}

/// A cause and the scenarios that failed for it.
struct CauseView<'a> {
    name: String,
    /// Each says something else, within one cause.
    differs: bool,
    links: Vec<Link<'a>>,
}

/// The OpenAPI document held against the traffic, an operation per line.
struct ApiView<'a> {
    sentence: String,
    gaps: Vec<String>,
    operations: Vec<OperationView<'a>>,
}

struct OperationView<'a> {
    method: &'a str,
    path: &'a str,
    /// Status and the number of scenarios that got it; none for an answer that nobody got.
    answers: Vec<(u16, usize)>,
}

/// The scenarios of one side under test.
struct PartView<'a> {
    anchor: &'static str,
    title: &'static str,
    summary: Summary,
    ids: Vec<IdView<'a>>,
    ids_covered: usize,
    features: Vec<FeatureView<'a>>,
}

struct FeatureView<'a> {
    name: &'a str,
    summary: Summary,
    scenarios: Vec<ScenarioView<'a>>,
}

struct ScenarioView<'a> {
    index: usize,
    scenario: &'a ScenarioReport,
    class: &'static str,
    began: String,
    took: String,
    /// Who is at the other end of the line.
    peer: &'static str,
    drawing: Sequence,
    rows: Vec<Row>,
}

/// An id of a known test case and the scenarios that carry it.
struct IdView<'a> {
    id: &'static str,
    covered: bool,
    links: Vec<Link<'a>>,
}

/// The way to a scenario on this page.
struct Link<'a> {
    index: usize,
    scenario: &'a ScenarioReport,
}

pub(super) fn render(report: &Report) -> Result<String> {
    let sides = [
        (Some(Side::Csms), "csms", "CSMS under test"),
        (
            Some(Side::ChargePoint),
            "charge-point",
            "Charge point under test",
        ),
        (Some(Side::Api), "api", "REST API under test"),
        (Some(Side::Cpo), "cpo", "CPO under test"),
        (None, "others", "Scenarios without a side"),
    ];
    let parts = sides
        .into_iter()
        .filter_map(|(side, anchor, title)| part_view(report, side, anchor, title))
        .collect();
    let page = Page {
        report,
        started: to_the_second(&report.started_at),
        took: seconds(report.duration_ms),
        arrows_max: ARROWS_MAX,
        causes: causes(&report.scenarios)
            .into_iter()
            .map(|cause| CauseView {
                name: cause.name,
                differs: cause.differs,
                links: cause
                    .scenarios
                    .into_iter()
                    .map(|index| Link {
                        index,
                        scenario: &report.scenarios[index],
                    })
                    .collect(),
            })
            .collect(),
        warned: links(report, |scenario| scenario.status == Status::Warned),
        parts,
        api: report
            .coverage
            .api
            .as_ref()
            .map(|coverage| api_view(report, coverage)),
        device: device(report),
        capabilities: match &report.environment.capabilities {
            Value::Null => String::new(),
            file => serde_json::to_string_pretty(file).unwrap_or_default(),
        },
    };
    page.render().context("cannot write the report as HTML")
}

/// The members of its BootNotification, by their names.
fn device(report: &Report) -> Vec<(String, String)> {
    let members = report.environment.device.as_object();
    let text = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    members
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn api_view<'a>(report: &'a Report, coverage: &'a ApiCoverage) -> ApiView<'a> {
    let mut operations: BTreeMap<(&str, &str), Vec<(u16, usize)>> = BTreeMap::new();
    for came in &report.coverage.http {
        let answers = operations.entry((&came.path, &came.method)).or_default();
        answers.push((came.status, came.scenarios));
    }
    for missing in &coverage.missing {
        let answers = operations
            .entry((&missing.path, &missing.method))
            .or_default();
        // Where some of its codes came, the gaps above name the rest.
        if answers.iter().all(|(status, _)| *status != missing.status) {
            answers.push((missing.status, 0));
        }
    }
    let operations = operations.into_iter().map(|((path, method), mut answers)| {
        answers.sort_unstable();
        OperationView {
            method,
            path,
            answers,
        }
    });
    ApiView {
        sentence: coverage.sentence(),
        gaps: coverage.gaps(),
        operations: operations.collect(),
    }
}

fn links(report: &Report, wanted: impl Fn(&ScenarioReport) -> bool) -> Vec<Link<'_>> {
    let all = report.scenarios.iter().enumerate();
    all.filter(|(_, scenario)| wanted(scenario))
        .map(|(index, scenario)| Link { index, scenario })
        .collect()
}

fn part_view<'a>(
    report: &'a Report,
    side: Option<Side>,
    anchor: &'static str,
    title: &'static str,
) -> Option<PartView<'a>> {
    let of_part = |scenario: &ScenarioReport| match side {
        Some(side) => scenario.tests(side),
        None => !SIDES.into_iter().any(|side| scenario.tests(side)),
    };
    let mut features: Vec<FeatureView<'a>> = Vec::new();
    for Link { index, scenario } in links(report, of_part) {
        let view = scenario_view(index, scenario);
        match features
            .iter_mut()
            .find(|feature| feature.name == scenario.feature)
        {
            Some(feature) => feature.scenarios.push(view),
            None => features.push(FeatureView {
                name: &scenario.feature,
                summary: Summary::default(),
                scenarios: vec![view],
            }),
        }
    }
    if features.is_empty() {
        return None;
    }
    let mut summary = Summary::default();
    for feature in &mut features {
        feature
            .scenarios
            .sort_by_key(|view| urgency(view.scenario.status));
        for view in &feature.scenarios {
            feature.summary.count(view.scenario.status);
            summary.count(view.scenario.status);
        }
    }
    features.sort_by_key(|feature| feature.summary.failed == 0);
    let ids: Vec<IdView<'a>> = side.map_or_else(Vec::new, |side| id_views(report, side));
    Some(PartView {
        anchor,
        title,
        summary,
        ids_covered: ids.iter().filter(|id| id.covered).count(),
        ids,
        features,
    })
}

fn id_views(report: &Report, side: Side) -> Vec<IdView<'_>> {
    let covered = &report.coverage.catalogue.covered;
    let view = |id: &&'static str| IdView {
        id,
        covered: covered.contains(id),
        links: links(report, |scenario| scenario.has_tag(id)),
    };
    let mut ids: Vec<_> = catalogue::ids_of(side).iter().map(view).collect();
    ids.sort_by_key(|id| id.covered);
    ids
}

impl Summary {
    fn count(&mut self, status: Status) {
        self.scenarios += 1;
        match status {
            Status::Passed => self.passed += 1,
            Status::Failed => self.failed += 1,
            Status::Warned => self.warned += 1,
            Status::NotRun => self.not_run += 1,
            Status::NotApplicable => self.not_applicable += 1,
        }
    }
}

/// What a reader wants to see first.
fn urgency(status: Status) -> u8 {
    match status {
        Status::Failed => 0,
        Status::Warned => 1,
        Status::NotRun => 2,
        Status::NotApplicable => 3,
        Status::Passed => 4,
    }
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Warned => "warned",
        Status::NotRun | Status::NotApplicable => "notrun",
    }
}

fn scenario_view(index: usize, scenario: &ScenarioReport) -> ScenarioView<'_> {
    let evidence = Evidence::of(scenario);
    let mut rows = rows(scenario, &evidence);
    if scenario.status != Status::Failed {
        for row in &mut rows {
            leave_out_what_follows(row, peer(scenario));
        }
    }
    ScenarioView {
        index,
        scenario,
        class: class(scenario.status),
        began: to_the_millisecond(&scenario.started_at),
        took: seconds(scenario.duration_ms),
        peer: peer(scenario),
        drawing: Sequence::of(scenario, &evidence),
        rows,
    }
}

/// Most scenarios of a run are of interest to nobody: the page makes what follows from the rest when they are opened.
fn leave_out_what_follows(row: &mut Row, peer: &str) {
    row.clock.clear();
    let of_ocpp = [format!("rig → {peer}"), format!("{peer} → rig")];
    if row.frame.is_some() && of_ocpp.contains(&row.who) {
        row.who.clear();
    }
}

/// `2026-01-02 03:04:05 UTC` out of a time stamp with as many decimals as there are.
fn to_the_second(stamp: &str) -> String {
    written(stamp, "%Y-%m-%d %H:%M:%S UTC")
}

/// `2026-01-02 03:04:05.678 UTC`.
fn to_the_millisecond(stamp: &str) -> String {
    written(stamp, "%Y-%m-%d %H:%M:%S%.3f UTC")
}

fn written(stamp: &str, form: &str) -> String {
    match stamp.parse::<jiff::Timestamp>() {
        Ok(stamp) => stamp.strftime(form).to_string(),
        Err(_) => stamp.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, scenario};
    use crate::report::{NoteReport, StepReport};

    fn page() -> String {
        let call = r#"[2,"1","Reset",{"type":"Soft"}]"#;
        let answer = r#"[3,"1",{"status":"Rejected"}]"#;
        let frames = [("to_sut", call), ("from_sut", answer)];
        let mut passed = scenario(&["csms", "TC_001_CSMS"], Status::Passed, &[]);
        passed.name = "All is well".into();
        let mut failed = scenario(&["charge-point", "TC_002_CS"], Status::Failed, &frames);
        failed.name = "It <breaks>".into();
        failed.reason = Some("it answered Rejected, not Accepted".into());
        failed.duration_ms = 1_234;
        failed.steps.push(StepReport {
            text: "Then it answers Accepted".into(),
            status: Status::Failed,
            error: Some("it answered Rejected, not Accepted".into()),
            started_ms: 12,
            ended_ms: 13,
            started_us: 12_345,
            line: 0,
        });
        for text in [
            "operator: plug the cable in at connector 1",
            "driver answered: 200 OK",
        ] {
            failed.notes.push(NoteReport {
                at: 7,
                at_us: 7_000,
                text: text.into(),
            });
        }
        let mut fine = scenario(&["charge-point", "TC_001_CS"], Status::Passed, &[]);
        fine.name = "Fine".into();
        render(&report(vec![passed, fine, failed])).unwrap()
    }

    #[test]
    fn each_side_has_its_heading_counts_and_ids_and_failures_come_first_and_open() {
        let page = page();
        let at = |text: &str| {
            page.find(text)
                .unwrap_or_else(|| panic!("{text} is not in\n{page}"))
        };
        assert!(at("CSMS under test") < at("Charge point under test"));
        assert!(page.contains("1 of 36") && page.contains("1 of 53"));
        let failed = at(r#"<details id="s2" class="scenario failed""#);
        assert!(failed < at(r#"<details id="s1" class="scenario passed""#));
        let tag = page[failed..].split('>').next().unwrap();
        assert!(tag.ends_with(" open"), "{tag}");
        assert!(
            at(r##"href="#s2""##) < failed,
            "what failed is linked from above"
        );
        assert!(page.contains("It &#60;breaks&#62;") && !page.contains("It <breaks>"));
    }

    #[test]
    fn rows_say_who_does_what_and_times_are_to_the_millisecond_with_units() {
        let page = page();
        for text in [
            "2026-01-02 03:04:05 UTC",
            "61.234 s",
            "1.234 s",
            "0.012 s",
            "to the operator",
            "plug the cable in at connector 1",
            "from the driver",
            "rig → charger",
            "Rejected to Reset",
        ] {
            assert!(page.contains(text), "{text} is not in\n{page}");
        }
        assert!(!page.contains("123456"), "nanoseconds");
    }

    #[test]
    fn what_did_not_fail_holds_each_fact_once_and_what_the_script_needs_for_the_rest() {
        let (frame, mut one) = (
            r#"[2,"1","Reset",{"type":"Soft"}]"#,
            scenario(&["charge-point"], Status::Passed, &[]),
        );
        let page = |scenario: ScenarioReport| render(&report(vec![scenario])).unwrap();
        one.frames = scenario(&[], Status::Passed, &[("to_sut", frame)]).frames;
        (one.started_ms, one.frames[0].at) = (1_000, 1_012);
        let mut failed = one.clone();
        failed.status = Status::Failed;
        let (passed, failed) = (page(one), page(failed));
        let facts = r#" data-began="1000" data-peer="charger""#;
        assert!(
            passed.contains(facts) && !failed.contains(facts),
            "{passed}"
        );
        for text in ["00:00:01.012", "<u>rig → charger</u>", r##"href="#s0f0""##] {
            assert!(failed.contains(text) && !passed.contains(text), "{text}");
        }
        assert!(
            passed.contains("<i>0.012 s</i><b>Reset</b><pre>[2,"),
            "{passed}"
        );
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page();
        for text in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(text), "{text}");
        }
    }

    #[test]
    fn each_arrow_of_the_drawing_leads_to_its_frame() {
        let page = page();
        let links: Vec<&str> = page
            .split(r##"href="#"##)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let to_frames = links.iter().filter(|link| link.starts_with("s2f"));
        let to_frames: Vec<&str> = to_frames.copied().collect();
        // The two arrows, and the step that failed.
        assert_eq!(to_frames, ["s2f0", "s2f1", "s2f1"]);
        for link in links {
            assert!(page.contains(&format!(r#"id="{link}""#)), "{link}");
        }
        for text in [
            "rig as CSMS",
            "charge point CP",
            "Rejected to Reset",
            "00:00:00.012",
            "charge point <b>CP</b>",
            "see the message",
        ] {
            assert!(page.contains(text), "{text} is not in\n{page}");
        }
    }

    #[test]
    fn what_is_wrong_is_marked_and_what_was_expected_stands_beside_it() {
        let page = page();
        let mark = "<mark>\"Rejected\"</mark>";
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}\n{page}"));
        let frame = at(r#"id="s2f1""#);
        assert!(frame < at(mark), "{page}");
        let expected = &page[at("expected: answer to Reset")..];
        let cells = "<td>status</td><td>Accepted</td><td>✗ came &#34;Rejected&#34;</td>";
        assert!(expected.contains(cells), "{expected}");
    }

    #[test]
    fn the_environment_names_the_device_its_settings_and_the_capability_file() {
        let mut report = report(vec![scenario(&["charge-point"], Status::Passed, &[])]);
        report.environment.device = serde_json::json!({"chargePointModel": "Wallbox <1>"});
        report
            .environment
            .configuration
            .insert("HeartbeatInterval".into(), Some("300".into()));
        report.environment.capabilities = serde_json::json!({"charge_point": {"connectors": 1}});
        report.summary.problems = vec!["a waiver fits nothing".into()];
        report.summary.ended_early = Some("the run was ended early: silence".into());
        let page = render(&report).unwrap();
        for text in [
            "chargePointModel</td><td>Wallbox &#60;1&#62;",
            "HeartbeatInterval</td><td>300",
            "&#34;connectors&#34;: 1",
            "a waiver fits nothing",
            "the run was ended early: silence",
        ] {
            assert!(page.contains(text), "{text} is not in\n{page}");
        }
    }
}
