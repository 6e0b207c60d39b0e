//! `kill -9` of the CSMS under a charging fleet, on the same database and ports again: no fact that was
//! acknowledged is lost, doubled or changed.
//!
//! Larger by hand: `DYNAMO_TEST_CRASH_COUNT=1000 DYNAMO_TEST_CRASH_SECONDS=60`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dynamo_protocol::DateTime;
use serde_json::Value;

use crate::support::{Csms, PATIENCE, Process, dynamo, given, number, wait_until};

/// The fleet ends within this time after its duration, as the contract says, and some for a busy machine.
const ENDING: Duration = Duration::from_secs(60);

/// Sessions of a minute with a handful of meter values each, back to back.
const SCENARIO: &str = "
name: crash
configuration: { MeterValueSampleInterval: '10' }
sessions: { charge_s: [30, 90], pause_s: [1, 10] }
";

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("crash.db").display());
    crash("sqlite", &database, folder.path());
}

#[test]
fn nothing_acknowledged_is_lost_on_postgres() {
    let Some(server) = given("DYNAMO_TEST_POSTGRES", "postgres://user@host:port/database") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let database = FreshDatabase::create(&server);
    crash("postgres", &database.url, folder.path());
}

fn crash(store: &str, database: &str, folder: &Path) {
    let count = number("DYNAMO_TEST_CRASH_COUNT", 100);
    let seconds = number("DYNAMO_TEST_CRASH_SECONDS", 15);
    let kills = number("DYNAMO_TEST_CRASH_KILLS", 2);
    let ledger = folder.join("ledger.jsonl");
    let scenario = folder.join("fleet.yaml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    // Beside PostgreSQL it would lie in the folder in which the tests run.
    let key = folder.join("passwords.key");
    let start_at = |http: &str, ocpp: &str| {
        let key = key.to_str().unwrap();
        Csms::start_at(database, http, ocpp, &["--password-key", key])
    };
    let mut csms = start_at("127.0.0.1:0", "127.0.0.1:0");
    let mut fleet = Process::start(&mut dynamo(&[
        "simulator",
        "--csms",
        &csms.url(),
        "--count",
        &count.to_string(),
        "--duration",
        &format!("{seconds}s"),
        "--speed",
        &number("DYNAMO_TEST_CRASH_SPEED", 20).to_string(),
        "--scenario",
        scenario.to_str().unwrap(),
        "--ledger",
        ledger.to_str().unwrap(),
    ]));

    let mut known = 0;
    for _ in 0..kills {
        wait_until("transactions begin", PATIENCE, || {
            assert!(fleet.is_running(), "the fleet is done: {}", fleet.errors());
            csms.transactions_total() >= known + count / 2
        });
        known = csms.transactions_total();
        let (http, ocpp) = (csms.http.clone(), csms.ocpp.clone());
        csms.process.kill();
        csms = start_at(&http, &ocpp);
    }
    assert!(
        fleet.is_running(),
        "the fleet did not outlive the CSMS: {}",
        fleet.errors()
    );
    let ended = fleet.end(Duration::from_secs(seconds) + ENDING);
    assert_eq!(ended.status.code(), Some(0), "fleet: {}", ended.stderr);

    let found = compare(&read(&ledger), &csms.transactions());
    println!(
        "crash on {store}: {count} charge points, {seconds} s, {kills} kills: {} transactions, \
         {} meter values acknowledged; lost {}, doubled {}, different {}, open {}",
        found.checked,
        found.meter_values,
        found.lost.len(),
        found.doubled.len(),
        found.different.len(),
        found.open.len()
    );
    assert!(
        found.checked as u64 >= known,
        "{} of {known}",
        found.checked
    );
    assert!(found.is_clean(), "{found:#?}");
    csms.process.terminate();
    let ended = csms.process.end(PATIENCE);
    assert_eq!(ended.status.code(), Some(0), "CSMS: {}", ended.stderr);
    assert!(key.exists());
}

/// What the ledger of the fleet and the records of the CSMS do not agree on.
#[derive(Debug, Default)]
struct Audit {
    checked: usize,
    meter_values: u64,
    lost: Vec<String>,
    doubled: Vec<String>,
    different: Vec<String>,
    open: Vec<String>,
}

impl Audit {
    fn is_clean(&self) -> bool {
        [&self.lost, &self.doubled, &self.different, &self.open]
            .iter()
            .all(|list| list.is_empty())
    }
}

fn compare(ledger: &[Value], records: &[Value]) -> Audit {
    let mut audit = Audit::default();
    let mut by_id: BTreeMap<i64, &Value> = BTreeMap::new();
    let mut starts = BTreeSet::new();
    for record in records {
        let start = [
            "charge_point_id",
            "connector_id",
            "id_tag",
            "start_time",
            "meter_start",
        ]
        .map(|name| record[name].to_string());
        let id = record["transaction_id"].as_i64().expect("an id");
        if by_id.insert(id, record).is_some() || !starts.insert(start) {
            audit.doubled.push(record.to_string());
        }
        if record["stop_time"].is_null() {
            audit.open.push(record.to_string());
        }
    }
    for entry in ledger {
        audit.checked += 1;
        let id = entry["transaction_id"].as_i64().expect("an id");
        let Some(record) = by_id.remove(&id) else {
            audit.lost.push(entry.to_string());
            continue;
        };
        let acknowledged = entry["meter_values"].as_array().map_or(0, Vec::len) as u64;
        audit.meter_values += acknowledged;
        if facts(entry) != facts(record) {
            audit.different.push(format!("{entry} <> {record}"));
        } else if record["meter_values"].as_u64() < Some(acknowledged) {
            audit
                .lost
                .push(format!("meter values of {entry} <> {record}"));
        }
    }
    // A record beside the ledger is a transaction that never happened, or happened under another id.
    audit
        .doubled
        .extend(by_id.values().map(ToString::to_string));
    audit
}

/// What both sides must agree on.
fn facts(transaction: &Value) -> [String; 8] {
    let text = |name: &str| transaction[name].to_string();
    let instant = |name: &str| match transaction[name].as_str() {
        Some(stamp) => match DateTime::parse(stamp) {
            Ok(stamp) => dynamo_protocol::time::unix_ms(stamp).to_string(),
            Err(error) => panic!("{name} in {transaction}: {error}"),
        },
        None => text(name),
    };
    // A StopTransaction without a reason means Local [1.6 §6.49].
    let reason = transaction["reason"].as_str().unwrap_or("Local");
    [
        text("charge_point_id"),
        text("connector_id"),
        text("id_tag").to_lowercase(),
        text("meter_start"),
        text("meter_stop"),
        instant("start_time"),
        instant("stop_time"),
        reason.to_owned(),
    ]
}

fn read(ledger: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(ledger).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// A database of its own on the server of the tests; dropped at the end.
struct FreshDatabase {
    server: String,
    name: String,
    url: String,
}

impl FreshDatabase {
    fn create(server: &str) -> Self {
        let name = format!("crash_{}", std::process::id());
        let (before, query) = server.split_once('?').unwrap_or((server, ""));
        let base = before.rsplit_once('/').expect("a database in the URL").0;
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        let database = Self {
            server: server.to_owned(),
            url: format!("{base}/{name}{query}"),
            name,
        };
        database.psql(&format!("create database {}", database.name));
        database
    }

    fn psql(&self, statement: &str) {
        let done = Command::new("psql")
            .args([
                "--quiet",
                "--no-psqlrc",
                "--command",
                statement,
                &self.server,
            ])
            .output()
            .expect("psql is installed where PostgreSQL is");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.psql(&format!("drop database {} with (force)", self.name));
        }
    }
}

#[test]
fn the_audit_sees_what_is_lost_doubled_different_and_open() {
    let transaction = |id: i64, meter_stop: i64| {
        serde_json::json!({
            "transaction_id": id, "charge_point_id": "SIM-000001", "connector_id": id, "id_tag": "A",
            "start_time": "2024-03-10T15:00:00Z", "stop_time": "2024-03-10T16:00:00.000Z",
            "meter_start": 0, "meter_stop": meter_stop, "reason": null, "meter_values": 0,
        })
    };
    let good = [transaction(1, 5), transaction(2, 5)];
    assert!(compare(&good, &good).is_clean());
    assert_eq!(compare(&good, &good[..1]).lost.len(), 1);
    assert_eq!(compare(&good[..1], &good).doubled.len(), 1);
    assert_eq!(compare(&good[..1], &[transaction(1, 6)]).different.len(), 1);
    let mut open = transaction(1, 5);
    open["stop_time"] = Value::Null;
    assert_eq!(compare(&[], &[open]).open.len(), 1);
    let mut short = transaction(1, 5);
    short["meter_values"] = serde_json::json!([["2024-03-10T15:30:00Z", 3]]);
    assert_eq!(compare(&[short], &good[..1]).lost.len(), 1);
}
