//! The scripted central system: a WebSocket server that takes chargers under test in and gives their sockets to
//! whoever wants that identity.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dynamo_protocol::SUBPROTOCOL_16;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{
    HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Post, SocketEvent, carry, post, socket_config};

/// The server, shared by all scenarios of a run.
#[derive(Clone, Debug)]
pub(crate) struct CsmsServer {
    addr: SocketAddr,
    stalls: Arc<Mutex<HashMap<String, Stall>>>,
    tasks: TaskTracker,
    over: CancellationToken,
}

#[derive(Debug)]
struct Stall {
    events: mpsc::Sender<SocketEvent>,
    sockets: u64,
}

impl CsmsServer {
    /// Listens and takes chargers in until the token is cancelled.
    pub(crate) async fn listen(addr: SocketAddr, over: CancellationToken) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let server = Self {
            addr,
            stalls: Arc::default(),
            tasks: TaskTracker::new(),
            over,
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
                        self.tasks.spawn(async move {
                            tokio::select! {
                                () = server.over.cancelled() => {}
                                () = server.serve(stream) => {}
                            }
                        });
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
        match handshake.await {
            Ok(ws) => {
                if let Some((socket, events)) = stall {
                    carry(ws, socket, events).await;
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
        let id = request.uri().path().rsplit('/').next().unwrap_or_default();
        let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
        let offered = offers
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim() == SUBPROTOCOL_16);
        if !offered {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                "the subprotocol ocpp1.6 was not offered",
            ));
        }
        let mut stalls = self.lock();
        let Some(waiting) = stalls.get_mut(id) else {
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

fn refuse(status: StatusCode, reason: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(reason.to_owned()));
    *response.status_mut() = status;
    response
}
