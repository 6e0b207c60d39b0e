//! Input that cannot work: one clear line, exit code 2, soon.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Process, dynamo};

/// A fleet tries 10 seconds to find its CSMS; everything else is known at once.
const SOON: Duration = Duration::from_secs(20);

/// Runs it and checks the manners of its refusal; `naming` must be in what it says.
#[track_caller]
fn refused(arguments: &[&str], naming: &str) {
    let command = arguments.join(" ");
    let begun = Instant::now();
    let ended = Process::start(dynamo(arguments).env("RUST_BACKTRACE", "1")).end(SOON);
    let stderr = &ended.stderr;
    println!(
        "{:>5} ms  dynamo {command}\n          {}",
        begun.elapsed().as_millis(),
        stderr.trim_end()
    );
    assert_eq!(ended.status.code(), Some(2), "dynamo {command}: {stderr}");
    assert!(
        ended.stdout.is_empty(),
        "dynamo {command} says {:?}",
        ended.stdout
    );
    let says_error = stderr.lines().any(|line| line.starts_with("error: "));
    assert!(says_error, "dynamo {command} says no error: {stderr}");
    assert!(
        stderr.contains(naming),
        "dynamo {command}: {naming:?} is not in: {stderr}"
    );
    assert!(
        !stderr.contains("backtrace") && !stderr.contains("panicked"),
        "{stderr}"
    );
    // Clap adds its hint to what is wrong with the arguments; all else is one line.
    let usage = stderr.contains("For more information, try '--help'");
    assert!(
        usage || stderr.lines().count() == 1,
        "dynamo {command}: {stderr}"
    );
}

/// A port nobody listens on: it was free a moment ago.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn unknown_words_and_flags() {
    refused(&["charge"], "charge");
    for command in ["csms", "simulator"] {
        refused(&[command, "--colour-of-the-sky"], "--colour-of-the-sky");
        refused(&[command, "--log-format", "xml"], "xml");
    }
    refused(&["simulator"], "--csms");
    refused(
        &["simulator", "--csms", "ws://127.0.0.1:9", "--count", "many"],
        "many",
    );
    refused(
        &[
            "simulator",
            "--csms",
            "ws://127.0.0.1:9",
            "--duration",
            "soon",
        ],
        "soon",
    );
    refused(
        &["simulator", "--csms", "ws://127.0.0.1:9", "--speed", "0"],
        "0",
    );
    refused(
        &["simulator", "--csms", "ws://127.0.0.1:9", "--ocpp", "3.0"],
        "3.0",
    );
    refused(&["csms", "--http", "everywhere"], "everywhere");
    refused(&["csms", "admin", "api-key", "frobnicate"], "frobnicate");
}

#[test]
fn halves_of_what_belongs_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("csms.toml");
    let path = file.to_str().unwrap();
    let database = format!("sqlite://{}", folder.path().join("x.db").display());
    let any = "127.0.0.1:0";
    let free = [
        "csms",
        "--http",
        any,
        "--ocpp",
        any,
        "--database",
        &database,
    ];
    for (text, naming) in [
        ("tls-cert = 'x.pem'", "--tls-key"),
        ("tls-key = 'x.pem'", "--tls-cert"),
        ("mail-from = 'a@example.com'", "--smtp-url"),
        ("[payment]\nstripe-url = 'https://x'", "stripe-url"),
        ("[payment]\nstripe-key = ''", "DYNAMO_STRIPE_KEY"),
        (
            "[payment]\nstripe-key = 'k'\nstripe-url = 'http://example.com'",
            "must begin with https://",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        refused(&[&free[..], &["--config", path]].concat(), naming);
    }
    let ended = Process::start(dynamo(&free).env("DYNAMO_STRIPE_KEY", "")).end(SOON);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    let told = "error: DYNAMO_STRIPE_KEY is empty";
    assert!(ended.stderr.starts_with(told), "{}", ended.stderr);
}

#[test]
fn urls_that_lead_nowhere() {
    let closed = format!("ws://127.0.0.1:{}", closed_port());
    refused(&["simulator", "--csms", &closed], &closed);
    refused(&["simulator", "--csms", "not a url"], "not a url");
    refused(
        &["simulator", "--csms", "http://127.0.0.1:9/ocpp16"],
        "http://127.0.0.1:9/ocpp16",
    );
    refused(&["simulator", "--csms", "ws://"], "ws://");
}

