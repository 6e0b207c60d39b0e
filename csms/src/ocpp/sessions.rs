//! Who is connected, and how to call them.
//!
//! The map has one handle per identity, of its newest connection. Every connection has a generation; what an
//! older generation does at its end touches the map only if the map still speaks of that generation.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst,
};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, ChargePointId, MESSAGE_BYTES_MAX, Millis, RawValue};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::metrics::{Metrics, Outcome};
use crate::store::Presence;

/// Commands that may wait for the one that is open. More are refused as busy.
pub(crate) const MAILBOX_COMMANDS_MAX: usize = 16;

/// Bytes of a command's payload: the frame around it needs some of the message.
const PAYLOAD_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 128;

/// Why a call to a charge point has no good answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// No socket, or it was lost before the command's turn: nothing was sent.
    #[error("the charge point is offline")]
    Offline,
    /// The socket was lost before the answer.
    #[error("the connection was lost before the answer")]
    Lost,
    /// Too many commands wait for it already.
    #[error("too many commands wait for the charge point")]
    Busy,
    /// It did not answer in time.
    #[error("the charge point did not answer in time")]
    TimedOut,
    /// It answered with a CALLERROR.
    #[error("the charge point refused: {}", .0.description)]
    Refused(CallError),
    /// The payload is above [`MESSAGE_BYTES_MAX`]; nothing was sent.
    #[error("the payload is too large: {MESSAGE_BYTES_MAX} bytes are allowed")]
    TooLarge,
}

/// A command on its way to the session that sends it.
pub(crate) struct Command {
    pub action: Action,
    pub payload: String,
    pub reply: oneshot::Sender<Result<Box<RawValue>, CallFailure>>,
}

/// What a connection's session, its handlers and the map share.
#[derive(Debug, Default)]
pub(crate) struct Contact {
    pub seen_at_ms: AtomicI64,
    pub heartbeat_at_ms: AtomicI64,
    /// The other end of the socket.
    pub peer: OnceLock<IpAddr>,
    /// The registration as last read, and when that was; see `routes`.
    pub registration: AtomicU8,
    pub registration_read_ms: AtomicU64,
    /// How messages are read, as last read with the registration; see `routes`.
    pub decoding: AtomicU8,
    /// One bit per action that this CSMS asked for with TriggerMessage on this connection.
    pub triggered: AtomicU64,
    /// Cancelled when the registration turns out not to be the one that let the connection in.
    pub outdated: CancellationToken,
    /// The fingerprint of the certificate that let the connection in, where this server issued it.
    pub certificate: OnceLock<Arc<str>>,
    /// Whether that was revoked.
    pub revoked: AtomicBool,
}

impl Contact {
    /// Ends the connection: its certificate is good no more.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Relaxed);
        self.outdated.cancel();
    }

    pub(crate) fn presence(&self, id: &ChargePointId) -> Presence {
        Presence {
            charge_point_id: id.as_str().to_owned(),
            last_seen_at_ms: self.seen_at_ms.load(Relaxed),
            last_heartbeat_at_ms: self.heartbeat(),
        }
    }

    fn heartbeat(&self) -> Option<i64> {
        Some(self.heartbeat_at_ms.load(Relaxed)).filter(|at| *at != 0)
    }
}

#[derive(Clone)]
struct Handle {
    generation: u64,
    mailbox: mpsc::Sender<Box<Command>>,
    replaced: CancellationToken,
    contact: Arc<Contact>,
}

/// What a session gets from [`Sessions::connect`].
pub(crate) struct Seat {
    pub generation: u64,
    pub mailbox: mpsc::Receiver<Box<Command>>,
    /// Cancelled when a newer connection of the identity takes over.
    pub replaced: CancellationToken,
    pub contact: Arc<Contact>,
}

impl Seat {
    /// Receipts of this connection are counted from here: above those of every older connection.
    pub(crate) fn first_receipt(&self) -> i64 {
        i64::try_from(self.generation << 32).unwrap_or(i64::MAX / 2)
    }
}

