//! A server as a process of its own, and what it costs.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;

use crate::bare;
use crate::client::Door;

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// What it said until it was ready.
    said: Vec<String>,
    is_tls: bool,
    /// A database that was made on this PostgreSQL server.
    made: Option<(String, String)>,
    _folder: TempDir,
}

impl Server {
    /// Starts the server of this name; `None` when it needs a PostgreSQL that is not there.
    pub(crate) fn start(name: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut made = None;
        let mut command = Command::new(env!("CARGO_BIN_EXE_dynamo"));
        command.args(["csms", "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"]);
        command.args(["--accept-unknown", "--api-key", "key-of-the-bench"]);
        let mut database = format!("sqlite://{}", folder.path().join("bench.db").display());
        match name {
            "bare" => {
                command = Command::new(std::env::current_exe().unwrap());
                command.env(bare::WANTED, "1");
            }
            "tls" => {
                command.args(["--ocpps", "127.0.0.1:0"]);
            }
            "postgres" => {
                let server = std::env::var("DYNAMO_TEST_POSTGRES").ok()?;
                let database_name = format!("dynamo_bench_{}", std::process::id());
                psql(&server, &format!("create database {database_name}"));
                let (prefix, _) = server.rsplit_once('/').unwrap();
                database = format!("{prefix}/{database_name}");
                made = Some((server, database_name));
            }
            _ => {}
        }
        if name != "bare" {
            command.args(["--database", &database]);
            let key = folder.path().join("password.key");
            command.args([PathBuf::from("--password-key"), key]);
        }
        let mut child = command
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines {
            said.push(line.unwrap());
            if said.last().unwrap().starts_with("ready ") {
                break;
            }
        }
        Some(Self {
            child,
            said,
            is_tls: name == "tls",
            made,
            _folder: folder,
        })
    }

    /// Where it takes charge points.
    pub(crate) fn door(&self) -> Door {
        let wanted = if self.is_tls {
            "ocpps=wss://"
        } else {
            "ocpp=ws://"
        };
        let words = self.said.iter().flat_map(|line| line.split(' '));
        let address = words.clone().find_map(|word| word.strip_prefix(wanted));
        let authority = self
            .said
            .iter()
            .find_map(|line| line.strip_prefix("authority "));
        Door {
            address: address.unwrap().to_owned(),
            tls: self.is_tls.then(|| self.trust(authority.unwrap())),
        }
    }

    fn trust(&self, authority: &str) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        let root = self._folder.path().join(authority);
        for certificate in CertificateDer::pem_file_iter(root).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// CPU time until now; 0 where nobody says it.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let stat = self.proc("stat");
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        // User and system time, in hundredths of a second.
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.filter_map(|ticks| ticks.parse::<f64>().ok());
        ticks.sum::<f64>() * 10.0
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some((server, name)) = &self.made {
            psql(server, &format!("drop database {name} with (force)"));
        }
    }
}

/// Runs a statement with the client program of PostgreSQL.
fn psql(server: &str, statement: &str) {
    let status = Command::new("psql")
        .args([server, "--quiet", "--command", statement])
        .status();
    assert!(status.unwrap().success(), "psql: {statement}");
}
