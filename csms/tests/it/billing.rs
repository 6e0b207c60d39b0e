//! Tariffs, and what transactions cost by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use dynamo_csms::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{sleep, timeout};

use crate::support::{ChargePoint, KEY, PATIENCE, Rig, rig_with};

const T0: &str = "2026-01-01T10:00:00Z";
const T1: &str = "2026-01-01T11:00:00Z";

fn minute(number: u32) -> String {
    format!("2026-01-01T10:{number:02}:00Z")
}

/// A CSMS where it is half past nine on the day of [`T0`], and later what the hours say.
async fn rig() -> Rig {
    rig_later(Arc::default()).await
}

async fn rig_later(hours: Arc<AtomicI64>) -> Rig {
    let system = Clock::default();
    let morning = "2026-01-01T09:30:00Z".parse::<jiff::Timestamp>().unwrap();
    let ahead_ms = morning.as_millisecond() - system.now_ms();
    let now = move || system.now_ms() + ahead_ms + hours.load(Relaxed) * 3_600_000;
    rig_with(|options| options.clock = Clock::new(now)).await
}

async fn set_tariff(rig: &Rig, id: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/v1/chargepoints/{id}/tariff");
    let (status, body) = rig.request(Method::PUT, &path, Some(body), KEY).await;
    (status.as_u16(), body)
}

fn example() -> Value {
    json!({"currency": "GBP", "price_per_kwh": 0.38, "session_fee": 0.50, "idle_fee_per_minute": 0.05,
        "free_idle_minutes": 10})
}

/// A charge point with the example's tariff.
async fn with_tariff(rig: &Rig) -> ChargePoint {
    let cp = rig.connect("CP-1").await;
    assert_eq!(set_tariff(rig, "CP-1", example()).await.0, 200);
    cp
}

/// What the last transaction costs.
async fn cost(rig: &Rig) -> Value {
    let transactions = rig.transactions("CP-1").await;
    let last = transactions.last().unwrap();
    assert_eq!(last["cost"].is_null(), last["currency"].is_null(), "{last}");
    last["cost"].clone()
}

/// Statements on the database, for what has no endpoint of this part.
async fn sql(rig: &Rig, text: &'static str) {
    let address = format!("sqlite://{}/csms.db", rig.folder.path().display());
    let mut connection = SqliteConnection::connect(&address).await.unwrap();
    sqlx::query(text).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_tariff_is_answered_as_it_was_set_last() {
    let rig = rig().await;
    rig.connect("CP-1").await;
    let path = "/api/v1/chargepoints/CP-1/tariff";
    let (status, body) = rig.get(path).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("not_found")));
    set_tariff(&rig, "CP-1", json!({"currency": "EUR", "price_per_kwh": 1})).await;
    let (status, set) = set_tariff(&rig, "CP-1", example()).await;
    assert_eq!(status, 200, "{set}");
    assert_eq!(set["charge_point_id"], "CP-1");
    let (_, got) = rig.get(path).await;
    assert_eq!(got["tariff"], set["tariff"]);
    for (name, value) in example().as_object().unwrap() {
        assert_eq!(&got["tariff"][name], value, "{name}");
        assert_eq!(&set[name], value, "{name}");
    }
    assert!(got["tariff"]["updated_at"].is_string());
    // The same once more changes nothing.
    let (status, same) = set_tariff(&rig, "CP-1", example()).await;
    assert_eq!((status, &same["tariff"]), (200, &set["tariff"]));
    assert_eq!(rig.sql("select 1 from tariff").await.len(), 2);
    let plain = json!({"currency": "JPY", "price_per_kwh": 31});
    let (_, set) = set_tariff(&rig, "CP-1", plain).await;
    assert_eq!(set["tariff"]["session_fee"], 0.0);
    assert_eq!(set["tariff"]["free_idle_minutes"], 0);
    assert_eq!(set_tariff(&rig, "NOBODY", example()).await.0, 404);
}

