use dynamo_csms::store::TagSetting;
use serde_json::{Value, json};

use crate::support::shown;
use crate::support::{Log, Rig, rig, rig_with};

const T0: &str = "2026-01-01T10:00:00Z";
const T1: &str = "2026-01-01T10:30:00Z";
const T2: &str = "2026-01-01T11:00:00Z";

async fn only(rig: &Rig, id: &str) -> Value {
    let transactions = rig.transactions(id).await;
    assert_eq!(transactions.len(), 1, "{transactions:?}");
    transactions[0].clone()
}

#[tokio::test]
async fn a_transaction_is_recorded_from_start_to_stop() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.start(2, "TAG", T0, 1_000).await;
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let id = answer["transactionId"].clone();
    assert_eq!(id, 1);
    cp.meter(&id, T1, "1500").await;
    let (_, active) = rig.get("/api/v1/ocpp16/active_transactions/CP-1").await;
    assert_eq!(active["total"], 1);
    let open = &active["active_transactions"][0];
    assert_eq!(open["connector_id"], 2);
    assert_eq!(open["current_meter_value"], 1_500);
    assert_eq!(open["energy_delivered_wh"], 500);
    let payload = json!({
        "transactionId": id, "timestamp": T2, "meterStop": 2_000, "reason": "Local", "idTag": "tag",
        "transactionData": [{"timestamp": T2, "sampledValue": [{"value": "2000", "context": "Transaction.End"}]}],
    });
    let answer = cp.call("StopTransaction", payload).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let transaction = only(&rig, "CP-1").await;
    assert_eq!(transaction["energy_wh"], 1_000);
    assert_eq!(transaction["reason"], "Local");
    assert_eq!(transaction["start_time"], shown(T0));
    assert_eq!(transaction["stop_time"], shown(T2));
    assert_eq!(transaction["meter_values"], 2);
    assert_eq!(transaction["cost"], Value::Null);
    let (_, active) = rig.get("/api/v1/ocpp16/active_transactions/CP-1").await;
    assert_eq!(active["total"], 0);
}

#[tokio::test]
async fn a_repeated_start_gets_the_first_answer() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let first = cp.start(1, "TAG", T0, 5).await;
    rig.set_tag(TagSetting {
        status: dynamo_csms::domain::tags::tag::TagStatus::Blocked,
        ..TagSetting::accepted("TAG")
    })
    .await;
    assert_eq!(cp.start(1, "TAG", T0, 5).await, first);
    assert_eq!(cp.start(1, "tag", T0, 5).await, first);
    only(&rig, "CP-1").await;
    assert_ne!(
        cp.start(1, "TAG", T1, 5).await["transactionId"],
        first["transactionId"]
    );
}

#[tokio::test]
async fn a_repeated_stop_counts_once_and_gets_the_first_answer() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    let stop = json!({"transactionId": id, "timestamp": T1, "meterStop": 700, "idTag": "TAG"});
    let first = cp.call("StopTransaction", stop.clone()).await.unwrap();
    let again = cp.call("StopTransaction", stop).await.unwrap();
    assert_eq!(first, again);
    // Another stop of the same transaction changes nothing either.
    cp.stop(&id, T2, 9_000).await;
    let transaction = only(&rig, "CP-1").await;
    assert_eq!(transaction["energy_wh"], 700);
    assert_eq!(transaction["stop_time"], shown(T1));
}

#[tokio::test]
async fn a_stop_of_an_unknown_transaction_is_answered_and_stops_nothing() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let mut other = rig.connect("CP-2").await;
    let own = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    let foreign = other.start(1, "TAG", T0, 0).await["transactionId"].clone();
    for number in [json!(4711), json!(0), json!(-1), foreign] {
        cp.stop(&number, T1, 100).await;
        cp.stop(&number, T1, 100).await;
    }
    for id in ["CP-1", "CP-2"] {
        assert_eq!(only(&rig, id).await["stop_time"], Value::Null);
    }
    cp.stop(&own, T1, 100).await;
    assert_eq!(only(&rig, "CP-1").await["energy_wh"], 100);
}

#[tokio::test]
async fn ids_do_not_begin_again_after_a_restart_and_open_transactions_go_on() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let first = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    drop(cp);
    let rig = rig.restart().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let second = cp.start(2, "TAG", T1, 0).await["transactionId"].clone();
    assert!(second.as_i64() > first.as_i64());
    cp.stop(&first, T2, 42).await;
    let transactions = rig.transactions("CP-1").await;
    assert_eq!(transactions[0]["energy_wh"], 42);
    assert_eq!(transactions[1]["stop_time"], Value::Null);
}

#[tokio::test]
async fn a_refused_tag_still_gets_a_transaction() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.start(1, "NOBODY", T0, 0).await;
    assert_eq!(answer["idTagInfo"]["status"], "Invalid");
    assert!(answer["transactionId"].as_i64().unwrap() > 0);
    only(&rig, "CP-1").await;
}

