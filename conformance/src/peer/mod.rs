//! The scripted ends of a line: a central system that a charger under test connects to, and a charge point that
//! connects to a CSMS under test. Neither uses an engine that knows the rules: they send what a scenario says,
//! byte for byte.

pub(crate) mod charge_point;
pub(crate) mod csms;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

/// Events of sockets that wait for a scenario to look at them. A peer that says more at once waits, so that what it
/// says stays in its own memory.
const EVENTS_MAX: usize = 64;

/// How long a peer may leave a text unread.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// How long a close frame may take at the end.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// What a socket has to say. `socket` numbers the sockets of one identity, newest highest.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    Opened { socket: u64, writer: SocketWriter },
    Text { socket: u64, text: Arc<str> },
    Closed { socket: u64, reason: String },
}

/// The writing side of a socket.
#[derive(Clone, Debug)]
pub(crate) struct SocketWriter {
    commands: mpsc::Sender<SocketCommand>,
    abandoned: CancellationToken,
}

#[derive(Debug)]
enum SocketCommand {
    Send(Message),
    /// Ends the connection without a close frame.
    Cut,
}

impl SocketWriter {
    /// Sends a text message; silently lost when the socket is gone, as on any network.
    pub(crate) async fn text(&self, text: &str) {
        let sent = self
            .commands
            .send(SocketCommand::Send(Message::Text(text.into())));
        // A peer that does not read for that long gets nothing more.
        let _ = timeout(WRITE_MAX, sent).await;
    }

    /// Begins the closing handshake.
    pub(crate) async fn close(&self) {
        let _ = self
            .commands
            .send(SocketCommand::Send(Message::Close(None)))
            .await;
    }

    /// Ends the connection without a word.
    pub(crate) async fn cut(&self) {
        let _ = self.commands.send(SocketCommand::Cut).await;
    }

    /// Ends the connection at once, even if the peer reads nothing and what was to be sent is stuck.
    pub(crate) fn abandon(&self) {
        self.abandoned.cancel();
    }
}

/// Where the sockets of one identity report to: kept between scenarios for a charger that stays connected.
#[derive(Debug)]
pub(crate) struct Post {
    events: mpsc::Receiver<SocketEvent>,
    /// The socket that is open, if one is.
    pub(crate) open: Option<(u64, SocketWriter)>,
}

impl Post {
    /// The next event; `None` when nobody can report any more. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<SocketEvent> {
        let event = self.events.recv().await?;
        match &event {
            SocketEvent::Opened { socket, writer } => self.open = Some((*socket, writer.clone())),
            SocketEvent::Closed { socket, .. } => {
                self.open.take_if(|(open, _)| open == socket);
            }
            SocketEvent::Text { .. } => {}
        }
        Some(event)
    }

    /// Waits until a socket is open.
    pub(crate) async fn arrival(&mut self) {
        while self.open.is_none() {
            if self.next().await.is_none() {
                return;
            }
        }
    }
}

/// A post, and the end that sockets hold.
pub(crate) fn post() -> (mpsc::Sender<SocketEvent>, Post) {
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    (sender, Post { events, open: None })
}

pub(crate) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(dynamo_protocol::READ_BUFFER_BYTES)
        .max_message_size(Some(dynamo_protocol::MESSAGE_BYTES_MAX))
        .max_frame_size(Some(dynamo_protocol::MESSAGE_BYTES_MAX))
}

/// Carries texts between a socket and a post until one of them ends, or the run is over.
pub(crate) async fn carry<S>(
    ws: WebSocketStream<S>,
    socket: u64,
    events: mpsc::Sender<SocketEvent>,
    over: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (commands, command) = mpsc::channel(64);
    let abandoned = CancellationToken::new();
    let writer = SocketWriter {
        commands,
        abandoned: abandoned.clone(),
    };
    let opened = SocketEvent::Opened { socket, writer };
    if events.send(opened).await.is_err() {
        return;
    }
    let reason = tokio::select! {
        () = abandoned.cancelled() => "cut by the rig".to_owned(),
        reason = traffic(ws, socket, &events, command, over) => reason,
    };
    let _ = events.send(SocketEvent::Closed { socket, reason }).await;
}

/// Both directions of a socket, until one of them ends; gives the reason.
async fn traffic<S>(
    ws: WebSocketStream<S>,
    socket: u64,
    events: &mpsc::Sender<SocketEvent>,
    mut command: mpsc::Receiver<SocketCommand>,
    over: CancellationToken,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut stream) = ws.split();
    loop {
        tokio::select! {
            // What is to be sent goes first: a peer that floods would make both directions wait for each other.
            biased;
            () = over.cancelled() => {
                let _ = timeout(FAREWELL_MAX, sink.send(Message::Close(None))).await;
                break "the run is over".to_owned();
            }
            wanted = command.recv() => match wanted {
                Some(SocketCommand::Send(message)) => if let Err(error) = sink.send(message).await {
                    break format!("lost: {error}");
                },
                Some(SocketCommand::Cut) => break "cut by the rig".to_owned(),
                // Nobody holds this end any more: the scenario was given up.
                None => {
                    let _ = timeout(FAREWELL_MAX, sink.send(Message::Close(None))).await;
                    break "left by the rig".to_owned();
                }
            },
            received = stream.next() => match received {
                Some(Ok(Message::Text(text))) => {
                    let text = Arc::from(text.as_str());
                    if events.send(SocketEvent::Text { socket, text }).await.is_err() {
                        break "the run is over".to_owned();
                    }
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let text = format!("<{} bytes of binary>", bytes.len()).into();
                    let _ = events.send(SocketEvent::Text { socket, text }).await;
                }
                Some(Ok(Message::Close(frame))) => {
                    let _ = sink.flush().await;
                    break close_reason(frame.as_ref());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break format!("lost: {error}"),
                None => break "lost without a close frame".to_owned(),
            },
        }
    }
}

fn close_reason(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(CloseFrame { code, reason }) if reason.is_empty() => {
            format!("closed with code {code}")
        }
        Some(CloseFrame { code, reason }) => {
            format!("closed with code {code}: {}", Utf8Bytes::as_str(reason))
        }
        None => "closed".to_owned(),
    }
}
