//! What is answered to each message, besides transactions.

use dynamo_csms::Clock;
use dynamo_csms::domain::tags::tag::TagStatus;
use dynamo_csms::store::{ChargePointSetting, Registration, TagSetting};
use dynamo_protocol::decode::Decoding;
use serde_json::json;

use crate::support::{rig, rig_with};

#[tokio::test]
async fn a_boot_is_answered_with_time_and_interval() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "CP-1".into(),
        interval_s: Some(17),
        ..ChargePointSetting::default()
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.boot().await;
    assert_eq!(answer["status"], "Accepted");
    assert_eq!(answer["interval"], 17);
    let time = answer["currentTime"].as_str().unwrap();
    assert!(time.ends_with('Z'), "{time}");
    let mut other = rig.connect("CP-2").await;
    assert_eq!(other.boot().await["interval"], 300);
}

#[tokio::test]
async fn until_it_is_accepted_a_charge_point_may_only_boot() {
    let rig = rig().await;
    for registration in [Registration::Pending, Registration::Rejected] {
        let setting = |registration| ChargePointSetting {
            id: "CP-1".into(),
            registration: Some(registration),
            interval_s: Some(3),
            ..ChargePointSetting::default()
        };
        rig.set_charge_point(setting(registration)).await;
        let mut cp = rig.connect("CP-1").await;
        let answer = cp.boot().await;
        assert_eq!(answer["status"], registration.as_str());
        assert_eq!(answer["interval"], 3);
        let error = cp.call("Heartbeat", json!({})).await.unwrap_err();
        assert_eq!(error.code, "SecurityError");
        assert!(error.description.contains(registration.as_str()));
        rig.set_charge_point(setting(Registration::Accepted)).await;
        assert_eq!(cp.boot().await["status"], "Accepted");
        cp.call("Heartbeat", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn a_pending_charge_point_may_say_what_it_was_asked_for() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "CP-1".into(),
        registration: Some(Registration::Pending),
        ..ChargePointSetting::default()
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let payload = json!({"requestedMessage": "StatusNotification"});
    let command = rig.command("CP-1", "TriggerMessage", payload);
    let answer = async {
        let (id, _, _) = cp.next_call().await;
        cp.answer(&id, json!({"status": "Accepted"})).await;
    };
    let ((status, _), ()) = tokio::join!(command, answer);
    assert_eq!(status, 200);
    cp.status(1, "Available", None).await;
    cp.call("Heartbeat", json!({})).await.unwrap_err();
}

/// Parsers of real firmware expect no fraction digits or three, and misread one.
#[tokio::test]
async fn every_time_has_three_fraction_digits() {
    const NOW_MS: i64 = 1_800_000_000_800;
    let rig = rig_with(|options| options.clock = Clock::new(|| NOW_MS)).await;
    let mut cp = rig.connect("CP-1").await;
    let boot = json!({"chargePointVendor": "V", "chargePointModel": "M"});
    let boot = cp.call("BootNotification", boot).await.unwrap();
    assert_eq!(boot["currentTime"], "2027-01-15T08:00:00.800Z");
    let heartbeat = cp.call("Heartbeat", json!({})).await.unwrap();
    assert_eq!(heartbeat["currentTime"], "2027-01-15T08:00:00.800Z");
    let (_, body) = rig.get("/api/v1/ocpp16/charge_points/status").await;
    let shown = &body["charge_points"][0]["last_heartbeat_at"];
    assert_eq!(shown, "2027-01-15T08:00:00.800Z");
}

#[tokio::test]
async fn tags_are_judged() {
    let rig = rig().await;
    let tag = |tag: &str, status| TagSetting {
        status,
        parent_tag: Some("GROUP".into()),
        ..TagSetting::accepted(tag)
    };
    rig.set_tag(tag("BLOCKED", TagStatus::Blocked)).await;
    rig.set_tag(tag("EXPIRED", TagStatus::Expired)).await;
    rig.set_tag(TagSetting {
        expires_at_ms: Some(1_000),
        ..tag("OLD", TagStatus::Accepted)
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    for (tag, status) in [
        ("TAG", "Accepted"),
        ("tag", "Accepted"),
        ("blocked", "Blocked"),
        ("EXPIRED", "Expired"),
        ("OLD", "Expired"),
        ("NOBODY", "Invalid"),
    ] {
        let answer = cp.call("Authorize", json!({"idTag": tag})).await.unwrap();
        assert_eq!(answer["idTagInfo"]["status"], status, "{tag}");
    }
    let answer = cp.call("Authorize", json!({"idTag": "OLD"})).await.unwrap();
    assert_eq!(answer["idTagInfo"]["parentIdTag"], "GROUP");
    assert_eq!(
        answer["idTagInfo"]["expiryDate"],
        "1970-01-01T00:00:01.000Z"
    );
}

#[tokio::test]
async fn unknown_tags_are_let_in_and_recorded_when_asked_for() {
    let rig = rig_with(|options| options.accept_unknown.tags = true).await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.call("Authorize", json!({"idTag": "NEW"})).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let rig = rig.restart().await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.call("Authorize", json!({"idTag": "new"})).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
}

#[tokio::test]
async fn not_implemented_and_not_supported_are_not_swapped() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    for (action, payload, code) in [
        ("MakeCoffee", json!({}), "NotImplemented"),
        ("TransactionEvent", json!({}), "NotImplemented"),
        ("heartbeat", json!({}), "NotImplemented"),
        ("SignCertificate", json!({"csr": "x"}), "NotSupported"),
        ("Reset", json!({"type": "Soft"}), "NotSupported"),
    ] {
        let error = cp.call(action, payload).await.unwrap_err();
        assert_eq!(error.code, code, "{action}");
    }
}

#[tokio::test]
async fn payloads_that_break_the_schema_get_the_standards_code() {
    let rig = rig_with(|options| options.decoding = Decoding::Strict).await;
    let mut cp = rig.connect("CP-1").await;
    for (payload, code) in [
        (json!({}), "OccurenceConstraintViolation"),
        (json!({"idTag": 5}), "TypeConstraintViolation"),
        (json!({"idTag": "A", "mood": "fine"}), "FormationViolation"),
        (json!({"idTag": "A\u{0}"}), "PropertyConstraintViolation"),
        (
            json!({"idTag": "x".repeat(21)}),
            "PropertyConstraintViolation",
        ),
    ] {
        let error = cp.call("Authorize", payload.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{payload}");
    }
}

#[tokio::test]
async fn notes_are_taken() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    for (action, payload) in [
        ("FirmwareStatusNotification", json!({"status": "Installed"})),
        (
            "DiagnosticsStatusNotification",
            json!({"status": "Uploaded"}),
        ),
        (
            "LogStatusNotification",
            json!({"status": "Uploaded", "requestId": 1}),
        ),
        (
            "SignedFirmwareStatusNotification",
            json!({"status": "Installed"}),
        ),
        (
            "SecurityEventNotification",
            json!({"type": "SettingSystemTime", "timestamp": "2026-01-01T00:00:00Z"}),
        ),
    ] {
        assert_eq!(
            cp.call(action, payload).await.unwrap(),
            json!({}),
            "{action}"
        );
    }
    let answer = cp.call("DataTransfer", json!({"vendorId": "nobody"})).await;
    assert_eq!(answer.unwrap()["status"], "UnknownVendorId");
}

#[tokio::test]
async fn what_a_pending_charge_point_was_asked_for_it_may_say_once_and_only_if_it_agreed() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "CP-1".into(),
        registration: Some(Registration::Pending),
        ..ChargePointSetting::default()
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    for (answer, allowed) in [("Accepted", true), ("Rejected", false)] {
        let payload = json!({"requestedMessage": "Heartbeat"});
        let command = rig.command("CP-1", "TriggerMessage", payload);
        let answered = async {
            let (id, ..) = cp.next_call().await;
            cp.answer(&id, json!({"status": answer})).await;
        };
        tokio::join!(command, answered);
        let first = cp.call("Heartbeat", json!({})).await;
        assert_eq!(first.is_ok(), allowed, "{answer}");
        let second = cp.call("Heartbeat", json!({})).await.unwrap_err();
        assert_eq!(second.code, "SecurityError");
    }
}

#[tokio::test]
async fn connectors_have_numbers_that_can_be() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let at = "2026-01-01T00:00:00Z";
    for connector in [-1, 1_001, i32::MIN, i32::MAX] {
        let status =
            json!({"connectorId": connector, "errorCode": "NoError", "status": "Available"});
        let meter = json!({"connectorId": connector,
            "meterValue": [{"timestamp": at, "sampledValue": [{"value": "1"}]}]});
        let start =
            json!({"connectorId": connector, "idTag": "TAG", "timestamp": at, "meterStart": 0});
        for (action, payload) in [
            ("StatusNotification", status),
            ("MeterValues", meter),
            ("StartTransaction", start),
        ] {
            let error = cp.call(action, payload).await.unwrap_err();
            assert_eq!(error.code, "PropertyConstraintViolation", "{action}");
        }
    }
    cp.status(1_000, "Available", None).await;
}
