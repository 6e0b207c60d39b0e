//! The message sequence of a scenario: who said what to whom, as arrows between the ends.

use std::collections::HashMap;

use serde_json::Value;

use super::evidence::Evidence;
use super::{FrameReport, ScenarioReport, Status};
use crate::case::side::Side;
use crate::wire::entry::Message;

/// Arrows of a drawing: the record below it has the rest.
pub(super) const ARROWS_MAX: usize = 300;

/// The drawing of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sequence {
    /// Who makes the system under test do something, where somebody was asked.
    pub(super) hand: Option<&'static str>,
    /// What the rig plays.
    pub(super) rig: &'static str,
    pub(super) sut: String,
    pub(super) arrows: Vec<Arrow>,
    /// Arrows that are left out.
    pub(super) more: usize,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    /// For the style sheet: which way it points, and what it is.
    pub(super) class: String,
    /// Milliseconds from the beginning.
    pub(super) at: String,
    pub(super) label: String,
    /// The frame behind it, by its place.
    pub(super) frame: Option<usize>,
}

/// Milliseconds as the drawing shows them: `1.234`.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

impl Sequence {
    pub(super) fn of(scenario: &ScenarioReport, evidence: &Evidence) -> Self {
        let since = |at: u64| seconds(at.saturating_sub(scenario.started_ms));
        let mut hand = None;
        let mut all: Vec<(u64, Arrow)> = Vec::new();
        for note in &scenario.notes {
            let (class, label) = match asked(&note.text) {
                Some((who, is_answer, what)) => {
                    hand.get_or_insert(who);
                    (if is_answer { "said" } else { "asked" }, what)
                }
                None => ("event", note.text.trim_start_matches("rig: ")),
            };
            let arrow = Arrow {
                class: class.into(),
                at: since(note.at),
                label: label.to_owned(),
                frame: None,
            };
            all.push((note.at_us, arrow));
        }
        for step in &scenario.steps {
            let failed = step.status == Status::Failed && !step.text.starts_with('(');
            if failed && step.started_us > 0 {
                let arrow = Arrow {
                    class: "event broken".into(),
                    at: since(step.ended_ms),
                    label: format!("✗ {}", step.text),
                    frame: None,
                };
                // It ends behind what came in the same millisecond.
                let end = step.ended_ms.saturating_mul(1_000).saturating_add(999);
                all.push((end, arrow));
            }
        }
        let labels = labels(&scenario.frames);
        for (index, (frame, (kind, label))) in scenario.frames.iter().zip(labels).enumerate() {
            let way = if frame.direction == "to_sut" {
                "out"
            } else {
                "in"
            };
            let broken = evidence.marks.iter().any(|mark| mark.frame == index);
            let arrow = Arrow {
                class: format!("{way}{kind}{}", if broken { " broken" } else { "" }),
                at: since(frame.at),
                label,
                frame: Some(index),
            };
            all.push((frame.at_us, arrow));
        }
        all.sort_by_key(|(at, _)| *at);
        let more = all.len().saturating_sub(ARROWS_MAX);
        let (rig, sut) = ends(scenario);
        Self {
            hand,
            rig,
            sut,
            arrows: all
                .into_iter()
                .take(ARROWS_MAX)
                .map(|(_, arrow)| arrow)
                .collect(),
            more,
        }
    }
}

/// What the rig plays, and what is under test.
fn ends(scenario: &ScenarioReport) -> (&'static str, String) {
    let charger = format!("charge point {}", scenario.identity);
    if scenario.tests(Side::Cpo) {
        return ("rig as eMSP", "CPO".into());
    }
    match (scenario.tests(Side::Api), peer(scenario)) {
        (false, CHARGER) => ("rig as CSMS", charger),
        (false, _) => ("rig as charge point", "CSMS".into()),
        (true, _) if scenario.frames.iter().all(|frame| frame.http.is_some()) => {
            ("rig as clients", "REST API".into())
        }
        (true, CHARGER) => ("rig as clients and between", format!("REST API, {charger}")),
        (true, _) => ("rig as clients and charge point", "REST API, CSMS".into()),
    }
}

const CHARGER: &str = "charger";

/// Who is at the other end of the OCPP line. Beside the REST API under test it can be either: whoever calls first is the
/// charge point.
pub(super) fn peer(scenario: &ScenarioReport) -> &'static str {
    let is_charger = if scenario.tests(Side::Api) {
        let mut line = scenario.frames.iter().filter(|frame| frame.http.is_none());
        let call = line.find(|frame| matches!(Message::read(&frame.raw), Message::Call { .. }));
        call.is_some_and(|call| call.direction == "from_sut")
    } else {
        scenario.tests(Side::ChargePoint)
    };
    if is_charger { CHARGER } else { "CSMS" }
}

/// A note about the operator or the driver: who, whether it is their answer, and what was said.
pub(super) fn asked(note: &str) -> Option<(&'static str, bool, &str)> {
    let who = ["operator", "driver"]
        .into_iter()
        .find(|who| note.starts_with(who))?;
    let (before, what) = note.split_once(": ")?;
    Some((who, before != who, what))
}

