//! The task that owns one connection: its socket and its line.
//!
//! Calls of the charge point are answered one after the other, in order, while reading goes on: a handler may
//! call the charge point it is answering. Commands wait in the mailbox until no other is open. A peer that
//! sends nothing for two pings is dead, one that does not read is given up after the write time-out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use dynamo_protocol::link::{Link, LinkConfig, Received, Stray};
use dynamo_protocol::v16::Action;
use dynamo_protocol::{
    CallError, ChargePointId, ErrorCode, MESSAGE_BYTES_MAX, MessageId, Millis, RawValue, Version,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep_until, timeout};

use super::accept::Admitted;
use super::end::End;
use super::key_change;
use super::push::push_later;
use super::routes::{self, Cx};
use super::sessions::{CallFailure, Command, Seat};
use super::taps::{Frame, Heard};
use crate::App;
use crate::domain::occurrence::{Kind, Occurrence};
use crate::domain::security::mask_passwords;
use crate::listen::Peer;
use crate::metrics::Outcome;
use crate::store::ChargePoint;

/// How long the peer gets to take part in closing.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of calls that may wait for their turn. One more is refused, unless none waits.
const WAITING_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// Bytes of an answer to a command that webhooks are told; of a longer one they are told the status.
const TOLD_BYTES_MAX: usize = 16 * 1024;

/// How long a message waits for the outbox, so that webhooks hear of it after what was before it. A database that is
/// away for longer is not waited for.
const TOLD_PATIENCE: Duration = Duration::from_secs(2);

type Reply = oneshot::Sender<Result<Box<RawValue>, CallFailure>>;

/// A call of the charge point that waits for its turn.
struct WaitingCall {
    id: MessageId,
    action: String,
    raw: Box<RawValue>,
    received_at_ms: i64,
    receipt: i64,
}

/// How a handler ended.
struct Answered {
    id: MessageId,
    action: String,
    result: Result<String, CallError>,
    took: Duration,
}

/// Lives a connection from the handshake to its end.
pub(crate) async fn run(
    app: Arc<App>,
    id: ChargePointId,
    Peer(peer): Peer,
    admitted: Admitted,
    socket: WebSocket,
) {
    let seat = app.sessions.connect(&id, app.clock().now_ms());
    app.metrics.connected();
    tracing::info!(charge_point = %id, %peer, generation = seat.generation, "connected");
    let _ = seat.contact.peer.set(peer.ip());
    app.taps.hear(&id, || Heard::Connected);
    app.guests.wake(id.as_str());
    let Admitted {
        charge_point,
        read_ms,
        certificate,
    } = admitted;
    if let Some(fingerprint) = certificate {
        let _ = seat.contact.certificate.set(fingerprint.clone());
        // Once more, now that whoever revokes it finds this connection. A store that fails says no.
        if !matches!(app.store.is_revoked(&fingerprint).await, Ok(false)) {
            seat.contact.revoke();
        }
    }
    routes::remember_registration(&seat.contact, charge_point.registration, read_ms);
    // And whoever deletes it meanwhile.
    if app.sessions.is_any_outdated_since(read_ms)
        && matches!(app.store.charge_point(id.as_str()).await, Ok(None))
    {
        seat.contact.outdated.cancel();
    }
    let now_ms = app.mono.now_ms();
    let mut session = Session {
        link: Link::new(LinkConfig {
            version: Version::V1_6,
            call_timeout_ms: duration_ms(app.options.command_timeout),
            queue_calls_max: 1,
            id_seed: u64::from(uuid::Uuid::new_v4().as_fields().0),
        }),
        waiting: VecDeque::new(),
        waiting_bytes: 0,
        receipts: 0,
        trigger: None,
        command: None,
        is_key_change: false,
        untold: None,
        heard_ms: now_ms,
        ping_at_ms: now_ms + duration_ms(app.options.ping_interval),
        app,
        id,
        peer,
        admitted: Arc::new(charge_point),
        seat,
        socket,
    };
    // What its messages tell comes after it.
    if let Some(told) = session.told(Kind::Connected) {
        let data = json!({"ocpp_version": "1.6"});
        session.untold = Some(session.app.outbox.tell(told, data));
    }
    let end = session.live().await;
    session.finish(end).await;
}

struct Session {
    app: Arc<App>,
    id: ChargePointId,
    peer: SocketAddr,
    admitted: Arc<ChargePoint>,
    seat: Seat,
    socket: WebSocket,
    link: Link<Reply>,
    waiting: VecDeque<WaitingCall>,
    /// Bytes of the payloads that wait.
    waiting_bytes: usize,
    /// Messages of this connection so far.
    receipts: u32,
    /// The message that the open command asks for.
    trigger: Option<Action>,
    /// The open command.
    command: Option<Action>,
    /// Whether it gives the charge point its password.
    is_key_change: bool,
    /// Hears when what was told of this connection is in the outbox: what its next message tells comes after it.
    untold: Option<oneshot::Receiver<()>>,
    heard_ms: Millis,
    ping_at_ms: Millis,
}

