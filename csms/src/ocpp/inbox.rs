//! The calls of one charge point that wait to be answered, over all of its connections.
//!
//! They are handled one after the other in the order in which they were received, by a task that knows no socket: what
//! was received before a close, a newer connection or the shutdown is handled to the end, and before what the newer
//! connection brings. Whoever reads a socket looks at [`Inbox::has_room`] before: while there is none, the charge point
//! waits, and no call is refused.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use dynamo_protocol::link::{INBOUND_BYTES_MAX, INBOUND_CALLS_MAX};
use dynamo_protocol::{CallError, ErrorCode, MessageId, Millis, Version};
use futures_util::FutureExt as _;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::pace::{Bucket, Rate};
use super::routes::Cx;
use super::version::Served;
use crate::App;
use crate::metrics::Outcome;

/// How long a message waits for the outbox, so that webhooks hear of it after what was before it. A database that is
/// away for longer is not waited for.
pub(super) const TOLD_PATIENCE: Duration = Duration::from_secs(2);

/// A call of the charge point.
pub(crate) struct Call {
    pub id: MessageId,
    pub action: String,
    /// The version that its connection speaks.
    pub version: Version,
    pub cx: Cx,
    /// Hears when what was told before this call is in the outbox.
    pub untold: Option<oneshot::Receiver<()>>,
}

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
    fn push(&self, answered: Answered) {
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

/// The calls of one charge point. `T` is a call.
pub(crate) struct Inbox<T = Call> {
    state: Mutex<State<T>>,
    room: Notify,
}

struct State<T> {
    /// The connection whose calls are taken.
    generation: u64,
    waiting: VecDeque<(T, usize)>,
    /// Calls that wait or are being handled, and their bytes.
    calls: usize,
    bytes: usize,
    is_worked_on: bool,
    bucket: Bucket,
}

// Derived, it would ask for a `Default` of `T`.
impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let state = State {
            generation: 0,
            waiting: VecDeque::new(),
            calls: 0,
            bytes: 0,
            is_worked_on: false,
            bucket: Bucket::default(),
        };
        Self {
            state: Mutex::new(state),
            room: Notify::new(),
        }
    }
}

/// What became of a call that was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed<T = Call> {
    Waits,
    /// It waits, and nobody works on this inbox.
    WantsWork,
    /// A newer connection is there: the call was not taken.
    Superseded(T),
}

impl<T> Inbox<T> {
    /// From now on the calls of this connection are taken, and no more of those before it.
    pub(super) fn begin(&self, generation: u64) {
        self.lock().generation = generation;
    }

    /// Whether another call may be read.
    pub(super) fn has_room(&self) -> bool {
        let state = self.lock();
        state.calls < INBOUND_CALLS_MAX && state.bytes < INBOUND_BYTES_MAX
    }

    /// Ends when a call was handled. Safe to cancel.
    pub(super) async fn until_handled(&self) {
        self.room.notified().await;
    }

    pub(super) fn push(&self, generation: u64, call: T, bytes: usize) -> Pushed<T> {
        let mut state = self.lock();
        if state.generation != generation {
            return Pushed::Superseded(call);
        }
        state.calls += 1;
        state.bytes += bytes;
        state.waiting.push_back((call, bytes));
        if std::mem::replace(&mut state.is_worked_on, true) {
            Pushed::Waits
        } else {
            Pushed::WantsWork
        }
    }

    /// When the next message may be read, now that one was, if that is not at once.
    pub(super) fn next_read_ms(&self, rate: Rate, now_ms: Millis) -> Option<Millis> {
        self.lock().bucket.take(rate, now_ms)
    }

    /// Whether what is known here matters to the next connection.
    pub(super) fn is_worth_keeping(&self, now_ms: Millis) -> bool {
        let state = self.lock();
        state.calls > 0 || !state.bucket.is_full(now_ms)
    }

    /// The next call; without one, nobody works on this inbox any more.
    fn next(&self) -> Option<(T, usize)> {
        let mut state = self.lock();
        let call = take_first(&mut state.waiting);
        state.is_worked_on = call.is_some();
        call
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The first of a queue. One that is empty keeps no memory: most charge points are silent most of the time.
fn take_first<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    first
}

/// The room that a call takes until it is handled, whatever becomes of its handler.
struct Held<'a, T> {
    inbox: &'a Inbox<T>,
    bytes: usize,
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        let mut state = self.inbox.lock();
        state.calls -= 1;
        state.bytes -= self.bytes;
        drop(state);
        self.inbox.room.notify_one();
    }
}

/// Says that nobody works on an inbox, if the work ends before the calls do: the next call begins it anew.
struct Working<'a, T> {
    inbox: &'a Inbox<T>,
    is_over: bool,
}

impl<T> Drop for Working<'_, T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.inbox.lock().is_worked_on = false;
        }
    }
}

/// Handles the calls of an inbox one after the other, until none waits.
async fn work<T, F: Future<Output = ()>>(inbox: &Inbox<T>, handle: impl Fn(T) -> F) {
    let mut working = Working {
        inbox,
        is_over: false,
    };
    while let Some((call, bytes)) = inbox.next() {
        let _held = Held { inbox, bytes };
        handle(call).await;
    }
    working.is_over = true;
}

/// Begins to work on an inbox. Whatever becomes of the connections, the task goes on; the shutdown waits for it.
pub(super) fn begin_work(app: &Arc<App>, inbox: &Arc<Inbox>) {
    let (app, inbox) = (app.clone(), inbox.clone());
    app.handlers.clone().spawn(async move {
        work(&inbox, |call| answer(app.clone(), call)).await;
    });
}

