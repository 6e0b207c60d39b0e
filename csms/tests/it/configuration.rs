//! Templates, what installers change of them, and how it reaches the charge point.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{KEY, PATIENCE, Rig, rig, rig_with};

const ID: &str = "CP-SITE42-001";
const EMAIL: &str = "installer@acme.com";

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/installer/charge-points/{id}/config/{rest}")
}

async fn installed(rig: &Rig) -> String {
    let token = rig.installer(EMAIL).await;
    rig.installed(ID, EMAIL, "ABB Terra AC W22-G5").await;
    token
}

async fn customize(rig: &Rig, token: &str, parameters: Value) -> (StatusCode, Value) {
    let body = json!({"parameters": parameters});
    rig.request(Method::POST, &path(ID, "customize"), Some(body), token)
        .await
}

#[tokio::test]
async fn the_template_has_the_shape_of_the_registration_or_the_one_asked_for() {
    let rig = rig().await;
    let token = installed(&rig).await;
    rig.installed("cp_01HX5P2QRSTUVWXYZ0", EMAIL, "ABB Terra AC W22")
        .await;
    rig.sql("update charge_point set id_was_generated = true where id like 'cp@_%' escape '@'")
        .await;
    rig.installed("OTHER", EMAIL, "Something").await;
    rig.sql("update charge_point set registered_vendor = 'Else' where id = 'OTHER'")
        .await;
    let get = async |id: &str, query: &str| {
        let path = format!("{}{query}", path(id, "template"));
        let (status, body) = rig.request(Method::GET, &path, None, &token).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    };
    let map = get(ID, "").await;
    assert_eq!(map["template_id"], "tpl_abb_terra_ac_w22");
    assert_eq!(map["model"], "ABB Terra AC W22-G5");
    assert_eq!(
        map["parameters"],
        json!({"HeartbeatInterval": 60, "MeterValueSampleInterval": 60, "ConnectionTimeOut": 60,
            "AuthorizationCacheEnabled": true, "LocalAuthListEnabled": true,
            "AllowOfflineTxForUnknownId": false, "StopTransactionOnEVSideDisconnect": true})
    );
    let list = get("cp_01HX5P2QRSTUVWXYZ0", "").await;
    assert_eq!(list["template_version"], "2.1.0");
    assert_eq!(list["parameters"].as_array().unwrap().len(), 4);
    for (index, key, default, kind) in [
        (0, "HeartbeatInterval", json!(60), "integer"),
        (1, "MeterValueSampleInterval", json!(30), "integer"),
        (2, "MaxChargingProfilesInstalled", json!(10), "integer"),
        (3, "AuthorizationCacheEnabled", json!(true), "boolean"),
    ] {
        let entry = &list["parameters"][index];
        assert_eq!((&entry["key"], &entry["default"]), (&json!(key), &default));
        assert_eq!(entry["type"], kind);
    }
    assert_eq!(
        get(ID, "?format=list").await["parameters"],
        map["parameters_list"]
    );
    assert_eq!(
        get("cp_01HX5P2QRSTUVWXYZ0", "?format=map").await["parameters"],
        list["parameters_map"]
    );
    assert_eq!(get("OTHER", "").await["template_id"], "tpl_generic");
    let wrong = format!("{}?format=xml", path(ID, "template"));
    assert_eq!(rig.request(Method::GET, &wrong, None, &token).await.0, 400);
}

