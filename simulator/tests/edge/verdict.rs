//! A run against a CSMS that does not do its work is red, whatever the scenario asks for.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dynamo_simulator::{Verdict, run};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::csms::{Answer, Csms, Frame, Script, answer};
use crate::fleet::{args, json_file, json_lines, simulate};

/// Bounds of one's own that such a CSMS keeps with ease.
const OWN: &str = "thresholds: {connections_lost_max: 1000}\n";

/// A run of two charge points against a CSMS of this script, with this scenario: the sentences of what did not hold,
/// and the report.
async fn red(script: Script, scenario: &str, flags: &[&str]) -> (Vec<String>, Value) {
    let csms = Csms::start(script).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.yaml");
    std::fs::write(&path, scenario).unwrap();
    let report = folder.path().join("r.json");
    let report = report.to_str().unwrap();
    let usual = ["--count", "2", "--speed", "20", "--duration", "3s"];
    let files = ["--scenario", path.to_str().unwrap(), "--report", report];
    // What is given last counts.
    let flags = [
        &files[..],
        if flags.is_empty() { &usual[..] } else { flags },
    ]
    .concat();
    let verdict = simulate(&csms.url(), &flags).await;
    let report = json_file(Path::new(report));
    let Ok(Verdict::NotHeld(failed)) = verdict else {
        panic!("it did hold: {verdict:?}, {report}")
    };
    assert_eq!(report["verdict"], "failed");
    (failed, report)
}

#[track_caller]
fn names(failed: &[String], wanted: &[&str]) {
    let names: Vec<_> = failed
        .iter()
        .filter_map(|line| line.split(':').next())
        .collect();
    for name in wanted {
        assert!(names.contains(name), "{name} is not in {failed:?}");
    }
}

fn silent() -> Script {
    Script {
        answers_only: Some("BootNotification"),
        ..Script::default()
    }
}

#[tokio::test]
async fn a_csms_that_is_silent_after_the_boots() {
    let bounds = "thresholds: {connections_lost_max: 1000, p95_ms_max: 60000, latency_ms: {all: {p99_max: 20000}}}\n";
    let ((usual, report), (own, with_latency)) =
        tokio::join!(red(silent(), "", &[]), red(silent(), bounds, &[]));
    let dead = ["timeouts", "transactions_started"];
    names(&usual, &dead);
    names(&own, &dead);
    names(&own, &["p95_ms", "latency_ms.all.p99"]);
    assert_eq!(report["charge_points"]["accepted"], 2);
    // Each has a call open that was not answered in all the time that the run waited.
    let status = &report["calls"]["by_action"]["StatusNotification"];
    assert_eq!((&status["timeout"], &status["ok"]), (&json!(2), &json!(0)));
    for figure in ["p50", "p95", "p99", "max"] {
        assert!(status["latency_ms"][figure].is_null(), "{status}");
    }
    let value = |name: &str| {
        let all = with_latency["thresholds"].as_array().unwrap();
        let found = all.iter().find(|threshold| threshold["name"] == name);
        found.unwrap()["value"].clone()
    };
    assert!(
        value("p95_ms").is_null(),
        "StatusNotification was never answered"
    );
    assert_eq!(value("timeouts"), 2.0);
    // Of all calls together some were answered, and the others count with the time that was waited.
    assert!(value("latency_ms.all.p99").as_f64() >= Some(30_000.0));
}

