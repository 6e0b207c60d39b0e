//! The commands with an endpoint of their own, and how commands are sent at all.

use std::time::{Duration, Instant};

use dynamo_csms::store::{ChargePointSetting, Registration};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ChargePoint, KEY, Rig, rig, rig_with};

const ID: &str = "CP-SITE42-001";

/// Sends a command and lets the charge point answer it; also what the charge point was sent.
async fn exchange(
    rig: &Rig,
    cp: &mut ChargePoint,
    command: &str,
    mut body: Value,
    answer: Value,
) -> (StatusCode, Value, (String, Value)) {
    body["charge_point_id"] = json!(ID);
    let path = format!("/api/v1/ocpp16/{command}");
    let request = rig.request(Method::POST, &path, Some(body), KEY);
    let said = async {
        let (id, action, payload) = cp.next_call().await;
        match answer.as_array() {
            Some(error) => {
                let frame = json!([4, id, error[0], error[1], {}]);
                cp.send(&frame.to_string()).await;
            }
            // In no form.
            None if answer.is_null() => cp.send(&json!([3, id]).to_string()).await,
            None => cp.answer(&id, answer.clone()).await,
        }
        (action, payload)
    };
    let ((status, body), sent) = tokio::join!(request, said);
    (status, body, sent)
}

fn profile(purpose: &str) -> Value {
    json!({
        "chargingProfileId": 101, "stackLevel": 0, "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 7400}, {"startPeriod": 3600, "limit": 11000.5},
        ]},
    })
}

/// Each command, the message it becomes, and what its answer says again.
fn commands() -> Vec<(&'static str, Value, &'static str, Value, Value)> {
    vec![
        (
            "remote_start_transaction",
            json!({"id_tag": "RFID-USER-4A2F", "connector_id": 1}),
            "RemoteStartTransaction",
            json!({"idTag": "RFID-USER-4A2F", "connectorId": 1}),
            json!({"id_tag": "RFID-USER-4A2F", "connector_id": 1}),
        ),
        (
            "remote_start_transaction",
            json!({"id_tag": "T", "charging_profile": profile("TxProfile"), "more": 1}),
            "RemoteStartTransaction",
            json!({"idTag": "T", "chargingProfile": profile("TxProfile")}),
            json!({"id_tag": "T", "connector_id": null}),
        ),
        (
            "remote_stop_transaction",
            json!({"transaction_id": 10042}),
            "RemoteStopTransaction",
            json!({"transactionId": 10042}),
            json!({"transaction_id": 10042}),
        ),
        (
            "remote_stop_transaction",
            json!({"transaction_id": "txn_0000273a"}),
            "RemoteStopTransaction",
            json!({"transactionId": 10042}),
            json!({"transaction_id": 10042}),
        ),
        (
            "change_availability",
            json!({"connector_id": 2, "type": "Inoperative"}),
            "ChangeAvailability",
            json!({"connectorId": 2, "type": "Inoperative"}),
            json!({"connector_id": 2, "type": "Inoperative"}),
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 1, "charging_profile": profile("TxDefaultProfile")}),
            "SetChargingProfile",
            json!({"connectorId": 1, "csChargingProfiles": profile("TxDefaultProfile")}),
            json!({"connector_id": 1, "charging_profile_id": 101}),
        ),
        (
            "clear_charging_profile",
            json!({"id": 101}),
            "ClearChargingProfile",
            json!({"id": 101}),
            json!({}),
        ),
        (
            "clear_charging_profile",
            json!({"connector_id": 0, "charging_profile_purpose": "TxProfile", "stack_level": 3}),
            "ClearChargingProfile",
            json!({"connectorId": 0, "chargingProfilePurpose": "TxProfile", "stackLevel": 3}),
            json!({}),
        ),
        (
            "reset",
            json!({"type": "Soft"}),
            "Reset",
            json!({"type": "Soft"}),
            json!({"type": "Soft"}),
        ),
        (
            "trigger_message",
            json!({"requested_message": "StatusNotification", "connector_id": 1}),
            "TriggerMessage",
            json!({"requestedMessage": "StatusNotification", "connectorId": 1}),
            json!({"requested_message": "StatusNotification"}),
        ),
        (
            "reserve_now",
            json!({"connector_id": 1, "expiry_date": "2124-03-10T18:00:00+01:00", "id_tag": "T",
                "reservation_id": 5001, "parent_id_tag": "P"}),
            "ReserveNow",
            json!({"connectorId": 1, "expiryDate": "2124-03-10T17:00:00.000Z", "idTag": "T",
                "reservationId": 5001, "parentIdTag": "P"}),
            json!({"connector_id": 1, "reservation_id": 5001, "expires_at": "2124-03-10T17:00:00.000Z"}),
        ),
        (
            "cancel_reservation",
            json!({"reservation_id": 5001}),
            "CancelReservation",
            json!({"reservationId": 5001}),
            json!({"reservation_id": 5001}),
        ),
    ]
}

