//! The socket side of the task: opening, reading, writing, losing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dynamo_protocol::link::{Received, Stray};
use dynamo_protocol::{CallError, MessageId, RawValue};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Error as SocketError, Message};

use super::clock::RunningClock;
use super::socket::{self, OpenError, WebSocket};
use super::task::Driver;
use super::{Mail, Silence};
use crate::charge_point::{CommandId, Failure, Input, Tag};
use crate::tally::CallEnd;

/// How long the kernel may refuse to take a frame before the socket counts as lost.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the other side of a parked socket is left in the dark at most.
const SILENT_MAX: Duration = Duration::from_secs(600);

pub(super) type Opening = Pin<Box<dyn Future<Output = Result<WebSocket, OpenError>> + Send>>;
pub(super) type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The one socket of a charge point.
pub(super) enum Socket {
    Down,
    Opening(Opening),
    Up(WebSocket),
}

/// A socket that nobody reads, writes or closes, as if power or radio were gone: its other side learns nothing until
/// it is dropped.
pub(super) struct Parked {
    _socket: WebSocket,
    _silence: Silence,
    pub(super) until: Instant,
}

/// What the task was woken for.
pub(super) enum Event {
    Opened(Result<WebSocket, OpenError>),
    Read(Option<Result<Message, SocketError>>),
    /// The farewell of an earlier socket is over.
    Closed,
    /// An operator's action; `None` when no operator is left.
    Mail(Option<Box<Mail>>),
    /// The sleep is over, or the rig's clock was moved.
    Time,
    End,
}

/// The next thing that happens at the socket. Safe to cancel.
pub(super) async fn socket_event(socket: &mut Socket) -> Event {
    match socket {
        Socket::Down => std::future::pending().await,
        Socket::Opening(opening) => Event::Opened(opening.as_mut().await),
        Socket::Up(socket) => Event::Read(socket.next().await),
    }
}

impl Driver {
    /// Begins to open the socket, after the farewell of an earlier one.
    pub(super) fn open(&mut self) {
        let target = match &self.target {
            Ok(target) => Arc::clone(target),
            Err(reason) => {
                let reason = reason.clone();
                return self.open_failed(reason);
            }
        };
        self.disconnect(true);
        let closing = self.closing.take();
        // Boxed: a handshake needs kilobytes that an open socket does not.
        self.socket = Socket::Opening(Box::pin(async move {
            if let Some(closing) = closing {
                closing.await;
            }
            target.open().await
        }));
    }

    pub(super) fn opened(&mut self, result: Result<WebSocket, OpenError>) {
        match result {
            Ok(socket) => {
                self.socket = Socket::Up(socket);
                self.parked = None;
                if let Some(observer) = &self.observer {
                    let tally = &observer.tally;
                    tally.connections_opened.fetch_add(1, Relaxed);
                    tally.online.fetch_add(1, Relaxed);
                    let counter = if self.connected_before {
                        &tally.connections_reopened
                    } else {
                        &tally.connected
                    };
                    counter.fetch_add(1, Relaxed);
                }
                self.connected_before = true;
                self.tried_in_vain = false;
                self.heard = true;
                self.plan_ping();
                self.inputs.push_back(Input::Connected);
            }
            Err(error) => self.open_failed(error.to_string()),
        }
    }

    fn open_failed(&mut self, reason: String) {
        tracing::debug!(charge_point = %self.id, reason, "no connection");
        self.socket = Socket::Down;
        self.tried_in_vain = true;
        if let Some(observer) = &self.observer {
            observer.tally.connection_failed(reason);
        }
        self.inputs.push_back(Input::Disconnected);
    }

    pub(super) fn read(&mut self, message: Option<Result<Message, SocketError>>) {
        self.heard = true;
        self.watch.heard();
        match message {
            Some(Ok(Message::Text(text))) => {
                self.frames_in += 1;
                self.receive(text.as_str());
            }
            // OCPP-J speaks text only [1.6J §4.1.1]; the library answers pings by itself.
            Some(Ok(Message::Binary(_))) => {
                tracing::debug!(charge_point = %self.id, "a binary message was ignored");
                self.count_frame(|tally| &tally.frames_refused);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) => {
                // The socket is kept a moment, for the confirmation to leave.
                if let Socket::Up(socket) = std::mem::replace(&mut self.socket, Socket::Down) {
                    self.closing = Some(Box::pin(socket::close(socket)));
                }
                self.lost("the CSMS closed the socket");
            }
            Some(Err(error)) => self.lost(&error.to_string()),
            None => self.lost("the socket is at its end"),
        }
    }

    fn receive(&mut self, text: &str) {
        match self.link.receive(text) {
            Received::Call {
                id,
                action,
                payload,
            } => self.command(id, &action, payload),
            Received::Answer {
                tag: (tag, action),
                result,
                flaw: _,
            } => self.answered(tag, action, result),
            Received::Stray(stray) => {
                let what = match stray {
                    Stray::Late => "its call had timed out",
                    Stray::Double => "its call was answered before",
                    Stray::Unknown => "there was no such call",
                };
                tracing::debug!(charge_point = %self.id, what, "an answer nobody waits for");
                self.count_frame(|tally| &tally.frames_stray);
            }
            Received::Refused { reply, reason } => {
                tracing::debug!(charge_point = %self.id, reason, "a frame was refused");
                let is_silent =
                    self.point.is_rejected() && self.dialect.refusal_while_rejected().is_none();
                self.replies.extend(reply.filter(|_| !is_silent));
                self.count_frame(|tally| &tally.frames_refused);
            }
        }
    }

