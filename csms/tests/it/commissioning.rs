//! The commissioning run, against a charge point that does what each test wants.

mod resumed;

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::task::JoinHandle;

use crate::support::{ChargePoint, KEY, PATIENCE, Rig, options};

pub(crate) const ID: &str = "cp_01HX5P2QRSTUVWXYZ0";
pub(crate) const EMAIL: &str = "installer@acme.com";

/// How the charge point behaves.
#[derive(Clone)]
pub(crate) struct Manner {
    firmware: Option<&'static str>,
    connector: &'static str,
    triggers: bool,
    silent: bool,
    remote_start: &'static str,
    starts: bool,
    stops: bool,
    /// Whether energy flows after a start: a status says so.
    flows: bool,
    /// How often it refuses to stop before it does.
    stop_refusals: u32,
    /// Adds a member that no schema knows to its answers to this.
    odd: Option<&'static str>,
    started_on: i32,
    /// The stamp of the stop; now when left out.
    stopped_at: Option<&'static str>,
    meter_stop: i32,
}

pub(crate) const GOOD: Manner = Manner {
    firmware: Some("1.2.3"),
    connector: "Available",
    triggers: true,
    silent: false,
    remote_start: "Accepted",
    starts: true,
    stops: true,
    flows: true,
    stop_refusals: 0,
    odd: None,
    started_on: 1,
    stopped_at: None,
    meter_stop: 10,
};

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

impl Manner {
    fn boot(&self) -> Value {
        let mut boot = json!({"chargePointVendor": "V", "chargePointModel": "M"});
        if let Some(firmware) = self.firmware {
            boot["firmwareVersion"] = json!(firmware);
        }
        boot
    }

    async fn connect(&self, rig: &Rig) -> ChargePoint {
        let mut cp = rig.connect(ID).await;
        cp.call("BootNotification", self.boot()).await.unwrap();
        cp.status(1, self.connector, None).await;
        cp
    }

    /// Answers until the socket ends, or a message that it does not answer; the starts that came.
    async fn live(self, mut cp: ChargePoint) -> (ChargePoint, usize) {
        let (mut starts, mut refusals) = (0, self.stop_refusals);
        let mut transaction = Value::Null;
        while let Some(frame) = cp.next_frame_for(Duration::from_secs(60)).await {
            if frame[0] != 2 || self.silent {
                continue;
            }
            let (id, payload) = (&frame[1], &frame[3]);
            match frame[2].as_str().unwrap() {
                action if self.odd == Some(action) => {
                    let unreadable = json!({"status": 7, "configurationKey": "none"});
                    cp.answer(id, unreadable).await;
                }
                "TriggerMessage" if !self.triggers => {
                    cp.send(&json!([4, id, "NotImplemented", "", {}]).to_string())
                        .await;
                }
                "TriggerMessage" => {
                    cp.answer(id, json!({"status": "Accepted"})).await;
                    if payload["requestedMessage"] == "BootNotification" {
                        cp.call("BootNotification", self.boot()).await.unwrap();
                    } else {
                        cp.status(1, self.connector, None).await;
                    }
                }
                "GetConfiguration" => cp.answer(id, json!({})).await,
                "RemoteStartTransaction" => {
                    starts += 1;
                    assert_eq!(payload["idTag"], "COMMISSIONING");
                    cp.answer(id, json!({"status": self.remote_start})).await;
                    if self.starts && self.remote_start == "Accepted" {
                        let started = cp.start(self.started_on, "COMMISSIONING", &now(), 0).await;
                        assert_eq!(started["idTagInfo"]["status"], "Accepted");
                        transaction = started["transactionId"].clone();
                        if self.flows {
                            // A command that comes before energy flows is refused.
                            let early =
                                tokio::time::timeout(Duration::from_millis(100), cp.next_frame());
                            assert!(early.await.is_err());
                            // What it is told then may come before the answer to this.
                            let charging = json!({"connectorId": self.started_on,
                                "errorCode": "NoError", "status": "Charging"});
                            cp.send_call("StatusNotification", charging).await;
                        }
                    }
                }
                "RemoteStopTransaction" => {
                    if !self.stops {
                        return (cp, starts);
                    }
                    if refusals > 0 {
                        refusals -= 1;
                        cp.answer(id, json!({"status": "Rejected"})).await;
                        continue;
                    }
                    cp.answer(id, json!({"status": "Accepted"})).await;
                    let number = if transaction.is_null() {
                        &payload["transactionId"]
                    } else {
                        &transaction
                    };
                    let at = self.stopped_at.map_or_else(now, str::to_owned);
                    let stop = json!({"transactionId": number, "timestamp": at,
                        "meterStop": self.meter_stop});
                    cp.send_call("StopTransaction", stop).await;
                }
                other => panic!("{other}"),
            }
        }
        (cp, starts)
    }

