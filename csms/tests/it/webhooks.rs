//! Webhooks and mail, with receivers that listen on real sockets.

mod subscriptions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Status};
use axum::routing::post;
use dynamo_csms::store::{ChargePointSetting, NewApiKey, SCOPE_READ, SCOPE_WRITE};
use dynamo_protocol::ChargePointId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::Row as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::databases::postgres;
use crate::support::{KEY, PATIENCE, Rig, options, rig, rig_with};

const PATH: &str = "/api/v1/webhooks";
const SECRET: &str = "whsec_0123456789";

/// How a receiver answers the attempt of this number, from 0.
type Answers = fn(usize) -> Status;

/// Somebody who is told what happens.
#[derive(Clone)]
struct Receiver {
    url: String,
    inner: Arc<Inner>,
}

struct Inner {
    answers: Answers,
    hangs: bool,
    attempts: Mutex<Vec<(HeaderMap, String)>>,
    taken: Mutex<Vec<Value>>,
    changed: Notify,
}

impl Receiver {
    async fn start(answers: Answers) -> Self {
        Self::start_with(answers, false).await
    }

    /// Takes every letter and never answers.
    async fn hanging() -> Self {
        Self::start_with(|_| Status::OK, true).await
    }

    async fn start_with(answers: Answers, hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            answers,
            hangs,
            attempts: Mutex::default(),
            taken: Mutex::default(),
            changed: Notify::new(),
        });
        let router = Router::new()
            .route("/events", post(take))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// The first letters that were taken, once there are as many.
    async fn letters(&self, count: usize) -> Vec<Value> {
        let enough = async {
            loop {
                let changed = self.inner.changed.notified();
                let taken = self.inner.taken.lock().unwrap().clone();
                if taken.len() >= count {
                    return taken;
                }
                changed.await;
            }
        };
        let result = timeout(PATIENCE, enough).await;
        result.unwrap_or_else(|_| panic!("{count} letters: {:?}", self.inner.taken.lock().unwrap()))
    }

    async fn types(&self, count: usize) -> Vec<String> {
        let letters = self.letters(count).await;
        let types = letters
            .iter()
            .map(|l| l["type"].as_str().unwrap().to_owned());
        types.collect()
    }

    async fn attempts(&self, count: usize) -> Vec<(HeaderMap, String)> {
        let enough = async {
            loop {
                let changed = self.inner.changed.notified();
                let attempts = self.inner.attempts.lock().unwrap().clone();
                if attempts.len() >= count {
                    return attempts;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, enough).await.expect("attempts")
    }
}

async fn take(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    body: Bytes,
) -> (Status, HeaderMap) {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let number = {
        let mut attempts = inner.attempts.lock().unwrap();
        attempts.push((headers, text.clone()));
        attempts.len() - 1
    };
    let status = (inner.answers)(number);
    if status.is_success() && !inner.hangs {
        let letter = serde_json::from_str(&text).unwrap();
        inner.taken.lock().unwrap().push(letter);
    }
    inner.changed.notify_waiters();
    if inner.hangs {
        std::future::pending::<()>().await;
    }
    let mut headers = HeaderMap::new();
    headers.insert("location", "/elsewhere".parse().unwrap());
    (status, headers)
}

async fn subscribe(rig: &Rig, url: &str, events: &[&str]) -> Value {
    let body = json!({"url": url, "events": events, "secret": SECRET});
    let (status, body) = rig.request(Method::POST, PATH, Some(body), KEY).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body
}

fn verify(headers: &HeaderMap, body: &str) {
    let signature = headers["dynamo-signature"].to_str().unwrap();
    let (t, v1) = signature.split_once(",v1=").unwrap();
    let t = t.strip_prefix("t=").unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now - t.parse::<i64>().unwrap()).abs() < 60, "{signature}");
    let hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let digest = hmac
        .chain_update(format!("{t}.{body}"))
        .finalize()
        .into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(v1, hex);
}

const ALL: [&str; 9] = [
    "charge_point.booted",
    "charge_point.connected",
    "charge_point.disconnected",
    "charge_point.status_changed",
    "charge_point.commissioned",
    "transaction.started",
    "transaction.updated",
    "transaction.stopped",
    "command.completed",
];

