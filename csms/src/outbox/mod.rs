//! What leaves this server by itself: webhooks and mail.
//!
//! - What is stored as a fact is told in the fact's own transaction ([`Conn::tell`](crate::store)); what is no
//!   fact of the database (sockets, commands) goes through [`Outbox::tell`] right after it happened, in order. While
//!   the database takes nothing it waits in memory, so much of it and until the process ends; what is lost is counted.
//! - Organizations without webhooks cost a look into a map. The map is read again on every change in this
//!   process, and each second for those of others.
//! - Letters are sent at least once and in order per lane, by [`deliver`]; a letter's id stays the same.
//!
//! Not here: what the letters say (`domain::occurrence`), and where they are kept (`store::outbox`).

mod deliver;
mod mail;
mod public_only;
mod webhook;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::App;
use crate::domain::occurrence::{Kind, Occurrence};
use crate::metrics::Metrics;
use crate::store::Store;

pub(crate) use deliver::deliver;
pub(crate) use mail::mail;
pub(crate) use public_only::refused_address;
pub(crate) use webhook::check_url;

/// Occurrences that wait to be put into the outbox; those beyond them are dropped and counted.
const ANNOUNCED_MAX: usize = 16_384;
/// Occurrences in one transaction.
const TOLD_AT_ONCE_MAX: usize = 256;
/// How long a database that takes nothing is left alone.
const TOLD_PAUSE: Duration = Duration::from_millis(500);
/// How often the webhooks that another process made are looked for.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

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
    posted: Notify,
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

/// Reads who waits for what, each second, until the shutdown.
pub(crate) async fn refresh_awaited(app: Arc<App>) {
    let mut ticks = interval(REFRESH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.shutdown.cancelled() => return,
        }
        if let Err(error) = app.outbox.refresh(&app.store).await {
            // What was known stays known; the database's outage has a line of its own.
            tracing::debug!(cause = %error, "the webhooks were not read");
        }
    }
}

/// Puts what was told into the outbox, in order. Ends when `app.sockets` is closed and everybody who could tell
/// something is gone, with a last attempt at what is left.
pub(crate) async fn write_announced(app: Arc<App>, mut queue: Announcements) {
    let mut batch = Vec::new();
    // Sockets go one after the other at the shutdown, and each end is told.
    let gone = async {
        app.shutdown.cancelled().await;
        app.sockets.wait().await;
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
        while !batch.is_empty() && !write_batch(&app, &mut batch, is_last).await {
            tokio::select! {
                () = sleep(TOLD_PAUSE) => {}
                () = gone.as_mut(), if !is_last => is_last = true,
            }
        }
    }
}

/// Puts a batch into the outbox and empties it; false when it is to be tried again.
async fn write_batch(app: &App, batch: &mut Vec<Announcement>, is_last: bool) -> bool {
    let occurrences = batch.iter();
    let occurrences: Vec<_> = occurrences
        .map(|announced| (announced.occurrence.clone(), announced.data.clone()))
        .collect();
    match app.store.tell_all(occurrences).await {
        Ok(()) => {
            app.outbox.posted();
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
            app.metrics.letters_dropped(batch.len());
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
