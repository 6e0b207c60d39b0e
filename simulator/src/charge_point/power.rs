//! Whether the charge point runs: power, the way up, and orderly ways down (soft reset, backup power).

use dynamo_protocol::{Millis, Time};

use super::clock::Deadline;

/// What comes after the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Up again at once.
    Reboot,
    /// No power for this long.
    Off(Millis),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off {
        back: Deadline,
    },
    Starting {
        ready: Deadline,
    },
    On,
    Leaving {
        from: Deadline,
        until: Deadline,
        then: Then,
    },
}

#[derive(Debug)]
pub(super) struct Power(State);

impl Power {
    /// Before the first [`Input::PowerOn`](super::Input::PowerOn).
    pub(super) fn new() -> Self {
        Self(State::Off {
            back: Deadline::NEVER,
        })
    }

    pub(super) fn is_powered(&self) -> bool {
        !matches!(self.0, State::Off { .. })
    }

    /// Whether it works: sees cards, talks.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.0, State::On | State::Leaving { .. })
    }

    /// Whether it is on an orderly way down and takes nothing new on.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.0, State::Leaving { .. })
    }

    /// What an orderly way down that is under way leads to.
    pub(super) fn leads_to(&self) -> Option<Then> {
        match self.0 {
            State::Leaving { then, .. } => Some(then),
            _ => None,
        }
    }

    pub(super) fn deadline(&self) -> Deadline {
        match self.0 {
            State::On => Deadline::NEVER,
            State::Off { back: at } | State::Starting { ready: at } => at,
            State::Leaving { from, until, .. } => from.min(until),
        }
    }

    /// It works from now on.
    pub(super) fn on(&mut self) {
        self.0 = State::On;
    }

    /// Begins an orderly way down that takes so long at least, and may take so long.
    pub(super) fn leave(&mut self, now: Time, then: Then, linger_ms: Millis, leave_ms: Millis) {
        self.0 = State::Leaving {
            from: match linger_ms {
                0 => Deadline::NEVER,
                _ => Deadline::at(now.mono_ms.saturating_add(linger_ms)),
            },
            until: Deadline::at(now.mono_ms.saturating_add(leave_ms)),
            then,
        };
    }

    /// It stops working now.
    pub(super) fn down(&mut self, now: Time, then: Then, boot_ms: Millis) {
        self.0 = match then {
            Then::Reboot => State::Starting {
                ready: Deadline::at(now.mono_ms + boot_ms.max(1)),
            },
            Then::Off(duration_ms) => State::Off {
                back: Deadline::at(now.mono_ms.saturating_add(duration_ms.max(1))),
            },
        };
    }

    /// Whether the power is back or the start-up is over; the start-up is begun where it is due.
    pub(super) fn take_ready(&mut self, now: Time, boot_ms: Millis) -> bool {
        if let State::Off { back } = &mut self.0
            && back.take_due(now)
        {
            self.down(now, Then::Reboot, boot_ms);
        }
        match &mut self.0 {
            State::Starting { ready } => ready.take_due(now),
            _ => false,
        }
    }

    /// What follows when the orderly way down is over: nothing is left to send, or the time is up.
    pub(super) fn take_left(&mut self, now: Time, nothing_left: bool) -> Option<Then> {
        match &mut self.0 {
            State::Leaving { from, until, then } => {
                from.take_due(now);
                ((nothing_left && !from.is_set()) || until.take_due(now)).then_some(*then)
            }
            _ => None,
        }
    }
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
    fn power_comes_back_and_the_start_takes_its_time() {
        let mut power = Power::new();
        assert!(!power.is_powered());
        power.on();
        power.down(at(0), Then::Off(5_000), 1_000);
        assert!(!power.is_powered() && !power.take_ready(at(4_999), 1_000));
        assert!(!power.take_ready(at(5_000), 1_000) && power.is_powered());
        assert!(power.take_ready(at(6_000), 1_000));
    }

    #[test]
    fn leaving_ends_when_nothing_is_left_or_time_is_up() {
        for (now, nothing_left, over) in [(1, true, true), (1, false, false), (10_000, false, true)]
        {
            let mut power = Power::new();
            power.leave(at(0), Then::Reboot, 0, 10_000);
            assert!(power.is_running() && power.is_leaving());
            assert_eq!(power.take_left(at(now), nothing_left).is_some(), over);
        }
        let mut power = Power::new();
        power.leave(at(0), Then::Reboot, 2_000, 10_000);
        assert_eq!(power.take_left(at(1_999), true), None);
        assert!(power.take_left(at(2_000), true).is_some(), "it lingers");
    }
}
