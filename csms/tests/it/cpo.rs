//! Charge points as their operator and drivers see them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{KEY, Rig, new_key, rig};

const POINTS: &str = "/api/v1/chargepoints";

async fn create(rig: &Rig, body: Value) -> (StatusCode, Value) {
    rig.request(Method::POST, POINTS, Some(body), KEY).await
}

async fn patch(rig: &Rig, id: &str, body: Value) -> (StatusCode, Value) {
    let path = format!("{POINTS}/{id}");
    rig.request(Method::PATCH, &path, Some(body), KEY).await
}

fn example() -> Value {
    json!({
        "charge_point_id": "CPO-FLEET-099", "name": "Car Park Level 2 - Bay 3",
        "latitude": 51.5074, "longitude": -0.1278, "address": "1 Example St, London, UK",
        "connector_count": 2, "max_power_kw": 22.0,
    })
}

fn placed(id: &str, latitude: f64, longitude: f64) -> Value {
    json!({"charge_point_id": id, "name": id, "latitude": latitude, "longitude": longitude})
}

/// The first field that is complained about.
fn field(body: &Value) -> &str {
    assert_eq!(body["code"], "validation_error", "{body}");
    body["details"][0]["field"].as_str().unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["charge_point_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_charge_point_is_made_offline_and_found_by_its_id() {
    let rig = rig().await;
    let (status, body) = create(&rig, example()).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(body["charge_point_id"], "CPO-FLEET-099");
    assert_eq!(body["id"], "CPO-FLEET-099");
    assert_eq!(body["status"], "offline");
    assert_eq!(body["lifecycle"], "commissioned");
    assert!(body["created_at"].is_string());
    let (status, body) = create(&rig, example()).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("already_exists"))
    );
    // One that was let in unregistered has its id as well.
    rig.connect("CP-1").await;
    assert_eq!(create(&rig, placed("CP-1", 0.0, 0.0)).await.0, 409);
    let nameless =
        json!({"name": "x", "location": {"latitude": 1, "longitude": 2, "address": "a"}});
    let (status, body) = create(&rig, nameless).await;
    assert_eq!(status, 201, "{body}");
    let id = body["id"].as_str().unwrap();
    assert!(id.starts_with("cp_") && id.len() == 21, "{id}");
    assert_eq!(
        (&body["latitude"], &body["address"]),
        (&json!(1.0), &json!("a"))
    );
    assert_eq!(body["connector_count"], 1);
}

#[tokio::test]
async fn a_nested_place_counts_before_a_flat_one_and_their_halves_are_not_mixed() {
    let rig = rig().await;
    let mut both = placed("CP-1", 1.0, 2.0);
    both["location"] = json!({"latitude": 3, "longitude": 4});
    both["address"] = json!("a");
    let (status, body) = create(&rig, both.clone()).await;
    assert_eq!(status, 201, "{body}");
    let place = |body: &Value| [body["latitude"].clone(), body["longitude"].clone()];
    assert_eq!(
        (place(&body), &body["address"]),
        ([json!(3.0), json!(4.0)], &json!("a"))
    );
    both["charge_point_id"] = json!("CP-2");
    both["location"] = json!({"latitude": 3});
    assert_eq!(field(&create(&rig, both).await.1), "location.longitude");
    // The half that is not named stays, whatever the flat one is.
    let half = json!({"longitude": 9, "location": {"latitude": 5, "address": "b"}});
    let (_, body) = patch(&rig, "CP-1", half).await;
    assert_eq!(
        (place(&body), &body["address"]),
        ([json!(5.0), json!(4.0)], &json!("b"))
    );
}