    pub(crate) async fn behind(&self, rig: &Rig) -> JoinHandle<(ChargePoint, usize)> {
        let cp = self.connect(rig).await;
        tokio::spawn(self.clone().live(cp))
    }
}

async fn rig() -> (Rig, String) {
    rig_waiting(Duration::from_secs(1)).await
}

async fn rig_waiting(wait: Duration) -> (Rig, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.command_timeout = Duration::from_millis(500);
    options.commissioning_wait = wait;
    let rig = Rig::start(folder, options).await;
    let token = rig.installer(EMAIL).await;
    rig.installed(ID, EMAIL, "ABB Terra AC W22").await;
    (rig, token)
}

fn path(rest: &str) -> String {
    format!("/api/v1/installer/commissioning/{ID}/{rest}")
}

pub(crate) async fn start(rig: &Rig, token: &str) -> Value {
    let body = json!({"run_test_transaction": true, "notify_on_complete": true});
    let (status, body) = rig
        .request(Method::POST, &path("start"), Some(body), token)
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    assert_eq!(body["status"], "in_progress");
    assert!(
        body["commissioning_id"]
            .as_str()
            .unwrap()
            .starts_with("com_")
    );
    body
}

/// The status once the run has ended.
pub(crate) async fn ended(rig: &Rig, token: &str) -> Value {
    let begun = Instant::now();
    loop {
        let (status, body) = rig.request(Method::GET, &path("status"), None, token).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        if body["status"] != "in_progress" {
            return body;
        }
        assert!(begun.elapsed() < PATIENCE, "{body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn results(status: &Value) -> Vec<&str> {
    let checks = status["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "ocpp_handshake",
            "firmware_version",
            "connector_available",
            "test_transaction"
        ]
    );
    checks
        .iter()
        .map(|c| c["result"].as_str().unwrap())
        .collect()
}

/// Runs against a manner: how it ends.
async fn run(manner: Manner) -> (Rig, String, Value) {
    let (rig, token) = rig().await;
    let _station = manner.behind(&rig).await;
    start(&rig, &token).await;
    let status = ended(&rig, &token).await;
    (rig, token, status)
}

async fn is_commissioned(rig: &Rig) -> bool {
    let rows = rig
        .sql("select 1 from charge_point where commissioned_at_ms is not null")
        .await;
    !rows.is_empty()
}

#[tokio::test]
async fn a_good_charge_point_is_commissioned_and_the_log_has_the_frames() {
    let (rig, token, status) = run(GOOD).await;
    assert_eq!(status["status"], "completed", "{status}");
    assert_eq!(results(&status), ["passed"; 4]);
    assert!(status["completed_at"].is_string());
    assert!(is_commissioned(&rig).await);
    let (code, log) = rig.request(Method::GET, &path("log"), None, &token).await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(log["commissioning_id"], status["commissioning_id"]);
    let entries = log["entries"].as_array().unwrap();
    let framed = |check: &str, direction: &str, action: &str| {
        entries
            .iter()
            .any(|e| e["check"] == check && e["direction"] == direction && e["frame"][2] == action)
    };
    for (check, direction, action) in [
        ("ocpp_handshake", "sent", "GetConfiguration"),
        ("firmware_version", "sent", "TriggerMessage"),
        ("firmware_version", "received", "BootNotification"),
        ("connector_available", "received", "StatusNotification"),
        ("test_transaction", "sent", "RemoteStartTransaction"),
        ("test_transaction", "received", "StartTransaction"),
        ("test_transaction", "sent", "RemoteStopTransaction"),
        ("test_transaction", "received", "StopTransaction"),
    ] {
        assert!(framed(check, direction, action), "{check} {action}: {log}");
    }
    let answer = entries
        .iter()
        .find(|e| e["frame"][0] == 3 && e["check"] == "ocpp_handshake");
    assert_eq!(answer.unwrap()["direction"], "received", "{log}");
    assert!(entries.iter().all(|e| e["at"].is_string()));
    let transactions = rig.transactions(ID).await;
    assert_eq!(transactions.len(), 1);
    assert_eq!(transactions[0]["status"], "stopped");
    let mail = rig
        .sql("select recipient, body from outbox where kind = 'mail'")
        .await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].get::<String, _>("recipient"), EMAIL);
    assert!(
        mail[0]
            .get::<String, _>("body")
            .contains("test_transaction: passed")
    );
}

#[tokio::test]
async fn the_handshake_alone_fails() {
    // Without a socket.
    let (rig, token) = rig().await;
    start(&rig, &token).await;
    let status = ended(&rig, &token).await;
    assert_eq!(status["status"], "failed");
    assert_eq!(
        results(&status),
        ["failed", "skipped", "skipped", "skipped"]
    );
    assert!(!is_commissioned(&rig).await);
    // Without an answer.
    let (rig, _, status) = run(Manner {
        silent: true,
        ..GOOD
    })
    .await;
    assert_eq!(
        results(&status),
        ["failed", "skipped", "skipped", "skipped"]
    );
    assert!(!is_commissioned(&rig).await);
    assert_eq!(rig.sql("select 1 from outbox").await.len(), 1);
}

