//! What the words of one OCPP version mean: commands into its CALLs, its answers and reports into what they say.
//!
//! A dialect is pure. It is the only one that looks into payloads of its version: who sends commands, or listens to a
//! charge point's line, knows the neutral side.

use dynamo_protocol::decode::{Decoded, Decoding};
use dynamo_protocol::{CallError, RawValue, Version};
use serde_json::Value;

use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::{Answer, CallFailure, Command, Target};

/// A command in the words of one version. It has no `Debug`: it may give the charge point its password.
pub(crate) struct CommandCall {
    /// A charge point that speaks another one is not sent it.
    pub version: Version,
    pub action: &'static str,
    /// JSON.
    pub payload: String,
    /// The action that it asks the charge point to call.
    pub asks_for: Option<&'static str>,
    /// The password that it gives the charge point.
    pub new_key: Option<String>,
}

/// What a message is about, of those that somebody on the line waits for or keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    ReadSettings,
    Trigger,
    RemoteStart,
    RemoteStop,
    Boot,
    Status,
    Authorization,
    Transaction,
    MeterValues,
}

/// What a charge point reports, as far as somebody on the line waits for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    /// What it is.
    Boot { firmware_version: Option<String> },
    /// How a connector stands.
    Status {
        at: Target,
        /// In the word of the version, for people.
        word: String,
        /// Whether a transaction could begin there; a car may be plugged in already.
        is_free: bool,
        is_charging: bool,
    },
    /// A transaction has begun.
    Started {
        at: Target,
        token: String,
        /// What this side said to it; not while it has not.
        taken: Option<Taken>,
    },
    /// Energy was measured in a transaction.
    Metered { transaction: String },
    /// A transaction has ended.
    Stopped { transaction: String },
}

/// What a transaction that has begun was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The id by which the charge point knows it from now on.
    pub transaction: Option<String>,
    /// Whether its token may charge.
    pub is_accepted: bool,
}

/// The words of one version. A connection knows its dialect, and so does what is heard on it.
pub(crate) trait Dialect: Send + Sync {
    /// The version.
    fn version(&self) -> Version;

    /// The CALL that says a command to a charge point whose connectors are counted like this.
    ///
    /// # Errors
    /// [`CallFailure::NotSayable`], where this version has no words for it.
    fn say(&self, command: &Command, numbering: &Numbering) -> Result<CommandCall, CallFailure>;

    /// The answer to a CALL of this action, checked against its form: the JSON of what was understood.
    ///
    /// # Errors
    /// What is wrong with it.
    fn read(
        &self,
        action: &'static str,
        decoding: Decoding,
        payload: &RawValue,
    ) -> Result<Decoded<Value>, CallError>;

    /// What an answer to a CALL of this action says, whether or not it has its form.
    fn answer(&self, action: &'static str, payload: Value) -> Answer;

    /// What a message of this action is about.
    fn topic(&self, action: &str) -> Option<Topic>;

    /// What a call of a charge point reports, with what it was answered, if it was.
    fn report(
        &self,
        action: &str,
        said: (&Value, Option<&Value>),
        numbering: &Numbering,
    ) -> Option<Report>;
}
