//! Transport security: the certificates of both sides, and the TLS handshake of a listener.
//!
//! A client certificate is asked for and optional where charge points connect. One that is shown must come from
//! this server's [`Authority`] or the one that was named, and be in its time, or there is no connection at all;
//! whose it is and whether it was revoked is judged at the OCPP handshake, with a sentence.

pub(crate) mod authority;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::Clock;
use crate::{App, Options, StartError};
use authority::Authority;

/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client that failed may take to read why.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of it that are thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 64 * 1024;
/// Bytes a PEM file may have.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Certificate and key of the server, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate and those between it and its root, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

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
    fn read(certificate: &CertificateDer<'_>, authority: &Authority) -> Self {
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

fn fingerprint(certificate: &[u8]) -> String {
    hex(&Sha256::digest(certificate))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

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

/// The host of a URL, without port and brackets.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let uri: axum::http::Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(host.to_ascii_lowercase()).filter(|host| !host.is_empty())
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

/// How connections of one listener begin.
#[derive(Clone)]
pub(crate) enum Door {
    Plain,
    Tls(TlsDoor),
}

/// Does the TLS handshake with whoever comes.
#[derive(Clone)]
pub(crate) struct TlsDoor {
    acceptor: TlsAcceptor,
    app: Arc<App>,
}

impl TlsDoor {
    pub(crate) fn new(config: Arc<ServerConfig>, app: Arc<App>) -> Self {
        Self {
            acceptor: config.into(),
            app,
        }
    }

    /// Shakes hands, or tells the log why not.
    pub(crate) async fn open(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<(TlsStream<TcpStream>, Transport)> {
        let accept = self.acceptor.accept(stream).into_fallible();
        let stream = match timeout(HANDSHAKE_TIMEOUT, accept).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                self.refused(peer, &error);
                linger(stream).await;
                return None;
            }
            Err(_) => {
                tracing::debug!(%peer, "a TLS handshake took too long");
                return None;
            }
        };
        let certificate = stream.get_ref().1.peer_certificates();
        let certificate = certificate.and_then(|chain| chain.first());
        let certificate = certificate
            .map(|certificate| Arc::new(PeerCertificate::read(certificate, &self.app.authority)));
        Some((stream, Transport::Tls(certificate)))
    }

    fn refused(&self, peer: SocketAddr, error: &std::io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let Some(cause) = cause else {
            // Who only looks whether somebody listens leaves like this.
            tracing::debug!(%peer, cause = %error, "a TLS handshake broke off");
            return;
        };
        self.app.metrics.handshake_refused();
        let (now_ms, peer) = (self.app.mono.now_ms(), peer.to_string());
        let reason = format!("the TLS handshake failed: {cause}");
        let refusals = &self.app.refusals;
        refusals.tell(now_ms, &peer, "", &reason, remedy(cause));
    }
}

/// What the operator can do about a failed handshake.
fn remedy(cause: &rustls::Error) -> &'static str {
    use CertificateError as Certificate;
    match cause {
        rustls::Error::InvalidCertificate(
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. },
        ) => "give the charge point a certificate that is valid now",
        rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer | Certificate::BadSignature,
        ) => {
            "give the charge point a certificate that this server issued, or name its authority with --client-ca"
        }
        rustls::Error::InvalidCertificate(_) => {
            "give the charge point a certificate for the authentication of clients"
        }
        rustls::Error::AlertReceived(_) => {
            "let the client trust the root of this server's certificate, and reach it under a name in it"
        }
        rustls::Error::InvalidMessage(_) => {
            "let the client begin with TLS here; without TLS it is another address"
        }
        _ => "let the client speak TLS 1.2 or 1.3",
    }
}

/// Gives a client time to read the alert: a socket that is closed with bytes unread may take it back.
async fn linger(mut stream: TcpStream) {
    let reading = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let (mut bytes, mut read) = ([0; 1024], 0);
        while read < LINGER_BYTES_MAX {
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(more) => read += more,
            }
        }
    };
    let _ = timeout(LINGER_TIMEOUT, Box::pin(reading)).await;
}

/// Where the root lies as a file: beside an SQLite database, otherwise in the working folder. Two databases have two
/// files.
pub(crate) fn root_file(database: &str) -> PathBuf {
    file_beside(database, "authority.pem")
}

/// A file beside that of SQLite; in the working directory for another database, under the name of that.
pub(crate) fn file_beside(database: &str, ending: &str) -> PathBuf {
    let path = match database.strip_prefix("sqlite://") {
        Some(path) => path.split('?').next().unwrap_or(path).to_owned(),
        None => server_and_name(database),
    };
    let path = PathBuf::from(format!("{path}.{ending}"));
    std::path::absolute(&path).unwrap_or(path)
}

/// `HOST-NAME` of the address of a database, as a part of a file's name.
fn server_and_name(database: &str) -> String {
    let (_, rest) = database.split_once("://").unwrap_or(("", database));
    let rest = rest.split('?').next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let words = rest.split(|c| !usable(c)).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!("dynamo-{}", words.join("-"))
}

/// Writes the root where it lies. Of what lies there, only the root of an authority of this program is replaced: that of
/// an earlier database of the same name.
pub(crate) fn write_root(path: &Path, root_pem: &str) -> std::io::Result<()> {
    match std::fs::read(path) {
        Ok(lies) if lies == root_pem.as_bytes() => return Ok(()),
        Ok(lies) if !authority::is_a_root(&lies) => {
            let text = "another file is there, which is not replaced";
            return Err(std::io::Error::new(ErrorKind::AlreadyExists, text));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    std::fs::write(path, root_pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_lies_beside_the_database() {
        let file = |database: &str| root_file(database).display().to_string();
        assert_eq!(
            file("sqlite:///var/lib/x.db?mode=rwc"),
            "/var/lib/x.db.authority.pem"
        );
        assert_eq!(file("sqlite:///var/lib/x"), "/var/lib/x.authority.pem");
        assert_eq!(file("sqlite:///a/x.sqlite"), "/a/x.sqlite.authority.pem");
        let postgres = file("postgres://u:p%40@h:5432/name?sslmode=require");
        assert!(
            postgres.ends_with("/dynamo-h-5432-name.authority.pem"),
            "{postgres}"
        );
    }

    #[test]
    fn only_a_root_of_ours_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.authority.pem");
        let of_a_root = |name: &str| {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = authority::distinguished(name);
            let key = rcgen::KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().pem()
        };
        let ours = [(); 2].map(|()| of_a_root(&authority::root_name()));
        for root in &ours {
            write_root(&path, root).unwrap();
            assert_eq!(&std::fs::read_to_string(&path).unwrap(), root);
        }
        for foreign in [String::new(), "# notes".to_owned(), of_a_root("Acme Root")] {
            std::fs::write(&path, &foreign).unwrap();
            assert!(write_root(&path, &ours[0]).is_err(), "{foreign}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn the_host_of_a_url_is_a_name_of_the_server() {
        assert_eq!(
            host_of("wss://CSMS.example.com:9443/x").unwrap(),
            "csms.example.com"
        );
        assert_eq!(host_of("https://[::1]:1").unwrap(), "::1");
        assert_eq!(host_of("no url"), None);
    }
}
