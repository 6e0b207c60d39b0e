//! The task that owns one connection: its wire and its line.
//!
//! Calls of the charge point go into its `inbox`, whose handlers run in a task of their own, and their answers come back
//! from there. Commands wait in the mailbox until no other is open. Neither writing nor a handler stops reading; what
//! stops it is a bound: calls or answers that wait, or messages that come faster than [`Options::calls`] allows. A peer
//! that sends nothing for two pings is dead, one that does not read is given up after the write time-out.
//!
//! [`Options::calls`]: crate::Options::calls

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use dynamo_protocol::link::{Link, LinkConfig, Received, Stray};
use dynamo_protocol::{CallError, ChargePointId, MessageId, Millis, RawValue};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::admitted::Admitted;
use super::answered::Answered;
use super::call::Call;
use super::end::End;
use super::handling::{TOLD_PATIENCE, begin_work};
use super::inbox::Pushed;
use super::mailbox::Entry;
use super::masked::masked;
use super::push::push_later;
use super::routes;
use super::sessions::Seat;
use super::taps::{Frame, Heard};
use super::version::Served;
use super::wire::{Turn, Wire};
use crate::App;
use crate::domain::charge_points::security::mask_passwords;
use crate::domain::command::{CallFailure, Refusal};
use crate::domain::occurrence::{Kind, Occurrence};
use crate::listen::Peer;
use crate::store::ChargePoint;

/// How long the peer gets to take part in closing.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of an answer to a command that webhooks are told; of a longer one they are told the status.
const TOLD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a frame that the log is told.
const LOGGED_BYTES_MAX: usize = 200;

type Reply = oneshot::Sender<Result<Box<RawValue>, CallFailure>>;

/// Lives a connection from the handshake to its end.
pub(crate) async fn run(
    app: Arc<App>,
    id: ChargePointId,
    Peer(peer): Peer,
    version: &'static Served,
    admitted: Admitted,
    socket: WebSocket,
) {
    let place = Seated::take(&app, &id, version);
    let seat = &place.seat;
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
        if !matches!(
            Box::pin(app.store.is_revoked(&fingerprint)).await,
            Ok(false)
        ) {
            seat.contact.revoke();
        }
    }
    routes::remember_registration(&seat.contact, charge_point.registration, read_ms);
    // And whoever deletes it meanwhile.
    if app.sessions.is_any_outdated_since(read_ms)
        && matches!(
            Box::pin(app.store.charge_point(id.as_str())).await,
            Ok(None)
        )
    {
        seat.contact.outdated.cancel();
    }
    let now_ms = app.mono.now_ms();
    let mut session = Session {
        link: Link::new(LinkConfig {
            version: version.version,
            call_timeout_ms: duration_ms(app.options.command_timeout),
            queue_calls_max: 1,
            id_seed: u64::from(uuid::Uuid::new_v4().as_fields().0),
        }),
        receipts: 0,
        trigger: None,
        command: None,
        is_key_change: false,
        was_key_sent: false,
        untold: None,
        refused_frames: 0,
        read_at_ms: 0,
        is_paused: false,
        heard_ms: now_ms,
        ping_at_ms: now_ms + duration_ms(app.options.ping_interval),
        app,
        id,
        peer,
        admitted: Arc::new(charge_point),
        place,
        version,
        wire: Wire::new(socket),
    };
    // What its messages tell comes after it.
    if let Some(occurrence) = session.occurrence(Kind::Connected) {
        let data = json!({"ocpp_version": version.version.to_string()});
        session.untold = Some(session.app.outbox.tell(occurrence, data));
    }
    let end = session.live().await;
    // Boxed, like the queries above: what a connection does once takes no room while it is silent.
    Box::pin(session.finish(end)).await;
}

/// Who has a seat in the map of sessions, and is counted by the figures. Both are given back whatever becomes of the
/// session: also when its task panics.
struct Seated {
    app: Arc<App>,
    id: ChargePointId,
    seat: Seat,
}