#[tokio::test]
async fn what_cannot_be_a_price_is_refused_by_field() {
    let rig = rig().await;
    rig.connect("CP-1").await;
    for (name, value) in [
        ("currency", json!("gbp")),
        ("currency", json!("ABC")),
        ("currency", json!("")),
        ("currency", Value::Null),
        ("price_per_kwh", json!(-0.01)),
        ("price_per_kwh", json!("0.38")),
        ("price_per_kwh", json!(1_000_000.5)),
        ("price_per_kwh", json!(1e300)),
        ("price_per_kwh", json!(0.00000000001)),
        ("price_per_kwh", Value::Null),
        ("session_fee", json!(-1)),
        ("idle_fee_per_minute", json!(-1)),
        ("free_idle_minutes", json!(-1)),
        ("free_idle_minutes", json!(1.5)),
        ("free_idle_minutes", json!(525_601)),
    ] {
        let mut body = example();
        body[name] = value.clone();
        let (status, answer) = set_tariff(&rig, "CP-1", body).await;
        assert_eq!(status, 400, "{name} {value}");
        assert_eq!(answer["details"][0]["field"], name, "{answer}");
    }
    assert_eq!(rig.get("/api/v1/chargepoints/CP-1/tariff").await.0, 404);
}

#[tokio::test]
async fn a_session_costs_its_fee_its_energy_and_the_time_a_full_car_stayed() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(2, Relaxed);
    cp.status(1, "Preparing", Some("2026-01-01T09:59:00Z"))
        .await;
    let id = cp.start(1, "TAG", T0, 1_000).await["transactionId"].clone();
    assert_eq!(cost(&rig).await, Value::Null);
    cp.status(1, "Charging", Some(T0)).await;
    cp.status(1, "SuspendedEV", Some(&minute(20))).await;
    // Said twice, and another connector's.
    cp.status(1, "SuspendedEV", Some(&minute(20))).await;
    cp.status(2, "SuspendedEV", Some(&minute(1))).await;
    cp.status(1, "Charging", Some(&minute(25))).await;
    cp.status(1, "SuspendedEV", Some(&minute(50))).await;
    // 0.50 + 10 kWh x 0.38 + (5 + 10 - 10 free minutes) x 0.05
    cp.stop(&id, T1, 11_000).await;
    let transaction = rig.transactions("CP-1").await[0].clone();
    assert_eq!(transaction["cost"], 4.55);
    assert_eq!(transaction["currency"], "GBP");
    // Another stop, and what is said later, change no bill.
    cp.stop(&id, T1, 99_000).await;
    cp.status(1, "SuspendedEV", Some(&minute(1))).await;
    assert_eq!(cost(&rig).await, 4.55);
}

#[tokio::test]
async fn the_tariff_is_that_of_the_start() {
    let rig = rig().await;
    let mut cp = with_tariff(&rig).await;
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    set_tariff(&rig, "CP-1", json!({"currency": "EUR", "price_per_kwh": 9})).await;
    // A retransmission of the start is none of the new tariff.
    cp.start(1, "TAG", T0, 0).await;
    cp.stop(&id, T1, 10_000).await;
    assert_eq!(cost(&rig).await, 4.3);
    let id = cp.start(1, "TAG", T1, 0).await["transactionId"].clone();
    cp.stop(&id, "2026-01-01T12:00:00Z", 10_000).await;
    assert_eq!(cost(&rig).await, 90.0);
}

/// Waits until a transaction costs this.
async fn until_cost(rig: &Rig, index: usize, wanted: Value) {
    let reached = async {
        while rig.transactions("CP-1").await[index]["cost"] != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, reached).await.is_err() {
        panic!("{wanted}: {:?}", rig.transactions("CP-1").await);
    }
}

