//! The OCPP server: from the handshake to the handler.
//!
//! [`accept`] decides at the handshake who gets in, [`session`] is the task that owns one socket (its `wire`),
//! `inbox` the calls of a charge point that wait for their handlers, `mailbox` the commands that wait for the socket,
//! [`sessions`] the map of who is connected, `handling` takes calls out of the inbox, and [`routes`] finds the handler of a
//! call by its type. [`send()`] is how everybody else commands a charge point. Each [`version`] has its handlers and
//! its [`dialect`] in a folder of its own; the rest knows no version's words.
//!
//! What `App` holds of it (sessions, inbox, mailbox, contact, taps) knows no handler and not `App`.

pub(crate) mod accept;
mod admitted;
mod answered;
mod call;
pub(crate) mod contact;
mod credentials;
pub(crate) mod dialect;
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
pub(crate) mod registrations;
pub(crate) mod routes;
mod send;
pub(crate) mod session;
pub mod sessions;
pub(crate) mod taps;
pub(crate) mod v16;
pub(crate) mod version;
mod wire;

pub use pace::Rate;
pub(crate) use send::send;
