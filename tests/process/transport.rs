//! The security profiles of OCPP 1.6 between CSMS and fleet, as processes: what is let in, and what is told to who
//! is not.

use std::path::{Path, PathBuf};

use dynamo_csms::{Clock, Options};
use dynamo_protocol::ChargePointId;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{Ended, PATIENCE, Process, dynamo};

const PASSWORD: &str = "sixteen-characters";
const DAY_MS: i64 = 86_400_000;

fn admin(database: &str, arguments: &[&str]) {
    let set = ["csms", "admin", "charge-point", "set"];
    let all = [&set, arguments, &["--database", database]].concat();
    let ended = Process::start(&mut dynamo(&all)).end(PATIENCE);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

/// A fleet that is there for a moment.
fn fleet(url: &str, arguments: &[&str]) -> Ended {
    let fleet = ["simulator", "--csms", url, "--duration", "2s"];
    Process::start(&mut dynamo(&[&fleet, arguments].concat())).end(PATIENCE)
}

#[track_caller]
fn let_in(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

/// One line that says why, and exit code 2.
#[track_caller]
fn refused(ended: &Ended, sentence: &str) {
    let stderr = &ended.stderr;
    println!("{}", stderr.trim_end());
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(sentence), "{sentence:?} is not in {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn profiles_1_and_2_against_a_server_that_issues_its_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("x.db").display());
    let flags = [
        "--ocpps",
        "127.0.0.1:0",
        "--https",
        "127.0.0.1:0",
        "--id-tag",
        "RFID-USER-4A2F",
    ];
    let process = Process::start(
        dynamo(&["csms", "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"])
            .args(["--database", &database])
            .args(flags),
    );
    let root = process.line("place of the root", |line| {
        line.strip_prefix("authority ").map(str::to_owned)
    });
    assert_eq!(Path::new(&root), folder.path().join("x.db.authority.pem"));
    let ready = process.line("ready line", |line| {
        line.strip_prefix("ready ").map(str::to_owned)
    });
    let url = |name: &str| {
        let mut words = ready.split(' ').filter_map(|word| word.split_once('='));
        words
            .find(|(word, _)| *word == name)
            .expect("an address")
            .1
            .to_owned()
    };
    assert!(url("https").starts_with("https://127.0.0.1:"));
    let (ws, wss) = (url("ocpp") + "/ocpp16", url("ocpps") + "/ocpp16");
    assert!(wss.starts_with("wss://"), "{wss}");

    admin(
        &database,
        &[
            "SIM-000001",
            "--security-profile",
            "1",
            "--password",
            PASSWORD,
        ],
    );
    let_in(&fleet(&ws, &["--password", PASSWORD]));
    refused(&fleet(&ws, &["--password", "another-password"]), "HTTP 401");
    admin(&database, &["SIM-000001", "--security-profile", "2"]);
    let trusting = ["--ca", &root];
    let with_password = ["--ca", &root, "--password", PASSWORD];
    let_in(&fleet(&wss, &with_password));
    refused(
        &fleet(&ws, &["--password", PASSWORD]),
        "it wants TLS (wss://)",
    );
    refused(&fleet(&wss, &trusting), "HTTP 401");
    refused(
        &fleet(&wss, &["--password", PASSWORD]),
        "authority that is not trusted",
    );
    let crossed = ws.replace("ws://", "wss://");
    refused(&fleet(&crossed, &with_password), "does not speak TLS");
    let log = process.errors();
    for told in [
        "must connect with TLS",
        "are wanted (HTTP Basic)",
        "UnknownCA",
    ] {
        let line = log.lines().find(|line| line.contains(told));
        assert!(
            line.is_some_and(|line| line.contains("WARN")),
            "{told}: {log}"
        );
    }
    process.terminate();
    assert_eq!(process.end(PATIENCE).status.code(), Some(0));
}

/// A CSMS in this process, and the files of its charge points.
struct Rig {
    runtime: Runtime,
    csms: dynamo_csms::Csms,
    folder: tempfile::TempDir,
}

impl Rig {
    fn start(folder: tempfile::TempDir, clock: Clock) -> Self {
        let any = || ([127, 0, 0, 1], 0).into();
        let options = Options {
            http: any(),
            ocpp: any(),
            ocpps: Some(any()),
            database: format!("sqlite://{}", folder.path().join("x.db").display()),
            id_tags: vec!["RFID-USER-4A2F".to_owned()],
            clock,
            ..Options::default()
        };
        let runtime = Runtime::new().unwrap();
        let csms = runtime.block_on(dynamo_csms::start(options)).unwrap();
        std::fs::write(folder.path().join("root.pem"), csms.authority_pem()).unwrap();
        Self {
            runtime,
            csms,
            folder,
        }
    }

    fn database(&self) -> String {
        format!("sqlite://{}", self.file("x.db").display())
    }

    fn url(&self) -> String {
        format!(
            "wss://localhost:{}/ocpp16",
            self.csms.ocpps_addr().unwrap().port()
        )
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate of the charge point and its key, as files with its name.
    fn issue(&self, id: &str) {
        let identity = ChargePointId::new(id).unwrap();
        let issued = self.csms.issue_certificate(&identity, 1);
        let issued = self.runtime.block_on(issued).unwrap();
        std::fs::write(self.file(&format!("{id}.pem")), issued.certificate_pem).unwrap();
        std::fs::write(self.file(&format!("{id}.key")), issued.private_key_pem).unwrap();
    }

    /// A fleet that shows the certificate of this name.
    fn fleet(&self, certificate: &str, more: &[&str]) -> Ended {
        let path = |name: &str| self.file(name).to_str().unwrap().to_owned();
        let (root, certificate, key) = (
            path("root.pem"),
            path(&format!("{certificate}.pem")),
            path(&format!("{certificate}.key")),
        );
        let files = ["--ca", &root, "--cert", &certificate, "--key", &key];
        fleet(&self.url(), &[&files, more].concat())
    }
}

#[test]
fn profile_3_with_a_certificate_of_each_charge_points_own() {
    let rig = Rig::start(tempfile::tempdir().unwrap(), Clock::default());
    for id in ["SIM-000001", "SIM-000002", "SIM-000003"] {
        admin(&rig.database(), &[id, "--security-profile", "3"]);
        rig.issue(id);
    }
    let report = rig.file("report.json");
    let flags = ["--count", "3", "--report", report.to_str().unwrap()];
    let_in(&rig.fleet("{id}", &flags));
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["charge_points"]["accepted"], 3, "{report}");

    refused(&rig.fleet("SIM-000002", &[]), "HTTP 403");
    let root = rig.file("root.pem");
    let without = fleet(&rig.url(), &["--ca", root.to_str().unwrap()]);
    refused(
        &without,
        "HTTP 403: it wants TLS (wss://), or a certificate",
    );
    refused(&rig.fleet("SIM-000004", &[]), "cannot read");
    let crossed = [
        ("SIM-000001.pem", "mixed.pem"),
        ("SIM-000002.key", "mixed.key"),
    ];
    for (from, to) in crossed {
        std::fs::copy(rig.file(from), rig.file(to)).unwrap();
    }
    refused(&rig.fleet("mixed", &[]), "--key");

    // Of another authority for the same identity: another server's.
    let other = Rig::start(tempfile::tempdir().unwrap(), Clock::default());
    admin(
        &other.database(),
        &["SIM-000001", "--security-profile", "3"],
    );
    other.issue("SIM-000001");
    for end in ["pem", "key"] {
        let foreign = other.file(&format!("SIM-000001.{end}"));
        std::fs::copy(foreign, rig.file(&format!("foreign.{end}"))).unwrap();
    }
    refused(&rig.fleet("foreign", &[]), "does not trust its issuer");

    // Two days later.
    let Rig {
        runtime,
        csms,
        folder,
    } = rig;
    runtime.block_on(csms.shutdown());
    let later = Clock::new(|| Clock::default().now_ms() + 2 * DAY_MS);
    let rig = Rig::start(folder, later);
    refused(&rig.fleet("SIM-000001", &[]), "it has expired");
}