#[tokio::test]
async fn what_is_abandoned_is_billed_when_that_is_final_and_corrected_by_what_comes_later() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(2, Relaxed);
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    cp.meter(&id, &minute(10), "1000").await;
    cp.status(1, "SuspendedEV", Some(&minute(5))).await;
    cp.status(1, "Available", Some(T1)).await;
    assert_eq!(cost(&rig).await, Value::Null);
    hours.store(3, Relaxed);
    // It ended at its last meter value: 5 idle minutes, all of them free.
    until_cost(&rig, 0, json!(0.88)).await;
    // Claims late: marked, and priced once when nothing more is told.
    for (at, register) in [(20, "1500"), (30, "2000")] {
        cp.meter(&id, &minute(at), register).await;
    }
    let late = rig.transactions("CP-1").await[0].clone();
    assert_eq!(
        (&late["energy_wh"], &late["cost"]),
        (&json!(2_000), &json!(0.88))
    );
    assert_eq!(late["irregularities"], json!(["corrected_late"]));
    hours.store(4, Relaxed);
    // 25 idle minutes now, 15 of them paid.
    until_cost(&rig, 0, json!(2.01)).await;
    cp.stop(&id, T1, 3_000).await;
    assert_eq!(cost(&rig).await, 3.89);
    // By the next start on the connector as well.
    cp.start(1, "TAG", "2026-01-01T12:00:00Z", 3_000).await;
    cp.start(1, "TAG", "2026-01-01T13:00:00Z", 3_000).await;
    let transactions = rig.transactions("CP-1").await;
    assert_eq!(transactions[1]["status"], "abandoned");
    assert_eq!(transactions[1]["cost"], Value::Null);
    hours.store(5, Relaxed);
    until_cost(&rig, 1, json!(0.0)).await;
    assert_eq!(cost(&rig).await, Value::Null);
}

#[tokio::test]
async fn without_a_tariff_or_with_a_tag_that_nobody_knows_nothing_is_billed() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    cp.stop(&id, T1, 5_000).await;
    assert_eq!(cost(&rig).await, Value::Null);
    set_tariff(&rig, "CP-1", example()).await;
    let id = cp.start(1, "NOBODY", T1, 0).await["transactionId"].clone();
    cp.stop(&id, "2026-01-01T12:00:00Z", 5_000).await;
    assert_eq!(cost(&rig).await, Value::Null);
}

#[tokio::test]
async fn a_bill_survives_a_restart() {
    let rig = rig().await;
    let mut cp = with_tariff(&rig).await;
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    drop(cp);
    let rig = rig.restart().await;
    let mut cp = rig.connect("CP-1").await;
    cp.stop(&id, T1, 10_000).await;
    assert_eq!(cost(&rig).await, 4.3);
}

#[tokio::test]
async fn a_project_bills_nothing_before_it_is_handed_over_and_its_tariff_after() {
    let rig = rig().await;
    let installer = rig.installer("installer@example.com").await;
    let project = json!({"id": "prj_1", "name": "P", "address": "A"});
    let projects = "/api/v1/installer/projects";
    rig.request(Method::POST, projects, Some(project), &installer)
        .await;
    let path = "/api/v1/projects/prj_1/tariff";
    let ask = async |method: Method, path: &str, body: Option<Value>, key: &str| {
        let (status, body) = rig.request(method, path, body, key).await;
        (status.as_u16(), body)
    };
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.10});
    assert_eq!(ask(Method::GET, path, None, &installer).await.0, 404);
    let (status, body) = ask(Method::PUT, path, Some(tariff.clone()), &installer).await;
    assert_eq!(
        (status, &body["project_id"]),
        (200, &json!("prj_1")),
        "{body}"
    );
    assert_eq!(ask(Method::GET, path, None, &installer).await.1, body);
    let other = rig.installer("other@example.com").await;
    for (method, body) in [(Method::GET, None), (Method::PUT, Some(tariff.clone()))] {
        for (key, status) in [("", 401), (KEY, 200), (other.as_str(), 404)] {
            let answer = ask(method.clone(), path, body.clone(), key).await;
            assert_eq!(answer.0, status, "{method} {key}");
        }
        let nowhere = "/api/v1/projects/prj_2/tariff";
        let answer = ask(method, nowhere, body, &installer).await;
        assert_eq!(answer.0, 404);
    }
    let wrong = json!({"currency": "GBP", "price_per_kwh": -1});
    assert_eq!(ask(Method::PUT, path, Some(wrong), &installer).await.0, 400);

    let mut cp = rig.connect("CP-1").await;
    sql(
        &rig,
        "update charge_point set project_id = 'prj_1' where id = 'CP-1'",
    )
    .await;
    let mut hour = 10;
    let mut session = async || {
        let at = |hour: u32| format!("2026-01-02T{hour}:00:00Z");
        let id = cp.start(1, "TAG", &at(hour), 0).await["transactionId"].clone();
        hour += 1;
        cp.stop(&id, &at(hour), 10_000).await;
        cost(&rig).await
    };
    assert_eq!(session().await, Value::Null);
    set_tariff(&rig, "CP-1", example()).await;
    assert_eq!(session().await, Value::Null);
    sql(
        &rig,
        "update project set handed_over_at_ms = 1 where id = 'prj_1'",
    )
    .await;
    assert_eq!(session().await, 4.3);
    sql(&rig, "delete from tariff where owner_kind = 'charge_point'").await;
    assert_eq!(session().await, 1.0);
}

