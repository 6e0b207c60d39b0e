//! `dynamo csms admin` beside a running server on the same database.

use clap::Parser;
use dynamo_csms::{AdminArgs, AdminError, admin};
use reqwest::Method;
use serde_json::{Value, json};

use crate::databases::rigs;
use crate::support::{Log, Rig, rig_with};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    admin: AdminArgs,
}

pub(crate) async fn run(rig: &Rig, arguments: &[&str]) -> Result<Value, AdminError> {
    let database = rig.database();
    let key = rig.folder.path().join("passwords.key");
    let key = key.to_str().unwrap();
    let flags = ["--database", database, "--password-key", key];
    let arguments = [&["admin"], arguments, &flags].concat();
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
async fn an_organization_has_a_name_and_is_open_or_closed() {
    for rig in rigs().await {
        name_open_and_close(&rig).await;
    }
}

async fn name_open_and_close(rig: &Rig) {
    let set = async |arguments: &[&str]| {
        let arguments = [&["organization", "set"], arguments].concat();
        run(rig, &arguments).await
    };
    let named = set(&["--name", "Acme Charging"]).await.unwrap();
    let is = json!({
        "id": "org_default", "name": "Acme Charging", "sign_up": "open", "ocpi_party": "GB/DYN",
        "time_zone": "Europe/London", "website": null,
    });
    assert_eq!(named, is);
    assert_eq!(set(&[]).await.unwrap(), is);
    let made = run(rig, &["organization", "create", "Other"]).await;
    let made = made.unwrap();
    let other = made["id"].as_str().unwrap();
    let sign_up = async |email: &str, organization: Option<&str>| {
        let body = json!({"name": "Ada", "email": email, "password": "long3nough",
            "organization_id": organization});
        let path = "/api/v1/installer/signup";
        rig.request(Method::POST, path, Some(body), "").await
    };
    assert_eq!(sign_up("a@example.com", None).await.0, 201);
    // Who only knows its id is nobody's installer.
    let (status, body) = sign_up("b@example.com", Some(other)).await;
    assert_eq!((status.as_u16(), &body["code"]), (403, &json!("forbidden")));
    let opened = set(&[other, "--sign-up", "open"]).await.unwrap();
    assert_eq!(
        (&opened["name"], &opened["sign_up"]),
        (&json!("Other"), &json!("open"))
    );
    let roams = [
        "--ocpi-party",
        "nl/oth",
        "--time-zone",
        "Europe/Amsterdam",
        "--website",
        "https://x.example",
    ];
    let roaming = set(&[&[other], &roams[..]].concat()).await.unwrap();
    assert_eq!(roaming["ocpi_party"], "NL/OTH");
    assert_eq!(roaming["website"], "https://x.example");
    assert_eq!(roaming["time_zone"], "Europe/Amsterdam");
    let (status, body) = sign_up("b@example.com", Some(other)).await;
    assert_eq!(
        (status.as_u16(), &body["organization_id"]),
        (201, &json!(other))
    );
    set(&["--sign-up", "closed"]).await.unwrap();
    for organization in [None, Some("org_default")] {
        assert_eq!(sign_up("c@example.com", organization).await.0, 403);
    }
    // Who has an account keeps it.
    rig.log_in("a@example.com", "long3nough").await;
    let missing = set(&["org_x", "--name", "X"]).await.unwrap_err();
    assert!(missing.to_string().contains("org_x"));
    assert!(set(&["--name", " "]).await.is_err());
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
        "status": "Blocked", "parentIdTag": "P", "expiryDate": "2030-01-01T00:00:00.000Z",
    });
    assert_eq!(answer["idTagInfo"], info);
    let long = "x".repeat(256);
    let refused = run(&rig, &["id-tag", "set", &long]).await.unwrap_err();
    assert!(refused.to_string().contains("255"));
    let refused = run(&rig, &["charge-point", "set", "a/b"])
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("a/b"));
}

