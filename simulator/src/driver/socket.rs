//! The WebSocket of one charge point: opening it, and closing it politely.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dynamo_protocol::{ChargePointId, MESSAGE_BYTES_MAX, READ_BUFFER_BYTES};
use futures_util::StreamExt as _;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Error};

use super::wire::{self, Wire};
use crate::tls::ClientTls;

/// How long resolving, connecting and shaking hands may take together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the other side may take to confirm a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that may wait in the write buffer: one message of the largest size and its frame header, and an answer.
const WRITE_BUFFER_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// Boxed, so that events and states that carry it stay small.
pub(super) type WebSocket = Box<WebSocketStream<Wire>>;

/// Why no WebSocket came about, as a sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{url}: {why}; give a URL of the form ws://host[:port][/path] or wss://…")]
    Url { url: String, why: String },
    #[error("the password has characters that cannot stand in an HTTP header")]
    Password,
    #[error("cannot connect to {address}: {cause}")]
    Tcp {
        address: String,
        cause: std::io::Error,
    },
    #[error("no answer from {0} within {seconds} s", seconds = OPEN_TIMEOUT.as_secs())]
    TimedOut(String),
    #[error("the CSMS confirmed no subprotocol, {0} was offered")]
    NoSubprotocol(&'static str),
    #[error("the CSMS confirmed a subprotocol that was not offered ({0} was)")]
    OtherSubprotocol(&'static str),
    #[error("{0}")]
    Tls(String),
    #[error("the URL begins with wss:// and the charge point was given no TLS")]
    NoTls,
    #[error("the CSMS refused the handshake with HTTP {0}{why}", why = why_refused(*.0))]
    Status(u16),
    #[error("the WebSocket handshake failed: {0}")]
    Handshake(Error),
}

/// What a status of a refusal means where charge points connect.
const fn why_refused(status: u16) -> &'static str {
    match status {
        401 => ": it wants another password (--password)",
        403 => {
            ": it wants TLS (wss://), or a certificate of the charge point's own (--cert, --key)"
        }
        404 => ": it does not know the charge point, or the path is another",
        _ => "",
    }
}

/// What is needed to open a socket, worked out once per charge point.
#[derive(Debug)]
pub(super) struct Target {
    uri: Uri,
    subprotocol: &'static str,
    authorization: Option<HeaderValue>,
    /// With TLS: how, and who is expected there.
    tls: Option<(ClientTls, ServerName<'static>)>,
}

impl Target {
    /// `base` is the CSMS's URL without the identity, which becomes the last segment of its path.
    pub(super) fn new(
        base: &str,
        id: &ChargePointId,
        password: Option<&str>,
        tls: Option<ClientTls>,
        subprotocol: &'static str,
    ) -> Result<Self, OpenError> {
        check_base(base)?;
        let (path, query) = match base.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (base, String::new()),
        };
        let uri: Uri = format!("{}/{}{query}", path.trim_end_matches('/'), id.url_segment())
            .parse()
            .map_err(|error| OpenError::Url {
                url: base.to_owned(),
                why: format!("{error}"),
            })?;
        let authorization = password
            .map(|password| {
                let pair = BASE64_STANDARD.encode(format!("{id}:{password}"));
                HeaderValue::try_from(format!("Basic {pair}")).map_err(|_| OpenError::Password)
            })
            .transpose()?;
        let tls = tls.filter(|_| base.starts_with(TLS_SCHEME)).map(|tls| {
            let host = uri.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned()).map_err(|_| OpenError::Url {
                url: base.to_owned(),
                why: format!("{host} cannot be the name of a server with TLS"),
            });
            name.map(|name| (tls, name))
        });
        Ok(Self {
            tls: tls.transpose()?,
            uri,
            subprotocol,
            authorization,
        })
    }

    /// Resolves, connects and shakes hands.
    pub(super) async fn open(&self) -> Result<WebSocket, OpenError> {
        tokio::time::timeout(OPEN_TIMEOUT, self.open_unhurried())
            .await
            .unwrap_or_else(|_| Err(OpenError::TimedOut(self.address())))
    }

    async fn open_unhurried(&self) -> Result<WebSocket, OpenError> {
        let address = self.address();
        let stream = match TcpStream::connect(&address).await {
            Ok(stream) => stream,
            Err(cause) => return Err(OpenError::Tcp { address, cause }),
        };
        // OCPP frames are small and each waits for its answer: Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let stream = match &self.tls {
            None if self.is_tls() => return Err(OpenError::NoTls),
            None => Wire::Plain(stream),
            Some((tls, name)) => {
                let connector = TlsConnector::from(tls.config());
                let opened = connector.connect(name.clone(), stream).await;
                let opened = opened.map_err(|cause| match wire::explain(&cause) {
                    Some(sentence) => OpenError::Tls(sentence),
                    None => OpenError::Tcp { address, cause },
                })?;
                Wire::Tls(Box::new(opened))
            }
        };
        let request = self.request().map_err(OpenError::Handshake)?;
        tokio_tungstenite::client_async_with_config(request, stream, Some(config()))
            .await
            .map(|(socket, _)| Box::new(socket))
            .map_err(|error| self.explain(error))
    }

    fn request(&self) -> Result<Request, Error> {
        let mut request = self.uri.clone().into_client_request()?;
        let headers = request.headers_mut();
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(self.subprotocol),
        );
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    fn explain(&self, error: Error) -> OpenError {
        match error {
            Error::Io(error) if self.tls.is_some() => match wire::explain(&error) {
                Some(sentence) => OpenError::Tls(sentence),
                None => OpenError::Handshake(Error::Io(error)),
            },
            Error::Http(response) => OpenError::Status(response.status().as_u16()),
            Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
                SubProtocolError::NoSubProtocol,
            )) => OpenError::NoSubprotocol(self.subprotocol),
            Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
                OpenError::OtherSubprotocol(self.subprotocol)
            }
            other => OpenError::Handshake(other),
        }
    }

    fn address(&self) -> String {
        let host = self.uri.host().unwrap_or_default();
        let usual = if self.is_tls() { 443 } else { 80 };
        format!("{host}:{}", self.uri.port_u16().unwrap_or(usual))
    }

    fn is_tls(&self) -> bool {
        self.uri.scheme_str() == Some("wss")
    }
}

