//! What comes late, what is lost on the way, and what a restart leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use dynamo_csms::{Clock, Options};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ROOT, T0, T1, answer, authorized, begin, example, guest_point, morning_with, post, status,
    until,
};
use crate::support::{KEY, PATIENCE, Rig, options, rig, rig_with};

#[tokio::test]
async fn a_stop_that_is_not_heard_in_time_is_finished_later() {
    let rig = rig_with(|o| o.guest_stop_wait = Duration::from_millis(300)).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
    let path = format!("{token}/stop");
    let (refused, _) = tokio::join!(
        post(&rig, &path, None),
        answer(&mut cp, "RemoteStopTransaction", "Rejected")
    );
    assert_eq!(
        (refused.0, &refused.1["code"]),
        (422, &json!("ocpp_rejected")),
        "{refused:?}"
    );
    assert_eq!(status(&rig, &token).await["status"], "charging");
    let (stopping, _) = tokio::join!(
        post(&rig, &path, None),
        answer(&mut cp, "RemoteStopTransaction", "Accepted")
    );
    assert_eq!(stopping.0, 200);
    assert_eq!(stopping.1["status"], "stopping", "{}", stopping.1);
    assert_eq!(
        (&stopping.1["energy_kwh"], &stopping.1["final_cost"]),
        (&json!(8.2), &json!(2.87))
    );
    assert_eq!(stopping.1["ended_at"], Value::Null);
    let early = rig.get(&format!("{ROOT}/{token}/receipt")).await;
    assert_eq!(
        (early.0.as_u16(), &early.1["code"]),
        (409, &json!("not_completed"))
    );
    cp.stop(&transaction, T1, 22_600).await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(
        (&ended["status"], &ended["cost_so_far"]),
        (&json!("stopped"), &json!(7.56))
    );
    // Nobody can stop what cannot be heard.
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    cp.start(1, start["idTag"].as_str().unwrap(), T1, 0).await;
    drop(cp);
    rig.until_offline("cp_001").await;
    let (code, body) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!(
        (code, &body["code"]),
        (422, &json!("not_connected")),
        "{body}"
    );
    assert_eq!(status(&rig, &token).await["status"], "charging");
}

#[tokio::test]
async fn a_transaction_without_a_stop_is_paid_at_its_last_value_unless_the_stop_comes_late() {
    for (late_stop, energy, cost) in [(false, 8.2, 2.87), (true, 21.6, 7.56)] {
        let wait = if late_stop { 5_000 } else { 200 };
        let rig = rig_with(|o| o.provisional = Duration::from_millis(wait)).await;
        let mut cp = guest_point(&rig).await;
        let token = authorized(&rig, "pm_1").await;
        let (_, transaction) = begin(&mut cp).await;
        cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
        cp.status(1, "Available", Some("2026-01-01T10:30:00Z"))
            .await;
        if late_stop {
            cp.stop(&transaction, T1, 22_600).await;
        }
        let ended = until(&rig, &token, "payment_status", "captured").await;
        assert_eq!(ended["status"], "stopped");
        assert_eq!(
            (&ended["energy_kwh"], &ended["cost_so_far"]),
            (&json!(energy), &json!(cost))
        );
    }
}

#[tokio::test]
async fn a_restart_loses_no_session() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let charging = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    let mut waiting = example();
    waiting["connector_id"] = json!(2);
    let (_, body) = post(&rig, "authorize", Some(waiting)).await;
    let waiting = body["session_token"].as_str().unwrap().to_owned();
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let rig = rig.restart().await;
    assert_eq!(status(&rig, &charging).await["status"], "charging");
    let mut cp = rig.connect("cp_001").await;
    // What was asked for before is not asked for again; what the charge point does counts.
    let started = cp.start(2, start["idTag"].as_str().unwrap(), T0, 0).await;
    assert_eq!(started["idTagInfo"]["status"], "Accepted");
    until(&rig, &waiting, "status", "charging").await;
    // A stop that was written down, and nobody sent.
    rig.execute(&format!(
        "update guest_session set status = 'stopping', stop_asked_at_ms = 1 where token = '{charging}'"
    ))
    .await;
    let folder = rig.folder;
    rig.csms.shutdown().await;
    let again: Options = options(&folder);
    let rig = Rig::start(folder, again).await;
    let mut cp = rig.connect("cp_001").await;
    let stop = answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
    assert_eq!(stop["transactionId"], transaction);
    cp.stop(&transaction, T1, 22_600).await;
    let ended = until(&rig, &charging, "payment_status", "captured").await;
    assert_eq!(ended["cost_so_far"], 7.56);
    // One whose authorization was cut short is nobody's, and one whose payment was is taken.
    rig.execute(&format!(
        "update guest_session set payment_status = 'capturing', captured = null where token = '{charging}'"
    ))
    .await;
    rig.execute(&format!(
        "update guest_session set status = 'authorizing', payment_status = 'authorizing', transaction_id = null,
             payment_reference = null, created_at_ms = created_at_ms - 120000 where token = '{waiting}'"
    ))
    .await;
    let rig = rig.restart().await;
    until(&rig, &charging, "payment_status", "captured").await;
    let failed = until(&rig, &waiting, "payment_status", "canceled").await;
    assert_eq!(failed["status"], "failed");
}

