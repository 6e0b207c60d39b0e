//! Our CSMS under a foreign charge point, and our charge points under a foreign central system.
//!
//! The foreigner is the Python package `ocpp`, which checks every frame in both directions by the published
//! schemas. `DYNAMO_TEST_PYTHON` names a Python that has it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Csms, Ended, Process, dynamo, given};

const CHARGE_POINTS: u64 = 50;
const SECONDS: u64 = 15;

/// Of 50 charge points every tenth gets orders; each frame is validated in Python, so the clock runs moderately.
const SPEED: u64 = 20;

/// Sessions of a minute with meter values of every kind, back to back.
const SCENARIO: &str = "
name: foreign
configuration:
  MeterValueSampleInterval: '10'
  ClockAlignedDataInterval: '30'
sessions: { charge_s: [30, 90], pause_s: [1, 10] }
";

fn python() -> Option<String> {
    given(
        "DYNAMO_TEST_PYTHON",
        "a Python with the packages ocpp (2.x) and websockets",
    )
}

fn script(python: &str, name: &str, arguments: &[&str]) -> Process {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/foreign");
    Process::start(
        Command::new(python)
            .arg("-B")
            .arg(folder.join(name))
            .args(arguments),
    )
}

/// The last words of a script that found no violation.
fn summary(ended: &Ended) -> Value {
    let last = ended.stdout.last().map_or("", String::as_str);
    assert_eq!(ended.status.code(), Some(0), "{last}\n{}", ended.stderr);
    serde_json::from_str(last).expect("a summary")
}

#[test]
fn a_foreign_charge_point_finds_no_fault_with_our_csms() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let csms = Csms::start(&format!(
        "sqlite://{}",
        folder.path().join("foreign.db").display()
    ));
    let id = "FOREIGN-1";
    let mut peer = script(
        &python,
        "charge_point.py",
        &[&csms.url(), id, "RFID-USER-4A2F"],
    );
    peer.fact("ready");

    let status =
        |command: &str, payload: Value| csms.command(id, command, &payload)["status"].clone();
    assert_eq!(
        status(
            "ChangeConfiguration",
            json!({"key": "HeartbeatInterval", "value": "300"})
        ),
        "Accepted"
    );
    assert_eq!(
        status("TriggerMessage", json!({"requestedMessage": "Heartbeat"})),
        "Accepted"
    );
    assert_eq!(status("ClearCache", json!({})), "Accepted");
    assert_eq!(
        status(
            "ChangeAvailability",
            json!({"connectorId": 0, "type": "Operative"})
        ),
        "Accepted"
    );
    assert_eq!(
        status(
            "DataTransfer",
            json!({"vendorId": "com.example", "data": "x"})
        ),
        "Accepted"
    );
    let configuration = csms.command(
        id,
        "GetConfiguration",
        &json!({"key": ["HeartbeatInterval", "NoSuchKey"]}),
    );
    assert_eq!(configuration["configurationKey"][0]["value"], "300");
    assert_eq!(configuration["unknownKey"], json!(["NoSuchKey"]));

    let start = json!({"idTag": "RFID-USER-4A2F", "connectorId": 1});
    assert_eq!(status("RemoteStartTransaction", start), "Accepted");
    let transaction_id = peer.fact("started");
    assert_eq!(
        status(
            "RemoteStopTransaction",
            json!({"transactionId": transaction_id})
        ),
        "Accepted"
    );
    assert_eq!(peer.fact("stopped"), transaction_id);
    assert_eq!(
        status("UnlockConnector", json!({"connectorId": 1})),
        "Unlocked"
    );
    assert_eq!(status("Reset", json!({"type": "Soft"})), "Accepted");

    peer.close_stdin();
    let told = summary(&peer.end(Duration::from_secs(20)));
    let obeyed = told["obeyed"].as_array().expect("a list").len();
    println!("foreign charge point: {told}");
    assert_eq!(obeyed, 10, "each command arrived: {told}");
    let transactions = csms.transactions();
    assert_eq!(transactions.len(), 2);
    for transaction in transactions {
        assert_eq!(transaction["charge_point_id"], id);
        assert_eq!(transaction["energy_wh"], 300, "{transaction}");
    }
}

#[test]
fn a_foreign_central_system_finds_no_fault_with_our_charge_points() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("fleet.yaml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let mut peer = script(&python, "central_system.py", &[]);
    let port = peer.fact("port");
    let fleet = Process::start(&mut dynamo(&[
        "simulator",
        "--csms",
        &format!("ws://127.0.0.1:{port}/ocpp16"),
        "--count",
        &CHARGE_POINTS.to_string(),
        "--duration",
        &format!("{SECONDS}s"),
        "--speed",
        &SPEED.to_string(),
        "--scenario",
        scenario.to_str().unwrap(),
    ]));
    let ended = fleet.end(Duration::from_secs(SECONDS + 60));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

    peer.close_stdin();
    let told = summary(&peer.end(Duration::from_secs(20)));
    println!("foreign central system: {told}");
    assert_eq!(told["charge_points"], CHARGE_POINTS);
    assert_eq!(told["commanded"], CHARGE_POINTS / 10);
    assert!(
        told["transactions"].as_u64() >= Some(CHARGE_POINTS),
        "{told}"
    );
    assert!(
        told["actions"]["MeterValues"].as_u64() >= Some(10 * CHARGE_POINTS),
        "{told}"
    );
    let answered: u64 = told["answers"]
        .as_object()
        .expect("answers")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert!(
        answered >= CHARGE_POINTS / 10 * 15,
        "most orders were answered: {told}"
    );
}
