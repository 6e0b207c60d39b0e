//! TLS as charge points have it: whom they trust, and the certificate that proves who they are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dynamo_protocol::ChargePointId;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::InputError;

/// Bytes a PEM file may have.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Stands for the identity in the names of certificate and key files.
const ID: &str = "{id}";

/// The TLS of one charge point, or of several that have the same certificate. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls(Arc<ClientConfig>);

impl fmt::Debug for ClientTls {
    /// Not what is in it: that is pages, and beside a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

/// Where certificates and keys lie, all as PEM.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// Roots of servers that are trusted; those of the system without it.
    pub ca: Option<PathBuf>,
    /// Certificate and key of the charge point; `{id}` in their names is its identity.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl ClientTls {
    /// Reads what one charge point needs.
    ///
    /// # Errors
    /// One sentence: a file that cannot be read, or a key that does not belong to the certificate.
    pub fn read(files: &TlsFiles, id: &ChargePointId) -> Result<Self, InputError> {
        Trust::read(files)?.of(files, id)
    }

    /// What a connection is made with.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

/// The TLS of a fleet.
#[derive(Clone, Debug)]
pub(crate) enum FleetTls {
    /// All have the same.
    Shared(ClientTls),
    /// Each has its own, in the order of their numbers.
    Each(Vec<ClientTls>),
}

impl FleetTls {
    /// Reads what all these charge points need.
    pub(crate) fn read(
        files: &TlsFiles,
        mut ids: impl Iterator<Item = ChargePointId>,
    ) -> Result<Self, InputError> {
        let trust = Trust::read(files)?;
        let identity = files.identity.iter();
        let has_id = |path: &Path| path.to_string_lossy().contains(ID);
        if identity
            .flat_map(|(certificate, key)| [certificate, key])
            .any(|path| has_id(path))
        {
            let each: Result<_, _> = ids.map(|id| trust.of(files, &id)).collect();
            return each.map(Self::Each);
        }
        let first = ids.next().expect("a fleet has a charge point");
        trust.of(files, &first).map(Self::Shared)
    }

    /// Of the charge point with this index, from 0.
    pub(crate) fn of(&self, index: usize) -> ClientTls {
        match self {
            Self::Shared(tls) => tls.clone(),
            Self::Each(each) => each[index].clone(),
        }
    }
}

/// Whom all charge points of a fleet trust, read once.
struct Trust {
    provider: Arc<CryptoProvider>,
    servers: Arc<WebPkiServerVerifier>,
}

impl Trust {
    fn read(files: &TlsFiles) -> Result<Self, InputError> {
        let mut roots = RootCertStore::empty();
        match &files.ca {
            Some(path) => {
                for root in read_all::<CertificateDer<'_>>(path, "--ca", "a certificate")? {
                    roots.add(root).map_err(|error| {
                        InputError::new(format!(
                            "a certificate in {} (--ca) cannot be a root: {error}; give the root that issued the \
                             CSMS's certificate",
                            path.display()
                        ))
                    })?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(InputError::new(
                        "this system trusts no certificate authority; give the root of the CSMS's certificate with \
                         --ca FILE",
                    ));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let servers =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .map_err(|error| InputError::new(format!("--ca cannot be used: {error}")))?;
        Ok(Self { provider, servers })
    }

    fn of(&self, files: &TlsFiles, id: &ChargePointId) -> Result<ClientTls, InputError> {
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of TLS 1.2 and 1.3")
            .with_webpki_verifier(Arc::clone(&self.servers));
        let mut config = match &files.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let (certificate, key) = (of_id(certificate, id), of_id(key, id));
                let chain = read_all(&certificate, "--cert", "a certificate")?;
                let keys: Vec<PrivateKeyDer<'_>> = read_all(&key, "--key", "a private key")?;
                let first = keys.into_iter().next().expect("one at least was read");
                config.with_client_auth_cert(chain, first).map_err(|error| {
                    InputError::new(format!(
                        "{} (--key) cannot be used with {} (--cert): {error}; give the key that belongs to the first \
                         certificate of the file",
                        key.display(),
                        certificate.display()
                    ))
                })?
            }
        };
        // Each connection shows the certificate anew, as after a reset; and nothing is remembered per charge point.
        config.resumption = Resumption::disabled();
        Ok(ClientTls(Arc::new(config)))
    }
}

fn of_id(path: &Path, id: &ChargePointId) -> PathBuf {
    match path.to_str() {
        Some(text) => text.replace(ID, id.as_str()).into(),
        None => path.to_owned(),
    }
}

fn read_all<T: PemObject>(path: &Path, flag: &str, what: &str) -> Result<Vec<T>, InputError> {
    let cannot = |why: String| {
        InputError::new(format!(
            "cannot read {} ({flag}): {why}; give a PEM file with {what}",
            path.display()
        ))
    };
    let metadata = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(cannot(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
    let items: Result<Vec<T>, PemError> = T::pem_slice_iter(&bytes).collect();
    let items = items.map_err(|error| cannot(error.to_string()))?;
    if items.is_empty() {
        return Err(cannot(format!("there is not {what} in it")));
    }
    Ok(items)
}