#[tokio::test]
async fn a_charge_point_that_does_not_start_costs_nothing() {
    let rig = rig_with(|o| o.guest_authorization = Duration::from_millis(700)).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    answer(&mut cp, "RemoteStartTransaction", "Rejected").await;
    let failed = until(&rig, &token, "payment_status", "canceled").await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["reason"].as_str().unwrap().contains("Rejected"),
        "{failed}"
    );
    assert_eq!(failed["cost_so_far"], 0.0);
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let expired = until(&rig, &token, "status", "expired").await;
    assert!(expired["ended_at"].is_string());
    until(&rig, &token, "payment_status", "canceled").await;
    let late = cp.start(1, start["idTag"].as_str().unwrap(), T0, 0).await;
    assert_eq!(late["idTagInfo"]["status"], "Invalid");
    assert_eq!(status(&rig, &token).await["status"], "expired");
    let receipt = rig.get(&format!("{ROOT}/{token}/receipt")).await;
    assert_eq!(receipt.0, 409);
    let (code, body) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!((code, &body["status"]), (200, &json!("expired")));
    // One that is stopped before it begins never begins.
    let mut cp = rig.connect("cp_001").await;
    rig.execute("update charge_transaction set state = 'stopped'")
        .await;
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let (code, body) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!((code, &body["status"]), (200, &json!("stopped")), "{body}");
    assert_eq!(
        (&body["payment_status"], &body["final_cost"]),
        (&json!("canceled"), &json!(0.0))
    );
    let late = cp.start(1, start["idTag"].as_str().unwrap(), T1, 0).await;
    assert_eq!(late["idTagInfo"]["status"], "Invalid");
}

#[tokio::test]
async fn a_stop_that_was_not_answered_is_sent_again_at_the_next_connection() {
    let rig = rig_with(|o| o.guest_stop_wait = Duration::from_millis(300)).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    let path = format!("{token}/stop");
    let (stopping, ()) = tokio::join!(post(&rig, &path, None), async {
        let (_, action, _) = cp.next_call().await;
        assert_eq!(action, "RemoteStopTransaction");
        drop(cp);
    });
    assert_eq!(
        (stopping.0, &stopping.1["status"]),
        (200, &json!("stopping")),
        "{stopping:?}"
    );
    rig.until_offline("cp_001").await;
    let mut cp = rig.connect("cp_001").await;
    let stop = answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
    assert_eq!(stop["transactionId"], transaction);
    cp.stop(&transaction, T1, 22_600).await;
    until(&rig, &token, "payment_status", "captured").await;
}

#[tokio::test]
async fn a_stop_that_is_refused_because_it_ended_by_itself_is_no_refusal() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    let path = format!("{token}/stop");
    let (stopped, ()) = tokio::join!(post(&rig, &path, None), async {
        answer(&mut cp, "RemoteStopTransaction", "Rejected").await;
        cp.stop(&transaction, T1, 22_600).await;
    });
    assert_eq!(
        (stopped.0, &stopped.1["status"]),
        (200, &json!("stopped")),
        "{stopped:?}"
    );
    assert_eq!(stopped.1["payment_status"], "captured");
}

#[tokio::test]
async fn a_session_that_began_while_its_charge_point_was_away_is_paid_for() {
    let rig = rig_with(|o| o.guest_authorization = Duration::from_millis(500)).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let began = jiff::Timestamp::now().to_string();
    drop(cp);
    rig.until_offline("cp_001").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(status(&rig, &token).await["status"], "authorizing");
    let mut cp = rig.connect("cp_001").await;
    let tag = start["idTag"].as_str().unwrap();
    let started = cp.start(1, tag, &began, 1_000).await;
    assert_eq!(started["idTagInfo"]["status"], "Accepted", "{started}");
    let stopped = jiff::Timestamp::now().to_string();
    cp.stop(&started["transactionId"], &stopped, 3_000).await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(ended["cost_so_far"], 0.7);
}