fn path_of(name: &str) -> String {
    format!("/api/v1/ocpp16/{name}")
}

#[tokio::test]
async fn every_command_becomes_its_message_and_says_its_request_again() {
    for chunk in commands().chunks(6) {
        let rig = rig().await;
        let mut cp = rig.connect(ID).await;
        for (command, body, action, message, echo) in chunk {
            let accepted = json!({"status": "Accepted"});
            let (status, answer, sent) =
                exchange(&rig, &mut cp, command, body.clone(), accepted).await;
            assert_eq!(status, StatusCode::OK, "{command} {answer}");
            assert_eq!(sent.0, *action);
            assert_eq!(sent.1, *message, "{command}");
            assert_eq!(answer["charge_point_id"], ID);
            assert_eq!(answer["status"], "Accepted");
            assert!(answer["sent_at"].as_str().unwrap().ends_with('Z'));
            assert!(answer["response_time_ms"].is_u64());
            for (field, value) in echo.as_object().unwrap() {
                assert_eq!(answer[field], *value, "{command} {field}");
            }
        }
    }
}

#[tokio::test]
async fn rejected_and_callerror_are_errors_with_the_fields_of_the_answer() {
    let rig = rig().await;
    let mut cp = rig.connect(ID).await;
    for (given, status, code) in [
        (json!({"status": "Rejected"}), "Rejected", 422),
        (json!(["NotImplemented", "no"]), "NotImplemented", 422),
        (json!({"status": "Perhaps"}), "InvalidResponse", 422),
        (json!({}), "InvalidResponse", 422),
        (Value::Null, "InvalidResponse", 422),
        (json!({"status": "Scheduled"}), "Scheduled", 200),
    ] {
        let body = json!({"connector_id": 2, "type": "Inoperative"});
        let (got, body, _) = exchange(&rig, &mut cp, "change_availability", body, given).await;
        assert_eq!(got.as_u16(), code, "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["connector_id"], 2);
        assert_eq!(body["type"], "Inoperative");
        assert!(body["sent_at"].is_string());
        if code == 422 {
            assert_eq!(body["code"], "ocpp_rejected");
            assert!(body["message"].is_string() && body["request_id"].is_string());
        }
    }
    for (command, status) in [("reserve_now", "Faulted"), ("reserve_now", "Occupied")] {
        let body = commands().into_iter().find(|c| c.0 == command).unwrap().1;
        let given = json!({"status": status});
        let (got, body, _) = exchange(&rig, &mut cp, command, body, given).await;
        assert_eq!((got.as_u16(), &body["status"]), (200, &json!(status)));
    }
}

#[tokio::test]
async fn wrong_fields_are_named_and_nothing_is_sent() {
    let rig = rig().await;
    let mut cp = rig.connect(ID).await;
    let mut deep = profile("TxDefaultProfile");
    deep["chargingSchedule"]["chargingSchedulePeriod"][1]["limit"] = json!(7.123);
    let mut dated = profile("TxDefaultProfile");
    dated["validFrom"] = json!("yesterday");
    let mut without = profile("TxDefaultProfile");
    without["chargingSchedule"]
        .as_object_mut()
        .unwrap()
        .remove("chargingRateUnit");
    for (command, body, field) in [
        ("remote_start_transaction", json!({}), "id_tag"),
        (
            "remote_start_transaction",
            json!({"id_tag": "X".repeat(21)}),
            "id_tag",
        ),
        ("remote_start_transaction", json!({"id_tag": ""}), "id_tag"),
        (
            "remote_start_transaction",
            json!({"id_tag": "T", "connector_id": 0}),
            "connector_id",
        ),
        (
            "remote_start_transaction",
            json!({"id_tag": "T", "connector_id": 1_u64 << 31}),
            "connector_id",
        ),
        (
            "remote_start_transaction",
            json!({"id_tag": "T", "charging_profile": profile("TxDefaultProfile")}),
            "charging_profile.chargingProfilePurpose",
        ),
        ("remote_stop_transaction", json!({}), "transaction_id"),
        (
            "remote_stop_transaction",
            json!({"transaction_id": "10042"}),
            "transaction_id",
        ),
        (
            "remote_stop_transaction",
            json!({"transaction_id": "txn_ffffffff"}),
            "transaction_id",
        ),
        (
            "remote_stop_transaction",
            json!({"transaction_id": 1_u64 << 31}),
            "transaction_id",
        ),
        (
            "remote_stop_transaction",
            json!({"transaction_id": 1.5}),
            "transaction_id",
        ),
        (
            "change_availability",
            json!({"connector_id": -1, "type": "Operative"}),
            "connector_id",
        ),
        (
            "change_availability",
            json!({"connector_id": 1, "type": "operative"}),
            "type",
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 1}),
            "charging_profile",
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 1, "charging_profile": deep}),
            "charging_profile.chargingSchedule.chargingSchedulePeriod.1.limit",
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 1, "charging_profile": dated}),
            "charging_profile.validFrom",
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 1, "charging_profile": without}),
            "charging_profile.chargingSchedule.chargingRateUnit",
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 1, "charging_profile": profile("ChargePointMaxProfile")}),
            "connector_id",
        ),
        (
            "set_charging_profile",
            json!({"connector_id": 0, "charging_profile": profile("TxProfile")}),
            "connector_id",
        ),
        ("clear_charging_profile", json!({"id": "101"}), "id"),
        (
            "clear_charging_profile",
            json!({"charging_profile_purpose": "None"}),
            "charging_profile_purpose",
        ),
        ("reset", json!({"type": "Gentle"}), "type"),
        (
            "trigger_message",
            json!({"requested_message": "Joke"}),
            "requested_message",
        ),
        (
            "trigger_message",
            json!({"requested_message": "MeterValues"}),
            "connector_id",
        ),
        (
            "trigger_message",
            json!({"requested_message": "StatusNotification"}),
            "connector_id",
        ),
        (
            "reserve_now",
            json!({"connector_id": 1, "expiry_date": "2024-03-10T17:00:00Z", "id_tag": "T",
            "reservation_id": 1}),
            "expiry_date",
        ),
        (
            "reserve_now",
            json!({"connector_id": 1, "expiry_date": "soon", "id_tag": "T", "reservation_id": 1}),
            "expiry_date",
        ),
        (
            "reserve_now",
            json!({"connector_id": 0, "expiry_date": "2124-03-10T17:00:00Z", "id_tag": "T",
            "reservation_id": 1}),
            "connector_id",
        ),
        (
            "reserve_now",
            json!({"connector_id": 1, "expiry_date": "2124-03-10T17:00:00Z", "id_tag": "T",
            "reservation_id": 1, "parent_id_tag": "X".repeat(21)}),
            "parent_id_tag",
        ),
        ("cancel_reservation", json!({}), "reservation_id"),
    ] {
        let mut body = body;
        body["charge_point_id"] = json!(ID);
        let (status, answer) = rig
            .request(Method::POST, &path_of(command), Some(body.clone()), KEY)
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{command} {body} {answer}");
        assert_eq!(answer["code"], "validation_error");
        assert_eq!(answer["details"][0]["field"], field, "{answer}");
    }
    // Nothing was sent: the first frame that comes is an answer.
    cp.boot().await;
}