#[tokio::test]
async fn the_firmware_version_alone_fails() {
    for triggers in [true, false] {
        let (rig, _, status) = run(Manner {
            firmware: None,
            triggers,
            ..GOOD
        })
        .await;
        assert_eq!(status["status"], "failed");
        assert_eq!(
            results(&status),
            ["passed", "failed", "passed", "passed"],
            "{status}"
        );
        assert!(!is_commissioned(&rig).await);
    }
}

#[tokio::test]
async fn the_connector_alone_fails() {
    for triggers in [true, false] {
        let (rig, _, status) = run(Manner {
            connector: "Faulted",
            triggers,
            ..GOOD
        })
        .await;
        assert_eq!(
            results(&status),
            ["passed", "passed", "failed", "skipped"],
            "{status}"
        );
        assert!(
            status["checks"][2]["reason"]
                .as_str()
                .unwrap()
                .contains("Faulted")
        );
        assert!(!is_commissioned(&rig).await);
    }
}

#[tokio::test]
async fn a_stop_that_is_refused_is_sent_again_and_energy_is_waited_for_within_bounds() {
    for (manner, said) in [
        (
            Manner {
                stop_refusals: 2,
                ..GOOD
            },
            "it is sent again",
        ),
        (
            Manner {
                flows: false,
                ..GOOD
            },
            "no energy flows yet",
        ),
    ] {
        let (rig, token, status) = run(manner).await;
        assert_eq!(status["status"], "completed", "{status}");
        let (_, log) = rig.request(Method::GET, &path("log"), None, &token).await;
        assert!(log.to_string().contains(said), "{log}");
    }
}

