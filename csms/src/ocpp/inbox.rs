//! The calls of one charge point that wait to be answered, over all of its connections.
//!
//! They are handled one after the other in the order in which they were received, by a task that knows no socket: what
//! was received before a close, a newer connection or the shutdown is handled to the end, and before what the newer
//! connection brings. Whoever reads a socket looks at [`Inbox::has_room`] before: while there is none, the charge point
//! waits, and no call is refused.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use dynamo_protocol::Millis;
use dynamo_protocol::link::{INBOUND_BYTES_MAX, INBOUND_CALLS_MAX};
use tokio::sync::Notify;

use super::answered::take_first;
use super::call::Call;
use super::pace::{Bucket, Rate};

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
pub(super) async fn work<T, F: Future<Output = ()>>(inbox: &Inbox<T>, handle: impl Fn(T) -> F) {
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

#[cfg(test)]
mod tests {
    use super::*;

    use std::panic::AssertUnwindSafe;

    use futures_util::{FutureExt as _, poll};
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
