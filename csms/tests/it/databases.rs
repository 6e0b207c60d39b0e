//! One set of tests for both databases. PostgreSQL is tried where `DYNAMO_TEST_POSTGRES` has its address:
//! every test then makes a database of its own there.

mod order;
mod schema;

use std::time::Duration;

use dynamo_csms::store::{
    ChargePointSetting, NewApiKey, PlacedChargePoint, Registration, Store, TagSetting,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::support::{KEY, PATIENCE, Rig, options};
use crate::{commissioning, ocpp16};

const T0: &str = "2026-01-01T10:00:00Z";
const T1: &str = "2026-01-01T10:30:00Z";
const T2: &str = "2026-01-01T11:00:00Z";

/// The address of an empty PostgreSQL database, if there is a server.
pub(crate) async fn postgres() -> Option<String> {
    new_postgres("").await
}

/// The same, of a locale whose order is not that of bytes: `_` before letters, `a` before `B` before `c`. The
/// locale comes with PostgreSQL, so that no machine lacks it.
async fn postgres_of_another_locale() -> Option<String> {
    new_postgres(
        "template template0 encoding 'UTF8' locale 'C' locale_provider icu icu_locale 'en-US'",
    )
    .await
}

async fn new_postgres(options: &str) -> Option<String> {
    let Ok(server) = std::env::var("DYNAMO_TEST_POSTGRES") else {
        eprintln!("skipped: set DYNAMO_TEST_POSTGRES to postgres://USER@HOST/NAME of a server");
        assert!(
            std::env::var_os("DYNAMO_TEST_NO_SKIP").is_none(),
            "skipping is a failure here"
        );
        return None;
    };
    let name = format!("dynamo_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("create database {name} {options}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    let (prefix, _) = server.rsplit_once('/').unwrap();
    Some(format!("{prefix}/{name}"))
}

fn sqlite(folder: &TempDir) -> String {
    format!("sqlite://{}/csms.db", folder.path().display())
}

/// A CSMS on each of the databases that there are.
pub(crate) async fn rigs() -> Vec<Rig> {
    let mut rigs = vec![crate::support::rig().await];
    if let Some(address) = postgres().await {
        rigs.push(crate::support::rig_with(|options| options.database = address).await);
    }
    rigs
}

/// A whole life on one database: everything the store knows is used, most of it twice.
async fn a_life(address: String) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address;
    let rig = Rig::start(folder, options.clone()).await;
    register(rig.csms.store()).await;
    let mut cp = rig.connect("CP-1").await;
    assert_eq!(cp.boot().await["interval"], 60);
    cp.status(0, "Available", Some(T0)).await;
    cp.status(1, "Preparing", None).await;
    cp.status(1, "Charging", Some(T0)).await;
    for (tag, status) in [("one", "Accepted"), ("NOBODY", "Invalid")] {
        let answer = cp.call("Authorize", json!({"idTag": tag})).await.unwrap();
        assert_eq!(answer["idTagInfo"]["status"], status);
    }
    let security = json!({"type": "StartupOfTheDevice", "timestamp": T0});
    for _ in 0..2 {
        let said = cp.call("SecurityEventNotification", security.clone());
        said.await.unwrap();
    }
    assert_eq!(count(&options.database, "charge_point_event").await, 2);
    let nul = cp.call("Authorize", json!({"idTag": "A\u{0}"})).await;
    assert_eq!(nul.unwrap_err().code, "PropertyConstraintViolation");
    let first = cp.start(1, "ONE", T0, 100).await;
    assert_eq!(first["idTagInfo"]["parentIdTag"], "GROUP");
    assert_eq!(cp.start(1, "ONE", T0, 100).await, first);
    let elsewhere = cp.start(2, "ONE", T0, 0).await;
    assert_eq!(elsewhere["idTagInfo"]["status"], "ConcurrentTx");
    let id = first["transactionId"].clone();
    cp.meter(&id, T1, "300").await;
    cp.meter(&id, T1, "300").await;
    cp.status(1, "Available", Some(T2)).await;
    let abandoned = rig.transactions("CP-1").await[0].clone();
    assert_eq!(abandoned["status"], "abandoned");
    assert_eq!(abandoned["energy_wh"], 200);
    assert_eq!(abandoned["cost"], Value::Null);
    // A meter value of then or later brings it back.
    cp.meter(&id, T2, "350").await;
    assert_eq!(rig.transactions("CP-1").await[0]["status"], "open");
    cp.status(1, "Available", Some(T2)).await;
    assert_eq!(rig.transactions("CP-1").await[0]["energy_wh"], 250);
    let stop = json!({"transactionId": id, "timestamp": T2, "meterStop": 400, "idTag": "ONE",
        "reason": "Local", "transactionData": [{"timestamp": T2, "sampledValue": [{"value": "400"}]}]});
    let answer = cp.call("StopTransaction", stop.clone()).await.unwrap();
    assert_eq!(cp.call("StopTransaction", stop).await.unwrap(), answer);
    let stopped = rig.transactions("CP-1").await[0].clone();
    assert_eq!(stopped["energy_wh"], 300);
    assert_eq!(stopped["meter_values"], 3);
    for _ in 0..2 {
        cp.stop(&json!(999), T2, 1).await;
    }
    assert_eq!(count(&options.database, "orphan_stop").await, 1);
    // Another stop of the same transaction is kept beside, with its readings.
    let other = json!({"transactionId": id, "timestamp": T2, "meterStop": 400, "idTag": "ONE",
        "reason": "PowerLoss", "transactionData": [{"timestamp": T2, "sampledValue": [{"value": "401"}]}]});
    for _ in 0..2 {
        let answer = cp.call("StopTransaction", other.clone()).await.unwrap();
        assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    }
    assert_eq!(count(&options.database, "orphan_stop").await, 2);
    let first = rig.transactions("CP-1").await[0].clone();
    assert_eq!(
        (&first["reason"], &first["energy_wh"]),
        (&json!("Local"), &json!(300))
    );
    assert_eq!(first["meter_values"], 4);
    let (_, status) = rig.get("/api/v1/ocpp16/charge_points/status").await;
    assert_eq!(
        status["charge_points"][0]["connectors"][0]["status"],
        "Available"
    );
    cp.call("Heartbeat", json!({})).await.unwrap();
    drop(cp);
    rig.csms.shutdown().await;
    after_a_restart(rig.folder, options).await;
}

/// Rows of a table.
pub(crate) async fn count(address: &str, table: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    if address.starts_with("postgres") {
        let mut connection = PgConnection::connect(address).await.unwrap();
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    } else {
        let mut connection = SqliteConnection::connect(address).await.unwrap();
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}

async fn register(store: &Store) {
    store
        .set_charge_point(ChargePointSetting {
            id: "CP-1".into(),
            registration: Some(Registration::Accepted),
            interval_s: Some(60),
            ..ChargePointSetting::default()
        })
        .await
        .unwrap();
    let tag = TagSetting {
        parent_tag: Some("GROUP".into()),
        single_transaction: true,
        ..TagSetting::accepted("ONE")
    };
    store.set_tag(tag.clone()).await.unwrap();
    store.set_tag(tag).await.unwrap();
    let key = NewApiKey::generate("org_default", vec!["read:charge_points".to_owned()]);
    store.create_api_key(key.clone()).await.unwrap();
    assert!(store.api_key(&key.key).await.unwrap().is_some());
    store.revoke_api_key(&key.id).await.unwrap();
    assert!(store.api_key(&key.key).await.unwrap().is_none());
}

async fn after_a_restart(folder: TempDir, options: dynamo_csms::Options) {
    let rig = Rig::start(folder, options).await;
    let transactions = rig.transactions("CP-1").await;
    assert_eq!(transactions.len(), 2);
    assert_eq!(transactions[1]["stop_time"], Value::Null);
    let (_, status) = rig.get("/api/v1/ocpp16/charge_points/status").await;
    assert!(status["charge_points"][0]["last_heartbeat_at"].is_string());
    assert_eq!(status["charge_points"][0]["online"], false);
    let mut cp = rig.connect("CP-1").await;
    let next = cp.start(1, "TAG", T2, 0).await["transactionId"].as_i64();
    assert!(next > transactions[1]["transaction_id"].as_i64());
    rig.csms.shutdown().await;
}

#[tokio::test]
async fn a_life_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    a_life(sqlite(&folder)).await;
}

#[tokio::test]
async fn a_life_on_postgres() {
    if let Some(address) = postgres().await {
        a_life(address).await;
    }
}

/// What installers do, and a command with a key, on one database.
async fn an_installation(address: String) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address;
    let rig = Rig::start(folder, options.clone()).await;
    let token = rig.installer(commissioning::EMAIL).await;
    rig.installed(commissioning::ID, commissioning::EMAIL, "Model")
        .await;
    let id = commissioning::ID;
    let path = format!("/api/v1/installer/charge-points/{id}/config/customize");
    for value in [1, 2] {
        let body = json!({"parameters": {"A": value}});
        let (status, body) = rig.request(Method::POST, &path, Some(body), &token).await;
        assert_eq!(status, 200, "{body}");
    }
    let mut cp = rig.connect(id).await;
    cp.boot().await;
    let (call, action, payload) = cp.next_call().await;
    assert_eq!(
        (action.as_str(), &payload["value"]),
        ("ChangeConfiguration", &json!("2"))
    );
    cp.answer(&call, json!({"status": "Accepted"})).await;
    // Else it is pushed again to who comes next.
    let kept = async {
        while count(&options.database, "variable where pushed = 'Accepted'").await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.unwrap();
    let station = commissioning::GOOD.behind(&rig).await;
    let first = commissioning::start(&rig, &token).await;
    let second = commissioning::start(&rig, &token).await;
    assert_eq!(first["commissioning_id"], second["commissioning_id"]);
    let run = commissioning::ended(&rig, &token).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert!(count(&options.database, "commissioning_entry").await > 10);
    assert_eq!(count(&options.database, "outbox").await, 1);
    let command = json!({"charge_point_id": id, "command": "GetConfiguration"});
    let first = ocpp16::keyed(&rig, "K", "send_command", command.clone()).await;
    let second = ocpp16::keyed(&rig, "K", "send_command", command.clone()).await;
    assert_eq!(
        (first.0, first.2, second.2),
        (200, false, true),
        "{}",
        first.1
    );
    assert_eq!(first.1["sent_at"], second.1["sent_at"]);
    rig.execute("update idempotent_answer set created_at_ms = 0")
        .await;
    let third = ocpp16::keyed(&rig, "K", "send_command", command).await;
    assert_eq!((third.0, third.2), (200, false));
    assert_eq!(count(&options.database, "idempotent_answer").await, 1);
    rig.csms.shutdown().await;
    station.abort();
}

#[tokio::test]
async fn an_installation_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    an_installation(sqlite(&folder)).await;
}

