//! Guest sessions: what is answered, what the charge point is sent, what is paid, and what a restart leaves.

use std::process::Command;
use std::time::Duration;

use dynamo_csms::Options;
use dynamo_csms::store::{ChargePointSetting, SCOPE_READ};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::databases::rigs;
use crate::support::{ChargePoint, KEY, PATIENCE, Rig, new_key, options, rig, rig_with};

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
        assert_eq!(so_far["started_at"], T0);
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
            "final_cost": 7.56, "currency": "GBP", "ended_at": T1, "payment_status": "captured"});
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
async fn what_a_guest_cannot_have_is_refused() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "cp_001".to_owned(),
        ..ChargePointSetting::default()
    })
    .await;
    let refused = async |body: Value, code: u16, word: &str| {
        let (status, answer) = post(&rig, "authorize", Some(body)).await;
        assert_eq!((status, &answer["code"]), (code, &json!(word)), "{answer}");
        answer
    };
    let mut other = example();
    other["charge_point_id"] = json!("NOBODY");
    refused(other, 404, "not_found").await;
    refused(example(), 422, "no_tariff").await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(tariff), KEY).await;
    refused(example(), 422, "not_connected").await;
    let mut cp = rig.connect("cp_001").await;
    for (field, value) in [
        ("connector_id", json!(0)),
        ("connector_id", json!(101)),
        ("connector_id", json!("1")),
        ("payment_method_id", json!("")),
        ("payment_method_id", json!("a\u{0}")),
        ("payment_method_id", Value::Null),
        ("charge_point_id", Value::Null),
        ("charge_point_id", json!("x".repeat(256))),
    ] {
        let mut body = example();
        body[field] = value;
        let answer = refused(body, 400, "validation_error").await;
        assert_eq!(answer["details"][0]["field"], field);
    }
    rig.execute("update charge_point set connector_count = 1 where id = 'cp_001'")
        .await;
    let mut second = example();
    second["connector_id"] = json!(2);
    refused(second, 400, "validation_error").await;
    for (word, code, error) in [
        ("Charging", 409, "connector_occupied"),
        ("SuspendedEV", 409, "connector_occupied"),
        ("Finishing", 409, "connector_occupied"),
        ("Reserved", 409, "connector_occupied"),
        ("Unavailable", 422, "connector_unavailable"),
        ("Faulted", 422, "connector_unavailable"),
    ] {
        cp.status(1, word, None).await;
        refused(example(), code, error).await;
    }
    cp.status(1, "Preparing", None).await;
    refused(paying_with("pm_declined"), 402, "payment_declined").await;
    refused(paying_with("cash"), 402, "payment_declined").await;
    let token = authorized(&rig, "pm_1").await;
    refused(example(), 409, "connector_occupied").await;
    begin(&mut cp).await;
    until(&rig, &token, "status", "charging").await;
    refused(example(), 409, "connector_occupied").await;
    let plain = rig.client().post(rig.url(&format!("{ROOT}/authorize")));
    let plain = plain.bearer_auth(KEY).body("x").send().await.unwrap();
    assert_eq!(plain.status(), 415);
    let large = json!({"charge_point_id": "x".repeat(1024 * 1024)});
    refused(large, 413, "payload_too_large").await;
}

#[tokio::test]
async fn points_of_a_project_have_guests_after_the_hand_over() {
    let rig = rig().await;
    let _cp = guest_point(&rig).await;
    rig.installer("i@example.com").await;
    rig.execute(
        "insert into project (id, organization_id, installer_id, name, address, access_policy, access_tags,
             created_at_ms)
         select 'prj_1', organization_id, id, 'P', 'A', 'list', '[]', 0 from account",
    )
    .await;
    rig.execute("update charge_point set project_id = 'prj_1' where id = 'cp_001'")
        .await;
    let (status, body) = post(&rig, "authorize", Some(example())).await;
    assert_eq!((status, &body["code"]), (422, &json!("billing_inactive")));
    rig.execute("update project set handed_over_at_ms = 1")
        .await;
    let mut cp = _cp;
    authorized(&rig, "pm_1").await;
    // The list of the project is for those who have a tag of their own.
    begin(&mut cp).await;
}

