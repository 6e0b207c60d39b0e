//! A certificate that was issued to a charge point.

/// A certificate of a charge point with its key, which exists nowhere else.
#[derive(Debug)]
pub struct Issued {
    /// Its serial number in hexadecimal.
    pub serial_number: String,
    /// SHA-256 of the certificate in hexadecimal.
    pub fingerprint: String,
    /// The certificate.
    pub certificate_pem: String,
    /// Its key, as PKCS #8.
    pub private_key_pem: String,
    /// Unix milliseconds, whole seconds.
    pub issued_at_ms: i64,
    /// Unix milliseconds, whole seconds.
    pub expires_at_ms: i64,
}
