//! Guest sessions: what is answered, what the charge point is sent, and what is paid.

mod evse;
mod late;
mod receipt;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use dynamo_csms::{Clock, Options};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::databases::rigs;
use crate::support::shown;
use crate::support::{ChargePoint, KEY, PATIENCE, Rig, options, rig, rig_with};

const T0: &str = "2026-01-01T10:00:00Z";
const T1: &str = "2026-01-01T11:00:00Z";
pub(crate) const ROOT: &str = "/api/v1/sessions/guest";

fn example() -> Value {
    json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_1OqXYZABC123"})
}

fn paying_with(method: &str) -> Value {
    let mut body = example();
    body["payment_method_id"] = json!(method);
    body
}

/// A CSMS where it is two minutes before [`T0`].
async fn morning_with(change: impl FnOnce(&mut Options)) -> Rig {
    later_with(Arc::default(), change).await
}

/// The same, and so many minutes later.
async fn later(minutes: Arc<AtomicI64>) -> Rig {
    later_with(minutes, |_| ()).await
}

async fn later_with(minutes: Arc<AtomicI64>, change: impl FnOnce(&mut Options)) -> Rig {
    let system = Clock::default();
    let morning = "2026-01-01T09:58:00Z".parse::<jiff::Timestamp>().unwrap();
    let ahead_ms = morning.as_millisecond() - system.now_ms();
    rig_with(|options| {
        options.clock =
            Clock::new(move || system.now_ms() + ahead_ms + minutes.load(Relaxed) * 60_000);
        change(options);
    })
    .await
}

/// The charge point of the examples, connected, at 0.35 GBP for a kWh.
pub(crate) async fn guest_point(rig: &Rig) -> ChargePoint {
    let cp = rig.connect("cp_001").await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    let (status, body) = rig.request(Method::PUT, path, Some(tariff), KEY).await;
    assert_eq!(status, 200, "{body}");
    cp
}

pub(crate) async fn post(rig: &Rig, path: &str, body: Option<Value>) -> (u16, Value) {
    let path = format!("{ROOT}/{path}");
    let (status, body) = rig.request(Method::POST, &path, body, KEY).await;
    (status.as_u16(), body)
}

/// An authorized session: its token.
pub(crate) async fn authorized(rig: &Rig, method: &str) -> String {
    let (status, body) = post(rig, "authorize", Some(paying_with(method))).await;
    assert_eq!(status, 201, "{body}");
    body["session_token"].as_str().unwrap().to_owned()
}