/// Each frame's kind for the style sheet, and its words.
pub(super) fn labels(frames: &[FrameReport]) -> Vec<(&'static str, String)> {
    let mut asked: HashMap<(&'static str, String), String> = HashMap::new();
    let label = |frame: &FrameReport| {
        if let Some(head) = &frame.http {
            return match head.status {
                None => ("", format!("{} {}", head.method, head.path)),
                Some(status) => (
                    " answer",
                    format!("{status} to {} {}", head.method, head.path),
                ),
            };
        }
        let other_way = match frame.direction {
            "to_sut" => "from_sut",
            _ => "to_sut",
        };
        let message = Message::read(&frame.raw);
        let call = message.id().map(|id| (other_way, id.to_owned()));
        let to = call
            .and_then(|call| asked.get(&call))
            .map_or_else(String::new, |action| format!(" to {action}"));
        match message {
            Message::Call {
                id,
                action,
                payload,
            } => {
                asked.insert((frame.direction, id), action.clone());
                ("", format!("{action}{}", brief(&payload)))
            }
            Message::Result { payload, .. } => {
                let word = word(&payload).unwrap_or("answer");
                (" answer", format!("{word}{to}"))
            }
            Message::Error { code, .. } => (" answer", format!("error {code}{to}")),
            Message::Unreadable(_) => ("", "no OCPP-J frame".into()),
        }
    };
    frames.iter().map(label).collect()
}

/// What tells a message from others of its kind.
fn brief(payload: &Value) -> String {
    let connector = payload["connectorId"]
        .as_u64()
        .map(|number| format!(" · connector {number}"));
    let word = word(payload).map(|word| format!(" · {word}"));
    connector.unwrap_or_default() + &word.unwrap_or_default()
}

fn word(payload: &Value) -> Option<&str> {
    let status = payload
        .get("status")
        .or_else(|| payload.pointer("/idTagInfo/status"));
    status?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;
    use crate::report::{NoteReport, StepReport};

    #[test]
    fn each_frame_is_an_arrow_with_its_action_answer_and_time_between_the_right_ends() {
        let frames = [
            (
                "from_sut",
                r#"[2,"1","StatusNotification",{"connectorId":1,"status":"Available"}]"#,
            ),
            ("to_sut", r#"[3,"1",{}]"#),
            ("to_sut", r#"[2,"1","Reset",{"type":"Soft"}]"#),
            ("from_sut", r#"[3,"1",{"status":"Rejected"}]"#),
            ("from_sut", "rubbish"),
        ];
        let mut scenario = scenario(&["charge-point"], Status::Failed, &frames);
        scenario.started_ms = 1_000;
        for (index, frame) in scenario.frames.iter_mut().enumerate() {
            frame.at = 1_000 + 250 * index as u64;
            frame.at_us = frame.at * 1_000 + 500;
        }
        for (at, text) in [
            (1_001, "operator: plug in"),
            (1_002, "operator answered: done"),
            (1_003, "the line is open"),
        ] {
            scenario.notes.push(NoteReport {
                at,
                at_us: at * 1_000,
                text: text.into(),
            });
        }
        scenario.steps.push(StepReport {
            text: "Then it answers Accepted".into(),
            status: Status::Failed,
            error: None,
            started_ms: 1_600,
            ended_ms: 1_750,
            started_us: 1_600_000,
            line: 0,
        });
        let drawing = Sequence::of(&scenario, &Evidence::default());
        let arrows: Vec<(&str, &str, &str, Option<usize>)> = drawing
            .arrows
            .iter()
            .map(|arrow| {
                (
                    arrow.class.as_str(),
                    arrow.at.as_str(),
                    arrow.label.as_str(),
                    arrow.frame,
                )
            })
            .collect();
        assert_eq!(
            arrows,
            [
                (
                    "in",
                    "0.000",
                    "StatusNotification · connector 1 · Available",
                    Some(0)
                ),
                ("asked", "0.001", "plug in", None),
                ("said", "0.002", "done", None),
                ("event", "0.003", "the line is open", None),
                (
                    "out answer",
                    "0.250",
                    "answer to StatusNotification",
                    Some(1)
                ),
                ("out", "0.500", "Reset", Some(2)),
                ("in answer", "0.750", "Rejected to Reset", Some(3)),
                ("event broken", "0.750", "✗ Then it answers Accepted", None),
                ("in", "1.000", "no OCPP-J frame", Some(4)),
            ]
        );
        assert_eq!(
            (drawing.hand, drawing.rig, drawing.sut.as_str()),
            (Some("operator"), "rig as CSMS", "charge point CP")
        );
    }

    #[test]
    fn beside_the_rest_api_whoever_calls_first_is_the_charge_point() {
        let beat = r#"[2,"1","Heartbeat",{}]"#;
        let ends = |direction| ends(&scenario(&["api"], Status::Passed, &[(direction, beat)]));
        assert_eq!(ends("from_sut").1, "REST API, charge point CP");
        let (rig, sut) = ends("to_sut");
        assert_eq!(
            (rig, sut.as_str()),
            ("rig as clients and charge point", "REST API, CSMS")
        );
        let alone = scenario(&["api"], Status::Passed, &[]);
        assert_eq!(super::ends(&alone).1, "REST API");
    }

    #[test]
    fn a_long_record_is_drawn_in_part() {
        let beat = ("from_sut", r#"[2,"1","Heartbeat",{}]"#);
        let scenario = scenario(&["csms"], Status::Passed, &[beat; ARROWS_MAX + 7]);
        let drawing = Sequence::of(&scenario, &Evidence::default());
        assert_eq!((drawing.arrows.len(), drawing.more), (ARROWS_MAX, 7));
        assert_eq!(drawing.hand, None);
    }
}
