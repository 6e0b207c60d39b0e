//! TLS, client certificates and the security profiles at the OCPP handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use dynamo_csms::store::{ChargePointSetting, Proof};
use dynamo_csms::{
    Clock, Issued, Options, SecurityProfile, StartError, TlsFiles, hash_password, start,
};
use dynamo_protocol::ChargePointId;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::{ChargePoint, Log, PATIENCE, Rig, handshake, options, rig_with};

const PASSWORD: &str = "sixteen-characters";
const DAY_MS: i64 = 86_400_000;

pub(crate) fn with_tls(options: &mut Options) {
    options.ocpps = Some(([127, 0, 0, 1], 0).into());
    options.https = Some(([127, 0, 0, 1], 0).into());
}

/// A certificate and its key, as PEM.
pub(crate) type Pems = (String, String);

pub(crate) fn pems(issued: Issued) -> Pems {
    (issued.certificate_pem, issued.private_key_pem)
}

async fn issue(rig: &Rig, id: &str) -> Pems {
    let id = ChargePointId::new(id).unwrap();
    pems(rig.csms.issue_certificate(&id, 1).await.unwrap())
}

async fn register(rig: &Rig, id: &str, profile: i64, password: Option<&str>) {
    let setting = ChargePointSetting {
        id: id.into(),
        password_hash: password.map(hash_password),
        ..ChargePointSetting::default()
    };
    rig.set_charge_point(setting).await;
    set_profile(rig, id, profile).await;
}

pub(crate) async fn set_profile(rig: &Rig, id: &str, profile: i64) {
    let profile = profile.to_string();
    let set = ["charge-point", "set", id, "--security-profile", &profile];
    crate::admin::run(rig, &set).await.unwrap();
}

