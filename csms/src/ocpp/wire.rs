//! A WebSocket with a queue of what is to be written: writing stops neither reading nor whoever writes.
//!
//! The queue is filled by whoever owns the wire, who looks at [`Wire::has_room`] before it reads what will have to be
//! answered. It owns no time: how long a peer may take nothing is the owner's to say.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::Instant;

use super::end::End;

/// Messages that may wait to be written before nothing more is read, and their bytes. What is being handled then is
/// answered all the same, so this is not the most that can wait.
const WAITING_MAX: usize = 64;
const WAITING_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Wire {
    pub(super) socket: WebSocket,
    waiting: VecDeque<Message>,
    waiting_bytes: usize,
    /// The socket was given something that may not have left.
    is_flushing: bool,
    blocked_at: Option<Instant>,
    /// Nothing can be written any more. What the peer sent before can still be read.
    is_broken: bool,
}

/// What happened on the wire.
pub(super) enum Turn {
    Received(Message),
    /// Everything that waited has left, or from now on it is stuck: see [`Wire::blocked_at`].
    WritingChanged,
    Ended(End),
}

impl Wire {
    pub(super) const fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            is_flushing: false,
            blocked_at: None,
            is_broken: false,
        }
    }

    /// Puts a message behind those that wait.
    pub(super) fn push(&mut self, message: Message) {
        if !self.is_broken {
            self.waiting_bytes += bytes(&message);
            self.waiting.push_back(message);
        }
    }

    /// Whether what is read now can be answered without more and more waiting here.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX && self.waiting_bytes < WAITING_BYTES_MAX
    }

    /// Whether everything has left.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.is_flushing
    }

    /// Whether something can be written now, and leaves at once.
    pub(super) fn is_free(&self) -> bool {
        self.is_idle() && !self.is_broken
    }

    /// Since when the peer has taken nothing of what waits for it.
    pub(super) const fn blocked_at(&self) -> Option<Instant> {
        self.blocked_at
    }

    /// Goes on writing, and reads if `may_read`. Safe to cancel.
    pub(super) async fn turn(&mut self, may_read: bool) -> Turn {
        std::future::poll_fn(|cx| self.poll_turn(may_read, cx)).await
    }

    fn poll_turn(&mut self, may_read: bool, cx: &mut Context<'_>) -> Poll<Turn> {
        if !self.is_idle() {
            match self.poll_write(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Turn::WritingChanged),
                Poll::Ready(Err(error)) => match End::of_error(error) {
                    End::Stuck => return Poll::Ready(Turn::Ended(End::Stuck)),
                    _ => self.broke(),
                },
                Poll::Pending if self.blocked_at.is_none() => {
                    self.blocked_at = Some(Instant::now());
                    return Poll::Ready(Turn::WritingChanged);
                }
                Poll::Pending => {}
            }
        }
        if !may_read {
            return Poll::Pending;
        }
        Poll::Ready(match ready!(self.socket.poll_next_unpin(cx)) {
            Some(Ok(message)) => Turn::Received(message),
            Some(Err(error)) => Turn::Ended(End::of_error(error)),
            None => Turn::Ended(End::Broken),
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        loop {
            // The message before this one has left.
            ready!(self.socket.poll_ready_unpin(cx))?;
            let Some(message) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= bytes(&message);
            self.blocked_at = None;
            self.is_flushing = true;
            self.socket.start_send_unpin(message)?;
        }
        ready!(self.socket.poll_flush_unpin(cx))?;
        // A silent wire keeps no memory.
        self.waiting = VecDeque::new();
        self.is_flushing = false;
        self.blocked_at = None;
        Poll::Ready(Ok(()))
    }

    fn broke(&mut self) {
        self.is_broken = true;
        self.is_flushing = false;
        self.blocked_at = None;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }
}

fn bytes(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}
