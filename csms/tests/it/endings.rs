//! How transactions end: by their stop, by a status that may be wrong, by an operator; and what is told late.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use dynamo_csms::Clock;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{sleep, timeout};

use crate::databases::rigs;
use crate::guest;
use crate::support::{ChargePoint, KEY, Log, PATIENCE, Rig, new_key, rig, rig_with};

/// So many seconds from now, in whole seconds.
fn at(seconds: i64) -> String {
    let now = Timestamp::now().as_second();
    Timestamp::from_second(now + seconds).unwrap().to_string()
}

/// A CSMS whose clock is ahead by hours that the test counts.
async fn rig_later() -> (Rig, Arc<AtomicI64>) {
    let (hours, system) = (Arc::new(AtomicI64::new(0)), Clock::default());
    let ahead = hours.clone();
    let now = move || system.now_ms() + ahead.load(Relaxed) * 3_600_000;
    let rig = rig_with(|options| options.clock = Clock::new(now)).await;
    (rig, hours)
}

async fn active(rig: &Rig, id: &str) -> Vec<Value> {
    let path = format!("/api/v1/ocpp16/active_transactions/{id}");
    let (status, body) = rig.get(&path).await;
    assert_eq!(status, 200, "{body}");
    body["active_transactions"].as_array().unwrap().clone()
}

async fn last(rig: &Rig, id: &str) -> Value {
    rig.transactions(id).await.pop().unwrap()
}

/// Waits until the end of the last transaction is final; the transaction.
async fn until_final(rig: &Rig, id: &str) -> Value {
    let reached = async {
        loop {
            let last = last(rig, id).await;
            if last["status"] == "abandoned" && last["provisional_until"].is_null() {
                return last;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap()
}

async fn set_tariff(rig: &Rig, id: &str) {
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.5});
    let path = format!("/api/v1/chargepoints/{id}/tariff");
    let (status, body) = rig.request(Method::PUT, &path, Some(tariff), KEY).await;
    assert_eq!(status, 200, "{body}");
}

/// Meter values with these elements: a time, and samples.
async fn elements(cp: &mut ChargePoint, transaction: &Value, elements: &[(String, Value)]) {
    let values = elements.iter();
    let values: Vec<Value> = values
        .map(|(at, samples)| json!({"timestamp": at, "sampledValue": samples}))
        .collect();
    let payload = json!({"connectorId": 1, "transactionId": transaction, "meterValue": values});
    cp.call("MeterValues", payload).await.unwrap();
}

#[tokio::test]
async fn the_register_of_the_beginning_is_not_that_of_now() {
    let rig = rig().await;
    let sample = |value: &str, context: &str| {
        json!({"value": value, "context": context, "format": "Raw",
        "measurand": "Energy.Active.Import.Register", "unit": "Wh"})
    };
    let now = at(0);
    let (periodic, begin) = (
        sample("163630", "Sample.Periodic"),
        sample("157440", "Transaction.Begin"),
    );
    let whole = |samples: Value| (now.clone(), samples);
    for (id, told) in [
        ("CP-1", vec![whole(json!([periodic, begin]))]),
        ("CP-2", vec![whole(json!([begin, periodic]))]),
        (
            "CP-3",
            vec![whole(json!([periodic])), whole(json!([begin]))],
        ),
        (
            "CP-4",
            vec![whole(json!([begin])), whole(json!([periodic]))],
        ),
    ] {
        let mut cp = rig.connect(id).await;
        let transaction = cp.start(1, "TAG", &at(-60), 157_440).await["transactionId"].clone();
        elements(&mut cp, &transaction, &told).await;
        let live = active(&rig, id).await[0]["energy_delivered_wh"].clone();
        cp.status(1, "Available", None).await;
        let left = last(&rig, id).await;
        assert_eq!(
            (live, &left["energy_wh"]),
            (json!(6_190), &json!(6_190)),
            "{id}"
        );
    }
}

#[tokio::test]
async fn phases_are_summed_and_a_place_is_no_filter() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let transaction = cp.start(1, "TAG", &at(-60), 0).await["transactionId"].clone();
    let phase = |phase: &str, value: &str| json!({"value": value, "phase": phase});
    let lines = json!([phase("L1", "10"), phase("L2", "20"), phase("L3", "30")]);
    let live = async || active(&rig, "CP-1").await[0]["energy_delivered_wh"].clone();
    elements(&mut cp, &transaction, &[(at(-50), lines)]).await;
    assert_eq!(live().await, 60);
    let cable = json!([{"value": "0.09", "unit": "kWh", "location": "Cable", "context": "Other"}]);
    let transaction = cp.start(1, "TAG", &at(-40), 0).await["transactionId"].clone();
    elements(&mut cp, &transaction, &[(at(-30), cable)]).await;
    assert_eq!(live().await, 90);
    let signed = json!([{"value": "4000", "format": "SignedData"}]);
    elements(&mut cp, &transaction, &[(at(-20), signed)]).await;
    assert_eq!(live().await, 90);
}