#[tokio::test]
async fn an_installation_on_postgres() {
    if let Some(address) = postgres().await {
        an_installation(address).await;
    }
}

/// Tags limited to one transaction, started on many charge points at the same time.
async fn one_winner(address: String) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address;
    let rig = Rig::start(folder, options).await;
    register(rig.csms.store()).await;
    let mut charge_points = Vec::new();
    for number in 0..20 {
        charge_points.push(rig.connect(&format!("CP-{number}")).await);
    }
    let starts = charge_points.iter_mut().map(|cp| cp.start(1, "ONE", T0, 0));
    let answers = futures_util::future::join_all(starts).await;
    let accepted = answers
        .iter()
        .filter(|answer| answer["idTagInfo"]["status"] == "Accepted");
    assert_eq!(accepted.count(), 1);
    rig.csms.shutdown().await;
}

#[tokio::test]
async fn one_winner_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    one_winner(sqlite(&folder)).await;
}

#[tokio::test]
async fn one_winner_on_postgres() {
    if let Some(address) = postgres().await {
        one_winner(address).await;
    }
}

/// Charge points on the map with a tariff, and a session that is billed.
async fn a_map_with_prices(address: String) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address;
    let rig = Rig::start(folder, options.clone()).await;
    let ask = async |method: Method, path: &str, body: Value| {
        let path = format!("/api/v1/chargepoints{path}");
        rig.request(method, &path, Some(body), KEY).await
    };
    for (id, latitude, longitude) in [("A", 51.5, 0.0), ("B", 51.51, 0.0), ("LINE", 0.0, 180.0)] {
        let body = json!({"charge_point_id": id, "name": id, "latitude": latitude, "longitude": longitude});
        for status in [201, 409] {
            assert_eq!(ask(Method::POST, "", body.clone()).await.0, status);
        }
    }
    assert_eq!(
        ask(Method::PATCH, "/B", json!({"address": "b"})).await.0,
        200
    );
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35, "idle_fee_per_minute": 0.1});
    let first = json!({"currency": "GBP", "price_per_kwh": 0.2});
    for tariff in [&first, &tariff, &tariff] {
        let (status, _) = ask(Method::PUT, "/A/tariff", tariff.clone()).await;
        assert_eq!(status, 200);
    }
    // Both are kept, once each; the newest is shown.
    assert_eq!(count(&options.database, "tariff").await, 2);
    // They held a year ago already.
    rig.execute("update tariff set since_ms = since_ms - 31622400000")
        .await;
    let mut cp = rig.connect("A").await;
    cp.status(1, "Available", Some("2026-01-01T09:00:00Z"))
        .await;
    let (_, found) = rig
        .get("/api/v1/public/chargers?latitude=51.5&longitude=0")
        .await;
    assert_eq!(found["total"], 2);
    assert_eq!(found["chargers"][0]["price_per_kwh"], 0.35);
    assert_eq!(found["chargers"][0]["available_connectors"], 1);
    let search = "/api/v1/chargepoints/search";
    for (query, total) in [
        ("latitude=51.5&longitude=0&status=available", 1),
        ("latitude=51.5&longitude=0&status=offline", 1),
        ("latitude=0.01&longitude=-179.99&radius_km=50", 1),
        ("latitude=90&longitude=0&radius_km=50", 0),
    ] {
        let (_, found) = rig.get(&format!("{search}?{query}")).await;
        assert_eq!(found["total"], total, "{query}: {found}");
    }
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    cp.status(1, "SuspendedEV", Some(T1)).await;
    cp.stop(&id, T2, 8_200).await;
    let stopped = rig.transactions("A").await[0].clone();
    // 2.87 for the energy, 3.00 for half an hour.
    assert_eq!(
        (&stopped["cost"], &stopped["currency"]),
        (&json!(5.87), &json!("GBP"))
    );
    rig.csms.shutdown().await;
    more_than_are_looked_at(&options.database).await;
}

