//! Timer slots: one per purpose, set again replaces.

use std::marker::PhantomData;

use crate::Millis;

/// Purposes of timers, numbered from 0 without gaps.
pub trait TimerKey: Copy {
    /// The slot of this purpose, below the `N` of its [`Timers`].
    fn slot(self) -> usize;
}

const UNSET: Millis = Millis::MAX;

/// A table of deadlines indexed by purpose. The driver sleeps until [`Timers::next`], once per owner,
/// instead of keeping a sleeping task per timer.
#[derive(Clone, Debug)]
pub struct Timers<K, const N: usize> {
    at: [Millis; N],
    key: PhantomData<K>,
}

impl<K: TimerKey, const N: usize> Default for Timers<K, N> {
    fn default() -> Self {
        Self {
            at: [UNSET; N],
            key: PhantomData,
        }
    }
}

impl<K: TimerKey, const N: usize> Timers<K, N> {
    /// Sets or replaces the deadline of a purpose, in monotonic milliseconds.
    pub fn set(&mut self, key: K, at_ms: Millis) {
        self.at[key.slot()] = at_ms;
    }

    /// Forgets the deadline of a purpose.
    pub fn clear(&mut self, key: K) {
        self.at[key.slot()] = UNSET;
    }

    /// The deadline of a purpose, if it is set.
    #[must_use]
    pub fn get(&self, key: K) -> Option<Millis> {
        Some(self.at[key.slot()]).filter(|at| *at != UNSET)
    }

    /// Whether the deadline of a purpose has come; if so it is forgotten.
    pub fn take_due(&mut self, key: K, now_ms: Millis) -> bool {
        let due = self.at[key.slot()] <= now_ms;
        if due {
            self.clear(key);
        }
        due
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Millis> {
        self.at.iter().copied().min().filter(|at| *at != UNSET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Purpose {
        Heartbeat,
        Boot,
    }

    impl TimerKey for Purpose {
        fn slot(self) -> usize {
            self as usize
        }
    }

    #[test]
    fn setting_replaces_and_taking_forgets() {
        let mut timers = Timers::<Purpose, 2>::default();
        assert_eq!(timers.next(), None);
        timers.set(Purpose::Boot, 50);
        timers.set(Purpose::Heartbeat, 20);
        timers.set(Purpose::Heartbeat, 70);
        assert_eq!(timers.next(), Some(50));
        assert!(!timers.take_due(Purpose::Boot, 49));
        assert!(timers.take_due(Purpose::Boot, 50));
        assert!(!timers.take_due(Purpose::Boot, 50));
        assert_eq!(timers.get(Purpose::Heartbeat), Some(70));
    }
}
