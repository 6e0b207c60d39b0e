//! Makes the ends of transactions final that nothing was told of for long enough (see `domain::ending`).
//!
//! One task looks for what is due, by an index of what is provisional. What an end of the server leaves is found by the
//! next one; two servers on one database share the work, and each end becomes final once.

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
    loop {
        let pause = match settle_all(&parts, serving_since_ms).await {
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
async fn settle_all(parts: &Parts, serving_since_ms: i64) -> Result<Duration> {
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
            settle(parts, id, silent_since_ms, (&organization, &charge_point)).await?;
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
) -> Result<()> {
    let now_ms = parts.clock.now_ms();
    let place = public_id(charge_point);
    let occurrence = parts
        .outbox
        .awaited(Kind::TransactionStopped, organization, place, now_ms);
    let is_told = occurrence.is_some();
    match finalise(&parts.store, id, (silent_since_ms, now_ms), occurrence).await {
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
            tracing::error!(
                charge_point = place,
                transaction_id = id,
                cause = %error,
                "the end of a transaction could not be made final; it is tried again"
            );
            Ok(())
        }
    }
}