/// The map of connected charge points.
pub struct Sessions {
    handles: RwLock<HashMap<ChargePointId, Handle>>,
    /// When the last registration ended, by the monotonic clock.
    outdated_ms: AtomicU64,
    generations: AtomicU64,
    call_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Sessions {
    pub(crate) fn new(call_timeout: Duration, metrics: Arc<Metrics>) -> Self {
        Self {
            handles: RwLock::default(),
            outdated_ms: AtomicU64::new(0),
            generations: AtomicU64::new(1),
            call_timeout,
            metrics,
        }
    }

    /// Seats the newest connection of an identity and tells the one before it to go.
    pub(crate) fn connect(&self, id: &ChargePointId, now_ms: i64) -> Seat {
        let (sender, mailbox) = mpsc::channel(MAILBOX_COMMANDS_MAX);
        let generation = self.generations.fetch_add(1, Relaxed);
        let handle = Handle {
            generation,
            mailbox: sender,
            replaced: CancellationToken::new(),
            contact: Arc::new(Contact::default()),
        };
        handle.contact.seen_at_ms.store(now_ms, Relaxed);
        let seat = Seat {
            generation,
            mailbox,
            replaced: handle.replaced.clone(),
            contact: handle.contact.clone(),
        };
        let before = self.write().insert(id.clone(), handle);
        if let Some(before) = before {
            before.replaced.cancel();
        }
        seat
    }

    /// Takes a connection off the map; false when a newer one of the identity is there.
    pub(crate) fn disconnect(&self, id: &ChargePointId, generation: u64) -> bool {
        let mut handles = self.write();
        let current = handles
            .get(id)
            .is_some_and(|handle| handle.generation == generation);
        if current {
            handles.remove(id);
        }
        current
    }

    /// Closes the connection of a charge point if this certificate let it in.
    pub(crate) fn revoke(&self, id: &ChargePointId, fingerprint: &str) {
        if let Some(handle) = self.read().get(id) {
            let certificate = handle.contact.certificate.get();
            if certificate.is_some_and(|known| **known == *fingerprint) {
                handle.contact.revoke();
            }
        }
    }

    /// Closes the connection of a charge point whose registration is no more since this monotonic time.
    pub(crate) fn outdate(&self, id: &ChargePointId, mono_ms: Millis) {
        self.outdated_ms.fetch_max(mono_ms, SeqCst);
        if let Some(handle) = self.read().get(id) {
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
        self.read().contains_key(id)
    }

    /// The identities that have a socket, in no order.
    pub(crate) fn online(&self) -> Vec<String> {
        let handles = self.read();
        handles.keys().map(|id| id.as_str().to_owned()).collect()
    }

    /// How many charge points have a socket.
    #[must_use]
    pub fn count(&self) -> usize {
        self.read().len()
    }

    /// When a connected charge point was last heard of; it reaches the store later.
    pub(crate) fn last_seen_at_ms(&self, id: &ChargePointId) -> Option<i64> {
        let handles = self.read();
        Some(handles.get(id)?.contact.seen_at_ms.load(Relaxed))
    }

    /// When the last heartbeat of a connected charge point came; it reaches the store later.
    pub(crate) fn last_heartbeat_at_ms(&self, id: &ChargePointId) -> Option<i64> {
        self.read().get(id)?.contact.heartbeat()
    }

    /// What is known of a charge point's connection, if it has one.
    pub(crate) fn contact(&self, id: &ChargePointId) -> Option<Arc<Contact>> {
        Some(self.read().get(id)?.contact.clone())
    }

    /// When all connected charge points were last heard of.
    pub(crate) fn presences(&self) -> Vec<Presence> {
        let handles = self.read();
        handles
            .iter()
            .map(|(id, handle)| handle.contact.presence(id))
            .collect()
    }

    /// Sends a request whose payload is JSON text and waits for the answer's, which is not looked into.
    ///
    /// # Errors
    /// As [`CallFailure`] tells apart. Never waits longer than the command time-out.
    pub async fn call_raw(
        &self,
        id: &ChargePointId,
        action: Action,
        payload: String,
    ) -> Result<Box<RawValue>, CallFailure> {
        self.try_call(id, action, payload).await?
    }

    /// The same, and the outer failure means that nothing was sent and nothing will be.
    pub(crate) async fn try_call(
        &self,
        id: &ChargePointId,
        action: Action,
        payload: String,
    ) -> Result<Result<Box<RawValue>, CallFailure>, CallFailure> {
        let answer = match self.post(id, action, payload) {
            Ok(answer) => answer,
            Err(failure) => {
                self.metrics.commanded(action, Outcome::Unsent);
                return Err(failure);
            }
        };
        // The session keeps the time of the open call; this one also covers waiting for its turn. A command
        // whose caller has gone is not sent any more.
        let result = match tokio::time::timeout(self.call_timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(CallFailure::Lost),
            Err(_) => Err(CallFailure::TimedOut),
        };
        let outcome = match &result {
            Ok(_) => Outcome::Ok,
            Err(CallFailure::TimedOut) => Outcome::TimedOut,
            Err(CallFailure::Offline) => Outcome::Unsent,
            Err(CallFailure::Lost) => Outcome::Lost,
            Err(_) => Outcome::Error,
        };
        self.metrics.commanded(action, outcome);
        match result {
            Err(CallFailure::Offline) => Err(CallFailure::Offline),
            result => Ok(result),
        }
    }

    /// The number of a charge point's connection to this server, which no other connection has.
    pub(crate) fn connection(&self, id: &ChargePointId) -> Option<u64> {
        self.read().get(id).map(|handle| handle.generation)
    }

    /// Puts a command into the charge point's mailbox; its answer comes through what is returned.
    fn post(
        &self,
        id: &ChargePointId,
        action: Action,
        payload: String,
    ) -> Result<oneshot::Receiver<Result<Box<RawValue>, CallFailure>>, CallFailure> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(CallFailure::TooLarge);
        }
        let mailbox = self.read().get(id).map(|handle| handle.mailbox.clone());
        let mailbox = mailbox.ok_or(CallFailure::Offline)?;
        let (reply, answer) = oneshot::channel();
        let command = Box::new(Command {
            action,
            payload,
            reply,
        });
        mailbox.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CallFailure::Busy,
            mpsc::error::TrySendError::Closed(_) => CallFailure::Offline,
        })?;
        Ok(answer)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<ChargePointId, Handle>> {
        self.handles.read().unwrap_or_else(|e| e.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<ChargePointId, Handle>> {
        self.handles.write().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_generation_does_not_take_the_new_one_off_the_map() {
        let sessions = Sessions::new(Duration::from_secs(1), Arc::default());
        let id = ChargePointId::new("CP-1").unwrap();
        let old = sessions.connect(&id, 0);
        let new = sessions.connect(&id, 0);
        assert!(old.replaced.is_cancelled() && !new.replaced.is_cancelled());
        assert!(!sessions.disconnect(&id, old.generation));
        assert!(sessions.is_online(&id));
        assert!(sessions.disconnect(&id, new.generation));
        assert!(!sessions.is_online(&id));
    }

    #[tokio::test]
    async fn what_was_not_taken_when_the_socket_was_lost_was_not_sent() {
        let sessions = Sessions::new(Duration::from_secs(60), Arc::default());
        let id = ChargePointId::new("CP-1").unwrap();
        for (failure, sent) in [(CallFailure::Offline, false), (CallFailure::Lost, true)] {
            let mut seat = sessions.connect(&id, 0);
            let call = sessions.try_call(&id, Action::ClearCache, "{}".into());
            let lose = async {
                let command = seat.mailbox.recv().await.unwrap();
                command.reply.send(Err(failure)).unwrap();
            };
            let (answer, ()) = tokio::join!(call, lose);
            assert_eq!(answer.is_ok(), sent);
        }
    }

    #[tokio::test]
    async fn a_full_mailbox_is_busy_and_a_closed_one_offline() {
        let sessions = Sessions::new(Duration::from_millis(1), Arc::default());
        let id = ChargePointId::new("CP-1").unwrap();
        let call = || sessions.call_raw(&id, Action::ClearCache, "{}".into());
        assert_eq!(call().await.unwrap_err(), CallFailure::Offline);
        let seat = sessions.connect(&id, 0);
        for _ in 0..MAILBOX_COMMANDS_MAX {
            assert_eq!(call().await.unwrap_err(), CallFailure::TimedOut);
        }
        assert_eq!(call().await.unwrap_err(), CallFailure::Busy);
        drop(seat);
        assert_eq!(call().await.unwrap_err(), CallFailure::Offline);
    }
}
