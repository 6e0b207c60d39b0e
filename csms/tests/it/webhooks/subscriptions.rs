//! How webhooks and integrations are made, listed and deleted, and what is refused.

use super::*;

#[tokio::test]
async fn webhooks_are_made_listed_and_deleted() {
    let rig = rig().await;
    let receiver = Receiver::start(|_| Status::OK).await;
    let url = &receiver.url;
    let post =
        async |body: Value, key: &str| rig.request(Method::POST, PATH, Some(body), key).await;
    let good = json!({"url": url, "events": ["charge_point.booted", "charge_point.booted"]});
    let (status, first) = post(good.clone(), KEY).await;
    assert_eq!(status, 201);
    assert!(first["secret"].as_str().unwrap().len() > 30);
    assert_eq!(first["events"], json!(["charge_point.booted"]));
    for (field, value) in [
        ("url", json!("ftp://example.com")),
        ("url", json!("nowhere")),
        ("url", json!(format!("http://x/{}", "y".repeat(2048)))),
        ("events", json!([])),
        ("events", json!(["charge_point.exploded"])),
        ("secret", json!("short")),
        ("secret", json!("0123456789 abcdef")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let (status, body) = post(body, KEY).await;
        assert_eq!(status, 400, "{body}");
        let named = body["details"][0]["field"].as_str().unwrap();
        assert!(named.starts_with(field), "{body}");
    }
    let (_, list) = rig.get(PATH).await;
    assert_eq!(list["total"], 1);
    assert_eq!(list["data"][0]["id"], first["id"]);
    assert!(list["data"][0].get("secret").is_none());
    for (key, scope) in [("reader-key", SCOPE_READ), ("other-key", SCOPE_WRITE)] {
        let organization = if key == "other-key" {
            "org_other"
        } else {
            "org_default"
        };
        let store = rig.csms.store();
        store
            .create_organization("org_other", "Other")
            .await
            .unwrap();
        let new = NewApiKey {
            key: key.to_owned(),
            ..NewApiKey::generate(organization, vec![scope.to_owned()])
        };
        store.create_api_key(new).await.unwrap();
    }
    let one = format!("{PATH}/{}", first["id"].as_str().unwrap());
    let delete = async |path: &str, key: &str| rig.request(Method::DELETE, path, None, key).await.0;
    assert_eq!(post(good.clone(), "reader-key").await.0, 403);
    assert_eq!(delete(&one, "reader-key").await, 403);
    assert_eq!(delete(&one, "wrong").await, 401);
    assert_eq!(delete(&one, "other-key").await, 404);
    assert_eq!(delete(&format!("{PATH}/wh_x"), KEY).await, 404);
    let (_, list) = rig.request(Method::GET, PATH, None, "other-key").await;
    assert_eq!(list["total"], 0);
    // Of another organization's charge points nothing is told.
    rig.set_charge_point(ChargePointSetting {
        id: "THEIRS".into(),
        organization_id: Some("org_other".into()),
        ..ChargePointSetting::default()
    })
    .await;
    rig.connect("THEIRS").await.boot().await;
    rig.connect("OURS").await.boot().await;
    assert_eq!(receiver.letters(1).await[0]["charge_point_id"], "OURS");
    assert_eq!(delete(&one, KEY).await, 204);
    assert_eq!(delete(&one, KEY).await, 404);
    for _ in 0..20 {
        assert_eq!(post(good.clone(), KEY).await.0, 201);
    }
    let (status, body) = post(good, KEY).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (422, &json!("too_many_webhooks"))
    );
    assert_eq!(receiver.types(1).await, ["charge_point.booted"]);
}

#[tokio::test]
async fn integrations_are_asked_for_as_the_documents_say() {
    let rig = rig().await;
    let path = "/api/v1/integration-requests";
    let wish = json!({
        "integration_type": "roaming_hub",
        "partner_name": "Hubject",
        "description": "We need to connect to the Hubject Intercharge network for pan-European roaming coverage."
    });
    let (status, made) = rig
        .request(Method::POST, path, Some(wish.clone()), KEY)
        .await;
    assert_eq!(status, 201, "{made}");
    assert!(made["id"].as_str().unwrap().starts_with("ireq_"));
    assert_eq!(
        (&made["status"], &made["partner_name"]),
        (&json!("submitted"), &json!("Hubject"))
    );
    let (_, list) = rig.get(path).await;
    assert_eq!(list["total"], 1);
    for field in [
        "id",
        "integration_type",
        "partner_name",
        "status",
        "created_at",
    ] {
        assert_eq!(list["data"][0][field], made[field], "{field}");
    }
    for (field, value) in [
        ("integration_type", json!("telepathy")),
        ("partner_name", json!("")),
        ("partner_name", json!("x".repeat(256))),
        ("description", json!("x".repeat(2001))),
        ("description", json!("a\u{0}")),
    ] {
        let mut body = wish.clone();
        body[field] = value;
        let (status, body) = rig.request(Method::POST, path, Some(body), KEY).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(body["details"][0]["field"], field);
    }
    assert_eq!(rig.get(&format!("{path}?page=0")).await.0, 400);
    assert_eq!(
        rig.get(&format!("{path}?page=2")).await.1["data"],
        json!([])
    );
    let new = NewApiKey {
        key: "reader-key".to_owned(),
        ..NewApiKey::generate("org_default", vec![SCOPE_READ.to_owned()])
    };
    rig.csms.store().create_api_key(new).await.unwrap();
    assert_eq!(
        rig.request(Method::POST, path, Some(wish), "reader-key")
            .await
            .0,
        403
    );
    assert_eq!(
        rig.request(Method::GET, path, None, "reader-key").await.0,
        200
    );
    assert_eq!(rig.request(Method::GET, path, None, "wrong").await.0, 401);
}

#[tokio::test]
async fn private_networks_are_reached_only_where_the_operator_lets_it() {
    let rig = rig_with(|options| options.webhooks_to_private_networks = false).await;
    let receiver = Receiver::start(|_| Status::OK).await;
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    let literal = json!({"url": receiver.url, "events": ["charge_point.booted"]});
    let (status, body) = rig.request(Method::POST, PATH, Some(literal), KEY).await;
    let detail = &body["details"][0];
    assert_eq!(
        (status, &detail["field"]),
        (Status::BAD_REQUEST, &json!("url"))
    );
    let reason = detail["reason"].as_str().unwrap();
    assert!(
        reason.contains("--webhooks-to-private-networks"),
        "{reason}"
    );
    subscribe(&rig, &by_name, &["charge_point.booted"]).await;
    rig.connect("CP-1").await.boot().await;
    let begun = Instant::now();
    let told = "select 1 from outbox where last_error like '%--webhooks-to-private-networks%'";
    while rig.sql(told).await.is_empty() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(receiver.inner.attempts.lock().unwrap().is_empty());
}