#[tokio::test]
async fn every_command_says_why_it_cannot_be_sent() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(200)).await;
    let set = |id: &str, registration| {
        rig.set_charge_point(ChargePointSetting {
            id: id.into(),
            registration: Some(registration),
            ..ChargePointSetting::default()
        })
    };
    set("OFFLINE", Registration::Accepted).await;
    set("PENDING", Registration::Pending).await;
    let _pending = rig.connect("PENDING").await;
    let mut silent = rig.connect("SILENT").await;
    for (command, body, action, ..) in commands() {
        let may_when_pending = !action.starts_with("Remote");
        for (id, status, code) in [
            ("NOBODY", 404, "not_found"),
            ("a/b", 400, "validation_error"),
            ("OFFLINE", 422, "charge_point_offline"),
            ("SILENT", 408, "timeout"),
            ("PENDING", 422, "charge_point_not_registered"),
        ] {
            if id == "PENDING" && may_when_pending {
                continue;
            }
            let mut body = body.clone();
            body["charge_point_id"] = json!(id);
            let path = path_of(command);
            let (got, answer) = rig
                .request(Method::POST, &path, Some(body.clone()), KEY)
                .await;
            assert_eq!(
                (got.as_u16(), &answer["code"]),
                (status, &json!(code)),
                "{command} {id}"
            );
            let (got, _) = rig.request(Method::POST, &path, Some(body), "wrong").await;
            assert_eq!(got, StatusCode::UNAUTHORIZED);
        }
        // It was sent once, and never again.
        let (_, sent, _) = silent.next_call().await;
        assert_eq!(sent, action);
    }
    silent.boot().await;
}