#[tokio::test]
async fn phases_in_elements_of_their_own_are_summed() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let transaction = cp.start(1, "TAG", &at(-60), 0).await["transactionId"].clone();
    let line = |phase: &str, value: &str| {
        let sample = json!([{"value": value, "phase": phase}]);
        (at(-50), sample)
    };
    let lines = [line("L1", "10"), line("L2", "20"), line("L3", "30")];
    elements(&mut cp, &transaction, &lines).await;
    assert_eq!(active(&rig, "CP-1").await[0]["energy_delivered_wh"], 60);
}

#[tokio::test]
async fn the_meter_of_the_whole_charge_point_is_not_that_of_a_connector() {
    for rig in rigs().await {
        let mut cp = rig.connect("CP-1").await;
        cp.status(2, "Available", None).await;
        for (connector, energy, word) in [
            (0, 100, "readings_of_main_meter"),
            // There is one of its own, which counts.
            (2, 100, "readings_of_other_connector"),
        ] {
            let start = cp.start(1, "TAG", &at(-60), 0).await;
            let transaction = start["transactionId"].clone();
            cp.meter(&transaction, &at(-50), "100").await;
            let value = json!([{"timestamp": at(-40), "sampledValue": [{"value": "900"}]}]);
            let payload = json!({"connectorId": connector, "transactionId": transaction,
                "meterValue": value});
            cp.call("MeterValues", payload).await.unwrap();
            let live = active(&rig, "CP-1").await;
            assert_eq!(live[0]["energy_delivered_wh"], energy, "{connector}");
            cp.stop(&transaction, &at(-30), 901).await;
            let last = last(&rig, "CP-1").await;
            let found = (&last["energy_wh"], &last["irregularities"]);
            assert_eq!(found, (&json!(901), &json!([word])));
        }
    }
}

#[tokio::test]
async fn of_one_connector_the_meter_of_the_whole_charge_point_is_its_own() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let transaction = cp.start(1, "TAG", &at(-60), 0).await["transactionId"].clone();
    let value = json!([{"timestamp": at(-40), "sampledValue": [{"value": "900"}]}]);
    let payload = json!({"connectorId": 0, "transactionId": transaction, "meterValue": value});
    cp.call("MeterValues", payload).await.unwrap();
    assert_eq!(active(&rig, "CP-1").await[0]["energy_delivered_wh"], 900);
    cp.stop(&transaction, &at(-30), 900).await;
    assert_eq!(last(&rig, "CP-1").await["irregularities"], json!([]));
}

