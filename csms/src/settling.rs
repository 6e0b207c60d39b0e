//! Makes the ends of transactions final that nothing was told of for long enough (see `domain::ending`).
//!
//! One task looks for what is due, by an index of what is provisional. What an end of the server leaves is found by the
//! next one; two servers on one database share the work, and each end becomes final once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::charge_points::identity::public_id;
use crate::domain::occurrence::Kind;
use crate::domain::transactions::ending::finalise;
use crate::guest::desks::Guests;
use crate::outbox::Outbox;
use crate::store::{Result, Store};

/// How often it is looked at least: an end may have become provisional meanwhile, here or on another server.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Ends that are read at once.
const READ_MAX: i64 = 100;
/// How long one that cannot be settled is left alone: this long at first, twice as long each time, and at most so long.
const RETRY_FIRST_MS: i64 = 1_000;
const RETRY_LAST_MS: i64 = 60_000;
/// Ends that cannot be settled that are remembered. When there are more, they are all tried and told again.
const STUCK_MAX: usize = 10_000;

/// The ends that could not be settled, by the id of their transaction.
#[derive(Default)]
struct Stuck(HashMap<i64, Retry>);

/// When one is tried again.
#[derive(Clone, Copy)]
struct Retry {
    at_ms: i64,
    pause_ms: i64,
}

impl Stuck {
    fn is_left_alone(&self, id: i64, now_ms: i64) -> bool {
        let Some(retry) = self.0.get(&id) else {
            return false;
        };
        // A clock that was set back does not leave it alone for longer.
        now_ms < retry.at_ms && retry.at_ms <= now_ms.saturating_add(retry.pause_ms)
    }

    /// It was tried in vain; whether that is to be told: once for each of them.
    fn was_tried(&mut self, id: i64, now_ms: i64) -> bool {
        if self.0.len() >= STUCK_MAX && !self.0.contains_key(&id) {
            self.0.clear();
        }
        let known = self.0.get(&id).copied();
        let pause_ms = known.map_or(RETRY_FIRST_MS, |retry| {
            retry.pause_ms.saturating_mul(2).min(RETRY_LAST_MS)
        });
        let at_ms = now_ms.saturating_add(pause_ms);
        self.0.insert(id, Retry { at_ms, pause_ms });
        known.is_none()
    }

    fn was_settled(&mut self, id: i64) {
        self.0.remove(&id);
    }
}

/// What settling needs of the server.
#[derive(Clone)]
pub(crate) struct Parts {
    pub store: Store,
    pub outbox: Arc<Outbox>,
    pub guests: Arc<Guests>,
    pub clock: Clock,
    /// How long an end without a stop is provisional.
    pub provisional: Duration,
    pub shutdown: CancellationToken,
}

/// Settles what is due, again and again.
pub(crate) async fn settle_due(parts: Parts) {
    // A server that was down, or without its database, heard of nobody: the silence of a charge point counts from here.
    let mut serving_since_ms = parts.clock.now_ms();
    let mut stuck = Stuck::default();
    loop {
        let pause = match settle_all(&parts, serving_since_ms, &mut stuck).await {
            Ok(pause) => pause,
            Err(error) => {
                serving_since_ms = parts.clock.now_ms();
                if !error.is_in_the_log() {
                    tracing::warn!(cause = %error, "transactions without a stop wait for the database");
                }
                LOOK_INTERVAL
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = parts.shutdown.cancelled() => return,
        }
    }
}

/// Settles what is due now; how long until something is again.
async fn settle_all(parts: &Parts, serving_since_ms: i64, stuck: &mut Stuck) -> Result<Duration> {
    let provisional_ms = i64::try_from(parts.provisional.as_millis()).unwrap_or(i64::MAX);
    let silent_since_ms = parts.clock.now_ms().saturating_sub(provisional_ms);
    if silent_since_ms < serving_since_ms {
        return Ok(LOOK_INTERVAL.min(parts.provisional.max(LOOK_PAUSE)));
    }
    let mut after = (i64::MIN, i64::MIN);
    while !parts.shutdown.is_cancelled() {
        let due = parts.store.silent_ends(silent_since_ms, after, READ_MAX);
        let due = due.await?;
        let Some((since_ms, id, ..)) = due.last() else {
            break;
        };
        after = (*since_ms, *id);
        for (_, id, organization, charge_point) in due {
            if stuck.is_left_alone(id, parts.clock.now_ms()) {
                continue;
            }
            let whose = (organization.as_str(), charge_point.as_str());
            settle(parts, id, silent_since_ms, whose, stuck).await?;
        }
    }
    let first_ms = parts.store.first_silent_end().await?;
    let left_ms = first_ms.map(|since_ms| since_ms.saturating_sub(silent_since_ms));
    // What is due still could not be settled, and waits for the next look.
    let left_ms = left_ms.and_then(|left_ms| u64::try_from(left_ms).ok());
    let left = left_ms.map_or(LOOK_INTERVAL, Duration::from_millis);
    Ok(left.clamp(LOOK_PAUSE, LOOK_INTERVAL))
}

/// One that cannot be settled keeps no other from it.
async fn settle(
    parts: &Parts,
    id: i64,
    silent_since_ms: i64,
    (organization, charge_point): (&str, &str),
    stuck: &mut Stuck,
) -> Result<()> {
    let now_ms = parts.clock.now_ms();
    let place = public_id(charge_point);
    let occurrence = parts
        .outbox
        .awaited(Kind::TransactionStopped, organization, place, now_ms);
    let is_told = occurrence.is_some();
    let settled = finalise(&parts.store, id, (silent_since_ms, now_ms), occurrence).await;
    if settled.is_ok() {
        stuck.was_settled(id);
    }
    match settled {
        Ok(true) => {
            tracing::info!(
                charge_point = place,
                transaction_id = id,
                "a transaction was left without a stop: its end at the last meter value is final"
            );
            if is_told {
                parts.outbox.posted();
            }
            parts.guests.wake(charge_point);
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(error) if error.concerns_everybody() || error.is_passing() => Err(error),
        Err(error) => {
            if stuck.was_tried(id, now_ms) {
                tracing::error!(
                    charge_point = place,
                    transaction_id = id,
                    cause = %error,
                    "the end of a transaction could not be made final; it is tried again, and not told again"
                );
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_settled_is_tried_less_and_less_often_and_told_once() {
        let mut stuck = Stuck::default();
        let (mut told, mut tried_at) = (0, Vec::new());
        for second in 0..300 {
            let now_ms = second * 1_000;
            if !stuck.is_left_alone(7, now_ms) {
                tried_at.push(second);
                told += usize::from(stuck.was_tried(7, now_ms));
            }
        }
        assert_eq!(tried_at, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        assert_eq!(told, 1);
        // A clock that goes back an hour.
        assert!(!stuck.is_left_alone(7, 300_000 - 3_600_000));
        stuck.was_settled(7);
        assert!(!stuck.is_left_alone(7, 0) && stuck.was_tried(7, 0));
    }

    #[test]
    fn so_many_are_remembered_and_not_more() {
        let mut stuck = Stuck::default();
        for id in 0..=i64::try_from(STUCK_MAX).unwrap() {
            assert!(stuck.was_tried(id, 0));
        }
        assert_eq!(stuck.0.len(), 1);
    }
}