/// Waits as long as a session may be left alone, and says that it does.
async fn until_taken(rig: &Rig, token: &str, waits: impl Fn()) -> Value {
    let taken = async {
        loop {
            waits();
            let status = status(rig, token).await;
            if status["payment_status"] == "captured" {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(3 * PATIENCE, taken).await.unwrap()
}

#[tokio::test]
async fn a_charge_point_that_does_not_come_back_is_given_up_after_a_day() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
    drop(cp);
    rig.until_offline("cp_001").await;
    let folder = rig.folder;
    rig.csms.shutdown().await;
    let mut again = options(&folder);
    again.provisional = Duration::from_millis(100);
    let (system, hours) = (Clock::default(), Arc::new(AtomicI64::new(25)));
    let ahead = hours.clone();
    again.clock = Clock::new(move || system.now_ms() + ahead.load(Relaxed) * 3_600_000);
    let rig = Rig::start(folder, again).await;
    // A server that was down for a day as well waits for those who come back first.
    assert_eq!(status(&rig, &token).await["status"], "charging");
    let pass = || _ = hours.fetch_add(2, Relaxed);
    let ended = until_taken(&rig, &token, pass).await;
    assert_eq!(
        (&ended["status"], &ended["cost_so_far"]),
        (&json!("stopped"), &json!(2.87))
    );
    assert_eq!(rig.transactions("cp_001").await[0]["status"], "abandoned");
}

#[tokio::test]
async fn a_guest_pays_what_the_transaction_was_billed_whatever_is_said_later() {
    let rig = morning_with(|o| o.provisional = Duration::from_millis(700)).await;
    let mut cp = guest_point(&rig).await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35, "idle_fee_per_minute": 0.1});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(tariff), KEY).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
    cp.status(1, "Available", Some("2026-01-01T10:30:00Z"))
        .await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    cp.status(1, "SuspendedEV", Some("2026-01-01T10:10:00Z"))
        .await;
    let billed = &rig.transactions("cp_001").await[0]["cost"];
    assert_eq!(
        (&ended["cost_so_far"], billed),
        (&json!(2.87), &json!(2.87))
    );
    // The stop that comes after the payment is kept, and costs nothing.
    cp.stop(&transaction, T1, 22_600).await;
    let transaction = &rig.transactions("cp_001").await[0];
    assert_eq!(
        (&transaction["status"], &transaction["cost"]),
        (&json!("stopped"), &json!(2.87))
    );
    let words = json!(["stop_time_ahead", "corrected_late"]);
    assert_eq!(transaction["irregularities"], words);
}

#[tokio::test]
async fn a_session_that_no_server_works_on_is_taken_up() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    cp.stop(&transaction, T1, 22_600).await;
    until(&rig, &token, "payment_status", "captured").await;
    // As another server of the database left it.
    rig.execute("update guest_session set payment_status = 'capturing', captured = null")
        .await;
    until_taken(&rig, &token, || ()).await;
}

#[tokio::test]
async fn a_start_that_could_not_be_sent_is_sent_later() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    // More than may wait.
    let id = dynamo_protocol::ChargePointId::new("cp_001").unwrap();
    let sessions = rig.csms.sessions();
    let command = || sessions.call_raw(&id, "ClearCache", "{}".to_owned());
    let mut commands: FuturesUnordered<_> = (0..20).map(|_| command()).collect();
    assert!(commands.next().await.unwrap().is_err());
    let (first, action, _) = cp.next_call().await;
    assert_eq!(action, "ClearCache");
    commands.extend((0..20).map(|_| command()));
    assert!(commands.next().await.unwrap().is_err());
    let token = authorized(&rig, "pm_1").await;
    cp.answer(&first, json!({"status": "Accepted"})).await;
    let start = loop {
        let (id, action, payload) = cp.next_call().await;
        cp.answer(&id, json!({"status": "Accepted"})).await;
        if action == "RemoteStartTransaction" {
            break payload;
        }
    };
    cp.start(1, start["idTag"].as_str().unwrap(), T0, 1_000)
        .await;
    until(&rig, &token, "status", "charging").await;
}

#[tokio::test]
async fn a_stop_is_sent_while_the_charge_point_reports_the_transaction_whatever_start_is_told() {
    // An older one, which is over, and one of which nobody knows when it was, which ends what was open.
    for told in ["2026-01-01T09:00:00Z", "1999-01-01T09:00:00Z"] {
        let rig = rig().await;
        let mut cp = guest_point(&rig).await;
        let token = authorized(&rig, "pm_1").await;
        let (_, transaction) = begin(&mut cp).await;
        let other = cp.start(1, "TAG", told, 0).await["transactionId"].clone();
        cp.meter(&transaction, "2026-01-01T10:20:00Z", "9200").await;
        let path = format!("{token}/stop");
        let (stopped, ()) = tokio::join!(post(&rig, &path, None), async {
            let stop = answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
            assert_eq!(stop["transactionId"], transaction);
            cp.stop(&transaction, T1, 22_600).await;
        });
        assert_eq!(stopped.0, 200, "{told} {}", stopped.1);
        assert_eq!(stopped.1["final_cost"], 7.56);
        cp.stop(&other, told, 10).await;
    }
}
