//! Who is connected, and how to call them.
//!
//! The map has one handle per identity, of its newest connection. Every connection has a generation; what an
//! older generation does at its end touches the map only if the map still speaks of that generation.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use dynamo_protocol::{ChargePointId, MESSAGE_BYTES_MAX, Millis, RawValue};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::contact::Contact;
use super::dialect::{CommandCall, Dialect};
use super::inbox::Inbox;
use super::mailbox::{Entry, Mailbox};
use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::{Command, Raw};
use crate::metrics::{CallEnd, Metrics};
use crate::store::Presence;

pub use crate::domain::command::CallFailure;

/// The part of a command's time that is left to its answer: when less is left, it is not sent any more.
const ANSWER_PART: u32 = 10;

/// Inboxes of charge points without a connection that are kept before those are looked for that need not be.
const LEFT_SWEEP_MIN: usize = 1024;

/// Bytes of a command's payload: the frame around it needs some of the message.
const PAYLOAD_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 128;

struct Handle {
    generation: u64,
    /// In which it is commanded.
    dialect: &'static dyn Dialect,
    mailbox: Arc<Mailbox>,
    replaced: CancellationToken,
    contact: Arc<Contact>,
    inbox: Arc<Inbox>,
}

/// What a session gets from [`Sessions::connect`].
pub(crate) struct Seat {
    pub generation: u64,
    pub mailbox: Arc<Mailbox>,
    /// Cancelled when a newer connection of the identity takes over.
    pub replaced: CancellationToken,
    pub contact: Arc<Contact>,
    /// The calls of the charge point, over all of its connections.
    pub inbox: Arc<Inbox>,
}

/// However the session ends: what waits to be sent was not sent.
impl Drop for Seat {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl Seat {
    /// Receipts of this connection are counted from here: above those of every older connection.
    pub(crate) fn first_receipt(&self) -> i64 {
        i64::try_from(self.generation << 32).unwrap_or(i64::MAX / 2)
    }
}

/// Who is connected, and what is left of who was.
#[derive(Default)]
struct Map {
    handles: HashMap<ChargePointId, Handle>,
    /// Inboxes that still matter to the next connection.
    left: HashMap<ChargePointId, Arc<Inbox>>,
    left_sweep_at: usize,
}

/// The map of connected charge points.
pub struct Sessions {
    map: RwLock<Map>,
    /// When the last registration ended, by the monotonic clock.
    outdated_ms: AtomicU64,
    generations: AtomicU64,
    call_timeout: Duration,
    metrics: Arc<Metrics>,
    /// Who came or went since it was looked at.
    turned: Mutex<HashSet<ChargePointId>>,
    somebody_turned: Notify,
}

impl Sessions {
    pub(crate) fn new(call_timeout: Duration, metrics: Arc<Metrics>) -> Self {
        Self {
            map: RwLock::default(),
            outdated_ms: AtomicU64::new(0),
            generations: AtomicU64::new(1),
            call_timeout,
            metrics,
            turned: Mutex::default(),
            somebody_turned: Notify::new(),
        }
    }

    /// Seats the newest connection of an identity and tells the one before it to go.
    pub(crate) fn connect(
        &self,
        id: &ChargePointId,
        dialect: &'static dyn Dialect,
        now_ms: i64,
    ) -> Seat {
        let generation = self.generations.fetch_add(1, Relaxed);
        let seat = |inbox| Seat {
            generation,
            mailbox: Arc::default(),
            replaced: CancellationToken::new(),
            contact: Arc::new(Contact::default()),
            inbox,
        };
        let mut map = self.write();
        let before = map.handles.remove(id);
        let seat = seat(match &before {
            Some(before) => before.inbox.clone(),
            None => map.left.remove(id).unwrap_or_default(),
        });
        seat.contact.seen_at_ms.store(now_ms, Relaxed);
        seat.inbox.begin(generation);
        let handle = Handle {
            generation,
            dialect,
            mailbox: seat.mailbox.clone(),
            replaced: seat.replaced.clone(),
            contact: seat.contact.clone(),
            inbox: seat.inbox.clone(),
        };
        map.handles.insert(id.clone(), handle);
        drop(map);
        match before {
            Some(before) => before.replaced.cancel(),
            None => self.turn(id),
        }
        seat
    }