#[tokio::test]
async fn a_socket_lost_under_a_dedicated_command_is_said_at_once() {
    let rig = rig().await;
    let mut cp = rig.connect(ID).await;
    let begun = Instant::now();
    let body = json!({"charge_point_id": ID, "type": "Hard"});
    let path = path_of("reset");
    let request = rig.request(Method::POST, &path, Some(body), KEY);
    let lost = async {
        cp.next_call().await;
        drop(cp);
    };
    let ((status, body), ()) = tokio::join!(request, lost);
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (422, &json!("charge_point_offline"))
    );
    let message = body["message"].as_str().unwrap_or_default();
    assert!(message.contains("the command was sent"), "{body}");
    assert!(begun.elapsed() < Duration::from_secs(5), "not the time-out");
}

#[tokio::test]
async fn ten_commands_at_once_are_sent_and_the_eleventh_is_told_when() {
    let rig = rig().await;
    let mut cp = rig.connect(ID).await;
    // What is not sent does not count.
    for _ in 0..20 {
        let body = json!({"charge_point_id": ID, "type": "Gentle"});
        let (status, _) = rig
            .request(Method::POST, &path_of("reset"), Some(body), KEY)
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let one = async || {
        let response = rig
            .client()
            .post(rig.url("/api/v1/ocpp16/clear_charging_profile"))
            .bearer_auth(KEY)
            .json(&json!({"charge_point_id": ID}));
        let response = response.send().await.unwrap();
        let retry = response.headers().get("retry-after").cloned();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, retry, body)
    };
    let all = futures_util::future::join_all((0..16).map(|_| one()));
    let served = async {
        // The bucket refills while the answers are on their way: at least ten are sent.
        for _ in 0..10 {
            let (id, ..) = cp.next_call().await;
            cp.answer(&id, json!({"status": "Accepted"})).await;
        }
        loop {
            let next = tokio::time::timeout(Duration::from_millis(300), cp.next_call()).await;
            let Ok((id, ..)) = next else { break };
            cp.answer(&id, json!({"status": "Accepted"})).await;
        }
    };
    let (answers, ()) = tokio::join!(all, served);
    let sent = answers.iter().filter(|(status, ..)| *status == 200).count();
    assert!((10..16).contains(&sent), "{sent}");
    for (status, retry, body) in answers.iter().filter(|(status, ..)| *status != 200) {
        assert_eq!((*status, &body["code"]), (429, &json!("rate_limited")));
        assert_eq!(retry.as_ref().unwrap(), "1");
    }
}

/// A command with a key: status, body, and whether it is said to be a replay.
pub(crate) async fn keyed(rig: &Rig, key: &str, command: &str, body: Value) -> (u16, Value, bool) {
    let request = rig
        .client()
        .post(rig.url(&path_of(command)))
        .bearer_auth(KEY)
        .header("idempotency-key", key)
        .json(&body);
    let response = request.send().await.unwrap();
    let replayed = response.headers().get("idempotent-replayed").cloned();
    let status = response.status().as_u16();
    let body = response.json().await.unwrap();
    (status, body, replayed.is_some_and(|value| value == "true"))
}

