//! The rules of a CSMS, without OCPP versions, sockets or HTTP.
//!
//! Each file holds a rule (pure: values and time in, decision out) and the use cases around it (load,
//! decide, store, in one transaction).

use sha2::{Digest as _, Sha256};

pub(crate) mod attempt;
pub(crate) mod charge_points;
pub mod command;
pub(crate) mod guest;
pub(crate) mod letters;
pub(crate) mod money;
pub(crate) mod occurrence;
pub(crate) mod projects;
pub(crate) mod roaming;
pub mod tags;
pub mod transactions;

/// What makes one content different from another: a retransmission has the same.
pub(crate) fn content_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    hex::encode(&digest[..16])
}