#[tokio::test]
async fn what_is_changed_offline_is_pushed_after_the_next_accepted_boot_in_order() {
    let rig = rig().await;
    let token = installed(&rig).await;
    let (status, body) = customize(
        &rig,
        &token,
        json!([{"key": "MeterValueSampleInterval", "value": 15}, {"key": "HeartbeatInterval", "value": 30},
            {"key": "AuthorizationCacheEnabled", "value": false}, {"key": "Mine", "value": "a b"}]),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let keys = json!([
        "MeterValueSampleInterval",
        "HeartbeatInterval",
        "AuthorizationCacheEnabled",
        "Mine"
    ]);
    assert_eq!(body["applied"], keys);
    assert_eq!(body["updated_parameters"], keys);
    assert_eq!(
        (&body["pending_reboot"], &body["rejected"]),
        (&json!(false), &json!([]))
    );
    assert!(body["message"].is_string());
    let configured = "select 1 from charge_point where configured_at_ms is not null";
    assert_eq!(rig.sql(configured).await.len(), 1);
    let rig = rig.restart().await;
    let mut cp = rig.connect(ID).await;
    cp.boot().await;
    for (key, value) in [
        ("MeterValueSampleInterval", "15"),
        ("HeartbeatInterval", "30"),
        ("AuthorizationCacheEnabled", "false"),
        ("Mine", "a b"),
    ] {
        let (id, action, payload) = cp.next_call().await;
        assert_eq!(action, "ChangeConfiguration");
        assert_eq!(payload, json!({"key": key, "value": value}));
        cp.answer(&id, json!({"status": "Accepted"})).await;
    }
    // All is pushed: after another boot nothing comes.
    cp.boot().await;
    let quiet = tokio::time::timeout(Duration::from_millis(300), cp.next_frame()).await;
    assert!(quiet.is_err());
    let response = rig
        .client()
        .get(rig.url(&path(ID, "download")))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"CP-SITE42-001-config.json\""
    );
    let file: Value = response.json().await.unwrap();
    assert_eq!(file["charge_point_id"], ID);
    assert_eq!(file["parameters"]["HeartbeatInterval"], 30);
    assert_eq!(file["parameters"]["AuthorizationCacheEnabled"], false);
    assert_eq!(file["parameters"]["LocalAuthListEnabled"], true);
    assert_eq!(file["parameters"]["Mine"], "a b");
    assert_eq!(file["parameters_list"][0]["default"], 60);
    assert_eq!(file["parameters_list"][0]["value"], 30);
}

#[tokio::test]
async fn a_connected_charge_point_is_told_at_once_and_its_refusals_are_said() {
    let rig = rig().await;
    let token = installed(&rig).await;
    let mut cp = rig.connect(ID).await;
    cp.boot().await;
    let parameters = json!([{"key": "A", "value": 1}, {"key": "B", "value": 2.5}, {"key": "C", "value": true},
        {"key": "D", "value": "x"}, {"key": "E", "value": "y"}]);
    let answers = async {
        for (value, answer) in [
            ("1", "Accepted"),
            ("2.5", "RebootRequired"),
            ("true", "Rejected"),
            ("x", "NotSupported"),
        ] {
            let (id, _, payload) = cp.next_call().await;
            assert_eq!(payload["value"], value);
            cp.answer(&id, json!({"status": answer})).await;
        }
        let (id, ..) = cp.next_call().await;
        cp.send(&json!([4, id, "InternalError", "", {}]).to_string())
            .await;
    };
    let ((status, body), ()) = tokio::join!(customize(&rig, &token, parameters), answers);
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["applied"], json!(["A", "B", "C", "D", "E"]));
    assert_eq!(body["pending_reboot"], true);
    assert_eq!(
        body["rejected"],
        json!([{"key": "C", "status": "Rejected"}, {"key": "D", "status": "NotSupported"},
            {"key": "E", "status": "InternalError"}])
    );
}

#[tokio::test]
async fn what_a_silent_charge_point_did_not_answer_stays_saved_for_the_next_boot() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(200)).await;
    let token = installed(&rig).await;
    let mut cp = rig.connect(ID).await;
    cp.boot().await;
    let both = json!({"A": 1, "B": 2});
    let answers = async {
        let (id, ..) = cp.next_call().await;
        cp.answer(&id, json!({"status": "Accepted"})).await;
        cp.next_call().await;
    };
    let ((status, body), ()) = tokio::join!(customize(&rig, &token, both), answers);
    assert_eq!((status, &body["rejected"]), (StatusCode::OK, &json!([])));
    assert_eq!(body["unanswered"], json!(["B"]));
    let mut cp = rig.connect(ID).await;
    cp.boot().await;
    let next = tokio::time::timeout(PATIENCE, cp.next_call()).await;
    assert_eq!(next.unwrap().2, json!({"key": "B", "value": "2"}));
}

