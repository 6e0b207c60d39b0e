//! What installers do with charge points.

mod deletion;

use dynamo_csms::store::{ChargePointSetting, Registration};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::databases::{count, rigs};
use crate::support::{KEY, PATIENCE, Rig, handshake, rig, rig_with};

const PATH: &str = "/api/v1/installer/charge-points";

fn example(id: &str) -> Value {
    json!({
        "charge_point_id": id, "model": "ABB Terra AC W22-G5", "vendor": "ABB",
        "serial_number": "SN-20240310-001",
        "location": {"latitude": 51.5074, "longitude": -0.1278, "address": "10 Downing St, London, UK"},
    })
}

struct Installer<'a> {
    rig: &'a Rig,
    token: String,
}

impl Installer<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let answer = self.rig.request(method, path, body, &self.token).await;
        (answer.0.as_u16(), answer.1)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn register(&self, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, PATH, Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        answer
    }

    async fn refused(&self, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, PATH, Some(body)).await;
        assert_eq!(status, 400, "{answer}");
        answer["details"][0]["field"].clone()
    }

    async fn put(&self, id: &str, body: Value) -> (u16, Value) {
        self.ask(Method::PUT, &format!("{PATH}/{id}"), Some(body))
            .await
    }

    async fn delete(&self, id: &str) -> (u16, Value) {
        self.ask(Method::DELETE, &format!("{PATH}/{id}"), None)
            .await
    }

    async fn project(&self, id: &str) {
        let body = json!({"id": id, "name": "Project", "address": "Somewhere"});
        let path = "/api/v1/installer/projects";
        assert_eq!(self.ask(Method::POST, path, Some(body)).await.0, 201);
    }

    async fn ids(&self, query: &str) -> (Value, Vec<String>) {
        let body = self.get(&format!("{PATH}?{query}")).await;
        let id = |point: &Value| point["id"].as_str().unwrap().to_owned();
        let ids = body["charge_points"].as_array().unwrap().iter().map(id);
        (body["total"].clone(), ids.collect())
    }
}

async fn installer<'a>(rig: &'a Rig, email: &str) -> Installer<'a> {
    let token = rig.installer(email).await;
    Installer { rig, token }
}

#[tokio::test]
async fn a_charge_point_is_registered_connected_changed_and_deleted() {
    for rig in rigs().await {
        let ours = installer(&rig, "a@acme.example").await;
        ours.project("proj_8c2f4e1a").await;
        let mut body = example("CP-SITE42-001");
        body["project_id"] = json!("proj_8c2f4e1a");
        let made = ours.register(body.clone()).await;
        for (key, value) in body.as_object().unwrap() {
            assert_eq!(&made[key], value, "{key}");
        }
        assert_eq!(made["id"], "CP-SITE42-001");
        assert_eq!(made["status"], "registered");
        let endpoint = format!("ws://{}/ocpp16/CP-SITE42-001", rig.csms.ocpp_addr());
        assert_eq!(made["ocpp_endpoint"], endpoint);
        assert!(made["registered_at"].is_string());
        assert!(made.get("ocpp_password").is_none());
        let (status, again) = ours.ask(Method::POST, PATH, Some(body.clone())).await;
        assert_eq!((status, &again["code"]), (409, &json!("already_exists")));

        let mut cp = rig.connect("CP-SITE42-001").await;
        assert_eq!(cp.boot().await["status"], "Accepted");
        let id = cp.start(2, "TAG", "2026-01-01T10:00:00Z", 0).await["transactionId"].clone();
        let found = ours.get(&format!("{PATH}/CP-SITE42-001")).await;
        assert_eq!(
            (&found["status"], &found["online"]),
            (&json!("connected"), &json!(true))
        );
        assert_eq!(found["identity_verified"], false);
        assert!(found["last_seen_at"].is_string());
        assert_eq!(
            ours.delete("CP-SITE42-001").await.1["code"],
            "active_session"
        );
        cp.stop(&id, "2026-01-01T11:00:00Z", 500).await;
        let (status, refused) = ours.delete("CP-SITE42-001").await;
        assert_eq!((status, &refused["code"]), (422, &json!("still_connected")));

        let moved = json!({"location": {"latitude": 51.508, "longitude": -0.129}});
        let (status, changed) = ours.put("CP-SITE42-001", moved).await;
        assert_eq!(status, 200, "{changed}");
        let wanted = json!({"latitude": 51.508, "longitude": -0.129, "address": "10 Downing St, London, UK"});
        assert_eq!(changed["location"], wanted);
        assert_eq!(changed["model"], "ABB Terra AC W22-G5");

        drop(cp);
        rig.until_offline("CP-SITE42-001").await;
        assert_eq!(ours.delete("CP-SITE42-001").await.0, 204);
        assert_eq!(ours.delete("CP-SITE42-001").await.0, 404);
        // The history stays, under the identity that people know.
        let past = rig.transactions("CP-SITE42-001").await;
        assert_eq!(past.len(), 1);
        assert_eq!(past[0]["charge_point_id"], "CP-SITE42-001");
    }
}

