//! `/api/v1/installer/charge-points/{id}/certificates`: issued, listed, revoked, and by whom.

use dynamo_csms::store::ChargePointSetting;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::{KEY, Rig, rig_with};
use crate::transport::{knock, refused, set_profile, with_tls};

/// Signs an installer up; account id and token.
async fn installer(rig: &Rig, email: &str) -> (String, String) {
    let body = json!({"name": "Installer", "email": email, "password": "s3cur3P@ssword!"});
    let path = "/api/v1/installer/signup";
    let (status, account) = rig.request(Method::POST, path, Some(body), "").await;
    assert_eq!(status, 201, "{account}");
    let body = json!({"email": email, "password": "s3cur3P@ssword!"});
    let path = "/api/v1/installer/login";
    let (_, login) = rig.request(Method::POST, path, Some(body), "").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&account["id"]), text(&login["token"]))
}

/// A charge point that this installer registered.
async fn charge_point_of(rig: &Rig, id: &str, installer: &str) {
    let setting = ChargePointSetting {
        id: id.to_owned(),
        ..ChargePointSetting::default()
    };
    rig.set_charge_point(setting).await;
    let sql = "update charge_point set installer_id = $2 where id = $1";
    let address = rig.database();
    if address.starts_with("postgres") {
        let mut database = sqlx::PgConnection::connect(address).await.unwrap();
        let set = sqlx::query(sql).bind(id).bind(installer);
        set.execute(&mut database).await.unwrap();
        return database.close().await.unwrap();
    }
    let mut database = sqlx::SqliteConnection::connect(address).await.unwrap();
    let set = sqlx::query(sql).bind(id).bind(installer);
    set.execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

fn path(id: &str) -> String {
    format!("/api/v1/installer/charge-points/{id}/certificates")
}

async fn generate(rig: &Rig, token: &str, id: &str, body: Option<Value>) -> (u16, Value) {
    let path = path(id) + "/generate";
    let (status, body) = rig.request(Method::POST, &path, body, token).await;
    (status.as_u16(), body)
}

async fn list(rig: &Rig, token: &str, id: &str) -> (u16, Value) {
    let (status, body) = rig.request(Method::GET, &path(id), None, token).await;
    (status.as_u16(), body["certificates"].clone())
}

async fn revoke(rig: &Rig, token: &str, id: &str, certificate: &str) -> u16 {
    let path = format!("{}/{certificate}", path(id));
    rig.request(Method::DELETE, &path, None, token)
        .await
        .0
        .as_u16()
}

#[tokio::test]
async fn a_certificate_opens_the_socket_until_it_is_revoked() {
    one_life(rig_with(with_tls).await).await;
}

#[tokio::test]
async fn postgres_keeps_certificates_too() {
    if let Some(address) = crate::databases::postgres().await {
        one_life(
            rig_with(|options| {
                with_tls(options);
                options.database = address;
            })
            .await,
        )
        .await;
    }
}

/// From its issue to its end.
async fn one_life(rig: Rig) {
    let (id, token) = installer(&rig, "a@example.com").await;
    charge_point_of(&rig, "CP-1", &id).await;
    set_profile(&rig, "CP-1", 3).await;
    let (status, made) = generate(&rig, &token, "CP-1", Some(json!({"validity_days": 30}))).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["charge_point_id"], "CP-1");
    assert_eq!(made["ca_certificate_pem"], rig.csms.authority_pem());
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let days = |from: &str, to: &str| {
        let at = |name: &str| text(name).parse::<jiff::Timestamp>().unwrap();
        (at(to).as_second() - at(from).as_second()) / 86_400
    };
    assert_eq!(days("issued_at", "expires_at"), 30);
    let (certificate_id, own) = (
        text("certificate_id"),
        (text("certificate_pem"), text("private_key_pem")),
    );
    assert!(certificate_id.starts_with("cert_"));
    // The key is said once and is nowhere in the files of the database.
    let secret = own.1.lines().nth(1).unwrap().to_owned();
    for file in std::fs::read_dir(rig.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(&secret));
    }

    let mut cp = knock(&rig, "CP-1", None, Some(&own)).await.unwrap();
    assert_eq!(cp.boot().await["status"], "Accepted");
    // Another one of the same charge point is no matter of this socket.
    let (_, second) = generate(&rig, &token, "CP-1", None).await;
    let second = second["certificate_id"].as_str().unwrap().to_owned();
    assert_eq!(revoke(&rig, &token, "CP-1", &second).await, 204);
    cp.call("Heartbeat", json!({})).await.unwrap();
    assert_eq!(revoke(&rig, &token, "CP-1", &certificate_id).await, 204);
    let (code, reason) = cp.closed().await.unwrap();
    assert_eq!(code, 1008);
    assert!(reason.contains("revoked"), "{reason}");
    refused(
        knock(&rig, "CP-1", None, Some(&own)).await,
        403,
        "was revoked",
    );
    // Also where no certificate is asked for.
    set_profile(&rig, "CP-1", 0).await;
    refused(
        knock(&rig, "CP-1", None, Some(&own)).await,
        403,
        "was revoked",
    );
    knock(&rig, "CP-1", None, None).await.unwrap();

    let (status, listed) = list(&rig, &token, "CP-1").await;
    assert_eq!((status, listed.as_array().unwrap().len()), (200, 2));
    for entry in listed.as_array().unwrap() {
        assert_eq!(entry["status"], "revoked");
        assert!(entry["revoked_at"].is_string());
    }
    // Revoking twice says the same and keeps the time.
    assert_eq!(revoke(&rig, &token, "CP-1", &certificate_id).await, 204);
    assert_eq!(list(&rig, &token, "CP-1").await.1, listed);
}