/// A crowd at one place: the public's search looks at the nearest of them.
async fn more_than_are_looked_at(address: &str) {
    let store = Store::open(address).await.unwrap();
    let points = (0..20_010).map(|number| PlacedChargePoint {
        id: format!("P-{number}"),
        organization_id: "org_default".into(),
        name: "P".into(),
        latitude: 40.0 + f64::from(20_010 - number) * 1e-5,
        longitude: 180.0,
        address: None,
        connector_count: 1,
        connector_type: None,
        max_power_kw: None,
        site_id: None,
        created_at_ms: 0,
    });
    let points: Vec<_> = points.collect();
    for some in points.chunks(1_000) {
        store.place_charge_points(some.to_vec()).await.unwrap();
    }
    store.close().await;
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address.to_owned();
    let rig = Rig::start(folder, options).await;
    let circle = "latitude=40&longitude=-179.999&radius_km=50";
    let (_, found) = rig.get(&format!("/api/v1/public/chargers?{circle}")).await;
    assert_eq!(found["total"], 20_000);
    assert_eq!(found["chargers"][0]["charge_point_id"], "P-20009");
    let (_, found) = rig
        .get(&format!("/api/v1/chargepoints/search?{circle}"))
        .await;
    assert_eq!(found["total"], 20_010);
    rig.csms.shutdown().await;
}