#[tokio::test]
async fn a_clock_that_is_set_back_freezes_no_figure() {
    for rig in rigs().await {
        let mut cp = rig.connect("CP-1").await;
        let transaction = cp.start(1, "TAG", &at(0), 1_000).await["transactionId"].clone();
        for (seconds, register) in [(7_205, "1100"), (60, "3000"), (300, "5000")] {
            cp.meter(&transaction, &at(seconds), register).await;
        }
        let live = active(&rig, "CP-1").await;
        assert_eq!(live[0]["energy_delivered_wh"], 4_000);
        cp.status(1, "Available", None).await;
        let left = last(&rig, "CP-1").await;
        assert_eq!(left["energy_wh"], 4_000);
        // A clock that stands in another century tells growth as well.
        let mut cp = rig.connect("CP-2").await;
        let then = "2000-01-01T00:00:30Z";
        let transaction = cp.start(1, "TAG", then, 0).await["transactionId"].clone();
        for register in ["100", "200"] {
            cp.meter(&transaction, then, register).await;
        }
        assert_eq!(active(&rig, "CP-2").await[0]["energy_delivered_wh"], 200);
        cp.status(1, "Available", Some(then)).await;
        assert_eq!(active(&rig, "CP-2").await.len(), 1);
        cp.status(1, "Available", Some("2000-01-01T00:00:31Z"))
            .await;
        let left = last(&rig, "CP-2").await;
        let words = json!(["start_time_implausible", "stop_time_implausible"]);
        assert_eq!(
            (&left["energy_wh"], &left["irregularities"]),
            (&json!(200), &words)
        );
    }
}

#[tokio::test]
async fn a_start_whose_stamp_was_ahead_is_left_by_a_status_that_is_right() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.start(1, "TAG", &at(7_200), 0).await;
    cp.status(1, "Available", Some(&at(2))).await;
    assert_eq!(last(&rig, "CP-1").await["status"], "abandoned");
}

#[tokio::test]
async fn the_same_start_after_its_stop_begins_another_transaction() {
    for rig in rigs().await {
        for (id, began, ended) in [
            ("CP-1", at(0), at(3_600)),
            (
                "CP-2",
                "2000-01-01T00:00:30Z".to_owned(),
                "2000-01-01T02:00:00Z".to_owned(),
            ),
        ] {
            let mut cp = rig.connect(id).await;
            let first = cp.start(1, "TAG", &began, 0).await;
            assert_eq!(cp.start(1, "TAG", &began, 0).await, first);
            let first = first["transactionId"].clone();
            cp.stop(&first, &began, 0).await;
            let second = cp.start(1, "TAG", &began, 0).await["transactionId"].clone();
            assert_ne!(first, second);
            assert_eq!(active(&rig, id).await.len(), 1);
            // A retransmission of the first stop stops nothing of the second.
            cp.stop(&first, &began, 0).await;
            assert_eq!(cp.start(1, "tag", &began, 0).await["transactionId"], second);
            cp.stop(&second, &ended, 6_000).await;
            let energy: Vec<_> = rig.transactions(id).await;
            let energy: Vec<_> = energy.iter().map(|t| t["energy_wh"].clone()).collect();
            assert_eq!(energy, [json!(0), json!(6_000)]);
        }
        // What a status ended is the same when its start is told once more, and goes on.
        let mut cp = rig.connect("CP-3").await;
        let began = at(0);
        let left = cp.start(1, "TAG", &began, 0).await;
        cp.status(1, "Available", None).await;
        assert!(active(&rig, "CP-3").await.is_empty());
        assert_eq!(cp.start(1, "TAG", &began, 0).await, left);
        assert_eq!(active(&rig, "CP-3").await.len(), 1);
        // The key of the database says so, whoever writes beside us.
        let twin = "insert into charge_transaction (organization_id, charge_point_id, connector_id, id_tag, tag_key,
                state, started_at_ms, meter_start_wh, start_answer, received_at_ms, heard_at_ms,
                updated_at_ms)
            select organization_id, charge_point_id, connector_id, id_tag, tag_key, state, started_at_ms,
                meter_start_wh, start_answer, received_at_ms, heard_at_ms, heard_at_ms
            from charge_transaction where charge_point_id = 'CP-3' on conflict do nothing";
        rig.execute(twin).await;
        assert_eq!(rig.transactions("CP-3").await.len(), 1);
    }
}