#[tokio::test]
async fn null_clears_what_can_be_empty_and_is_refused_elsewhere() {
    let rig = rig().await;
    let mut body = example();
    body["connector_type"] = json!("CCS2");
    let (status, made) = create(&rig, body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let cleared =
        json!({"address": null, "connector_type": null, "max_power_kw": null, "site_id": null});
    let (status, body) = patch(&rig, "CPO-FLEET-099", cleared).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    for name in ["address", "connector_type", "max_power_kw", "site_id"] {
        assert!(body[name].is_null(), "{name}: {body}");
    }
    assert_eq!(body["name"], made["name"]);
    let path = "CPO-FLEET-099";
    patch(&rig, path, json!({"address": "Gate 2"})).await;
    let (status, body) = patch(&rig, path, json!({"location": {"address": null}})).await;
    assert_eq!((status, &body["address"]), (StatusCode::OK, &Value::Null));
    for name in [
        "charge_point_id",
        "name",
        "latitude",
        "longitude",
        "location",
        "connector_count",
    ] {
        let (status, body) = patch(&rig, "CPO-FLEET-099", json!({name: null})).await;
        assert_eq!((status, field(&body)), (StatusCode::BAD_REQUEST, name));
    }
}

#[tokio::test]
async fn what_cannot_be_a_charge_point_is_refused_by_field() {
    let rig = rig().await;
    for (name, value) in [
        ("charge_point_id", json!("a b")),
        ("charge_point_id", json!("a/b")),
        ("charge_point_id", json!("x_y")),
        ("charge_point_id", json!("")),
        ("charge_point_id", json!("x".repeat(49))),
        ("charge_point_id", json!("search")),
        ("charge_point_id", json!("OCPP16")),
        ("name", json!("")),
        ("name", json!("a\u{7}")),
        ("name", json!("x".repeat(256))),
        ("name", Value::Null),
        ("latitude", json!(90.1)),
        ("latitude", Value::Null),
        ("latitude", json!("51")),
        ("longitude", json!(-180.1)),
        ("longitude", Value::Null),
        ("address", json!("")),
        ("connector_count", json!(0)),
        ("connector_count", json!(101)),
        ("connector_count", json!(1.5)),
        ("connector_type", json!("")),
        ("max_power_kw", json!(0)),
        ("max_power_kw", json!(1000.1)),
        ("site_id", json!("site_nobody")),
        ("site_id", json!("\u{0}")),
    ] {
        let mut body = example();
        body[name] = value.clone();
        let (status, answer) = create(&rig, body.clone()).await;
        assert_eq!(status, 400, "{name} {value}");
        assert_eq!(field(&answer), name, "{value}");
    }
    let mut good = example();
    good["charge_point_id"] = json!("cp_001");
    good["unknown"] = json!({});
    assert_eq!(create(&rig, good.clone()).await.0, 201);
    for (name, value) in [
        ("charge_point_id", json!("cp_002")),
        ("name", json!("")),
        ("latitude", json!(-91)),
        ("max_power_kw", json!(-1)),
        ("site_id", json!("site_nobody")),
    ] {
        let (status, answer) = patch(&rig, "cp_001", json!({name: value})).await;
        assert_eq!((status.as_u16(), field(&answer)), (400, name));
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let rig = rig().await;
    create(&rig, example()).await;
    let change =
        json!({"name": "Car Park Level 2 - Bay 3 (Fast)", "charge_point_id": "CPO-FLEET-099"});
    let (status, body) = patch(&rig, "CPO-FLEET-099", change).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["name"], "Car Park Level 2 - Bay 3 (Fast)");
    assert_eq!(body["max_power_kw"], 22.0);
    let (_, body) = patch(&rig, "CPO-FLEET-099", json!({"latitude": 48.8566})).await;
    assert_eq!(
        (&body["latitude"], &body["longitude"]),
        (&json!(48.8566), &json!(-0.1278))
    );
    let near = format!("{POINTS}/search?latitude=48.85&longitude=-0.12");
    assert_eq!(rig.get(&near).await.1["total"], 1);
    let (_, before) = patch(&rig, "CPO-FLEET-099", json!({})).await;
    assert_eq!(before, body);
    assert_eq!(patch(&rig, "NOBODY", json!({"name": "x"})).await.0, 404);
    // Let in without a place: a latitude alone is none.
    rig.connect("CP-1").await;
    let (status, body) = patch(&rig, "CP-1", json!({"latitude": 1})).await;
    assert_eq!((status.as_u16(), field(&body)), (400, "longitude"));
    let (status, body) = patch(
        &rig,
        "CP-1",
        json!({"location": {"latitude": 1, "longitude": 1}}),
    )
    .await;
    assert_eq!((status.as_u16(), &body["longitude"]), (200, &json!(1.0)));
}

#[tokio::test]
async fn status_and_connectors_show_what_was_reported() {
    let rig = rig().await;
    create(&rig, example()).await;
    let status = format!("{POINTS}/CPO-FLEET-099/status");
    let connectors = format!("{POINTS}/CPO-FLEET-099/connectors");
    let (_, body) = rig.get(&status).await;
    assert_eq!(
        body,
        json!({"charge_point_id": "CPO-FLEET-099", "online": false, "operational_status": "Unavailable",
            "last_heartbeat_at": null})
    );
    let (_, body) = rig.get(&connectors).await;
    assert_eq!(body["connectors"].as_array().unwrap().len(), 2);
    assert_eq!(body["connectors"][1]["status"], "Unavailable");
    let mut cp = rig.connect("CPO-FLEET-099").await;
    cp.boot().await;
    cp.call("Heartbeat", json!({})).await.unwrap();
    cp.status(0, "Available", None).await;
    cp.status(1, "Available", Some("2026-01-01T00:00:00Z"))
        .await;
    cp.status(3, "Charging", None).await;
    let (_, body) = rig.get(&status).await;
    assert_eq!(body["online"], true);
    assert_eq!(body["operational_status"], "Available");
    assert!(body["last_heartbeat_at"].is_string());
    let (_, body) = rig.get(&connectors).await;
    let list = body["connectors"].as_array().unwrap();
    assert_eq!(list.len(), 3, "{body}");
    assert_eq!(
        list[0],
        json!({"connector_id": 1, "type": "Type2", "max_power_kw": 22.0, "status": "Available",
            "reported_at": "2026-01-01T00:00:00.000Z"})
    );
    assert_eq!(list[2]["status"], "Charging");
    patch(&rig, "CPO-FLEET-099", json!({"max_power_kw": 150})).await;
    assert_eq!(
        rig.get(&connectors).await.1["connectors"][0]["type"],
        "CCS2"
    );
    patch(&rig, "CPO-FLEET-099", json!({"connector_type": "CHAdeMO"})).await;
    assert_eq!(
        rig.get(&connectors).await.1["connectors"][0]["type"],
        "CHAdeMO"
    );
    for path in ["status", "connectors"] {
        let (status, body) = rig.get(&format!("{POINTS}/NOBODY/{path}")).await;
        assert_eq!((status.as_u16(), &body["code"]), (404, &json!("not_found")));
    }
}

#[tokio::test]
async fn a_search_answers_the_nearest_first_and_filters_by_use() {
    let rig = rig().await;
    for (id, latitude) in [
        ("FAR", 51.55),
        ("HERE", 51.5074),
        ("NEAR", 51.51),
        ("AWAY", 52.5),
    ] {
        assert_eq!(create(&rig, placed(id, latitude, -0.1278)).await.0, 201);
    }
    let search = format!("{POINTS}/search?latitude=51.5074&longitude=-0.1278");
    let (status, body) = rig.get(&search).await;
    assert_eq!(status, 200);
    assert_eq!(ids(&body["charge_points"]), ["HERE", "NEAR", "FAR"]);
    assert_eq!(body["total"], 3);
    let here = &body["charge_points"][0];
    assert_eq!(
        *here,
        json!({"charge_point_id": "HERE", "name": "HERE", "distance_km": 0.0, "status": "offline",
            "available_connectors": 0, "max_power_kw": null, "latitude": 51.5074, "longitude": -0.1278})
    );
    assert_eq!(body["charge_points"][1]["distance_km"], 0.289);
    let with = async |more: &str| rig.get(&format!("{search}&{more}")).await.1;
    assert_eq!(
        ids(&with("radius_km=1").await["charge_points"]),
        ["HERE", "NEAR"]
    );
    assert_eq!(with("radius_km=50&unknown=1").await["total"], 3);
    let mut near = rig.connect("NEAR").await;
    near.status(1, "Charging", None).await;
    let mut far = rig.connect("FAR").await;
    far.status(1, "Available", None).await;
    far.status(2, "Faulted", None).await;
    for (status, found) in [
        ("available", "FAR"),
        ("occupied", "NEAR"),
        ("Charging", "NEAR"),
        ("offline", "HERE"),
    ] {
        let body = with(&format!("status={status}")).await;
        assert_eq!(ids(&body["charge_points"]), [found], "{status}");
        assert_eq!(body["total"], 1);
    }
    let body = with("status=available").await;
    assert_eq!(body["charge_points"][0]["available_connectors"], 1);
    far.status(1, "Unavailable", None).await;
    assert_eq!(
        ids(&with("status=offline").await["charge_points"]),
        ["HERE", "FAR"]
    );
}

#[tokio::test]
async fn circles_that_are_none_are_refused_by_parameter() {
    let rig = rig().await;
    for (query, name) in [
        ("longitude=0", "latitude"),
        ("latitude=0", "longitude"),
        ("latitude=x&longitude=0", "latitude"),
        ("latitude=NaN&longitude=0", "latitude"),
        ("latitude=90.01&longitude=0", "latitude"),
        ("latitude=0&longitude=-181", "longitude"),
        ("latitude=0&longitude=0&radius_km=0", "radius_km"),
        ("latitude=0&longitude=0&radius_km=50.1", "radius_km"),
        ("latitude=0&longitude=0&radius_km=-1", "radius_km"),
        ("latitude=0&longitude=0&radius_km=", "radius_km"),
    ] {
        for path in ["/api/v1/chargepoints/search", "/api/v1/public/chargers"] {
            let (status, body) = rig.get(&format!("{path}?{query}")).await;
            assert_eq!(
                (status.as_u16(), field(&body)),
                (400, name),
                "{path}?{query}"
            );
        }
    }
    let odd = format!("{POINTS}/search?latitude=0&longitude=0&status=sleepy");
    assert_eq!(field(&rig.get(&odd).await.1), "status");
}

#[tokio::test]
async fn the_public_finds_what_is_commissioned_with_its_price() {
    let rig = rig().await;
    create(&rig, example()).await;
    // Let in, placed, and not commissioned.
    rig.connect("CP-1").await;
    patch(&rig, "CP-1", json!({"latitude": 51.5, "longitude": -0.12})).await;
    let path = "/api/v1/public/chargers?latitude=51.5074&longitude=-0.1278&radius_km=1";
    let ask = async || {
        let answer = rig.client().get(rig.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json::<Value>().await.unwrap()
    };
    let body = ask().await;
    assert_eq!(body["total"], 1, "{body}");
    assert_eq!(
        body["chargers"][0],
        json!({"charge_point_id": "CPO-FLEET-099", "name": "Car Park Level 2 - Bay 3",
            "latitude": 51.5074, "longitude": -0.1278, "address": "1 Example St, London, UK",
            "distance_km": 0.0, "available_connectors": 0, "total_connectors": 2, "max_power_kw": 22.0,
            "price_per_kwh": null, "currency": null})
    );
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.38});
    let own = format!("{POINTS}/CPO-FLEET-099/tariff");
    rig.request(Method::PUT, &own, Some(tariff), KEY).await;
    let mut cp = rig.connect("CPO-FLEET-099").await;
    cp.status(1, "Available", None).await;
    cp.status(2, "Available", None).await;
    let body = ask().await;
    assert_eq!(body["chargers"][0]["price_per_kwh"], 0.38);
    assert_eq!(body["chargers"][0]["currency"], "GBP");
    assert_eq!(body["chargers"][0]["available_connectors"], 2);
}