#[tokio::test]
async fn a_map_with_prices_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    a_map_with_prices(sqlite(&folder)).await;
}

#[tokio::test]
async fn a_map_with_prices_on_postgres() {
    if let Some(address) = postgres().await {
        a_map_with_prices(address).await;
    }
}

#[tokio::test]
async fn a_lock_of_somebody_else_fails_who_waits_for_it_and_nobody_else() {
    let Some(address) = postgres().await else {
        return;
    };
    let rig = crate::support::rig_with(|options| options.database = address).await;
    let mut held = Vec::new();
    for number in 0..8 {
        let mut cp = rig.connect(&format!("HELD-{number}")).await;
        cp.boot().await;
        held.push(cp);
    }
    let mut other = rig.connect("FREE").await;
    other.boot().await;
    let mut locker = PgConnection::connect(rig.database()).await.unwrap();
    for step in [
        "begin",
        "select id from charge_point where id like 'HELD%' for update",
    ] {
        sqlx::query(step).execute(&mut locker).await.unwrap();
    }
    // All connections that write wait for the lock, and one more fact waits behind them.
    let status = json!({"connectorId": 1, "status": "Available", "errorCode": "NoError"});
    for cp in &mut held {
        cp.send_call("StatusNotification", status.clone()).await;
    }
    let mut watcher = PgConnection::connect(rig.database()).await.unwrap();
    let waiting = async {
        let text = "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(text)
            .fetch_one(&mut watcher)
            .await
            .unwrap()
            < 8
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("all of them wait for the lock");
    other.status(1, "Available", None).await;
    for cp in &mut held {
        assert_eq!(cp.next_frame().await.unwrap()[0], 4);
    }
    sqlx::query("rollback").execute(&mut locker).await.unwrap();
    for cp in &mut held {
        cp.status(1, "Available", None).await;
    }
}
