//! The scripted central system: a WebSocket server that takes chargers under test in and gives their sockets to
//! whoever wants that identity.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use dynamo_protocol::SUBPROTOCOL_16;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::peer::socket::{carry, socket_config};
use crate::wire::post::{Post, SocketEvent, post};

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long the sockets may take to close at the end of a run.
const END_MAX: Duration = Duration::from_millis(500);

/// The server, shared by all scenarios of a run.
#[derive(Clone, Debug)]
pub(crate) struct CsmsServer {
    addr: SocketAddr,
    stalls: Arc<Mutex<HashMap<String, Stall>>>,
    strangers: Arc<Mutex<Strangers>>,
    tasks: TaskTracker,
    over: CancellationToken,
    door: Arc<Door>,
}

/// What a charge point has to show to be let in.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) tls: Option<TlsAcceptor>,
    /// The password of Basic authentication.
    pub(crate) password: Option<String>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Stall {
    events: mpsc::Sender<SocketEvent>,
    sockets: u64,
}

/// Who else has knocked while the run waits for one charger.
#[derive(Debug, Default)]
struct Strangers {
    /// The identity that is waited for; with none, strangers are refused without a word.
    awaited: Option<String>,
    /// What was said about each.
    seen: Vec<String>,
}

/// Strangers that are told apart.
const STRANGERS_MAX: usize = 16;

/// Characters of a stranger's path that are shown.
const PATH_CHARS_MAX: usize = 120;

impl CsmsServer {
    /// Listens and takes chargers in until the token is cancelled.
    pub(crate) async fn listen(
        addr: SocketAddr,
        over: CancellationToken,
        door: Door,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let server = Self {
            addr,
            stalls: Arc::default(),
            strangers: Arc::default(),
            tasks: TaskTracker::new(),
            over,
            door: Arc::new(door),
        };
        let accepting = server.clone();
        server
            .tasks
            .spawn(async move { accepting.accept(listener).await });
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Asks for the sockets of an identity. A later call for the same identity takes them over.
    pub(crate) fn expect(&self, id: &str) -> Post {
        let (events, post) = post();
        self.lock()
            .insert(id.to_owned(), Stall { events, sockets: 0 });
        post
    }

    /// From now on whoever knocks and is not this identity is named on stderr, once.
    pub(crate) fn name_strangers(&self, awaited: &str) {
        self.strangers().awaited = Some(awaited.to_owned());
    }

    /// What there is to say about chargers that knocked in vain.
    pub(crate) fn seen_strangers(&self) -> Vec<String> {
        self.strangers().seen.clone()
    }

    fn strangers(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the person at the terminal at once why a charger is not taken in.
    fn refused(&self, path: &str, why: impl Fn(&str, &str) -> String) {
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        let mut strangers = self.strangers();
        let Some(awaited) = &strangers.awaited else {
            return;
        };
        let text = why(&path, awaited);
        if strangers.seen.len() < STRANGERS_MAX && !strangers.seen.contains(&text) {
            crate::terminal::tell(&text);
            strangers.seen.push(text);
        }
    }

    /// Closes all sockets, with a close frame where it can still be sent, and takes no more in.
    pub(crate) async fn end(&self) {
        self.over.cancel();
        self.tasks.close();
        let _ = timeout(END_MAX, self.tasks.wait()).await;
    }

    /// No more sockets of this identity are taken.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Stall>> {
        self.stalls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            tokio::select! {
                () = self.over.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let server = self.clone();
                        self.tasks.spawn(async move { server.serve(stream).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a charger could not be taken in");
                        tokio::task::yield_now().await;
                    }
                },
            }
        }
    }

    async fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.door.tls else {
            return self.shake_hands(stream).await;
        };
        match timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.shake_hands(stream).await,
            Ok(Err(error)) => self.refused("", |_, _| {
                format!("a charge point knocked and its TLS handshake failed: {error}")
            }),
            Err(_) => tracing::info!("a TLS handshake was not finished"),
        }
    }

    async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) {
        let mut stall = None;
        let handshake = accept_hdr_async_with_config(
            stream,
            #[expect(
                clippy::result_large_err,
                reason = "the signature belongs to the WebSocket library"
            )]
            |request: &Request, response: Response| self.admit(request, response, &mut stall),
            Some(socket_config()),
        );
        let shaken = tokio::select! {
            () = self.over.cancelled() => return,
            shaken = timeout(HANDSHAKE_MAX, handshake) => shaken,
        };
        let Ok(shaken) = shaken else {
            return tracing::info!("a handshake was not finished");
        };
        match shaken {
            Ok(ws) => {
                if let Some((socket, events)) = stall {
                    carry(ws, socket, events, self.over.clone()).await;
                }
            }
            Err(error) => tracing::info!(%error, "a handshake failed"),
        }
    }

    /// The identity is the last segment of the path [1.6J §3.1.1]; the subprotocol must be offered [1.6J §3.3].
    #[expect(
        clippy::result_large_err,
        reason = "the signature belongs to the WebSocket library"
    )]
    fn admit(
        &self,
        request: &Request,
        mut response: Response,
        stall: &mut Option<(u64, mpsc::Sender<SocketEvent>)>,
    ) -> Result<Response, ErrorResponse> {
        let path = request.uri().path();
        let last = path.rsplit('/').next().unwrap_or_default();
        let id = percent_decode_str(last).decode_utf8_lossy();
        let id = id.as_ref();
        let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
        let offered = offers
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim() == SUBPROTOCOL_16);
        if !offered {
            self.refused(path, |path, _| {
                format!(
                    "a charge point knocked at {path} and was refused: it does not offer the subprotocol ocpp1.6"
                )
            });
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                "the subprotocol ocpp1.6 was not offered",
            ));
        }
        if let Some(password) = &self.door.password
            && !has_password(request, id, password)
        {
            self.refused(path, |path, _| {
                format!(
                    "a charge point knocked at {path} and was refused: its password is not the one of --password, or \
                     its user name is not {id}"
                )
            });
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "another password is expected",
            ));
        }
        let mut stalls = self.lock();
        let Some(waiting) = stalls.get_mut(id) else {
            self.refused(path, |path, awaited| stranger(id, path, awaited));
            return Err(refuse(
                StatusCode::NOT_FOUND,
                "no scenario waits for this identity",
            ));
        };
        waiting.sockets += 1;
        *stall = Some((waiting.sockets, waiting.events.clone()));
        response.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(SUBPROTOCOL_16),
        );
        Ok(response)
    }
}

/// Whether the request shows this user and password [RFC 7617].
fn has_password(request: &Request, id: &str, password: &str) -> bool {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Basic "));
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{password}"));
    token == Some(wanted.as_str())
}

/// What is wrong with a charger that nobody waits for, and what to do.
fn stranger(id: &str, path: &str, awaited: &str) -> String {
    if id.is_empty() {
        return format!(
            "a charge point knocked at {path}, a path without an identity; let its URL end in {awaited}"
        );
    }
    format!(
        "a charge point knocked as {id} (path {path}), but the run waits for {awaited}: set the identity of the \
         charge point, or give --charge-point-id {id}"
    )
}

fn refuse(status: StatusCode, reason: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(reason.to_owned()));
    *response.status_mut() = status;
    response
}
