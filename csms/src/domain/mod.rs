//! The rules of a CSMS, without OCPP versions, sockets or HTTP.
//!
//! Each file holds a rule (pure: values and time in, decision out) and the use cases around it (load,
//! decide, store, in one transaction).

pub mod authorization;
pub mod metering;
pub(crate) mod reports;
pub mod transaction;