#[tokio::test]
async fn a_csms_that_refuses_breaks_or_closes_everything() {
    let rejects = |action: &str, payload: &Value| match action {
        "BootNotification" => Ok(
            json!({"status": "Rejected", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}),
        ),
        _ => answer(action, payload),
    };
    let errs = |action: &str, payload: &Value| match action {
        "BootNotification" => answer(action, payload),
        _ => Err("InternalError"),
    };
    let breaks = |action: &str, payload: &Value| match action {
        "BootNotification" => answer(action, payload),
        _ => Ok(json!({"idTagInfo": "perhaps", "currentTime": "now"})),
    };
    let breaks_boots = |_: &str, _: &Value| Ok(json!({"status": "Fine"}));
    let blocks = |action: &str, payload: &Value| match action {
        "Authorize" => Ok(json!({"idTagInfo": {"status": "Blocked"}})),
        _ => answer(action, payload),
    };
    let answers = |answer| Script {
        answer,
        ..Script::default()
    };
    let closes = |action| Script {
        closes_after: Some(action),
        answers_only: Some(action),
        ..Script::default()
    };
    let (rejected, refused, broken, no_boot, blocked, closed) = tokio::join!(
        red(answers(rejects), OWN, &[]),
        red(answers(errs), OWN, &[]),
        red(answers(breaks), OWN, &[]),
        red(answers(breaks_boots), OWN, &[]),
        red(answers(blocks), OWN, &[]),
        red(closes("BootNotification"), OWN, &[]),
    );
    names(&rejected.0, &["accepted", "transactions_started"]);
    names(&refused.0, &["call_errors", "transactions_started"]);
    names(&broken.0, &["call_errors", "transactions_started"]);
    names(
        &no_boot.0,
        &["accepted", "call_errors", "transactions_started"],
    );
    names(&blocked.0, &["transactions_started"]);
    names(&closed.0, &["transactions_started"]);
}

/// A run of four charge points against a CSMS that answers like this: what did not hold, and the report.
async fn red_four(answer: Answer) -> (Vec<String>, Value) {
    // In real time, as what flows before the start is answered is then too little for a register.
    let flags = ["--count", "4", "--duration", "7s"];
    let scenario = format!("sessions: {{pause_s: [0, 0.5]}}\n{OWN}");
    let script = Script {
        answer,
        ..Script::default()
    };
    red(script, &scenario, &flags).await
}

#[tokio::test]
async fn a_csms_that_answers_everything_and_lets_nobody_charge() {
    let concurrent = |action: &str, payload: &Value| {
        let mut usual = answer(action, payload)?;
        if action == "StartTransaction" {
            usual["idTagInfo"]["status"] = json!("ConcurrentTx");
        }
        Ok(usual)
    };
    // Of each four cards it lets one charge.
    let mostly_refuses = |action: &str, payload: &Value| {
        static CARDS: AtomicU64 = AtomicU64::new(0);
        match action {
            "Authorize" if !CARDS.fetch_add(1, Relaxed).is_multiple_of(4) => {
                Ok(json!({"idTagInfo": {"status": "Invalid"}}))
            }
            _ => answer(action, payload),
        }
    };
    let same_id = |action: &str, payload: &Value| {
        let mut usual = answer(action, payload)?;
        if action == "StartTransaction" {
            usual["transactionId"] = json!(1);
        }
        Ok(usual)
    };
    let (concurrent, mostly, same) = tokio::join!(
        red_four(concurrent),
        red_four(mostly_refuses),
        red_four(same_id)
    );
    names(&concurrent.0, &["sessions_refused", "energy_wh"]);
    let transactions = &concurrent.1["transactions"];
    assert!(
        transactions["started"].as_u64() >= Some(4),
        "{transactions}"
    );
    assert_eq!(transactions["started"], transactions["sessions_refused"]);
    assert_eq!(transactions["energy_wh"], 0);
    assert_eq!(mostly.0.len(), 1, "{:?}", mostly.0);
    names(&mostly.0, &["sessions_refused"]);
    assert_eq!(mostly.1["charge_points"]["sessions_refused"], 3);
    assert_eq!(same.0.len(), 1, "{:?}", same.0);
    names(&same.0, &["transaction_ids_doubled"]);
    let doubled = &same.1["transactions"]["doubled_ids"][0];
    assert_eq!(doubled["transaction_id"], 1, "{doubled}");
    let id = doubled["charge_point_ids"][0].as_str().unwrap();
    assert!(same.0[0].contains(id), "{:?}", same.0);
}

