//! What travels between a charge point and a CSMS, and the rules of the line it travels on; and what travels between
//! platforms ([`ocpi`]).
//!
//! This crate is the one door to `ocpp-kit` (message types, frame grammar, error codes): nothing else in
//! the workspace names that crate. It adds what a rig and a fleet need on top: the pure [`link`] with one
//! open call per direction, strict decoding that agrees with the published schemas ([`decode`]), timer
//! slots, time as a value, and the trace record.
//!
//! Nothing here does IO, reads a clock, draws a random number or is `async`.

pub mod decode;
pub mod frame;
mod identity;
pub mod link;
pub mod ocpi;
mod payload;
pub mod time;
mod timers;
pub mod trace;

pub use identity::{ChargePointId, IdentityError};
pub use ocpp_kit::message::{ActionName, Confirmed, Origin, Request, Response};
pub use ocpp_kit::rpc::{CallError, ErrorCode};
pub use ocpp_kit::types::{DateTime, Decimal, MessageId};
pub use ocpp_kit::{RawValue, Version};
pub use time::{Millis, Time};
pub use timers::{TimerKey, Timers};

/// OCPP 1.6 with the messages of its security whitepaper: 39 actions, their payloads and enumerations.
pub mod v16 {
    pub use ocpp_kit::v1_6::*;
}

/// The WebSocket subprotocol of OCPP 1.6J [1.6J §3.3].
pub const SUBPROTOCOL_16: &str = "ocpp1.6";

/// The largest WebSocket message either side accepts, in bytes. OCPP sets no limit; a `StopTransaction` that
/// brings a day of samples, one of several measurands each minute, has about 1 MiB.
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The read buffer of a socket, in bytes. The library's default of 128 KiB would cost every idle
/// connection that much memory.
pub const READ_BUFFER_BYTES: usize = 1024;
