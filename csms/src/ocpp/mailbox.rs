//! The commands that wait for their turn on one connection.
//!
//! A command is in here, or the session has taken it and sends it at once. Whoever gives up takes it out again; if
//! it was still here, nothing was sent and nothing will be.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use dynamo_protocol::RawValue;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::dialect::CommandCall;
use crate::domain::command::CallFailure;

/// Commands that may wait for the one that is open. More are refused as busy.
pub(crate) const COMMANDS_MAX: usize = 16;

/// A command on its way to the session that sends it.
pub(crate) struct Entry {
    pub call: CommandCall,
    /// Later than this it is not sent: there would be no time left for its answer.
    pub send_until: Instant,
    /// When its caller gives up.
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<Box<RawValue>, CallFailure>>,
}

#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    posted: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, Entry)>,
    posted: u64,
    is_closed: bool,
}

impl Mailbox {
    /// Puts a command behind the others; its number is for [`Mailbox::withdraw`].
    pub(super) fn post(&self, command: Entry) -> Result<u64, CallFailure> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(CallFailure::Offline);
        }
        if state.waiting.len() >= COMMANDS_MAX {
            return Err(CallFailure::Busy);
        }
        state.posted += 1;
        let number = state.posted;
        state.waiting.push_back((number, command));
        drop(state);
        self.posted.notify_one();
        Ok(number)
    }

    /// Takes a command back; false when the session has taken it, or it was told already what became of it.
    pub(super) fn withdraw(&self, number: u64) -> bool {
        let mut state = self.lock();
        let waiting = state.waiting.iter().position(|(known, _)| *known == number);
        waiting.is_some_and(|index| state.waiting.remove(index).is_some())
    }

    /// The next command that is to be sent. Safe to cancel.
    pub(super) async fn next(&self) -> Entry {
        loop {
            if let Some(command) = self.take(Instant::now()) {
                return command;
            }
            self.posted.notified().await;
        }
    }

    /// The first command that still has time. Those before it are told that their turn did not come, in one piece
    /// with taking them out: who finds its command gone finds that out too.
    fn take(&self, now: Instant) -> Option<Entry> {
        let mut state = self.lock();
        while let Some((_, command)) = state.waiting.pop_front() {
            if now <= command.send_until {
                return Some(command);
            }
            let _ = command.reply.send(Err(CallFailure::NotSent));
        }
        None
    }

    /// The connection is over: what waits was not sent, and nothing more is taken.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        for (_, command) in state.waiting.drain(..) {
            let _ = command.reply.send(Err(CallFailure::Offline));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamo_protocol::Version;
    use std::time::Duration;

    fn command(
        send_until: Instant,
    ) -> (Entry, oneshot::Receiver<Result<Box<RawValue>, CallFailure>>) {
        let (reply, answer) = oneshot::channel();
        let command = Entry {
            call: CommandCall {
                version: Version::V1_6,
                action: "ClearCache",
                payload: "{}".to_owned(),
                asks_for: None,
                new_key: None,
            },
            send_until,
            deadline: send_until + Duration::from_secs(1),
            reply,
        };
        (command, answer)
    }

    #[tokio::test]
    async fn what_has_no_time_left_is_not_sent_and_hears_that() {
        let (mailbox, now) = (Mailbox::default(), Instant::now());
        let (late, mut too_late) = command(now);
        mailbox.post(late).unwrap();
        mailbox
            .post(command(now + Duration::from_secs(2)).0)
            .unwrap();
        let then = now + Duration::from_secs(1);
        assert_eq!(
            mailbox.take(then).unwrap().send_until,
            now + Duration::from_secs(2)
        );
        assert_eq!(
            too_late.try_recv().unwrap().unwrap_err(),
            CallFailure::NotSent
        );
        assert!(mailbox.take(then).is_none());
    }

    #[tokio::test]
    async fn who_gives_up_makes_room_and_what_was_taken_cannot_be_taken_back() {
        let (mailbox, later) = (Mailbox::default(), Instant::now() + Duration::from_secs(9));
        let numbers: Vec<u64> = (0..COMMANDS_MAX)
            .map(|_| mailbox.post(command(later).0).unwrap())
            .collect();
        assert_eq!(
            mailbox.post(command(later).0).unwrap_err(),
            CallFailure::Busy
        );
        assert!(mailbox.withdraw(numbers[3]));
        assert!(!mailbox.withdraw(numbers[3]));
        mailbox.post(command(later).0).unwrap();
        mailbox.next().await;
        assert!(!mailbox.withdraw(numbers[0]));
    }

    #[tokio::test]
    async fn a_closed_mailbox_is_offline_for_who_waits_and_who_comes() {
        let (mailbox, later) = (Mailbox::default(), Instant::now() + Duration::from_secs(9));
        let (waiting, mut answer) = command(later);
        mailbox.post(waiting).unwrap();
        mailbox.close();
        assert_eq!(
            answer.try_recv().unwrap().unwrap_err(),
            CallFailure::Offline
        );
        assert_eq!(
            mailbox.post(command(later).0).unwrap_err(),
            CallFailure::Offline
        );
    }
}
