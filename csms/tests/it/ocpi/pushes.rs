//! What a partner is told unasked.

use dynamo_protocol::ocpi::form::{Extent, faults};
use reqwest::Method;
use serde_json::{Value, json};

use super::emsp::{Asked, Emsp};
use super::{BASE, charge_point, cpo};
use crate::support::{ChargePoint, KEY, Rig};

struct Scene {
    cpo: Rig,
    emsp: Emsp,
    station: ChargePoint,
}

impl Scene {
    async fn set() -> Self {
        let cpo = cpo().await;
        let body = Some(charge_point("CP-1"));
        cpo.request(Method::POST, "/api/v1/chargepoints", body, KEY)
            .await;
        let (emsp, key) = cpo.registered().await;
        let card = json!({
            "country_code": "DE", "party_id": "RIG", "uid": "CARD", "type": "RFID", "contract_id": "DE-RIG-C1",
            "issuer": "Rig", "valid": true, "whitelist": "ALWAYS", "last_updated": "2026-01-01T00:00:00Z",
        });
        let token = format!("{BASE}/tokens/DE/RIG/CARD");
        cpo.ocpi(&key, Method::PUT, &token, Some(card)).await;
        let mut station = cpo.connect("CP-1").await;
        station.boot().await;
        Self { cpo, emsp, station }
    }

    fn of(&self, module: &str) -> Vec<Asked> {
        let path = format!("/at/{module}");
        let asked = self.emsp.asked().into_iter();
        asked
            .filter(|asked| asked.path.starts_with(&path))
            .collect()
    }
}

const EVSE: &str = "/at/locations/GB/DYN/CP-1/CP-1-1";

fn is_evse(asked: &Asked, status: &str) -> bool {
    asked.path == EVSE && asked.body["status"] == status
}

fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[tokio::test]
async fn an_evse_that_changes_is_patched() {
    let mut scene = Scene::set().await;
    scene.station.status(1, "Available", None).await;
    let free = scene
        .emsp
        .expect("AVAILABLE", |asked| is_evse(asked, "AVAILABLE"))
        .await;
    assert_eq!(free.method, Method::PATCH);
    assert!(free.body["last_updated"].is_string());
    assert_eq!(free.body.as_object().unwrap().len(), 2);
    assert_eq!(free.header("ocpi-to-country-code"), Some("DE"));
    scene.station.status(1, "Charging", None).await;
    scene
        .emsp
        .expect("CHARGING", |asked| is_evse(asked, "CHARGING"))
        .await;
    // What did not change is not told.
    scene.emsp.forget();
    scene.station.status(1, "Charging", None).await;
    scene.station.call("Heartbeat", json!({})).await.unwrap();
    scene.station.status(2, "Faulted", None).await;
    let second = "/at/locations/GB/DYN/CP-1/CP-1-2";
    scene
        .emsp
        .expect("OUTOFORDER", |asked| {
            asked.path == second && asked.body["status"] == "OUTOFORDER"
        })
        .await;
    assert!(!scene.of("locations").iter().any(|asked| asked.path == EVSE));
    // A partner that does not know it is told all of it.
    let unknown = json!({"status_code": 2003, "timestamp": "2026-01-01T00:00:00Z"});
    scene
        .emsp
        .answers(Method::PATCH, "/at/locations", 404, &unknown);
    scene.station.status(1, "Available", None).await;
    let whole = scene
        .emsp
        .expect("the whole", |asked| asked.method == Method::PUT)
        .await;
    assert_eq!(whole.path, "/at/locations/GB/DYN/CP-1");
    assert_eq!(faults("Location", &whole.body, Extent::Whole), []);
}

#[tokio::test]
async fn a_session_is_put_and_its_bill_follows_its_end() {
    let mut scene = Scene::set().await;
    let tariff = json!({
        "currency": "EUR", "price_per_kwh": 0.42, "session_fee": 0, "idle_fee_per_minute": 0, "free_idle_minutes": 0,
    });
    let path = "/api/v1/chargepoints/CP-1/tariff";
    scene
        .cpo
        .request(Method::PUT, path, Some(tariff), KEY)
        .await;
    let told = scene
        .emsp
        .expect("the tariff", |asked| {
            asked.path.starts_with("/at/tariffs/GB/DYN/")
        })
        .await;
    assert_eq!(told.method, Method::PUT);
    let begun = scene.station.start(1, "CARD", &now(), 0).await;
    let is_session = |asked: &Asked, status: &str| {
        asked.path.starts_with("/at/sessions/GB/DYN/") && asked.body["status"] == status
    };
    let active = scene
        .emsp
        .expect("ACTIVE", |asked| is_session(asked, "ACTIVE"))
        .await;
    assert_eq!(active.method, Method::PUT);
    assert_eq!(faults("Session", &active.body, Extent::Whole), []);
    for wh in ["500", "900", "1500"] {
        scene
            .station
            .meter(&begun["transactionId"], &now(), wh)
            .await;
    }
    scene
        .station
        .stop(&begun["transactionId"], &now(), 2_000)
        .await;
    let done = scene
        .emsp
        .expect("COMPLETED", |asked| is_session(asked, "COMPLETED"))
        .await;
    assert_eq!(done.body["kwh"], 2);
    let bill = scene
        .emsp
        .expect("the bill", |asked| asked.path == "/at/cdrs")
        .await;
    assert_eq!(bill.method, Method::POST);
    assert_eq!(faults("CDR", &bill.body, Extent::Whole), []);
    assert_eq!(bill.body["session_id"], done.body["id"]);
    let asked = scene.emsp.asked();
    let place = |of: &Asked| {
        asked
            .iter()
            .position(|asked| asked.path == of.path && asked.body == of.body)
    };
    assert!(place(&done) < place(&bill));
    // What goes on is not told with every reading.
    assert!(scene.of("sessions").len() <= 3);
}

