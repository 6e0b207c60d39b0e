//! Copies of a database that is in use, and lists of what can be set.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use clap::Parser;
use dynamo_csms::store::{ChargePointSetting, TagSetting};
use dynamo_csms::{AdminArgs, admin};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::admin::run;
use crate::databases::{postgres, rigs};
use crate::support::{ChargePoint, Rig, options, rig, rig_with};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    admin: AdminArgs,
}

const T0: &str = "2026-01-01T10:00:00Z";

/// Starts transactions until it is told to end: their ids.
async fn start_some(mut cp: ChargePoint, from: u32, ends: &AtomicBool, at_least: u32) -> Vec<i64> {
    let mut ids = Vec::new();
    for number in from.. {
        if number >= from + at_least && ends.load(Relaxed) {
            break;
        }
        let at = format!(
            "2026-01-{:02}T{:02}:{:02}:{:02}Z",
            1 + number / 86_400,
            number / 3_600 % 24,
            number / 60 % 60,
            number % 60
        );
        let id = cp.start(1, "TAG", &at, 0).await["transactionId"].as_i64();
        ids.push(id.unwrap());
    }
    ids
}

async fn ids(address: &str) -> BTreeSet<i64> {
    let mut copy = SqliteConnection::connect(address).await.unwrap();
    let check: String = sqlx::query_scalar("pragma integrity_check")
        .fetch_one(&mut copy)
        .await
        .unwrap();
    assert_eq!(check, "ok");
    let ids: Vec<i64> = sqlx::query_scalar("select id from charge_transaction")
        .fetch_all(&mut copy)
        .await
        .unwrap();
    copy.close().await.unwrap();
    ids.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_under_load_has_everything_acknowledged_before() {
    let rig = rig().await;
    let mut cps = Vec::new();
    for number in 0..4 {
        cps.push(rig.connect(&format!("CP-{number}")).await);
    }
    let none = AtomicBool::new(true);
    let before = cps.into_iter().map(|cp| start_some(cp, 0, &none, 50));
    let before: Vec<i64> = futures_util::future::join_all(before).await.concat();
    assert_eq!(before.len(), 200);
    let file = rig.folder.path().join("copy.db");
    let name = file.to_str().unwrap().to_owned();
    let ends = AtomicBool::new(false);
    let mut meanwhile = Vec::new();
    for number in 0..4 {
        meanwhile.push(rig.connect(&format!("CP-{number}")).await);
    }
    let writing = futures_util::future::join_all(
        meanwhile
            .into_iter()
            .map(|cp| start_some(cp, 1_000, &ends, 20)),
    );
    let copying = async {
        let made = run(&rig, &["backup", &name]).await;
        ends.store(true, Relaxed);
        made.unwrap()
    };
    let (made, during) = tokio::join!(copying, writing);
    assert!(during.iter().all(|ids| ids.len() >= 20));
    assert_eq!(made["file"], json!(name));
    assert_eq!(made["bytes"], std::fs::metadata(&file).unwrap().len());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let copied = ids(&format!("sqlite://{name}")).await;
    assert!(before.iter().all(|id| copied.contains(id)));
    // What the copy has beyond that was acknowledged, or is about to be.
    let all = ids(rig.database()).await;
    assert!(copied.is_subset(&all));
    let left: Vec<_> = std::fs::read_dir(rig.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().starts_with(".dynamo-backup"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    let again = run(&rig, &["backup", &name]).await.unwrap_err().to_string();
    assert!(
        again.contains("is there already") && again.contains(&name),
        "{again}"
    );
    let nowhere = run(&rig, &["backup", "/nowhere/at/all/copy.db"]).await;
    assert!(
        nowhere
            .unwrap_err()
            .to_string()
            .contains("/nowhere/at/all/copy.db")
    );

    // The copy serves.
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = format!("sqlite://{name}");
    let restored = Rig::start(folder, options).await;
    let mut cp = restored.connect("CP-0").await;
    let id = cp.start(1, "TAG", "2026-03-01T00:00:00Z", 0).await["transactionId"].as_i64();
    assert!(id.unwrap() > *copied.last().unwrap());
    let (_, listed) = restored.get("/api/v1/ocpp16/transactions").await;
    assert_eq!(listed["total"], copied.len() + 1);
}

#[tokio::test]
async fn what_is_no_file_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let missing = format!("sqlite://{}/missing.db", folder.path().display());
    for (database, said) in [
        ("postgres://u:secret@127.0.0.1:1/x", "pg_dump"),
        ("mysql://x", "no database address"),
        (missing.as_str(), "there is no database at"),
    ] {
        let name = copy.to_str().unwrap();
        let cli = Cli::try_parse_from(["admin", "backup", name, "--database", database]).unwrap();
        let text = admin(cli.admin).await.unwrap_err().to_string();
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("secret") && !text.contains('\n'), "{text}");
        assert!(!copy.exists());
    }
    if let Some(address) = postgres().await {
        let name = copy.to_str().unwrap();
        let cli = Cli::try_parse_from(["admin", "backup", name, "--database", &address]).unwrap();
        let text = admin(cli.admin).await.unwrap_err().to_string();
        assert!(text.contains("pg_dump"), "{text}");
    }
}

async fn list(rig: &Rig, arguments: &[&str]) -> Vec<Value> {
    let database = rig.database();
    let arguments = [&["admin"], arguments, &["--database", database]].concat();
    let cli = Cli::try_parse_from(arguments).unwrap();
    let text = admin(cli.admin).await.unwrap();
    for secret in ["test-key", "0123456789abcdef", "argon2", "hash"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    assert!(lines.iter().all(Value::is_object));
    lines
}

#[tokio::test]
async fn what_can_be_set_can_be_listed() {
    for rig in rigs().await {
        let other = run(&rig, &["organization", "create", "Other"])
            .await
            .unwrap();
        let other = other["id"].as_str().unwrap();
        let organizations = list(&rig, &["organization", "list"]).await;
        assert_eq!(organizations.len(), 2);
        let default = organizations
            .iter()
            .find(|o| o["id"] == "org_default")
            .unwrap();
        assert_eq!(
            (&default["name"], &default["sign_up"]),
            (&json!("default"), &json!("open"))
        );

        let made = run(&rig, &["api-key", "create", "--organization", other])
            .await
            .unwrap();
        run(&rig, &["api-key", "revoke", made["id"].as_str().unwrap()])
            .await
            .unwrap();
        assert_eq!(list(&rig, &["api-key", "list"]).await.len(), 2);
        let keys = list(&rig, &["api-key", "list", "--organization", other]).await;
        assert_eq!(keys.len(), 1);
        assert_eq!(
            (&keys[0]["id"], &keys[0]["scopes"]),
            (&made["id"], &made["scopes"])
        );
        assert!(keys[0]["revoked_at"].is_string());

        // More than a page.
        for number in 0..505 {
            rig.set_tag(TagSetting::accepted(format!("T{number:03}")))
                .await;
        }
        run(
            &rig,
            &[
                "id-tag",
                "set",
                "Mine",
                "--organization",
                other,
                "--status",
                "Blocked",
            ],
        )
        .await
        .unwrap();
        let tags = list(&rig, &["id-tag", "list"]).await;
        assert_eq!(tags.len(), 507);
        let distinct: BTreeSet<&str> = tags.iter().map(|tag| tag["id"].as_str().unwrap()).collect();
        assert_eq!(distinct.len(), 507);
        let tags = list(&rig, &["id-tag", "list", "--organization", other]).await;
        assert_eq!(
            (&tags[0]["id"], &tags[0]["status"]),
            (&json!("Mine"), &json!("Blocked"))
        );

        let setting = [
            "charge-point",
            "set",
            "CP-1",
            "--password",
            "0123456789abcdef",
            "--interval",
            "9",
        ];
        run(&rig, &setting).await.unwrap();
        rig.set_charge_point(ChargePointSetting {
            id: "CP-2".into(),
            ..ChargePointSetting::default()
        })
        .await;
        let points = list(&rig, &["charge-point", "list"]).await;
        let found: Vec<_> = points
            .iter()
            .map(|p| (&p["id"], &p["has_password"], &p["interval"]))
            .collect();
        let wanted = [
            (&json!("CP-1"), &json!(true), &json!(9)),
            (&json!("CP-2"), &json!(false), &Value::Null),
        ];
        assert_eq!(found, wanted);
        assert!(
            list(&rig, &["charge-point", "list", "--organization", other])
                .await
                .is_empty()
        );

        let mut cp = rig.connect("CP-2").await;
        cp.boot().await;
        let first = cp.start(1, "TAG", T0, 0).await["transactionId"].clone();
        let second = cp.start(2, "T001", T0, 0).await["transactionId"].clone();
        cp.stop(&first, "2026-01-01T11:00:00Z", 700).await;
        let all = list(&rig, &["transaction", "list"]).await;
        let found: Vec<_> = all
            .iter()
            .map(|t| (&t["id"], &t["status"], &t["meter_stop"]))
            .collect();
        let wanted = [
            (&first, &json!("stopped"), &json!(700)),
            (&second, &json!("open"), &Value::Null),
        ];
        assert_eq!(found, wanted);
        let open = list(
            &rig,
            &["transaction", "list", "--open", "--charge-point", "CP-2"],
        )
        .await;
        assert_eq!(open.len(), 1);
        assert!(
            list(&rig, &["transaction", "list", "--charge-point", "CP-1"])
                .await
                .is_empty()
        );
        assert!(
            list(&rig, &["transaction", "list", "--organization", other])
                .await
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused_and_admin_is_not() {
    let first = rig_with(|_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let mut second = options(&folder);
    second.database = first.database().to_owned();
    let refused = match dynamo_csms::start(second).await {
        Ok(_) => panic!("two servers on one file"),
        Err(error) => error.to_string(),
    };
    assert!(
        refused.contains("another server") && refused.contains(first.database()),
        "{refused}"
    );
    run(&first, &["organization", "create", "Acme"])
        .await
        .unwrap();
    let restarted = first.restart().await;
    assert_eq!(list(&restarted, &["organization", "list"]).await.len(), 2);
}