#[tokio::test]
async fn a_slow_charge_point_is_told_on_when_the_answer_is_out() {
    let patience = Duration::from_millis(300);
    let rig = rig_with(|options| options.command_timeout = patience).await;
    let token = installed(&rig).await;
    let mut cp = rig.connect(ID).await;
    cp.boot().await;
    let keys: Vec<String> = (0..12).map(|number| format!("K{number:02}")).collect();
    let station = async {
        for key in &keys {
            let (id, _, payload) = cp.next_call().await;
            assert_eq!(&payload["key"], key);
            tokio::time::sleep(patience / 2).await;
            cp.answer(&id, json!({"status": "Accepted"})).await;
        }
        Instant::now()
    };
    let asked = async {
        let map: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), json!(1))).collect();
        let answer = customize(&rig, &token, map.into()).await;
        (answer, Instant::now())
    };
    let (((status, body), answered_at), all_at) = tokio::join!(asked, station);
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(answered_at < all_at);
    let unanswered = body["unanswered"].as_array().unwrap();
    assert!((1..12).contains(&unanswered.len()), "{body}");
    assert_eq!(unanswered.last().unwrap(), "K11");
    assert_eq!(body["applied"], json!(keys));
}

#[tokio::test]
async fn wrong_parameters_are_named_and_nothing_is_saved() {
    let rig = rig().await;
    let token = installed(&rig).await;
    let many: Value = (0..101)
        .map(|n| (format!("K{n}"), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (parameters, field) in [
        (json!({}), "parameters"),
        (json!([]), "parameters"),
        (json!("x"), "parameters"),
        (json!(null), "parameters"),
        (many, "parameters"),
        (json!({"A": null}), "parameters.A"),
        (json!({"A": {}}), "parameters.A"),
        (json!({"A": "x".repeat(501)}), "parameters.A"),
        (
            json!({"HeartbeatInterval": -5}),
            "parameters.HeartbeatInterval",
        ),
        (
            json!([{"key": "localpreauthorize", "value": "maybe"}]),
            "parameters.0.value",
        ),
        (json!({"": 1}), "parameters."),
        (json!([{"value": 1}]), "parameters.0.key"),
        (json!([{"key": "A"}]), "parameters.0.value"),
        (
            json!([{"key": "A", "value": 1}, {"key": "a", "value": 2}]),
            "parameters.1.key",
        ),
        (json!([{"key": " ", "value": 1}]), "parameters.0.key"),
    ] {
        let (status, body) = customize(&rig, &token, parameters.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{parameters} {body}");
        assert_eq!(body["details"][0]["field"], field, "{body}");
    }
    assert!(rig.sql("select variable from variable").await.is_empty());
}

#[tokio::test]
async fn configuration_is_for_the_installer_of_the_charge_point() {
    let rig = rig().await;
    installed(&rig).await;
    let other = rig.installer("other@acme.com").await;
    for (method, rest) in [
        (Method::GET, "template"),
        (Method::POST, "customize"),
        (Method::GET, "download"),
    ] {
        let body = (method == Method::POST).then(|| json!({"parameters": {"A": 1}}));
        for (key, id, status) in [
            (other.as_str(), ID, 404),
            (other.as_str(), "NOBODY", 404),
            (KEY, ID, 403),
            ("wrong", ID, 401),
        ] {
            let (got, _) = rig
                .request(method.clone(), &path(id, rest), body.clone(), key)
                .await;
            assert_eq!(got, status, "{rest} {id}");
        }
    }
    assert!(rig.sql("select variable from variable").await.is_empty());
}

#[tokio::test]
async fn a_charge_point_has_so_many_keys_and_no_more() {
    let rig = rig().await;
    let token = installed(&rig).await;
    let keys = |from: usize, count: usize| -> Value {
        let keys = (from..from + count).map(|number| (format!("Key{number}"), json!(number)));
        Value::Object(keys.collect())
    };
    for from in [0, 100, 200, 300] {
        assert_eq!(customize(&rig, &token, keys(from, 100)).await.0, 200);
    }
    assert_eq!(customize(&rig, &token, keys(400, 99)).await.0, 200);
    let (status, body) = customize(&rig, &token, keys(498, 3)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    assert_eq!(body["code"], "validation_error");
    assert_eq!(body["details"][0]["field"], "parameters");
    assert_eq!(customize(&rig, &token, keys(498, 2)).await.0, 200);
    // What is there already can still be changed.
    assert_eq!(customize(&rig, &token, keys(0, 100)).await.0, 200);
    assert_eq!(customize(&rig, &token, json!({"One": 1})).await.0, 400);
    let download = path(ID, "download");
    let (_, body) = rig.request(Method::GET, &download, None, &token).await;
    assert_eq!(body["parameters_map"]["Key499"], 499);
    assert!(body["parameters_map"].get("One").is_none());
}