#[tokio::test]
async fn a_boot_that_was_not_accepted_does_not_count_when_the_charge_point_is_accepted_later() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    let commission = format!("{PATH}/CP-1/commission");
    let registered = |registration| ChargePointSetting {
        id: "CP-1".to_owned(),
        registration: Some(registration),
        ..ChargePointSetting::default()
    };
    rig.set_charge_point(registered(Registration::Pending))
        .await;
    let mut cp = rig.connect("CP-1").await;
    assert_eq!(cp.boot().await["status"], "Pending");
    rig.set_charge_point(registered(Registration::Accepted))
        .await;
    let (status, refused) = ours.ask(Method::POST, &commission, None).await;
    assert_eq!((status, &refused["code"]), (422, &json!("not_connected")));
    let start = "/api/v1/installer/commissioning/CP-1/start";
    assert_eq!(ours.ask(Method::POST, start, None).await.0, 202);
    let run = loop {
        let run = ours
            .get("/api/v1/installer/commissioning/CP-1/status")
            .await;
        if run["status"] != "in_progress" {
            break run;
        }
    };
    assert_eq!(run["checks"][0]["result"], "failed", "{run}");
    assert_eq!(cp.boot().await["status"], "Accepted");
    assert_eq!(ours.ask(Method::POST, &commission, None).await.0, 200);
}

#[tokio::test]
async fn only_an_accepted_boot_makes_a_charge_point_connected() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    for (registration, status) in [
        (Registration::Pending, "registered"),
        (Registration::Accepted, "connected"),
        (Registration::Rejected, "connected"),
    ] {
        rig.set_charge_point(ChargePointSetting {
            id: "CP-1".into(),
            registration: Some(registration),
            ..ChargePointSetting::default()
        })
        .await;
        let mut cp = rig.connect("CP-1").await;
        assert_eq!(cp.boot().await["status"], registration.as_str());
        let found = ours.get(&format!("{PATH}/CP-1")).await;
        assert_eq!(found["status"], status);
    }
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_its_field() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    let with = |field: &str, value: Value| {
        let mut body = example("CP-1");
        body[field] = value;
        body
    };
    let long = "x".repeat(49);
    for id in [
        "a b", "a/b", "x_y", "", "search", "ocpp", "OCPP16", "ocpp201", &long,
    ] {
        let field = ours.refused(with("charge_point_id", json!(id))).await;
        assert_eq!(field, "charge_point_id", "{id:?}");
    }
    for (field, value) in [
        ("model", json!("")),
        ("vendor", json!("x".repeat(256))),
        ("serial_number", json!("a\u{7}")),
        ("serial_number", Value::Null),
        ("project_id", json!("prj_of_nobody")),
        ("project_id", json!("a\u{0}")),
        ("site_id", json!("site_of_nobody")),
        ("ocpp_version", json!("3.0")),
        ("ocpp_password", json!("short")),
    ] {
        assert_eq!(
            ours.refused(with(field, value.clone())).await,
            field,
            "{value}"
        );
    }
    for (place, field) in [
        (json!({"latitude": 91, "longitude": 0}), "location.latitude"),
        (
            json!({"latitude": 0, "longitude": -181}),
            "location.longitude",
        ),
        (json!({"latitude": 0}), "location.longitude"),
        (json!({"longitude": 0}), "location.latitude"),
        (json!({"address": ""}), "location.address"),
    ] {
        assert_eq!(ours.refused(with("location", place)).await, field);
    }
    let flat = json!({"model": "M", "vendor": "V", "serial_number": "S", "latitude": 1.0});
    assert_eq!(ours.refused(flat).await, "longitude");
    assert_eq!(ours.refused(json!({})).await, "model");
    assert_eq!(ours.ids("").await.0, 0);
    // Of another installer's project, nobody learns that it exists.
    let theirs = installer(&rig, "b@acme.example").await;
    theirs.project("prj_theirs").await;
    assert_eq!(
        ours.refused(with("project_id", json!("prj_theirs"))).await,
        "project_id"
    );
}

