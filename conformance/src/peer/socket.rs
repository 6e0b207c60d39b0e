//! The scripted ends of a line: a central system that a charger under test connects to, and a charge point that
//! connects to a CSMS under test. Neither uses an engine that knows the rules: they send what a scenario says,
//! byte for byte.

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

use crate::wire::entry::End;
use crate::wire::post::{SocketCommand, SocketEvent, SocketWriter};

/// How long a close frame may take at the end.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

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
    let (by, reason) = tokio::select! {
        () = abandoned.cancelled() => (End::Rig, "cut by the rig".to_owned()),
        end = traffic(ws, socket, &events, command, over) => end,
    };
    let closed = SocketEvent::Closed { socket, by, reason };
    let _ = events.send(closed).await;
}

/// Both directions of a socket, until one of them ends; says which, and why.
async fn traffic<S>(
    ws: WebSocketStream<S>,
    socket: u64,
    events: &mpsc::Sender<SocketEvent>,
    mut command: mpsc::Receiver<SocketCommand>,
    over: CancellationToken,
) -> (End, String)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut stream) = ws.split();
    // Who began the closing handshake.
    let mut by = End::Sut;
    loop {
        tokio::select! {
            // What is to be sent goes first: a peer that floods would make both directions wait for each other.
            biased;
            () = over.cancelled() => {
                let _ = timeout(FAREWELL_MAX, sink.send(Message::Close(None))).await;
                break (End::Rig, "the run is over".to_owned());
            }
            wanted = command.recv() => match wanted {
                Some(SocketCommand::Send(message)) => {
                    if matches!(message, Message::Close(_)) {
                        by = End::Rig;
                    }
                    if let Err(error) = sink.send(message).await {
                        break (by, format!("lost: {error}"));
                    }
                }
                Some(SocketCommand::Cut) => break (End::Rig, "cut by the rig".to_owned()),
                // Nobody holds this end any more: the scenario was given up.
                None => {
                    let _ = timeout(FAREWELL_MAX, sink.send(Message::Close(None))).await;
                    break (End::Rig, "left by the rig".to_owned());
                }
            },
            received = stream.next() => match received {
                Some(Ok(Message::Text(text))) => {
                    let text = Arc::from(text.as_str());
                    if events.send(SocketEvent::Text { socket, text }).await.is_err() {
                        break (End::Rig, "the run is over".to_owned());
                    }
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let text = format!("<{} bytes of binary>", bytes.len()).into();
                    let _ = events.send(SocketEvent::Text { socket, text }).await;
                }
                Some(Ok(Message::Close(frame))) => {
                    let _ = sink.flush().await;
                    break (by, close_reason(frame.as_ref()));
                }
                Some(Ok(Message::Pong(bytes))) => {
                    let text = String::from_utf8_lossy(&bytes).as_ref().into();
                    let _ = events.send(SocketEvent::Pong { text }).await;
                }
                Some(Ok(Message::Ping(_))) => {
                    let _ = events.send(SocketEvent::Ping).await;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break (by, format!("lost: {error}")),
                None => break (by, "lost without a close frame".to_owned()),
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
