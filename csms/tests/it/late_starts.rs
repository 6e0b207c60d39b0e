//! Starts that are told late: judged by what held when they began, answered by what holds now, and billed to
//! whoever is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use dynamo_csms::Clock;
use dynamo_csms::store::TagSetting;
use reqwest::Method;
use serde_json::{Value, json};

use crate::databases::postgres;
use crate::projects::{ahead, ask, charge_point, project};
use crate::support::{ChargePoint, KEY, Rig, rig_with};

const MINUTE_MS: i64 = 60_000;
/// How far behind the clock of a rig is while the test prepares what held before.
const EARLIER_MS: i64 = -10 * 60 * MINUTE_MS;

/// A CSMS on each of the databases that there are, ten hours ago until its clock is moved to now.
pub(crate) async fn earlier() -> Vec<(Rig, Arc<AtomicI64>)> {
    let mut addresses = vec![None];
    addresses.extend(postgres().await.map(Some));
    let mut rigs = Vec::new();
    for address in addresses {
        let clock = Arc::new(AtomicI64::new(EARLIER_MS));
        let of_rig = clock.clone();
        let rig = rig_with(|options| {
            options.clock = ahead(of_rig);
            if let Some(address) = address {
                options.database = address;
            }
        });
        rigs.push((rig.await, clock));
    }
    rigs
}

/// A time so many minutes ago, or ahead.
pub(crate) fn minutes(minutes: i64) -> String {
    let at_ms = Clock::default().now_ms() + minutes * MINUTE_MS;
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap();
    format!("{at:.3}")
}

fn tag(tag: &str, status: &str) -> TagSetting {
    TagSetting {
        status: dynamo_csms::domain::tags::tag::TagStatus::from_setting(status).unwrap(),
        ..TagSetting::accepted(tag)
    }
}

/// What a charge point is told of a start, and the transaction as it is listed when it is stopped.
pub(crate) async fn session(
    rig: &Rig,
    cp: &mut ChargePoint,
    id: &str,
    (connector, tag, from): (i32, &str, &str),
    energy_wh: i32,
) -> (Value, Value) {
    let started = cp.start(connector, tag, from, 0).await;
    cp.stop(&started["transactionId"], from, energy_wh).await;
    let transactions = rig.transactions(id).await;
    let listed = transactions
        .into_iter()
        .find(|listed| listed["transaction_id"] == started["transactionId"]);
    (started["idTagInfo"]["status"].clone(), listed.unwrap())
}

async fn with_tariff(rig: &Rig) -> ChargePoint {
    let cp = rig.connect("CP-1").await;
    let path = "/api/v1/chargepoints/CP-1/tariff";
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.38, "session_fee": 0.50});
    assert_eq!(ask(rig, Method::PUT, path, Some(tariff), KEY).await.0, 200);
    cp
}

#[tokio::test]
async fn the_answer_says_what_the_tag_is_now_and_the_bill_what_it_was() {
    for (rig, clock) in earlier().await {
        let mut cp = with_tariff(&rig).await;
        rig.set_tag(tag("FORMERLY-BLOCKED", "Blocked")).await;
        clock.store(0, Relaxed);
        rig.set_tag(tag("TAG", "Blocked")).await;
        rig.set_tag(TagSetting::accepted("formerly-blocked")).await;
        for (shown, began, answer, though) in [
            ("TAG", -60, "Blocked", Value::Null),
            ("TAG", 0, "Blocked", json!("blocked")),
            ("FORMERLY-BLOCKED", -60, "Accepted", json!("blocked")),
            ("FORMERLY-BLOCKED", 0, "Accepted", Value::Null),
        ] {
            let began = minutes(began);
            let start = (1, shown, began.as_str());
            let (answered, listed) = session(&rig, &mut cp, "CP-1", start, 10_000).await;
            let found = (&answered, &listed["cost"], &listed["billed_though"]);
            assert_eq!(
                found,
                (&json!(answer), &json!(4.3), &though),
                "{shown} {began}"
            );
            assert_eq!(listed["irregularities"], json!([]));
        }
        // A stamp that cannot be right says nothing about the time: the arrival counts.
        let start = (1, "TAG", "1999-01-01T10:00:00Z");
        let (_, listed) = session(&rig, &mut cp, "CP-1", start, 10_000).await;
        assert_eq!(listed["billed_though"], "blocked");
    }
}

