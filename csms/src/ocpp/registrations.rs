//! Whether anything changed about who may connect: read once for all charge points, and not once for each message.
//!
//! The database counts the changes (see `registration_change` in the migrations), whoever makes them: this server,
//! another one, an operator's command. What was read of a charge point after the newest change that was seen is still
//! so, as long as somebody looks.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use dynamo_protocol::Millis;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::sessions::Sessions;
use crate::clock::Mono;
use crate::store::{Result, Store, on_db};

/// How often the count is read.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How old the last look may be: half of the second in which a change has to take effect.
const LOOK_AGE_MS_MAX: Millis = 500;

/// When changes were looked for, and seen, by the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    looked_ms: AtomicU64,
    changed_ms: AtomicU64,
}

impl Registrations {
    /// Whether what was read of a charge point then is still so.
    pub(super) fn hold_since(&self, read_ms: Millis, now_ms: Millis) -> bool {
        let age_ms = now_ms.saturating_sub(self.looked_ms.load(SeqCst));
        age_ms <= LOOK_AGE_MS_MAX && read_ms > self.changed_ms.load(SeqCst)
    }

    fn looked(&self, asked_ms: Millis, answered_ms: Millis, is_changed: bool) {
        if is_changed {
            // What was read before the answer may be from before the change.
            self.changed_ms.store(answered_ms, SeqCst);
        }
        self.looked_ms.store(asked_ms, SeqCst);
    }
}

/// Looks for changes while somebody is connected, until the shutdown.
pub(crate) async fn look(
    registrations: std::sync::Arc<Registrations>,
    sessions: std::sync::Arc<Sessions>,
    (store, mono): (Store, Mono),
    shutdown: CancellationToken,
) {
    let mut known = None;
    loop {
        if sessions.count() > 0 {
            let asked_ms = mono.now_ms();
            match store.registration_changes().await {
                Ok(count) => {
                    let is_changed = known.replace(count) != Some(count);
                    registrations.looked(asked_ms, mono.now_ms(), is_changed);
                }
                // Each message reads for itself, until this works again.
                Err(error) => {
                    tracing::debug!(%error, "changes of registrations were not looked for")
                }
            }
        }
        tokio::select! {
            () = sleep(LOOK_INTERVAL) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

impl Store {
    /// How many changes there were about who may connect.
    async fn registration_changes(&self) -> Result<i64> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar("select number from registration_change where id = 1")
            .fetch_one(db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_holds_until_a_change_was_seen_and_only_while_somebody_looks() {
        let registrations = Registrations::default();
        assert!(!registrations.hold_since(5, 1_000));
        registrations.looked(1_000, 1_003, true);
        // Read between question and answer: maybe from before the change.
        assert!(!registrations.hold_since(1_002, 1_010));
        assert!(!registrations.hold_since(1_003, 1_010));
        assert!(registrations.hold_since(1_004, 1_010));
        registrations.looked(1_200, 1_201, false);
        assert!(registrations.hold_since(1_004, 1_210));
        assert!(registrations.hold_since(1_004, 1_700));
        assert!(!registrations.hold_since(1_004, 1_701));
    }
}
