//! What guests are refused, and whose a session and its tag are.

use dynamo_csms::store::{ChargePointSetting, SCOPE_READ};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    ROOT, T0, T1, answer, authorized, begin, example, guest_point, paying_with, post, status, until,
};
use crate::support::{KEY, new_key, rig};

#[tokio::test]
async fn what_a_guest_cannot_have_is_refused() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "cp_001".to_owned(),
        ..ChargePointSetting::default()
    })
    .await;
    let refused = async |body: Value, code: u16, word: &str| {
        let (status, answer) = post(&rig, "authorize", Some(body)).await;
        assert_eq!((status, &answer["code"]), (code, &json!(word)), "{answer}");
        answer
    };
    let mut other = example();
    other["charge_point_id"] = json!("NOBODY");
    refused(other, 404, "not_found").await;
    refused(example(), 422, "no_tariff").await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(tariff), KEY).await;
    refused(example(), 422, "not_connected").await;
    let mut cp = rig.connect("cp_001").await;
    for (field, value) in [
        ("connector_id", json!(0)),
        ("connector_id", json!(101)),
        ("connector_id", json!("1")),
        ("payment_method_id", json!("")),
        ("payment_method_id", json!("a\u{0}")),
        ("payment_method_id", Value::Null),
        ("charge_point_id", Value::Null),
        ("charge_point_id", json!("x".repeat(256))),
    ] {
        let mut body = example();
        body[field] = value;
        let answer = refused(body, 400, "validation_error").await;
        assert_eq!(answer["details"][0]["field"], field);
    }
    rig.execute("update charge_point set connector_count = 1 where id = 'cp_001'")
        .await;
    let mut second = example();
    second["connector_id"] = json!(2);
    refused(second, 400, "validation_error").await;
    for (word, code, error) in [
        ("Charging", 409, "connector_occupied"),
        ("SuspendedEV", 409, "connector_occupied"),
        ("Finishing", 409, "connector_occupied"),
        ("Reserved", 409, "connector_occupied"),
        ("Unavailable", 422, "connector_unavailable"),
        ("Faulted", 422, "connector_unavailable"),
    ] {
        cp.status(1, word, None).await;
        refused(example(), code, error).await;
    }
    cp.status(1, "Preparing", None).await;
    refused(paying_with("pm_declined"), 402, "payment_declined").await;
    refused(paying_with("cash"), 402, "payment_declined").await;
    let token = authorized(&rig, "pm_1").await;
    refused(example(), 409, "connector_occupied").await;
    begin(&mut cp).await;
    until(&rig, &token, "status", "charging").await;
    refused(example(), 409, "connector_occupied").await;
    let plain = rig.client().post(rig.url(&format!("{ROOT}/authorize")));
    let plain = plain.bearer_auth(KEY).body("x").send().await.unwrap();
    assert_eq!(plain.status(), 415);
    let large = json!({"charge_point_id": "x".repeat(1024 * 1024)});
    refused(large, 413, "payload_too_large").await;
}

#[tokio::test]
async fn points_of_a_project_have_guests_after_the_hand_over() {
    let rig = rig().await;
    let _cp = guest_point(&rig).await;
    rig.installer("i@example.com").await;
    rig.execute(
        "insert into project (id, organization_id, installer_id, name, address, access_policy, access_tags,
             created_at_ms)
         select 'prj_1', organization_id, id, 'P', 'A', 'list', '[]', 0 from account",
    )
    .await;
    rig.execute("update charge_point set project_id = 'prj_1' where id = 'cp_001'")
        .await;
    let (status, body) = post(&rig, "authorize", Some(example())).await;
    assert_eq!((status, &body["code"]), (422, &json!("billing_inactive")));
    rig.execute("update project set handed_over_at_ms = 1")
        .await;
    let mut cp = _cp;
    // A commissioning run tries the connectors.
    rig.execute(
        "insert into commissioning (id, charge_point_id, installer_id, status, run_test_transaction,
             notify_on_complete, checks, started_at_ms, leased_by, leased_until_ms)
         select 'com_1', 'cp_001', id, 'in_progress', true, false, '[]', 0, 'x', 9000000000000000 from account",
    )
    .await;
    let (status, body) = post(&rig, "authorize", Some(example())).await;
    assert_eq!((status, &body["code"]), (409, &json!("connector_occupied")));
    rig.execute("update commissioning set status = 'failed'")
        .await;
    authorized(&rig, "pm_1").await;
    // The list of the project is for those who have a tag of their own.
    begin(&mut cp).await;
}

