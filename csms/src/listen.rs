//! Listening sockets and the HTTP connections on them, with limits on what a stranger can hold open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Version;
use axum::http::header::HOST;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::stalled::Stalled;
use crate::tls::{Door, Transport};

/// How long a client may take for the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes a request's head may have.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// How long requests may go on after shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after the system had no more descriptors, before the next attempt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log hears that connections cannot be accepted.
const TELL_INTERVAL: Duration = Duration::from_mins(1);
/// Connections that may wait to be accepted: a fleet reconnects at once.
const BACKLOG: i32 = 4096;
/// One of so many descriptors may be an HTTP connection; the others are for charge points.
const HTTP_PART: u64 = 4;
/// HTTP connections where there are descriptors for any number.
const HTTP_CONNECTIONS_MAX: u64 = 1024;
const HTTP_CONNECTIONS_MIN: u64 = 16;
/// Descriptors where the system does not say how many there are.
const DESCRIPTORS: u64 = 1024;

/// Who sent a request, as an extension of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub SocketAddr);

/// Binds an address.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What is served on a listener, and what its clients may hold.
#[derive(Clone)]
pub(crate) struct Service {
    pub door: Door,
    pub router: Router,
    pub stop: CancellationToken,
    /// How long a client may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// Connections that may be open; who comes then waits. `None`: as many as the system has descriptors for.
    pub room: Option<Arc<Semaphore>>,
}

/// Room for the connections of all HTTP listeners.
pub(crate) fn http_room() -> Arc<Semaphore> {
    let descriptors = rlimit::Resource::NOFILE.get_soft().unwrap_or(DESCRIPTORS);
    let most = (descriptors / HTTP_PART).clamp(HTTP_CONNECTIONS_MIN, HTTP_CONNECTIONS_MAX);
    Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX)))
}

/// Whether a request does not say whose it is: HTTP/1.1 wants one `Host` [RFC 9112 §3.2].
pub(crate) fn lacks_host<B>(request: &Request<B>) -> bool {
    match request.headers().get_all(HOST).iter().count() {
        0 => request.version() == Version::HTTP_11,
        hosts => hosts > 1,
    }
}

/// Serves HTTP until `service.stop`; the tasks are those of `tasks`.
pub(crate) async fn serve(listener: TcpListener, service: Service, tasks: TaskTracker) {
    let mut told = None;
    loop {
        let accepting = async {
            let place = match &service.room {
                Some(room) => room.clone().acquire_owned().await.ok(),
                None => None,
            };
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepting => accepted,
            () = service.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let service = service.clone();
                tasks.spawn(async move {
                    connection(stream, Peer(address), service).await;
                    drop(place);
                });
            }
            Err(error) => {
                if is_due(&mut told, Instant::now()) {
                    tracing::warn!(cause = %error, "a connection could not be accepted; is the limit of open files too low?");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the log may hear it again; from now on it has.
fn is_due(told: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = told.is_none_or(|told| now.duration_since(told) >= TELL_INTERVAL);
    if is_due {
        *told = Some(now);
    }
    is_due
}

async fn connection(stream: TcpStream, peer: Peer, service: Service) {
    let Service {
        door,
        router,
        stop,
        write_timeout,
        room: _,
    } = service;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(cause = %error, "TCP_NODELAY was not set");
    }
    let Door::Tls(door) = door else {
        let stream = Stalled::new(stream, write_timeout);
        return http(stream, peer, Transport::Plain, router, stop).await;
    };
    // Boxed: a handshake needs kilobytes that an open connection does not.
    let opening = Box::pin(door.open(stream, peer.0));
    let opened = tokio::select! {
        opened = opening => opened,
        () = stop.cancelled() => None,
    };
    drop(door);
    if let Some((stream, transport)) = opened {
        let stream = Stalled::new(stream, write_timeout);
        http(stream, peer, transport, router, stop).await;
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    transport: Transport,
    router: Router,
    stop: CancellationToken,
) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(transport.clone());
        service.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN_TIMEOUT, served).await {
                Ok(result) => result,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(peer = %peer.0, cause = %error, "an HTTP connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let room = Arc::new(Semaphore::new(1));
        let service = Service {
            door: Door::Plain,
            router: Router::new().route("/", axum::routing::get(|| async { "in" })),
            stop: CancellationToken::new(),
            write_timeout: Duration::from_secs(10),
            room: Some(room.clone()),
        };
        tokio::spawn(serve(listener, service, TaskTracker::new()));
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(&REQUEST[..5]).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        let early = second.read_to_end(&mut answer);
        let early = tokio::time::timeout(Duration::from_millis(200), early).await;
        assert!(early.is_err());
        assert_eq!(room.available_permits(), 0);
        first.write_all(&REQUEST[5..]).await.unwrap();
        for stream in [&mut first, &mut second] {
            answer.clear();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(answer.ends_with(b"in"));
        }
    }

    #[test]
    fn the_log_hears_of_a_lack_of_descriptors_once_a_minute() {
        let (mut told, now) = (None, Instant::now());
        assert!(is_due(&mut told, now));
        assert!(!is_due(&mut told, now + TELL_INTERVAL / 2));
        assert!(is_due(&mut told, now + TELL_INTERVAL));
        assert!(!is_due(&mut told, now + TELL_INTERVAL));
    }
}