/// Handles a call and leaves its answer with its connection, where one is left.
async fn answer(app: Arc<App>, call: Call) {
    let Call {
        id,
        action,
        version,
        cx,
        untold,
    } = call;
    if let Some(written) = untold {
        // Either end will do: it is written, or lost and counted.
        let _ = timeout(TOLD_PATIENCE, written).await;
    }
    let routes = Served::find(version).map(|served| &served.routes);
    let (contact, charge_point) = (cx.contact.clone(), cx.charge_point.clone());
    let begun = Instant::now();
    let handled = AssertUnwindSafe(async {
        match routes {
            Some(routes) => routes.answer(&action, cx).await,
            // The handshake agrees to no other version.
            None => Err(CallError::not_implemented(&action)),
        }
    });
    let handled = handled.catch_unwind();
    let result = handled.await.unwrap_or_else(|_| {
        // The panic is in the log; one broken handler takes nothing else with it.
        let text = "the message could not be handled";
        Err(CallError::new(ErrorCode::InternalError, text))
    });
    let outcome = match result {
        Ok(_) => Outcome::Ok,
        Err(_) => Outcome::Error,
    };
    let known = routes.and_then(|routes| routes.name_of(&action));
    app.metrics.answered(known, outcome, begun.elapsed());
    match &result {
        Ok(_) => tracing::debug!(%charge_point, action, call_id = %id, "answered"),
        Err(error) => tracing::info!(
            %charge_point, action, call_id = %id,
            code = error.code.as_wire(version), description = error.description, "answered with an error"
        ),
    }
    contact.answers.push(Answered { id, action, result });
}

#[cfg(test)]
mod tests {
    use super::*;

    use futures_util::poll;
    use tokio::sync::Semaphore;

    const RATE: Rate = Rate {
        burst: 2,
        per_second: 10,
    };

    /// Handles calls into `done` as `permits` come; call 0 panics.
    async fn handle(inbox: &Inbox<u32>, permits: &Semaphore, done: &Mutex<Vec<u32>>) {
        let handle = |call| async move {
            permits.acquire().await.unwrap().forget();
            assert_ne!(call, 0);
            done.lock().unwrap().push(call);
        };
        work(inbox, handle).await;
    }

    #[tokio::test]
    async fn what_an_old_connection_brought_is_handled_before_what_the_new_one_brings() {
        let (inbox, permits, done) = (Inbox::default(), Semaphore::new(0), Mutex::default());
        inbox.begin(1);
        assert_eq!(inbox.push(1, 11, 1), Pushed::WantsWork);
        let mut working = Box::pin(handle(&inbox, &permits, &done));
        assert!(poll!(&mut working).is_pending());
        assert_eq!(inbox.push(1, 12, 1), Pushed::Waits);
        inbox.begin(2);
        // Nothing of the old connection comes after what is the new one's.
        assert_eq!(inbox.push(1, 13, 1), Pushed::Superseded(13));
        assert_eq!(inbox.push(2, 21, 1), Pushed::Waits);
        permits.add_permits(3);
        working.await;
        assert_eq!(*done.lock().unwrap(), [11, 12, 21]);
        assert_eq!(inbox.push(2, 22, 1), Pushed::WantsWork);
    }

    #[tokio::test]
    async fn a_handler_that_panics_gives_its_room_back_and_the_next_call_is_worked_on() {
        let (inbox, permits, done) = (Inbox::default(), Semaphore::new(9), Mutex::default());
        inbox.begin(1);
        assert_eq!(inbox.push(1, 0, INBOUND_BYTES_MAX), Pushed::WantsWork);
        assert!(!inbox.has_room());
        let working = AssertUnwindSafe(handle(&inbox, &permits, &done)).catch_unwind();
        assert!(working.await.is_err());
        assert!(inbox.has_room() && !inbox.is_worth_keeping(0));
        assert_eq!(inbox.push(1, 1, 1), Pushed::WantsWork);
        handle(&inbox, &permits, &done).await;
        assert_eq!(*done.lock().unwrap(), [1]);
    }

    #[tokio::test]
    async fn the_room_is_bounded_in_calls_and_bytes_over_all_connections() {
        for (calls, bytes) in [(INBOUND_CALLS_MAX, 1), (2, INBOUND_BYTES_MAX / 2)] {
            let (inbox, permits, done) = (Inbox::default(), Semaphore::new(1), Mutex::default());
            inbox.begin(1);
            for number in 0..calls {
                assert!(inbox.has_room(), "{number}");
                inbox.push(1, 7, bytes);
            }
            inbox.begin(2);
            assert!(!inbox.has_room());
            let mut working = Box::pin(handle(&inbox, &permits, &done));
            assert!(poll!(&mut working).is_pending());
            assert!(inbox.has_room());
            inbox.until_handled().await;
        }
    }

    #[test]
    fn a_used_up_bucket_is_kept_for_the_next_connection() {
        let inbox = Inbox::<u32>::default();
        inbox.begin(1);
        assert_eq!(inbox.next_read_ms(RATE, 1_000), None);
        assert_eq!(inbox.next_read_ms(RATE, 1_000), Some(1_100));
        assert!(inbox.is_worth_keeping(1_199));
        assert!(!inbox.is_worth_keeping(1_200));
    }
}
