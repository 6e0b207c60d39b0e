//! Tokens about which the partner is asked while the driver waits.

use reqwest::Method;
use serde_json::{Value, json};

use super::emsp::Emsp;
use super::{BASE, charge_point, cpo};
use crate::support::{ChargePoint, KEY, Rig};

fn token(uid: &str, whitelist: &str, valid: bool) -> Value {
    json!({
        "country_code": "DE", "party_id": "RIG", "uid": uid, "type": "RFID", "contract_id": "DE-RIG-C1",
        "issuer": "Rig", "valid": valid, "whitelist": whitelist, "last_updated": "2026-01-01T00:00:00Z",
    })
}

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
        cpo.request(Method::POST, "/api/v1/chargepoints", body, KEY)
            .await;
        let mut station = cpo.connect("CP-1").await;
        station.boot().await;
        Self {
            cpo,
            emsp,
            key,
            station,
        }
    }

    async fn push(&self, token: &Value) {
        let path = format!("{BASE}/tokens/DE/RIG/{}", token["uid"].as_str().unwrap());
        let answer = self
            .cpo
            .ocpi(&self.key, Method::PUT, &path, Some(token.clone()))
            .await;
        assert_eq!(answer.code().1, 1000);
    }

    /// The partner answers so to questions about tokens.
    fn says(&self, status: u16, code: i64, data: &Value) {
        let body = json!({"data": data, "status_code": code, "timestamp": "2026-01-01T00:00:00Z"});
        self.emsp.answers(Method::POST, "/at/tokens", status, &body);
    }

    async fn present(&mut self, tag: &str) -> String {
        let answer = self
            .station
            .call("Authorize", json!({"idTag": tag}))
            .await
            .unwrap();
        answer["idTagInfo"]["status"].as_str().unwrap().to_owned()
    }

    fn questions(&self) -> usize {
        let asked = self.emsp.asked();
        asked
            .iter()
            .filter(|asked| asked.path.contains("/authorize"))
            .count()
    }
}

#[tokio::test]
async fn a_token_that_is_never_on_the_list_is_asked_for_each_time() {
    let mut scene = Scene::set().await;
    let card = token("CARD 1", "NEVER", false);
    let path = format!("{BASE}/tokens/DE/RIG/CARD%201");
    scene
        .cpo
        .ocpi(&scene.key, Method::PUT, &path, Some(card.clone()))
        .await;
    scene.says(
        200,
        1000,
        &json!({"allowed": "ALLOWED", "token": card, "authorization_reference": "REF-2"}),
    );
    assert_eq!(scene.present("CARD 1").await, "Accepted");
    assert_eq!(scene.present("CARD 1").await, "Accepted");
    let asked = scene.emsp.asked().remove(0);
    assert_eq!(asked.path, "/at/tokens/CARD%201/authorize?type=RFID");
    assert_eq!(
        asked.body,
        json!({"location_id": "CP-1", "evse_uids": ["CP-1-1", "CP-1-2"]})
    );
    assert_eq!(asked.header("ocpi-to-party-id"), Some("RIG"));
    let an_hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let an_hour_ago = an_hour_ago.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let begun = scene.station.start(1, "CARD 1", &an_hour_ago, 0).await;
    // What begins long before it was asked for is not meant.
    assert_eq!(begun["idTagInfo"]["status"], "Invalid");
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let begun = scene.station.start(2, "CARD 1", &now, 0).await;
    assert_eq!(begun["idTagInfo"]["status"], "Accepted");
    let sessions = scene
        .cpo
        .ocpi(&scene.key, Method::GET, &format!("{BASE}/sessions"), None)
        .await;
    let sessions = sessions.body["data"].as_array().unwrap().clone();
    let asked_for: Vec<&Value> = sessions
        .iter()
        .filter(|one| one["auth_method"] == "AUTH_REQUEST")
        .collect();
    assert_eq!(asked_for[0]["authorization_reference"], "REF-2");

    for (word, status) in [
        ("BLOCKED", "Blocked"),
        ("EXPIRED", "Expired"),
        ("NO_CREDIT", "Invalid"),
        ("NOT_ALLOWED", "Invalid"),
    ] {
        scene.says(200, 1000, &json!({"allowed": word, "token": card}));
        assert_eq!(scene.present("CARD 1").await, status, "{word}");
    }
    assert_eq!(scene.questions(), 6);
    for (status, code) in [(404, 2004), (200, 2002), (200, 3000), (500, 3000)] {
        scene.says(status, code, &Value::Null);
        assert_eq!(scene.present("CARD 1").await, "Invalid", "{status} {code}");
    }
    scene.says(200, 1000, &Value::Null);
    assert_eq!(scene.present("CARD 1").await, "Invalid");
}

