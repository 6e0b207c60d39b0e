//! Why a CSMS could not start.

use std::net::SocketAddr;

use crate::store::StoreError;

/// Why a CSMS could not start: one sentence that names the value and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is taken or not ours.
    #[error(
        "cannot listen on {address} ({flag}): {cause}; choose another address, or port 0 for a free port"
    )]
    Listen {
        /// The flag it came from.
        flag: &'static str,
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The database cannot be opened or brought up to date.
    #[error("cannot open the database {address} (--database): {cause}; {remedy}")]
    Database {
        /// What was asked for, without its password.
        address: String,
        /// What is wrong.
        cause: StoreError,
        /// What to do.
        remedy: &'static str,
    },
    /// The database is open and cannot be written.
    #[error("cannot prepare the database (--database): {0}")]
    Prepare(StoreError),
    /// A flag has a value that cannot be used.
    #[error("{0}")]
    Value(String),
}

// Not `#[from]`: the sentence has its cause in it already, and a source would be said twice.
impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Prepare(error)
    }
}