/// Connects with TLS, trusting this root.
async fn tls(rig: &Rig, root: &str, own: Option<&Pems>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            let chain = chain.collect::<Result<_, _>>().unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(rig.csms.ocpps_addr().unwrap()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

pub(crate) type TlsChargePoint = ChargePoint<TlsStream<TcpStream>>;

pub(crate) async fn knock(
    rig: &Rig,
    id: &str,
    password: Option<&str>,
    own: Option<&Pems>,
) -> Result<TlsChargePoint, Error> {
    let stream = tls(rig, rig.csms.authority_pem(), own).await?;
    let mut request = format!("wss://localhost/ocpp16/{id}").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "ocpp1.6".parse().unwrap());
    if let Some(password) = password {
        headers.insert("authorization", basic(id, password).parse().unwrap());
    }
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(ChargePoint::on(socket))
}

fn basic(id: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{password}"));
    format!("Basic {pair}")
}

/// The same without TLS.
async fn knock_plain(rig: &Rig, id: &str, password: &str) -> Result<ChargePoint, Error> {
    let url = format!("ws://{}/ocpp16/{id}", rig.csms.ocpp_addr());
    let basic = basic(id, password);
    let headers = [
        ("sec-websocket-protocol", "ocpp1.6"),
        ("authorization", basic.as_str()),
    ];
    handshake(&url, &headers).await.map(|(cp, _)| cp)
}

#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, status: u16, sentence: &str) {
    match result {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            let text = String::from_utf8(body).unwrap();
            assert_eq!(response.status().as_u16(), status, "{text}");
            assert!(text.contains(sentence), "{text}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

async fn proof(rig: &Rig, id: &str) -> Proof {
    let known = rig.csms.store().charge_point(id).await.unwrap();
    known.unwrap().proof
}

const fn proved(identity_verified: bool, tls_enabled: bool) -> Proof {
    Proof {
        identity_verified,
        tls_enabled,
    }
}

#[tokio::test]
async fn profile_1_wants_a_password_on_whatever_socket() {
    let rig = rig_with(with_tls).await;
    register(&rig, "CP-1", 1, None).await;
    refused(
        knock_plain(&rig, "CP-1", PASSWORD).await,
        401,
        "no password is set",
    );
    register(&rig, "CP-1", 1, Some(PASSWORD)).await;
    refused(
        knock_plain(&rig, "CP-1", "another-password").await,
        401,
        "HTTP Basic",
    );
    refused(knock(&rig, "CP-1", None, None).await, 401, "HTTP Basic");
    assert_eq!(proof(&rig, "CP-1").await, proved(false, false));
    let mut cp = knock_plain(&rig, "CP-1", PASSWORD).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
    assert_eq!(proof(&rig, "CP-1").await, proved(true, false));
    let mut cp = knock(&rig, "CP-1", Some(PASSWORD), None).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
    assert_eq!(proof(&rig, "CP-1").await, proved(true, true));
}

#[tokio::test]
async fn profile_2_wants_tls_and_a_password() {
    let rig = rig_with(with_tls).await;
    let (log, _listening) = Log::listen();
    register(&rig, "CP-1", 2, Some(PASSWORD)).await;
    refused(
        knock_plain(&rig, "CP-1", PASSWORD).await,
        403,
        "must connect with TLS",
    );
    assert!(log.lines("must connect with TLS")[0].contains("WARN"));
    refused(knock(&rig, "CP-1", None, None).await, 401, "HTTP Basic");
    refused(
        knock(&rig, "CP-1", Some("another-password"), None).await,
        401,
        "HTTP Basic",
    );
    let mut cp = knock(&rig, "CP-1", Some(PASSWORD), None).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
}

#[tokio::test]
async fn where_no_certificate_is_asked_for_somebody_elses_does_not_matter() {
    let rig = rig_with(with_tls).await;
    register(&rig, "OTHER", 3, None).await;
    let of_other = issue(&rig, "OTHER").await;
    for (id, profile, password) in [
        ("CP-0", 0, None),
        ("CP-00", 0, Some(PASSWORD)),
        ("CP-1", 1, Some(PASSWORD)),
        ("CP-2", 2, Some(PASSWORD)),
    ] {
        register(&rig, id, profile, password).await;
        if password.is_some() {
            let wrong = knock(&rig, id, Some("another-password"), Some(&of_other)).await;
            refused(wrong, 401, "HTTP Basic");
            refused(knock(&rig, id, None, Some(&of_other)).await, 401, "Basic");
        }
        let mut cp = knock(&rig, id, password, Some(&of_other)).await.unwrap();
        assert_eq!(cp.boot().await["status"], "Accepted");
        assert_eq!(proof(&rig, id).await, proved(password.is_some(), true));
        // Its own is as good as none where a password decides.
        let own = issue(&rig, id).await;
        knock(&rig, id, password, Some(&own)).await.unwrap();
    }
    // Profile 3 is about the certificate.
    register(&rig, "CP-3", 3, Some(PASSWORD)).await;
    let knocked = knock(&rig, "CP-3", Some(PASSWORD), Some(&of_other)).await;
    refused(knocked, 403, "is for \"OTHER\", not for \"CP-3\"");
}

#[tokio::test]
async fn a_minimum_of_three_wants_everybodys_certificate() {
    let rig = rig_with(|options| {
        with_tls(options);
        options.minimum_security_profile = SecurityProfile::MutualTls;
    })
    .await;
    register(&rig, "CP-1", 0, Some(PASSWORD)).await;
    let sentence = "below security profile 3: the charge point \"CP-1\" must";
    refused(knock_plain(&rig, "CP-1", PASSWORD).await, 403, sentence);
    let knocked = knock(&rig, "CP-1", Some(PASSWORD), None).await;
    refused(knocked, 403, sentence);
    let own = issue(&rig, "CP-1").await;
    knock(&rig, "CP-1", None, Some(&own)).await.unwrap();
}

#[tokio::test]
async fn profile_3_wants_the_certificate_of_the_identity() {
    let rig = rig_with(with_tls).await;
    let (log, _listening) = Log::listen();
    register(&rig, "CP-1", 3, Some(PASSWORD)).await;
    register(&rig, "CP-2", 3, None).await;
    let (of_cp_1, of_cp_2) = (issue(&rig, "CP-1").await, issue(&rig, "CP-2").await);
    refused(
        knock_plain(&rig, "CP-1", PASSWORD).await,
        403,
        "must connect with TLS",
    );
    refused(
        knock(&rig, "CP-1", Some(PASSWORD), None).await,
        403,
        "must show a certificate",
    );
    let knocked = knock(&rig, "CP-1", Some(PASSWORD), Some(&of_cp_2)).await;
    refused(knocked, 403, "is for \"CP-2\", not for \"CP-1\"");
    assert_eq!(log.lines("WARN").len(), 3, "{:?}", log.lines(""));
    let mut cp = knock(&rig, "CP-1", None, Some(&of_cp_1)).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
    assert_eq!(proof(&rig, "CP-1").await, proved(true, true));
    assert_eq!(proof(&rig, "CP-2").await, proved(false, false));
}

#[tokio::test]
async fn who_has_no_profile_comes_as_before_also_over_tls() {
    let rig = rig_with(with_tls).await;
    let mut cp = knock(&rig, "CP-1", None, None).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
    assert_eq!(proof(&rig, "CP-1").await, proved(false, true));
    let mut plain = rig.connect("CP-1").await;
    assert_eq!(plain.boot().await["status"], "Accepted");
    assert_eq!(proof(&rig, "CP-1").await, proved(false, false));
    // Nobody is recorded with somebody else's certificate.
    let of_cp_1 = issue(&rig, "CP-1").await;
    refused(
        knock(&rig, "NEW", None, Some(&of_cp_1)).await,
        403,
        "not for \"NEW\"",
    );
    assert!(
        rig.csms
            .store()
            .charge_point("NEW")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_profile_that_is_raised_ends_the_connection_at_its_next_message() {
    let rig = rig_with(with_tls).await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    set_profile(&rig, "CP-1", 2).await;
    // What the handshake read is good for a moment.
    let until = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < until {
        cp.send_call("Heartbeat", serde_json::json!({})).await;
        if cp.next_frame().await.is_none_or(|frame| frame[0] == 4) {
            refused(knock_plain(&rig, "CP-1", PASSWORD).await, 403, "with TLS");
            return;
        }
    }
    panic!("still connected");
}

/// A root that is not the CSMS's, and a certificate it issued.
fn foreign(common_name: &str) -> (String, Pems) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "Another authority");
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issuer: &Issuer<'_, KeyPair> = &root;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, issuer).unwrap();
    (root.pem(), (certificate.pem(), key.serialize_pem()))
}

/// The alert that ended a connection, which with TLS 1.3 comes only after the client's part of the handshake.
async fn alert(rig: &Rig, id: &str, own: &Pems) -> String {
    match knock(rig, id, None, Some(own)).await {
        Err(Error::Io(error)) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_ends_the_tls_handshake() {
    let rig = rig_with(with_tls).await;
    let (log, _listening) = Log::listen();
    register(&rig, "CP-1", 3, None).await;
    let (_, of_cp_1) = foreign("CP-1");
    let text = alert(&rig, "CP-1", &of_cp_1).await;
    assert!(text.contains("UnknownCA"), "{text}");
    let told = log.lines("UnknownIssuer");
    assert!(
        told[0].contains("WARN") && told[0].contains("--client-ca"),
        "{told:?}"
    );
    // Nor does the client take a server of an authority that it does not know.
    let (root, _) = foreign("X");
    let error = tls(&rig, &root, None).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn an_authority_that_is_named_proves_identities_too() {
    let folder = tempfile::tempdir().unwrap();
    let (root, of_cp_1) = foreign("CP-1");
    let mut options = options(&folder);
    with_tls(&mut options);
    options.client_ca = Some(write(folder.path(), "ca.pem", &root));
    let rig = Rig::start(folder, options).await;
    register(&rig, "CP-1", 3, None).await;
    register(&rig, "CP-2", 3, None).await;
    knock(&rig, "CP-1", None, Some(&of_cp_1)).await.unwrap();
    assert_eq!(proof(&rig, "CP-1").await, proved(true, true));
    refused(
        knock(&rig, "CP-2", None, Some(&of_cp_1)).await,
        403,
        "is for \"CP-1\"",
    );
    let own = issue(&rig, "CP-2").await;
    knock(&rig, "CP-2", None, Some(&own)).await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_ends_the_tls_handshake() {
    let rig = rig_with(with_tls).await;
    register(&rig, "CP-1", 3, None).await;
    let of_cp_1 = issue(&rig, "CP-1").await;
    knock(&rig, "CP-1", None, Some(&of_cp_1)).await.unwrap();
    rig.csms.shutdown().await;
    let mut later = options(&rig.folder);
    with_tls(&mut later);
    later.clock = Clock::new(|| Clock::default().now_ms() + 2 * DAY_MS);
    let rig = Rig::start(rig.folder, later).await;
    let (log, _listening) = Log::listen();
    let text = alert(&rig, "CP-1", &of_cp_1).await;
    assert!(text.contains("CertificateExpired"), "{text}");
    let told = log.lines("expired");
    assert!(
        told[0].contains("WARN") && told[0].contains("valid now"),
        "{told:?}"
    );
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn the_root_lies_beside_the_database_and_survives_a_restart() {
    let rig = rig_with(with_tls).await;
    let path = rig.folder.path().join("csms.db.authority.pem");
    let root = std::fs::read_to_string(&path).unwrap();
    assert_eq!(root, rig.csms.authority_pem());
    let rig = rig.restart().await;
    assert_eq!(root, rig.csms.authority_pem());
    let answer = rig.client().get(rig.url("/api/v1/authority")).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-pem-file");
    assert_eq!(answer.text().await.unwrap(), root);
}

/// Starts with files of its own, and gives the error where there is one.
async fn start_with(folder: &TempDir, change: impl FnOnce(&mut Options)) -> Option<String> {
    let mut options = options(folder);
    with_tls(&mut options);
    change(&mut options);
    match start(options).await {
        Ok(csms) => {
            csms.shutdown().await;
            None
        }
        Err(StartError::Value(sentence)) => Some(sentence),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_at_the_start_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let signed = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let ((certificate, key), (_, other_key)) = (signed("a.example"), signed("b.example"));
    let in_folder = |name: &str, text: &str| write(folder.path(), name, text);
    let certificate = in_folder("cert.pem", &certificate);
    let key = in_folder("key.pem", &key);
    let other_key = in_folder("other.pem", &other_key);
    let text = in_folder("text.pem", "nothing of the kind");
    let missing = folder.path().join("missing.pem");
    let files = |certificate: &Path, key: &Path| {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        move |options: &mut Options| options.tls = Some(TlsFiles { certificate, key })
    };
    let good = start_with(&folder, files(&certificate, &key)).await;
    assert_eq!(good, None);
    for (certificate, key, naming) in [
        (&certificate, &other_key, "--tls-key"),
        (&missing, &key, "missing.pem (--tls-cert)"),
        (&certificate, &missing, "missing.pem (--tls-key)"),
        (&text, &key, "text.pem (--tls-cert)"),
        (&certificate, &text, "text.pem (--tls-key)"),
    ] {
        let error = start_with(&folder, files(certificate, key)).await;
        assert!(
            error.as_ref().is_some_and(|e| e.contains(naming)),
            "{error:?}"
        );
    }
    let change = |change: fn(&mut Options)| start_with(&folder, change);
    for (error, naming) in [
        (
            change(|o| o.public_http = Some("csms".into())).await,
            "--public-http",
        ),
        (
            change(|o| o.public_ocpp = Some("https://x".into())).await,
            "--public-ocpp",
        ),
        (change(|o| o.tax_rate = 101.into()).await, "--tax-rate"),
        (
            change(|o| o.client_ca = Some("/nowhere.pem".into())).await,
            "/nowhere.pem (--client-ca)",
        ),
    ] {
        assert!(
            error.as_ref().is_some_and(|e| e.contains(naming)),
            "{error:?}"
        );
    }
    let plain = start_with(&folder, |options| {
        files(&certificate, &key)(options);
        (options.https, options.ocpps) = (None, None);
    });
    assert!(plain.await.unwrap().contains("--ocpps"));
}

#[tokio::test]
async fn a_stranger_on_a_tls_listener_does_not_keep_others_out() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rig = rig_with(with_tls).await;
    let address = rig.csms.ocpps_addr().unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    let mut rude = TcpStream::connect(address).await.unwrap();
    rude.write_all(b"GET /ocpp16/CP-1 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // An alert, and the end.
    rude.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"));
    let mut cp = knock(&rig, "CP-1", None, None).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
    drop(silent);
}
