//! What a liberty comes to: which scenarios blame a right system for it.

use super::kill::{Before, what_it_says};
use crate::benign::Liberty;
use crate::report::matrix::Blame;
use crate::report::{ScenarioReport, Status};

/// Who minded, and who only warned.
pub(super) struct Judged {
    pub(super) alarm: Option<Blame>,
    pub(super) warning: Option<Blame>,
}

/// A scenario that passes without the liberty must come to the same end with it: one that is not run any more shows
/// nothing, and neither does a liberty that never bent a frame.
pub(super) fn judged(
    liberty: &Liberty,
    scenarios: &[ScenarioReport],
    before: &Before,
    bent: bool,
) -> Judged {
    let (mut alarm, mut warning) = (Vec::new(), Vec::new());
    for scenario in scenarios {
        let before = before.get(&scenario.name).copied();
        let was_good = matches!(before, Some(Status::Passed | Status::Warned));
        let text = || format!("{}: {}", scenario.name, what_it_says(scenario));
        match scenario.status {
            Status::Failed => alarm.push(text()),
            Status::NotRun | Status::NotApplicable if was_good => alarm.push(text()),
            Status::Warned if before != Some(Status::Warned) => warning.push(text()),
            _ => {}
        }
    }
    if !bent {
        alarm.push("no scenario gave it an occasion: it bent no frame".to_owned());
    }
    let blame = |by: Vec<String>| {
        (!by.is_empty()).then_some(Blame {
            name: liberty.name,
            because: liberty.because,
            by,
        })
    };
    Judged {
        alarm: blame(alarm),
        warning: blame(warning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benign;
    use crate::case::side::Side;

    fn judge(status: Status, bent: bool) -> Judged {
        let scenario = ScenarioReport {
            name: "one".into(),
            reason: (status != Status::Passed).then(|| "a reason".to_owned()),
            ..crate::report::tests::scenario(&[], status, &[])
        };
        let before = Before::from([("one".to_owned(), Status::Passed)]);
        judged(&benign::of(Side::Csms)[0], &[scenario], &before, bent)
    }

    #[test]
    fn a_liberty_that_keeps_a_scenario_from_running_has_not_passed() {
        for status in [Status::Failed, Status::NotRun, Status::NotApplicable] {
            let alarm = judge(status, true).alarm.expect("an alarm");
            assert!(alarm.by[0].starts_with("one: "), "{alarm:?}");
        }
        let passed = judge(Status::Passed, true);
        assert!(passed.alarm.is_none() && passed.warning.is_none());
        assert!(
            judge(Status::Passed, false).alarm.is_some(),
            "it bent nothing"
        );
    }

    #[test]
    fn a_new_warning_is_told_and_is_no_alarm() {
        let judged = judge(Status::Warned, true);
        assert!(judged.alarm.is_none());
        assert_eq!(
            judged.warning.expect("a warning").by,
            ["one: warned: a reason"]
        );
    }
}
