//! What the CSMS has been told about a connector, and what it must be told next [1.6 §4.9].

use dynamo_protocol::{Millis, Time};

use super::clock::Deadline;
use super::words::{FaultCode, Status};

/// What is told of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) status: Status,
    /// Why it is faulted, or the warning beside another state.
    pub(super) code: Option<FaultCode>,
    /// The reason of the state is that the cable was taken out at the car.
    pub(super) ev_side_disconnected: bool,
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        Self {
            status,
            code: None,
            ev_side_disconnected: false,
        }
    }
}

/// Follows one connector's state and decides when it is reported.
#[derive(Debug)]
pub(super) struct Reporter {
    /// Acknowledged by the CSMS since the last boot.
    known: Option<State>,
    /// Acknowledged or on its way.
    told: Option<State>,
    current: State,
    /// Unset until the state is looked at after a boot: the clock before it may have been any.
    since_ms: Option<i64>,
    /// When the state has lasted long enough to be worth a message [1.6 §9.1.20].
    stable: Deadline,
    /// The line was lost since the last report: what happened meanwhile needs no legal detour.
    away: bool,
}

impl Reporter {
    pub(super) fn new() -> Self {
        Self {
            known: None,
            told: None,
            current: Status::Available.into(),
            since_ms: None,
            stable: Deadline::NEVER,
            away: false,
        }
    }

    /// When the current state came to be, Unix ms; for a state older than the boot, when that was found.
    pub(super) fn since_ms(&self) -> i64 {
        self.since_ms.unwrap_or_default()
    }

    pub(super) fn stable(&self) -> Deadline {
        self.stable
    }

    /// Looks at the state; it must last `minimum_ms` before it is told. Whether it has changed.
    pub(super) fn observe(
        &mut self,
        state: State,
        now: Time,
        wall_ms: i64,
        minimum_ms: Millis,
    ) -> bool {
        self.since_ms.get_or_insert(wall_ms);
        let changed = state != self.current;
        if changed {
            self.current = state;
            self.since_ms = Some(wall_ms);
            self.stable = if self.told == Some(state) {
                Deadline::NEVER
            } else {
                Deadline::at(now.mono_ms + minimum_ms)
            };
        }
        changed
    }

    /// What to tell now, in order: the current state, and before it the one that the standard wants between.
    pub(super) fn due(&mut self, now: Time) -> [Option<State>; 2] {
        let waits = self.stable.is_set() && !self.stable.take_due(now);
        let known = self.told == Some(self.current);
        if known || (waits && self.told.is_some()) {
            return [None, None];
        }
        self.tell()
    }

    /// Tells the current state whether or not it was told, as when the CSMS asks for it.
    pub(super) fn tell(&mut self) -> [Option<State>; 2] {
        let between = self
            .told
            .filter(|told| !self.away && told.status != self.current.status)
            .and_then(|told| between(told.status, self.current.status));
        self.stable = Deadline::NEVER;
        self.away = false;
        self.told = Some(self.current);
        [between.map(State::from), self.told]
    }

    /// The CSMS has heard this one.
    pub(super) fn acknowledged(&mut self, state: State) {
        self.known = Some(state);
    }

    /// What was on its way is lost. After the reconnect only what the CSMS does not know is told: the state now.
    pub(super) fn disconnected(&mut self) {
        self.told = self.known;
        self.away = true;
        self.stable = Deadline::NEVER;
    }

    /// Everything is to be told again: after a boot.
    pub(super) fn forget(&mut self) {
        self.since_ms = None;
        self.known = None;
        self.told = None;
        self.away = false;
        self.stable = Deadline::NEVER;
    }
}

/// Whether the standard's table has this change of state [1.6 §4.9].
pub(super) fn is_legal(from: Status, to: Status) -> bool {
    use Status::{
        Available, Charging, Faulted, Finishing, Preparing, Reserved, SuspendedEv, SuspendedEvse,
        Unavailable,
    };
    if from == to {
        return false;
    }
    match from {
        Available => to != Finishing,
        Preparing => matches!(
            to,
            Available | Charging | SuspendedEv | SuspendedEvse | Finishing | Faulted
        ),
        Charging | SuspendedEv | SuspendedEvse => !matches!(to, Preparing | Reserved),
        Finishing => matches!(to, Available | Preparing | Unavailable | Faulted),
        Reserved => matches!(to, Available | Preparing | Unavailable | Faulted),
        Unavailable => !matches!(to, Finishing | Reserved),
        Faulted => true,
    }
}

fn between(from: Status, to: Status) -> Option<Status> {
    if is_legal(from, to) {
        return None;
    }
    [Status::Preparing, Status::Available, Status::Finishing]
        .into_iter()
        .find(|step| is_legal(from, *step) && is_legal(*step, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: Millis) -> Time {
        Time {
            mono_ms,
            wall_ms: 0,
        }
    }

    #[test]
    fn every_change_between_two_states_is_legal_or_has_a_legal_detour() {
        for from in Status::ALL {
            for to in Status::ALL {
                if from != to && to != Status::Reserved {
                    assert!(
                        is_legal(from, to) || between(from, to).is_some(),
                        "{from:?} {to:?}"
                    );
                }
            }
        }
        assert_eq!(
            between(Status::Preparing, Status::Unavailable),
            Some(Status::Available)
        );
        assert_eq!(
            between(Status::Finishing, Status::Charging),
            Some(Status::Preparing)
        );
    }

    fn told(status: Status) -> Option<State> {
        Some(status.into())
    }

    #[test]
    fn a_state_that_does_not_last_is_not_told() {
        let mut reporter = Reporter::new();
        assert_eq!(reporter.due(at(0)), [None, told(Status::Available)]);
        reporter.observe(Status::Preparing.into(), at(10), 10, 1_000);
        assert_eq!(reporter.due(at(10)), [None, None]);
        reporter.observe(Status::Available.into(), at(500), 500, 1_000);
        assert_eq!(reporter.due(at(2_000)), [None, None]);
        assert_eq!(reporter.stable(), Deadline::NEVER);
        reporter.observe(Status::Preparing.into(), at(3_000), 3_000, 1_000);
        assert_eq!(reporter.due(at(4_000)), [None, told(Status::Preparing)]);
        assert_eq!(reporter.since_ms(), 3_000);
    }

    #[test]
    fn after_an_outage_only_what_is_new_is_told() {
        let mut reporter = Reporter::new();
        reporter.due(at(0));
        reporter.acknowledged(Status::Available.into());
        reporter.disconnected();
        assert_eq!(reporter.due(at(1)), [None, None]);
        reporter.observe(Status::Preparing.into(), at(2), 2, 0);
        reporter.observe(Status::Charging.into(), at(3), 3, 0);
        reporter.disconnected();
        assert_eq!(reporter.due(at(4)), [None, told(Status::Charging)]);
    }
}
