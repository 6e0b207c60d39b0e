//! The charge point's own wall clock, deadlines on its monotonic one, and its own small generator of chance.

use dynamo_protocol::{Millis, Time};

/// The wall clock: the one handed in, put right by what the CSMS said last.
#[derive(Debug, Default)]
pub(super) struct Clock {
    offset_ms: i64,
}

impl Clock {
    /// Unix ms.
    pub(super) fn wall_ms(&self, now: Time) -> i64 {
        now.wall_ms.saturating_add(self.offset_ms)
    }

    /// Takes over the CSMS's time [1.6 §4.2, §4.6], and tells by how much that moved the clock.
    pub(super) fn set(&mut self, now: Time, csms_ms: i64) -> i64 {
        let before_ms = self.offset_ms;
        self.offset_ms = csms_ms.saturating_sub(now.wall_ms);
        self.offset_ms.saturating_sub(before_ms)
    }
}

const DAY_MS: i64 = 86_400_000;

/// The last multiple of the interval since midnight UTC that is not after `wall_ms` [1.6 §9.1.5].
pub(super) fn aligned_before(wall_ms: i64, interval_ms: i64) -> i64 {
    let midnight = wall_ms.div_euclid(DAY_MS) * DAY_MS;
    midnight + (wall_ms - midnight) / interval_ms * interval_ms
}

/// The first one after it; every midnight is one.
pub(super) fn aligned_after(wall_ms: i64, interval_ms: i64) -> i64 {
    let midnight = wall_ms.div_euclid(DAY_MS) * DAY_MS;
    (aligned_before(wall_ms, interval_ms) + interval_ms).min(midnight + DAY_MS)
}

/// An instant of the monotonic clock at which something is due, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(Millis);

impl Default for Deadline {
    fn default() -> Self {
        Self::NEVER
    }
}

impl Deadline {
    pub(super) const NEVER: Self = Self(Millis::MAX);

    pub(super) fn at(ms: Millis) -> Self {
        Self(ms)
    }

    pub(super) fn is_set(self) -> bool {
        self != Self::NEVER
    }

    /// Whether it has come; if so it is forgotten.
    pub(super) fn take_due(&mut self, now: Time) -> bool {
        let due = self.is_set() && self.0 <= now.mono_ms;
        if due {
            *self = Self::NEVER;
        }
        due
    }

    pub(super) fn millis(self) -> Option<Millis> {
        self.is_set().then_some(self.0)
    }
}

/// Numbers that look random and follow from the seed alone (SplitMix64, 8 bytes of state).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`; 0 when that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_instants_start_anew_at_midnight() {
        let noon = 20_000 * DAY_MS + DAY_MS / 2;
        assert_eq!(aligned_after(noon, 900_000), noon + 900_000);
        assert_eq!(aligned_after(noon + 1, 900_000), noon + 900_000);
        assert_eq!(aligned_before(noon + 899_999, 900_000), noon);
        // 7 hours do not divide a day: the last stretch is short.
        let evening = 20_000 * DAY_MS + 22 * 3_600_000;
        assert_eq!(aligned_after(evening, 7 * 3_600_000), 20_001 * DAY_MS);
    }

    #[test]
    fn a_deadline_is_due_once() {
        let time = |mono_ms| Time {
            mono_ms,
            wall_ms: 0,
        };
        let mut deadline = Deadline::at(5);
        assert!(!deadline.take_due(time(4)));
        assert!(deadline.take_due(time(5)));
        assert!(!deadline.take_due(time(6)));
        assert_eq!(deadline.millis(), None);
    }

    #[test]
    fn the_clock_follows_the_csms() {
        let now = Time {
            mono_ms: 10,
            wall_ms: 1_000,
        };
        let mut clock = Clock::default();
        assert_eq!(clock.wall_ms(now), 1_000);
        assert_eq!(clock.set(now, 5_000), 4_000);
        assert_eq!(
            clock.wall_ms(Time {
                mono_ms: 20,
                wall_ms: 1_010
            }),
            5_010
        );
    }
}
