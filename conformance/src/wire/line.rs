//! A line with its recorder: everything that crosses it is written down, answered by the script where no step does
//! it, and can be waited for.
//!
//! One task per line owns the socket's events; steps hold a [`Line`] and look at the log.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dynamo_protocol::trace::Direction;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::wire::entry::{End, Entry, EntryKind, Message};
use crate::wire::fate::{Bend, Fate};
use crate::wire::post::{Post, SocketEvent};
use crate::wire::script::{Answer, Script};

/// Entries kept of one scenario. A system that floods the line ends its scenario instead of the rig's memory.
pub(crate) const ENTRIES_MAX: usize = 20_000;

/// Bytes of text kept of one scenario, for the same reason.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Pings kept of one scenario.
const PINGS_MAX: usize = 1_000;

/// How long the end of a recording may take.
const END_MAX: Duration = Duration::from_secs(10);

/// Ids of our calls differ in the whole process: a charger under test stays on its line from scenario to scenario.
static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

/// The rig's end of a line.
#[derive(Debug)]
pub(crate) struct Line {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    pump: JoinHandle<Post>,
}

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    script: Mutex<Script>,
    changed: watch::Sender<u64>,
}

/// What happened on the line so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    /// Steps look at calls from here on; everything before is in order and done with.
    pub(crate) cursor: usize,
    /// Where the cursor was before the last step moved it, for "before or after that".
    pub(crate) cursor_before: usize,
    /// Whether a socket is open.
    pub(crate) connected: bool,
    /// Sockets opened so far.
    pub(crate) sockets: usize,
    /// When the system under test has sent pings: the first of them.
    pub(crate) pings: Vec<SystemTime>,
    /// Answers of the rig that are still on their way.
    pub(crate) answers_pending: usize,
    /// Bytes of text in the entries.
    bytes: usize,
    /// Set once the record is full: texts of the system under test that came after that.
    flood: Option<usize>,
}

#[derive(Debug)]
enum Command {
    /// Acknowledged once it stands in the record.
    Send(String, oneshot::Sender<()>),
    Ping(String),
    HangUp {
        abruptly: bool,
    },
    Stop,
}

impl Log {
    fn push(&mut self, kind: EntryKind) {
        let from_sut = matches!(
            kind,
            EntryKind::Frame {
                direction: Direction::FromSut,
                ..
            }
        );
        if let Some(unrecorded) = &mut self.flood {
            *unrecorded += usize::from(from_sut);
            return;
        }
        self.bytes += match &kind {
            EntryKind::Frame { raw, .. } => raw.len(),
            EntryKind::Note(text)
            | EntryKind::Cut { text, .. }
            | EntryKind::Closed { reason: text, .. } => text.len(),
            EntryKind::Opened | EntryKind::Http { .. } => 0,
        };
        if self.bytes > BYTES_MAX || self.entries.len() >= ENTRIES_MAX {
            self.flood = Some(usize::from(from_sut));
            return;
        }
        self.entries.push(Entry {
            at: SystemTime::now(),
            kind,
            consumed: false,
        });
    }

    /// What ends a scenario whose record is full.
    pub(crate) fn flood(&self) -> Option<String> {
        let unrecorded = self.flood?;
        Some(format!(
            "the system under test sent more than {} MiB or {ENTRIES_MAX} frames in one scenario, so the rig hung \
             up; {unrecorded} more frames were not recorded",
            BYTES_MAX / 1024 / 1024
        ))
    }

    /// Where a step begins to look: behind what the steps before have seen, or beside what the last of them has seen.
    pub(crate) fn from(&self, behind: bool) -> usize {
        if behind {
            self.cursor
        } else {
            self.cursor_before
        }
    }

    /// The answer of the system under test to one of our calls, if it is there: its index.
    pub(crate) fn answer_to(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| {
            matches!(entry.frame(Direction::FromSut),
                Some(Message::Result { id: other, .. } | Message::Error { id: other, .. }) if other == id)
        })
    }

    /// Whether our call lost its chance of an answer because the socket was closed after it.
    pub(crate) fn lost(&self, call_index: usize) -> bool {
        self.entries[call_index..]
            .iter()
            .any(|entry| matches!(entry.kind, EntryKind::Closed { .. }))
    }

    /// The ids of calls of ours without an answer that still can come.
    pub(crate) fn unanswered_calls(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter().enumerate();
        let calls = entries.filter_map(|(index, entry)| {
            let (id, _, _) = entry.call_to_sut()?;
            Some((index, id))
        });
        calls
            .filter(|(index, id)| self.answer_to(id).is_none() && !self.lost(*index))
            .map(|(_, id)| id)
    }
}

