//! Mail with credentials, through a server that begins in clear (STARTTLS).

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::support::{API_KEY, Csms, PATIENCE, Process, dynamo};

/// What a client said, and whether it came through TLS.
type Said = (bool, String);

/// A mail server for `localhost`: its port, its certificate as PEM, and what it is told.
struct MailServer {
    runtime: Runtime,
    port: u16,
    certificate: String,
    said: mpsc::Receiver<Said>,
}

impl MailServer {
    fn start() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let made = params.self_signed(&key).unwrap();
        let private_key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.der().clone()], private_key)
            .unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, said) = mpsc::channel(256);
        runtime.spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), sender));
        Self {
            runtime,
            port,
            certificate: made.pem(),
            said,
        }
    }

    /// What it is told until this is said, and that.
    fn told_until(&mut self, end: &str) -> Vec<Said> {
        let mut told = Vec::new();
        self.runtime.block_on(async {
            while told.last().is_none_or(|(_, line): &Said| line != end) {
                let next = tokio::time::timeout(PATIENCE, self.said.recv()).await;
                let next = next.unwrap_or_else(|_| panic!("no {end:?} after {told:?}"));
                told.push(next.unwrap());
            }
        });
        told
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, said: mpsc::Sender<Said>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        stream.write_all(b"220 test\r\n").await.unwrap();
        if !talk(&mut stream, false, &said).await {
            continue;
        }
        match tls.accept(stream).await {
            Ok(mut stream) => {
                talk(&mut stream, true, &said).await;
            }
            Err(_) => said.send((false, "(no TLS)".to_owned())).await.unwrap(),
        }
    }
}

/// Answers until the end, or until TLS is wanted: then it is true.
async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    is_tls: bool,
    said: &mpsc::Sender<Said>,
) -> bool {
    let mut line = Vec::new();
    let mut in_text = false;
    while let Ok(byte) = stream.read_u8().await {
        line.push(byte);
        if !line.ends_with(b"\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let word = text.split(' ').next().unwrap_or_default();
        let answer = match word {
            "." => "250 taken",
            _ if in_text => "",
            "EHLO" if is_tls => "250-test\r\n250 AUTH PLAIN",
            "EHLO" => "250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS",
            "STARTTLS" => "220 go on",
            "AUTH" => "235 welcome",
            "DATA" => "354 go on",
            _ => "250 fine",
        };
        in_text = (in_text || word == "DATA") && word != ".";
        let wants_tls = word == "STARTTLS";
        said.send((is_tls, text)).await.unwrap();
        if !answer.is_empty() {
            let answer = format!("{answer}\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        if wants_tls {
            return true;
        }
    }
    false
}

/// A CSMS that sends mail there, trusts these certificates, and has a mail to send.
fn mailing(folder: &Path, port: u16, trusted: &str) -> Csms {
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, trusted).unwrap();
    let database = format!("sqlite://{}", folder.join("mail.db").display());
    let url = format!("smtp://user:secret@localhost:{port}?tls=required");
    let csms = Csms::ready(Process::start(
        dynamo(&["csms", "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"])
            .args(["--api-key", API_KEY, "--database", &database])
            .args(["--smtp-url", &url, "--mail-from", "noreply@example.com"])
            .env("SSL_CERT_FILE", &roots),
    ));
    let ada = json!({"name": "Ada", "email": "ada@example.com", "password": "a-long-password"})
        .to_string();
    let (status, made) = csms.request("POST", "/api/v1/installer/signup", &ada);
    assert_eq!(status, 201, "{made}");
    let (_, login) = csms.request("POST", "/api/v1/installer/login", &ada);
    let token = login["token"].as_str().unwrap();
    let project = json!({"id": "p", "name": "Park", "address": "1 Park Lane"}).to_string();
    let path = "/api/v1/installer/projects";
    let (status, made) = csms.request_with(token, "POST", path, &project);
    assert_eq!(status, 201, "{made}");
    let owner = json!({"email": "owner@example.com"}).to_string();
    let path = format!("{path}/p/invite-site-owner");
    let (status, made) = csms.request_with(token, "POST", &path, &owner);
    assert_eq!(status, 201, "{made}");
    csms
}

#[test]
fn credentials_and_mail_go_through_tls_to_a_server_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    let _csms = mailing(folder.path(), server.port, &server.certificate);
    let told = server.told_until(".");
    for (is_tls, line) in &told {
        let word = line.split(' ').next().unwrap_or_default();
        assert!(
            *is_tls || ["EHLO", "STARTTLS"].contains(&word),
            "{line:?} came in clear"
        );
    }
    let lines: Vec<&str> = told.iter().map(|(_, line)| line.as_str()).collect();
    // \0user\0secret
    assert!(lines.contains(&"AUTH PLAIN AHVzZXIAc2VjcmV0"), "{lines:?}");
    assert!(lines.contains(&"To: owner@example.com"), "{lines:?}");
}

#[test]
fn nothing_goes_to_a_mail_server_that_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = MailServer::start();
    let other = MailServer::start();
    let _csms = mailing(folder.path(), server.port, &other.certificate);
    let told = server.told_until("(no TLS)");
    let words = told.iter().map(|(_, line)| line.split(' ').next().unwrap());
    assert_eq!(words.collect::<Vec<_>>(), ["EHLO", "STARTTLS", "(no"]);
}