#[tokio::test]
async fn a_boot_or_a_lost_socket_closes_nothing() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.start(1, "TAG", T0, 0).await;
    cp.boot().await;
    drop(cp);
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    cp.status(1, "Charging", Some(T1)).await;
    assert_eq!(only(&rig, "CP-1").await["status"], "open");
}

#[tokio::test]
async fn a_connector_that_reports_available_abandons_at_the_last_meter_value() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", T0, 1_000).await["transactionId"].clone();
    cp.meter(&id, T1, "1200").await;
    cp.status(2, "Available", None).await;
    cp.status(0, "Available", None).await;
    // Queued from before the transaction.
    cp.status(1, "Available", Some("2026-01-01T09:59:00Z"))
        .await;
    cp.status(1, "Available", Some(T0)).await;
    assert_eq!(only(&rig, "CP-1").await["status"], "open");
    cp.status(1, "Available", Some(T2)).await;
    let abandoned = only(&rig, "CP-1").await;
    assert_eq!(abandoned["status"], "abandoned");
    assert_eq!(abandoned["energy_wh"], 200);
    assert_eq!(abandoned["stop_time"], shown(T1));
    assert_eq!(abandoned["reason"], Value::Null);
    assert!(abandoned["provisional_until"].is_string(), "{abandoned}");
    // A late stop knows better.
    cp.stop(&id, T2, 1_900).await;
    let corrected = only(&rig, "CP-1").await;
    assert_eq!(corrected["status"], "stopped");
    assert_eq!(corrected["energy_wh"], 900);
    assert_eq!(corrected["stop_time"], shown(T2));
    assert_eq!(corrected["provisional_until"], Value::Null);
    assert_eq!(corrected["irregularities"], json!([]));
}

#[tokio::test]
async fn the_next_start_on_a_connector_abandons_the_one_before() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let first = cp.start(1, "TAG", T0, 10).await["transactionId"].clone();
    cp.start(2, "TAG", T0, 10).await;
    cp.start(1, "TAG", T1, 30).await;
    let transactions = rig.transactions("CP-1").await;
    let states: Vec<_> = transactions.iter().map(|t| t["status"].clone()).collect();
    assert_eq!(states, ["abandoned", "open", "open"]);
    assert_eq!(transactions[0]["energy_wh"], 0);
    cp.stop(&first, T1, 25).await;
    assert_eq!(rig.transactions("CP-1").await[0]["energy_wh"], 15);
}

#[tokio::test]
async fn a_tag_limited_to_one_transaction_is_concurrent_elsewhere() {
    let rig = rig().await;
    rig.set_tag(TagSetting {
        single_transaction: true,
        ..TagSetting::accepted("ONE")
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    let mut other = rig.connect("CP-2").await;
    let status = |answer: &Value| answer["idTagInfo"]["status"].as_str().unwrap().to_owned();
    let first = cp.start(1, "ONE", T0, 0).await;
    assert_eq!(status(&first), "Accepted");
    assert_eq!(status(&cp.start(2, "one", T0, 0).await), "ConcurrentTx");
    assert_eq!(status(&other.start(1, "ONE", T0, 0).await), "ConcurrentTx");
    // A repetition is no second transaction, and asking is not charging.
    assert_eq!(cp.start(1, "ONE", T0, 0).await, first);
    let asked = cp.call("Authorize", json!({"idTag": "ONE"})).await.unwrap();
    assert_eq!(status(&asked), "Accepted");
    // A tag without the limit may be everywhere.
    assert_eq!(status(&cp.start(1, "TAG", T1, 0).await), "Accepted");
    assert_eq!(status(&other.start(1, "TAG", T1, 0).await), "Accepted");
}

#[tokio::test]
async fn repeated_meter_values_count_once_and_foreign_ones_are_kept_apart() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
    cp.meter(&id, T1, "10").await;
    cp.meter(&id, T1, "10").await;
    cp.meter(&id, T2, "20").await;
    // An older reading that arrives late does not move the register back.
    cp.meter(&id, "2026-01-01T10:10:00Z", "5").await;
    cp.meter(&json!(4711), T2, "999").await;
    let transaction = only(&rig, "CP-1").await;
    assert_eq!(transaction["meter_values"], 3);
    let (_, active) = rig.get("/api/v1/ocpp16/active_transactions/CP-1").await;
    assert_eq!(active["active_transactions"][0]["current_meter_value"], 20);
}

#[tokio::test]
async fn a_register_no_meter_has_is_kept_and_not_counted() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", T0, 10).await["transactionId"].clone();
    cp.meter(&id, T1, "9223372036854775807").await;
    cp.meter(&id, T2, "-9223372036854775808").await;
    let (_, active) = rig.get("/api/v1/ocpp16/active_transactions/CP-1").await;
    assert_eq!(active["active_transactions"][0]["energy_delivered_wh"], 0);
    assert_eq!(only(&rig, "CP-1").await["meter_values"], 2);
}

