//! When what the scenarios have shown is enough, and the others need no turn.

use super::hopeless::Hopeless;
use super::settle::Settling;
use crate::report::{ScenarioReport, Status};

/// The reason of scenarios that had not ended when enough others had failed.
const FAIL_FAST: &str = "--fail-fast: enough scenarios had failed";

/// What may end a run before all scenarios had their turn.
pub(super) struct Enough {
    /// So many failures.
    fail_fast: Option<u16>,
    failed: u16,
    /// A system under test with which none gets anywhere; the bundled sides are several, and not watched.
    hopeless: Option<Hopeless>,
}

impl Enough {
    pub(super) fn new(fail_fast: Option<u16>, is_bundled: bool) -> Self {
        Self {
            fail_fast,
            failed: 0,
            hopeless: (!is_bundled).then(Hopeless::default),
        }
    }

    /// Settles a scenario that has ended, and says why the run is to end, once that is clear: what counts is what is left of
    /// the failures.
    pub(super) fn settle(
        &mut self,
        settling: &mut Settling,
        scenario: &mut ScenarioReport,
    ) -> Option<String> {
        settling.settle(scenario);
        self.failed += u16::from(scenario.status == Status::Failed);
        let reason = self
            .hopeless
            .as_mut()
            .and_then(|hopeless| hopeless.look_at(scenario));
        let enough = self.fail_fast.is_some_and(|most| self.failed >= most);
        reason.or_else(|| enough.then(|| FAIL_FAST.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::waivers::Waiver;
    use crate::report::tests::scenario;

    #[test]
    fn fail_fast_counts_what_waivers_and_strictness_leave() {
        let waiver = Waiver {
            rule: None,
            case: Some("TC_003_CS".into()),
            reason: "known".into(),
            until: None,
        };
        let today = jiff::civil::date(2026, 6, 1);
        let mut settling = Settling::new(Some(None), &[waiver], today);
        let mut enough = Enough::new(Some(1), true);
        let mut known = scenario(&["charge-point", "TC_003_CS"], Status::Failed, &[]);
        assert_eq!(enough.settle(&mut settling, &mut known), None);
        let mut warned = scenario(&["charge-point"], Status::Warned, &[]);
        let end = enough.settle(&mut settling, &mut warned);
        assert_eq!(end.as_deref(), Some(FAIL_FAST));
    }
}