#[tokio::test]
async fn a_start_that_is_told_late_has_the_tariff_of_its_time() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(3, Relaxed);
    set_tariff(&rig, "CP-1", json!({"currency": "EUR", "price_per_kwh": 9})).await;
    let (_, shown) = rig.get("/api/v1/chargepoints/CP-1/tariff").await;
    assert_eq!(shown["tariff"]["currency"], "EUR");
    let (_, found) = rig
        .get("/api/v1/public/chargers?latitude=0&longitude=0")
        .await;
    assert_eq!(found["total"], 0);
    let mut session = async |from: &str| {
        let id = cp.start(1, "TAG", from, 0).await["transactionId"].clone();
        cp.stop(&id, from, 10_000).await;
        cost(&rig).await
    };
    assert_eq!(session("2026-01-01T10:00:00Z").await, 4.3);
    assert_eq!(session("2026-01-01T12:29:59Z").await, 4.3);
    assert_eq!(session("2026-01-01T12:31:00Z").await, 90.0);
    // None held yet; and what nobody can believe began when it arrived.
    assert_eq!(session("2026-01-01T09:29:59Z").await, Value::Null);
    let free = rig.transactions("CP-1").await.pop().unwrap();
    assert_eq!(free["irregularities"], json!(["no_tariff_then"]));
    assert_eq!(session("1999-01-01T10:00:00Z").await, 90.0);
    assert_eq!(session("2030-01-01T10:00:00Z").await, 90.0);
}

#[tokio::test]
async fn a_clock_that_is_behind_charges_nobody_for_nothing_unseen() {
    let rig = rig().await;
    let mut cp = with_tariff(&rig).await;
    // Half a minute before there was a tariff, as the charge point says.
    let id = cp.start(1, "TAG", "2026-01-01T09:29:30Z", 0).await["transactionId"].clone();
    cp.stop(&id, "2026-01-01T09:29:40Z", 1_000).await;
    let free = rig.transactions("CP-1").await.pop().unwrap();
    let found = (&free["cost"], &free["irregularities"]);
    assert_eq!(found, (&Value::Null, &json!(["no_tariff_then"])));
}

#[tokio::test]
async fn what_began_before_the_hand_over_is_not_billed_however_late_it_is_told() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    let installer = rig.installer("installer@example.com").await;
    let project = json!({"id": "prj_1", "name": "P", "address": "A"});
    let projects = "/api/v1/installer/projects";
    rig.request(Method::POST, projects, Some(project), &installer)
        .await;
    sql(
        &rig,
        "update charge_point set project_id = 'prj_1' where id = 'CP-1'",
    )
    .await;
    hours.store(3, Relaxed);
    let path = "/api/v1/installer/projects/prj_1/complete-handover";
    let sign_off = json!({"installer_signature": "Ada"});
    rig.request(Method::POST, path, Some(sign_off), &installer)
        .await;
    for (from, price) in [
        ("2026-01-01T12:00:00Z", Value::Null),
        ("2026-01-01T12:31:00Z", json!(4.3)),
    ] {
        let id = cp.start(1, "TAG", from, 0).await["transactionId"].clone();
        cp.stop(&id, from, 10_000).await;
        assert_eq!(cost(&rig).await, price, "{from}");
    }
}