#[tokio::test]
async fn a_stop_of_nobody_is_listed_counted_and_said_by_what_is_left_without_one() {
    for rig in rigs().await {
        for (id, number) in [("CP-1", 0), ("CP-2", -1)] {
            let mut cp = rig.connect(id).await;
            let open = cp.start(1, "TAG", &at(-60), 1_000).await["transactionId"].clone();
            let stop = json!({"transactionId": number, "meterStop": 6_000, "timestamp": at(0), "reason": "Local",
                "idTag": "TAG"});
            for _ in 0..2 {
                let answer = cp.call("StopTransaction", stop.clone()).await.unwrap();
                assert_eq!(answer["idTagInfo"]["status"], "Accepted");
            }
            assert_eq!(last(&rig, id).await["irregularities"], json!([]));
            cp.start(1, "TAG", &at(60), 6_000).await;
            let transactions = rig.transactions(id).await;
            let words = json!(["stop_of_unknown_transaction"]);
            assert_eq!(transactions[0]["irregularities"], words);
            assert_eq!(transactions[1]["irregularities"], json!([]));
            let path = format!("/api/v1/ocpp16/charge_points/{id}/orphan_stops");
            let (status, body) = rig.get(&path).await;
            assert_eq!(
                (status.as_u16(), &body["total"]),
                (200, &json!(1)),
                "{body}"
            );
            let listed = &body["orphan_stops"][0];
            for (field, value) in [
                ("transaction_id", json!(number)),
                ("cause", json!("unknown_transaction")),
                ("meter_stop", json!(6_000)),
                ("reason", json!("Local")),
                ("id_tag", json!("TAG")),
            ] {
                assert_eq!(listed[field], value, "{field}");
            }
            // Its own stop after all: nothing is odd any more.
            cp.stop(&open, &at(30), 5_000).await;
            let transactions = rig.transactions(id).await;
            assert_eq!(transactions[0]["irregularities"], json!([]));
            // Another stop of what is stopped is no stop of nobody.
            cp.stop(&open, &at(40), 5_500).await;
            let (_, body) = rig.get(&format!("{path}?page=2&per_page=1")).await;
            assert_eq!((&body["total"], &body["page"]), (&json!(2), &json!(2)));
            assert_eq!(body["orphan_stops"][0]["cause"], "already_stopped");
            let theirs = new_key(&rig, "org_other", &["read:charge_points"]).await;
            let (status, _) = rig.request(Method::GET, &path, None, &theirs).await;
            assert_eq!(status, 404);
            assert_eq!(rig.get(&format!("{path}?page=0")).await.0, 400);
        }
        let metrics = rig.client().get(rig.url("/metrics")).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        assert!(
            metrics.contains("dynamo_csms_orphan_stops_total 4"),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn a_stop_of_nobody_after_the_connector_was_left_is_said_as_well() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.start(1, "TAG", &at(-60), 1_000).await;
    cp.status(1, "Available", None).await;
    cp.stop(&json!(-1), &at(0), 6_000).await;
    let words = json!(["stop_of_unknown_transaction"]);
    assert_eq!(last(&rig, "CP-1").await["irregularities"], words);
}

#[tokio::test]
async fn available_in_mid_session_ends_nothing_for_good() {
    for rig in rigs().await {
        let mut cp = rig.connect("CP-1").await;
        let id = cp.start(1, "TAG", &at(-60), 1_000).await["transactionId"].clone();
        let is_active = async || active(&rig, "CP-1").await.len() == 1;
        for word in ["Charging", "SuspendedEV", "SuspendedEVSE"] {
            cp.status(1, "Available", None).await;
            assert!(!is_active().await);
            let left = last(&rig, "CP-1").await;
            assert_eq!(left["status"], "abandoned");
            assert!(left["provisional_until"].is_string(), "{left}");
            cp.status(2, word, None).await;
            cp.status(1, "Preparing", None).await;
            assert!(!is_active().await, "{word} elsewhere");
            cp.status(1, word, None).await;
            assert!(is_active().await, "{word}");
        }
        // Meter values of the transaction, when no status says so.
        cp.status(1, "Available", Some(&at(-10))).await;
        cp.meter(&id, &at(-30), "2000").await;
        let left = last(&rig, "CP-1").await;
        assert!(!is_active().await, "a reading from before");
        assert_eq!(left["energy_wh"], 1_000);
        cp.meter(&id, &at(5), "9000").await;
        let open = last(&rig, "CP-1").await;
        assert_eq!(
            (&open["status"], &open["energy_wh"], &open["stop_time"]),
            (&json!("open"), &Value::Null, &Value::Null)
        );
        assert_eq!(open["irregularities"], json!([]));
        assert_eq!(active(&rig, "CP-1").await[0]["energy_delivered_wh"], 8_000);
        // Not where another one began meanwhile.
        cp.start(1, "TAG", &at(10), 9_000).await;
        cp.meter(&id, &at(20), "9100").await;
        cp.status(1, "Charging", None).await;
        let transactions = rig.transactions("CP-1").await;
        assert_eq!(transactions[0]["status"], "abandoned");
        assert_eq!(transactions[0]["energy_wh"], 8_100);
        assert_eq!(transactions[1]["status"], "open");
    }
}

#[tokio::test]
async fn an_end_without_a_stop_is_billed_when_it_is_final_also_after_a_restart() {
    let rig = rig().await;
    set_up(&rig).await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", &at(-60), 1_000).await["transactionId"].clone();
    cp.meter(&id, &at(-30), "3000").await;
    cp.status(1, "Available", None).await;
    let left = last(&rig, "CP-1").await;
    assert_eq!(
        (&left["energy_wh"], &left["cost"]),
        (&json!(2_000), &Value::Null)
    );
    drop(cp);
    let folder = rig.folder;
    rig.csms.shutdown().await;
    let mut later = crate::support::options(&folder);
    let system = Clock::default();
    let ahead_ms = Arc::new(AtomicI64::new(901_000));
    let ahead = ahead_ms.clone();
    later.clock = Clock::new(move || system.now_ms() + ahead.load(Relaxed));
    let rig = Rig::start(folder, later).await;
    // A server that was down heard of nobody: the silence counts from its start.
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let waiting = last(&rig, "CP-1").await;
    assert!(waiting["provisional_until"].is_string(), "{waiting}");
    drop(cp);
    ahead_ms.store(1_803_000, Relaxed);
    let billed = until_final(&rig, "CP-1").await;
    assert_eq!(billed["cost"], 1.0);
    // What comes now corrects the record, and is marked.
    let mut cp = rig.connect("CP-1").await;
    cp.meter(&id, &at(1_700), "4000").await;
    let marked = last(&rig, "CP-1").await;
    assert_eq!(marked["status"], "abandoned");
    assert_eq!(
        (&marked["energy_wh"], &marked["cost"]),
        (&json!(3_000), &json!(1.0))
    );
    assert_eq!(marked["irregularities"], json!(["corrected_late"]));
    cp.stop(&id, &at(1_800), 5_000).await;
    let stopped = last(&rig, "CP-1").await;
    assert_eq!(
        (&stopped["status"], &stopped["cost"]),
        (&json!("stopped"), &json!(2.0))
    );
    assert_eq!(stopped["irregularities"], json!(["corrected_late"]));
}

async fn set_up(rig: &Rig) {
    rig.connect("CP-1").await;
    set_tariff(rig, "CP-1").await;
    // The tariff holds for what began before it was set.
    rig.execute("update tariff set since_ms = 0").await;
}

#[tokio::test]
async fn each_message_about_it_begins_the_wait_anew() {
    let (rig, hours) = rig_later().await;
    set_up(&rig).await;
    let mut other = rig.connect("CP-2").await;
    other.start(1, "TAG", &at(-60), 0).await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", &at(-60), 1_000).await["transactionId"].clone();
    other.status(1, "Available", None).await;
    cp.status(1, "Available", Some(&at(0))).await;
    let until = last(&rig, "CP-1").await["provisional_until"].clone();
    hours.store(1, Relaxed);
    // From before the connector was left, told an hour later: it is not due before another quarter of an hour.
    cp.meter(&id, &at(-20), "2000").await;
    until_final(&rig, "CP-2").await;
    let waiting = last(&rig, "CP-1").await;
    let state = (&waiting["status"], &waiting["energy_wh"]);
    assert_eq!(state, (&json!("abandoned"), &json!(1_000)));
    if waiting["irregularities"] == json!([]) {
        assert!(
            waiting["provisional_until"].as_str() > until.as_str(),
            "{waiting}"
        );
    }
    hours.store(2, Relaxed);
    assert_eq!(until_final(&rig, "CP-1").await["cost"], 0.5);
}

#[tokio::test]
async fn a_guest_pays_all_of_what_goes_on_after_available() {
    let (rig, hours) = rig_later().await;
    let mut cp = guest::guest_point(&rig).await;
    let token = guest::authorized(&rig, "pm_1").await;
    let start = guest::answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let tag = start["idTag"].as_str().unwrap();
    let id = cp.start(1, tag, &at(-3_600), 1_000).await["transactionId"].clone();
    cp.status(1, "Charging", None).await;
    cp.meter(&id, &at(0), "3000").await;
    cp.status(1, "Available", None).await;
    cp.status(1, "Charging", None).await;
    // Another one that was left is final: what is due was looked for, and the guest's was not.
    let mut other = rig.connect("CP-2").await;
    other.start(1, "TAG", &at(-60), 0).await;
    other.status(1, "Available", None).await;
    hours.store(1, Relaxed);
    until_final(&rig, "CP-2").await;
    assert_eq!(guest::status(&rig, &token).await["status"], "charging");
    cp.meter(&id, &at(10), "12000").await;
    cp.stop(&id, &at(20), 31_000).await;
    let paid = guest::until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(paid["cost_so_far"], 10.5);
}

#[tokio::test]
async fn a_connector_is_free_for_the_next_guest_while_the_price_of_the_last_one_waits() {
    for rig in rigs().await {
        let mut cp = guest::guest_point(&rig).await;
        let first = guest::authorized(&rig, "pm_1").await;
        guest::begin(&mut cp).await;
        cp.status(1, "Available", None).await;
        let second = guest::authorized(&rig, "pm_2").await;
        let start = guest::answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
        // The first one goes on after all: both have a session, and the second cannot begin beside it unseen.
        cp.status(1, "Charging", None).await;
        assert_eq!(active(&rig, "cp_001").await.len(), 1);
        assert_eq!(guest::status(&rig, &first).await["status"], "charging");
        let tag = start["idTag"].as_str().unwrap();
        cp.start(1, tag, &at(0), 1_000).await;
        guest::until(&rig, &second, "status", "charging").await;
        assert_eq!(active(&rig, "cp_001").await[0]["id_tag"], tag);
        let refused = guest::post(&rig, "authorize", Some(guest_body())).await;
        assert_eq!(refused.0, 409, "{}", refused.1);
    }
}

fn guest_body() -> Value {
    json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_3"})
}

#[tokio::test]
async fn an_operator_closes_what_will_never_be_stopped() {
    for rig in rigs().await {
        set_up(&rig).await;
        let mut cp = rig.connect("CP-1").await;
        let id = cp.start(1, "TAG", &at(-60), 1_000).await["transactionId"].clone();
        cp.meter(&id, &at(-30), "3000").await;
        let path = format!("/api/v1/ocpp16/transactions/{id}/close");
        let close = async |path: &str, key: &str| {
            let (status, body) = rig.request(Method::POST, path, None, key).await;
            (status.as_u16(), body)
        };
        let theirs = new_key(
            &rig,
            "org_other",
            &["read:charge_points", "write:charge_points"],
        )
        .await;
        let reader = new_key(&rig, "org_default", &["read:charge_points"]).await;
        assert_eq!(close(&path, &theirs).await.0, 404);
        assert_eq!(close(&path, &reader).await.0, 403);
        for nothing in ["4711", "-1", "txn_00000001", "99999999999999999999"] {
            let path = format!("/api/v1/ocpp16/transactions/{nothing}/close");
            assert_eq!(close(&path, KEY).await.0, 404, "{nothing}");
        }
        assert_eq!(active(&rig, "CP-1").await.len(), 1);
        let (status, closed) = close(&path, KEY).await;
        assert_eq!(status, 200, "{closed}");
        for (field, value) in [
            ("transaction_id", id.clone()),
            ("status", json!("abandoned")),
            ("reason", json!("closed_by_operator")),
            ("energy_wh", json!(2_000)),
            ("cost", json!(1.0)),
            ("provisional_until", Value::Null),
            ("irregularities", json!([])),
        ] {
            assert_eq!(closed[field], value, "{field}");
        }
        assert_eq!(last(&rig, "CP-1").await, closed);
        let (status, body) = close(&path, KEY).await;
        assert_eq!((status, &body["code"]), (409, &json!("already_over")));
        // The charge point knows nothing of it.
        cp.status(1, "Charging", None).await;
        cp.meter(&id, &at(0), "3500").await;
        assert!(active(&rig, "CP-1").await.is_empty());
        cp.stop(&id, &at(10), 4_000).await;
        let stopped = last(&rig, "CP-1").await;
        assert_eq!(
            (&stopped["status"], &stopped["cost"]),
            (&json!("stopped"), &json!(1.5))
        );
        assert_eq!(stopped["irregularities"], json!(["corrected_late"]));
        assert_eq!(close(&path, KEY).await.0, 409);
        // What waits for a stop is closed at once.
        let id = cp.start(1, "TAG", &at(20), 4_000).await["transactionId"].clone();
        cp.status(1, "Available", None).await;
        let path = format!("/api/v1/ocpp16/transactions/{id}/close");
        let (status, closed) = close(&path, KEY).await;
        assert_eq!((status, &closed["provisional_until"]), (200, &Value::Null));
    }
}

/// Whatever keeps one of them from it, the others are made final, and the log hears of it once.
#[tokio::test]
async fn an_end_that_cannot_be_made_final_is_told_once_and_tried_until_it_can() {
    let (log, _listening) = Log::listen();
    let (rig, hours) = rig_later().await;
    let leave = async |id: &str| {
        let mut cp = rig.connect(id).await;
        cp.start(1, "TAG", &at(-60), 0).await;
        cp.status(1, "Available", None).await;
    };
    leave("CP-1").await;
    let file = SqliteConnectOptions::new().filename(rig.folder.path().join("csms.db"));
    let mut database = SqliteConnection::connect_with(&file).await.unwrap();
    let hinder = "create trigger hinder before update of provisional_since_ms on charge_transaction
        when old.charge_point_id = 'CP-1' begin select raise(abort, 'not this one'); end";
    sqlx::query(hinder).execute(&mut database).await.unwrap();
    let told = || log.lines("could not be made final");
    for hour in 1..=3 {
        let other = format!("OTHER-{hour}");
        leave(&other).await;
        hours.store(hour, Relaxed);
        // The first one is older, so it was tried before, an hour after the last time.
        until_final(&rig, &other).await;
        let lines = told();
        assert!(
            lines.len() == 1 && lines[0].contains("not this one"),
            "{lines:#?}"
        );
    }
    let drop = sqlx::query("drop trigger hinder");
    drop.execute(&mut database).await.unwrap();
    hours.store(4, Relaxed);
    until_final(&rig, "CP-1").await;
    assert_eq!(told().len(), 1);
}
