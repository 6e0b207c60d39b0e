//! What is known of one connection of a charge point while it lasts.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dynamo_protocol::ChargePointId;
use tokio_util::sync::CancellationToken;

use super::answered::Answers;
use crate::store::Presence;

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
    /// The actions that this CSMS asked for on this connection and that may come once for that; see `routes`.
    asked_for: Mutex<Vec<&'static str>>,
    /// Cancelled when the registration turns out not to be the one that let the connection in.
    pub outdated: CancellationToken,
    /// The fingerprint of the certificate that let the connection in, where this server issued it.
    pub certificate: OnceLock<Arc<str>>,
    /// Whether that was revoked.
    pub revoked: AtomicBool,
    /// What handlers answered to calls of this connection.
    pub answers: Answers,
}

impl Contact {
    /// Ends the connection: its certificate is good no more.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Relaxed);
        self.outdated.cancel();
    }

    pub(super) fn asked_for(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.asked_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn presence(&self, id: &ChargePointId) -> Presence {
        Presence {
            charge_point_id: id.as_str().to_owned(),
            last_seen_at_ms: self.seen_at_ms.load(Relaxed),
            last_heartbeat_at_ms: self.heartbeat(),
        }
    }

    pub(super) fn heartbeat(&self) -> Option<i64> {
        Some(self.heartbeat_at_ms.load(Relaxed)).filter(|at| *at != 0)
    }
}
