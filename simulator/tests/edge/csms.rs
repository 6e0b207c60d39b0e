//! A scripted CSMS: answers as told, goes away and comes back, and writes down every frame.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// No condition of a test takes longer, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the scripted CSMS does with what it gets.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// The subprotocol it confirms.
    pub(crate) subprotocol: Option<&'static str>,
    /// How long each answer takes.
    pub(crate) delay: Duration,
    /// The action it reads and never answers.
    pub(crate) ignores: Option<&'static str>,
    /// The only action it answers, if there is one.
    pub(crate) answers_only: Option<&'static str>,
    /// The action after whose answer it closes the socket.
    pub(crate) closes_after: Option<&'static str>,
    /// The action whose first call makes it freeze.
    pub(crate) dies_of: Option<&'static str>,
    /// Answers by action; `Err` is the code of a CALLERROR.
    pub(crate) answer: Answer,
}

pub(crate) type Answer = fn(&str, &Value) -> Result<Value, &'static str>;

impl Default for Script {
    fn default() -> Self {
        Self {
            subprotocol: Some("ocpp1.6"),
            delay: Duration::ZERO,
            ignores: None,
            answers_only: None,
            closes_after: None,
            dies_of: None,
            answer,
        }
    }
}

/// The answers of a CSMS that accepts everything.
pub(crate) fn answer(action: &str, _: &Value) -> Result<Value, &'static str> {
    static NEXT_TRANSACTION: AtomicI64 = AtomicI64::new(1);
    let accepted = json!({"status": "Accepted"});
    Ok(match action {
        "BootNotification" => {
            json!({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300})
        }
        "Heartbeat" => json!({"currentTime": "2026-01-01T00:00:00Z"}),
        "Authorize" => json!({"idTagInfo": accepted}),
        "StartTransaction" => {
            json!({"idTagInfo": accepted, "transactionId": NEXT_TRANSACTION.fetch_add(1, Relaxed)})
        }
        "StatusNotification" | "MeterValues" | "StopTransaction" => json!({}),
        _ => return Err("NotImplemented"),
    })
}

/// One text frame as the CSMS saw it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Counts the sockets.
    pub(crate) socket: usize,
    pub(crate) charge_point: String,
    /// From the charge point, or from the CSMS.
    pub(crate) received: bool,
    pub(crate) json: Value,
}

impl Frame {
    /// Whether it is a CALL of this action.
    pub(crate) fn is_call(&self, action: &str) -> bool {
        self.json[0] == 2 && self.json[2] == action
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = if self.received { "from" } else { "to" };
        write!(
            f,
            "{} {way} {}: {}",
            self.socket, self.charge_point, self.json
        )
    }
}

type Outgoing = (String, mpsc::UnboundedSender<Message>);

#[derive(Debug, Default)]
struct Shared {
    frames: watch::Sender<Vec<Frame>>,
    sockets: Mutex<Vec<(JoinHandle<()>, Option<Outgoing>)>>,
    away: watch::Sender<bool>,
    frozen: watch::Sender<bool>,
    /// Sockets that were not taken while it was away.
    turned_away: watch::Sender<usize>,
    /// Sockets whose handshake was done.
    served: watch::Sender<usize>,
    /// Numbers of the sockets that have ended.
    ended: watch::Sender<Vec<usize>>,
}

pub(crate) struct Csms {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Csms {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, script, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ocpp16", self.address)
    }

    /// Loses every socket without a word and takes no new one.
    pub(crate) fn go_away(&self) {
        self.shared.away.send_replace(true);
        self.lose_sockets();
    }

    pub(crate) fn come_back(&self) {
        self.shared.away.send_replace(false);
    }

    /// Waits until so many attempts to connect were turned away.
    pub(crate) async fn turned_away(&self, wanted: usize) {
        reached(&self.shared.turned_away, wanted).await;
    }

    /// Waits until it has served so many sockets in all.
    pub(crate) async fn served(&self, wanted: usize) {
        reached(&self.shared.served, wanted).await;
    }

    /// Keeps its sockets open and neither reads nor writes any more, like a machine without power.
    pub(crate) fn freeze(&self) {
        self.shared.frozen.send_replace(true);
    }

    /// New sockets are served again.
    pub(crate) fn thaw(&self) {
        self.shared.frozen.send_replace(false);
    }

    /// Loses every socket without a word.
    pub(crate) fn lose_sockets(&self) {
        for (task, _) in self.shared.sockets.lock().unwrap().drain(..) {
            task.abort();
        }
    }

    /// Sends something to every charge point.
    pub(crate) fn send(&self, message: &Message) {
        for (_, outgoing) in self.shared.sockets.lock().unwrap().iter() {
            if let Some((_, outgoing)) = outgoing {
                // A charge point that is gone hears nothing.
                let _ = outgoing.send(message.clone());
            }
        }
    }

