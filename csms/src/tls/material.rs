//! What the listeners with TLS are made of: certificate, key and whom they trust.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};

use super::authority::Authority;
use crate::address::host_of;
use crate::clock::Clock;
use crate::options::{Options, TlsFiles};
use crate::start::error::StartError;

/// Bytes a PEM file may have.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What the TLS listeners are made of, read before anything is opened.
pub(crate) struct Material {
    files: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    client_roots: Vec<CertificateDer<'static>>,
}

impl Material {
    /// Reads the files that the options name.
    pub(crate) fn read(options: &Options) -> Result<Self, StartError> {
        let files = match &options.tls {
            Some(TlsFiles { certificate, key }) => {
                let chain = read_all(certificate, "--tls-cert", "a certificate")?;
                let key: Vec<PrivateKeyDer<'_>> = read_all(key, "--tls-key", "a private key")?;
                Some((
                    chain,
                    key.into_iter().next().expect("one at least was read"),
                ))
            }
            None => None,
        };
        let client_roots = match &options.client_ca {
            Some(path) => read_all(path, "--client-ca", "a certificate")?,
            None => Vec::new(),
        };
        Ok(Self {
            files,
            client_roots,
        })
    }

    /// The configurations of both listeners: for charge points, which may show a certificate, and for everybody.
    pub(crate) fn configure(
        self,
        options: &Options,
        listeners: [Option<SocketAddr>; 2],
        authority: &Authority,
    ) -> Result<(Arc<ServerConfig>, Arc<ServerConfig>), StartError> {
        let (chain, key) = match self.files {
            Some(files) => files,
            None => authority
                .issue_server(&server_names(options, listeners))
                .map_err(|error| StartError::Value(error.to_string()))?,
        };
        let mut roots = RootCertStore::empty();
        for root in self.client_roots.iter().chain([authority.root()]) {
            roots.add(root.clone()).map_err(|error| {
                StartError::Value(format!(
                    "a certificate of --client-ca cannot be an authority: {error}; give its root as PEM"
                ))
            })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| StartError::Value(format!("--client-ca cannot be used: {error}")))?;
        let config = |verifier| {
            let clock = Arc::new(Time(options.clock.clone()));
            ServerConfig::builder_with_details(provider.clone(), clock)
                .with_safe_default_protocol_versions()
                .expect("ring has the suites of TLS 1.2 and 1.3")
                .with_client_cert_verifier(verifier)
                .with_single_cert(chain.clone(), key.clone_key())
                .map(|mut config| {
                    config.alpn_protocols = vec![b"http/1.1".to_vec()];
                    // A resumed connection would not be asked for its certificate again.
                    config.session_storage = Arc::new(NoServerSessionStorage {});
                    config.send_tls13_tickets = 0;
                    Arc::new(config)
                })
                .map_err(|error| {
                    StartError::Value(format!(
                        "the certificate and the key of the server (--tls-cert, --tls-key) cannot be used: {error}; \
                         give the key that belongs to the first certificate of the file"
                    ))
                })
        };
        Ok((
            config(clients)?,
            config(WebPkiClientVerifier::no_client_auth())?,
        ))
    }
}

/// Under which names and addresses clients know this server.
fn server_names(options: &Options, listeners: [Option<SocketAddr>; 2]) -> BTreeSet<String> {
    let given = [&options.public_http, &options.public_ocpp];
    let hosts = given.into_iter().flatten().filter_map(|url| host_of(url));
    let addresses = listeners.into_iter().flatten().map(|address| address.ip());
    let addresses = addresses.filter(|address| !address.is_unspecified());
    hosts
        .chain(addresses.map(|ip: IpAddr| ip.to_string()))
        .collect()
}

fn read_all<T: PemObject>(
    path: &Path,
    flag: &'static str,
    what: &str,
) -> Result<Vec<T>, StartError> {
    let path_shown = path.display();
    let cannot = |why: String| {
        StartError::Value(format!(
            "cannot read {path_shown} ({flag}): {why}; give a PEM file with {what}"
        ))
    };
    let size = std::fs::metadata(path)
        .map_err(|error| cannot(error.to_string()))?
        .len();
    if size > FILE_BYTES_MAX {
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

/// The time by which certificates are judged.
#[derive(Debug)]
struct Time(Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = u64::try_from(self.0.now_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}
