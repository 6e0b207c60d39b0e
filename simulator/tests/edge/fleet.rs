//! Whole runs: `dynamo simulator` without the process around it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser as _;
use dynamo_simulator::{Args, InputError, Shutdown, Verdict, run};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::csms::{Answer, Csms, Script, answer, assert_one_open_call};

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

pub(crate) fn args(csms: &str, flags: &[&str]) -> Args {
    let command = ["simulator", "--csms", csms];
    Command::try_parse_from(command.iter().chain(flags))
        .unwrap()
        .args
}

pub(crate) async fn simulate(csms: &str, flags: &[&str]) -> Result<Verdict, InputError> {
    run(args(csms, flags), CancellationToken::new()).await
}

pub(crate) fn json_file(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_fleet_charges_and_its_reports_and_ledger_agree_with_the_wire() {
    let csms = Csms::start(Script::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let [json, html, xml, ledger] = ["r.json", "r.html", "r.xml", "ledger.jsonl"]
        .map(|name| folder.path().join(name).display().to_string());
    let mut flags = vec![
        "--count",
        "20",
        "--ramp",
        "100/s",
        "--duration",
        "4s",
        "--speed",
        "30",
    ];
    for report in [&json, &html, &xml] {
        flags.extend(["--report", report]);
    }
    flags.extend(["--ledger", &ledger, "--id-tag", "A", "--id-tag", "B"]);
    assert_eq!(simulate(&csms.url(), &flags).await, Ok(Verdict::Held));

    let frames = csms.frames();
    assert_one_open_call(&frames);
    let report = json_file(Path::new(&json));
    assert_eq!(
        report["charge_points"],
        json!({"planned": 20, "connected": 20, "accepted": 20, "sessions_due": 20, "sessions_refused": 0,
               "offline_at_end": 0, "lost": 0, "losses": []})
    );
    assert_eq!(report["verdict"], "held");
    let ids: BTreeSet<_> = frames.iter().map(|f| f.charge_point.as_str()).collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(ids.first(), Some(&"SIM-000001"));
    let starts = csms.count("StartTransaction");
    assert!(starts >= 20, "{starts} transactions");
    assert_eq!(report["transactions"]["started"], starts);
    assert_eq!(
        report["transactions"]["stopped"], starts,
        "none is left open"
    );
    assert_eq!(
        report["calls"]["by_action"]["StartTransaction"]["ok"],
        starts
    );
    assert_eq!(report["calls"]["error"], 0);
    assert_eq!(report["connections"]["lost"], 0);
    for action in [
        "BootNotification",
        "StatusNotification",
        "MeterValues",
        "StopTransaction",
    ] {
        assert!(csms.count(action) > 0, "{action} came");
        let counted = &report["calls"]["by_action"][action]["ok"];
        assert_eq!(*counted, csms.count(action), "{action}");
    }

    let lines = json_lines(Path::new(&ledger));
    assert_eq!(lines.len(), starts);
    for stop in frames.iter().filter(|f| f.is_call("StopTransaction")) {
        let id = &stop.json[3]["transactionId"];
        let line = lines.iter().find(|line| line["transaction_id"] == *id);
        let line = line.expect("each acknowledged transaction has its line");
        assert_eq!(line["meter_stop"], stop.json[3]["meterStop"]);
        assert_eq!(line["stop_time"], stop.json[3]["timestamp"]);
        assert_eq!(line["charge_point_id"], stop.charge_point);
    }
    let tags: BTreeSet<_> = lines.iter().map(|line| line["id_tag"].as_str()).collect();
    assert_eq!(tags, BTreeSet::from([Some("A"), Some("B")]));
    assert!(
        std::fs::read_to_string(&html)
            .unwrap()
            .contains("StartTransaction")
    );
    assert!(
        std::fs::read_to_string(&xml)
            .unwrap()
            .contains("failures=\"0\"")
    );
}

#[tokio::test]
async fn a_fleet_that_lost_its_csms_and_got_it_back_is_good() {
    let csms = Csms::start(Script::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("r.json");
    let report = json.display().to_string();
    let flags = [
        "--count",
        "10",
        "--speed",
        "30",
        "--duration",
        "1h",
        "--report",
        &report,
    ];
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    let all_charge = |frames: &[crate::csms::Frame]| {
        frames
            .iter()
            .filter(|f| f.is_call("StartTransaction"))
            .count()
            >= 10
    };
    csms.until("transactions run", all_charge).await;
    csms.go_away();
    // Stopped while nobody is there: what was not told yet must still be told.
    shutdown.cancel();
    csms.come_back();
    assert_eq!(running.await.unwrap(), Ok(Verdict::Held));
    let report = json_file(&json);
    assert_eq!(report["connections"]["lost"], 10);
    assert!(report["connections"]["reopened"].as_u64() >= Some(1));
    assert_eq!(report["calls"]["error"], 0);
    assert_eq!(
        report["transactions"]["started"],
        report["transactions"]["stopped"]
    );
    assert_one_open_call(&csms.frames());
}

#[tokio::test]
async fn a_transaction_whose_end_nobody_acknowledged_is_in_the_ledger_as_open() {
    let refuses_stops = |action: &str, payload: &Value| match action {
        "StopTransaction" => Err("InternalError"),
        _ => answer(action, payload),
    };
    let csms = Csms::start(Script {
        answer: refuses_stops,
        ..Script::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.jsonl");
    let path = ledger.display().to_string();
    let flags = ["--duration", "1s", "--speed", "60", "--ledger", &path];
    let verdict = simulate(&csms.url(), &flags).await;
    assert!(
        matches!(verdict, Ok(Verdict::NotHeld(_))),
        "refused calls are errors"
    );
    let lines = json_lines(&ledger);
    assert_eq!(lines.len(), csms.count("StartTransaction"));
    let frames = csms.frames();
    let start = frames
        .iter()
        .find(|f| f.is_call("StartTransaction"))
        .unwrap();
    assert_eq!(lines[0]["meter_start"], start.json[3]["meterStart"]);
    assert_eq!(lines[0]["start_time"], start.json[3]["timestamp"]);
    assert!(lines[0]["stop_time"].is_null() && lines[0]["meter_stop"].is_null());
    assert!(lines[0]["transaction_id"].as_i64() > Some(0));
}

#[tokio::test]
async fn a_run_ends_in_time_even_if_the_csms_never_comes_back() {
    let csms = Csms::start(Script::default()).await;
    let flags = ["--count", "3", "--speed", "30", "--duration", "1h"];
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("a transaction runs", |frames| {
        frames.iter().any(|f| f.is_call("StartTransaction"))
    })
    .await;
    csms.go_away();
    shutdown.cancel();
    let stopped = Instant::now();
    running.await.unwrap().unwrap();
    assert!(
        stopped.elapsed() < Duration::from_secs(30),
        "{:?}",
        stopped.elapsed()
    );
}

/// A CSMS that takes every start and answers no end of a transaction.
fn silent_about_stops() -> Script {
    Script {
        ignores: Some("StopTransaction"),
        ..Script::default()
    }
}

#[tokio::test]
async fn after_a_signal_a_silent_csms_is_waited_for_shortly_and_what_it_never_took_is_told() {
    let csms = Csms::start(silent_about_stops()).await;
    let folder = tempfile::tempdir().unwrap();
    let [json, html, xml] =
        ["r.json", "r.html", "r.xml"].map(|name| folder.path().join(name).display().to_string());
    let mut flags = vec!["--count", "2", "--speed", "30", "--duration", "1h"];
    for report in [&json, &html, &xml] {
        flags.extend(["--report", report]);
    }
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("both charge", |frames| {
        frames
            .iter()
            .filter(|f| f.is_call("StartTransaction"))
            .count()
            >= 2
    })
    .await;
    shutdown.cancel();
    let stopped = Instant::now();
    running.await.unwrap().unwrap();
    assert!(
        stopped.elapsed() < Duration::from_secs(10),
        "{:?}",
        stopped.elapsed()
    );
    let report = json_file(Path::new(&json));
    let transactions = &report["transactions"];
    assert_eq!(transactions["undelivered_charge_points"], 2);
    assert!(
        transactions["undelivered_messages"].as_u64() >= Some(2),
        "{transactions}"
    );
    assert_eq!(report["ended"], "stopped");
    let sentence = format!(
        "{} transaction messages of 2 charge points were never taken",
        transactions["undelivered_messages"]
    );
    for path in [html, xml] {
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(page.contains(&sentence), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_run_that_shall_end_at_once_does_and_still_writes_what_it_knows() {
    let csms = Csms::start(silent_about_stops()).await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("r.json");
    let report = json.display().to_string();
    let flags = [
        "--count",
        "3",
        "--speed",
        "30",
        "--duration",
        "1h",
        "--report",
        &report,
    ];
    let shutdown = Shutdown::default();
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("all charge", |frames| {
        frames
            .iter()
            .filter(|f| f.is_call("StartTransaction"))
            .count()
            >= 3
    })
    .await;
    shutdown.in_order.cancel();
    csms.until("the end has begun", |frames| {
        frames.iter().any(|f| f.is_call("StopTransaction"))
    })
    .await;
    shutdown.at_once.cancel();
    let hurried = Instant::now();
    let error = running.await.unwrap().unwrap_err().to_string();
    assert!(
        hurried.elapsed() < Duration::from_secs(2),
        "{:?}",
        hurried.elapsed()
    );
    assert!(error.contains("second signal"), "{error}");
    let report = json_file(&json);
    assert_eq!(report["ended"], "cut_off");
    assert_eq!(report["verdict"], "cut_off");
    assert_eq!(report["charge_points"]["accepted"], 3);
    assert!(report["transactions"]["undelivered_messages"].as_u64() >= Some(1));
}

#[tokio::test]
async fn messages_that_were_given_up_count_as_undelivered() {
    let refuses_stops = |action: &str, payload: &Value| match action {
        "StopTransaction" => Err("InternalError"),
        _ => answer(action, payload),
    };
    let csms = Csms::start(Script {
        answer: refuses_stops,
        ..Script::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("r.json");
    let report = json.display().to_string();
    let scenario = folder.path().join("s.yaml");
    std::fs::write(
        &scenario,
        "configuration: {TransactionMessageAttempts: 1, TransactionMessageRetryInterval: 0}\n",
    )
    .unwrap();
    let scenario = scenario.display().to_string();
    let flags = [
        "--scenario",
        &scenario,
        "--duration",
        "2s",
        "--speed",
        "60",
        "--report",
        &report,
    ];
    let _ = simulate(&csms.url(), &flags).await;
    let transactions = &json_file(&json)["transactions"];
    let stops = csms.count("StopTransaction");
    assert!(stops >= 1);
    assert_eq!(transactions["undelivered_messages"], stops);
    assert_eq!(transactions["undelivered_charge_points"], 1);
}

#[tokio::test]
async fn a_tag_that_the_csms_refuses_is_named_with_its_status() {
    let blocks = |action: &str, payload: &Value| match action {
        "Authorize" => Ok(json!({"idTagInfo": {"status": "Blocked"}})),
        _ => answer(action, payload),
    };
    let csms = Csms::start(Script {
        answer: blocks,
        ..Script::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let [json, html, xml] =
        ["r.json", "r.html", "r.xml"].map(|name| folder.path().join(name).display().to_string());
    let mut flags = vec!["--duration", "2s", "--speed", "60", "--id-tag", "LOST-CARD"];
    for report in [&json, &html, &xml] {
        flags.extend(["--report", report]);
    }
    // Somebody was to charge, and nobody could.
    let verdict = simulate(&csms.url(), &flags).await;
    let Ok(Verdict::NotHeld(failed)) = verdict else {
        panic!("{verdict:?}")
    };
    let names: Vec<_> = failed.iter().filter_map(|f| f.split(':').next()).collect();
    let wanted = ["transactions_started", "sessions_refused", "energy_wh"];
    assert_eq!(names, wanted, "{failed:?}");
    let count = csms.count("Authorize");
    assert!(count >= 1);
    let refused = &json_file(Path::new(&json))["refused_id_tags"];
    let wanted = json!([{"id_tag": "LOST-CARD", "status": "Blocked", "count": count}]);
    assert_eq!(*refused, wanted);
    for path in [html, xml] {
        let page = std::fs::read_to_string(&path).unwrap();
        assert!(
            page.contains("refused id tag LOST-CARD as Blocked") && page.contains("--id-tag"),
            "{path}: {page}"
        );
    }
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_report() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("r.json").display().to_string();
    let flags = ["--duration", "1s", "--report", &report];
    let error = simulate(&format!("ws://{free}"), &flags).await.unwrap_err();
    assert!(error.to_string().contains("no charge point could connect"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn thresholds_that_do_not_hold_are_named() {
    let rejects = |action: &str, payload: &Value| match action {
        "BootNotification" => Ok(
            json!({"status": "Rejected", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}),
        ),
        _ => answer(action, payload),
    };
    let refuses = |action: &str, payload: &Value| match action {
        "StatusNotification" => Err("InternalError"),
        _ => answer(action, payload),
    };
    let scripts: [Answer; 2] = [rejects, refuses];
    for (script, name) in scripts.into_iter().zip(["accepted: 0", "call_errors: "]) {
        let csms = Csms::start(Script {
            answer: script,
            ..Script::default()
        })
        .await;
        let verdict = simulate(&csms.url(), &["--duration", "2s", "--speed", "20"]).await;
        let Ok(Verdict::NotHeld(reasons)) = verdict else {
            panic!("{name} did hold: {verdict:?}")
        };
        assert!(reasons[0].starts_with(name), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_csms_that_confirms_no_or_another_subprotocol_is_no_connection() {
    let refusal = async |subprotocol, part: &str| {
        let csms = Csms::start(Script {
            subprotocol,
            ..Script::default()
        })
        .await;
        let started = Instant::now();
        let error = simulate(&csms.url(), &["--count", "3"]).await.unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it does not wait for its duration"
        );
        let error = error.to_string();
        assert!(
            error.contains(part) && error.contains(&csms.url()),
            "{error}"
        );
        assert!(
            csms.frames().is_empty(),
            "nothing was said on such a socket"
        );
    };
    tokio::join!(
        refusal(None, "no subprotocol"),
        refusal(Some("ocpp2.0.1"), "not offered")
    );
}

#[tokio::test]
async fn a_csms_that_is_not_there_is_named_with_a_remedy() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("ws://{free}/ocpp16");
    let error = simulate(&url, &["--count", "2"])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&url) && error.contains("--csms"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[tokio::test]
async fn the_ramp_is_kept() {
    let csms = Csms::start(Script::default()).await;
    let flags = ["--count", "40", "--ramp", "20/s", "--duration", "1h"];
    let shutdown = CancellationToken::new();
    let started = Instant::now();
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("all have booted", |frames| {
        frames
            .iter()
            .filter(|f| f.is_call("BootNotification"))
            .count()
            == 40
    })
    .await;
    // The 40th starts at 39/20 s.
    assert!(
        started.elapsed() >= Duration::from_millis(1_950),
        "{:?}",
        started.elapsed()
    );
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Ok(Verdict::Held));
}

#[tokio::test]
async fn files_that_cannot_be_written_end_the_run_before_it_starts_or_name_themselves() {
    let csms = Csms::start(Script::default()).await;
    let error = simulate(&csms.url(), &["--ledger", "/nowhere/l.jsonl"])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/l.jsonl"));
    assert!(csms.frames().is_empty());
    let error = simulate(&csms.url(), &["--report", "/nowhere/r.json"])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/r.json"));
    assert!(csms.frames().is_empty());
}
