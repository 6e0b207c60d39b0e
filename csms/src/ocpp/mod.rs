//! The OCPP server: from the handshake to the handler.
//!
//! [`accept`] decides at the handshake who gets in, [`session`] is the task that owns one socket,
//! [`sessions`] the map of who is connected, [`routes`] finds the handler of a call by its type, and each
//! version has its handlers in a folder of its own.

pub(crate) mod accept;
mod credentials;
mod end;
pub(crate) mod key_change;
pub(crate) mod pace;
pub(crate) mod push;
pub(crate) mod refusals;
pub(crate) mod routes;
pub(crate) mod session;
pub mod sessions;
pub(crate) mod taps;
pub(crate) mod v16;
