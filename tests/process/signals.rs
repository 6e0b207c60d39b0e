//! SIGTERM, and what is left in order behind it.

use std::process::Command;

use serde_json::Value;

use crate::support::{Csms, PATIENCE, Process, dynamo, wait_until};

const CHARGE_POINTS: u64 = 10;

#[test]
fn a_fleet_that_is_told_to_end_stops_its_sessions_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let csms = Csms::start(&format!(
        "sqlite://{}",
        folder.path().join("x.db").display()
    ));
    let report = folder.path().join("report.json");
    let fleet = Process::start(&mut dynamo(&[
        "simulator",
        "--csms",
        &csms.url(),
        "--count",
        &CHARGE_POINTS.to_string(),
        "--duration",
        "10m",
        "--report",
        report.to_str().unwrap(),
    ]));
    wait_until("sessions run", PATIENCE, || {
        csms.transactions_total() >= CHARGE_POINTS
    });
    // A terminal tells the whole group, and a wrapper passes it on: that is one signal, and no hurry.
    fleet.signal("-INT");
    fleet.terminate();
    let ended = fleet.end(PATIENCE);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let transactions = &report["transactions"];
    assert!(
        transactions["started"].as_u64() >= Some(CHARGE_POINTS),
        "{transactions}"
    );
    assert_eq!(transactions["started"], transactions["stopped"]);
    for transaction in csms.transactions() {
        assert!(
            !transaction["stop_time"].is_null(),
            "left open: {transaction}"
        );
    }
    csms.process.terminate();
    let ended = csms.process.end(PATIENCE);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
}

#[test]
fn a_run_whose_terminal_is_closed_writes_its_report() {
    // Under `nohup` nobody hears of a closed terminal, and that is what was asked for.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
    let of_terminal = Some("-HUP").filter(|_| ignored & 1 == 0);
    for signal in of_terminal.into_iter().chain(["-INT", "-TERM"]) {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report.json");
        let judge = Process::start(&mut dynamo(&[
            "conformance",
            "--sut",
            "charge-point",
            "--listen",
            "localhost:0",
            "--charge-point-id",
            "CP-1",
            "--report",
            report.to_str().unwrap(),
        ]));
        judge.error("the place where it waits", |line| {
            line.starts_with("waiting for the charge point CP-1")
                .then_some(())
        });
        judge.signal(signal);
        let ended = judge.end(PATIENCE);
        assert_eq!(ended.status.code(), Some(2), "{signal}: {}", ended.stderr);
        let text = std::fs::read(report).unwrap();
        let report: Value = serde_json::from_slice(&text).unwrap();
        let summary = &report["summary"];
        assert_eq!(
            summary["scenarios"], summary["not_run"],
            "{signal}: {summary}"
        );
        let why = summary["ended_early"].as_str().unwrap_or_default();
        assert!(why.contains("interrupted"), "{signal}: {summary}");
    }
}

#[test]
fn logs_go_to_stderr_in_the_form_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("x.db").display());
    let arguments = [
        "csms",
        "--log-format",
        "json",
        "--http",
        "127.0.0.1:0",
        "--ocpp",
        "127.0.0.1:0",
    ];
    let mut command: Command = dynamo(&arguments);
    let csms = Process::start(
        command
            .args(["--database", &database])
            .env("RUST_LOG", "debug"),
    );
    let key = csms.line("generated key", |line| {
        line.strip_prefix("api-key ").map(str::to_owned)
    });
    assert!(key.len() >= 20, "{key}");
    csms.line("ready line", |line| {
        line.starts_with("ready ").then_some(())
    });
    csms.terminate();
    let ended = csms.end(PATIENCE);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.is_empty(), "debug logs say something");
    for line in ended.stderr.lines() {
        let event = serde_json::from_str::<Value>(line);
        assert!(
            event.is_ok_and(|event| event["level"].is_string()),
            "{line}"
        );
    }
    assert!(!ended.stderr.contains(&key), "the key is in the log");
}
