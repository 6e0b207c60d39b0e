//! Where the sockets of one identity report to, and how the rig writes to them.

use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::entry::End;

/// Events of sockets that wait for a scenario to look at them. A peer that says more at once waits, so that what it
/// says stays in its own memory.
const EVENTS_MAX: usize = 64;

/// How long a peer may leave a text unread.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// What a socket has to say. `socket` numbers the sockets of one identity, newest highest.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    Opened {
        socket: u64,
        writer: SocketWriter,
    },
    Text {
        socket: u64,
        text: Arc<str>,
    },
    /// The other end asks whether this one lives; the socket answers by itself.
    Ping,
    /// The answer to a ping, with what the ping held.
    Pong {
        text: Arc<str>,
    },
    Closed {
        socket: u64,
        by: End,
        reason: String,
    },
}

/// The writing side of a socket.
#[derive(Clone, Debug)]
pub(crate) struct SocketWriter {
    pub(crate) commands: mpsc::Sender<SocketCommand>,
    pub(crate) abandoned: CancellationToken,
}

#[derive(Debug)]
pub(crate) enum SocketCommand {
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

    /// Asks whether the other end lives [RFC 6455 §5.5.2].
    pub(crate) async fn ping(&self, text: &str) {
        let text = text.as_bytes().to_vec();
        let sent = self
            .commands
            .send(SocketCommand::Send(Message::Ping(text.into())));
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
            SocketEvent::Text { .. } | SocketEvent::Ping | SocketEvent::Pong { .. } => {}
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
