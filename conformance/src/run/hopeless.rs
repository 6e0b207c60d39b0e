//! A system under test with which no scenario gets anywhere ends the run early: one finding is told once, not by every
//! scenario.
//!
//! A system that gets one of the first scenarios past its beginnings is never cut off. Beginnings are the first step, and what the
//! rig does by itself, as connecting and booting. Rubbish and errors get nobody anywhere.

use std::collections::HashMap;

use crate::report::causes::{cause_of, what_failed};
use crate::report::{FrameReport, ScenarioReport, Status, StepReport};
use crate::wire::entry::Message;

/// Scenarios that have to fail in the same way.
const STUCK_MIN: usize = 5;

/// What is known of a system under test so far.
#[derive(Debug, Default)]
pub(super) struct Hopeless {
    /// It said something, and a scenario went on from there.
    answers: bool,
    /// Scenarios that failed at their first step, by their cause.
    stuck: HashMap<String, Vec<Stuck>>,
}

/// When a scenario that got nowhere began and ended.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    began_ms: u64,
    ended_ms: u64,
}

impl Hopeless {
    /// Looks at a scenario that has ended. Says why the others need no turn, once that is clear.
    pub(super) fn look_at(&mut self, scenario: &ScenarioReport) -> Option<String> {
        let first = scenario.steps.first()?.status;
        self.answers |= got_somewhere(scenario);
        if self.answers || first != Status::Failed || scenario.status != Status::Failed {
            return None;
        }
        let cause = cause_of(scenario);
        let same = self.stuck.entry(cause.clone()).or_default();
        same.push(Stuck {
            began_ms: scenario.started_ms,
            ended_ms: scenario.started_ms + scenario.duration_ms,
        });
        // Scenarios that run side by side see the same bad moment. One of them has to come later.
        let first_end = same.iter().map(|stuck| stuck.ended_ms).min()?;
        let again = same.iter().any(|stuck| stuck.began_ms >= first_end);
        (same.len() >= STUCK_MIN && again).then(|| {
            format!(
                "the run was ended early: no scenario that has ended came past its beginnings, and {} failed there for \
                 one reason, such as: {}",
                same.len(),
                what_failed(scenario)
            )
        })
    }
}

/// Whether the system said something that is no error, and the scenario went on from there.
fn got_somewhere(scenario: &ScenarioReport) -> bool {
    let passed = |step: &&StepReport| step.status == Status::Passed;
    // What comes about (Given) or is seen (Then) needs the system; what the rig does (When) does not.
    let (mut begun, mut kind) = (false, "");
    for step in scenario.steps.iter().take_while(passed) {
        let keyword = step.text.split(' ').next().unwrap_or_default();
        if !matches!(keyword, "And" | "But" | "*") {
            kind = keyword;
        }
        begun |= kind != "When";
    }
    let speaks = |frame: &FrameReport| {
        let says = Message::read(&frame.raw);
        frame.direction == "from_sut"
            && (frame.http.is_some()
                || matches!(says, Message::Call { .. } | Message::Result { .. }))
    };
    begun && scenario.frames.iter().any(speaks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::StepReport;
    use crate::report::tests::scenario;

    fn stuck(reason: &str, began_ms: u64) -> ScenarioReport {
        let mut scenario = scenario(&["csms"], Status::Failed, &[]);
        scenario.reason = Some(reason.into());
        scenario.started_ms = began_ms;
        scenario.duration_ms = 10;
        scenario.steps.push(StepReport {
            text: "Given a charge point that the CSMS has accepted".into(),
            status: Status::Failed,
            error: Some(reason.into()),
            started_ms: began_ms,
            ended_ms: began_ms + 10,
            started_us: began_ms * 1_000,
            line: 0,
        });
        scenario
    }

    const SILENT: &str = "BootNotification was not answered within 5 s";

    #[test]
    fn five_scenarios_that_get_nowhere_for_one_reason_are_enough() {
        let mut hopeless = Hopeless::default();
        for began in [0, 10, 20, 30] {
            assert_eq!(hopeless.look_at(&stuck(SILENT, began)), None);
        }
        assert_eq!(hopeless.look_at(&stuck("something else", 40)), None);
        let why = hopeless.look_at(&stuck(SILENT, 50)).unwrap();
        assert!(why.contains("was not answered"), "{why}");
    }

    #[test]
    fn one_bad_moment_of_scenarios_side_by_side_is_not() {
        let mut hopeless = Hopeless::default();
        for _ in 0..16 {
            assert_eq!(hopeless.look_at(&stuck(SILENT, 0)), None);
        }
        assert!(hopeless.look_at(&stuck(SILENT, 10)).is_some());
    }

    #[test]
    fn a_system_that_got_one_scenario_past_its_first_step_is_not_cut_off() {
        let beat = [("from_sut", r#"[3,"1",{}]"#)];
        for status in [Status::Passed, Status::Failed] {
            let mut hopeless = Hopeless::default();
            for began in [0, 10, 20, 30] {
                assert_eq!(hopeless.look_at(&stuck(SILENT, began)), None);
            }
            let mut further = scenario(&["csms"], status, &beat);
            let mut step = stuck("", 0).steps.remove(0);
            step.status = Status::Passed;
            further.steps.push(step);
            assert_eq!(hopeless.look_at(&further), None);
            for began in 40..60 {
                assert_eq!(hopeless.look_at(&stuck(SILENT, began * 10)), None);
            }
        }
        // What needs no word of the system shows nothing.
        let mut hopeless = Hopeless::default();
        let mut mute = scenario(&["csms"], Status::Passed, &[]);
        let mut step = stuck("", 0).steps.remove(0);
        step.status = Status::Passed;
        mute.steps.push(step);
        assert_eq!(hopeless.look_at(&mute), None);
        let mut ends = (0..6).map(|turn| hopeless.look_at(&stuck(SILENT, turn * 10)));
        assert!(ends.any(|end| end.is_some()));
    }

    #[test]
    fn what_the_rig_does_by_itself_and_rubbish_and_errors_get_nobody_anywhere() {
        let got = |steps: &[&str], frame: &str| {
            let mut one = scenario(&["csms"], Status::Failed, &[("from_sut", frame)]);
            for text in steps {
                let mut step = stuck("", 0).steps.remove(0);
                (step.status, step.text) = (Status::Passed, (*text).into());
                one.steps.push(step);
            }
            got_somewhere(&one)
        };
        let connects = ["When a charge point connects", "And it boots"];
        let seen = ["When it boots", "Then the CSMS answers Accepted"];
        let accepted = ["Given a charge point that the CSMS has accepted"];
        let answer = r#"[3,"1",{"status":"Rejected"}]"#;
        assert!(!got(&connects, answer));
        assert!(got(&seen, answer) && got(&accepted, answer));
        for nothing in [r#"[4,"1","InternalError","",{}]"#, "<html>", "[]"] {
            assert!(!got(&accepted, nothing), "{nothing}");
        }
    }

    #[test]
    fn scenarios_that_were_not_run_do_not_count() {
        let mut hopeless = Hopeless::default();
        for began in 0..20 {
            let mut one = stuck("needs --driver", began * 10);
            one.status = Status::NotRun;
            one.steps[0].status = Status::NotRun;
            assert_eq!(hopeless.look_at(&one), None);
        }
    }
}
