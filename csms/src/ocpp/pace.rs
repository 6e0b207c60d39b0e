//! How fast the API may send commands to one charge point: a bucket of tokens each.
//!
//! A bucket is one number, the instant at which it will be full again; one that is full is forgotten, so the
//! memory is bounded by the charge points that were commanded within the last second.

use std::collections::HashMap;
use std::sync::Mutex;

use dynamo_protocol::{ChargePointId, Millis};

/// Commands that may come at once.
const BURST: Millis = 10;
/// Time until one more may come.
const INTERVAL_MS: Millis = 100;
/// Buckets that are kept before full ones are looked for.
const SWEEP_MIN: usize = 1024;

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
