//! Transport security: the certificates of both sides, and the TLS handshake of a listener.
//!
//! A client certificate is asked for and optional where charge points connect. One that is shown must come from
//! this server's [`Authority`](authority::Authority) or the one that was named, and be in its time, or there is no connection at all;
//! whose it is and whether it was revoked is judged at the OCPP handshake, with a sentence.

pub(crate) mod authority;
mod door;
mod material;
mod peer;
mod root_file;

use sha2::{Digest as _, Sha256};

pub(crate) use door::{Door, DoorParts, TlsDoor};
pub(crate) use material::Material;
pub(crate) use peer::{PeerCertificate, Transport};
pub(crate) use root_file::{root_file, write_root};

/// What tells a certificate from every other one: SHA-256 in hexadecimal.
fn fingerprint(certificate: &[u8]) -> String {
    hex::encode(Sha256::digest(certificate))
}
