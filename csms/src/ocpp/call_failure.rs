//! Why a command to a charge point has no good answer.

use dynamo_protocol::{CallError, MESSAGE_BYTES_MAX};

/// Why a call to a charge point has no good answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// No socket, or it was lost before the command's turn: nothing was sent.
    #[error("the charge point is offline")]
    Offline,
    /// The socket was lost before the answer.
    #[error("the connection was lost before the answer")]
    Lost,
    /// Too many commands wait for it already; nothing was sent.
    #[error("too many commands wait for the charge point")]
    Busy,
    /// Its turn did not come in time, behind other commands: nothing was sent.
    #[error("the command was not sent: the charge point took too long over those before it")]
    NotSent,
    /// It was sent, and not answered in time.
    #[error("the charge point did not answer in time")]
    TimedOut,
    /// It answered with a CALLERROR.
    #[error("the charge point refused: {}", .0.description)]
    Refused(CallError),
    /// Its answer cannot be read: it was cut off, maybe.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The payload is above [`MESSAGE_BYTES_MAX`]; nothing was sent.
    #[error("the payload is too large: {MESSAGE_BYTES_MAX} bytes are allowed")]
    TooLarge,
}

impl CallFailure {
    /// Whether the charge point may have got the command. If not, it may be sent again.
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        match self {
            Self::Offline | Self::Busy | Self::NotSent | Self::TooLarge => false,
            Self::Lost | Self::TimedOut | Self::Refused(_) | Self::Unreadable(_) => true,
        }
    }
}
