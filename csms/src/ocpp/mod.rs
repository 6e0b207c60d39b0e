//! The OCPP server: from the handshake to the handler.
//!
//! [`accept`] decides at the handshake who gets in, [`session`] is the task that owns one socket (its `wire`),
//! `inbox` the calls of a charge point that wait for their handlers, `mailbox` the commands that wait for the socket,
//! [`sessions`] the map of who is connected, `handling` takes calls out of the inbox, [`routes`] finds the handler of a
//! call by its type, and each version has its handlers in a folder of its own.
//!
//! What `App` holds of it (sessions, inbox, mailbox, contact, taps) knows no handler and not `App`.

pub(crate) mod accept;
mod admitted;
mod answered;
pub(crate) mod answers;
mod call;
pub(crate) mod call_failure;
pub(crate) mod contact;
mod credentials;
mod end;
mod handling;
mod inbox;
pub(crate) mod key_change;
pub(crate) mod key_changes;
mod mailbox;
mod masked;
pub(crate) mod pace;
pub(crate) mod push;
mod refusal;
pub(crate) mod refusal_log;
pub(crate) mod routes;
pub(crate) mod session;
pub mod sessions;
pub(crate) mod taps;
pub(crate) mod v16;
mod wire;

pub use pace::Rate;
use v16::HANDLERS;