impl Session {
    async fn live(&mut self) -> End {
        match self.turns().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn turns(&mut self) -> Result<std::convert::Infallible, End> {
        let mut handler: Option<BoxFuture<'static, Answered>> = None;
        // Tokens of this session alone, waited for once: the one of the whole CSMS would be a lock for all.
        let shutdown = self.app.shutdown.child_token();
        let (replaced, contact) = (self.seat.replaced.clone(), self.seat.contact.clone());
        let mut shutdown = std::pin::pin!(shutdown.cancelled());
        let mut replaced = std::pin::pin!(replaced.cancelled());
        let mut outdated = std::pin::pin!(contact.outdated.cancelled());
        let mut sleep = std::pin::pin!(sleep_until(self.app.mono.instant(self.ping_at_ms)));
        loop {
            if handler.is_none() {
                handler = self.next_waiting().map(|call| self.handle(call));
            }
            if let Some(text) = self.link.poll_transmit(self.app.mono.now_ms()) {
                self.send(Message::Text(text.into())).await?;
            }
            self.set_alarm(sleep.as_mut());
            let idle = self.link.calls_pending() == 0;
            tokio::select! {
                () = shutdown.as_mut() => return Err(End::Shutdown),
                () = replaced.as_mut() => return Err(End::Replaced),
                () = outdated.as_mut() => return Err(self.outdated()),
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.receive(message).await?,
                    Some(Err(error)) => return Err(End::of_error(error)),
                    None => return Err(End::Broken),
                },
                answered = finished(&mut handler) => {
                    handler = None;
                    self.answer(answered).await?;
                }
                Some(command) = self.seat.mailbox.recv(), if idle => self.command(*command),
                () = sleep.as_mut() => self.wake().await?,
            }
        }
    }

    fn outdated(&self) -> End {
        if self.seat.contact.revoked.load(Relaxed) {
            End::Revoked
        } else {
            End::Outdated
        }
    }