    /// Takes a connection off the map, at this monotonic time; false when a newer one of the identity is there, or it
    /// is off already.
    pub(crate) fn disconnect(&self, id: &ChargePointId, generation: u64, now_ms: Millis) -> bool {
        let mut map = self.write();
        let handle = map.handles.get(id);
        if handle.is_none_or(|handle| handle.generation != generation) {
            return false;
        }
        if let Some(handle) = map.handles.remove(id)
            && handle.inbox.is_worth_keeping(now_ms)
        {
            if map.left.len() >= map.left_sweep_at {
                map.left.retain(|_, inbox| inbox.is_worth_keeping(now_ms));
                map.left_sweep_at = LEFT_SWEEP_MIN.max(2 * map.left.len());
            }
            map.left.insert(id.clone(), handle.inbox);
        }
        drop(map);
        self.turn(id);
        true
    }

    fn turn(&self, id: &ChargePointId) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        turned.insert(id.clone());
        drop(turned);
        self.somebody_turned.notify_one();
    }

    /// It was not written down that these came or went.
    pub(crate) fn turn_again(&self, ids: Vec<ChargePointId>) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        turned.extend(ids);
        drop(turned);
        self.somebody_turned.notify_one();
    }

    fn take_turned(&self) -> HashSet<ChargePointId> {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *turned)
    }

    /// Waits until somebody came or went, and says who since the last time.
    pub(crate) async fn turned(&self) -> HashSet<ChargePointId> {
        loop {
            let taken = self.take_turned();
            if !taken.is_empty() {
                return taken;
            }
            self.somebody_turned.notified().await;
        }
    }

    /// Closes the connection of a charge point if this certificate let it in.
    pub(crate) fn revoke(&self, id: &ChargePointId, fingerprint: &str) {
        if let Some(handle) = self.read().handles.get(id) {
            let certificate = handle.contact.certificate.get();
            if certificate.is_some_and(|known| **known == *fingerprint) {
                handle.contact.revoke();
            }
        }
    }

    /// Closes the connection of a charge point whose registration is no more since this monotonic time.
    pub(crate) fn outdate(&self, id: &ChargePointId, mono_ms: Millis) {
        self.outdated_ms.fetch_max(mono_ms, SeqCst);
        if let Some(handle) = self.read().handles.get(id) {
            handle.contact.outdated.cancel();
        }
    }

    /// Whether any registration ended since this monotonic time: what was read of one then may be no more.
    pub(crate) fn is_any_outdated_since(&self, mono_ms: Millis) -> bool {
        self.outdated_ms.load(SeqCst) >= mono_ms
    }

    /// Whether the charge point has a socket.
    #[must_use]
    pub fn is_online(&self, id: &ChargePointId) -> bool {
        self.read().handles.contains_key(id)
    }

    /// The identities that have a socket, in no order.
    pub(crate) fn online(&self) -> Vec<String> {
        let map = self.read();
        map.handles
            .keys()
            .map(|id| id.as_str().to_owned())
            .collect()
    }

    /// How many charge points have a socket.
    #[must_use]
    pub fn count(&self) -> usize {
        self.read().handles.len()
    }

    /// When a connected charge point was last heard of; it reaches the store later.
    pub(crate) fn last_seen_at_ms(&self, id: &ChargePointId) -> Option<i64> {
        let map = self.read();
        Some(map.handles.get(id)?.contact.seen_at_ms.load(Relaxed))
    }

    /// When the last heartbeat of a connected charge point came; it reaches the store later.
    pub(crate) fn last_heartbeat_at_ms(&self, id: &ChargePointId) -> Option<i64> {
        self.read().handles.get(id)?.contact.heartbeat()
    }

    /// What is known of a charge point's connection, if it has one.
    pub(crate) fn contact(&self, id: &ChargePointId) -> Option<Arc<Contact>> {
        Some(self.read().handles.get(id)?.contact.clone())
    }

    /// When all connected charge points were last heard of.
    pub(crate) fn presences(&self) -> Vec<Presence> {
        let map = self.read();
        let handles = map.handles.iter();
        handles
            .map(|(id, handle)| handle.contact.presence(id))
            .collect()
    }

    /// The dialect of a connected charge point.
    pub(crate) fn dialect(&self, id: &ChargePointId) -> Option<&'static dyn Dialect> {
        self.read().handles.get(id).map(|handle| handle.dialect)
    }

    /// Sends a request of the version that the charge point speaks, whose payload is JSON text, and waits for the
    /// answer's. Neither is looked into.
    ///
    /// # Errors
    /// As [`CallFailure`] tells apart. Never waits longer than the command time-out, and whoever stops waiting takes
    /// along what was not sent.
    pub async fn call_raw(
        &self,
        id: &ChargePointId,
        action: &str,
        payload: String,
    ) -> Result<Box<RawValue>, CallFailure> {
        let dialect = self.dialect(id).ok_or(CallFailure::Offline)?;
        let raw = Raw {
            version: dialect.version(),
            action: action.to_owned(),
            payload,
        };
        self.call(id, dialect.say(&Command::Raw(raw), &Numbering::default())?)
            .await
    }

    /// Sends a command in the words of the charge point's version and waits for the answer's payload, which is not looked
    /// into.
    pub(super) async fn call(
        &self,
        id: &ChargePointId,
        call: CommandCall,
    ) -> Result<Box<RawValue>, CallFailure> {
        let action = call.action;
        let result = self.post(id, call).await;
        let end = match &result {
            Ok(_) => CallEnd::Ok,
            Err(failure) if !failure.was_sent() => CallEnd::Unsent,
            Err(CallFailure::TimedOut) => CallEnd::TimedOut,
            Err(CallFailure::Lost) => CallEnd::Lost,
            Err(_) => CallEnd::Error,
        };
        self.metrics.commanded(action, end);
        result
    }

    async fn post(
        &self,
        id: &ChargePointId,
        call: CommandCall,
    ) -> Result<Box<RawValue>, CallFailure> {
        if call.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(CallFailure::TooLarge);
        }
        // The connection for which it was said may be gone, and the next one speak another version.
        let mailbox = self
            .read()
            .handles
            .get(id)
            .filter(|handle| handle.dialect.version() == call.version)
            .map(|handle| handle.mailbox.clone());
        let mailbox = mailbox.ok_or(CallFailure::Offline)?;
        let deadline = Instant::now() + self.call_timeout;
        let (reply, mut answer) = oneshot::channel();
        let number = mailbox.post(Entry {
            call,
            send_until: deadline - self.call_timeout / ANSWER_PART,
            deadline,
            reply,
        })?;
        let posted = Posted { mailbox, number };
        match timeout_at(deadline, &mut answer).await {
            Ok(Ok(result)) => result,
            // A session says of what it did not send that it did not.
            Ok(Err(_)) => Err(CallFailure::Lost),
            Err(_) if posted.withdraw() => Err(CallFailure::NotSent),
            // The session had it. What it has said by now counts.
            Err(_) => answer.try_recv().unwrap_or(Err(CallFailure::TimedOut)),
        }
    }

    /// The number of a charge point's connection to this server, which no other connection has.
    pub(crate) fn connection(&self, id: &ChargePointId) -> Option<u64> {
        self.read().handles.get(id).map(|handle| handle.generation)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(|e| e.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Map> {
        self.map.write().unwrap_or_else(|e| e.into_inner())
    }
}

/// A command whose caller waits. One that is dropped before it was sent never is.
struct Posted {
    mailbox: Arc<Mailbox>,
    number: u64,
}

impl Posted {
    fn withdraw(&self) -> bool {
        self.mailbox.withdraw(self.number)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        self.withdraw();
    }
}

#[cfg(test)]
mod tests {
    use super::super::mailbox::COMMANDS_MAX;
    use super::super::v16::V16;
    use super::*;

    #[test]
    fn an_old_generation_does_not_take_the_new_one_off_the_map() {
        let sessions = Sessions::new(Duration::from_secs(1), Arc::default());
        let id = ChargePointId::new("CP-1").unwrap();
        let old = sessions.connect(&id, &V16, 0);
        let new = sessions.connect(&id, &V16, 0);
        assert!(old.replaced.is_cancelled() && !new.replaced.is_cancelled());
        assert!(Arc::ptr_eq(&old.inbox, &new.inbox));
        assert!(!sessions.disconnect(&id, old.generation, 0));
        assert!(sessions.is_online(&id));
        assert!(sessions.disconnect(&id, new.generation, 0));
        assert!(!sessions.is_online(&id));
        assert!(!sessions.disconnect(&id, new.generation, 0));
    }

    #[test]
    fn what_is_left_of_a_connection_is_kept_only_while_it_matters() {
        let sessions = Sessions::new(Duration::from_secs(1), Arc::default());
        let rate = super::super::pace::Rate {
            burst: 1,
            per_second: 1,
        };
        for number in 0..10_000 {
            let id = ChargePointId::new(&format!("CP-{number}")).unwrap();
            let seat = sessions.connect(&id, &V16, 0);
            seat.inbox.next_read_ms(rate, number);
            assert!(sessions.disconnect(&id, seat.generation, number));
            // Back within the second: it finds what it used up.
            let again = sessions.connect(&id, &V16, 0);
            assert!(Arc::ptr_eq(&seat.inbox, &again.inbox));
            assert!(sessions.disconnect(&id, again.generation, number));
        }
        let map = sessions.read();
        assert!(map.left.len() <= 2 * LEFT_SWEEP_MIN, "{}", map.left.len());
    }

    #[tokio::test]
    async fn what_was_not_taken_when_the_socket_was_lost_was_not_sent() {
        let sessions = Sessions::new(Duration::from_secs(60), Arc::default());
        let id = ChargePointId::new("CP-1").unwrap();
        for is_taken in [false, true] {
            let seat = sessions.connect(&id, &V16, 0);
            let call = sessions.call_raw(&id, "ClearCache", "{}".into());
            let lose = async {
                if is_taken {
                    drop(seat.mailbox.next().await);
                }
                // As when the session's task panics.
                drop(seat);
            };
            let (answer, ()) = tokio::join!(call, lose);
            let failure = answer.unwrap_err();
            let wanted = if is_taken {
                CallFailure::Lost
            } else {
                CallFailure::Offline
            };
            assert_eq!((failure.was_sent(), failure), (is_taken, wanted));
        }
    }

    #[tokio::test]
    async fn who_gives_up_frees_the_line_and_knows_whether_it_was_sent() {
        let sessions = Sessions::new(Duration::from_millis(20), Arc::default());
        let id = ChargePointId::new("CP-1").unwrap();
        let call = || sessions.call_raw(&id, "ClearCache", "{}".into());
        assert_eq!(call().await.unwrap_err(), CallFailure::Offline);
        let seat = sessions.connect(&id, &V16, 0);
        // More than may wait, one after the other: each makes room for the next.
        for _ in 0..COMMANDS_MAX + 2 {
            assert_eq!(call().await.unwrap_err(), CallFailure::NotSent);
        }
        let together = (0..=COMMANDS_MAX).map(|_| call());
        let failures = futures_util::future::join_all(together).await;
        let busy = |failure: &&Result<_, _>| matches!(failure, Err(CallFailure::Busy));
        assert_eq!(failures.iter().filter(busy).count(), 1);
        // Taken, and never answered.
        let (failure, taken) = tokio::join!(call(), seat.mailbox.next());
        assert_eq!(failure.unwrap_err(), CallFailure::TimedOut);
        drop(taken);
        drop(seat);
        assert_eq!(call().await.unwrap_err(), CallFailure::Offline);
    }
}
