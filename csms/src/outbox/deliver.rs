//! Sends what is due.
//!
//! One task looks for letters, when one was posted in this process and otherwise each second. Every lane that
//! is being worked on has a worker of its own, which sends the lane's letters one after the other until one
//! fails or none is left. Workers are bounded, in all and per receiver: a receiver that hangs keeps its own
//! hands busy and nobody else's. A letter counts as sent when that is committed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::Parts;
use super::mail::Mail;
use super::webhook::Webhooks;
use crate::domain::attempt::Attempt;
use crate::store::{Letter, Result, WAITING_MAX, Wanted};

/// Letters that are on their way at the same time.
const HANDS_MAX: usize = 64;
/// Of these, to one webhook; mail counts as one.
const HANDS_PER_RECEIVER_MAX: usize = 8;
/// How often letters are looked for that nobody posted in this process, and those whose pause is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often lanes that nobody woke are looked for: each second, and where there are so many that it lasts, for one
/// part in so many of the time.
const WAKE_SHARE: u32 = 20;
/// The shortest time between two looks: letters posted meanwhile are found together.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Looks at one receiver before the next one has its turn.
const LOOKS_PER_RECEIVER_MAX: usize = 8;
/// How often letters are dropped that are too many.
const TEND_INTERVAL: Duration = Duration::from_secs(10);
/// How often a worker whose database fails tries to write down how a letter fared.
const RECORD_ATTEMPTS_MAX: u32 = 3;

/// A webhook's id, or `None` for mail.
type Receiver = Option<String>;

/// The hands that carry letters.
struct Hands {
    parts: Parts,
    webhooks: Arc<Webhooks>,
    mail: Option<Arc<Mail>>,
    workers: JoinSet<()>,
    receivers: HashMap<Id, Receiver>,
    busy: HashMap<Receiver, usize>,
    /// Webhooks that too many letters wait for, as the log was told.
    full: HashSet<String>,
}

/// Delivers until the shutdown. Attempts that are under way then are broken off, and made again after a restart.
pub(crate) async fn deliver(parts: Parts, webhooks: Arc<Webhooks>, mail: Option<Arc<Mail>>) {
    let mut hands = Hands {
        webhooks,
        mail,
        workers: JoinSet::new(),
        receivers: HashMap::new(),
        busy: HashMap::new(),
        full: HashSet::new(),
        parts: parts.clone(),
    };
    let mut tend_at = Instant::now();
    let mut wake_at = Instant::now();
    loop {
        if parts.store.has_several_writers() && Instant::now() >= wake_at {
            let begun = Instant::now();
            let woken = parts.store.wake_lanes(parts.clock.now_ms()).await;
            if let Some(error) = woken.err().filter(|error| !error.is_in_the_log()) {
                tracing::warn!(cause = %error, "letters that wait behind others may wait longer");
            }
            wake_at = Instant::now() + LOOK_INTERVAL.max(begun.elapsed() * WAKE_SHARE);
        }
        if let Err(error) = hands.look().await {
            tracing::debug!(cause = %error, "the outbox was not read");
        }
        if Instant::now() >= tend_at {
            tend_at = Instant::now() + TEND_INTERVAL;
            if let Err(error) = hands.tend().await {
                tracing::debug!(cause = %error, "the outbox was not tended");
            }
        }
        let look_at = Instant::now() + LOOK_INTERVAL;
        tokio::select! {
            () = parts.shutdown.cancelled() => {
                while hands.workers.join_next().await.is_some() {}
                return;
            }
            () = parts.outbox.posted.notified() => sleep(LOOK_PAUSE).await,
            Some(ended) = hands.workers.join_next_with_id() => {
                hands.free(ended);
                sleep(LOOK_PAUSE).await;
            }
            () = sleep_until(look_at) => {}
        }
    }
}

impl Hands {
    /// Gives every letter that is due to a hand, while there are free ones.
    async fn look(&mut self) -> Result<()> {
        while let Some(ended) = self.workers.try_join_next_with_id() {
            self.free(ended);
        }
        let now_ms = self.parts.clock.now_ms();
        let mut receivers: Vec<Receiver> = Vec::new();
        if self.mail.is_some() && self.parts.store.is_mail_due(now_ms).await? {
            receivers.push(None);
        }
        let due = self.parts.store.due_webhooks(now_ms).await?;
        receivers.extend(due.into_iter().map(Some));
        // Whoever keeps the fewest hands busy comes first.
        receivers.sort_by_key(|receiver| self.busy(receiver));
        for receiver in receivers {
            for _ in 0..LOOKS_PER_RECEIVER_MAX {
                if !self.look_for(&receiver).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether there may be more for this receiver.
    async fn look_for(&mut self, receiver: &Receiver) -> Result<bool> {
        let free = HANDS_PER_RECEIVER_MAX.saturating_sub(self.busy(receiver));
        let limit = free.min(HANDS_MAX.saturating_sub(self.workers.len()));
        if limit == 0 {
            return Ok(false);
        }
        let wanted = Wanted {
            webhook: receiver.clone(),
            limit,
            now_ms: self.parts.clock.now_ms(),
        };
        let leased = self.parts.store.lease_due(wanted).await?;
        for letter in leased.letters {
            let worker = Worker {
                parts: self.parts.clone(),
                webhooks: self.webhooks.clone(),
                mail: self.mail.clone(),
            };
            let task = self.workers.spawn(worker.work(letter));
            self.receivers.insert(task.id(), receiver.clone());
            *self.busy.entry(receiver.clone()).or_default() += 1;
        }
        Ok(leased.there_may_be_more)
    }

    fn busy(&self, receiver: &Receiver) -> usize {
        self.busy.get(receiver).copied().unwrap_or(0)
    }

    fn free(&mut self, ended: std::result::Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        let Some(receiver) = self.receivers.remove(&id) else {
            return;
        };
        if let Some(busy) = self.busy.get_mut(&receiver) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&receiver);
            }
        }
    }