impl Line {
    /// Begins to record what a post delivers; the script answers.
    pub(crate) fn new(post: Post, script: Script, bend: Option<Box<dyn Bend>>) -> Self {
        Self::with(post, None, script, bend)
    }

    /// Begins to record what two posts deliver, each for the other: nobody answers but they.
    pub(crate) fn between(
        post: Post,
        other: Post,
        script: Script,
        bend: Option<Box<dyn Bend>>,
    ) -> Self {
        Self::with(post, Some(other), script, bend)
    }

    fn with(post: Post, other: Option<Post>, script: Script, bend: Option<Box<dyn Bend>>) -> Self {
        let mut log = Log::default();
        if post.open.is_some() {
            log.push(EntryKind::Opened);
            log.connected = true;
            log.sockets = 1;
        }
        let shared = Arc::new(Shared {
            log: Mutex::new(log),
            script: Mutex::new(script),
            changed: watch::Sender::new(0),
        });
        let (commands, command) = mpsc::channel(64);
        let pump = Pump {
            shared: Arc::clone(&shared),
            bend,
            calls: Vec::new(),
            other,
            made_up: HashSet::new(),
            late: BTreeMap::new(),
            pings: Vec::new(),
            last_answer: Instant::now(),
        };
        Self {
            shared,
            commands,
            pump: tokio::spawn(pump.run(post, command)),
        }
    }

    /// The log. Never held across an `await`.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The script. Never held across an `await`.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a remark into the record.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.log().push(EntryKind::Note(text.into()));
    }

    /// Writes down that something is done to the system under test that may end its connections.
    pub(crate) fn cut(&self, text: impl Into<String>, power: bool) {
        let text = text.into();
        self.log().push(EntryKind::Cut { text, power });
    }

    /// Writes notes from elsewhere, also after the scenario has moved on.
    pub(crate) fn recorder(&self) -> impl Fn(String) + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |text| {
            let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push(EntryKind::Note(text));
        }
    }

    /// Waits until `look` finds what it looks for. `None` when the time is over, or the record is full.
    pub(crate) async fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut Log) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + patience;
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.borrow_and_update();
            {
                let mut log = self.log();
                if let Some(found) = look(&mut log) {
                    return Some(found);
                }
                // Nothing that is waited for will be recorded any more.
                if log.flood.is_some() {
                    return None;
                }
            }
            match timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                _ => return look(&mut self.log()),
            }
        }
    }

    /// Sends a CALL and gives its id.
    pub(crate) async fn call(&self, action: &str, payload: &Value) -> String {
        // As long as an id may be, and with letters of both cases: who cuts or recases it is seen [1.6J §4.1.4].
        let id = format!(
            "Rig-{:012}-aBcDeFgHiJkLmNoPqRs",
            NEXT_CALL.fetch_add(1, Ordering::Relaxed)
        );
        self.send(serde_json::json!([2, id, action, payload]).to_string())
            .await;
        id
    }

    /// Sends any text, be it a frame or not; comes back when it stands in the record.
    pub(crate) async fn send(&self, raw: String) {
        let (written, recorded) = oneshot::channel();
        let _ = self.commands.send(Command::Send(raw, written)).await;
        let _ = recorded.await;
    }

    /// Asks whether the other end lives; its answer is recorded as a note, see [`pong`].
    pub(crate) async fn ping(&self, text: &str) {
        self.note(format!("rig: ping {text}"));
        let _ = self.commands.send(Command::Ping(text.to_owned())).await;
    }

    /// Answers a held call.
    pub(crate) async fn answer(&self, id: &str, answer: &Answer) {
        if let Some(raw) = answer_text(id, answer) {
            self.send(raw).await;
        }
    }

    /// Ends the socket, with or without a close frame.
    pub(crate) async fn hang_up(&self, abruptly: bool) {
        let _ = self.commands.send(Command::HangUp { abruptly }).await;
    }

    /// Ends the recording; gives back the post and what was recorded.
    pub(crate) async fn finish(self) -> (Option<Post>, Vec<Entry>) {
        let mut pump = self.pump;
        let ended = async {
            let _ = self.commands.send(Command::Stop).await;
            (&mut pump).await
        };
        let post = match timeout(END_MAX, ended).await {
            Ok(post) => post.ok(),
            // It is stuck at a peer that does not read.
            Err(_) => {
                pump.abort();
                None
            }
        };
        let entries = std::mem::take(
            &mut self
                .shared
                .log
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entries,
        );
        (post, entries)
    }
}

