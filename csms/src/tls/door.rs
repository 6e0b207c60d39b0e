//! How a connection begins: in clear, or with a TLS handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::Authority;
use super::peer::{PeerCertificate, Transport};
use crate::clock::Mono;
use crate::metrics::Metrics;
use crate::ocpp::refusal_log::RefusalLog;

/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client that failed may take to read why.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of it that are thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 64 * 1024;

/// How connections of one listener begin.
#[derive(Clone)]
pub(crate) enum Door {
    Plain,
    Tls(TlsDoor),
}

/// Does the TLS handshake with whoever comes.
#[derive(Clone)]
pub(crate) struct TlsDoor {
    acceptor: TlsAcceptor,
    parts: DoorParts,
}

/// What a door needs of the server.
#[derive(Clone)]
pub(crate) struct DoorParts {
    pub authority: Arc<Authority>,
    pub metrics: Arc<Metrics>,
    pub refusals: Arc<RefusalLog>,
    pub mono: Mono,
}

impl TlsDoor {
    pub(crate) fn new(config: Arc<ServerConfig>, parts: DoorParts) -> Self {
        Self {
            acceptor: config.into(),
            parts,
        }
    }

    /// Shakes hands, or tells the log why not.
    pub(crate) async fn open(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<(TlsStream<TcpStream>, Transport)> {
        let accept = self.acceptor.accept(stream).into_fallible();
        let stream = match timeout(HANDSHAKE_TIMEOUT, accept).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                self.refused(peer, &error);
                linger(stream).await;
                return None;
            }
            Err(_) => {
                tracing::debug!(%peer, "a TLS handshake took too long");
                return None;
            }
        };
        let certificate = stream.get_ref().1.peer_certificates();
        let certificate = certificate.and_then(|chain| chain.first());
        let certificate = certificate
            .map(|certificate| Arc::new(PeerCertificate::read(certificate, &self.parts.authority)));
        Some((stream, Transport::Tls(certificate)))
    }

    fn refused(&self, peer: SocketAddr, error: &std::io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let Some(cause) = cause else {
            // Who only looks whether somebody listens leaves like this.
            tracing::debug!(%peer, cause = %error, "a TLS handshake broke off");
            return;
        };
        self.parts.metrics.handshake_refused();
        let (now_ms, peer) = (self.parts.mono.now_ms(), peer.to_string());
        let reason = format!("the TLS handshake failed: {cause}");
        let refusals = &self.parts.refusals;
        refusals.tell(now_ms, &peer, "", &reason, remedy(cause));
    }
}

/// What the operator can do about a failed handshake.
fn remedy(cause: &rustls::Error) -> &'static str {
    use CertificateError as Certificate;
    match cause {
        rustls::Error::InvalidCertificate(
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. },
        ) => "give the charge point a certificate that is valid now",
        rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer | Certificate::BadSignature,
        ) => {
            "give the charge point a certificate that this server issued, or name its authority with --client-ca"
        }
        rustls::Error::InvalidCertificate(_) => {
            "give the charge point a certificate for the authentication of clients"
        }
        rustls::Error::AlertReceived(_) => {
            "let the client trust the root of this server's certificate, and reach it under a name in it"
        }
        rustls::Error::InvalidMessage(_) => {
            "let the client begin with TLS here; without TLS it is another address"
        }
        _ => "let the client speak TLS 1.2 or 1.3",
    }
}

/// Gives a client time to read the alert: a socket that is closed with bytes unread may take it back.
async fn linger(mut stream: TcpStream) {
    let reading = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let (mut bytes, mut read) = ([0; 1024], 0);
        while read < LINGER_BYTES_MAX {
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(more) => read += more,
            }
        }
    };
    let _ = timeout(LINGER_TIMEOUT, Box::pin(reading)).await;
}