#[tokio::test]
async fn what_happens_is_told_in_order_and_signed() {
    let rig = rig().await;
    let receiver = Receiver::start(|_| Status::NO_CONTENT).await;
    let made = subscribe(&rig, &receiver.url, &ALL).await;
    assert_eq!(made["events"], json!(ALL));
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    cp.status(1, "Available", Some("2026-01-01T00:00:00Z"))
        .await;
    // No change: it is not told again.
    cp.status(1, "Available", Some("2026-01-01T00:00:01Z"))
        .await;
    let start = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 1_000).await;
    let id = start["transactionId"].clone();
    // Retransmissions are told once.
    cp.start(1, "TAG", "2026-01-01T10:00:00Z", 1_000).await;
    for _ in 0..2 {
        cp.meter(&id, "2026-01-01T10:30:00Z", "4000").await;
    }
    for _ in 0..2 {
        cp.stop(&id, "2026-01-01T11:00:00Z", 9_200).await;
    }
    let answering = async {
        let (call, action, _) = cp.next_call().await;
        assert_eq!(action, "ClearCache");
        cp.answer(&call, json!({"status": "Accepted"})).await;
    };
    let command = rig.command("CP-1", "ClearCache", json!({}));
    let ((status, _), ()) = tokio::join!(command, answering);
    assert_eq!(status, StatusCode::OK);
    // The answer to the command is told before the end of the socket.
    receiver.letters(7).await;
    cp.socket.close(None).await.unwrap();
    let letters = receiver.letters(8).await;
    let types: Vec<_> = letters
        .iter()
        .map(|l| l["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "charge_point.connected",
            "charge_point.booted",
            "charge_point.status_changed",
            "transaction.started",
            "transaction.updated",
            "transaction.stopped",
            "command.completed",
            "charge_point.disconnected",
        ]
    );
    for letter in &letters {
        assert_eq!(letter["charge_point_id"], "CP-1");
        assert!(letter["id"].as_str().unwrap().starts_with("evt_"));
        assert!(
            letter["created_at"]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .is_ok()
        );
        assert_eq!(letter.as_object().unwrap().len(), 5, "{letter}");
    }
    assert_eq!(letters[1]["data"]["vendor"], "Vendor");
    assert_eq!(letters[2]["data"]["status"], "Available");
    assert_eq!(letters[3]["data"]["transaction_id"], id);
    assert_eq!(letters[4]["data"]["meter_value"], 4_000);
    assert_eq!(letters[5]["data"]["energy_wh"], 8_200);
    assert_eq!(letters[5]["data"]["connector_id"], 1);
    assert_eq!(letters[6]["data"]["command"], "ClearCache");
    assert_eq!(letters[6]["data"]["status"], "Accepted");
    for (headers, body) in receiver.attempts(8).await {
        verify(&headers, &body);
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn the_end_of_what_is_abandoned_is_told_when_it_is_final_and_corrected_by_a_late_stop() {
    let rig = rig_with(|options| options.provisional = Duration::from_millis(100)).await;
    let receiver = Receiver::start(|_| Status::NO_CONTENT).await;
    // Nothing else is waited for: the end alone has to wake the outbox.
    subscribe(&rig, &receiver.url, &["transaction.stopped"]).await;
    let mut cp = rig.connect("CP-1").await;
    let first = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 1_000).await["transactionId"].clone();
    cp.meter(&first, "2026-01-01T10:30:00Z", "4000").await;
    // What goes on is not told as an end.
    cp.status(1, "Available", None).await;
    cp.status(1, "Charging", None).await;
    let second = cp.start(1, "TAG", "2026-01-01T11:00:00Z", 5_000).await["transactionId"].clone();
    receiver.letters(1).await;
    for _ in 0..2 {
        cp.status(1, "Available", Some("2026-01-01T12:00:00Z"))
            .await;
    }
    receiver.letters(2).await;
    for _ in 0..2 {
        cp.stop(&first, "2026-01-01T10:45:00Z", 4_500).await;
    }
    let letters = receiver.letters(3).await;
    let told: Vec<_> = letters
        .iter()
        .map(|letter| {
            let data = &letter["data"];
            let field = |name: &str| data[name].clone();
            [field("transaction_id"), field("reason"), field("energy_wh")]
        })
        .collect();
    assert_eq!(
        told,
        [
            [first.clone(), json!("abandoned"), json!(3_000)],
            [second, json!("abandoned"), json!(0)],
            [first, json!("Local"), json!(3_500)],
        ]
    );
    assert_eq!(letters[0]["data"]["stop_time"], "2026-01-01T10:30:00.000Z");
    assert_eq!(letters[2]["data"]["stop_time"], "2026-01-01T10:45:00.000Z");
    // A retransmission tells nothing.
    assert_eq!(rig.sql("select id from outbox").await.len(), 3);
}