/// Facts are kept as they were told, and what cannot be true of them is said.
#[tokio::test]
async fn what_cannot_be_right_is_kept_and_marked() {
    let (log, _listening) = Log::listen();
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let now = jiff::Timestamp::now().to_string();
    let id = cp.start(1, "TAG", &now, 1_000).await["transactionId"].clone();
    cp.meter(&id, &now, "400").await;
    let (_, active) = rig.get("/api/v1/ocpp16/active_transactions/CP-1").await;
    let open = &active["active_transactions"][0];
    assert_eq!(open["energy_delivered_wh"], Value::Null);
    assert_eq!(open["current_meter_value"], 400);
    assert!(log.lines("WARN").is_empty(), "{:?}", log.lines("WARN"));
    cp.stop(&id, &now, 900).await;
    let backwards = only(&rig, "CP-1").await;
    assert_eq!(backwards["energy_wh"], Value::Null);
    assert_eq!(backwards["meter_stop"], 900);
    assert_eq!(
        backwards["irregularities"],
        json!(["meter_stop_below_start"])
    );
    let warned = log.lines("meter_stop_below_start");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("WARN") && warned[0].contains("CP-1"));
    let mut cp = rig.connect("CP-2").await;
    let id = cp.start(1, "TAG", "1726-01-01T00:00:00Z", -5).await["transactionId"].clone();
    // A repetition is not told once more.
    cp.start(1, "TAG", "1726-01-01T00:00:00Z", -5).await;
    cp.stop(&id, "2426-01-01T00:00:00Z", 10).await;
    assert_eq!(log.lines("start_time_implausible").len(), 2);
    let words = [
        "meter_start_negative",
        "start_time_implausible",
        "stop_time_implausible",
    ];
    let marked = only(&rig, "CP-2").await;
    assert_eq!(marked["irregularities"], json!(words));
    assert_eq!(marked["energy_wh"], 15);
    let mut cp = rig.connect("CP-3").await;
    let id = cp.start(1, "TAG", &now, 0).await["transactionId"].clone();
    cp.stop(&id, &now, 10).await;
    assert_eq!(only(&rig, "CP-3").await["irregularities"], json!([]));
}

#[tokio::test]
async fn a_blank_tag_is_invalid_whoever_is_let_in() {
    let rig = rig_with(|options| options.accept_unknown.tags = true).await;
    let mut cp = rig.connect("CP-1").await;
    let status = |answer: &Value| answer["idTagInfo"]["status"].as_str().unwrap().to_owned();
    for tag in ["", " ", "   "] {
        let asked = cp.call("Authorize", json!({"idTag": tag})).await.unwrap();
        assert_eq!(status(&asked), "Invalid", "{tag:?}");
        let started = cp.start(1, tag, T0, 0).await;
        assert_eq!(status(&started), "Invalid", "{tag:?}");
        let stop = json!({"transactionId": started["transactionId"], "timestamp": T1, "meterStop": 0,
            "idTag": tag});
        let stopped = cp.call("StopTransaction", stop).await.unwrap();
        assert_eq!(status(&stopped), "Invalid", "{tag:?}");
    }
    let asked = cp.call("Authorize", json!({"idTag": "NEW"})).await.unwrap();
    assert_eq!(status(&asked), "Accepted");
    let file = rig.folder.path().join("csms.db");
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut database = sqlx::ConnectOptions::connect(&file).await.unwrap();
    let tags: Vec<String> = sqlx::query_scalar("select uid from id_tag order by uid")
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(tags, ["NEW", "TAG"]);
}

#[tokio::test]
async fn readings_that_name_no_transaction_mark_the_one_that_is_open_and_has_none() {
    let rig = rig().await;
    for (id, connector, own, unnamed, words) in [
        (
            "CP-1",
            1,
            false,
            json!(null),
            json!(["readings_without_transaction"]),
        ),
        (
            "CP-2",
            1,
            false,
            json!(4711),
            json!(["readings_without_transaction"]),
        ),
        ("CP-3", 1, true, json!(4711), json!([])),
        ("CP-4", 2, false, json!(4711), json!([])),
        ("CP-5", 0, false, json!(4711), json!([])),
    ] {
        let mut cp = rig.connect(id).await;
        let at = "2026-01-01T10:10:00Z";
        let started = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 0).await;
        if own {
            cp.meter(&started["transactionId"], at, "100").await;
        }
        let mut payload = json!({"connectorId": connector,
            "meterValue": [{"timestamp": at, "sampledValue": [{"value": "200"}]}]});
        if !unnamed.is_null() {
            payload["transactionId"] = unnamed;
        }
        cp.call("MeterValues", payload).await.unwrap();
        let listed = rig.transactions(id).await.remove(0);
        assert_eq!(listed["irregularities"], words, "{id}");
        assert_eq!(listed["meter_values"], i64::from(own), "{id}");
    }
}
