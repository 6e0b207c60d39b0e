//! Listening in on the line of one charge point: its frames in both directions, and its connections.
//!
//! A tap is for work that waits for what a charge point does, such as a commissioning run. What a listener
//! does not take in time is lost to it, never waited for, and of a long message it hears the head only.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use dynamo_protocol::{ChargePointId, RawValue};
use tokio::sync::mpsc;

use super::dialect::Dialect;
use super::masked::masked;

/// What may wait for the listener.
const HEARD_MAX: usize = 256;
/// Bytes of a message that are heard whole; with [`HEARD_MAX`], 4 MiB wait at most.
const FRAME_BYTES_MAX: usize = 16 * 1024;
/// Bytes of each part of the head of a longer one.
const HEAD_BYTES_MAX: usize = 256;

/// What a listener hears.
pub(crate) enum Heard {
    /// The charge point has a new socket.
    Connected,
    Frame(Frame),
}

/// A frame as it travelled.
#[derive(Clone)]
pub(crate) struct Frame {
    /// Whose words these are.
    pub dialect: &'static dyn Dialect,
    pub at_ms: i64,
    pub from_charge_point: bool,
    /// Without its body where it was too long, and without passwords.
    pub text: String,
    /// The bytes of the message.
    pub bytes: usize,
}

impl Frame {
    pub(crate) fn new(
        dialect: &'static dyn Dialect,
        at_ms: i64,
        from_charge_point: bool,
        message: &str,
    ) -> Self {
        let text = bounded(message);
        Self {
            dialect,
            at_ms,
            from_charge_point,
            text: masked(&text).unwrap_or_else(|| text.into_owned()),
            bytes: message.len(),
        }
    }

    /// Whether its body was left out.
    pub(crate) const fn has_no_body(&self) -> bool {
        self.bytes > FRAME_BYTES_MAX
    }
}

/// The message, or the parts before the body where it is too long: kind, id, and the action of a call.
fn bounded(message: &str) -> Cow<'_, str> {
    if message.len() <= FRAME_BYTES_MAX {
        return Cow::Borrowed(message);
    }
    let parts: Vec<&RawValue> = serde_json::from_str(message).unwrap_or_default();
    let head_parts = match parts.first().map(|kind| kind.get()) {
        Some("2") => 3,
        Some("3") => 2,
        // Code and description of an error.
        Some(_) => 4,
        None => 0,
    };
    let head: Vec<&str> = parts
        .iter()
        .take(head_parts)
        .map(|part| part.get())
        .take_while(|part| part.len() <= HEAD_BYTES_MAX)
        .collect();
    Cow::Owned(format!("[{}]", head.join(",")))
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

#[cfg(test)]
mod tests {
    use super::super::v16::V16;
    use super::*;

    #[test]
    fn of_a_long_message_only_the_head_is_heard() {
        let body = "x".repeat(2 * 1024 * 1024);
        for (message, head) in [
            (
                format!(r#"[2,"1","DataTransfer",{{"data":"{body}"}}]"#),
                r#"[2,"1","DataTransfer"]"#,
            ),
            (format!(r#"[3,"1",{{"data":"{body}"}}]"#), r#"[3,"1"]"#),
            (
                format!(r#"[4,"1","InternalError","","{body}"]"#),
                r#"[4,"1","InternalError",""]"#,
            ),
            (format!(r#"[2,"{body}","DataTransfer",{{}}]"#), "[2]"),
            (body.clone(), "[]"),
        ] {
            let frame = Frame::new(&V16, 1, true, &message);
            assert_eq!(frame.text, head);
            assert!(frame.has_no_body() && frame.bytes == message.len());
        }
        let short = Frame::new(&V16, 1, true, r#"[3,"1",{}]"#);
        assert_eq!(short.text, r#"[3,"1",{}]"#);
        assert!(!short.has_no_body());
    }
}