impl Seated {
    fn take(app: &Arc<App>, id: &ChargePointId, version: &'static Served) -> Self {
        app.metrics.connected();
        Self {
            app: app.clone(),
            id: id.clone(),
            seat: app
                .sessions
                .connect(id, version.dialect, app.clock().now_ms()),
        }
    }

    /// Takes the connection off the map; false when a newer one of the identity is there.
    fn leave(&self) -> bool {
        let Self { app, id, seat } = self;
        let now_ms = app.mono.now_ms();
        app.sessions.disconnect(id, seat.generation, now_ms)
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.leave();
        self.app.metrics.disconnected();
    }
}

struct Session {
    app: Arc<App>,
    id: ChargePointId,
    peer: SocketAddr,
    admitted: Arc<ChargePoint>,
    place: Seated,
    /// What is spoken on it.
    version: &'static Served,
    wire: Wire,
    link: Link<Reply>,
    /// Messages of this connection so far.
    receipts: u32,
    /// The message that the open command asks for.
    trigger: Option<&'static str>,
    /// The open command.
    command: Option<&'static str>,
    /// Whether it gives the charge point its password.
    is_key_change: bool,
    /// Whether a command of this connection did so: an answer may come late, or broken, and have it.
    was_key_sent: bool,
    /// Hears when what was told of this connection is in the outbox: what its next message tells comes after it.
    untold: Option<oneshot::Receiver<()>>,
    /// Frames of this connection that nobody could read.
    refused_frames: u64,
    /// Before this nothing is read: messages came too fast.
    read_at_ms: Millis,
    /// Whether reading was paused when it was last looked at.
    is_paused: bool,
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
        // Tokens of this session alone, waited for once: the one of the whole CSMS would be a lock for all.
        let shutdown = self.app.shutdown.child_token();
        let seat = &self.place.seat;
        let (replaced, contact) = (seat.replaced.clone(), seat.contact.clone());
        let (mailbox, inbox) = (seat.mailbox.clone(), seat.inbox.clone());
        let mut shutdown = std::pin::pin!(shutdown.cancelled());
        let mut replaced = std::pin::pin!(replaced.cancelled());
        let mut outdated = std::pin::pin!(contact.outdated.cancelled());
        let mut sleep = std::pin::pin!(sleep_until(self.app.mono.instant(self.ping_at_ms)));
        loop {
            let may_read = self.may_read();
            self.set_alarm(sleep.as_mut());
            // What is taken is sent at once.
            let idle = self.link.calls_pending() == 0 && self.wire.is_free();
            tokio::select! {
                () = shutdown.as_mut() => return Err(End::Shutdown),
                () = replaced.as_mut() => return Err(End::Replaced),
                () = outdated.as_mut() => return Err(self.outdated()),
                turn = self.wire.turn(may_read) => self.turned(turn)?,
                answered = contact.answers.next() => self.answer(answered),
                () = inbox.until_handled(), if !may_read => {}
                command = mailbox.next(), if idle => self.command(command),
                () = sleep.as_mut() => self.wake()?,
            }
        }
    }

    /// Whether what comes next has a place: its call, its answer, and its time.
    fn may_read(&mut self) -> bool {
        let is_early = self.app.mono.now_ms() < self.read_at_ms;
        let has_room = self.link.has_room() && self.place.seat.inbox.has_room();
        let is_paused = is_early || !has_room || !self.wire.has_room();
        if is_paused && !self.is_paused {
            self.app.metrics.reading_paused();
            tracing::debug!(charge_point = %self.id, is_early, has_room, "reading pauses");
        }
        self.is_paused = is_paused;
        !is_paused
    }

    fn outdated(&self) -> End {
        if self.place.seat.contact.revoked.load(Relaxed) {
            End::Revoked
        } else {
            End::Outdated
        }
    }

    fn turned(&mut self, turn: Turn) -> Result<(), End> {
        match turn {
            Turn::Received(message) => self.receive(message),
            Turn::WritingChanged => Ok(()),
            Turn::Ended(end) => Err(end),
        }
    }

    fn receive(&mut self, message: Message) -> Result<(), End> {
        self.heard_ms = self.app.mono.now_ms();
        let rate = self.app.options.calls;
        let next_ms = self.place.seat.inbox.next_read_ms(rate, self.heard_ms);
        self.read_at_ms = next_ms.unwrap_or(0);
        let received_at_ms = self.app.clock().now_ms();
        let contact = &self.place.seat.contact;
        contact.seen_at_ms.store(received_at_ms, Relaxed);
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::NotText),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Closed),
        };
        self.tell_listener(true, &text);
        let received = self.link.receive(&text);
        if tracing::enabled!(tracing::Level::TRACE) {
            self.trace(&received, text.len());
        }
        match received {
            Received::Call {
                id,
                action,
                payload,
            } => self.called(id, action.into_owned(), payload, text.len(), received_at_ms)?,
            Received::Answer { tag, result, flaw } => {
                let result = match flaw {
                    None => result
                        .map(RawValue::to_owned)
                        .map_err(|error| self.refusal(error)),
                    Some(reason) => {
                        self.refused(&text, &reason);
                        Err(CallFailure::Unreadable(reason))
                    }
                };
                self.answered(tag, result);
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
                self.refused(&text, &reason);
                if let Some(reply) = reply {
                    self.send(reply);
                }
            }
        }
        Ok(())
    }

    /// What came, and never what is in it: there may be keys, also where nobody looks for them.
    fn trace(&self, received: &Received<'_, Reply>, bytes: usize) {
        let what = match received {
            Received::Call { action, .. } => {
                self.version.routes.name_of(action).unwrap_or("a call")
            }
            Received::Answer { .. } | Received::Stray(_) => "an answer",
            Received::Refused { .. } => "no frame",
        };
        tracing::trace!(charge_point = %self.id, what, bytes, "received");
    }

    /// The charge point calls.
    fn called(
        &mut self,
        id: MessageId,
        action: String,
        payload: &RawValue,
        bytes: usize,
        received_at_ms: i64,
    ) -> Result<(), End> {
        let seat = &self.place.seat;
        self.receipts = self.receipts.saturating_add(1);
        let call = Call {
            id,
            action,
            version: self.version.version,
            charge_point: self.id.clone(),
            admitted: self.admitted.clone(),
            contact: seat.contact.clone(),
            received_at_ms,
            receipt: seat.first_receipt() + i64::from(self.receipts),
            raw: payload.to_owned(),
            untold: self.untold.take(),
        };
        match seat.inbox.push(seat.generation, call, bytes) {
            Pushed::Waits => {}
            Pushed::WantsWork => begin_work(&self.app, &seat.inbox),
            Pushed::Superseded(call) => {
                // Nobody will answer it here; the charge point sends it again.
                let _ = self.link.answer(&call.id, Ok("{}"));
                return Err(End::Replaced);
            }
        }
        Ok(())
    }

    /// The open command is answered.
    fn answered(&mut self, reply: Reply, result: Result<Box<RawValue>, CallFailure>) {
        if self.trigger.is_some() {
            let accepted = result
                .as_ref()
                .is_ok_and(|answer| is_accepted(answer.get()));
            self.end_trigger(accepted);
        }
        self.tell_command(&result);
        // A caller that has given up does not hear the answer.
        let _ = reply.send(result);
    }

    fn refusal(&self, error: CallError) -> CallFailure {
        CallFailure::Refused(Refusal {
            code: error.code.as_wire(self.version.version).to_owned(),
            description: error.description,
            details: error.details,
        })
    }

    /// A frame breaks the rules of the line: the figures count each, and the log is told of a connection's first.
    fn refused(&mut self, text: &str, reason: &str) {
        self.app.metrics.frame_refused();
        self.refused_frames += 1;
        let shown = masked(text);
        let text = shown.as_deref().unwrap_or(text);
        let frame = match self.was_key_sent {
            // Whatever the charge point says now may be its key.
            true => "",
            false => &text[..text.floor_char_boundary(LOGGED_BYTES_MAX)],
        };
        let (id, peer) = (&self.id, self.peer);
        if self.refused_frames == 1 {
            tracing::warn!(
                charge_point = %id, %peer, reason, frame,
                "a frame cannot be read; further ones of this connection are only counted"
            );
        } else {
            tracing::debug!(charge_point = %id, reason, frame, "a frame cannot be read");
        }
    }

    /// The open command is answered, or too late to be: what it asked for may be sent only if that was agreed.
    fn end_trigger(&mut self, accepted: bool) {
        if let Some(action) = self.trigger.take().filter(|_| !accepted) {
            routes::use_trigger(&self.place.seat.contact, action);
        }
    }

    /// A handler is done.
    fn answer(&mut self, answered: Answered) {
        let Answered { id, action, result } = answered;
        let text = self.link.answer(&id, result.as_ref().map(String::as_str));
        if let Some(text) = text {
            self.send(text);
        }
        let is_boot = action == routes::BOOT;
        if is_boot && result.is_ok_and(|answer| is_accepted(&answer)) {
            push_later(&self.app, &self.id);
        }
    }

    /// For who listens in on this line.
    fn tell_listener(&self, from_charge_point: bool, text: &str) {
        self.app.taps.hear(&self.id, || {
            let now_ms = self.app.clock().now_ms();
            Heard::Frame(Frame::new(
                self.version.dialect,
                now_ms,
                from_charge_point,
                text,
            ))
        });
    }

    /// Sends a command. None is open and nothing waits to be written.
    fn command(&mut self, command: Entry) {
        if command.reply.is_closed() {
            return;
        }
        let call = command.call;
        self.trigger = call.asks_for;
        if let Some(action) = self.trigger {
            routes::allow_trigger(&self.place.seat.contact, action);
        }
        self.command = Some(call.action);
        self.is_key_change = call.new_key.is_some();
        self.was_key_sent |= self.is_key_change;
        let left = command.deadline.saturating_duration_since(Instant::now());
        let left_ms = duration_ms(left);
        // The queue has room: commands are taken one at a time. If it had not, the dropped reply would say
        // that the connection was lost.
        let _ = self
            .link
            .call_within(command.reply, call.action, call.payload, left_ms);
        if let Some(text) = self.link.poll_transmit(self.app.mono.now_ms()) {
            self.send(text);
        }
    }

    fn wake(&mut self) -> Result<(), End> {
        let now_ms = self.app.mono.now_ms();
        if let Some(reply) = self.link.expire(now_ms) {
            self.end_trigger(false);
            self.tell_command(&Err(CallFailure::TimedOut));
            let _ = reply.send(Err(CallFailure::TimedOut));
        }
        if self.stuck_at().is_some_and(|at| at <= Instant::now()) {
            return Err(End::Stuck);
        }
        if self.is_paused {
            // It is not heard because it is not read.
            self.heard_ms = now_ms;
        }
        while self.app.mono.now_ms() >= self.dead_at_ms() {
            // What lies unread proves life: it may be this side that is slow.
            let turn = self.wire.turn(true).now_or_never();
            self.turned(turn.unwrap_or(Turn::Ended(End::Dead)))?;
        }
        if now_ms >= self.ping_at_ms {
            self.ping_at_ms = now_ms + duration_ms(self.app.options.ping_interval);
            self.wire.push(Message::Ping(Bytes::new()));
        }
        Ok(())
    }

    fn dead_at_ms(&self) -> Millis {
        self.heard_ms + 2 * duration_ms(self.app.options.ping_interval)
    }

    /// When the peer has not read for too long.
    fn stuck_at(&self) -> Option<Instant> {
        let blocked_at = self.wire.blocked_at()?;
        Some(blocked_at + self.app.options.write_timeout)
    }

    fn set_alarm(&self, mut sleep: Pin<&mut Sleep>) {
        let mut alarm_ms = self.ping_at_ms.min(self.dead_at_ms());
        if let Some(deadline_ms) = self.link.next_deadline() {
            alarm_ms = alarm_ms.min(deadline_ms);
        }
        if self.is_paused && self.read_at_ms > self.app.mono.now_ms() {
            alarm_ms = alarm_ms.min(self.read_at_ms);
        }
        let at = self.app.mono.instant(alarm_ms);
        let at = self.stuck_at().map_or(at, |stuck_at| at.min(stuck_at));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
    }

    fn send(&mut self, text: String) {
        self.tell_listener(false, &text);
        self.wire.push(Message::Text(text.into()));
    }

    async fn finish(mut self, end: End) {
        for reply in self.link.end_calls() {
            self.tell_command(&Err(CallFailure::Lost));
            let _ = reply.send(Err(CallFailure::Lost));
        }
        let current = self.place.leave();
        self.place.seat.mailbox.close();
        let hears = end.farewell().is_some();
        if timeout(TOLD_PATIENCE, self.settle(hears)).await.is_err() {
            let calls = self.link.calls_owed();
            tracing::debug!(charge_point = %self.id, calls, "handlers go on after the connection");
        }
        self.log_end(&end);
        // A newer connection has said already that it is connected.
        if let Some(occurrence) = self.occurrence(Kind::Disconnected).filter(|_| current) {
            let data = json!({"reason": end.reason()});
            drop(self.app.outbox.tell(occurrence, data));
        }
        let presence = self.place.seat.contact.presence(&self.id);
        let goodbye = say_goodbye(&mut self.wire.socket, &end);
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

    /// Waits for the handlers of what was received, and sends their answers to a peer that hears them.
    async fn settle(&mut self, mut hears: bool) {
        let contact = self.place.seat.contact.clone();
        loop {
            let is_owed = self.link.calls_owed() > 0;
            let is_writing = hears && !self.wire.is_idle();
            if !is_owed && !is_writing {
                return;
            }
            tokio::select! {
                answered = contact.answers.next(), if is_owed => self.answer(answered),
                turn = self.wire.turn(false), if is_writing => hears = !matches!(turn, Turn::Ended(_)),
            }
        }
    }

    fn occurrence(&self, kind: Kind) -> Option<Occurrence> {
        let (organization, id) = (&self.admitted.organization_id, self.id.as_str());
        let now_ms = self.app.clock().now_ms();
        self.app.outbox.awaited(kind, organization, id, now_ms)
    }

    /// The open command is over, one way or the other.
    fn tell_command(&mut self, result: &Result<Box<RawValue>, CallFailure>) {
        let Some(command) = self.command.take() else {
            return;
        };
        let Some(occurrence) = self.occurrence(Kind::CommandCompleted) else {
            return;
        };
        let (outcome, response) = match result {
            Ok(answer) => (
                "answered",
                serde_json::from_str(answer.get()).unwrap_or_default(),
            ),
            Err(CallFailure::Refused(error)) => {
                let (code, description) = (&error.code, &error.description);
                let response = json!({"error_code": code, "error_description": description});
                ("refused", response)
            }
            Err(CallFailure::Unreadable(_) | CallFailure::Invalid { .. }) => {
                ("answered", Value::Null)
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
            "command": command,
            "outcome": outcome,
            "status": status,
            "response": response,
        });
        self.untold = Some(self.app.outbox.tell(occurrence, data));
    }

    fn log_end(&self, end: &End) {
        let (id, peer, reason) = (&self.id, self.peer, end.reason());
        let (generation, refused_frames) = (self.place.seat.generation, self.refused_frames);
        if end.is_fault() {
            tracing::warn!(charge_point = %id, %peer, generation, refused_frames, reason, "disconnected");
        } else {
            tracing::info!(charge_point = %id, %peer, generation, refused_frames, reason, "disconnected");
        }
    }
}

fn is_accepted(answer: &str) -> bool {
    let answer = serde_json::from_str::<Value>(answer);
    answer.is_ok_and(|answer| answer["status"] == "Accepted")
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
        reason: format!(
            "no supported subprotocol was offered: {}",
            Served::subprotocols()
        )
        .into(),
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
