//! Buckets of tokens: how fast the API may send commands to one charge point, and how fast a charge point may send.
//!
//! A bucket is one number, the instant at which it will be full again. Of commands, one that is full is forgotten, so the
//! memory is bounded by the charge points that were commanded within the last second.
//!
//! Not by the crate `governor`: the arithmetic is five lines, and with it a bucket would be larger than the 8 bytes that
//! each connection has here.

use std::collections::HashMap;
use std::sync::Mutex;

use dynamo_protocol::{ChargePointId, Millis};

/// Commands that may come at once.
const BURST: Millis = 10;
/// Time until one more may come.
const INTERVAL_MS: Millis = 100;
/// Buckets that are kept before full ones are looked for.
const SWEEP_MIN: usize = 1024;

/// How fast a charge point may send: that many messages at once, and then so many a second. Beyond it its socket is not
/// read for a while; nothing is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Messages at once, from 1.
    pub burst: u32,
    /// Messages a second after that, 1 to 1,000.
    pub per_second: u32,
}

/// The tokens of one charge point, for the messages it sends.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    full_at_us: u64,
}

impl Bucket {
    /// Takes a token; when the next one will be there, if that is not now. By a monotonic clock in milliseconds.
    pub(super) fn take(&mut self, rate: Rate, now_ms: Millis) -> Option<Millis> {
        let now_us = now_ms.saturating_mul(1_000);
        let interval_us = 1_000_000 / u64::from(rate.per_second.max(1));
        self.full_at_us = self.full_at_us.max(now_us).saturating_add(interval_us);
        let spare_us = interval_us.saturating_mul(u64::from(rate.burst.max(1)) - 1);
        let next_us = self.full_at_us.saturating_sub(spare_us);
        (next_us > now_us).then(|| next_us.div_ceil(1_000))
    }

    pub(super) const fn is_full(&self, now_ms: Millis) -> bool {
        self.full_at_us <= now_ms.saturating_mul(1_000)
    }
}

#[derive(Default)]
pub(crate) struct Pace(Mutex<Buckets>);

#[derive(Default)]
struct Buckets {
    full_at_ms: HashMap<ChargePointId, Millis>,
    sweep_at: usize,
}

impl Pace {
    /// Takes a token; when there is none, in how many milliseconds there will be one.
    pub(crate) fn take(&self, id: &ChargePointId, now_ms: Millis) -> Result<(), Millis> {
        self.0
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .take(id, now_ms)
    }
}

impl Buckets {
    fn take(&mut self, id: &ChargePointId, now_ms: Millis) -> Result<(), Millis> {
        if self.full_at_ms.len() >= self.sweep_at {
            self.full_at_ms.retain(|_, full_at_ms| *full_at_ms > now_ms);
            self.sweep_at = SWEEP_MIN.max(2 * self.full_at_ms.len());
        }
        let full_at_ms = self.full_at_ms.get(id).map_or(now_ms, |at| now_ms.max(*at));
        let then_full_at_ms = full_at_ms + INTERVAL_MS;
        let earliest_ms = then_full_at_ms.saturating_sub(BURST * INTERVAL_MS);
        if earliest_ms > now_ms {
            return Err(earliest_ms - now_ms);
        }
        self.full_at_ms.insert(id.clone(), then_full_at_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_and_then_one_each_tenth_of_a_second() {
        let pace = Pace::default();
        let id = ChargePointId::new("CP-1").unwrap();
        for now_ms in [5_000, 60_000] {
            for _ in 0..10 {
                assert_eq!(pace.take(&id, now_ms), Ok(()));
            }
            assert_eq!(pace.take(&id, now_ms), Err(100));
            assert_eq!(pace.take(&id, now_ms + 40), Err(60));
            assert_eq!(pace.take(&id, now_ms + 100), Ok(()));
            assert_eq!(pace.take(&id, now_ms + 100), Err(100));
            assert_eq!(pace.take(&id, now_ms + 310), Ok(()));
            assert_eq!(pace.take(&id, now_ms + 310), Ok(()));
            assert_eq!(pace.take(&id, now_ms + 310), Err(90));
        }
        let other = ChargePointId::new("CP-2").unwrap();
        assert_eq!(pace.take(&other, 60_310), Ok(()));
    }

    /// Counts on a clock of its own how many messages are read until then.
    fn read_until(rate: Rate, end_ms: Millis) -> u32 {
        let (mut bucket, mut now_ms, mut read) = (Bucket::default(), 1_000, 0);
        while now_ms < 1_000 + end_ms {
            read += 1;
            now_ms = bucket.take(rate, now_ms).unwrap_or(now_ms);
        }
        read
    }

    #[test]
    fn who_sends_without_end_is_read_at_the_rate_and_the_burst_is_free() {
        let rate = Rate {
            burst: 100,
            per_second: 50,
        };
        assert_eq!(read_until(rate, 1), 100);
        assert_eq!(read_until(rate, 1_000), 149);
        assert_eq!(read_until(rate, 60_000), 100 + 60 * 50 - 1);
        // Rates that are no whole number of milliseconds.
        for per_second in [3, 700, 1_000] {
            let rate = Rate {
                burst: 10,
                per_second,
            };
            let read = read_until(rate, 10_000);
            let wanted = 10 + 10 * per_second;
            assert!(read.abs_diff(wanted) <= 20, "{per_second}: {read}");
        }
    }

    #[test]
    fn who_keeps_below_the_rate_never_waits() {
        let rate = Rate {
            burst: 3,
            per_second: 50,
        };
        let mut bucket = Bucket::default();
        for number in 0..10_000 {
            assert_eq!(bucket.take(rate, number * 20), None);
        }
        assert!(bucket.is_full(10_000 * 20));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let mut buckets = Buckets::default();
        for number in 0..10_000 {
            let id = ChargePointId::new(&format!("CP-{number}")).unwrap();
            assert_eq!(buckets.take(&id, number), Ok(()));
        }
        assert!(buckets.full_at_ms.len() <= SWEEP_MIN);
    }
}
