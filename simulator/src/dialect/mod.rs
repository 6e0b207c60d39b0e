//! Messages of one OCPP version, to and from the neutral vocabulary of the charge point.
//!
//! A dialect knows words and shapes, never behaviour. Decoding is strict: what the schema does not allow comes back
//! as the `CALLERROR` the standard asks for.

mod v16;

use dynamo_protocol::{CallError, RawValue, SUBPROTOCOL_16, Version};

use crate::charge_point::{Answer, Command, Hardware, Reply, Report};

/// The OCPP version a charge point speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// OCPP 1.6J.
    #[default]
    V16,
}

impl Dialect {
    /// What the WebSocket handshake offers.
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::V16 => SUBPROTOCOL_16,
        }
    }

    /// The version for frames and error codes.
    #[must_use]
    pub fn version(self) -> Version {
        match self {
            Self::V16 => Version::V1_6,
        }
    }

    /// What a command is answered while the CSMS has rejected the charge point; `None` is nothing at all, as OCPP 1.6
    /// demands [1.6 §4.2]. (OCPP 2.0.1 wants a `SecurityError`.)
    #[must_use]
    pub fn refusal_while_rejected(self) -> Option<CallError> {
        match self {
            Self::V16 => None,
        }
    }

    /// A report as a message: its action and the JSON of its payload.
    #[must_use]
    pub fn encode(self, report: &Report) -> (&'static str, String) {
        match self {
            Self::V16 => v16::report::encode(report),
        }
    }

    /// The answer to a message of this action, as [`Dialect::encode`] named it.
    ///
    /// # Errors
    /// When the payload breaks the schema of that answer.
    pub fn decode_answer(
        self,
        action: &'static str,
        payload: &RawValue,
    ) -> Result<Answer, CallError> {
        match self {
            Self::V16 => v16::answer::decode(action, payload),
        }
    }

    /// A command of the CSMS.
    ///
    /// # Errors
    /// `NotImplemented` for an action that no version knows, `NotSupported` for one that is not served, or not by
    /// this hardware [1.6J §4.2.3], otherwise what is wrong with the payload.
    pub fn decode_command(
        self,
        action: &str,
        payload: &RawValue,
        hardware: &Hardware,
    ) -> Result<Command, CallError> {
        match self {
            Self::V16 => v16::command::decode(action, payload, hardware),
        }
    }

    /// The JSON of a reply.
    #[must_use]
    pub fn encode_reply(self, reply: &Reply) -> String {
        match self {
            Self::V16 => v16::reply::encode(reply),
        }
    }
}
