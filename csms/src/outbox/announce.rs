//! Who waits for what, and the way of what is no fact of the database into the outbox.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::Parts;
use crate::domain::occurrence::{Kind, Occurrence};
use crate::metrics::Metrics;
use crate::store::Store;

/// Occurrences that wait to be put into the outbox; those beyond them are dropped and counted.
const ANNOUNCED_MAX: usize = 16_384;
/// Occurrences in one transaction.
const TOLD_AT_ONCE_MAX: usize = 256;
/// How long a database that takes nothing is left alone.
const TOLD_PAUSE: Duration = Duration::from_millis(500);
struct Announcement {
    occurrence: Occurrence,
    data: Value,
    /// Hears when it is in the outbox; its end says that it never will be.
    written: oneshot::Sender<()>,
}

/// Who waits for what, and the way into the outbox.
pub(crate) struct Outbox {
    /// The kinds that each organization waits for, as [`Kind::bit`]s.
    awaited: RwLock<HashMap<String, u16>>,
    queue: mpsc::Sender<Announcement>,
    pub(super) posted: Notify,
    metrics: Arc<Metrics>,
    /// The log was told that the queue takes no more.
    is_full: AtomicBool,
}

/// The other end of [`Outbox::tell`], for [`write_announced`].
pub(crate) struct Announcements(mpsc::Receiver<Announcement>);

impl Outbox {
    pub(crate) fn new(metrics: Arc<Metrics>) -> (Self, Announcements) {
        let (queue, announcements) = mpsc::channel(ANNOUNCED_MAX);
        let outbox = Self {
            awaited: RwLock::default(),
            queue,
            posted: Notify::new(),
            metrics,
            is_full: AtomicBool::new(false),
        };
        (outbox, Announcements(announcements))
    }

    /// What a fact is to be told as, if somebody in the organization waits for it.
    pub(crate) fn awaited(
        &self,
        kind: Kind,
        organization: &str,
        charge_point: &str,
        at_ms: i64,
    ) -> Option<Occurrence> {
        let awaited = self.awaited.read().unwrap_or_else(|e| e.into_inner());
        let set = *awaited.get(organization)?;
        drop(awaited);
        (set & kind.bit() != 0).then(|| Occurrence {
            kind,
            organization_id: organization.to_owned(),
            charge_point_id: charge_point.to_owned(),
            at_ms,
        })
    }

    /// The same of a transaction that may be of another organization than its charge point is now: it is told if
    /// anybody waits for it; see [`Conn::tell_of`](crate::store::Conn::tell_of).
    pub(crate) fn awaited_anywhere(
        &self,
        kind: Kind,
        organization: &str,
        charge_point: &str,
        at_ms: i64,
    ) -> Option<Occurrence> {
        let awaited = self.awaited.read().unwrap_or_else(|e| e.into_inner());
        let is_awaited = awaited.values().any(|set| set & kind.bit() != 0);
        drop(awaited);
        is_awaited.then(|| Occurrence {
            kind,
            organization_id: organization.to_owned(),
            charge_point_id: charge_point.to_owned(),
            at_ms,
        })
    }

    /// There is a new letter: it is sent at once, and not only at the next look.
    pub(crate) fn posted(&self) {
        self.posted.notify_one();
    }

    /// Tells what is no fact of the database. Never waits; who must come after it waits for what is returned.
    pub(crate) fn tell(&self, occurrence: Occurrence, data: Value) -> oneshot::Receiver<()> {
        let (written, is_written) = oneshot::channel();
        let announcement = Announcement {
            occurrence,
            data,
            written,
        };
        let is_taken = self.queue.try_send(announcement).is_ok();
        if !is_taken {
            self.metrics.letters_dropped(1);
        }
        // One line for each time that the queue is full, not for each event.
        if !is_taken && !self.is_full.swap(true, Relaxed) {
            tracing::warn!("webhooks are not told of some events: too many wait for the database");
        } else if is_taken && self.is_full.load(Relaxed) {
            self.is_full.store(false, Relaxed);
        }
        is_written
    }

    /// Reads who waits for what.
    pub(crate) async fn refresh(&self, store: &Store) -> crate::store::Result<()> {
        let mut awaited: HashMap<String, u16> = HashMap::new();
        for (organization, set) in store.subscriptions().await? {
            *awaited.entry(organization).or_default() |= set;
        }
        *self.awaited.write().unwrap_or_else(|e| e.into_inner()) = awaited;
        Ok(())
    }
}

/// Puts what was told into the outbox, in order. Ends when `sockets` is closed and everybody who could tell
/// something is gone, with a last attempt at what is left.
pub(crate) async fn write_announced(parts: Parts, sockets: TaskTracker, mut queue: Announcements) {
    let mut batch = Vec::new();
    // Sockets go one after the other at the shutdown, and each end is told.
    let gone = async {
        parts.shutdown.cancelled().await;
        sockets.wait().await;
    };
    let mut gone = std::pin::pin!(gone);
    let mut is_last = false;
    loop {
        tokio::select! {
            biased;
            taken = queue.0.recv_many(&mut batch, TOLD_AT_ONCE_MAX) => {
                if taken == 0 {
                    return;
                }
            }
            () = gone.as_mut(), if !is_last => is_last = true,
            // What is in the queue was taken before this.
            () = std::future::ready(()), if is_last => return,
        }
        while !batch.is_empty() && !write_batch(&parts, &mut batch, is_last).await {
            tokio::select! {
                () = sleep(TOLD_PAUSE) => {}
                () = gone.as_mut(), if !is_last => is_last = true,
            }
        }
    }
}

/// Puts a batch into the outbox and empties it; false when it is to be tried again.
async fn write_batch(parts: &Parts, batch: &mut Vec<Announcement>, is_last: bool) -> bool {
    let occurrences = batch.iter();
    let occurrences: Vec<_> = occurrences
        .map(|announced| (announced.occurrence.clone(), announced.data.clone()))
        .collect();
    match parts.store.tell_all(occurrences).await {
        Ok(()) => {
            parts.outbox.posted();
            for announced in batch.drain(..) {
                let _ = announced.written.send(());
            }
            true
        }
        Err(error) if !is_last && error.is_passing() => {
            tracing::debug!(cause = %error, events = batch.len(), "webhooks are told later");
            false
        }
        Err(error) => {
            parts.metrics.letters_dropped(batch.len());
            tracing::warn!(
                cause = %error, events = batch.len(), "webhooks are not told of connections and commands"
            );
            batch.clear();
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_nothing_is_told_nothing() {
        let (outbox, _queue) = Outbox::new(Arc::default());
        let booted = || outbox.awaited(Kind::Booted, "org", "CP-1", 1);
        assert!(booted().is_none());
        let set = Kind::Booted.bit() | Kind::CommandCompleted.bit();
        outbox
            .awaited
            .write()
            .unwrap()
            .insert("org".to_owned(), set);
        assert_eq!(booted().unwrap().kind, Kind::Booted);
        assert!(outbox.awaited(Kind::Connected, "org", "CP-1", 1).is_none());
        assert!(outbox.awaited(Kind::Booted, "other", "CP-1", 1).is_none());
    }
}
