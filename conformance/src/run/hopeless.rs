//! A system under test with which no scenario gets anywhere ends the run early: one finding is told once, not by every
//! scenario.
//!
//! A system that gets a single scenario past its first step is never cut off.

use std::collections::HashMap;

use crate::report::causes::cause_of;
use crate::report::{ScenarioReport, Status};

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
        let said_something = scenario
            .frames
            .iter()
            .any(|frame| frame.direction == "from_sut");
        self.answers |= first == Status::Passed && said_something;
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
                "the run was ended early: no scenario that has ended came past its first step, and {} failed there for \
                 one reason: {cause}",
                same.len()
            )
        })
    }
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