#[tokio::test]
async fn the_test_transaction_alone_fails() {
    for manner in [
        Manner {
            remote_start: "Rejected",
            ..GOOD
        },
        Manner {
            starts: false,
            ..GOOD
        },
        Manner {
            stops: false,
            ..GOOD
        },
    ] {
        let (rig, _, status) = run(manner).await;
        assert_eq!(status["status"], "failed");
        assert_eq!(
            results(&status),
            ["passed", "passed", "passed", "failed"],
            "{status}"
        );
        assert!(!is_commissioned(&rig).await);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_its_schema_fails_its_check() {
    for (action, index) in [("GetConfiguration", 0), ("TriggerMessage", 1)] {
        let (rig, _, status) = run(Manner {
            odd: Some(action),
            ..GOOD
        })
        .await;
        assert_eq!(results(&status)[index], "failed", "{status}");
        let reason = status["checks"][index]["reason"].as_str().unwrap();
        assert!(reason.contains("breaks the schema"), "{reason}");
        assert!(!is_commissioned(&rig).await);
    }
}

#[tokio::test]
async fn a_test_transaction_that_cannot_be_fails_with_its_reason() {
    for (manner, word) in [
        (
            Manner {
                started_on: 2,
                ..GOOD
            },
            "connector 2",
        ),
        (
            Manner {
                meter_stop: -1,
                ..GOOD
            },
            "meter_stop_below_start",
        ),
        (
            Manner {
                stopped_at: Some("2001-01-01T00:00:00Z"),
                ..GOOD
            },
            "stop_before_start",
        ),
    ] {
        let (rig, _, status) = run(manner).await;
        assert_eq!(
            results(&status),
            ["passed", "passed", "passed", "failed"],
            "{status}"
        );
        let reason = status["checks"][3]["reason"].as_str().unwrap();
        assert!(reason.contains(word), "{reason}");
        assert!(!is_commissioned(&rig).await);
    }
}

#[tokio::test]
async fn what_cannot_be_triggered_passes_by_what_it_said_itself() {
    let (_, _, status) = run(Manner {
        triggers: false,
        ..GOOD
    })
    .await;
    assert_eq!(results(&status), ["passed"; 4], "{status}");
}

#[tokio::test]
async fn without_a_wish_for_it_there_is_no_transaction_and_no_mail() {
    let (rig, token) = rig().await;
    let _station = GOOD.behind(&rig).await;
    let (status, _) = rig
        .request(Method::POST, &path("start"), None, &token)
        .await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let status = ended(&rig, &token).await;
    assert_eq!(status["status"], "completed");
    assert_eq!(results(&status), ["passed", "passed", "passed", "skipped"]);
    assert!(rig.transactions(ID).await.is_empty());
    assert!(rig.sql("select 1 from outbox").await.is_empty());
}

#[tokio::test]
async fn who_is_notified_hears_of_every_completed_run_by_webhook_and_who_is_not_of_none() {
    let (rig, token) = rig().await;
    let hook = json!({"url": "http://127.0.0.1:9/", "events": ["charge_point.commissioned"]});
    let made = rig.request(Method::POST, "/api/v1/webhooks", Some(hook), KEY);
    assert_eq!(made.await.0, StatusCode::CREATED);
    let _station = GOOD.behind(&rig).await;
    let letters = "select kind from outbox order by kind";
    for (notify, letters_then) in [
        (false, &[][..]),
        (true, &["mail", "webhook"]),
        (true, &["mail", "mail", "webhook", "webhook"]),
        (false, &["mail", "mail", "webhook", "webhook"]),
    ] {
        let body = json!({"notify_on_complete": notify});
        rig.request(Method::POST, &path("start"), Some(body), &token)
            .await;
        assert_eq!(ended(&rig, &token).await["status"], "completed");
        let rows = rig.sql(letters).await;
        let kinds: Vec<String> = rows.iter().map(|row| row.get("kind")).collect();
        assert_eq!(kinds, letters_then);
    }
}

#[tokio::test]
async fn a_second_start_is_answered_with_the_running_one() {
    let (rig, token) = rig().await;
    let station = Manner {
        starts: false,
        ..GOOD
    }
    .behind(&rig)
    .await;
    let first = start(&rig, &token).await;
    let second = start(&rig, &token).await;
    assert_eq!(first["commissioning_id"], second["commissioning_id"]);
    assert_eq!(first["started_at"], second["started_at"]);
    ended(&rig, &token).await;
    let third = start(&rig, &token).await;
    assert_ne!(first["commissioning_id"], third["commissioning_id"]);
    ended(&rig, &token).await;
    drop(rig);
    station.abort();
}

#[tokio::test]
async fn the_tag_is_nobodys_outside_the_run() {
    let (rig, token) = rig().await;
    let mut cp = GOOD.connect(&rig).await;
    let tag = json!({"idTag": "commissioning"});
    let answer = cp.call("Authorize", tag.clone()).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Invalid");
    let station = tokio::spawn(GOOD.live(cp));
    start(&rig, &token).await;
    ended(&rig, &token).await;
    station.abort();
    let mut cp = GOOD.connect(&rig).await;
    let started = cp
        .start(1, "COMMISSIONING", "2031-01-01T00:00:00Z", 0)
        .await;
    assert_eq!(started["idTagInfo"]["status"], "Invalid");
}

async fn until(rig: &Rig, sql: &str) {
    let begun = Instant::now();
    while rig.sql(sql).await.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{sql}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn runs_are_for_the_installer_of_the_charge_point() {
    let (rig, token) = rig().await;
    let other = rig.installer("other@acme.com").await;
    for (method, rest) in [
        (Method::POST, "start"),
        (Method::GET, "status"),
        (Method::GET, "log"),
    ] {
        for (key, status) in [(other.as_str(), 404), (KEY, 403), ("wrong", 401)] {
            let (got, _) = rig.request(method.clone(), &path(rest), None, key).await;
            assert_eq!(got, status, "{rest}");
        }
    }
    // No run was started.
    assert_eq!(
        rig.request(Method::GET, &path("status"), None, &token)
            .await
            .0,
        404
    );
    let wrong = Some(json!({"run_test_transaction": "yes"}));
    let (status, body) = rig
        .request(Method::POST, &path("start"), wrong, &token)
        .await;
    assert_eq!(
        (status.as_u16(), &body["details"][0]["field"]),
        (400, &json!("run_test_transaction"))
    );
}

#[tokio::test]
async fn a_long_payload_is_cut_in_the_log() {
    let (rig, token) = rig().await;
    let mut cp = GOOD.connect(&rig).await;
    start(&rig, &token).await;
    let (id, action, _) = cp.next_call().await;
    assert_eq!(action, "GetConfiguration");
    let key = |value: &str| json!({"key": "X", "readonly": false, "value": value});
    let keys: Vec<Value> = (0..20).map(|_| key(&"x".repeat(400))).collect();
    cp.answer(&id, json!({"configurationKey": keys})).await;
    let _station = tokio::spawn(GOOD.live(cp));
    ended(&rig, &token).await;
    let (_, log) = rig.request(Method::GET, &path("log"), None, &token).await;
    let entries = log["entries"].as_array().unwrap();
    let cut = entries
        .iter()
        .find(|entry| entry["direction"] == "received" && entry["frame"][1] == id)
        .unwrap();
    assert_eq!(cut["frame"][2].as_str().unwrap().len(), 4096);
    let message = cut["message"].as_str().unwrap();
    assert!(message.starts_with("the payload has ") && message.ends_with("is cut"));
}