#[tokio::test]
async fn sessions_are_their_organizations_and_keys_need_their_scope() {
    let rig = rig().await;
    let _cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let reads = new_key(&rig, "org_default", &[SCOPE_READ]).await;
    let other = new_key(
        &rig,
        "org_b",
        &["read:charge_points", "write:charge_points"],
    )
    .await;
    let person = rig.installer("i@example.com").await;
    for (method, path, body, with_read) in [
        (Method::POST, "authorize".to_owned(), Some(example()), 403),
        (Method::GET, format!("{token}/status"), None, 200),
        (Method::GET, format!("{token}/receipt"), None, 409),
        (Method::POST, format!("{token}/stop"), None, 403),
    ] {
        let path = format!("{ROOT}/{path}");
        for (key, wanted) in [
            ("", 401),
            ("nobody", 401),
            (&person, 403),
            (&reads, with_read),
            (&other, 404),
        ] {
            let (status, body) = rig.request(method.clone(), &path, body.clone(), key).await;
            assert_eq!(status.as_u16(), wanted, "{method} {path} {key}: {body}");
        }
    }
    for path in ["status", "receipt"] {
        let path = format!("{ROOT}/guest_tok_NOBODY/{path}");
        assert_eq!(rig.get(&path).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(post(&rig, "guest_tok_NOBODY/stop", None).await.0, 404);
    assert_eq!(status(&rig, &token).await["status"], "authorizing");
}

#[tokio::test]
async fn the_tag_of_a_session_is_good_in_its_place_and_once() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let mut elsewhere = rig.connect("CP-2").await;
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let tag = start["idTag"].as_str().unwrap().to_owned();
    for (point, verdict) in [(&mut cp, "Accepted"), (&mut elsewhere, "Invalid")] {
        let shown = point
            .call("Authorize", json!({"idTag": tag}))
            .await
            .unwrap();
        assert_eq!(shown["idTagInfo"]["status"], verdict);
    }
    let verdict = |answer: &Value| answer["idTagInfo"]["status"].clone();
    assert_eq!(verdict(&elsewhere.start(1, &tag, T0, 0).await), "Invalid");
    assert_eq!(verdict(&cp.start(2, &tag, T0, 0).await), "Invalid");
    let lower = tag.to_lowercase();
    let first = cp.start(1, &lower, T0, 0).await;
    assert_eq!(verdict(&first), "Accepted");
    assert_eq!(cp.start(1, &tag, T0, 0).await, first, "a retransmission");
    let stop = json!({"transactionId": first["transactionId"], "timestamp": T1, "meterStop": 1_000, "idTag": tag});
    let stopped = cp.call("StopTransaction", stop).await.unwrap();
    assert_eq!(verdict(&stopped), "Accepted");
    assert_eq!(verdict(&cp.start(1, &tag, T1, 0).await), "Invalid");
    until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(verdict(&cp.start(1, "GS-NOBODY", T1, 1).await), "Invalid");
    // Nobody pays for what began with a tag that is not good.
    let costs = rig.transactions("cp_001").await;
    let billed = costs.iter().filter(|t| !t["cost"].is_null()).count();
    assert_eq!(billed, 1, "{costs:?}");
}

#[tokio::test]
async fn a_charge_point_is_not_deleted_under_a_guest() {
    let rig = rig().await;
    let cp = guest_point(&rig).await;
    let installer = rig.installer("i@example.com").await;
    rig.execute(
        "update charge_point set installer_id = (select id from account) where id = 'cp_001'",
    )
    .await;
    let token = authorized(&rig, "pm_requires_action").await;
    drop(cp);
    rig.until_offline("cp_001").await;
    let delete = async || {
        let path = "/api/v1/installer/charge-points/cp_001";
        rig.request(Method::DELETE, path, None, &installer).await
    };
    let (status, body) = delete().await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (422, &json!("active_session"))
    );
    post(&rig, &format!("{token}/stop"), None).await;
    until(&rig, &token, "payment_status", "canceled").await;
    assert_eq!(delete().await.0, 204);
}