#[tokio::test]
async fn a_csms_that_answers_too_slowly_for_the_run() {
    let script = Script {
        delay: Duration::from_secs(2),
        ..Script::default()
    };
    let scenario = format!("sessions: {{pause_s: [0, 0.5]}}\n{OWN}");
    let (failed, _) = red(script, &scenario, &["--duration", "6s"]).await;
    names(&failed, &["transactions_started"]);
    let sentence = failed
        .iter()
        .find(|line| line.starts_with("transactions_started"));
    let sentence = sentence.unwrap();
    assert!(sentence.contains("give more --duration"), "{sentence}");
}

#[tokio::test]
async fn a_csms_that_takes_no_end_of_a_transaction() {
    let script = Script {
        ignores: Some("StopTransaction"),
        ..Script::default()
    };
    let (failed, report) = red(script, OWN, &[]).await;
    names(&failed, &["timeouts", "undelivered"]);
    assert!(report["transactions"]["started"].as_u64() >= Some(2));
}

#[tokio::test]
async fn an_idle_fleet_whose_csms_went_away_for_good() {
    let idle = |back: bool| async move {
        let csms = Csms::start(Script::default()).await;
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("s.yaml");
        std::fs::write(&scenario, "sessions: none\n").unwrap();
        let scenario = scenario.display().to_string();
        let flags = ["--count", "2", "--duration", "1h", "--scenario", &scenario];
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
        let boots = |wanted: usize| {
            move |frames: &[Frame]| {
                let boots = frames.iter().filter(|f| f.is_call("BootNotification"));
                let told = frames.iter().filter(|f| f.is_call("StatusNotification"));
                boots.count() >= wanted && told.count() >= 3 * wanted
            }
        };
        csms.until("both have booted", boots(2)).await;
        csms.go_away();
        // Each has tried at least once, as the pauses between two tries grow.
        csms.turned_away(5).await;
        if back {
            csms.come_back();
            csms.served(4).await;
            let wanted = json!({"requestedMessage": "Heartbeat"});
            csms.call("wanted", "TriggerMessage", wanted);
            csms.until("both are heard again", |frames| {
                frames.iter().filter(|f| f.is_call("Heartbeat")).count() >= 2
            })
            .await;
        }
        shutdown.cancel();
        running.await.unwrap().unwrap()
    };
    let (gone, came_back) = tokio::join!(idle(false), idle(true));
    assert_eq!(
        gone,
        Verdict::NotHeld(vec!["offline_at_end: 2, wanted at most 0".into()])
    );
    assert_eq!(came_back, Verdict::Held);
}

#[tokio::test]
async fn an_idle_fleet_whose_csms_freezes_shortly_before_the_end() {
    let script = Script {
        dies_of: Some("Heartbeat"),
        ..Script::default()
    };
    // The heartbeat that freezes it comes within 3 s: its call is lost with the line 30 s later, in the ending.
    let flags = ["--count", "1", "--speed", "100", "--duration", "8s"];
    let (failed, report) = red(script, "sessions: none\n", &flags).await;
    assert_eq!(failed, ["offline_at_end: 1, wanted at most 0"]);
    assert_eq!(report["calls"]["cut_off"], 1);
}