    async fn receive(&mut self, message: Message) -> Result<(), End> {
        self.heard_ms = self.app.mono.now_ms();
        let received_at_ms = self.app.clock().now_ms();
        self.seat.contact.seen_at_ms.store(received_at_ms, Relaxed);
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::NotText),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Closed),
        };
        if tracing::enabled!(tracing::Level::TRACE) {
            let masked = key_change::masked(&text);
            let frame = masked.as_deref().unwrap_or(text.as_str());
            tracing::trace!(charge_point = %self.id, frame, "received");
        }
        self.tell_listener(true, &text);
        match self.link.receive(&text) {
            Received::Call {
                id,
                action,
                payload,
            } => {
                let bytes = payload.get().len();
                if !self.waiting.is_empty() && self.waiting_bytes + bytes > WAITING_BYTES_MAX {
                    let text = "too many bytes wait to be answered; send this again later";
                    let error = CallError::new(ErrorCode::GenericError, text);
                    return match self.link.answer(&id, Err(&error)) {
                        Some(text) => self.send(Message::Text(text.into())).await,
                        None => Ok(()),
                    };
                }
                self.waiting_bytes += bytes;
                self.receipts = self.receipts.saturating_add(1);
                self.waiting.push_back(WaitingCall {
                    id,
                    action: action.into_owned(),
                    raw: payload.to_owned(),
                    received_at_ms,
                    receipt: self.seat.first_receipt() + i64::from(self.receipts),
                });
            }
            Received::Answer { tag, result } => {
                if self.trigger.is_some() {
                    let accepted = result
                        .as_ref()
                        .is_ok_and(|answer| is_accepted(answer.get()));
                    self.end_trigger(accepted);
                }
                let result = result.map(RawValue::to_owned).map_err(CallFailure::Refused);
                self.tell_command(&result);
                // A caller that has given up does not hear the answer.
                let _ = tag.send(result);
            }
            Received::Stray(stray) => {
                let why = match stray {
                    Stray::Late => "its call had timed out",
                    Stray::Double => "its call was answered before",
                    Stray::Unknown => "there was no such call",
                };
                tracing::debug!(charge_point = %self.id, why, "an answer nobody waits for");
            }
            Received::Refused { reply, reason } => {
                tracing::debug!(charge_point = %self.id, reason, "a frame was refused");
                if let Some(reply) = reply {
                    self.send(Message::Text(reply.into())).await?;
                }
            }
        }
        Ok(())
    }

    fn next_waiting(&mut self) -> Option<WaitingCall> {
        let call = self.waiting.pop_front()?;
        self.waiting_bytes -= call.raw.get().len();
        Some(call)
    }

    /// The open command is answered, or too late to be: what it asked for may be sent only if that was agreed.
    fn end_trigger(&mut self, accepted: bool) {
        if let Some(action) = self.trigger.take().filter(|_| !accepted) {
            routes::use_trigger(&self.seat.contact, action);
        }
    }

    fn handle(&mut self, call: WaitingCall) -> BoxFuture<'static, Answered> {
        let app = self.app.clone();
        let cx = Cx {
            app: app.clone(),
            charge_point: self.id.clone(),
            admitted: self.admitted.clone(),
            contact: self.seat.contact.clone(),
            received_at_ms: call.received_at_ms,
            receipt: call.receipt,
            raw: call.raw,
        };
        let begun = Instant::now();
        let untold = self.untold.take();
        Box::pin(async move {
            if let Some(written) = untold {
                // Either end will do: it is written, or lost and counted.
                let _ = timeout(TOLD_PATIENCE, written).await;
            }
            let answer = AssertUnwindSafe(app.routes.answer(&call.action, cx)).catch_unwind();
            let result = answer.await.unwrap_or_else(|_| {
                // The panic is in the log; one broken handler does not take the connection with it.
                let text = "the message could not be handled";
                Err(CallError::new(ErrorCode::InternalError, text))
            });
            Answered {
                id: call.id,
                action: call.action,
                result,
                took: begun.elapsed(),
            }
        })
    }

    async fn answer(&mut self, answered: Answered) -> Result<(), End> {
        let Answered {
            id,
            action,
            result,
            took,
        } = answered;
        let outcome = if result.is_ok() {
            Outcome::Ok
        } else {
            Outcome::Error
        };
        let known = Action::from_wire(&action);
        self.app.metrics.answered(known, outcome, took);
        match &result {
            Ok(_) => tracing::debug!(charge_point = %self.id, action, call_id = %id, "answered"),
            Err(error) => tracing::info!(
                charge_point = %self.id, action, call_id = %id,
                code = error.code.as_wire(Version::V1_6), description = error.description, "answered with an error"
            ),
        }
        let text = self.link.answer(&id, result.as_ref().map(String::as_str));
        if let Some(text) = text {
            self.send(Message::Text(text.into())).await?;
        }
        if known == Some(Action::BootNotification) && result.is_ok_and(|r| is_accepted(&r)) {
            push_later(&self.app, &self.id);
        }
        Ok(())
    }

    /// For who listens in on this line.
    fn tell_listener(&self, from_charge_point: bool, text: &str) {
        self.app.taps.hear(&self.id, || {
            let now_ms = self.app.clock().now_ms();
            Heard::Frame(Frame::new(now_ms, from_charge_point, text))
        });
    }

    fn command(&mut self, command: Command) {
        if command.reply.is_closed() {
            return;
        }
        self.trigger = routes::triggered_by(command.action, &command.payload);
        if let Some(action) = self.trigger {
            routes::allow_trigger(&self.seat.contact, action);
        }
        self.command = Some(command.action);
        self.is_key_change = key_change::new_key(command.action, &command.payload).is_some();
        let action = command.action.as_str();
        // The queue has room: commands are taken one at a time. If it had not, the dropped reply would say
        // that the connection was lost.
        let _ = self.link.call(command.reply, action, command.payload);
    }

    async fn wake(&mut self) -> Result<(), End> {
        let now_ms = self.app.mono.now_ms();
        if let Some(reply) = self.link.expire(now_ms) {
            self.end_trigger(false);
            self.tell_command(&Err(CallFailure::TimedOut));
            let _ = reply.send(Err(CallFailure::TimedOut));
        }
        if now_ms >= self.dead_at_ms() {
            // What lies unread proves life: it may be this side that is slow.
            match self.socket.recv().now_or_never() {
                Some(Some(Ok(message))) => self.receive(message).await?,
                Some(Some(Err(error))) => return Err(End::of_error(error)),
                Some(None) => return Err(End::Broken),
                None => return Err(End::Dead),
            }
        }
        if now_ms >= self.ping_at_ms {
            self.ping_at_ms = now_ms + duration_ms(self.app.options.ping_interval);
            self.send(Message::Ping(Bytes::new())).await?;
        }
        Ok(())
    }

    fn dead_at_ms(&self) -> Millis {
        self.heard_ms + 2 * duration_ms(self.app.options.ping_interval)
    }

    fn set_alarm(&self, mut sleep: Pin<&mut Sleep>) {
        let alarm_ms = self.ping_at_ms.min(self.dead_at_ms());
        let deadline_ms = self.link.next_deadline().unwrap_or(Millis::MAX);
        let at = self.app.mono.instant(alarm_ms.min(deadline_ms));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        if let Message::Text(text) = &message {
            self.tell_listener(false, text);
        }
        match timeout(self.app.options.write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Broken),
            Err(_) => Err(End::Stuck),
        }
    }

    async fn finish(mut self, end: End) {
        for reply in self.link.disconnect() {
            self.tell_command(&Err(CallFailure::Lost));
            let _ = reply.send(Err(CallFailure::Lost));
        }
        let current = self.app.sessions.disconnect(&self.id, self.seat.generation);
        self.seat.mailbox.close();
        while let Ok(command) = self.seat.mailbox.try_recv() {
            let _ = command.reply.send(Err(CallFailure::Offline));
        }
        self.app.metrics.disconnected();
        self.log_end(&end);
        // A newer connection has said already that it is connected.
        if let Some(told) = self.told(Kind::Disconnected).filter(|_| current) {
            let data = json!({"reason": end.reason()});
            drop(self.app.outbox.tell(told, data));
        }
        let presence = self.seat.contact.presence(&self.id);
        let goodbye = say_goodbye(&mut self.socket, &end);
        if current && end != End::Shutdown {
            // A newer connection writes its own times, and at shutdown all are written at once.
            let stored = self.app.store.heard_of(vec![presence]);
            let (stored, ()) = tokio::join!(stored, goodbye);
            match stored {
                Err(error) if !error.is_in_the_log() => tracing::warn!(
                    charge_point = %self.id, cause = %error, "the time it was last seen is lost"
                ),
                _ => {}
            }
        } else {
            goodbye.await;
        }
    }

    fn told(&self, kind: Kind) -> Option<Occurrence> {
        let (organization, id) = (&self.admitted.organization_id, self.id.as_str());
        let now_ms = self.app.clock().now_ms();
        self.app.outbox.awaited(kind, organization, id, now_ms)
    }

    /// The open command is over, one way or the other.
    fn tell_command(&mut self, result: &Result<Box<RawValue>, CallFailure>) {
        let Some(command) = self.command.take() else {
            return;
        };
        let Some(told) = self.told(Kind::CommandCompleted) else {
            return;
        };
        let (outcome, response) = match result {
            Ok(answer) => (
                "answered",
                serde_json::from_str(answer.get()).unwrap_or_default(),
            ),
            Err(CallFailure::Refused(error)) => {
                let code = error.code.as_wire(Version::V1_6);
                let description = &error.description;
                let response = json!({"error_code": code, "error_description": description});
                ("refused", response)
            }
            Err(CallFailure::TimedOut) => ("timed_out", Value::Null),
            Err(_) => ("connection_lost", Value::Null),
        };
        let status = response.get("status").cloned().unwrap_or_default();
        let mut response: Value = response;
        mask_passwords(&mut response);
        if std::mem::take(&mut self.is_key_change) {
            // Whatever else the charge point says may be the key.
            let names = ["status", "error_code"].into_iter();
            let said =
                names.filter_map(|name| Some((name.to_owned(), response.get(name)?.clone())));
            response = said.collect();
        }
        let sent = result.as_ref().map_or(0, |answer| answer.get().len());
        let response = if sent > TOLD_BYTES_MAX {
            Value::Null
        } else {
            response
        };
        let data = json!({
            "command": command.as_str(),
            "outcome": outcome,
            "status": status,
            "response": response,
        });
        self.untold = Some(self.app.outbox.tell(told, data));
    }

    fn log_end(&self, end: &End) {
        let (id, peer, reason) = (&self.id, self.peer, end.reason());
        let generation = self.seat.generation;
        if end.is_fault() {
            tracing::warn!(charge_point = %id, %peer, generation, reason, "disconnected");
        } else {
            tracing::info!(charge_point = %id, %peer, generation, reason, "disconnected");
        }
    }
}

fn is_accepted(answer: &str) -> bool {
    let answer = serde_json::from_str::<Value>(answer);
    answer.is_ok_and(|answer| answer["status"] == "Accepted")
}

/// The end of the running handler; never, when none runs.
async fn finished(handler: &mut Option<BoxFuture<'static, Answered>>) -> Answered {
    match handler {
        Some(handler) => handler.await,
        None => std::future::pending().await,
    }
}

async fn say_goodbye(socket: &mut WebSocket, end: &End) {
    let closing = async {
        if let Some((code, reason)) = end.farewell() {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            if socket.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
        }
        while let Some(Ok(_)) = socket.recv().await {}
    };
    // A peer that does not answer the close is left.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

/// Closes a socket that no version fits [1.6J §3.3].
pub(crate) async fn refuse(mut socket: WebSocket) {
    let frame = CloseFrame {
        code: close_code::PROTOCOL,
        reason: "no supported subprotocol was offered: ocpp1.6".into(),
    };
    let closing = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

fn duration_ms(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}