#[tokio::test]
async fn identities_are_generated_and_endpoints_follow_them() {
    let rig =
        rig_with(|options| options.public_ocpp = Some("wss://ocpp.example.com/".into())).await;
    let ours = installer(&rig, "a@acme.example").await;
    let mut body = json!({"model": "M", "vendor": "V", "serial_number": "S", "ocpp_version": "1.6",
        "latitude": 1.5, "longitude": 2.5, "address": "Here"});
    let made = ours.register(body.clone()).await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("cp_") && id.len() == 21, "{id}");
    assert_eq!(
        made["ocpp_endpoint"],
        format!("wss://ocpp.example.com/{id}")
    );
    assert_eq!(
        made["location"],
        json!({"latitude": 1.5, "longitude": 2.5, "address": "Here"})
    );
    body["charge_point_id"] = json!("CP-201");
    body["ocpp_version"] = json!("2.0.1");
    let made = ours.register(body).await;
    assert_eq!(
        made["ocpp_endpoint"],
        "wss://ocpp.example.com/ocpp201/CP-201"
    );
    assert_eq!(made["ocpp_version"], "2.0.1");
}

#[tokio::test]
async fn passwords_are_given_or_generated_and_prove_the_identity() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    let mut body = example("CP-1");
    body["ocpp_password"] = Value::Null;
    let made = ours.register(body).await;
    let generated = made["ocpp_password"].as_str().unwrap().to_owned();
    assert_eq!(generated.len(), 20);
    let mut body = example("CP-2");
    body["ocpp_password"] = json!("given-password");
    assert!(ours.register(body).await.get("ocpp_password").is_none());
    for (id, password) in [("CP-1", generated.as_str()), ("CP-2", "given-password")] {
        assert!(
            ours.get(&format!("{PATH}/{id}"))
                .await
                .get("ocpp_password")
                .is_none()
        );
        let url = format!("ws://{}/ocpp16/{id}", rig.csms.ocpp_addr());
        let offer = ("sec-websocket-protocol", "ocpp1.6");
        assert!(handshake(&url, &[offer]).await.is_err());
        use base64::Engine as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{password}"));
        let basic = format!("Basic {basic}");
        let (mut cp, _) = handshake(&url, &[offer, ("authorization", &basic)])
            .await
            .unwrap();
        cp.boot().await;
        let found = ours.get(&format!("{PATH}/{id}")).await;
        assert_eq!(found["identity_verified"], true);
        assert_eq!(found["tls_enabled"], false);
    }
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    for rig in rigs().await {
        let ours = installer(&rig, "a@acme.example").await;
        ours.project("prj_1").await;
        let site = json!({"name": "Site", "address": "Somewhere"});
        let (_, site) = ours.ask(Method::POST, "/api/v1/sites", Some(site)).await;
        let site = site["id"].as_str().unwrap();
        for number in 1..=4 {
            let mut body = example(&format!("CP-{number}"));
            if number > 2 {
                body["project_id"] = json!("prj_1");
            }
            if number == 4 {
                body["site_id"] = json!(site);
            }
            ours.register(body).await;
        }
        let mut online = rig.connect("CP-3").await;
        online.boot().await;
        let site_filter = format!("site_id={site}");
        let site_alias = format!("site={site}&status=registered");
        for (query, total, ids) in [
            ("", 4, &["CP-1", "CP-2", "CP-3", "CP-4"][..]),
            ("status=registered", 3, &["CP-1", "CP-2", "CP-4"]),
            ("status=pending&per_page=2&page=2", 3, &["CP-4"]),
            ("status=connected", 1, &["CP-3"]),
            ("status=configured", 0, &[]),
            ("status=commissioned", 0, &[]),
            ("status=offline", 3, &["CP-1", "CP-2", "CP-4"]),
            ("status=offline&per_page=2&page=2", 3, &["CP-4"]),
            ("status=offline&project_id=prj_1", 1, &["CP-4"]),
            ("project_id=prj_1&status=connected", 1, &["CP-3"]),
            ("project=prj_1", 2, &["CP-3", "CP-4"]),
            ("project_id=other", 0, &[]),
            (&site_filter, 1, &["CP-4"]),
            (&site_alias, 1, &["CP-4"]),
            ("page=9", 4, &[]),
        ] {
            let (found, listed) = ours.ids(query).await;
            assert_eq!(
                (found, listed),
                (
                    json!(total),
                    ids.iter().map(|id| (*id).to_owned()).collect()
                ),
                "{query}"
            );
        }
        let body = ours.get(&format!("{PATH}?per_page=1000")).await;
        assert_eq!((&body["page"], &body["per_page"]), (&json!(1), &json!(100)));
        assert_eq!(ours.get(PATH).await["per_page"], 20);
        for query in [
            "status=sleepy",
            "page=0",
            "per_page=x",
            "project_id=%00",
            "site_id=%00",
        ] {
            let (status, _) = ours
                .ask(Method::GET, &format!("{PATH}?{query}"), None)
                .await;
            assert_eq!(status, 400, "{query}");
        }
    }
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name_and_refuses_what_never_changes() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.project("prj_1").await;
    let mut body = example("CP-1");
    body["project_id"] = json!("prj_1");
    ours.register(body).await;
    for (change, field) in [
        (json!({"charge_point_id": "CP-2"}), "charge_point_id"),
        (json!({"id": "CP-2"}), "id"),
        (json!({"serial_number": "other"}), "serial_number"),
        (json!({"project_id": "other"}), "project_id"),
        (json!({"site_id": "other"}), "site_id"),
        (json!({"model": ""}), "model"),
        (json!({"latitude": 1}), "longitude"),
    ] {
        let (status, body) = ours.put("CP-1", change).await;
        assert_eq!((status, &body["details"][0]["field"]), (400, &json!(field)));
    }
    let same = json!({"charge_point_id": "CP-1", "serial_number": "SN-20240310-001", "model": "Other",
        "unknown": 1});
    let (status, changed) = ours.put("CP-1", same).await;
    assert_eq!((status, &changed["model"]), (200, &json!("Other")));
    assert_eq!(changed["project_id"], "prj_1");
    let (_, changed) = ours
        .put(
            "CP-1",
            json!({"latitude": 1, "longitude": 2, "project_id": null}),
        )
        .await;
    assert_eq!(changed["project_id"], Value::Null);
    assert_eq!(changed["location"]["latitude"], 1.0);
    assert_eq!(changed["location"]["address"], "10 Downing St, London, UK");
    for (change, address) in [
        (json!({"location": {"address": null}}), Value::Null),
        (json!({"address": "Gate 2"}), json!("Gate 2")),
        (json!({"location": {}}), json!("Gate 2")),
        (json!({"address": null}), Value::Null),
    ] {
        let (status, changed) = ours.put("CP-1", change).await;
        assert_eq!((status, &changed["location"]["address"]), (200, &address));
    }
    assert_eq!(ours.put("CP-9", json!({})).await.0, 404);
}

