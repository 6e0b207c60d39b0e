//! `dynamo csms admin` beside a running server on the same database.

use clap::Parser;
use dynamo_csms::{AdminArgs, AdminError, admin};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Rig, rig_with};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    admin: AdminArgs,
}

async fn run(rig: &Rig, arguments: &[&str]) -> Result<Value, AdminError> {
    let database = format!("sqlite://{}/csms.db", rig.folder.path().display());
    let arguments = [&["admin"], arguments, &["--database", &database]].concat();
    let cli = Cli::try_parse_from(arguments).unwrap();
    let text = admin(cli.admin).await?;
    Ok(serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn keys_are_made_and_revoked() {
    let rig = rig_with(|_| {}).await;
    let organization = run(&rig, &["organization", "create", "Acme"])
        .await
        .unwrap();
    let id = organization["id"].as_str().unwrap();
    let made = run(&rig, &["api-key", "create", "--organization", id])
        .await
        .unwrap();
    assert_eq!(made["scopes"].as_array().unwrap().len(), 2);
    let key = made["key"].as_str().unwrap();
    let path = "/api/v1/ocpp16/transactions";
    assert_eq!(rig.request(Method::GET, path, None, key).await.0, 200);
    run(&rig, &["api-key", "revoke", made["id"].as_str().unwrap()])
        .await
        .unwrap();
    assert_eq!(rig.request(Method::GET, path, None, key).await.0, 401);
    let missing = run(&rig, &["api-key", "revoke", "key_x"])
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("key_x"));
    let missing = run(&rig, &["api-key", "create", "--organization", "org_x"]).await;
    assert!(missing.unwrap_err().to_string().contains("org_x"));
}

#[tokio::test]
async fn tags_and_charge_points_are_set() {
    let rig = rig_with(|options| options.accept_unknown.charge_points = false).await;
    let set = ["charge-point", "set", "CP-1", "--interval", "9"];
    assert_eq!(run(&rig, &set).await.unwrap(), json!({"id": "CP-1"}));
    let mut cp = rig.connect("CP-1").await;
    assert_eq!(cp.boot().await["interval"], 9);
    run(
        &rig,
        &["charge-point", "set", "CP-1", "--registration", "Pending"],
    )
    .await
    .unwrap();
    let boot = cp.boot().await;
    assert_eq!(
        (&boot["status"], &boot["interval"]),
        (&json!("Pending"), &json!(9))
    );
    run(
        &rig,
        &["charge-point", "set", "CP-1", "--registration", "Accepted"],
    )
    .await
    .unwrap();
    cp.boot().await;
    let tag = [
        "id-tag",
        "set",
        "T1",
        "--status",
        "Blocked",
        "--parent",
        "P",
        "--expires",
        "2030-01-01T00:00:00Z",
    ];
    run(&rig, &tag).await.unwrap();
    let answer = cp.call("Authorize", json!({"idTag": "t1"})).await.unwrap();
    let info = json!({
        "status": "Blocked", "parentIdTag": "P", "expiryDate": "2030-01-01T00:00:00Z",
    });
    assert_eq!(answer["idTagInfo"], info);
    let long = "x".repeat(21);
    let refused = run(&rig, &["id-tag", "set", &long]).await.unwrap_err();
    assert!(refused.to_string().contains("20"));
    let refused = run(&rig, &["charge-point", "set", "a/b"])
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("a/b"));
}
