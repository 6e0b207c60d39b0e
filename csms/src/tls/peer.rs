//! How a request came in, and the certificate that its client showed.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::authority::Authority;
use super::fingerprint;

/// How a request came in; an extension of every request.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Plain,
    /// With the certificate that the client showed.
    Tls(Option<Arc<PeerCertificate>>),
}

/// The certificate of a client, whose issuer is trusted and whose key the client has.
#[derive(Debug)]
pub(crate) struct PeerCertificate {
    /// The identity it is for; `None` when it names none, or several.
    pub common_name: Option<String>,
    /// SHA-256 in hexadecimal.
    pub fingerprint: String,
    /// Whether it comes from this server's own authority.
    pub is_ours: bool,
}

impl PeerCertificate {
    pub(super) fn read(certificate: &CertificateDer<'_>, authority: &Authority) -> Self {
        let parsed = X509Certificate::from_der(certificate).ok();
        let mut names = parsed.iter().flat_map(|(_, parsed)| {
            let names = parsed.subject().iter_common_name();
            names.map(|name| name.as_str().ok().map(str::to_owned))
        });
        let common_name = match (names.next(), names.next()) {
            (Some(name), None) => name,
            _ => None,
        };
        Self {
            common_name,
            fingerprint: fingerprint(certificate),
            is_ours: parsed
                .as_ref()
                .is_some_and(|(_, parsed)| authority.is_named(parsed.issuer().as_raw())),
        }
    }
}
