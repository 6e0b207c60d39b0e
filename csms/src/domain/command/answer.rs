//! What became of a command.

use dynamo_protocol::MESSAGE_BYTES_MAX;
use serde_json::Value;

use crate::domain::charge_points::security::MASK;

/// What a charge point decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does it, or has done it.
    Accepted,
    /// It does it later, by itself.
    Scheduled,
    /// It holds after a restart.
    RebootRequired,
    /// It does not do it.
    Rejected,
    /// It tried, and could not.
    Failed,
    /// The EVSE is in use, or reserved.
    Occupied,
    /// The EVSE has a fault.
    Faulted,
    /// The EVSE is out of service.
    Unavailable,
    /// It cannot do such a thing.
    NotSupported,
    /// It does not have what the command names.
    Unknown,
    /// None that its version has for this command, or nothing.
    Odd,
}

/// The answer of a charge point to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What it decided.
    pub status: Status,
    /// The same in the word of its version, where the answer has one.
    pub word: Option<String>,
    /// Why, where its version has a place for that.
    pub reason: Option<String>,
    /// The whole answer in the words of its version.
    pub payload: Value,
}

impl Answer {
    /// Whether it does what it was told.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.status == Status::Accepted
    }

    /// Its word, for people.
    #[must_use]
    pub fn said(&self) -> &str {
        self.word.as_deref().unwrap_or("nothing")
    }
}

/// A CALLERROR of a charge point.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The code, in the spelling of its version.
    pub code: String,
    /// For people.
    pub description: String,
    /// Whatever else it said.
    pub details: Value,
}

/// Why a command to a charge point has no good answer.
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
    Refused(Refusal),
    /// Its answer cannot be read: it was cut off, maybe.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// Its answer is not of the form that its version has for it.
    #[error("the answer breaks the schema: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
        /// As far as it can be understood all the same.
        answer: Box<Answer>,
    },
    /// The payload is above [`MESSAGE_BYTES_MAX`]; nothing was sent.
    #[error("the payload is too large: {MESSAGE_BYTES_MAX} bytes are allowed")]
    TooLarge,
    /// The version that the charge point speaks has no words for it; nothing was sent.
    #[error("the charge point cannot be told this: {0}")]
    NotSayable(String),
}

impl CallFailure {
    /// Whether the charge point may have got the command. If not, it may be sent again.
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        match self {
            Self::Offline | Self::Busy | Self::NotSent | Self::TooLarge | Self::NotSayable(_) => {
                false
            }
            Self::Lost
            | Self::TimedOut
            | Self::Refused(_)
            | Self::Unreadable(_)
            | Self::Invalid { .. } => true,
        }
    }
}

impl Refusal {
    /// The same without a secret that the charge point may have repeated.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        self.description = self.description.replace(secret, MASK);
        hide(&mut self.details, secret);
        self
    }
}

/// Hides a text wherever it stands in a value.
pub(crate) fn hide(value: &mut Value, secret: &str) {
    match value {
        Value::String(text) if text.contains(secret) => *text = text.replace(secret, MASK),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, secret)),
        Value::Object(members) => members.values_mut().for_each(|value| hide(value, secret)),
        _ => {}
    }
}
