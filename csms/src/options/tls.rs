//! Where the certificate of the server lies, as the options say it.

use std::path::PathBuf;

/// Certificate and key of the server, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate and those between it and its root, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}
