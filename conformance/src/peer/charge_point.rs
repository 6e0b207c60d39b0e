//! The scripted charge point: a WebSocket client towards a CSMS under test.

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

use super::{SocketEvent, carry, socket_config};
use tokio::sync::mpsc;

/// How a charge point knocks at a CSMS.
#[derive(Clone, Debug)]
pub(crate) struct Knock {
    /// URL without the identity.
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) password: Option<String>,
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

/// Opens a socket and lets it report to the given post.
pub(crate) async fn connect(knock: &Knock, socket: u64, events: mpsc::Sender<SocketEvent>) -> Result<Welcome> {
    let url = format!("{}/{}", knock.url.trim_end_matches('/'), knock.id);
    let mut request = url.as_str().into_client_request().with_context(|| format!("{url} is no WebSocket URL"))?;
    if let Some(offer) = &knock.subprotocols {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(offer)?);
    }
    if let Some(password) = &knock.password {
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", knock.id));
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&format!("Basic {token}"))?);
    }
    match connect_async_with_config(request, Some(socket_config()), true).await {
        Ok((ws, response)) => {
            let subprotocol = response
                .headers()
                .get(SEC_WEBSOCKET_PROTOCOL)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            tokio::spawn(carry(ws, socket, events));
            Ok(Welcome::Open { subprotocol })
        }
        Err(WsError::Http(response)) => Ok(Welcome::Refused { status: response.status().as_u16() }),
        Err(error) => Err(anyhow!(error)).with_context(|| format!("cannot connect to {url}")),
    }
}