#[tokio::test]
async fn statuses_of_one_second_keep_their_order_and_repetitions_add_nothing() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(2, Relaxed);
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    let at = minute(20);
    for status in ["SuspendedEV", "Charging", "SuspendedEV", "SuspendedEV"] {
        cp.status(1, status, Some(&at)).await;
    }
    let count = "select status from connector_history";
    assert_eq!(rig.sql(count).await.len(), 3);
    // (40 - 10 free minutes) x 0.05: the last of them counts.
    cp.stop(&id, T1, 0).await;
    assert_eq!(cost(&rig).await, 1.5);
}

#[tokio::test]
async fn a_stamp_that_cannot_be_right_bills_no_idle_time() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(2, Relaxed);
    let impossible = "2099-01-01T10:00:00Z";
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    cp.status(1, "SuspendedEV", Some(T0)).await;
    // Such a reading ends nothing, and hides none that comes after it and can be right.
    cp.meter(&id, impossible, "5000").await;
    cp.stop(&id, impossible, 1_000).await;
    let id = cp.start(1, "TAG", T1, 0).await["transactionId"].clone();
    cp.status(1, "SuspendedEV", Some(T1)).await;
    cp.meter(&id, impossible, "5000").await;
    cp.meter(&id, "2026-01-01T11:20:00Z", "1000").await;
    cp.status(1, "Available", None).await;
    hours.store(3, Relaxed);
    // 0.50 + 1 kWh x 0.38, and (20 - 10) x 0.05 where that is known.
    until_cost(&rig, 1, json!(1.38)).await;
    assert_eq!(rig.transactions("CP-1").await[0]["cost"], 0.88);
}

#[tokio::test]
async fn statuses_without_stamps_are_idle_no_longer_than_the_server_saw() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = rig.connect("CP-1").await;
    let mut tariff = example();
    tariff["free_idle_minutes"] = json!(0);
    hours.store(-3, Relaxed);
    assert_eq!(set_tariff(&rig, "CP-1", tariff).await.0, 200);
    hours.store(0, Relaxed);
    // Its clock is two hours fast, or slow; less than a minute passes.
    let fast = ["2026-01-01T11:30:00Z", "2026-01-01T11:40:00Z"];
    let slow = ["2026-01-01T07:30:00Z", "2026-01-01T07:40:00Z"];
    for ([from, to], suspended) in [(fast, None), (slow, Some("2026-01-01T07:31:00Z"))] {
        let id = cp.start(1, "TAG", from, 0).await["transactionId"].clone();
        cp.status(1, "Charging", suspended).await;
        cp.status(1, "SuspendedEV", suspended).await;
        cp.status(1, "SuspendedEVSE", None).await;
        cp.status(1, "SuspendedEV", None).await;
        cp.stop(&id, to, 0).await;
        let cost = cost(&rig).await;
        assert!(cost.as_f64().unwrap() <= 0.05, "{from}: {cost}");
    }
    // Of a status from before the start nobody knows until when it held.
    let id = cp.start(1, "TAG", fast[0], 10).await["transactionId"].clone();
    cp.stop(&id, fast[1], 10).await;
    assert_eq!(cost(&rig).await, 0.0);
    // What passes is billed.
    let id = cp.start(1, "TAG", "2026-01-01T09:30:00Z", 0).await["transactionId"].clone();
    cp.status(1, "SuspendedEV", None).await;
    hours.store(1, Relaxed);
    cp.stop(&id, "2026-01-01T10:30:00Z", 0).await;
    assert_eq!(cost(&rig).await, 3.0);
}

#[tokio::test]
async fn energy_that_no_connector_delivers_is_not_billed() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(2, Relaxed);
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    cp.stop(&id, &minute(1), 200_000).await;
    let transactions = rig.transactions("CP-1").await;
    assert_eq!(
        transactions[0]["irregularities"],
        json!(["energy_implausible"])
    );
    assert_eq!(cost(&rig).await, 0.0);
}

