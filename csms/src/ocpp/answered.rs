//! The answers of handlers on their way to the session that sends them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use dynamo_protocol::{CallError, MessageId};
use tokio::sync::Notify;

/// How a call was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub id: MessageId,
    pub action: String,
    pub result: Result<String, CallError>,
}

/// The answers that wait for the session of their connection.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    waiting: Mutex<VecDeque<Answered>>,
    came: Notify,
}

impl Answers {
    pub(super) fn push(&self, answered: Answered) {
        self.lock().push_back(answered);
        self.came.notify_one();
    }

    /// The next answer. Safe to cancel.
    pub(super) async fn next(&self) -> Answered {
        loop {
            if let Some(answered) = take_first(&mut self.lock()) {
                return answered;
            }
            self.came.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Answered>> {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The first of a queue. One that is empty keeps no memory: most charge points are silent most of the time.
pub(super) fn take_first<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    first
}