#[tokio::test]
async fn whoever_is_known_pays_and_nobody_else() {
    for (rig, clock) in earlier().await {
        let mut cp = with_tariff(&rig).await;
        clock.store(0, Relaxed);
        let half_an_hour_ago = Clock::default().now_ms() - 30 * MINUTE_MS;
        rig.set_tag(TagSetting {
            expires_at_ms: Some(half_an_hour_ago),
            ..TagSetting::accepted("EXPIRES")
        })
        .await;
        rig.set_tag(tag("NO-TAG", "Invalid")).await;
        rig.set_tag(TagSetting {
            single_transaction: true,
            ..TagSetting::accepted("SINGLE")
        })
        .await;
        cp.start(2, "SINGLE", &minutes(-50), 0).await;
        for (shown, began, answer, cost, though) in [
            ("EXPIRES", -60, "Expired", json!(4.3), Value::Null),
            ("EXPIRES", -10, "Expired", json!(4.3), json!("expired")),
            ("SINGLE", -60, "ConcurrentTx", json!(4.3), Value::Null),
            (
                "SINGLE",
                -40,
                "ConcurrentTx",
                json!(4.3),
                json!("concurrent_tx"),
            ),
            ("NO-TAG", -10, "Invalid", Value::Null, Value::Null),
            ("NOBODY", -10, "Invalid", Value::Null, Value::Null),
        ] {
            let began = minutes(began);
            let start = (1, shown, began.as_str());
            let (answered, listed) = session(&rig, &mut cp, "CP-1", start, 10_000).await;
            let found = (&answered, &listed["cost"], &listed["billed_though"]);
            assert_eq!(found, (&json!(answer), &cost, &though), "{shown} {began}");
        }
        // Over, as it was not when this one began.
        cp.status(2, "Available", None).await;
        let began = minutes(-45);
        let (answered, listed) =
            session(&rig, &mut cp, "CP-1", (1, "SINGLE", &began), 10_000).await;
        assert_eq!(answered, "Accepted");
        assert_eq!(listed["cost"], 4.3);
    }
}

#[tokio::test]
async fn without_energy_there_is_no_fee_whoever_it_was() {
    for (rig, clock) in earlier().await {
        let mut cp = with_tariff(&rig).await;
        clock.store(0, Relaxed);
        rig.set_tag(tag("BLOCKED", "Blocked")).await;
        for shown in ["TAG", "BLOCKED"] {
            for (energy_wh, cost) in [(0, 0.0), (1, 0.5)] {
                let began = minutes(-1);
                let start = (1, shown, began.as_str());
                let (_, listed) = session(&rig, &mut cp, "CP-1", start, energy_wh).await;
                assert_eq!(listed["cost"], cost, "{shown} {energy_wh}");
            }
        }
    }
}

#[tokio::test]
async fn the_list_of_a_project_counts_as_it_was_when_a_start_began() {
    for (rig, clock) in earlier().await {
        let installer = rig.installer("a@acme.example").await;
        let id = project(&rig, &installer).await;
        charge_point(&rig, &installer, "CP-1", &id).await;
        rig.set_tag(TagSetting::accepted("OTHER")).await;
        let access = format!("/api/v1/projects/{id}/access");
        let list = |tag: &str| Some(json!({"policy": "list", "id_tags": [tag]}));
        ask(&rig, Method::PUT, &access, list("other"), KEY).await;
        let sign_off = Some(json!({"installer_signature": "Ada"}));
        let path = format!("/api/v1/installer/projects/{id}/complete-handover");
        assert_eq!(
            ask(&rig, Method::POST, &path, sign_off, &installer).await.0,
            200
        );
        let mut cp = with_tariff(&rig).await;
        cp.boot().await;
        clock.store(0, Relaxed);
        ask(&rig, Method::PUT, &access, list("tag"), KEY).await;
        for (shown, began, answer, though) in [
            ("OTHER", -60, "Invalid", Value::Null),
            ("OTHER", 0, "Invalid", json!("not_on_list")),
            ("TAG", -60, "Accepted", json!("not_on_list")),
            ("TAG", 0, "Accepted", Value::Null),
        ] {
            let began = minutes(began);
            let start = (1, shown, began.as_str());
            let (answered, listed) = session(&rig, &mut cp, "CP-1", start, 10_000).await;
            let found = (&answered, &listed["cost"], &listed["billed_though"]);
            assert_eq!(
                found,
                (&json!(answer), &json!(4.3), &though),
                "{shown} {began}"
            );
        }
        // Nobody has this tag, listed or not.
        let began = minutes(0);
        let (_, listed) = session(&rig, &mut cp, "CP-1", (1, "NOBODY", &began), 10_000).await;
        assert_eq!(listed["cost"], Value::Null);
    }
}

