//! Commands of a partner, and the sessions of its drivers.

use dynamo_protocol::ocpi::form::{Extent, faults};
use reqwest::Method;
use serde_json::{Value, json};

use super::emsp::Emsp;
use super::{Answer, BASE, charge_point, cpo};
use crate::support::{ChargePoint, KEY, Rig};

const LATER: &str = "2099-01-01T00:00:00Z";

fn token(uid: &str, kind: &str) -> Value {
    json!({
        "country_code": "DE", "party_id": "RIG", "uid": uid, "type": kind, "contract_id": "DE-RIG-C1",
        "issuer": "Rig", "valid": true, "whitelist": "NEVER", "last_updated": "2026-01-01T00:00:00Z",
    })
}

/// A CPO with a partner and a charge point that is free.
struct Scene {
    cpo: Rig,
    emsp: Emsp,
    key: String,
    station: ChargePoint,
}

impl Scene {
    async fn set() -> Self {
        let cpo = cpo().await;
        let (emsp, key) = cpo.registered().await;
        let body = Some(charge_point("CP-1"));
        let (status, answer) = cpo
            .request(Method::POST, "/api/v1/chargepoints", body, KEY)
            .await;
        assert_eq!(status, 201, "{answer}");
        let mut station = cpo.connect("CP-1").await;
        station.boot().await;
        station.status(1, "Available", None).await;
        Self {
            cpo,
            emsp,
            key,
            station,
        }
    }

    async fn order(&self, command: &str, mut body: Value) -> Answer {
        if body.get("response_url").is_none() {
            body["response_url"] =
                json!(format!("{}/result/{command}?id=a%2Fb&x=1", self.emsp.url));
        }
        let path = format!("{BASE}/commands/{command}");
        self.cpo
            .ocpi(&self.key, Method::POST, &path, Some(body))
            .await
    }

    async fn start(&self, uid: &str) -> Answer {
        let body = json!({
            "token": token(uid, "APP_USER"), "location_id": "cp-1", "evse_uid": "CP-1-1", "connector_id": "1",
            "authorization_reference": "REF-9",
        });
        self.order("START_SESSION", body).await
    }

    async fn result(&self, command: &str) -> Value {
        let path = format!("/result/{command}?id=a%2Fb&x=1");
        let asked = self
            .emsp
            .expect("the result", |asked| asked.path == path)
            .await;
        assert_eq!(asked.token(), "token-b-of-the-rig");
        assert_eq!(asked.header("ocpi-from-party-id"), Some("DYN"));
        assert_eq!(faults("CommandResult", &asked.body, Extent::Whole), []);
        self.emsp.forget();
        asked.body["result"].clone()
    }

    async fn sessions(&self) -> Vec<Value> {
        let path = format!("{BASE}/sessions");
        let answer = self.cpo.ocpi(&self.key, Method::GET, &path, None).await;
        assert_eq!(answer.code(), (200, 1000));
        let sessions = answer.body["data"].as_array().unwrap().clone();
        for session in &sessions {
            assert_eq!(faults("Session", session, Extent::Whole), []);
        }
        sessions
    }
}

