//! TLS on the rig's ends of sockets: the certificate that it shows, and whom it trusts.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Bytes a PEM file may have.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What the rig needs to be a CSMS with TLS. With `ca`, charge points have to show a certificate that it issued
/// (security profile 3).
///
/// # Errors
/// One sentence that names the file and its flag.
pub(crate) fn acceptor(certificate: &Path, key: &Path, ca: Option<&Path>) -> Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> = read_all(certificate, "--cert", "a certificate")?;
    let keys: Vec<PrivateKeyDer<'static>> = read_all(key, "--key", "a private key")?;
    let key_of = keys.into_iter().next().context("--key holds no key")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = match ca {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in read_all::<CertificateDer<'static>>(path, "--ca", "a certificate")? {
                roots.add(root).with_context(|| {
                    format!(
                        "a certificate in {} (--ca) cannot be a root",
                        path.display()
                    )
                })?;
            }
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .context("--ca cannot be used")?
        }
    };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS 1.2 and 1.3 cannot be used")?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key_of)
        .with_context(|| {
            format!(
                "{} (--key) cannot be used with {} (--cert); give the key that belongs to the first certificate of \
                 the file",
                key.display(),
                certificate.display()
            )
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read_all<T: PemObject>(path: &Path, flag: &str, what: &str) -> Result<Vec<T>> {
    let cannot = || {
        format!(
            "cannot read {} ({flag}); give a PEM file with {what}",
            path.display()
        )
    };
    let length = std::fs::metadata(path).with_context(cannot)?.len();
    if length > FILE_BYTES_MAX {
        bail!("{}: it has more than {FILE_BYTES_MAX} bytes", cannot());
    }
    let bytes = std::fs::read(path).with_context(cannot)?;
    let items: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    match items {
        Ok(items) if !items.is_empty() => Ok(items),
        Ok(_) => bail!("{}: there is not {what} in it", cannot()),
        Err(error) => bail!("{}: {error}", cannot()),
    }
}