    async fn tend(&mut self) -> Result<()> {
        let store = &self.parts.store;
        let half_full = store.full_webhooks(WAITING_MAX / 2).await?;
        for (webhook, waiting) in &half_full {
            if *waiting <= WAITING_MAX {
                continue;
            }
            if self.full.insert(webhook.clone()) {
                tracing::warn!(
                    webhook,
                    waiting,
                    "too many letters wait for a webhook: its newest are dropped until it takes some"
                );
            }
            let mut excess = waiting.saturating_sub(WAITING_MAX);
            while excess > 0 && !self.parts.shutdown.is_cancelled() {
                let now_ms = self.parts.clock.now_ms();
                let dropped = store.drop_newest(webhook, excess, now_ms).await?;
                if dropped == 0 {
                    break;
                }
                self.parts.metrics.letters_dropped(dropped);
                excess = excess.saturating_sub(i64::try_from(dropped).unwrap_or(i64::MAX));
            }
        }
        // Half empty again: the next time is worth a word.
        let half_full: HashSet<String> =
            half_full.into_iter().map(|(webhook, _)| webhook).collect();
        self.full.retain(|webhook| half_full.contains(webhook));
        Ok(())
    }
}

/// Works on one lane.
struct Worker {
    parts: Parts,
    webhooks: Arc<Webhooks>,
    mail: Option<Arc<Mail>>,
}

impl Worker {
    async fn work(self, letter: Letter) {
        let lane = letter.lane.clone();
        let mut next = Some(letter);
        loop {
            while let Some(letter) = next {
                let attempt = tokio::select! {
                    attempt = self.attempt(&letter) => attempt,
                    () = self.parts.shutdown.cancelled() => return self.release(letter.id).await,
                };
                let failed = !matches!(attempt, Attempt::Sent);
                next = self.record(letter, attempt).await;
                if failed && next.is_none() {
                    return;
                }
            }
            // One may have been posted, and put off behind the last one, while that one was written off.
            next = match self.parts.store.lease_next(&lane, self.now_ms()).await {
                Ok(Some(letter)) => Some(letter),
                Ok(None) | Err(_) => return,
            };
        }
    }

    async fn attempt(&self, letter: &Letter) -> Attempt {
        let now_ms = self.now_ms();
        let attempt = match (&letter.url, &letter.secret, &self.mail, &letter.subject) {
            (Some(url), Some(secret), ..) => {
                self.webhooks.send(url, secret, &letter.body, now_ms).await
            }
            (_, _, Some(mail), Some(subject)) => {
                mail.send(&letter.recipient, subject, &letter.body).await
            }
            _ => Attempt::Impossible("the webhook was deleted".to_owned()),
        };
        match &attempt {
            Attempt::Sent => tracing::debug!(letter = letter.id, "a letter was sent"),
            Attempt::Failed(error) | Attempt::Impossible(error) => tracing::info!(
                letter = letter.id,
                recipient = letter.recipient,
                attempts = letter.attempts + 1,
                cause = error,
                "a letter was not sent"
            ),
        }
        attempt
    }

    async fn release(&self, id: i64) {
        if let Err(error) = self.parts.store.release_letter(id, self.now_ms()).await {
            tracing::debug!(letter = id, cause = %error, "a letter waits until its lease is over");
        }
    }

    /// A database that fails is asked again: what was sent and not written down is sent once more.
    async fn record(&self, letter: Letter, attempt: Attempt) -> Option<Letter> {
        let chance = rand::random::<f64>();
        for _ in 0..RECORD_ATTEMPTS_MAX {
            let recorded =
                self.parts
                    .store
                    .attempted(letter.clone(), attempt.clone(), chance, self.now_ms());
            match recorded.await {
                Ok(next) => return next,
                Err(error) => tracing::debug!(
                    letter = letter.id, cause = %error, "it was not written down how a letter fared"
                ),
            }
            tokio::select! {
                () = sleep(LOOK_INTERVAL) => {}
                () = self.parts.shutdown.cancelled() => return None,
            }
        }
        None
    }

    fn now_ms(&self) -> i64 {
        self.parts.clock.now_ms()
    }
}