#[tokio::test]
async fn a_search_shows_500_and_counts_all() {
    let rig = rig().await;
    let points = (0..620).map(|number| dynamo_csms::store::PlacedChargePoint {
        id: format!("P-{number}"),
        organization_id: "org_default".into(),
        name: "P".into(),
        latitude: 48.0 + f64::from(number) * 1e-4,
        longitude: 2.0,
        address: None,
        connector_count: 1,
        connector_type: None,
        max_power_kw: None,
        site_id: None,
        created_at_ms: 0,
    });
    let made = rig.csms.store().place_charge_points(points.collect());
    assert_eq!(made.await.unwrap(), 620);
    for path in ["chargepoints/search", "public/chargers"] {
        let path = format!("/api/v1/{path}?latitude=48&longitude=2&radius_km=50");
        let (_, body) = rig.get(&path).await;
        assert_eq!(body["total"], 620);
        let list = body.get("charge_points").or(body.get("chargers")).unwrap();
        let ids = ids(list);
        assert_eq!(ids.len(), 500);
        assert_eq!((ids[0], ids[499]), ("P-0", "P-499"));
    }
}

#[tokio::test]
async fn poles_and_the_date_line_are_places_like_others() {
    let rig = rig().await;
    for (id, latitude, longitude) in [
        ("EAST", -17.0, 179.95),
        ("WEST", -17.0, -179.93),
        ("LINE", -17.0, 180.0),
        ("POLE", 90.0, 0.0),
        ("ROUND", 89.9, 170.0),
    ] {
        assert_eq!(create(&rig, placed(id, latitude, longitude)).await.0, 201);
    }
    for (latitude, longitude, found) in [
        (-17.0, 179.99, vec!["LINE", "EAST", "WEST"]),
        (-17.0, -180.0, vec!["LINE", "EAST", "WEST"]),
        (89.95, -10.0, vec!["POLE", "ROUND"]),
    ] {
        let path =
            format!("{POINTS}/search?latitude={latitude}&longitude={longitude}&radius_km=20");
        let (_, body) = rig.get(&path).await;
        assert_eq!(ids(&body["charge_points"]), found, "{latitude} {longitude}");
    }
}

