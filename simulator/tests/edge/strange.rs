//! Central systems that do what none should, or what few do.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use dynamo_simulator::charge_point::Action;
use dynamo_simulator::{Clock, Verdict, run, spawn};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::csms::{self, Csms, Frame, Script};
use crate::fleet::args;
use crate::{card, station, until};

const FAST: Clock = Clock::Real { speed: 20.0 };

fn answers(id: &str) -> impl Fn(&Frame) -> bool + '_ {
    move |frame| frame.received && frame.json[0] != 2 && frame.json[1] == id
}

/// Rejected, until it may be accepted.
fn rejects(action: &str, payload: &Value) -> Result<Value, &'static str> {
    let mut answer = csms::answer(action, payload)?;
    if action == "BootNotification" && !ACCEPTS.load(Relaxed) {
        answer["status"] = "Rejected".into();
        answer["interval"] = 4.into();
    }
    Ok(answer)
}

static ACCEPTS: AtomicBool = AtomicBool::new(false);

#[tokio::test]
async fn a_rejected_charge_point_answers_nothing_at_all() {
    let script = Script {
        answer: rejects,
        ..Script::default()
    };
    let csms = Csms::start(script).await;
    let handle = spawn(station(csms.url(), FAST));
    csms.until("it is rejected", |frames| {
        let rejected = |f: &Frame| !f.received && f.json[2]["status"] == "Rejected";
        frames.iter().any(rejected)
    })
    .await;
    let calls = [
        ("q1", "GetConfiguration", json!({})),
        ("q2", "Reset", json!({"type": "Hard"})),
        (
            "q3",
            "TriggerMessage",
            json!({"requestedMessage": "Heartbeat"}),
        ),
        ("q4", "RemoteStartTransaction", json!({"idTag": "A"})),
        (
            "q5",
            "ChangeConfiguration",
            json!({"key": "HeartbeatInterval", "value": "1"}),
        ),
        // What it could not even understand.
        ("q6", "MakeCoffee", json!({})),
        ("q7", "GetDiagnostics", json!({"location": "ftp://x"})),
        ("q8", "Reset", json!({})),
        ("q9", "Reset", json!([])),
    ];
    for (id, action, payload) in &calls {
        csms.call(id, action, payload.clone());
    }
    csms.send(&Message::text(r#"[2,"q10"]"#));
    csms.send(&Message::text(r#"[2,"q11","Reset"]"#));
    ACCEPTS.store(true, Relaxed);
    until(&handle, "it is accepted", |s| s.accepted).await;
    csms.call(
        "after",
        "GetConfiguration",
        json!({"key": ["HeartbeatInterval"]}),
    );
    let frames = csms
        .until("it answers again", |frames| {
            frames.iter().any(answers("after"))
        })
        .await;
    for number in 1..=11 {
        let id = format!("q{number}");
        assert!(!frames.iter().any(answers(&id)), "{id} was answered");
    }
    assert!(frames.iter().all(|f| f.socket == 0), "it was not reset");
    let after = frames.iter().find(|f| answers("after")(f)).unwrap();
    let interval = &after.json[2]["configurationKey"][0]["value"];
    assert_eq!(interval, "300", "nothing was changed");
    handle.stop().await;
}

/// Everything but boots is answered with what is no answer.
fn says_null(action: &str, payload: &Value) -> Result<Value, &'static str> {
    match action {
        "BootNotification" => csms::answer(action, payload),
        _ => Ok(Value::Null),
    }
}

fn says_list(action: &str, payload: &Value) -> Result<Value, &'static str> {
    match action {
        "BootNotification" => csms::answer(action, payload),
        _ => Ok(json!([])),
    }
}

fn adds_a_member(action: &str, payload: &Value) -> Result<Value, &'static str> {
    let mut answer = csms::answer(action, payload)?;
    if action != "BootNotification" {
        answer["surplus"] = 1.into();
    }
    Ok(answer)
}

/// An answer that breaks its schema is no answer: the tag is not accepted, the transaction has no id, and the charge
/// point works on.
#[tokio::test]
async fn answers_that_break_their_schema_do_no_harm() {
    let broken: [csms::Answer; 3] = [says_null, says_list, adds_a_member];
    for answer in broken {
        let script = Script {
            answer,
            ..Script::default()
        };
        let csms = Csms::start(script).await;
        let mut station = station(csms.url(), FAST);
        for (key, value) in [
            ("TransactionMessageAttempts", "2"),
            ("TransactionMessageRetryInterval", "1"),
            ("MeterValueSampleInterval", "5"),
        ] {
            station.setup.configure(key, value).unwrap();
        }
        let handle = spawn(station);
        until(&handle, "it is accepted", |s| s.accepted).await;
        handle
            .operate(Action::PlugIn { connector_id: 1 })
            .await
            .unwrap();
        handle.operate(card()).await.unwrap();
        csms.until("a tag was asked about, and that was answered", |frames| {
            let asked = frames.iter().find(|f| f.is_call("Authorize"));
            asked.is_some_and(|asked| {
                let answers = |f: &Frame| !f.received && f.json[1] == asked.json[1];
                frames.iter().any(answers)
            })
        })
        .await;
        csms.call(
            "start",
            "ChangeConfiguration",
            json!({"key": "AuthorizeRemoteTxRequests", "value": "false"}),
        );
        csms.call(
            "go",
            "RemoteStartTransaction",
            json!({"idTag": "R", "connectorId": 1}),
        );
        let running = until(&handle, "a transaction runs", |s| s.connectors[0].charging).await;
        assert_eq!(running.connectors[0].id_tag.as_deref(), Some("R"));
        csms.until("the start was tried twice, then readings", |frames| {
            let count = |action| frames.iter().filter(|f| f.is_call(action)).count();
            count("StartTransaction") == 2 && count("MeterValues") >= 1
        })
        .await;
        assert_eq!(handle.snapshot().connectors[0].transaction_id, None);
        csms.call("still-there", "GetConfiguration", json!({}));
        csms.until("it works on", |frames| {
            frames.iter().any(answers("still-there"))
        })
        .await;
        handle.stop().await;
    }
}

/// They are errors of the CSMS: each is counted, and no run holds with one.
#[tokio::test]
async fn answers_that_break_their_schema_are_counted() {
    let broken: [csms::Answer; 2] = [says_null, adds_a_member];
    for answer in broken {
        let script = Script {
            answer,
            ..Script::default()
        };
        let csms = Csms::start(script).await;
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report.json").display().to_string();
        let flags = [
            "--count",
            "2",
            "--duration",
            "2s",
            "--speed",
            "20",
            "--report",
            &report,
        ];
        let verdict = run(args(&csms.url(), &flags), CancellationToken::new()).await;
        assert!(matches!(verdict, Ok(Verdict::NotHeld(_))), "{verdict:?}");
        let report = std::fs::read_to_string(&report).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let calls = &report["calls"]["by_action"];
        for action in ["StatusNotification", "Authorize"] {
            let of_action = &calls[action];
            assert!(
                of_action["error"].as_u64() > Some(0),
                "{action}: {of_action}"
            );
            assert_eq!(of_action["error"], of_action["sent"], "{action}");
            assert_eq!(of_action["ok"], 0, "{action}");
        }
        assert_eq!(report["transactions"]["started"], 0);
    }
}