/// How the id of a call begins whose JSON has spaces and escapes: in the record they are gone.
pub(crate) const SPACED: &str = "Spaced-";

/// How the answer to a ping that held this stands in the record.
pub(crate) fn pong(text: &str) -> String {
    format!("pong {text}")
}

/// The text of an answer; `None` where none is to be sent.
pub(crate) fn answer_text(id: &str, answer: &Answer) -> Option<String> {
    match answer {
        Answer::Result(payload) => Some(serde_json::json!([3, id, payload]).to_string()),
        Answer::Error { code } => Some(serde_json::json!([4, id, code, "", {}]).to_string()),
        Answer::Held => None,
    }
}

/// The task behind a line.
struct Pump {
    shared: Arc<Shared>,
    bend: Option<Box<dyn Bend>>,
    /// Ids and actions of calls seen, so that a bend knows what an answer answers.
    calls: Vec<(String, String)>,
    /// Who is answered for, where the rig only stands between.
    other: Option<Post>,
    /// Calls that a bend has made up: the system under test does not wait for their answers.
    made_up: HashSet<String>,
    /// What is still to happen, in the order of its time; the number keeps apart what has the same.
    late: BTreeMap<(Instant, u64), Late>,
    /// What our pings held that were not answered yet.
    pings: Vec<String>,
    /// When the last of our answers is due: answers do not overtake each other.
    last_answer: Instant,
}

