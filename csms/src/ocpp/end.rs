//! Why a connection ended: what the peer hears, and what the log says.

use std::io::ErrorKind;

use axum::extract::ws::close_code;
use dynamo_protocol::MESSAGE_BYTES_MAX;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed.
    Closed,
    /// The socket broke, or the peer went without closing it.
    Broken,
    /// The peer sent nothing for two pings.
    Dead,
    /// The peer does not read.
    Stuck,
    /// A newer connection of this identity is there.
    Replaced,
    /// The CSMS goes.
    Shutdown,
    /// The peer sent a message that is not text.
    NotText,
    /// The peer sent a text that is not UTF-8.
    NotUtf8,
    /// The peer breaks the rules of WebSocket: how.
    NotWebSocket(String),
    /// The peer sent a message above the limit.
    TooLarge,
    /// The registration is not the one that let the peer in.
    Outdated,
    /// The certificate that let the peer in was revoked.
    Revoked,
}

impl End {
    /// What to say to the peer, where it can still hear it.
    pub(super) const fn farewell(&self) -> Option<(u16, &'static str)> {
        match self {
            Self::Closed | Self::Broken | Self::Stuck => None,
            Self::Dead => Some((close_code::AWAY, "nothing was heard for two pings")),
            Self::Replaced => Some((close_code::POLICY, "a newer connection took over")),
            Self::Shutdown => Some((close_code::AWAY, "the CSMS shuts down")),
            Self::NotText => Some((close_code::UNSUPPORTED, "OCPP-J messages are text")),
            Self::NotUtf8 => Some((close_code::INVALID, "the text is not UTF-8")),
            Self::NotWebSocket(_) => Some((
                close_code::PROTOCOL,
                "the frame breaks the rules of WebSocket",
            )),
            Self::TooLarge => Some((close_code::SIZE, "the message is too large")),
            Self::Outdated => Some((
                close_code::POLICY,
                "the registration has changed: connect again",
            )),
            Self::Revoked => Some((
                close_code::POLICY,
                "the certificate was revoked: connect with another",
            )),
        }
    }

    /// What the log says.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Closed => "the charge point closed".to_owned(),
            Self::Broken => "the socket broke without a close frame".to_owned(),
            Self::Stuck => "the charge point does not read what it is sent".to_owned(),
            Self::NotWebSocket(how) => {
                format!("the charge point breaks the rules of WebSocket: {how}")
            }
            Self::TooLarge => {
                format!("the charge point sent a message of more than {MESSAGE_BYTES_MAX} bytes")
            }
            other => other
                .farewell()
                .map_or_else(String::new, |(_, text)| text.to_owned()),
        }
    }

    /// Whether the peer did what it must not: somebody has to look at it.
    pub(super) const fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::NotText | Self::NotUtf8 | Self::NotWebSocket(_) | Self::TooLarge
        )
    }

    /// What a failed read says about the peer.
    pub(super) fn of_error(error: axum::Error) -> Self {
        match error.into_inner().downcast_ref::<WebSocketError>() {
            Some(error) if is_stalled(error) => Self::Stuck,
            Some(WebSocketError::Capacity(_)) => Self::TooLarge,
            Some(WebSocketError::Utf8(_)) => Self::NotUtf8,
            Some(WebSocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                Self::Broken
            }
            Some(WebSocketError::Protocol(how)) => Self::NotWebSocket(how.to_string()),
            _ => Self::Broken,
        }
    }
}

/// Whether a write failed because the peer took nothing for too long.
fn is_stalled(error: &WebSocketError) -> bool {
    matches!(error, WebSocketError::Io(error) if error.kind() == ErrorKind::TimedOut)
}
