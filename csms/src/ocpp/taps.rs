//! Listening in on the line of one charge point: its frames in both directions, and its connections.
//!
//! A tap is for work that waits for what a charge point does, such as a commissioning run. What a listener
//! does not take in time is lost to it, never waited for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use dynamo_protocol::ChargePointId;
use tokio::sync::mpsc;

/// What may wait for the listener.
const HEARD_MAX: usize = 512;

/// What a listener hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The charge point has a new socket.
    Connected,
    Frame(Frame),
}

/// A frame as it travelled.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub at_ms: i64,
    pub from_charge_point: bool,
    pub text: String,
}

/// All open taps; one per charge point, the newest.
#[derive(Clone, Default)]
pub(crate) struct Taps(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Most of the time there is no tap at all, and sessions need no lock to know it.
    open: AtomicUsize,
    listeners: Mutex<HashMap<ChargePointId, mpsc::Sender<Heard>>>,
}

impl Inner {
    fn listeners(&self) -> MutexGuard<'_, HashMap<ChargePointId, mpsc::Sender<Heard>>> {
        self.listeners.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Taps {
    /// Listens from now on, until the tap is dropped.
    pub(crate) fn open(&self, id: &ChargePointId) -> Tap {
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        let mut listeners = self.0.listeners();
        listeners.insert(id.clone(), sender);
        self.0.open.store(listeners.len(), Relaxed);
        Tap {
            taps: self.clone(),
            id: id.clone(),
            heard,
        }
    }

    /// Tells the listener of this charge point, if there is one.
    pub(crate) fn hear(&self, id: &ChargePointId, heard: impl FnOnce() -> Heard) {
        if self.0.open.load(Relaxed) == 0 {
            return;
        }
        if let Some(listener) = self.0.listeners().get(id) {
            let _ = listener.try_send(heard());
        }
    }
}

/// One listener's end.
pub(crate) struct Tap {
    taps: Taps,
    id: ChargePointId,
    pub heard: mpsc::Receiver<Heard>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.heard.close();
        let mut listeners = self.taps.0.listeners();
        // A newer tap on the same charge point stays.
        if listeners.get(&self.id).is_some_and(mpsc::Sender::is_closed) {
            listeners.remove(&self.id);
        }
        self.taps.0.open.store(listeners.len(), Relaxed);
    }
}