pub(crate) async fn status(rig: &Rig, token: &str) -> Value {
    let (status, body) = rig.get(&format!("{ROOT}/{token}/status")).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// Waits until a field of the status is as wanted.
pub(crate) async fn until(rig: &Rig, token: &str, field: &str, wanted: &str) -> Value {
    let reached = async {
        loop {
            let status = status(rig, token).await;
            if status[field] == wanted {
                return status;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let reached = timeout(PATIENCE, reached).await;
    match reached {
        Ok(status) => status,
        Err(_) => panic!("{field} {wanted}: {}", status(rig, token).await),
    }
}

/// Answers the command that must come next; its payload.
pub(crate) async fn answer(cp: &mut ChargePoint, action: &str, with: &str) -> Value {
    let (id, asked, payload) = cp.next_call().await;
    assert_eq!(asked, action);
    cp.answer(&id, json!({ "status": with })).await;
    payload
}

/// Takes the start and begins; tag and transaction.
pub(crate) async fn begin(cp: &mut ChargePoint) -> (String, Value) {
    let start = answer(cp, "RemoteStartTransaction", "Accepted").await;
    assert_eq!(start["connectorId"], 1);
    let tag = start["idTag"].as_str().unwrap().to_owned();
    assert!(tag.len() <= 20, "{tag}");
    let started = cp.start(1, &tag, T0, 1_000).await;
    assert_eq!(started["idTagInfo"]["status"], "Accepted", "{started}");
    (tag, started["transactionId"].clone())
}

#[tokio::test]
async fn a_guest_charges_stops_and_pays_as_in_the_examples() {
    for rig in rigs().await {
        let mut cp = guest_point(&rig).await;
        let (code, body) = post(&rig, "authorize", Some(example())).await;
        assert_eq!(code, 201, "{body}");
        assert_eq!(body["status"], "authorizing");
        assert_eq!(body["charge_point_id"], "cp_001");
        assert_eq!(body["connector_id"], 1);
        assert_eq!(body["amount_held"], 35.0);
        assert!(body["expires_at"].is_string());
        let token = body["session_token"].as_str().unwrap().to_owned();
        assert!(token.starts_with("guest_tok_"), "{token}");
        assert_eq!(status(&rig, &token).await["started_at"], Value::Null);
        let (tag, transaction) = begin(&mut cp).await;
        assert_eq!(
            cp.start(1, &tag, T0, 1_000).await["transactionId"],
            transaction
        );
        cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
        let so_far = status(&rig, &token).await;
        assert_eq!(so_far["status"], "charging");
        assert_eq!(so_far["energy_kwh"], 8.2);
        assert_eq!(so_far["cost_so_far"], 2.87);
        assert_eq!(so_far["currency"], "GBP");
        assert_eq!(so_far["started_at"], shown(T0));
        let receipt = rig.get(&format!("{ROOT}/{token}/receipt")).await;
        assert_eq!(
            (receipt.0.as_u16(), &receipt.1["code"]),
            (409, &json!("not_completed"))
        );
        // The new price is for those who come after.
        let dear = json!({"currency": "EUR", "price_per_kwh": 9});
        let path = "/api/v1/chargepoints/cp_001/tariff";
        rig.request(Method::PUT, path, Some(dear), KEY).await;
        let path = format!("{token}/stop");
        let (stopped, ()) = tokio::join!(post(&rig, &path, None), async {
            let stop = answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
            assert_eq!(stop["transactionId"], transaction);
            cp.stop(&transaction, T1, 22_600).await;
        });
        let (code, body) = stopped;
        assert_eq!(code, 200, "{body}");
        let wanted = json!({"session_token": token, "status": "stopped", "energy_kwh": 21.6,
            "final_cost": 7.56, "currency": "GBP", "ended_at": shown(T1), "payment_status": "captured"});
        assert_eq!(body, wanted);
        assert_eq!(post(&rig, &path, None).await, (200, wanted));
        let ended = status(&rig, &token).await;
        assert_eq!(
            (&ended["status"], &ended["cost_so_far"]),
            (&json!("stopped"), &json!(7.56))
        );
        // The tag is worth nothing any more, the connector is free again.
        let late = cp.call("Authorize", json!({"idTag": tag})).await.unwrap();
        assert_eq!(late["idTagInfo"]["status"], "Invalid");
        authorized(&rig, "pm_2").await;
    }
}

#[tokio::test]
async fn the_documented_test_tokens_do_what_they_say() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let (code, body) = post(&rig, "authorize", Some(paying_with("pm_requires_action"))).await;
    assert_eq!(
        (code, &body["status"]),
        (201, &json!("requires_action")),
        "{body}"
    );
    let (token, url) = (
        body["session_token"].as_str().unwrap(),
        &body["next_action_url"],
    );
    assert_eq!(status(&rig, token).await["next_action_url"], *url);
    let page = url.as_str().unwrap();
    let shown = rig
        .client()
        .get(page)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(shown.contains("<form"), "{shown}");
    assert_eq!(status(&rig, token).await["status"], "requires_action");
    assert_eq!(rig.client().post(page).send().await.unwrap().status(), 200);
    assert_eq!(rig.client().post(page).send().await.unwrap().status(), 404);
    let (_, transaction) = begin(&mut cp).await;
    // The car ends it.
    cp.stop(&transaction, T1, 3_000).await;
    let ended = until(&rig, token, "payment_status", "captured").await;
    assert_eq!(
        (&ended["status"], &ended["cost_so_far"]),
        (&json!("stopped"), &json!(0.7))
    );
    let token = authorized(&rig, "pm_capture_fails").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let tag = start["idTag"].as_str().unwrap();
    let transaction = cp.start(1, tag, T1, 0).await["transactionId"].clone();
    let path = format!("{token}/stop");
    let (stopped, ()) = tokio::join!(post(&rig, &path, None), async {
        answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
        cp.stop(&transaction, "2026-01-01T12:00:00Z", 1_000).await;
    });
    assert_eq!(stopped.0, 200);
    assert_eq!(stopped.1["payment_status"], "capture_failed");
    assert_eq!(stopped.1["final_cost"], 0.35);
}

#[tokio::test]
async fn a_free_session_needs_no_payment() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let free = json!({"currency": "GBP", "price_per_kwh": 0});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(free), KEY).await;
    let token = authorized(&rig, "pm_declined").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.stop(&transaction, T1, 5_000).await;
    let ended = until(&rig, &token, "payment_status", "canceled").await;
    assert_eq!(
        (&ended["status"], &ended["cost_so_far"]),
        (&json!("stopped"), &json!(0.0))
    );
}

/// What curl prints for a request as it stands in the documents.
async fn curl(rig: &Rig, method: &str, path: &str, body: Option<&str>) -> Option<(String, Value)> {
    let url = rig.url(path);
    let key = format!("X-API-Key: {KEY}");
    let mut command = tokio::process::Command::new("curl");
    command.args(["-s", "-w", "\n%{http_code}", "-X", method, "-H", &key]);
    if let Some(body) = body {
        command.args(["-H", "Content-Type: application/json", "-d", body]);
    }
    let Ok(done) = command.arg(url).output().await else {
        eprintln!("skipped: curl is not installed");
        assert!(
            std::env::var_os("DYNAMO_TEST_NO_SKIP").is_none(),
            "skipping is a failure here"
        );
        return None;
    };
    let text = String::from_utf8(done.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    Some((code.to_owned(), serde_json::from_str(body).unwrap()))
}

#[tokio::test]
async fn the_examples_run_as_they_stand() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let body = r#"{"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_1OqXYZABC123"}"#;
    let path = "/api/v1/sessions/guest/authorize";
    let Some((code, answer)) = curl(&rig, "POST", path, Some(body)).await else {
        return;
    };
    assert_eq!(code, "201", "{answer}");
    for (field, value) in [
        ("charge_point_id", json!("cp_001")),
        ("connector_id", json!(1)),
    ] {
        assert_eq!(answer[field], value);
    }
    assert_eq!(answer["status"], "authorizing");
    assert!(answer["expires_at"].is_string() && answer["session_token"].is_string());
    let (_, transaction) = begin(&mut cp).await;
    cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
    // The rest of the examples name a session of their own.
    let token = "guest_tok_01HXJ2K1L0M9N8O7";
    rig.execute(&format!("update guest_session set token = '{token}'"))
        .await;
    let folder = rig.folder;
    rig.csms.shutdown().await;
    drop(cp);
    let again = options(&folder);
    let rig = Rig::start(folder, again).await;
    let mut cp = rig.connect("cp_001").await;
    let path = "/api/v1/sessions/guest/guest_tok_01HXJ2K1L0M9N8O7/status";
    let (code, answer) = curl(&rig, "GET", path, None).await.unwrap();
    assert_eq!(code, "200");
    let wanted = json!({"session_token": token, "status": "charging", "energy_kwh": 8.2,
        "cost_so_far": 2.87, "currency": "GBP"});
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&answer[field], value, "{field}");
    }
    assert!(answer["started_at"].is_string());
    let path = "/api/v1/sessions/guest/guest_tok_01HXJ2K1L0M9N8O7/stop";
    let (stopped, ()) = tokio::join!(curl(&rig, "POST", path, None), async {
        answer_stop(&mut cp, &transaction).await;
    });
    let (code, answer) = stopped.unwrap();
    assert_eq!(code, "200", "{answer}");
    let wanted = json!({"session_token": token, "status": "stopped", "energy_kwh": 21.6,
        "final_cost": 7.56, "currency": "GBP"});
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&answer[field], value, "{field}");
    }
    assert!(answer["ended_at"].is_string());
}

async fn answer_stop(cp: &mut ChargePoint, transaction: &Value) {
    answer(cp, "RemoteStopTransaction", "Accepted").await;
    cp.stop(transaction, T1, 22_600).await;
}
