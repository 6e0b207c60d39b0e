//! Registration with the CSMS: nothing else is said before it accepts [1.6 §4.2].

use dynamo_protocol::{Millis, Time};

use super::clock::{Chance, Deadline};
use super::words::Registration;

#[derive(Debug, Default)]
pub(super) struct Boot {
    registration: Option<Registration>,
    /// A `BootNotification` is to be sent as soon as the line is free.
    pub(super) wanted: bool,
    retry: Deadline,
}

impl Boot {
    /// What the CSMS said since the charge point started.
    pub(super) fn registration(&self) -> Option<Registration> {
        self.registration
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.registration == Some(Registration::Accepted)
    }

    pub(super) fn retry(&self) -> Deadline {
        self.retry
    }

    /// The line is there. A mere reconnect is no boot, and a wait that the CSMS imposed goes on.
    pub(super) fn connected(&mut self) {
        if !self.is_accepted() && !self.retry.is_set() {
            self.wanted = true;
        }
    }

    /// The imposed wait may be over.
    pub(super) fn tick(&mut self, now: Time) {
        if self.retry.take_due(now) {
            self.wanted = true;
        }
    }

    /// The CSMS answered. Whether it accepted a charge point it had not accepted before.
    pub(super) fn answered(
        &mut self,
        registration: Registration,
        interval_s: u32,
        now: Time,
        own_wait_ms: Millis,
        chance: &mut Chance,
    ) -> bool {
        let news = registration == Registration::Accepted && !self.is_accepted();
        self.registration = Some(registration);
        self.wanted = false;
        self.retry = match (registration, interval_s) {
            (Registration::Accepted, _) => Deadline::NEVER,
            // The choice is the charge point's, in a way that does not flood the CSMS.
            (_, 0) => own_wait(now, own_wait_ms, chance),
            (_, seconds) => Deadline::at(now.mono_ms + u64::from(seconds) * 1_000),
        };
        news
    }

    /// The CSMS refused the message or did not answer.
    pub(super) fn failed(&mut self, now: Time, own_wait_ms: Millis, chance: &mut Chance) {
        self.wanted = false;
        if !self.is_accepted() {
            self.retry = own_wait(now, own_wait_ms, chance);
        }
    }
}

fn own_wait(now: Time, wait_ms: Millis, chance: &mut Chance) -> Deadline {
    Deadline::at(now.mono_ms + wait_ms + chance.below(wait_ms / 4 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_the_csms_s_or_its_own() {
        let now = Time {
            mono_ms: 100,
            wall_ms: 0,
        };
        for (registration, interval_s, from, to) in [
            (Registration::Rejected, 7, 7_100, 7_100),
            (Registration::Pending, 7, 7_100, 7_100),
            (Registration::Rejected, 0, 30_100, 37_600),
        ] {
            let mut boot = Boot::default();
            boot.connected();
            assert!(boot.wanted);
            let news = boot.answered(registration, interval_s, now, 30_000, &mut Chance::new(3));
            assert!(!news && !boot.wanted);
            let retry = boot.retry().millis().unwrap();
            assert!((from..=to).contains(&retry), "{retry}");
            boot.connected();
            assert!(!boot.wanted, "the wait goes on over a reconnect");
            boot.tick(Time {
                mono_ms: retry,
                wall_ms: 0,
            });
            assert!(boot.wanted);
            assert!(boot.answered(Registration::Accepted, 5, now, 30_000, &mut Chance::new(3)));
            assert!(!boot.answered(Registration::Accepted, 5, now, 30_000, &mut Chance::new(3)));
        }
    }
}