fn now(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[tokio::test]
async fn an_app_starts_and_stops_a_session() {
    let mut scene = Scene::set().await;
    let uid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    let answer = scene.start(uid).await;
    assert_eq!(answer.code(), (200, 1000));
    assert_eq!(
        faults("CommandResponse", &answer.body["data"], Extent::Whole),
        []
    );
    assert_eq!(answer.body["data"]["result"], "ACCEPTED");
    let (id, action, payload) = scene.station.next_call().await;
    assert_eq!(
        (action.as_str(), &payload["connectorId"]),
        ("RemoteStartTransaction", &json!(1))
    );
    let tag = payload["idTag"].as_str().unwrap().to_owned();
    assert!(tag.len() <= 20);
    scene
        .station
        .answer(&id, json!({"status": "Accepted"}))
        .await;
    assert_eq!(scene.result("START_SESSION").await, "ACCEPTED");

    let authorized = scene
        .station
        .call("Authorize", json!({"idTag": tag}))
        .await
        .unwrap();
    assert_eq!(authorized["idTagInfo"]["status"], "Accepted");
    assert_eq!(scene.sessions().await.len(), 0);
    let begun = scene.station.start(1, &tag, &now(0), 1_000).await;
    assert_eq!(begun["idTagInfo"]["status"], "Accepted");
    let sessions = scene.sessions().await;
    let session = &sessions[0];
    assert_eq!(session["status"], "ACTIVE");
    assert_eq!(session["auth_method"], "COMMAND");
    assert_eq!(session["authorization_reference"], "REF-9");
    assert_eq!(session["cdr_token"]["uid"], uid);
    assert_eq!(
        (&session["location_id"], &session["evse_uid"]),
        (&json!("CP-1"), &json!("CP-1-1"))
    );

    // Somebody charges there.
    let answer = scene.start("OTHER").await;
    assert_eq!(answer.body["data"]["result"], "ACCEPTED");
    assert_eq!(scene.result("START_SESSION").await, "EVSE_OCCUPIED");

    let unknown = scene
        .order("STOP_SESSION", json!({"session_id": "no-such"}))
        .await;
    assert_eq!(unknown.body["data"]["result"], "UNKNOWN_SESSION");
    let stop = json!({"session_id": session["id"]});
    let answer = scene.order("STOP_SESSION", stop.clone()).await;
    assert_eq!(answer.body["data"]["result"], "ACCEPTED");
    let (id, action, payload) = scene.station.next_call().await;
    assert_eq!(action, "RemoteStopTransaction");
    assert_eq!(payload["transactionId"], begun["transactionId"]);
    scene
        .station
        .answer(&id, json!({"status": "Accepted"}))
        .await;
    assert_eq!(scene.result("STOP_SESSION").await, "ACCEPTED");
    scene
        .station
        .stop(&begun["transactionId"], &now(1), 3_500)
        .await;
    let session = scene.sessions().await.remove(0);
    assert_eq!(
        (&session["status"], &session["kwh"]),
        (&json!("COMPLETED"), &json!(2.5))
    );
    assert!(session["end_date_time"].is_string());
    let over = scene.order("STOP_SESSION", stop).await;
    assert_eq!(over.body["data"]["result"], "UNKNOWN_SESSION");
}

#[tokio::test]
async fn a_card_on_the_list_charges_and_others_see_nothing_of_it() {
    let mut scene = Scene::set().await;
    let mut card = token("rig0aBcDeF01", "RFID");
    card["whitelist"] = json!("ALWAYS");
    let path = format!("{BASE}/tokens/DE/RIG/rig0aBcDeF01");
    scene
        .cpo
        .ocpi(&scene.key, Method::PUT, &path, Some(card.clone()))
        .await;
    let authorized = scene
        .station
        .call("Authorize", json!({"idTag": "RIG0ABCDEF01"}))
        .await
        .unwrap();
    assert_eq!(authorized["idTagInfo"]["status"], "Accepted");
    scene.station.start(1, "RIG0ABCDEF01", &now(0), 0).await;
    let sessions = scene.sessions().await;
    assert_eq!(sessions[0]["auth_method"], "WHITELIST");
    assert_eq!(sessions[0]["cdr_token"]["uid"], "rig0aBcDeF01");
    // A tag of the operator's own is nobody's session.
    scene.station.start(2, "TAG", &now(0), 0).await;
    assert_eq!(scene.sessions().await.len(), 1);

    card["valid"] = json!(false);
    scene
        .cpo
        .ocpi(&scene.key, Method::PUT, &path, Some(card))
        .await;
    let authorized = scene
        .station
        .call("Authorize", json!({"idTag": "RIG0ABCDEF01"}))
        .await
        .unwrap();
    assert_eq!(authorized["idTagInfo"]["status"], "Blocked");
}

#[tokio::test]
async fn orders_that_cannot_be_passed_on_are_refused_and_nothing_is_sent() {
    let scene = Scene::set().await;
    let start = |change: &[(&str, Value)]| {
        let mut body =
            json!({"token": token("T", "APP_USER"), "location_id": "CP-1", "evse_uid": "CP-1-1"});
        for (name, value) in change {
            body[name] = value.clone();
        }
        body
    };
    for (body, code) in [
        (start(&[("location_id", json!("no-such"))]), (200, 2003)),
        (start(&[("evse_uid", json!("no-such"))]), (200, 2003)),
        (start(&[("connector_id", json!("99"))]), (200, 2003)),
        (
            start(&[("evse_uid", Value::Null), ("connector_id", json!("1"))]),
            (200, 2001),
        ),
        (start(&[("location_id", json!(7))]), (200, 2001)),
        (start(&[("response_url", json!("not a url"))]), (200, 2001)),
        (
            start(&[("response_url", json!("file:///etc/passwd"))]),
            (200, 2001),
        ),
        (json!({}), (200, 2001)),
    ] {
        let answer = scene.order("START_SESSION", body.clone()).await;
        assert_eq!(answer.code(), code, "{body}");
    }
    let mut foreign = token("T", "APP_USER");
    foreign["party_id"] = json!("OTH");
    let answer = scene
        .order("START_SESSION", start(&[("token", foreign)]))
        .await;
    assert_eq!(answer.body["data"]["result"], "REJECTED");
    assert_eq!(scene.order("FLY", json!({})).await.code().0, 404);
    let past = json!({
        "token": token("T", "APP_USER"), "location_id": "CP-1", "evse_uid": "CP-1-1", "reservation_id": "R",
        "expiry_date": "2020-01-01T00:00:00Z",
    });
    assert_eq!(scene.order("RESERVE_NOW", past).await.code(), (200, 2001));
    drop(scene.station);
    scene.cpo.until_offline("CP-1").await;
    let path = format!("{BASE}/commands/UNLOCK_CONNECTOR");
    let unlock = json!({
        "response_url": format!("{}/r", scene.emsp.url), "location_id": "CP-1", "evse_uid": "CP-1-1", "connector_id": "1",
    });
    let answer = scene
        .cpo
        .ocpi(&scene.key, Method::POST, &path, Some(unlock))
        .await;
    assert_eq!(answer.body["data"]["result"], "REJECTED");
}

#[tokio::test]
async fn what_the_charge_point_says_becomes_the_result() {
    let mut scene = Scene::set().await;
    let unlock = json!({"location_id": "CP-1", "evse_uid": "CP-1-2", "connector_id": "1"});
    for (said, told) in [
        ("Unlocked", "ACCEPTED"),
        ("UnlockFailed", "FAILED"),
        ("NotSupported", "NOT_SUPPORTED"),
    ] {
        let answer = scene.order("UNLOCK_CONNECTOR", unlock.clone()).await;
        assert_eq!(answer.body["data"]["result"], "ACCEPTED");
        let (id, action, payload) = scene.station.next_call().await;
        assert_eq!(
            (action.as_str(), &payload["connectorId"]),
            ("UnlockConnector", &json!(2))
        );
        scene.station.answer(&id, json!({"status": said})).await;
        assert_eq!(scene.result("UNLOCK_CONNECTOR").await, told);
    }
    let reserve = |expiry: &str| {
        json!({
            "token": token("CARD", "RFID"), "location_id": "CP-1", "evse_uid": "CP-1-1", "reservation_id": "R-1",
            "expiry_date": expiry,
        })
    };
    let mut numbers = Vec::new();
    for (said, told) in [("Accepted", "ACCEPTED"), ("Accepted", "ACCEPTED")] {
        scene.order("RESERVE_NOW", reserve(LATER)).await;
        let (id, action, payload) = scene.station.next_call().await;
        assert_eq!(
            (action.as_str(), &payload["idTag"]),
            ("ReserveNow", &json!("CARD"))
        );
        numbers.push(payload["reservationId"].clone());
        scene.station.answer(&id, json!({"status": said})).await;
        assert_eq!(scene.result("RESERVE_NOW").await, told);
    }
    assert_eq!(numbers[0], numbers[1]);
    scene
        .order("CANCEL_RESERVATION", json!({"reservation_id": "r-1"}))
        .await;
    let (id, action, payload) = scene.station.next_call().await;
    assert_eq!(
        (action.as_str(), &payload["reservationId"]),
        ("CancelReservation", &numbers[0])
    );
    scene
        .station
        .answer(&id, json!({"status": "Accepted"}))
        .await;
    assert_eq!(scene.result("CANCEL_RESERVATION").await, "ACCEPTED");
    scene
        .order("CANCEL_RESERVATION", json!({"reservation_id": "r-1"}))
        .await;
    assert_eq!(
        scene.result("CANCEL_RESERVATION").await,
        "UNKNOWN_RESERVATION"
    );
}