/// How the URL of a CSMS with TLS begins.
pub(crate) const TLS_SCHEME: &str = "wss://";

/// What a parser of URLs in general lets pass, and what would then mean something else than its writer thought.
fn check_base(base: &str) -> Result<(), OpenError> {
    let wrong = |why: String| {
        Err(OpenError::Url {
            url: base.to_owned(),
            why,
        })
    };
    let rest = base.strip_prefix("ws://");
    let Some(rest) = rest.or_else(|| base.strip_prefix(TLS_SCHEME)) else {
        return wrong("it does not begin with ws:// or wss://".into());
    };
    if base.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("it has a space".into());
    }
    if base.contains('#') {
        return wrong("a WebSocket URL has no fragment (#)".into());
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if let Some((_, host)) = authority.rsplit_once('@') {
        // The user's part may be a secret.
        return Err(OpenError::Url {
            url: format!("{}://…@{host}", base.split(':').next().unwrap_or_default()),
            why: "user and password do not stand in the URL; the user is the identity, the password is --password"
                .into(),
        });
    }
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    };
    if host.is_empty() {
        return wrong("the host is missing".into());
    }
    let inside = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let is_host = match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    if !is_host {
        return wrong(format!("{host} is no host"));
    }
    match port {
        Some(port)
            if !port.bytes().all(|b| b.is_ascii_digit())
                || !port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            wrong(format!("the port {port:?} is not 1 to 65535"))
        }
        _ => Ok(()),
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Sends a close frame (or confirms the other side's) and waits a moment for the other side to hang up, so that
/// nothing that was sent before is cut off.
pub(super) async fn close(mut socket: WebSocket) {
    let goodbye = async {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: tungstenite::Utf8Bytes::from_static(""),
        };
        // Errors mean that the socket is gone already, which is what is wanted.
        let _ = socket.close(Some(frame)).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(base: &str) -> Result<Target, OpenError> {
        let id = ChargePointId::new("SIM-000001").unwrap();
        Target::new(base, &id, Some("secret"), None, "ocpp1.6")
    }

    #[test]
    fn the_identity_is_the_last_segment() {
        for (base, uri) in [
            ("ws://h:9000/ocpp16", "ws://h:9000/ocpp16/SIM-000001"),
            ("ws://h:9000/ocpp16/", "ws://h:9000/ocpp16/SIM-000001"),
            ("ws://h", "ws://h/SIM-000001"),
            ("ws://h/a?token=1", "ws://h/a/SIM-000001?token=1"),
            ("ws://[::1]:9000", "ws://[::1]:9000/SIM-000001"),
            ("wss://h/a", "wss://h/a/SIM-000001"),
        ] {
            assert_eq!(target(base).unwrap().uri.to_string(), uri, "{base}");
        }
    }

    #[test]
    fn a_url_that_would_mean_something_else_is_refused_with_its_reason() {
        for (bad, why) in [
            ("", "ws://"),
            ("http://h/", "does not begin with ws://"),
            ("h:9000", "does not begin with ws://"),
            ("wss://", "host is missing"),
            ("wss://h:0", "\"0\" is not"),
            ("ws://", "host is missing"),
            ("ws:///path", "host is missing"),
            ("ws://:9000", "host is missing"),
            ("ws://h:70000", "\"70000\" is not 1 to 65535"),
            ("ws://h:0", "\"0\" is not"),
            ("ws://h:", "\"\" is not"),
            ("ws://h:+80", "\"+80\" is not"),
            ("ws://h:90a/x", "\"90a\" is not"),
            ("ws://[::1]:65536", "\"65536\" is not"),
            ("ws://[::g]:80", "no host"),
            ("ws://::1", "no host"),
            ("ws://a b", "a space"),
            (" ws://h", "does not begin"),
            ("ws://h/a ", "a space"),
            ("ws://h/a#b", "fragment"),
            ("ws://user:geheim@h/a", "--password"),
            ("ws://h%41/a", "no host"),
        ] {
            let error = target(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn the_password_goes_with_the_identity() {
        let request = target("ws://h").unwrap().request().unwrap();
        // base64 of SIM-000001:secret
        assert_eq!(
            request.headers()[AUTHORIZATION],
            "Basic U0lNLTAwMDAwMTpzZWNyZXQ="
        );
        assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], "ocpp1.6");
    }
}
