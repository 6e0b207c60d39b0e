//! Connection test, connection status, and commissioning in one step.

use std::time::Duration;

use dynamo_csms::store::{ChargePointSetting, Registration};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{KEY, Rig, rig_with};

const ID: &str = "CP-SITE42-001";
const EMAIL: &str = "installer@acme.com";

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/installer/charge-points/{id}/{rest}")
}

async fn rig() -> (Rig, String) {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(300)).await;
    let token = rig.installer(EMAIL).await;
    rig.installed(ID, EMAIL, "ABB Terra AC W22-G5").await;
    (rig, token)
}

async fn post(rig: &Rig, token: &str, rest: &str) -> (StatusCode, Value) {
    rig.request(Method::POST, &path(ID, rest), None, token)
        .await
}

#[tokio::test]
async fn the_ping_is_a_real_exchange_and_whatever_happens_a_200() {
    let (rig, token) = rig().await;
    let (status, body) = post(&rig, &token, "test-connection").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&body["reachable"], &body["connected"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        (&body["latency_ms"], &body["ocpp_version"]),
        (&Value::Null, &json!("1.6"))
    );
    let mut cp = rig.connect(ID).await;
    cp.boot().await;
    let answer = async {
        let (id, action, payload) = cp.next_call().await;
        assert_eq!(action, "GetConfiguration");
        assert_eq!(payload, json!({"key": ["HeartbeatInterval"]}));
        cp.send(&json!([4, id, "NotSupported", "", {}]).to_string())
            .await;
    };
    let ((status, body), ()) = tokio::join!(post(&rig, &token, "test-connection"), answer);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&body["reachable"], &body["connected"]),
        (&json!(true), &json!(true))
    );
    assert!(body["latency_ms"].is_u64() && body["tested_at"].is_string());
    assert_eq!(body["ocpp_version_negotiated"], "1.6");
    assert_eq!(body["charge_point_id"], ID);
    // A socket that does not answer is no good connection.
    let (status, body) = post(&rig, &token, "test-connection").await;
    assert_eq!(
        (status, &body["reachable"]),
        (StatusCode::OK, &json!(false))
    );
    assert_eq!(body["connected"], true);
}

#[tokio::test]
async fn the_status_follows_the_socket() {
    let (rig, token) = rig().await;
    let get = async || {
        rig.request(Method::GET, &path(ID, "connection-status"), None, &token)
            .await
    };
    let (status, body) = get().await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&body["connected"], &body["websocket_state"]),
        (&json!(false), &json!("closed"))
    );
    assert_eq!(
        (&body["ip_address"], &body["last_heartbeat_at"]),
        (&Value::Null, &Value::Null)
    );
    let mut cp = rig.connect(ID).await;
    cp.call("Heartbeat", json!({})).await.unwrap();
    let (_, body) = get().await;
    assert_eq!(
        (&body["connected"], &body["websocket_state"]),
        (&json!(true), &json!("open"))
    );
    assert_eq!(body["ip_address"], "127.0.0.1");
    assert!(body["last_heartbeat_at"].is_string());
    assert_eq!(
        (&body["identity_verified"], &body["tls_enabled"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn only_a_connected_charge_point_with_an_accepted_boot_is_commissioned_and_once() {
    let (rig, token) = rig().await;
    let refused = async |why: &str| {
        let (status, body) = post(&rig, &token, "commission").await;
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (422, &json!("not_connected")),
            "{why}"
        );
    };
    refused("no socket").await;
    let mut cp = rig.connect(ID).await;
    refused("no boot").await;
    let register = |registration| {
        rig.set_charge_point(ChargePointSetting {
            id: ID.into(),
            registration: Some(registration),
            ..ChargePointSetting::default()
        })
    };
    register(Registration::Pending).await;
    cp.boot().await;
    refused("pending").await;
    register(Registration::Accepted).await;
    cp.boot().await;
    let (status, first) = post(&rig, &token, "commission").await;
    assert_eq!(
        (status, &first["status"]),
        (StatusCode::OK, &json!("commissioned"))
    );
    assert!(first["message"].is_string());
    drop(cp);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let (status, again) = post(&rig, &token, "commission").await;
    assert_eq!(
        (status, &again["commissioned_at"]),
        (StatusCode::OK, &first["commissioned_at"])
    );
}

#[tokio::test]
async fn connections_are_for_the_installer_of_the_charge_point() {
    let (rig, token) = rig().await;
    let other = rig.installer("other@acme.com").await;
    for (method, rest) in [
        (Method::POST, "test-connection"),
        (Method::GET, "connection-status"),
        (Method::POST, "commission"),
    ] {
        for (key, id, status) in [
            (other.as_str(), ID, 404),
            (other.as_str(), "NOBODY", 404),
            (KEY, ID, 403),
            ("wrong", ID, 401),
        ] {
            let (got, _) = rig
                .request(method.clone(), &path(id, rest), None, key)
                .await;
            assert_eq!(got, status, "{rest} {id}");
        }
        if method == Method::POST {
            let list = Some(json!([]));
            assert_eq!(
                rig.request(method, &path(ID, rest), list, &token).await.0,
                400
            );
        }
    }
}