#[tokio::test]
async fn certificates_are_listed_with_what_became_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = crate::support::options(&folder);
    let ahead_ms = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let ahead = ahead_ms.clone();
    options.clock = dynamo_csms::Clock::new(move || {
        let ahead_ms = ahead.load(std::sync::atomic::Ordering::Relaxed);
        dynamo_csms::Clock::default().now_ms() + ahead_ms
    });
    let rig = Rig::start(folder, options).await;
    let (id, token) = installer(&rig, "a@example.com").await;
    charge_point_of(&rig, "CP-1", &id).await;
    assert_eq!(list(&rig, &token, "CP-1").await, (200, json!([])));
    generate(&rig, &token, "CP-1", Some(json!({"validity_days": 1}))).await;
    // After a day the certificate is over, and so is the token.
    ahead_ms.store(25 * 3_600_000, std::sync::atomic::Ordering::Relaxed);
    let (_, login) = {
        let body = json!({"email": "a@example.com", "password": "s3cur3P@ssword!"});
        rig.request(Method::POST, "/api/v1/installer/login", Some(body), "")
            .await
    };
    let token = login["token"].as_str().unwrap();
    // Without a body it is good for 365 days.
    let (status, made) = generate(&rig, token, "CP-1", None).await;
    assert_eq!(status, 201);
    let (_, listed) = list(&rig, token, "CP-1").await;
    assert_eq!(listed[0]["certificate_id"], made["certificate_id"]);
    assert_eq!(listed[0]["expires_at"], made["expires_at"]);
    assert_eq!(listed[0]["status"], "active");
    assert_eq!(listed[0]["revoked_at"], Value::Null);
    assert_eq!(listed[1]["status"], "expired");
    assert!(listed[0].get("private_key_pem").is_none());
}

#[tokio::test]
async fn bad_requests_are_refused_by_field_and_others_see_nothing() {
    let rig = rig_with(|_| {}).await;
    let (id, token) = installer(&rig, "a@example.com").await;
    let (_, other) = installer(&rig, "b@example.com").await;
    charge_point_of(&rig, "CP-1", &id).await;
    for days in [json!(0), json!(1096), json!(-1), json!("365"), json!(1.5)] {
        let body = json!({"validity_days": days});
        let (status, error) = generate(&rig, &token, "CP-1", Some(body)).await;
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("validation_error")),
            "{days}"
        );
        assert_eq!(error["details"][0]["field"], "validity_days");
    }
    let (status, made) = generate(&rig, &token, "CP-1", Some(json!({}))).await;
    assert_eq!(status, 201);
    let certificate = made["certificate_id"].as_str().unwrap();
    for (who, id, status) in [
        ("nobody", "CP-1", 401),
        (KEY, "CP-1", 403),
        (other.as_str(), "CP-1", 404),
        (token.as_str(), "CP-2", 404),
        (token.as_str(), "a%00b", 404),
    ] {
        assert_eq!(generate(&rig, who, id, None).await.0, status, "{id}");
        assert_eq!(list(&rig, who, id).await.0, status, "{id}");
        assert_eq!(revoke(&rig, who, id, certificate).await, status, "{id}");
    }
    for unknown in ["cert_X", "%00", "a%2Fb"] {
        assert_eq!(
            revoke(&rig, &token, "CP-1", unknown).await,
            404,
            "{unknown}"
        );
    }
    let (_, listed) = list(&rig, &token, "CP-1").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["status"], "active");
}