#[tokio::test]
async fn a_lane_waits_for_its_first_letter_and_the_id_stays() {
    failing_first(rig().await).await;
}

#[tokio::test]
async fn a_lane_waits_for_its_first_letter_on_postgres_too() {
    if let Some(address) = postgres().await {
        failing_first(rig_with(|options| options.database = address).await).await;
    }
}

async fn failing_first(rig: Rig) {
    // Neither an error nor a redirect is an arrival.
    let receiver = Receiver::start(|number| match number {
        0 => Status::INTERNAL_SERVER_ERROR,
        1 => Status::FOUND,
        _ => Status::OK,
    })
    .await;
    subscribe(&rig, &receiver.url, &["charge_point.status_changed"]).await;
    let mut cp = rig.connect("CP-1").await;
    for status in ["Available", "Preparing", "Charging", "Finishing"] {
        cp.status(1, status, None).await;
    }
    let letters = receiver.letters(4).await;
    let told: Vec<_> = letters
        .iter()
        .map(|l| l["data"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["Available", "Preparing", "Charging", "Finishing"]);
    let attempts = receiver.attempts(6).await;
    assert_eq!(attempts.len(), 6);
    assert!(attempts[0].1 == attempts[1].1 && attempts[1].1 == attempts[2].1);
}

#[tokio::test]
async fn who_hangs_or_is_away_is_cut_off_and_blocks_nobody() {
    let rig = rig_with(|options| options.letter_timeout = Duration::from_millis(300)).await;
    let events = ["charge_point.booted"];
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}/", gone.local_addr().unwrap());
    drop(gone);
    let slow = Receiver::hanging().await;
    let good = Receiver::start(|_| Status::OK).await;
    subscribe(&rig, &away, &events).await;
    subscribe(&rig, &slow.url, &events).await;
    subscribe(&rig, &good.url, &events).await;
    let mut points = Vec::new();
    for number in 0..20 {
        let mut cp = rig.connect(&format!("CP-{number}")).await;
        cp.boot().await;
        points.push(cp);
    }
    good.letters(20).await;
    // Each of the hanging attempts is over, and the next one is made.
    let attempts = slow.attempts(21).await;
    let mut per_letter: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, body) in &attempts {
        *per_letter.entry(body).or_default() += 1;
    }
    assert!(per_letter.len() <= 20 && per_letter.values().any(|count| *count > 1));
}

