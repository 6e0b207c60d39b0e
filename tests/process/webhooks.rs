//! `kill -9` with letters in the outbox, and the configuration file, as a user meets them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Csms, Process, dynamo, wait_until};

/// Longer than a lease of the outbox and a pause between attempts.
const PATIENCE: Duration = Duration::from_secs(90);

/// Reads one POST and answers it.
fn take(stream: &mut TcpStream) -> Value {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn letters_outlive_a_kill_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("letters.db").display());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let mut csms = Csms::start(&database);
    let hook = json!({
        "url": format!("http://{address}/"),
        "events": ["charge_point.connected", "charge_point.booted", "transaction.started", "transaction.stopped"],
    });
    let (status, made) = csms.request("POST", "/api/v1/webhooks", &hook.to_string());
    assert_eq!(status, 201, "{made}");
    let fleet = Process::start(&mut dynamo(&[
        "simulator",
        "--csms",
        &csms.url(),
        "--count",
        "3",
        "--duration",
        "4s",
        "--speed",
        "60",
    ]));
    wait_until("a charging fleet", PATIENCE, || {
        csms.transactions_total() >= 3
    });
    csms.process.kill();
    drop(fleet);
    let waiting = letters(&database);
    let expected: Vec<Value> = waiting.iter().map(|l| l["body"].clone()).collect();
    assert!(expected.len() >= 9, "{}", expected.len());
    let listener = TcpListener::bind(address).unwrap();
    let (sender, taken) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let letter = take(&mut stream.unwrap());
            if sender.send(letter).is_err() {
                return;
            }
        }
    });
    let _csms = Csms::start(&database);
    let mut come: Vec<Value> = Vec::new();
    while come.len() < expected.len() {
        let letter = taken.recv_timeout(PATIENCE).expect("a letter");
        // At least once: what was sent twice is known by its id.
        if !come.iter().any(|known| known["id"] == letter["id"]) {
            come.push(letter);
        }
    }
    for number in 1..=3 {
        let id = format!("SIM-00000{number}");
        let of = |letters: &[Value]| -> Vec<Value> {
            let own = letters
                .iter()
                .filter(|l| l["charge_point_id"] == id.as_str());
            own.cloned().collect()
        };
        assert_eq!(of(&come), of(&expected), "{id}");
    }
}

/// What waits, as `admin outbox list` tells it.
fn letters(database: &str) -> Vec<Value> {
    let output = dynamo(&["csms", "admin", "outbox", "list", "--database", database])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    listed["letters"].as_array().unwrap().clone()
}

#[test]
fn a_configuration_file_is_under_flags_and_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csms.toml");
    let database = format!("sqlite://{}", folder.path().join("config.db").display());
    let text = format!(
        "http = '127.0.0.1:0'\nocpp = 'nonsense'\ndatabase = '{database}'\n\
         [limits]\nheartbeat-interval = '17s'\n"
    );
    let file = path.display().to_string();
    let run = || -> Command { dynamo(&["csms", "--config", &file]) };
    let told = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let output = run().output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let wrong = told(&text);
    let begin = format!("error: {file}:2:8: invalid value 'nonsense' for '--ocpp <ADDR>'");
    assert!(
        wrong.starts_with(&begin) && wrong.lines().count() == 1,
        "{wrong}"
    );
    let unknown = told("databse = 'x'\n");
    let begin = format!("error: {file}:1:1: \"databse\" is no flag");
    assert!(
        unknown.starts_with(&begin) && unknown.lines().count() == 1,
        "{unknown}"
    );
    std::fs::write(&path, text.replace("nonsense", "127.0.0.1:0")).unwrap();
    // The environment wins over the file, a flag over both.
    let environment = format!("sqlite://{}", folder.path().join("other.db").display());
    let mut command = run();
    command.env("DYNAMO_DATABASE", environment);
    let server = Process::start(&mut command);
    server.line("ready line", |line| {
        line.strip_prefix("ready ").map(str::to_owned)
    });
    assert!(folder.path().join("other.db").exists());
    assert!(!folder.path().join("config.db").exists());
}
