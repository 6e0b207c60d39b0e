//! The rules of a CSMS, without OCPP versions, sockets or HTTP.
//!
//! Each file holds a rule (pure: values and time in, decision out) and the use cases around it (load,
//! decide, store, in one transaction).

use sha2::{Digest as _, Sha256};

pub(crate) mod access;
pub mod authorization;
pub(crate) mod availability;
pub(crate) mod billing;
pub(crate) mod commissioning;
pub(crate) mod deviation;
pub mod ending;
pub(crate) mod guest;
pub(crate) mod handover;
pub(crate) mod lifecycle;
pub mod metering;
pub(crate) mod nearby;
pub(crate) mod occurrence;
pub(crate) mod payer;
pub(crate) mod place;
pub(crate) mod price;
pub(crate) mod register;
pub(crate) mod registration;
pub(crate) mod reports;
pub(crate) mod security;
pub(crate) mod standard_key;
pub(crate) mod template;
pub mod transaction;

/// What makes one content different from another: a retransmission has the same.
pub(crate) fn content_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    digest[..16].iter().map(|b| format!("{b:02x}")).collect()
}