#[tokio::test]
async fn sessions_are_their_organizations_and_keys_need_their_scope() {
    let rig = rig().await;
    let _cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let reads = new_key(&rig, "org_default", &[SCOPE_READ]).await;
    let other = new_key(
        &rig,
        "org_b",
        &["read:charge_points", "write:charge_points"],
    )
    .await;
    let person = rig.installer("i@example.com").await;
    for (method, path, body, with_read) in [
        (Method::POST, "authorize".to_owned(), Some(example()), 403),
        (Method::GET, format!("{token}/status"), None, 200),
        (Method::GET, format!("{token}/receipt"), None, 409),
        (Method::POST, format!("{token}/stop"), None, 403),
    ] {
        let path = format!("{ROOT}/{path}");
        for (key, wanted) in [
            ("", 401),
            ("nobody", 401),
            (&person, 403),
            (&reads, with_read),
            (&other, 404),
        ] {
            let (status, body) = rig.request(method.clone(), &path, body.clone(), key).await;
            assert_eq!(status.as_u16(), wanted, "{method} {path} {key}: {body}");
        }
    }
    for path in ["status", "receipt"] {
        let path = format!("{ROOT}/guest_tok_NOBODY/{path}");
        assert_eq!(rig.get(&path).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(post(&rig, "guest_tok_NOBODY/stop", None).await.0, 404);
    assert_eq!(status(&rig, &token).await["status"], "authorizing");
}

#[tokio::test]
async fn the_tag_of_a_session_is_good_in_its_place_and_once() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let mut elsewhere = rig.connect("CP-2").await;
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let tag = start["idTag"].as_str().unwrap().to_owned();
    for (point, verdict) in [(&mut cp, "Accepted"), (&mut elsewhere, "Invalid")] {
        let shown = point
            .call("Authorize", json!({"idTag": tag}))
            .await
            .unwrap();
        assert_eq!(shown["idTagInfo"]["status"], verdict);
    }
    let verdict = |answer: &Value| answer["idTagInfo"]["status"].clone();
    assert_eq!(verdict(&elsewhere.start(1, &tag, T0, 0).await), "Invalid");
    assert_eq!(verdict(&cp.start(2, &tag, T0, 0).await), "Invalid");
    let lower = tag.to_lowercase();
    let first = cp.start(1, &lower, T0, 0).await;
    assert_eq!(verdict(&first), "Accepted");
    assert_eq!(cp.start(1, &tag, T0, 0).await, first, "a retransmission");
    let stop = json!({"transactionId": first["transactionId"], "timestamp": T1, "meterStop": 1_000, "idTag": tag});
    let stopped = cp.call("StopTransaction", stop).await.unwrap();
    assert_eq!(verdict(&stopped), "Accepted");
    assert_eq!(verdict(&cp.start(1, &tag, T1, 0).await), "Invalid");
    until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(verdict(&cp.start(1, "GS-NOBODY", T1, 1).await), "Invalid");
    // Nobody pays for what began with a tag that is not good.
    let costs = rig.transactions("cp_001").await;
    let billed = costs.iter().filter(|t| !t["cost"].is_null()).count();
    assert_eq!(billed, 1, "{costs:?}");
}

#[tokio::test]
async fn a_charge_point_that_does_not_start_costs_nothing() {
    let rig = rig_with(|o| o.guest_authorization = Duration::from_millis(700)).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    answer(&mut cp, "RemoteStartTransaction", "Rejected").await;
    let failed = until(&rig, &token, "payment_status", "canceled").await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["reason"].as_str().unwrap().contains("Rejected"),
        "{failed}"
    );
    assert_eq!(failed["cost_so_far"], 0.0);
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let expired = until(&rig, &token, "status", "expired").await;
    assert!(expired["ended_at"].is_string());
    until(&rig, &token, "payment_status", "canceled").await;
    let late = cp.start(1, start["idTag"].as_str().unwrap(), T0, 0).await;
    assert_eq!(late["idTagInfo"]["status"], "Invalid");
    assert_eq!(status(&rig, &token).await["status"], "expired");
    let receipt = rig.get(&format!("{ROOT}/{token}/receipt")).await;
    assert_eq!(receipt.0, 409);
    let (code, body) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!((code, &body["status"]), (200, &json!("expired")));
    // One that is stopped before it begins never begins.
    let mut cp = rig.connect("cp_001").await;
    rig.execute("update charge_transaction set state = 'stopped'")
        .await;
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let (code, body) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!((code, &body["status"]), (200, &json!("stopped")), "{body}");
    assert_eq!(
        (&body["payment_status"], &body["final_cost"]),
        (&json!("canceled"), &json!(0.0))
    );
    let late = cp.start(1, start["idTag"].as_str().unwrap(), T1, 0).await;
    assert_eq!(late["idTagInfo"]["status"], "Invalid");
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
async fn a_stop_that_is_not_heard_in_time_is_finished_later() {
    let rig = rig_with(|o| o.guest_stop_wait = Duration::from_millis(300)).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
    let path = format!("{token}/stop");
    let (refused, _) = tokio::join!(
        post(&rig, &path, None),
        answer(&mut cp, "RemoteStopTransaction", "Rejected")
    );
    assert_eq!(
        (refused.0, &refused.1["code"]),
        (422, &json!("ocpp_rejected")),
        "{refused:?}"
    );
    assert_eq!(status(&rig, &token).await["status"], "charging");
    let (stopping, _) = tokio::join!(
        post(&rig, &path, None),
        answer(&mut cp, "RemoteStopTransaction", "Accepted")
    );
    assert_eq!(stopping.0, 200);
    assert_eq!(stopping.1["status"], "stopping", "{}", stopping.1);
    assert_eq!(
        (&stopping.1["energy_kwh"], &stopping.1["final_cost"]),
        (&json!(8.2), &json!(2.87))
    );
    assert_eq!(stopping.1["ended_at"], Value::Null);
    let early = rig.get(&format!("{ROOT}/{token}/receipt")).await;
    assert_eq!(
        (early.0.as_u16(), &early.1["code"]),
        (409, &json!("not_completed"))
    );
    cp.stop(&transaction, T1, 22_600).await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(
        (&ended["status"], &ended["cost_so_far"]),
        (&json!("stopped"), &json!(7.56))
    );
    // Nobody can stop what cannot be heard.
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    cp.start(1, start["idTag"].as_str().unwrap(), T1, 0).await;
    drop(cp);
    rig.until_offline("cp_001").await;
    let (code, body) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!(
        (code, &body["code"]),
        (422, &json!("not_connected")),
        "{body}"
    );
    assert_eq!(status(&rig, &token).await["status"], "charging");
}

#[tokio::test]
async fn a_transaction_without_a_stop_is_paid_at_its_last_value_unless_the_stop_comes_late() {
    for (late_stop, energy, cost) in [(false, 8.2, 2.87), (true, 21.6, 7.56)] {
        let wait = if late_stop { 5_000 } else { 200 };
        let rig = rig_with(|o| o.guest_late_stop_wait = Duration::from_millis(wait)).await;
        let mut cp = guest_point(&rig).await;
        let token = authorized(&rig, "pm_1").await;
        let (_, transaction) = begin(&mut cp).await;
        cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
        cp.status(1, "Available", Some("2026-01-01T10:30:00Z"))
            .await;
        if late_stop {
            cp.stop(&transaction, T1, 22_600).await;
        }
        let ended = until(&rig, &token, "payment_status", "captured").await;
        assert_eq!(ended["status"], "stopped");
        assert_eq!(
            (&ended["energy_kwh"], &ended["cost_so_far"]),
            (&json!(energy), &json!(cost))
        );
    }
}

#[tokio::test]
async fn a_restart_loses_no_session() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let charging = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    let mut waiting = example();
    waiting["connector_id"] = json!(2);
    let (_, body) = post(&rig, "authorize", Some(waiting)).await;
    let waiting = body["session_token"].as_str().unwrap().to_owned();
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let rig = rig.restart().await;
    assert_eq!(status(&rig, &charging).await["status"], "charging");
    let mut cp = rig.connect("cp_001").await;
    // What was asked for before is not asked for again; what the charge point does counts.
    let started = cp.start(2, start["idTag"].as_str().unwrap(), T0, 0).await;
    assert_eq!(started["idTagInfo"]["status"], "Accepted");
    until(&rig, &waiting, "status", "charging").await;
    // A stop that was written down, and nobody sent.
    rig.execute(&format!(
        "update guest_session set status = 'stopping', stop_asked_at_ms = 1 where token = '{charging}'"
    ))
    .await;
    let folder = rig.folder;
    rig.csms.shutdown().await;
    let again: Options = options(&folder);
    let rig = Rig::start(folder, again).await;
    let mut cp = rig.connect("cp_001").await;
    let stop = answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
    assert_eq!(stop["transactionId"], transaction);
    cp.stop(&transaction, T1, 22_600).await;
    let ended = until(&rig, &charging, "payment_status", "captured").await;
    assert_eq!(ended["cost_so_far"], 7.56);
    // One whose authorization was cut short is nobody's, and one whose payment was is taken.
    rig.execute(&format!(
        "update guest_session set payment_status = 'capturing', captured = null where token = '{charging}'"
    ))
    .await;
    rig.execute(&format!(
        "update guest_session set status = 'authorizing', payment_status = 'authorizing', transaction_id = null,
             payment_reference = null where token = '{waiting}'"
    ))
    .await;
    let rig = rig.restart().await;
    until(&rig, &charging, "payment_status", "captured").await;
    let failed = until(&rig, &waiting, "payment_status", "canceled").await;
    assert_eq!(failed["status"], "failed");
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

/// The text of a PDF, or None where no pdftotext is.
fn text_of(pdf: &[u8], folder: &std::path::Path) -> Option<String> {
    let path = folder.join("receipt.pdf");
    std::fs::write(&path, pdf).unwrap();
    let read = Command::new("pdftotext")
        .arg("-layout")
        .arg(&path)
        .arg("-")
        .output();
    let Ok(read) = read else {
        eprintln!("skipped: pdftotext (poppler-utils) is not installed");
        assert!(
            std::env::var_os("DYNAMO_TEST_NO_SKIP").is_none(),
            "skipping is a failure here"
        );
        return None;
    };
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    Some(String::from_utf8(read.stdout).unwrap())
}

#[tokio::test]
async fn the_figures_of_a_receipt_stand_in_it_and_add_up() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.385, "session_fee": 0.5,
        "idle_fee_per_minute": 0.05, "free_idle_minutes": 10});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(tariff), KEY).await;
    rig.execute("update organization set name = 'Acme Charging Ltd' where id = 'org_default'")
        .await;
    rig.execute("update charge_point set address = '1 Würzburg Road, Łódź', name = 'Yard' where id = 'cp_001'")
        .await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.status(1, "Charging", Some(T0)).await;
    cp.status(1, "SuspendedEV", Some("2026-01-01T10:45:00Z"))
        .await;
    cp.stop(&transaction, T1, 9_201).await;
    until(&rig, &token, "payment_status", "captured").await;
    let url = rig.url(&format!("{ROOT}/{token}/receipt"));
    let answer = rig.client().get(url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    let pdf = answer.bytes().await.unwrap();
    assert!(
        pdf.starts_with(b"%PDF-") && pdf.len() < 60_000,
        "{}",
        pdf.len()
    );
    let Some(text) = text_of(&pdf, rig.folder.path()) else {
        return;
    };
    for wanted in [
        "Acme Charging Ltd",
        "cp_001",
        "1 Würzburg Road, Łódź",
        "Yard",
        token.as_str(),
        "2026-01-01 10:00:00",
        "2026-01-01 11:00:00",
        "8.201 kWh x 0.385",
        "5 min x 0.05 (10 free)",
        "Session fee",
        "Of that tax 20 %",
        "Paid: 3.91 GBP",
        "Amount (GBP)",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    let amount = |item: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(item));
        let line = line.unwrap_or_else(|| panic!("{item}:\n{text}"));
        let last = line.split_whitespace().last().unwrap();
        last.parse::<rust_decimal::Decimal>().unwrap()
    };
    let energy: rust_decimal::Decimal = text
        .lines()
        .find(|line| line.contains("kWh x"))
        .and_then(|line| line.split_whitespace().last())
        .unwrap()
        .parse()
        .unwrap();
    let sum = energy + amount("Session fee") + amount("Idle time") + amount("Rounding");
    assert_eq!(sum, amount("Total"), "{text}");
    assert_eq!(
        amount("Of that net") + amount("Of that tax"),
        amount("Total")
    );
    // 8.201 x 0.385 + 0.50 + 5 x 0.05 = 3.907385; a sixth of 3.91 is tax.
    assert_eq!(amount("Total").to_string(), "3.91");
    assert_eq!(amount("Of that tax").to_string(), "0.65");
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
