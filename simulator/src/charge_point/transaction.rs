//! A running transaction: who, what it has measured for its end, and what may still flow.

use std::sync::Arc;

use super::clock::Deadline;
use super::message::Reading;
use super::queue::Own;

/// Most readings that `StopTransaction` carries; beyond it every second one is dropped, the first and last never.
const READINGS_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) own: Own,
    pub(super) id_tag: Arc<str>,
    pub(super) parent: Option<Arc<str>>,
    /// Register value at which no more energy flows, in mJ: the CSMS did not accept the tag after all.
    pub(super) register_mj_max: Option<u64>,
    /// When the next sample is due.
    pub(super) sample: Deadline,
    /// When the flow of energy changes by itself: the car is full, or the allowance is used up.
    pub(super) flow: Deadline,
    readings: Vec<Reading>,
    /// How far its time is ahead of the clock: a clock that was put back does not move it back.
    ahead_ms: i64,
    /// The latest stamp that it told, Unix ms.
    last_ms: i64,
    readings_thinned: u64,
}

impl Transaction {
    pub(super) fn new(own: Own, id_tag: Arc<str>, parent: Option<Arc<str>>) -> Self {
        Self {
            own,
            id_tag,
            parent,
            register_mj_max: None,
            sample: Deadline::NEVER,
            flow: Deadline::NEVER,
            readings: Vec::new(),
            ahead_ms: 0,
            last_ms: i64::MIN,
            readings_thinned: 0,
        }
    }

    /// Its time when the clock shows this, Unix ms.
    pub(super) fn time_ms(&self, wall_ms: i64) -> i64 {
        wall_ms.saturating_add(self.ahead_ms).max(self.last_ms)
    }

    /// The stamp of what happens in it at this time; later ones are not earlier.
    pub(super) fn stamp(&mut self, at_ms: i64) -> i64 {
        self.last_ms = self.last_ms.max(at_ms);
        self.last_ms
    }

    /// The clock was put right by so much.
    pub(super) fn clock_moved(&mut self, by_ms: i64) {
        self.ahead_ms = self.ahead_ms.saturating_sub(by_ms).max(0);
    }

    /// Whether this tag began it.
    pub(super) fn belongs_to(&self, id_tag: &str) -> bool {
        same_tag(&self.id_tag, id_tag)
    }

    /// Whether a tag of this group may end it [1.6 §3.10].
    pub(super) fn shares(&self, parent: Option<&Arc<str>>) -> bool {
        same_group(self.parent.as_ref(), parent)
    }

    /// Keeps a reading for the end of the transaction.
    pub(super) fn keep(&mut self, reading: Reading) {
        if self.readings.len() >= READINGS_MAX {
            let before = self.readings.len();
            let mut index = 0;
            self.readings.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.readings_thinned += (before - self.readings.len()) as u64;
        }
        self.readings.push(reading);
    }

    /// How many of them were dropped.
    pub(super) const fn readings_thinned(&self) -> u64 {
        self.readings_thinned
    }

    pub(super) fn into_readings(self) -> Vec<Reading> {
        self.readings
    }
}

/// Tags are compared without case [1.6 §7.28].
pub(super) fn same_tag(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether both belong to a group, and to the same.
pub(super) fn same_group(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if same_tag(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge_point::queue::Queue;
    use crate::charge_point::words::Context;

    #[test]
    fn readings_are_bounded_and_keep_first_last_and_order() {
        let own = Queue::default().start(0, 1, "A".into(), 0, 0);
        let mut transaction = Transaction::new(own, "A".into(), Some("P".into()));
        for at_ms in 0..1_000 {
            transaction.keep(Reading {
                at_ms,
                context: Context::Periodic,
                values: [].into(),
            });
        }
        assert!(transaction.belongs_to("a") && !transaction.belongs_to("B"));
        assert!(transaction.shares(Some(&"p".into())) && !transaction.shares(None));
        let thinned = transaction.readings_thinned();
        let readings = transaction.into_readings();
        assert_eq!(readings.len() as u64 + thinned, 1_000);
        assert!(readings.len() <= READINGS_MAX && readings.is_sorted_by_key(|r| r.at_ms));
        assert_eq!(
            (readings[0].at_ms, readings[readings.len() - 1].at_ms),
            (0, 999)
        );
    }
}
