//! Sites.

use std::time::Duration;

use dynamo_csms::store::{NewApiKey, SCOPE_READ, SCOPE_WRITE};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::databases::{postgres, rigs};
use crate::support::{KEY, PATIENCE, Rig, rig, rig_with};

const PATH: &str = "/api/v1/sites";

async fn ask(
    rig: &Rig,
    method: Method,
    path: &str,
    body: Option<Value>,
    key: &str,
) -> (u16, Value) {
    let (status, body) = rig.request(method, path, body, key).await;
    (status.as_u16(), body)
}

fn site() -> Value {
    json!({"name": "Car Park A", "address": "12 Riverside Way", "latitude": 51.4545, "longitude": -2.5879})
}

#[tokio::test]
async fn a_site_stays_for_a_charge_point_that_is_being_put_there() {
    let Some(address) = postgres().await else {
        return;
    };
    let rig = rig_with(|options| options.database = address).await;
    let (_, made) = ask(&rig, Method::POST, PATH, Some(site()), KEY).await;
    let one = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let (_, made_page) = ask(
        &rig,
        Method::GET,
        &format!("{PATH}?per_page=5000000000"),
        None,
        KEY,
    )
    .await;
    assert_eq!(made_page["per_page"], 100);
    let mut other = PgConnection::connect(rig.database()).await.unwrap();
    for step in [
        "begin",
        "insert into charge_point (id, organization_id, registration, created_at_ms, site_id)
         select 'CP-1', organization_id, 'Accepted', 1, id from site",
    ] {
        sqlx::query(step).execute(&mut other).await.unwrap();
    }
    let committed = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sqlx::query("commit").execute(&mut other).await.unwrap();
    };
    let (refused, ()) = tokio::join!(ask(&rig, Method::DELETE, &one, None, KEY), committed);
    assert_eq!((refused.0, &refused.1["code"]), (409, &json!("in_use")));
}