    fn command(&mut self, id: MessageId, action: &str, payload: &RawValue) {
        match self
            .dialect
            .decode_command(action, payload, self.point.hardware())
        {
            Ok(command) => {
                let command_id = CommandId(self.next_command);
                self.next_command += 1;
                self.commands.push((command_id, id));
                self.inputs.push_back(Input::Command {
                    id: command_id,
                    command,
                });
            }
            Err(_) if self.point.is_rejected() => self.refuse_while_rejected(&id),
            Err(error) => self.replies.extend(self.link.answer(&id, Err(&error))),
        }
    }

    fn answered(&mut self, tag: Tag, action: &'static str, result: Result<&RawValue, CallError>) {
        let result = result.and_then(|payload| self.dialect.decode_answer(action, payload));
        match &result {
            Ok(_) => self.count_call(action, &CallEnd::Ok),
            Err(error) => {
                let (code, reason) = (
                    error.code.as_wire(self.dialect.version()),
                    &error.description,
                );
                tracing::debug!(charge_point = %self.id, action, code, %reason, "a call was refused");
                self.count_call(action, &CallEnd::Error(error));
            }
        }
        self.answer(tag, result.map_err(Failure::Refused));
    }

    /// Writes what is to be said: replies first, then the next call if none is open.
    pub(super) async fn transmit(&mut self) {
        self.write_ledger().await;
        loop {
            if !matches!(self.socket, Socket::Up(_)) {
                self.replies.clear();
                return;
            }
            if let Some(reply) = self.replies.pop_front() {
                self.write(Message::text(reply)).await;
            } else if let Some(call) = self.link.poll_transmit(self.link_now()) {
                self.call_written = Some((Instant::now(), self.phase()));
                self.watch.call_written(Instant::now());
                self.write(Message::text(call)).await;
                // What the kernel made the charge point wait for its turn is no latency of the CSMS.
                if let Some((written, _)) = &mut self.call_written {
                    *written = Instant::now();
                }
            } else {
                return;
            }
        }
    }

    async fn write(&mut self, message: Message) {
        let Socket::Up(socket) = &mut self.socket else {
            return;
        };
        let text = message.is_text();
        let written = socket.send(message);
        match tokio::time::timeout(WRITE_TIMEOUT, written).await {
            Ok(Ok(())) => self.frames_out += u64::from(text),
            Ok(Err(error)) => self.lost(&error.to_string()),
            Err(_) => self.deserted("the CSMS reads nothing any more"),
        }
    }

    /// Pings as `WebSocketPingInterval` says [1.6J §6]. They watch the network, so they go by real time; a rig that
    /// moves the clock by hand gets none.
    fn plan_ping(&mut self) {
        let interval_s = match &self.clock {
            RunningClock::Real { .. } => self.point.ping_interval_s(),
            RunningClock::Rig { .. } => 0,
        };
        let interval = Duration::from_secs(interval_s.into());
        self.ping_at = (interval_s > 0).then(|| Instant::now() + interval);
    }

    /// A CSMS that says nothing at all between two pings, not even a pong, is gone.
    pub(super) async fn ping_if_due(&mut self) {
        if self.ping_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        if !self.heard {
            return self.deserted("the CSMS answers no ping");
        }
        self.heard = false;
        self.write(Message::Ping(Bytes::new())).await;
        if matches!(self.socket, Socket::Up(_)) {
            self.plan_ping();
        }
    }

    /// Halfway through the time-out of a call: an answer to a ping tells a CSMS that ignores one message from a line
    /// that is dead.
    pub(super) async fn probe_if_due(&mut self) {
        if self.watch.take_probe(Instant::now()) && self.link.next_deadline().is_some() {
            self.write(Message::Ping(Bytes::new())).await;
        }
    }

    /// The socket is as good as gone: the other side shows no sign of life.
    pub(super) fn deserted(&mut self, reason: &str) {
        self.tried_in_vain = true;
        self.lost(reason);
    }

    /// The socket is gone and the charge point did not want that.
    pub(super) fn lost(&mut self, reason: &str) {
        tracing::debug!(charge_point = %self.id, reason, "connection lost");
        self.silence = None;
        self.socket = Socket::Down;
        if let Some(observer) = &self.observer {
            observer.tally.connections_lost.fetch_add(1, Relaxed);
            observer.tally.online.fetch_sub(1, Relaxed);
        }
        self.drop_calls();
        self.inputs.push_back(Input::Disconnected);
    }

    /// The charge point, or the end of the run, wants the socket gone.
    pub(super) fn disconnect(&mut self, abruptly: bool) {
        if let Socket::Up(socket) = std::mem::replace(&mut self.socket, Socket::Down) {
            if let Some(observer) = &self.observer {
                observer.tally.online.fetch_sub(1, Relaxed);
            }
            if !abruptly {
                self.closing = Some(Box::pin(socket::close(socket)));
            } else if let Some(silence) = self.silence.take() {
                self.parked = Some(Box::new(Parked {
                    _socket: socket,
                    _silence: silence,
                    until: Instant::now() + SILENT_MAX,
                }));
            }
        }
        self.silence = None;
        self.drop_calls();
    }

    /// Gives open and waiting calls back, and forgets the CSMS's.
    fn drop_calls(&mut self) {
        self.ping_at = None;
        self.watch.heard();
        self.commands.clear();
        self.replies.clear();
        for (tag, action) in self.link.disconnect() {
            // Only the open call, which comes first, was ever sent.
            self.count_call(action, &CallEnd::CutOff);
            self.answer(tag, Err(Failure::Disconnected));
        }
    }
}