    pub(crate) fn call(&self, id: &str, action: &str, payload: Value) {
        let text = json!([2, id, action, payload]).to_string();
        self.send(&Message::text(text));
    }

    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.shared.frames.borrow().clone()
    }

    /// Waits until this socket has ended, as far as the CSMS can see.
    pub(crate) async fn socket_ended(&self, number: usize) {
        let mut ended = self.shared.ended.subscribe();
        let seen = ended.wait_for(|ended| ended.contains(&number));
        tokio::time::timeout(PATIENCE, seen).await.unwrap().unwrap();
    }

    /// How many calls of this action have come.
    pub(crate) fn count(&self, action: &str) -> usize {
        calls(&self.shared.frames.borrow(), action)
    }

    /// Waits until the frames so far fulfil a condition.
    pub(crate) async fn until(
        &self,
        what: &str,
        condition: impl Fn(&[Frame]) -> bool,
    ) -> Vec<Frame> {
        let mut frames = self.shared.frames.subscribe();
        let reached = tokio::time::timeout(PATIENCE, frames.wait_for(|f| condition(f))).await;
        match reached {
            Ok(frames) => frames.unwrap().clone(),
            Err(_) => {
                let frames = self.frames();
                let last: Vec<_> = frames
                    .iter()
                    .rev()
                    .take(20)
                    .map(ToString::to_string)
                    .collect();
                panic!("waited in vain until {what}; last frames, newest first: {last:#?}")
            }
        }
    }
}

impl Drop for Csms {
    fn drop(&mut self) {
        self.accepting.abort();
        self.lose_sockets();
    }
}

async fn reached(counter: &watch::Sender<usize>, wanted: usize) {
    let mut counter = counter.subscribe();
    let reached = counter.wait_for(|count| *count >= wanted);
    tokio::time::timeout(PATIENCE, reached)
        .await
        .unwrap()
        .unwrap();
}

async fn accept(listener: TcpListener, script: Script, shared: Arc<Shared>) {
    for number in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        if *shared.away.borrow() {
            shared.turned_away.send_modify(|count| *count += 1);
            continue;
        }
        let (script, of_task) = (script.clone(), Arc::clone(&shared));
        let task = tokio::spawn(async move {
            serve(number, stream, script, Arc::clone(&of_task)).await;
            of_task.ended.send_modify(|ended| ended.push(number));
        });
        shared.sockets.lock().unwrap().push((task, None));
    }
}

async fn serve(number: usize, stream: TcpStream, script: Script, shared: Arc<Shared>) {
    let mut path = String::new();
    let subprotocol = script.subprotocol;
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let handshake =
        |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            path = request.uri().path().to_owned();
            if let Some(name) = subprotocol {
                let value = HeaderValue::from_static(name);
                response
                    .headers_mut()
                    .insert("Sec-WebSocket-Protocol", value);
            }
            Ok(response)
        };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, handshake).await else {
        return;
    };
    let charge_point = path.rsplit('/').next().unwrap_or_default().to_owned();
    let (mut sink, mut source) = socket.split();
    let (outgoing, mut queue) = mpsc::unbounded_channel();
    for (task, slot) in shared.sockets.lock().unwrap().iter_mut() {
        if Some(task.id()) == tokio::task::try_id() {
            *slot = Some((charge_point.clone(), outgoing.clone()));
        }
    }
    shared.served.send_modify(|count| *count += 1);
    let log = |received, text: &str| {
        let json = serde_json::from_str(text).unwrap_or(Value::Null);
        shared.frames.send_modify(|frames| {
            frames.push(Frame {
                socket: number,
                charge_point: charge_point.clone(),
                received,
                json,
            });
        });
    };
    let mut frozen = shared.frozen.subscribe();
    loop {
        tokio::select! {
            () = freezes(&mut frozen) => std::future::pending().await,
            message = source.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    log(true, &text);
                    let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                    let dies = script.dies_of.is_some_and(|action| {
                        json[2] == action && calls(&shared.frames.borrow(), action) == 1
                    });
                    if dies {
                        shared.frozen.send_replace(true);
                        continue;
                    }
                    let ignored = script.ignores.is_some_and(|action| json[2] == action)
                        || script.answers_only.is_some_and(|action| json[2] != action);
                    if json[0] == 2 && !ignored {
                        // Reading goes on while the answer takes its time.
                        let (outgoing, script) = (outgoing.clone(), script.clone());
                        tokio::spawn(async move {
                            tokio::time::sleep(script.delay).await;
                            let _ = outgoing.send(Message::text(answer_text(&script, &json)));
                            if script.closes_after.is_some_and(|action| json[2] == action) {
                                let _ = outgoing.send(Message::Close(None));
                            }
                        });
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            Some(message) = queue.recv() => {
                if let Message::Text(text) = &message {
                    log(false, text);
                }
                if sink.send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn calls(frames: &[Frame], action: &str) -> usize {
    let of_action = |f: &&Frame| f.received && f.is_call(action);
    frames.iter().filter(of_action).count()
}

async fn freezes(frozen: &mut watch::Receiver<bool>) {
    // The sender lives as long as the CSMS.
    let _ = frozen.wait_for(|frozen| *frozen).await;
}

fn answer_text(script: &Script, call: &Value) -> String {
    let action = call[2].as_str().unwrap_or_default();
    match (script.answer)(action, &call[3]) {
        Ok(payload) => json!([3, call[1], payload]),
        Err(code) => json!([4, call[1], code, "as the script says", {}]),
    }
    .to_string()
}

/// The rule of the line: no charge point has two calls open on one socket, as far as the CSMS can see.
pub(crate) fn assert_one_open_call(frames: &[Frame]) {
    let mut open = std::collections::BTreeMap::new();
    for frame in frames {
        let id = frame.json[1].as_str().unwrap_or_default().to_owned();
        match (frame.received, frame.json[0].as_u64()) {
            (true, Some(2)) => {
                let before = open.insert(frame.socket, id);
                assert_eq!(before, None, "a second call was opened: {frame:?}");
            }
            (false, Some(3 | 4)) => {
                open.remove(&frame.socket);
            }
            _ => {}
        }
    }
}