#[tokio::test]
async fn a_late_start_of_a_tag_that_nobody_registered_is_accepted_where_such_tags_are() {
    let rig = rig_with(|options| options.accept_unknown.tags = true).await;
    let mut cp = rig.connect("CP-1").await;
    let began = minutes(-60);
    let (answered, _) = session(&rig, &mut cp, "CP-1", (1, "STRANGER", &began), 10).await;
    assert_eq!(answered, "Accepted");
}

/// The states of all transactions, oldest first.
async fn states(rig: &Rig) -> Vec<Value> {
    let transactions = rig.transactions("CP-1").await;
    transactions
        .iter()
        .map(|transaction| transaction["status"].clone())
        .collect()
}

#[tokio::test]
async fn an_older_start_that_is_told_late_leaves_nothing_that_began_after_it() {
    for (rig, clock) in earlier().await {
        clock.store(0, Relaxed);
        let mut cp = rig.connect("CP-1").await;
        let live = cp.start(1, "TAG", &minutes(-5), 0).await["transactionId"].clone();
        cp.meter(&live, &minutes(-4), "100").await;
        let older = cp.start(1, "TAG", &minutes(-65), 0).await["transactionId"].clone();
        assert_eq!(states(&rig).await, ["open", "abandoned"]);
        assert!(rig.transactions("CP-1").await[1]["provisional_until"].is_string());
        cp.meter(&older, &minutes(-40), "4000").await;
        assert_eq!(states(&rig).await, ["open", "abandoned"]);
        cp.stop(&older, &minutes(-35), 5_000).await;
        cp.meter(&live, &minutes(-3), "200").await;
        cp.status(1, "Charging", Some(&minutes(-3))).await;
        assert_eq!(states(&rig).await, ["open", "stopped"]);
        // A younger one ends it.
        cp.start(1, "TAG", &minutes(-2), 200).await;
        assert_eq!(states(&rig).await, ["abandoned", "stopped", "open"]);
        let told = rig.transactions("CP-1").await;
        let energy = [&told[0]["energy_wh"], &told[1]["energy_wh"]];
        assert_eq!(energy, [&json!(200), &json!(5_000)]);
    }
}

#[tokio::test]
async fn what_a_start_had_ended_comes_back_by_its_own_readings_when_the_other_one_is_over() {
    for (rig, clock) in earlier().await {
        clock.store(0, Relaxed);
        let mut cp = rig.connect("CP-1").await;
        let live = cp.start(1, "TAG", &minutes(-5), 0).await["transactionId"].clone();
        // Nobody knows when that was: the order of arrival counts.
        let lost = "1999-01-01T10:00:00Z";
        let other = cp.start(1, "TAG", lost, 0).await["transactionId"].clone();
        cp.meter(&live, &minutes(-4), "100").await;
        assert_eq!(states(&rig).await, ["abandoned", "open"]);
        cp.stop(&other, lost, 10).await;
        cp.status(1, "Charging", Some(&minutes(-3))).await;
        assert_eq!(states(&rig).await, ["abandoned", "stopped"]);
        cp.meter(&live, &minutes(-2), "300").await;
        assert_eq!(states(&rig).await, ["open", "stopped"]);
        // What was read before the start that ended it is no sign that it goes on.
        let other = cp.start(1, "TAG", &minutes(-1), 0).await["transactionId"].clone();
        cp.stop(&other, &minutes(0), 10).await;
        cp.meter(&live, &minutes(-2), "400").await;
        assert_eq!(states(&rig).await, ["abandoned", "stopped", "stopped"]);
        cp.stop(&live, &minutes(-1), 500).await;
        let told = rig.transactions("CP-1").await;
        let found = (&told[0]["energy_wh"], &told[0]["irregularities"]);
        assert_eq!(found, (&json!(500), &json!([])));
    }
}