#[test]
fn transport_security_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.pem");
    std::fs::write(&text, "no certificate").unwrap();
    let text = text.to_str().unwrap();
    let missing = "/nowhere/at/all.pem";
    let secure = ["simulator", "--csms", "wss://127.0.0.1:9"];
    let simulator = |flags: &[&str], naming: &str| {
        refused(&[&secure[..], flags].concat(), naming);
    };
    simulator(&["--ca", missing], missing);
    simulator(&["--ca", text], text);
    simulator(&["--cert", text], "--key");
    simulator(&["--cert", missing, "--key", missing], missing);
    refused(
        &["simulator", "--csms", "ws://127.0.0.1:9", "--ca", text],
        "wss://",
    );
    let csms = |flags: &[&str], naming: &str| {
        refused(&[&["csms"][..], flags].concat(), naming);
    };
    let ocpps = ["--ocpps", "127.0.0.1:0"];
    let with = |flags: &[&'static str]| [&ocpps[..], flags].concat();
    csms(
        &with(&["--tls-cert", missing, "--tls-key", missing]),
        missing,
    );
    csms(&with(&["--tls-cert", missing]), "--tls-key");
    csms(&with(&["--client-ca", missing]), missing);
    csms(&["--client-ca", missing], "--ocpps");
    csms(&["--public-ocpp", "csms.example.com"], "csms.example.com");
    csms(&["--public-http", "ws://csms.example.com"], "--public-http");
    csms(&["--tax-rate", "-1"], "--tax-rate");
    csms(&["--tax-rate", "much"], "much");
    csms(&["--jwt-lifetime", "0s"], "--jwt-lifetime");
    csms(&["--jwt-lifetime", "1000days"], "366days");
    csms(&["--jwt-key", "short"], "--jwt-key");
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let missing = folder.join("missing.yaml");
    let broken = folder.join("broken.yaml");
    std::fs::write(&broken, "charge_points: [unfinished").unwrap();
    let unknown = folder.join("unknown.yaml");
    std::fs::write(&unknown, "colour_of_the_sky: blue\n").unwrap();
    let csms = [
        "simulator",
        "--csms",
        "ws://127.0.0.1:9",
        "--duration",
        "1s",
    ];
    for scenario in [&missing, &broken, &unknown] {
        let path = scenario.to_str().unwrap();
        refused(&[&csms[..], &["--scenario", path]].concat(), path);
    }
    refused(
        &[&csms[..], &["--scenario", folder.to_str().unwrap()]].concat(),
        folder.to_str().unwrap(),
    );
    let nowhere = "/proc/nowhere/ledger.jsonl";
    refused(&[&csms[..], &["--ledger", nowhere]].concat(), nowhere);
    let nowhere = "/proc/nowhere/report.json";
    refused(&[&csms[..], &["--report", nowhere]].concat(), nowhere);
    refused(
        &[&csms[..], &["--report", "report.docx"]].concat(),
        "report.docx",
    );
}

#[test]
fn ports_that_are_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("x.db").display());
    let csms = [
        "csms",
        "--database",
        &database,
        "--api-key",
        "a-key-of-the-test",
    ];
    refused(
        &[&csms[..], &["--http", &taken, "--ocpp", "127.0.0.1:0"]].concat(),
        &taken,
    );
    refused(
        &[&csms[..], &["--http", "127.0.0.1:0", "--ocpp", &taken]].concat(),
        &taken,
    );
    let control = [
        "simulator",
        "--csms",
        "ws://127.0.0.1:9",
        "--control",
        &taken,
    ];
    refused(&control, &taken);
}

#[test]
fn databases_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let directory = format!("sqlite://{}", folder.path().display());
    let text = folder.path().join("no-database.db");
    std::fs::write(
        &text,
        "This is a text and no database, and long enough to tell. ".repeat(20),
    )
    .unwrap();
    let text = format!("sqlite://{}", text.display());
    let unreachable = format!("postgres://nobody@127.0.0.1:{}/dynamo", closed_port());
    for database in [
        directory.as_str(),
        // Not even root can write there.
        "sqlite:///proc/dynamo.db",
        "sqlite:///nowhere/at/all/dynamo.db",
        text.as_str(),
        "mysql://127.0.0.1/dynamo",
        "dynamo",
        unreachable.as_str(),
    ] {
        let listen = ["--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"];
        refused(
            &[&["csms", "--database", database][..], &listen].concat(),
            database,
        );
        let admin = [
            "csms",
            "admin",
            "organization",
            "create",
            "Acme",
            "--database",
            database,
        ];
        refused(&admin, database);
    }
}

#[test]
fn what_the_judge_cannot_judge() {
    let judge = |arguments: &[&str], naming: &str| {
        refused(&[&["conformance"][..], arguments].concat(), naming)
    };
    judge(&["--colour-of-the-sky"], "--colour-of-the-sky");
    judge(&["--sut", "toaster"], "toaster");
    judge(&["--sut", "csms", "--url", "not a url"], "not a url");
    let closed = format!("ws://127.0.0.1:{}", closed_port());
    judge(&["--sut", "csms", "--url", &closed], &closed);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    judge(
        &[
            "--sut",
            "charge-point",
            "--charge-point-id",
            "X",
            "--listen",
            &taken,
        ],
        &taken,
    );
    let missing = "/nowhere/at/all";
    judge(&["--features", missing], missing);
    judge(&["--capabilities", missing], missing);
    judge(&["--report", "/proc/nowhere/report.json"], "/proc/nowhere");
    judge(&["--report", "report.docx"], "report.docx");
    judge(&["--tags", "@core and ("], "@core and (");
}

#[test]
fn a_reader_that_has_gone_is_no_panic() {
    for arguments in [
        &["--help"][..],
        &["conformance", "--help"],
        &["conformance", "--list"],
        &["conformance", "--steps"],
    ] {
        let mut child = dynamo(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(stderr, "", "dynamo {arguments:?}");
        assert!(ended.success(), "dynamo {arguments:?}: {ended}");
    }
}