/// One sentence that says what is wrong with a value.
async fn refused(rig: &Rig, arguments: &[&str]) -> String {
    let error = run(rig, arguments).await.unwrap_err();
    // A source would be printed after the sentence that has it in it already.
    assert!(std::error::Error::source(&error).is_none());
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[tokio::test]
async fn names_passwords_and_tags_have_bounds() {
    let (log, _listening) = Log::listen();
    let rig = rig_with(|_| {}).await;
    for name in ["", "  ", "A\nB", &"x".repeat(256)] {
        let text = refused(&rig, &["organization", "create", name]).await;
        assert!(text.contains("characters"), "{text}");
    }
    let longest = "é".repeat(255);
    run(&rig, &["organization", "create", &longest])
        .await
        .unwrap();
    let (short, long) = ("x".repeat(7), "x".repeat(129));
    for password in ["", &short, &long, "          "] {
        let set = ["charge-point", "set", "CP-1", "--password", password];
        let text = refused(&rig, &set).await;
        assert!(
            text.contains("--password") && text.contains("cannot be used"),
            "{text}"
        );
        assert!(password.is_empty() || !text.contains(password), "{text}");
    }
    let odd = ["größer als 8", "01234567\tabcdef"].map(str::to_owned);
    for password in ["x".repeat(8), "x".repeat(128)].into_iter().chain(odd) {
        let password = password.as_str();
        let set = ["charge-point", "set", "CP-1", "--password", password];
        run(&rig, &set).await.unwrap();
    }
    for id in [".", ".."] {
        refused(&rig, &["charge-point", "set", id]).await;
    }
    let long = "x".repeat(256);
    for tag in ["", " ", &long, "A\tB"] {
        refused(&rig, &["id-tag", "set", tag]).await;
        refused(&rig, &["id-tag", "set", "T", "--parent", tag]).await;
    }
    // Some charge points send tags that are too long; a parent is what they are sent.
    let long = "x".repeat(21);
    run(&rig, &["id-tag", "set", &long]).await.unwrap();
    refused(&rig, &["id-tag", "set", "T", "--parent", &long]).await;
    let unknown = ["id-tag", "set", "T", "--organization", "org_x"];
    assert!(refused(&rig, &unknown).await.contains("org_x"));
    assert!(log.lines("ERROR").is_empty(), "{:?}", log.lines("ERROR"));
}

#[tokio::test]
async fn a_tag_is_not_its_own_parent_over_however_many() {
    let rig = rig_with(|_| {}).await;
    let set = async |tag: &str, parent: &str| {
        run(&rig, &["id-tag", "set", tag, "--parent", parent]).await
    };
    for (tag, parent) in [("A", "B"), ("B", "C"), ("D", "B")] {
        set(tag, parent).await.unwrap();
    }
    for (tag, parent) in [("A", "a"), ("C", "A"), ("c", "b"), ("NEW", "new")] {
        let text = set(tag, parent).await.unwrap_err().to_string();
        assert!(text.contains("its own parent"), "{tag} {parent}: {text}");
    }
    // Nothing of what was refused is there.
    let mut cp = rig.connect("CP-1").await;
    for tag in ["C", "NEW"] {
        let answer = cp.call("Authorize", json!({"idTag": tag})).await.unwrap();
        assert_eq!(answer["idTagInfo"], json!({"status": "Invalid"}), "{tag}");
    }
    set("C", "ELSEWHERE").await.unwrap();
}

#[tokio::test]
async fn a_mistyped_path_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mistyped.db");
    let database = format!("sqlite://{}", path.display());
    let arguments = [
        "admin",
        "organization",
        "create",
        "Acme",
        "--database",
        &database,
    ];
    let cli = Cli::try_parse_from(arguments).unwrap();
    let text = admin(cli.admin).await.unwrap_err().to_string();
    for word in [
        "no database at",
        &database,
        "start `dynamo csms",
        "check the path",
    ] {
        assert!(text.contains(word), "{text}");
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn the_last_second_of_the_calendar_is_an_expiry() {
    let rig = rig_with(|_| {}).await;
    for (time, kept) in [
        ("9999-12-31T23:59:59Z", "9999-12-30T22:00:00.000Z"),
        ("2030-01-01T00:00:00+01:00", "2029-12-31T23:00:00.000Z"),
    ] {
        let set = ["id-tag", "set", "T1", "--expires", time];
        run(&rig, &set).await.unwrap();
        let mut cp = rig.connect("CP-1").await;
        let answer = cp.call("Authorize", json!({"idTag": "T1"})).await.unwrap();
        assert_eq!(answer["idTagInfo"]["status"], "Accepted");
        assert_eq!(answer["idTagInfo"]["expiryDate"], kept);
    }
    for time in ["tomorrow", "10000-01-01T00:00:00Z", "9999-13-01T00:00:00Z"] {
        let arguments = ["admin", "id-tag", "set", "T1", "--expires", time];
        assert!(Cli::try_parse_from(arguments).is_err(), "{time}");
    }
}

#[tokio::test]
async fn a_transaction_is_closed_while_the_server_runs() {
    let rig = rig_with(|_| {}).await;
    let mut cp = rig.connect("CP-1").await;
    rig.connect("CP-2").await;
    let id = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 1_000).await["transactionId"].clone();
    cp.meter(&id, "2026-01-01T10:10:00Z", "1500").await;
    let number = id.to_string();
    let text = refused(&rig, &["transaction", "close", "CP-2", &number]).await;
    assert!(text.contains("CP-2") && text.contains(&number), "{text}");
    let close = ["transaction", "close", "CP-1", &number];
    let closed = run(&rig, &close).await.unwrap();
    let is = json!({"id": id, "charge_point_id": "CP-1", "closed": true});
    assert_eq!(closed, is);
    let shown = rig.transactions("CP-1").await.pop().unwrap();
    assert_eq!(shown["status"], "abandoned");
    assert_eq!(
        (&shown["energy_wh"], &shown["reason"]),
        (&json!(500), &json!("closed_by_operator"))
    );
    let text = refused(&rig, &close).await;
    assert!(text.contains("over already"), "{text}");
}