#[tokio::test]
async fn credentials_of_another_kind_or_scope_are_refused_and_other_organizations_see_nothing() {
    let rig = rig().await;
    create(&rig, example()).await;
    let reader = new_key(&rig, "org_default", &["read:charge_points"]).await;
    let installer = rig.installer("installer@example.com").await;
    let foreign = new_key(&rig, "org_other", &["write:charge_points"]).await;
    let own = format!("{POINTS}/CPO-FLEET-099");
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.38});
    let change = json!({"name": "Theirs"});
    let set = format!("{own}/tariff");
    rig.request(Method::PUT, &set, Some(tariff.clone()), KEY)
        .await;
    let near = format!("{POINTS}/search?latitude=51.5074&longitude=-0.1278");
    for (method, path, body, with_reader, with_foreign) in [
        (
            Method::POST,
            POINTS.to_owned(),
            Some(placed("NEW", 0.0, 0.0)),
            403,
            201,
        ),
        (Method::PATCH, own.clone(), Some(change), 403, 404),
        (Method::GET, near.clone(), None, 200, 200),
        (Method::GET, format!("{own}/status"), None, 200, 404),
        (Method::GET, format!("{own}/connectors"), None, 200, 404),
        (Method::GET, set.clone(), None, 200, 404),
        (Method::PUT, set.clone(), Some(tariff), 403, 404),
    ] {
        let ask = async |key: &str| {
            let answer = rig.request(method.clone(), &path, body.clone(), key);
            answer.await.0.as_u16()
        };
        assert_eq!(ask("").await, 401, "{method} {path}");
        assert_eq!(ask("wrong").await, 401, "{method} {path}");
        assert_eq!(ask(&installer).await, 403, "{method} {path}");
        assert_eq!(ask(&reader).await, with_reader, "{method} {path}");
        assert_eq!(ask(&foreign).await, with_foreign, "{method} {path}");
    }
    let (_, body) = rig.request(Method::GET, &near, None, &foreign).await;
    assert_eq!(body["total"], 0);
    let (_, body) = rig.get(&near).await;
    assert_eq!(body["charge_points"][0]["name"], "Car Park Level 2 - Bay 3");
}