#[tokio::test]
async fn the_status_names_connectors_and_their_transactions() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    let path = format!("{PATH}/CP-1/status");
    let state = ours.get(&path).await;
    assert_eq!(state["operational_status"], "Unavailable");
    assert!(state["last_updated_at"].is_string());
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    assert_eq!(ours.get(&path).await["online"], true);
    cp.status(0, "Available", None).await;
    cp.status(1, "Available", None).await;
    cp.status(2, "Charging", Some("2030-01-01T00:00:00Z")).await;
    let id = cp.start(2, "TAG", "2026-01-01T10:00:00Z", 0).await["transactionId"]
        .as_i64()
        .unwrap();
    let state = ours.get(&path).await;
    assert_eq!(state["operational_status"], "Available");
    assert_eq!(state["last_updated_at"], "2030-01-01T00:00:00.000Z");
    let wanted = json!([
        {"connector_id": 1, "status": "Available", "error_code": "NoError"},
        {"connector_id": 2, "status": "Charging", "error_code": "NoError",
            "active_transaction_id": format!("txn_{id:08x}"), "ocpp_transaction_id": id},
    ]);
    assert_eq!(state["connectors"], wanted);
}

#[tokio::test]
async fn nobody_else_reaches_a_charge_point() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    let theirs = installer(&rig, "b@acme.example").await;
    let keyed = Installer {
        rig: &rig,
        token: KEY.to_owned(),
    };
    let nobody = Installer {
        rig: &rig,
        token: "x".to_owned(),
    };
    let one = format!("{PATH}/CP-1");
    let state = format!("{PATH}/CP-1/status");
    for (method, path, body) in [
        (Method::GET, &one, None),
        (Method::PUT, &one, Some(json!({"model": "Stolen"}))),
        (Method::DELETE, &one, None),
        (Method::GET, &state, None),
    ] {
        for (who, status) in [(&theirs, 404), (&keyed, 403), (&nobody, 401)] {
            let answer = who.ask(method.clone(), path, body.clone()).await;
            assert_eq!(answer.0, status, "{method} {path}");
        }
    }
    for (who, status) in [(&keyed, 403), (&nobody, 401)] {
        assert_eq!(who.ask(Method::GET, PATH, None).await.0, status);
        assert_eq!(
            who.ask(Method::POST, PATH, Some(example("CP-2"))).await.0,
            status
        );
    }
    assert_eq!(theirs.ids("").await.0, 0);
    assert_eq!(
        theirs
            .ask(Method::POST, PATH, Some(example("CP-1")))
            .await
            .0,
        409
    );
    assert_eq!(ours.get(&one).await["model"], "ABB Terra AC W22-G5");
    for id in ["a%20b", "NOBODY", "%00", "%ff"] {
        assert_eq!(
            ours.ask(Method::GET, &format!("{PATH}/{id}"), None).await.0,
            404,
            "{id}"
        );
    }
}
