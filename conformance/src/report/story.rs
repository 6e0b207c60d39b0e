//! The story of a scenario for the page: its steps, the frames and what was asked of people, in the order of time.

use jiff::Timestamp;

use super::evidence::{Evidence, Expected, body};
use super::pretty::{Place, Span, pretty};
use super::sequence::{asked, labels, peer};
use super::{FrameReport, ScenarioReport, Status};

/// A line of the story.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) class: &'static str,
    /// Seconds from the beginning of the scenario; nothing where it did not come to that.
    pub(super) at: String,
    /// The time of day, UTC.
    pub(super) clock: String,
    /// Who does it, or how a step ended.
    pub(super) who: String,
    pub(super) text: String,
    pub(super) detail: String,
    /// Of a frame: its place, for links to it.
    pub(super) frame: Option<usize>,
    /// Of a frame: what it holds.
    pub(super) spans: Vec<Span>,
    /// Of a frame: what is wrong with it.
    pub(super) wrong: Vec<String>,
    /// Frames that show why a step failed.
    pub(super) shown_by: Vec<usize>,
    /// What was expected here.
    pub(super) expected: Vec<Expected>,
}

/// A length of time for people: `1.234 s`.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// The time of day of an instant in Unix milliseconds: `10:15:42.123`.
fn clock(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).map_or_else(
        |_| String::new(),
        |at| at.strftime("%H:%M:%S%.3f").to_string(),
    )
}

pub(super) fn rows(scenario: &ScenarioReport, evidence: &Evidence) -> Vec<Row> {
    let since = |at: u64| seconds(at.saturating_sub(scenario.started_ms));
    let steps = scenario.steps.iter().enumerate().map(|(index, step)| {
        let came = step.started_us > 0;
        let (class, who) = match step.status {
            Status::Passed => ("step passed", "✓"),
            Status::Failed => ("step failed", "✗"),
            Status::Warned => ("step warned", "!"),
            Status::NotRun | Status::NotApplicable => ("step notrun", "–"),
        };
        let mut row = Row {
            class,
            who: who.into(),
            text: step.text.clone(),
            detail: step.error.clone().unwrap_or_default(),
            shown_by: shown_by(evidence, index, step.error.as_deref()),
            // Beside the frame that came, where one did.
            expected: expected(evidence, |one| one.step == index && one.frame.is_none()),
            ..Row::default()
        };
        if came {
            (row.at, row.clock) = (since(step.started_ms), clock(step.started_ms));
        }
        (if came { step.started_us } else { u64::MAX }, row)
    });
    let notes = scenario.notes.iter().map(|note| {
        let row = Row {
            at: since(note.at),
            clock: clock(note.at),
            ..note_row(&note.text)
        };
        (note.at_us, row)
    });
    let mut rows: Vec<(u64, Row)> = steps
        .chain(frame_rows(scenario, evidence))
        .chain(notes)
        .collect();
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn expected(evidence: &Evidence, wanted: impl Fn(&Expected) -> bool) -> Vec<Expected> {
    let all = evidence.expected.iter();
    all.filter(|one| wanted(one) && !one.members.is_empty())
        .cloned()
        .collect()
}

/// The frames that the error of a step speaks of.
fn shown_by(evidence: &Evidence, step: usize, error: Option<&str>) -> Vec<usize> {
    let of_step = evidence.expected.iter().filter(|one| one.step == step);
    let marks = evidence.marks.iter();
    let of_error = marks.filter(|mark| error == Some(mark.why.as_str()));
    let mut frames: Vec<usize> = of_step
        .filter_map(|one| one.frame)
        .chain(of_error.map(|mark| mark.frame))
        .collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}

fn frame_rows(scenario: &ScenarioReport, evidence: &Evidence) -> impl Iterator<Item = (u64, Row)> {
    let peer = peer(scenario);
    let frames = scenario.frames.iter().zip(labels(&scenario.frames));
    frames
        .enumerate()
        .map(move |(index, (frame, (kind, label)))| {
            let marks = || evidence.marks.iter().filter(|mark| mark.frame == index);
            let places: Vec<Place> = marks().map(|mark| mark.place.clone()).collect();
            let mut wrong: Vec<String> = marks().map(|mark| mark.why.clone()).collect();
            wrong.dedup();
            let mut row = Row {
                at: seconds(frame.at.saturating_sub(scenario.started_ms)),
                clock: clock(frame.at),
                frame: Some(index),
                wrong,
                expected: expected(evidence, |one| one.frame == Some(index)),
                class: match (frame.direction, kind) {
                    ("to_sut", "") => "out",
                    ("to_sut", _) => "out answer",
                    (_, "") => "in",
                    _ => "in answer",
                },
                ..Row::default()
            };
            row.text = label;
            if frame.http.is_some() {
                fill_in_http(&mut row, frame, &places);
                return (frame.at_us, row);
            }
            row.spans = pretty(&frame.raw, &places);
            row.who = match frame.direction {
                "to_sut" => format!("rig → {peer}"),
                _ => format!("{peer} → rig"),
            };
            (frame.at_us, row)
        })
}

/// A request, or an answer of the REST API.
fn fill_in_http(row: &mut Row, frame: &FrameReport, places: &[Place]) {
    let Some(head) = &frame.http else { return };
    row.who = match head.status {
        None => format!("{} → API", head.who),
        Some(_) => "API → rig".to_owned(),
    };
    row.spans = pretty(body(&frame.raw), places);
}

/// A remark, or what the operator or the driver was asked and answered.
fn note_row(note: &str) -> Row {
    let (class, who, text) = match (asked(note), note.split_once(": ")) {
        (Some((who, false, what)), _) => ("note hand", format!("to the {who}"), what),
        (Some((who, true, what)), _) => ("note hand", format!("from the {who}"), what),
        (None, Some(("rig", what))) => ("note", "rig".into(), what),
        (None, _) => ("note", String::new(), note),
    };
    Row {
        class,
        who,
        text: text.to_owned(),
        ..Row::default()
    }
}