#[tokio::test]
async fn a_partner_that_was_away_is_told_each_state_once() {
    let mut scene = Scene::set().await;
    scene.station.status(1, "Available", None).await;
    scene
        .emsp
        .expect("AVAILABLE", |asked| is_evse(asked, "AVAILABLE"))
        .await;
    let away = json!({"status_code": 3000, "timestamp": "2026-01-01T00:00:00Z"});
    for (method, path) in [
        (Method::PATCH, "/at/locations"),
        (Method::PUT, "/at/sessions"),
        (Method::POST, "/at/cdrs"),
    ] {
        scene.emsp.answers(method, path, 503, &away);
    }
    for word in [
        "Preparing",
        "Charging",
        "SuspendedEV",
        "Charging",
        "Available",
        "Charging",
    ] {
        scene.station.status(1, word, None).await;
    }
    let begun = scene.station.start(1, "CARD", &now(), 0).await;
    scene
        .station
        .stop(&begun["transactionId"], &now(), 700)
        .await;
    scene
        .emsp
        .expect("a try", |asked| asked.path.starts_with("/at/"))
        .await;
    scene.emsp.forget();
    let taken = json!({"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"});
    for (method, path) in [
        (Method::PATCH, "/at/locations"),
        (Method::PUT, "/at/sessions"),
        (Method::POST, "/at/cdrs"),
    ] {
        scene.emsp.answers(method, path, 200, &taken);
    }
    scene
        .emsp
        .expect("the bill", |asked| asked.path == "/at/cdrs")
        .await;
    scene
        .emsp
        .expect("CHARGING", |asked| is_evse(asked, "CHARGING"))
        .await;
    // A stop that is told again tells nobody anything.
    scene
        .station
        .stop(&begun["transactionId"], &now(), 700)
        .await;
    scene.station.status(2, "Available", None).await;
    let second = "/at/locations/GB/DYN/CP-1/CP-1-2";
    scene
        .emsp
        .expect("the second", |asked| asked.path == second)
        .await;
    assert_eq!(scene.of("cdrs").len(), 1);
    assert_eq!(scene.of("sessions").len(), 1);
    assert_eq!(scene.of("sessions")[0].body["status"], "COMPLETED");
}

#[tokio::test]
async fn what_a_partner_refuses_is_not_told_again_until_somebody_says_so() {
    let mut scene = Scene::set().await;
    let refused =
        json!({"status_code": 2001, "status_message": "no", "timestamp": "2026-01-01T00:00:00Z"});
    scene.emsp.answers(Method::POST, "/at/cdrs", 200, &refused);
    let begun = scene.station.start(1, "CARD", &now(), 0).await;
    scene
        .station
        .stop(&begun["transactionId"], &now(), 700)
        .await;
    let first = scene
        .emsp
        .expect("the bill", |asked| asked.path == "/at/cdrs")
        .await;
    scene.station.status(1, "Available", None).await;
    scene
        .emsp
        .expect("AVAILABLE", |asked| is_evse(asked, "AVAILABLE"))
        .await;
    assert_eq!(scene.of("cdrs").len(), 1);
    let partners = scene.cpo.sql("select id from partner").await;
    let id: String = sqlx::Row::get(&partners[0], 0);
    let taken: Value = json!({"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"});
    scene.emsp.answers(Method::POST, "/at/cdrs", 200, &taken);
    scene.emsp.forget();
    let told = super::admin(&scene.cpo, &["ocpi-partner", "resend", &id])
        .await
        .unwrap();
    assert!(told.contains("\"objects\":1"), "{told}");
    let again = scene
        .emsp
        .expect("the bill again", |asked| asked.path == "/at/cdrs")
        .await;
    assert_eq!(again.body, first.body);
}