/// Ends when somebody waits for a lock on this database.
async fn somebody_waits(connection: &mut PgConnection) {
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        let count: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        if count > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_charge_point_is_not_put_on_a_site_that_is_being_deleted() {
    let Some(address) = postgres().await else {
        return;
    };
    let rig = rig_with(|options| options.database = address).await;
    let installer = rig.installer("a@acme.example").await;
    let place = json!({"charge_point_id": "CP-1", "name": "x", "latitude": 1, "longitude": 2});
    let points = "/api/v1/chargepoints";
    let (status, _) = ask(&rig, Method::POST, points, Some(place.clone()), KEY).await;
    assert_eq!(status, 201);
    let mut made = place;
    made["charge_point_id"] = json!("CP-2");
    let registered =
        json!({"charge_point_id": "CP-3", "model": "M", "vendor": "V", "serial_number": "S"});
    let by_installer = "/api/v1/installer/charge-points";
    for (method, path, body, key) in [
        (Method::POST, points, made, KEY),
        (Method::PATCH, "/api/v1/chargepoints/CP-1", json!({}), KEY),
        (Method::POST, by_installer, registered, installer.as_str()),
    ] {
        let (_, site) = ask(&rig, Method::POST, PATH, Some(site()), key).await;
        let mut body = body;
        body["site_id"] = site["id"].clone();
        let mut other = PgConnection::connect(rig.database()).await.unwrap();
        let mut watch = PgConnection::connect(rig.database()).await.unwrap();
        for step in ["begin", "delete from site"] {
            sqlx::query(step).execute(&mut other).await.unwrap();
        }
        let committed = async {
            let waits = tokio::time::timeout(PATIENCE, somebody_waits(&mut watch));
            waits.await.expect("the request waits for the deletion");
            sqlx::query("commit").execute(&mut other).await.unwrap();
        };
        let asked = ask(&rig, method, path, Some(body), key);
        let ((status, body), ()) = tokio::join!(asked, committed);
        assert_eq!(status, 400, "{path}: {body}");
        assert_eq!(body["details"][0]["field"], "site_id");
    }
}

#[tokio::test]
async fn a_site_is_made_changed_and_removed_when_it_is_empty() {
    for rig in rigs().await {
        let installer = rig.installer("a@acme.example").await;
        for key in [KEY, installer.as_str()] {
            let (status, made) = ask(&rig, Method::POST, PATH, Some(site()), key).await;
            assert_eq!(status, 201, "{made}");
            for (field, value) in site().as_object().unwrap() {
                assert_eq!(&made[field], value);
            }
            let id = made["id"].as_str().unwrap();
            let one = format!("{PATH}/{id}");
            assert_eq!(
                ask(&rig, Method::GET, &one, None, key).await,
                (200, made.clone())
            );
            let (_, list) = ask(&rig, Method::GET, PATH, None, key).await;
            assert!(list["sites"].as_array().unwrap().contains(&made));
            assert_eq!(list["per_page"], 20);
            let change = json!({"name": "Car Park B", "latitude": 1.5, "longitude": 2});
            let (status, changed) = ask(&rig, Method::PUT, &one, Some(change), key).await;
            assert_eq!((status, &changed["name"]), (200, &json!("Car Park B")));
            assert_eq!(changed["address"], "12 Riverside Way");
            assert_eq!(changed["latitude"], 1.5);
        }
        let (_, list) = ask(&rig, Method::GET, PATH, None, &installer).await;
        assert_eq!(list["total"], 1);
        let id = list["sites"][0]["id"].as_str().unwrap();
        let one = format!("{PATH}/{id}");
        let body = json!({"charge_point_id": "CP-1", "model": "M", "vendor": "V", "serial_number": "S",
            "site_id": id});
        let points = "/api/v1/installer/charge-points";
        assert_eq!(
            ask(&rig, Method::POST, points, Some(body), &installer)
                .await
                .0,
            201
        );
        let (status, refused) = ask(&rig, Method::DELETE, &one, None, &installer).await;
        assert_eq!((status, &refused["code"]), (409, &json!("in_use")));
        let point = format!("{points}/CP-1");
        assert_eq!(
            ask(&rig, Method::DELETE, &point, None, &installer).await.0,
            204
        );
        assert_eq!(
            ask(&rig, Method::DELETE, &one, None, &installer).await.0,
            204
        );
        assert_eq!(
            ask(&rig, Method::DELETE, &one, None, &installer).await.0,
            404
        );
    }
}

#[tokio::test]
async fn sites_are_their_owners_alone() {
    let rig = rig().await;
    let store = rig.csms.store();
    store
        .create_organization("org_other", "Other")
        .await
        .unwrap();
    let other = NewApiKey::generate("org_other", vec![SCOPE_WRITE.to_owned()]);
    let reader = NewApiKey::generate("org_default", vec![SCOPE_READ.to_owned()]);
    store.create_api_key(other.clone()).await.unwrap();
    store.create_api_key(reader.clone()).await.unwrap();
    let installers = [
        rig.installer("a@acme.example").await,
        rig.installer("b@acme.example").await,
    ];
    let (_, made) = ask(&rig, Method::POST, PATH, Some(site()), &installers[0]).await;
    let one = format!("{PATH}/{}", made["id"].as_str().unwrap());
    for (method, body) in [
        (Method::GET, None),
        (Method::PUT, Some(json!({"name": "Stolen"}))),
        (Method::DELETE, None),
    ] {
        for (key, status) in [
            (&other.key, 404),
            (&installers[1], 404),
            (&"x".to_owned(), 401),
        ] {
            let answer = ask(&rig, method.clone(), &one, body.clone(), key).await;
            assert_eq!(answer.0, status, "{method}");
        }
        if method != Method::GET {
            assert_eq!(ask(&rig, method, &one, body, &reader.key).await.0, 403);
        }
    }
    assert_eq!(
        ask(&rig, Method::POST, PATH, Some(site()), &reader.key)
            .await
            .0,
        403
    );
    // The organization sees what its installers made.
    assert_eq!(
        ask(&rig, Method::GET, &one, None, &reader.key).await.1["name"],
        "Car Park A"
    );
    let (_, list) = ask(&rig, Method::GET, PATH, None, &other.key).await;
    assert_eq!(list["total"], 0);
    // Nor can others put their charge points there.
    let body = json!({"model": "M", "vendor": "V", "serial_number": "S", "site_id": made["id"]});
    let points = "/api/v1/installer/charge-points";
    assert_eq!(
        ask(&rig, Method::POST, points, Some(body), &installers[1])
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_site_of_the_organization_is_nothing_to_who_signed_up() {
    for rig in rigs().await {
        let installer = rig.installer("a@acme.example").await;
        let (_, made) = ask(&rig, Method::POST, PATH, Some(site()), KEY).await;
        let one = format!("{PATH}/{}", made["id"].as_str().unwrap());
        let change = Some(json!({"name": "Stolen"}));
        for (method, body) in [
            (Method::GET, None),
            (Method::PUT, change),
            (Method::DELETE, None),
        ] {
            assert_eq!(ask(&rig, method, &one, body, &installer).await.0, 404);
        }
        let (_, list) = ask(&rig, Method::GET, PATH, None, &installer).await;
        assert_eq!(list["total"], 0);
        // The organization puts their charge points there.
        let points = "/api/v1/installer/charge-points";
        let mut body = json!({"charge_point_id": "CP-1", "model": "M", "vendor": "V", "serial_number": "S",
            "site_id": made["id"]});
        let (status, _) = ask(&rig, Method::POST, points, Some(body.clone()), &installer).await;
        assert_eq!(status, 400);
        body["site_id"] = Value::Null;
        let (status, _) = ask(&rig, Method::POST, points, Some(body), &installer).await;
        assert_eq!(status, 201);
        let moved = Some(json!({"site_id": made["id"]}));
        let (status, moved) =
            ask(&rig, Method::PATCH, "/api/v1/chargepoints/CP-1", moved, KEY).await;
        assert_eq!((status, &moved["site_id"]), (200, &made["id"]));
    }
}

#[tokio::test]
async fn what_is_no_site_is_refused() {
    let rig = rig().await;
    for (body, field) in [
        (json!({"address": "A"}), "name"),
        (json!({"name": "N"}), "address"),
        (json!({"name": "", "address": "A"}), "name"),
        (
            json!({"name": "N", "address": "A", "latitude": 91, "longitude": 0}),
            "latitude",
        ),
        (
            json!({"name": "N", "address": "A", "latitude": 9}),
            "longitude",
        ),
    ] {
        let (status, answer) = ask(&rig, Method::POST, PATH, Some(body), KEY).await;
        assert_eq!(
            (status, &answer["details"][0]["field"]),
            (400, &json!(field))
        );
    }
    assert_eq!(
        ask(&rig, Method::GET, "/api/v1/sites?page=0", None, KEY)
            .await
            .0,
        400
    );
    assert_eq!(
        ask(
            &rig,
            Method::PUT,
            "/api/v1/sites/none",
            Some(json!({})),
            KEY
        )
        .await
        .0,
        404
    );
    assert_eq!(
        ask(&rig, Method::GET, "/api/v1/sites/%00", None, KEY)
            .await
            .0,
        404
    );
}