#[tokio::test]
async fn a_key_is_sent_once_and_its_outcome_replayed() {
    let rig = rig().await;
    let reset = |kind: &str| json!({"charge_point_id": ID, "type": kind});
    // Offline: nothing was sent, so the key is free.
    rig.set_charge_point(ChargePointSetting {
        id: ID.into(),
        ..ChargePointSetting::default()
    })
    .await;
    assert_eq!(keyed(&rig, "K", "reset", reset("Soft")).await.0, 422);
    let mut cp = rig.connect(ID).await;
    let answer = async {
        let (id, ..) = cp.next_call().await;
        // The same while it is under way is refused, and not sent.
        let (status, body, _) = keyed(&rig, "K", "reset", reset("Soft")).await;
        assert_eq!(
            (status, &body["code"]),
            (409, &json!("idempotency_in_progress"))
        );
        cp.answer(&id, json!({"status": "Rejected"})).await;
    };
    let (first, ()) = tokio::join!(keyed(&rig, "K", "reset", reset("Soft")), answer);
    assert_eq!(
        (first.0, &first.1["status"], first.2),
        (422, &json!("Rejected"), false)
    );
    let (status, body, replayed) = keyed(&rig, "K", "reset", reset("Soft")).await;
    assert_eq!((status, replayed), (422, true));
    assert_eq!(body["sent_at"], first.1["sent_at"]);
    assert_eq!(body["status"], "Rejected");
    let (status, body, _) = keyed(&rig, "K", "reset", reset("Hard")).await;
    assert_eq!(
        (status, &body["code"]),
        (409, &json!("idempotency_conflict"))
    );
    let any = json!({"charge_point_id": ID, "command": "Reset", "payload": {"type": "Soft"}});
    assert_eq!(keyed(&rig, "K", "send_command", any).await.0, 409);
    let long = "x".repeat(256);
    let (status, body, _) = keyed(&rig, &long, "reset", reset("Soft")).await;
    assert_eq!(
        (status, &body["details"][0]["field"]),
        (400, &json!("Idempotency-Key"))
    );
    // Nothing more was sent, and a restart forgets nothing.
    cp.boot().await;
    let rig = rig.restart().await;
    let (status, body, replayed) = keyed(&rig, "K", "reset", reset("Soft")).await;
    assert_eq!(
        (status, &body["sent_at"], replayed),
        (422, &first.1["sent_at"], true)
    );
}

#[tokio::test]
async fn a_client_that_goes_away_finds_what_became_of_its_command() {
    let rig = rig().await;
    let mut cp = rig.connect(ID).await;
    let body = json!({"charge_point_id": ID, "type": "Soft"});
    let gone = tokio::time::timeout(
        Duration::from_millis(500),
        keyed(&rig, "K", "reset", body.clone()),
    );
    let (gone, (id, ..)) = tokio::join!(gone, cp.next_call());
    assert!(gone.is_err());
    cp.answer(&id, json!({"status": "Accepted"})).await;
    cp.boot().await;
    let patience = Instant::now();
    loop {
        let (status, body, replayed) = keyed(&rig, "K", "reset", body.clone()).await;
        if status == 200 {
            assert!(replayed, "{body}");
            break;
        }
        assert_eq!(status, 409);
        assert!(patience.elapsed() < crate::support::PATIENCE);
    }
}

#[tokio::test]
async fn what_timed_out_is_not_sent_again_either() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(100)).await;
    let mut cp = rig.connect(ID).await;
    let body = json!({"charge_point_id": ID, "command": "ClearCache"});
    assert_eq!(keyed(&rig, "K", "send_command", body.clone()).await.0, 408);
    let (status, body, replayed) = keyed(&rig, "K", "send_command", body).await;
    assert_eq!(
        (status, &body["code"], replayed),
        (408, &json!("timeout"), true)
    );
    cp.next_call().await;
    cp.boot().await;
}

#[tokio::test]
async fn the_description_has_every_command_with_its_statuses() {
    let rig = rig().await;
    let (_, description) = rig.get("/openapi.json").await;
    let paths = description["paths"].as_object().unwrap();
    for (command, ..) in commands() {
        let operation = &paths[&path_of(command)]["post"];
        let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
        assert_eq!(
            statuses,
            [
                "200", "400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "503"
            ]
        );
        assert_eq!(
            operation["parameters"][0]["name"], "Idempotency-Key",
            "{operation}"
        );
    }
}