#[tokio::test]
async fn a_restart_loses_no_letter_and_changes_no_order() {
    let rig = rig().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/events");
    subscribe(
        &rig,
        &url,
        &["charge_point.status_changed", "charge_point.disconnected"],
    )
    .await;
    let mut cp = rig.connect("CP-1").await;
    for status in ["Available", "Preparing", "Charging"] {
        cp.status(1, status, None).await;
    }
    let rig = rig.restart().await;
    let listener = TcpListener::bind(address).await.unwrap();
    let inner = Arc::new(Inner {
        answers: |_| Status::OK,
        hangs: false,
        attempts: Mutex::default(),
        taken: Mutex::default(),
        changed: Notify::new(),
    });
    let router = Router::new()
        .route("/events", post(take))
        .with_state(inner.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let receiver = Receiver { url, inner };
    let letters = receiver.letters(4).await;
    let told: Vec<_> = letters
        .iter()
        .map(|l| l["data"]["status"].clone())
        .collect();
    assert_eq!(told[..3], ["Available", "Preparing", "Charging"]);
    assert_eq!(letters[3]["type"], "charge_point.disconnected");
    drop(rig);
}

/// What is in the outbox, in the order of its lane.
async fn told(rig: &Rig) -> Vec<String> {
    let rows = rig.sql("select body from outbox order by id").await;
    let types = rows.iter().map(|row| {
        let body: Value = serde_json::from_str(&row.get::<String, _>("body")).unwrap();
        body["type"].as_str().unwrap().to_owned()
    });
    types.collect()
}

#[tokio::test]
async fn what_a_command_made_happen_is_told_after_the_command() {
    let rig = rig().await;
    let events = ["command.completed", "charge_point.status_changed"];
    subscribe(&rig, "http://127.0.0.1:9/events", &events).await;
    let mut cp = rig.connect("CP-1").await;
    let (sessions, id) = (rig.csms.sessions(), ChargePointId::new("CP-1").unwrap());
    for number in 0..40 {
        let before = told(&rig).await.len();
        let status = if number % 2 == 0 {
            "Charging"
        } else {
            "Available"
        };
        let command = sessions.call_raw(&id, "ClearCache", "{}".to_owned());
        let station = async {
            let (id, ..) = cp.next_call().await;
            cp.answer(&id, json!({"status": "Accepted"})).await;
            cp.status(1, status, None).await;
        };
        let (answer, ()) = tokio::join!(command, station);
        assert!(answer.is_ok());
        assert_eq!(told(&rig).await[before..], events, "{number}");
    }
}

#[tokio::test]
async fn what_the_database_does_not_take_is_told_when_it_does() {
    let rig = rig().await;
    let receiver = Receiver::start(|_| Status::OK).await;
    subscribe(&rig, &receiver.url, &["charge_point.disconnected"]).await;
    let path = rig.folder.path().join("csms.db");
    let aside = rig.folder.path().join("aside.db");
    let cp = rig.connect("CP-1").await;
    std::fs::rename(&path, &aside).unwrap();
    drop(cp);
    rig.until_offline("CP-1").await;
    // Further commits fail by now: the attempt to tell was before them.
    for _ in 0..3 {
        assert_eq!(rig.get("/readyz").await.0, Status::SERVICE_UNAVAILABLE);
    }
    std::fs::rename(&aside, &path).unwrap();
    let letters = receiver.letters(1).await;
    assert_eq!(letters[0]["charge_point_id"], "CP-1");
}

#[tokio::test]
async fn two_processes_on_one_postgres_send_each_letter_once() {
    let Some(address) = postgres().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address;
    let rig = Rig::start(folder, options.clone()).await;
    let other = dynamo_csms::start(options).await.unwrap();
    let receiver = Receiver::start(|_| Status::OK).await;
    subscribe(&rig, &receiver.url, &["charge_point.status_changed"]).await;
    let mut points = Vec::new();
    for number in 0..5 {
        points.push(rig.connect(&format!("CP-{number}")).await);
    }
    for turn in 0..10 {
        for cp in &mut points {
            let status = if turn % 2 == 0 {
                "Available"
            } else {
                "Preparing"
            };
            cp.status(1, status, None).await;
        }
    }
    let letters = receiver.letters(50).await;
    // Another look of both: nothing comes twice.
    sleep_until(Instant::now() + Duration::from_millis(1_500)).await;
    assert_eq!(receiver.inner.attempts.lock().unwrap().len(), 50);
    for number in 0..5 {
        let id = format!("CP-{number}");
        let of_one = letters
            .iter()
            .filter(|l| l["charge_point_id"] == id.as_str());
        let told: Vec<_> = of_one
            .map(|l| l["data"]["status"].as_str().unwrap())
            .collect();
        assert_eq!(told, ["Available", "Preparing"].repeat(5), "{id}");
    }
    // The other process knows of the webhook since a second after it was made.
    let url = format!("ws://{}/ocpp16/CP-9", other.ocpp_addr());
    let offer = [("sec-websocket-protocol", "ocpp1.6")];
    let mut cp = crate::support::handshake(&url, &offer).await.unwrap().0;
    cp.status(1, "Available", None).await;
    assert_eq!(receiver.letters(51).await[50]["charge_point_id"], "CP-9");
    other.shutdown().await;
    rig.csms.shutdown().await;
}