#[tokio::test]
async fn elsewhere_is_not_here() {
    let mut scene = Scene::set().await;
    let card = token("CARD", "NEVER", true);
    scene.push(&card).await;
    for (evses, status) in [
        (json!(["CP-1-9"]), "Invalid"),
        (json!(["cp-1-1"]), "Accepted"),
        (json!([]), "Accepted"),
    ] {
        let place = json!({"location_id": "cp-1", "evse_uids": evses});
        scene.says(
            200,
            1000,
            &json!({"allowed": "ALLOWED", "token": card, "location": place}),
        );
        assert_eq!(scene.present("CARD").await, status, "{evses}");
    }
}

#[tokio::test]
async fn where_the_partner_is_away_the_whitelist_decides() {
    let mut scene = Scene::set().await;
    scene.push(&token("OFFLINE", "ALLOWED_OFFLINE", true)).await;
    scene.push(&token("GONE", "ALLOWED_OFFLINE", false)).await;
    scene.push(&token("ALLOWED", "ALLOWED", true)).await;
    scene.says(
        200,
        1000,
        &json!({"allowed": "BLOCKED", "token": token("OFFLINE", "ALLOWED_OFFLINE", true)}),
    );
    assert_eq!(scene.present("OFFLINE").await, "Blocked");
    scene.says(503, 3000, &Value::Null);
    assert_eq!(scene.present("OFFLINE").await, "Accepted");
    assert_eq!(scene.present("GONE").await, "Blocked");
    scene.emsp.forget();
    assert_eq!(scene.present("ALLOWED").await, "Accepted");
    assert_eq!(scene.questions(), 0);
}

#[tokio::test]
async fn an_unknown_card_is_asked_for_and_an_own_one_is_not() {
    let mut scene = Scene::set().await;
    scene.says(404, 2004, &Value::Null);
    assert_eq!(scene.present("TAG").await, "Accepted");
    assert_eq!(scene.questions(), 0);
    assert_eq!(scene.present("UNKNOWN").await, "Invalid");
    assert_eq!(scene.questions(), 1);
    // Who allows somebody else's card allows nothing.
    let mut foreign = token("UNKNOWN", "NEVER", true);
    foreign["party_id"] = json!("OTH");
    scene.says(200, 1000, &json!({"allowed": "ALLOWED", "token": foreign}));
    assert_eq!(scene.present("UNKNOWN").await, "Invalid");
    scene.says(
        200,
        1000,
        &json!({"allowed": "ALLOWED", "token": {"uid": "UNKNOWN"}}),
    );
    assert_eq!(scene.present("UNKNOWN").await, "Invalid");
    scene.says(
        200,
        1000,
        &json!({"allowed": "ALLOWED", "token": token("UNKNOWN", "NEVER", true)}),
    );
    assert_eq!(scene.present("UNKNOWN").await, "Accepted");
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    scene.station.start(1, "UNKNOWN", &now, 0).await;
    let sessions = scene
        .cpo
        .ocpi(&scene.key, Method::GET, &format!("{BASE}/sessions"), None)
        .await;
    assert_eq!(
        sessions.body["data"][0]["cdr_token"]["contract_id"],
        "DE-RIG-C1"
    );
}

#[tokio::test]
async fn tags_of_this_server_are_nobody_elses_business() {
    let mut scene = Scene::set().await;
    let unknown = json!({"allowed": "ALLOWED", "token": token("X", "NEVER", true)});
    scene.says(200, 1000, &unknown);
    for tag in ["GS-01HXJ2K1L0M9N8O7P", "COMMISSIONING"] {
        assert_eq!(scene.present(tag).await, "Invalid", "{tag}");
    }
    assert_eq!(scene.questions(), 0);
}

#[tokio::test]
async fn nobody_vouches_for_the_cards_of_a_partner_that_left() {
    let mut scene = Scene::set().await;
    scene.push(&token("CARD", "ALWAYS", true)).await;
    scene.push(&token("ASKED", "ALLOWED_OFFLINE", true)).await;
    assert_eq!(scene.present("CARD").await, "Accepted");
    let path = format!("{BASE}/credentials");
    let ended = scene
        .cpo
        .ocpi(&scene.key, Method::DELETE, &path, None)
        .await;
    assert_eq!(ended.code(), (200, 1000));
    assert_eq!(scene.present("CARD").await, "Invalid");
    assert_eq!(scene.present("ASKED").await, "Invalid");
}

#[tokio::test]
async fn a_partner_cannot_take_a_card_of_the_operator() {
    let scene = Scene::set().await;
    let start = json!({
        "response_url": "http://127.0.0.1:9/", "token": token("tag", "ALWAYS", true), "location_id": "CP-1",
        "evse_uid": "CP-1-1",
    });
    let path = format!("{BASE}/commands/START_SESSION");
    let answer = scene
        .cpo
        .ocpi(&scene.key, Method::POST, &path, Some(start))
        .await;
    assert_eq!(answer.body["data"]["result"], "REJECTED");
}