#[tokio::test]
async fn what_the_scenario_relaxes_is_held_and_said() {
    let errs = |action: &str, payload: &Value| match action {
        "Heartbeat" => Err("InternalError"),
        _ => answer(action, payload),
    };
    let csms = Csms::start(Script {
        answer: errs,
        ..Script::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let [scenario, json, html] =
        ["s.yaml", "r.json", "r.html"].map(|name| folder.path().join(name).display().to_string());
    std::fs::write(&scenario, "thresholds: {call_errors_max: 500}\n").unwrap();
    let flags = [
        "--scenario",
        &scenario,
        "--speed",
        "200",
        "--duration",
        "3s",
        "--report",
        &json,
        "--report",
        &html,
    ];
    assert_eq!(simulate(&csms.url(), &flags).await, Ok(Verdict::Held));
    assert!(csms.count("Heartbeat") >= 1);
    let report = json_file(Path::new(&json));
    let all = report["thresholds"].as_array().unwrap();
    let errors = all.iter().find(|t| t["name"] == "call_errors").unwrap();
    assert_eq!(
        (&errors["limit"], &errors["relaxed_from"]),
        (&json!(500.0), &json!(0.0))
    );
    assert!(errors["value"].as_f64() >= Some(1.0), "{errors}");
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("500 (relaxed from 0)"), "{page}");
}

#[tokio::test]
async fn the_ending_is_told_apart_and_what_only_happens_there_is_not_measured() {
    let scenario = "sessions: {charge_s: [3600, 3600], pause_s: [0, 1]}\nthresholds:\n  latency_ms:\n    \
                    StopTransaction: {p95_max: 60000}\n    StartTransaction: {p95_max: 60000}\n";
    let (failed, report) = red(Script::default(), scenario, &[]).await;
    assert_eq!(
        failed,
        [
            "latency_ms.StopTransaction.p95: not measured, wanted at most 60000: no such call was answered while the \
             run lasted"
        ]
    );
    let (start, stop) = (
        &report["calls"]["by_action"]["StartTransaction"],
        &report["calls"]["by_action"]["StopTransaction"],
    );
    assert_eq!(
        (&start["sent"], &start["ending"]["sent"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        (&stop["sent"], &stop["ending"]["sent"]),
        (&json!(2), &json!(2))
    );
    assert!(start["latency_ms"]["p95"].is_f64() && stop["ending"]["latency_ms"]["p95"].is_f64());
    assert!(start["ending"]["latency_ms"]["p95"].is_null() && stop["latency_ms"]["p95"].is_null());
    assert_eq!(start["latency_ms"]["calls"], 2);
}

#[tokio::test]
async fn readings_that_were_thinned_out_are_in_the_ledger_and_the_report() {
    let csms = Csms::start(Script {
        ignores: Some("MeterValues"),
        ..Script::default()
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let [scenario, json, ledger] =
        ["s.yaml", "r.json", "l.jsonl"].map(|name| folder.path().join(name).display().to_string());
    let text = "configuration: {MeterValueSampleInterval: 1}\nsessions: {charge_s: [3600, 3600], pause_s: [0, 1]}\n";
    std::fs::write(&scenario, text).unwrap();
    let flags = [
        "--scenario",
        &scenario,
        "--speed",
        "400",
        "--duration",
        "3s",
        "--report",
        &json,
        "--ledger",
        &ledger,
    ];
    // The first reading is never answered, so that more and more wait behind it.
    let verdict = simulate(&csms.url(), &flags).await;
    assert!(matches!(verdict, Ok(Verdict::NotHeld(_))), "{verdict:?}");
    let lines = json_lines(Path::new(&ledger));
    assert_eq!(lines.len(), 1);
    let thinned = &lines[0]["readings_thinned"];
    assert!(thinned.as_u64() >= Some(128), "{}", lines[0]);
    let report = json_file(Path::new(&json));
    assert_eq!(report["transactions"]["readings_thinned"], *thinned);
}

#[tokio::test]
async fn frames_of_the_csms_that_are_of_no_use_are_counted() {
    let csms = Csms::start(Script::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("r.json").display().to_string();
    let flags = ["--duration", "1h", "--report", &json];
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("it has booted", |frames| {
        frames.iter().any(|f| f.is_call("StatusNotification"))
    })
    .await;
    for text in ["no frame at all", "[3,\"nobody-asked\",{}]"] {
        csms.send(&Message::text(text));
    }
    let wanted = json!({"requestedMessage": "Heartbeat"});
    csms.call("wanted", "TriggerMessage", wanted);
    csms.until("it has read all of that", |frames| {
        frames.iter().any(|f| f.is_call("Heartbeat"))
    })
    .await;
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Ok(Verdict::Held));
    let report = json_file(Path::new(&json));
    assert_eq!(report["frames"], json!({"refused": 1, "stray": 1}));
}
