//! The scripted charge point: a WebSocket client towards a CSMS under test.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use dynamo_simulator::ClientTls;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use crate::peer::socket::{carry, socket_config};
use crate::wire::post::SocketEvent;

/// How a charge point knocks at a CSMS.
#[derive(Clone, Debug)]
pub(crate) struct Knock {
    /// URL without the identity.
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) password: Option<String>,
    pub(crate) tls: Option<ClientTls>,
    /// What is offered as `Sec-WebSocket-Protocol`; `None` leaves the header out.
    pub(crate) subprotocols: Option<String>,
}

/// What the CSMS made of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Welcome {
    /// The socket is open with this subprotocol confirmed, if any.
    Open { subprotocol: Option<String> },
    /// Refused with this HTTP status.
    Refused { status: u16 },
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open {
                subprotocol: Some(subprotocol),
            } => write!(f, "opened the line with the subprotocol {subprotocol}"),
            Self::Open { subprotocol: None } => {
                f.write_str("opened the line without a subprotocol")
            }
            Self::Refused { status } => write!(f, "refused the handshake with HTTP {status}"),
        }
    }
}

/// Opens a socket and lets it report to the given post.
pub(crate) async fn connect(
    knock: &Knock,
    socket: u64,
    events: mpsc::Sender<SocketEvent>,
) -> Result<Welcome> {
    let url = url_of(&knock.url, &knock.id);
    let mut request = url
        .as_str()
        .into_client_request()
        .with_context(|| format!("{url} is no WebSocket URL"))?;
    if let Some(offer) = &knock.subprotocols {
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(offer)?);
    }
    if let Some(password) = &knock.password {
        let token =
            base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", knock.id));
        request.headers_mut().insert(
            AUTHORIZATION,
            HeaderValue::from_str(&format!("Basic {token}"))?,
        );
    }
    match shake_hands(request, knock.tls.as_ref())
        .await
        .with_context(|| format!("cannot connect to {url}"))?
    {
        (status, _, _) if status != SWITCHING_PROTOCOLS => Ok(Welcome::Refused { status }),
        (_, subprotocol, stream) => {
            let ws =
                WebSocketStream::from_raw_socket(stream, Role::Client, Some(socket_config())).await;
            tokio::spawn(carry(ws, socket, events, CancellationToken::new()));
            Ok(Welcome::Open { subprotocol })
        }
    }
}

/// The URL with the identity as the last segment of its path, percent-encoded; a query stays behind it [1.6J §3.1.1].
pub(crate) fn url_of(url: &str, id: &str) -> String {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (url, String::new()),
    };
    let id = utf8_percent_encode(id, SEGMENT);
    format!("{}/{id}{query}", path.trim_end_matches('/'))
}

/// What a segment of a path cannot hold as it is [RFC 3986 §3.3].
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'!')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

const SWITCHING_PROTOCOLS: u16 = 101;

/// Longest head of an answer that is read, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The opening handshake by hand: the library's own refuses a server that confirms no subprotocol, and just that
/// server is to be watched. Gives the status and the confirmed subprotocol.
/// The certificate of the CSMS is from nobody whom the rig trusts: that says nothing about the CSMS.
#[derive(Debug)]
pub(crate) struct NotTrusted(String);

impl fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate of the CSMS is not trusted: {}", self.0)
    }
}

impl std::error::Error for NotTrusted {}

fn tls_failure(error: std::io::Error) -> anyhow::Error {
    let why = error.get_ref().and_then(|why| why.downcast_ref());
    if let Some(rustls::Error::InvalidCertificate(_)) = why {
        return NotTrusted(error.to_string()).into();
    }
    let port = "the TLS handshake failed; is this port one of TLS (wss), and the certificate the one it wants?";
    anyhow::Error::new(error).context(port)
}

async fn shake_hands(
    request: Request,
    tls: Option<&ClientTls>,
) -> Result<(u16, Option<String>, Box<dyn Stream>)> {
    let uri = request.uri();
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let secure = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let connecting = TcpStream::connect((host.clone(), port));
    let stream = timeout(HANDSHAKE, connecting)
        .await
        .context("nobody takes the connection")??;
    stream.set_nodelay(true)?;
    let mut stream: Box<dyn Stream> = match tls {
        Some(tls) if secure => {
            let name = ServerName::try_from(host).context("the host is no name for TLS")?;
            let shaking = TlsConnector::from(tls.config()).connect(name, stream);
            let shaken = timeout(HANDSHAKE, shaking).await;
            let shaken = shaken.context("the TLS handshake was not finished")?;
            Box::new(shaken.map_err(tls_failure)?)
        }
        _ => Box::new(stream),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let answer = timeout(HANDSHAKE, read_head(&mut stream))
        .await
        .context("the handshake was not answered")??;
    let mut lines = answer.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let status = status.with_context(|| {
        format!(
            "{} is no answer of HTTP",
            crate::words::quoted(answer.lines().next().unwrap_or_default())
        )
    })?;
    let subprotocol = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case(SEC_WEBSOCKET_PROTOCOL.as_str()))
        .map(|(_, value)| value.trim().to_owned());
    Ok((status, subprotocol, stream))
}

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Reads to the empty line and not a byte further: what follows belongs to the WebSocket.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            bail!("the answer to the handshake has no end");
        }
        head.push(
            stream
                .read_u8()
                .await
                .context("the line was closed during the handshake")?,
        );
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_nobody_trusts_is_told_from_a_port_without_tls() {
        let failed = |why: rustls::Error| {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidData, why);
            tls_failure(error).context("cannot connect")
        };
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(failed(unknown).downcast_ref::<NotTrusted>().is_some());
        let plain = rustls::InvalidMessage::InvalidContentType;
        let plain = failed(rustls::Error::InvalidMessage(plain));
        assert!(plain.downcast_ref::<NotTrusted>().is_none());
        assert!(
            format!("{plain:#}").contains("is this port one of TLS"),
            "{plain:#}"
        );
    }

    #[test]
    fn the_identity_is_the_last_segment_of_the_path_and_a_query_stays_behind_it() {
        assert_eq!(url_of("ws://h/ocpp", "CP-1"), "ws://h/ocpp/CP-1");
        assert_eq!(url_of("ws://h/ocpp/", "CP 1/2"), "ws://h/ocpp/CP%201%2F2");
        assert_eq!(
            url_of("wss://h/ocpp?token=a/b", "CP"),
            "wss://h/ocpp/CP?token=a/b"
        );
        assert_eq!(url_of("ws://h", "CP"), "ws://h/CP");
    }
}