/// What the other side says; it never does where there is none.
async fn next_of(other: &mut Option<Post>) -> Option<SocketEvent> {
    match other {
        Some(post) => match post.next().await {
            Some(event) => Some(event),
            // It is gone for good: nothing more comes from there.
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Something that happens later.
enum Late {
    /// The script answers.
    Answer(String),
    /// A frame of the system under test that was held up.
    FromSut(String),
    /// A frame of ours that was held up.
    ToSut(String),
}

impl Pump {
    async fn run(mut self, mut post: Post, mut commands: mpsc::Receiver<Command>) -> Post {
        loop {
            let due = self.late.first_key_value().map(|((due, _), _)| *due);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Send(raw, written)) => {
                        self.pass_on(&raw, &post).await;
                        let _ = written.send(());
                    }
                    Some(Command::Ping(text)) => if let Some((_, writer)) = &post.open {
                        writer.ping(&text).await;
                        self.pings.push(text);
                    },
                    Some(Command::HangUp { abruptly }) => if let Some((_, writer)) = &post.open {
                        if abruptly { writer.cut().await } else { writer.close().await }
                    },
                    Some(Command::Stop) | None => return post,
                },
                event = post.next() => {
                    let Some(event) = event else { return post };
                    if self.is_full() {
                        self.overflow(event, &post);
                        continue;
                    }
                    self.on_event(event, &post).await;
                }
                event = next_of(&mut self.other) => {
                    if let Some(SocketEvent::Text { text, .. }) = event {
                        self.pass_on(&text, &post).await;
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.happen(&post).await;
                }
            }
            self.shared.changed.send_modify(|version| *version += 1);
        }
    }

    /// What was due happens.
    async fn happen(&mut self, post: &Post) {
        match self.late.pop_first() {
            Some((_, Late::Answer(raw))) => {
                self.pass_on(&raw, post).await;
                self.log().answers_pending -= 1;
            }
            Some((_, Late::FromSut(raw))) => self.record_from_sut(raw.into()),
            Some((_, Late::ToSut(raw))) => {
                if let Some((_, writer)) = &post.open {
                    writer.text(&raw).await;
                }
            }
            None => {}
        }
    }

    fn later(&mut self, due: Instant, what: Late) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.late.insert((due, number), what);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self) -> bool {
        self.log().flood.is_some()
    }

    /// What comes when the record is full is counted, and its socket is cut, however busy it is.
    fn overflow(&self, event: SocketEvent, post: &Post) {
        let mut log = self.log();
        match event {
            SocketEvent::Opened { .. } => log.connected = true,
            SocketEvent::Closed { .. } => log.connected = post.open.is_some(),
            SocketEvent::Ping | SocketEvent::Pong { .. } => {}
            SocketEvent::Text { .. } => {
                if let Some(unrecorded) = &mut log.flood {
                    *unrecorded += 1;
                }
            }
        }
        if let Some((_, writer)) = &post.open {
            writer.abandon();
        }
        drop(log);
        self.shared.changed.send_modify(|version| *version += 1);
    }

    async fn on_event(&mut self, event: SocketEvent, post: &Post) {
        match event {
            SocketEvent::Opened { .. } => {
                self.end_of_socket();
                self.forget_made_up();
                if let Some(bend) = &mut self.bend {
                    bend.opens();
                }
                let mut log = self.log();
                if log.connected {
                    log.push(EntryKind::Closed {
                        by: End::Sut,
                        reason: "a newer socket takes its place".into(),
                    });
                }
                log.push(EntryKind::Opened);
                log.connected = true;
                log.sockets += 1;
            }
            SocketEvent::Ping => {
                let mut log = self.log();
                if log.pings.len() == PINGS_MAX {
                    log.pings.drain(..PINGS_MAX / 2);
                }
                log.pings.push(SystemTime::now());
            }
            // One that nobody asked for is a sign of life and no more [RFC 6455 §5.5.3].
            SocketEvent::Pong { text } => {
                let asked = self.pings.iter().position(|ping| **ping == *text);
                if let Some(asked) = asked
                    && self.bend.as_mut().is_none_or(|bend| bend.pongs())
                {
                    self.pings.swap_remove(asked);
                    self.log().push(EntryKind::Note(pong(&text)));
                }
            }
            SocketEvent::Closed { by, reason, .. } => {
                if post.open.is_none() {
                    self.end_of_socket();
                }
                // The end of an older socket says nothing about the open one.
                let mut log = self.log();
                if post.open.is_none() && log.connected {
                    log.push(EntryKind::Closed { by, reason });
                    log.connected = false;
                }
            }
            SocketEvent::Text { socket, text }
                if post.open.as_ref().is_some_and(|(open, _)| *open == socket) =>
            {
                self.take(&text, post).await;
            }
            SocketEvent::Text { text, .. } => {
                self.log()
                    .push(EntryKind::Note(format!("on an older socket: {text}")));
            }
        }
    }

    async fn take(&mut self, raw: &str, post: &Post) {
        let fate = self.fate(Direction::FromSut, raw);
        if let Some((_, writer)) = &post.open {
            for text in &fate.back {
                writer.text(text).await;
            }
        }
        let due = Instant::now() + fate.delay;
        for raw in fate.on {
            let other = self.other.as_ref().and_then(|other| other.open.as_ref());
            let other = other.map(|(_, writer)| writer.clone());
            if let Some(other) = other {
                self.record_from_sut(raw.as_str().into());
                other.text(&raw).await;
            } else if fate.delay.is_zero() {
                self.record_from_sut(raw.into());
            } else {
                self.later(due, Late::FromSut(raw));
            }
        }
        self.record_more(fate.made_up, fate.released);
        if fate.close {
            self.close(post);
        }
    }

    /// What was held up came before the end; what was still to be said to this socket is said to no other.
    fn end_of_socket(&mut self) {
        for what in std::mem::take(&mut self.late).into_values() {
            match what {
                Late::FromSut(raw) => self.record_from_sut(raw.into()),
                Late::Answer(_) => self.log().answers_pending -= 1,
                Late::ToSut(_) => {}
            }
        }
        // Answers to what was just recorded belong to that socket as well.
        for what in std::mem::take(&mut self.late).into_values() {
            if let Late::Answer(_) = what {
                self.log().answers_pending -= 1;
            }
        }
    }

    /// Calls that a bend has made up end with their connection: it hears of an error, and what it held up is lost.
    fn forget_made_up(&mut self) {
        for id in std::mem::take(&mut self.made_up) {
            let lost = Message::Error {
                id,
                code: "InternalError".into(),
                description: "the connection is lost".into(),
                details: Value::Null,
            };
            if let Some(bend) = &mut self.bend {
                let _ = bend.fate(Direction::ToSut, "", &lost);
            }
        }
    }

    /// What a bend has made up, and what it lets go.
    fn record_more(&mut self, made_up: Vec<String>, released: Vec<String>) {
        for text in made_up {
            if let Message::Call { id, .. } = Message::read(&text) {
                self.made_up.insert(id);
            }
            self.record_from_sut(text.into());
        }
        for text in released {
            self.record_from_sut(text.into());
        }
    }

    /// The line goes down as if the system under test had ended it.
    fn close(&self, post: &Post) {
        let Some((_, writer)) = &post.open else {
            return;
        };
        writer.abandon();
        let mut log = self.log();
        log.push(EntryKind::Closed {
            by: End::Sut,
            reason: "closed with code 1011".into(),
        });
        log.connected = false;
    }

    /// Writes down what the system under test has sent, and has the script answer it.
    fn record_from_sut(&mut self, raw: Arc<str>) {
        let message = Message::read(&raw);
        let answer = match &message {
            Message::Call {
                id,
                action,
                payload,
            } if self.other.is_none() => {
                let mut script = self
                    .shared
                    .script
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let answer = script.answer(action, payload);
                answer_text(id, &answer).map(|text| (script.delay(), text))
            }
            _ => None,
        };
        {
            let mut log = self.log();
            log.push(EntryKind::Frame {
                direction: Direction::FromSut,
                raw,
                message,
            });
            log.answers_pending += usize::from(answer.is_some());
        }
        if let Some((delay, text)) = answer {
            let due = (Instant::now() + delay).max(self.last_answer);
            self.last_answer = due;
            self.later(due, Late::Answer(text));
        }
    }

    async fn pass_on(&mut self, raw: &str, post: &Post) {
        if post.open.is_none() {
            self.log().push(EntryKind::Note(format!(
                "not sent, the line is down: {raw}"
            )));
            return;
        }
        self.log().push(EntryKind::Frame {
            direction: Direction::ToSut,
            raw: raw.into(),
            message: Message::read(raw),
        });
        let message = Message::read(raw);
        let is_call = matches!(message, Message::Call { .. });
        let to_nobody = !is_call && message.id().is_some_and(|id| self.made_up.contains(id));
        let fate = self.fate(Direction::ToSut, raw);
        if to_nobody {
            return self.record_more(fate.made_up, fate.released);
        }
        let due = Instant::now() + fate.delay;
        for text in fate.on {
            match &post.open {
                Some((_, writer)) if fate.delay.is_zero() => writer.text(&text).await,
                _ => self.later(due, Late::ToSut(text)),
            }
        }
        for text in fate.back {
            if let Message::Call { id, .. } = Message::read(&text) {
                self.made_up.insert(id);
            }
            if fate.delay.is_zero() {
                self.record_from_sut(text.into());
            } else {
                self.later(due, Late::FromSut(text));
            }
        }
        self.record_more(fate.made_up, fate.released);
        if fate.close {
            self.close(post);
        }
    }

    fn fate(&mut self, direction: Direction, raw: &str) -> Fate {
        let Some(bend) = &mut self.bend else {
            return Fate::pass(raw);
        };
        let message = Message::read(raw);
        if let Message::Call { id, action, .. } = &message {
            self.calls.push((id.clone(), action.clone()));
        }
        let action = message
            .id()
            .and_then(|id| self.calls.iter().rev().find(|(other, _)| other == id))
            .map(|(_, action)| action.clone())
            .unwrap_or_default();
        bend.fate(direction, &action, &message)
            .unwrap_or_else(|| Fate::pass(raw))
    }
}