/// A stop whose register cannot be right, after readings that can: 0.50 + 1 kWh x 0.38 is billed, and not nothing.
#[tokio::test]
async fn a_stop_without_a_register_is_billed_by_the_readings() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    let mut cp = with_tariff(&rig).await;
    hours.store(2, Relaxed);
    let below = "meter_stop_below_readings";
    for (readings, meter_stop, billed, words) in [
        (
            &["5500", "6000"][..],
            0,
            0.88,
            json!(["meter_stop_below_start", below]),
        ),
        (&["5500", "6000"], 5_000, 0.88, json!([below])),
        (
            &["5500", "6000"],
            i32::MAX,
            0.88,
            json!(["energy_implausible"]),
        ),
        // It can be right: it is billed, and it is said.
        (&["5500", "7000"], 6_000, 0.88, json!([below])),
        // A bad sample, which the next one corrected.
        (&["5500", "90000", "6000"], 6_000, 0.88, json!([])),
        (
            &["5500", "90000", "6000"],
            0,
            0.88,
            json!(["meter_stop_below_start", below]),
        ),
        // What it tells of the register beside its own.
        (&[], 0, 0.0, json!(["meter_stop_below_start"])),
    ] {
        let id = cp.start(1, "TAG", T0, 5_000).await["transactionId"].clone();
        for (number, register) in readings.iter().enumerate() {
            cp.meter(&id, &minute(10 + number as u32), register).await;
        }
        cp.stop(&id, T1, meter_stop).await;
        let last = rig.transactions("CP-1").await.pop().unwrap();
        let found = (&last["cost"], &last["irregularities"]);
        assert_eq!(found, (&json!(billed), &words), "{readings:?} {meter_stop}");
        let energy_wh = if billed > 0.0 { 1_000 } else { 0 };
        assert_eq!(last["energy_wh"], energy_wh, "{readings:?} {meter_stop}");
    }
    let id = cp.start(1, "TAG", T0, 5_000).await["transactionId"].clone();
    let end = json!([{"value": "6.0", "unit": "kWh", "context": "Transaction.End"}]);
    let stop = json!({"transactionId": id, "timestamp": T1, "meterStop": 0,
        "transactionData": [{"timestamp": T1, "sampledValue": end}]});
    cp.call("StopTransaction", stop).await.unwrap();
    assert_eq!(cost(&rig).await, 0.88);
}

#[tokio::test]
async fn a_stamp_that_is_ahead_bills_no_idle_time_that_did_not_pass() {
    let hours = Arc::new(AtomicI64::new(0));
    let rig = rig_later(hours.clone()).await;
    hours.store(-3, Relaxed);
    let mut cp = with_tariff(&rig).await;
    hours.store(0, Relaxed);
    let now = "2026-01-01T09:30:00Z";
    // All of it arrives at once; 0.50 + 1 kWh x 0.38.
    for (stopped, words) in [
        ("2026-01-02T08:30:00Z", json!(["stop_time_ahead"])),
        (T1, json!(["stop_time_ahead"])),
        ("2026-01-01T09:30:59Z", json!([])),
    ] {
        let id = cp.start(1, "TAG", now, 0).await["transactionId"].clone();
        cp.status(1, "Charging", Some(now)).await;
        cp.status(1, "SuspendedEV", Some(now)).await;
        cp.stop(&id, stopped, 1_000).await;
        let last = rig.transactions("CP-1").await.pop().unwrap();
        assert_eq!(
            (&last["cost"], &last["irregularities"]),
            (&json!(0.88), &words)
        );
    }
    // The end of the idle time is told ahead, the stop is right: an hour passed, and none of it was idle.
    let id = cp.start(1, "TAG", now, 0).await["transactionId"].clone();
    cp.status(1, "SuspendedEV", Some(now)).await;
    cp.status(1, "Charging", Some(T1)).await;
    hours.store(1, Relaxed);
    cp.stop(&id, "2026-01-01T10:30:00Z", 1_000).await;
    assert_eq!(cost(&rig).await, 0.88);
    // A clock that is always two hours ahead: what passed is billed, (60 - 10) x 0.05.
    let id = cp.start(1, "TAG", "2026-01-01T12:30:00Z", 0).await["transactionId"].clone();
    cp.status(1, "SuspendedEV", Some("2026-01-01T12:30:00Z"))
        .await;
    hours.store(2, Relaxed);
    cp.stop(&id, "2026-01-01T13:30:00Z", 1_000).await;
    let billed = cost(&rig).await.as_f64().unwrap();
    assert!((3.38..=3.43).contains(&billed), "{billed}");
}
