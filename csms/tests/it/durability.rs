//! What is acknowledged is stored; what cannot be stored is not acknowledged.

use std::time::Duration;

use dynamo_csms::{Options, StartError, start};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{Log, PATIENCE, Rig, options, rig, rig_with};

const T0: &str = "2026-01-01T10:00:00Z";

#[tokio::test]
async fn a_fact_that_cannot_be_stored_is_not_acknowledged() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let mut other = rig.connect("CP-2").await;
    cp.boot().await;
    let path = rig.folder.path().join("csms.db");
    let file = SqliteConnectOptions::new().filename(path);
    let mut database = SqliteConnection::connect_with(&file).await.unwrap();
    for table in [
        "charge_transaction",
        "charge_point_event",
        "meter_value",
        "connector",
    ] {
        let hide = sqlx::AssertSqlSafe(format!("alter table {table} rename to hidden_{table}"));
        sqlx::query(hide).execute(&mut database).await.unwrap();
    }
    let start = json!({"connectorId": 1, "idTag": "TAG", "timestamp": T0, "meterStart": 0});
    let facts = [
        ("StartTransaction", start.clone()),
        (
            "StopTransaction",
            json!({"transactionId": 1, "timestamp": T0, "meterStop": 0}),
        ),
        (
            "BootNotification",
            json!({"chargePointVendor": "V", "chargePointModel": "M"}),
        ),
        (
            "StatusNotification",
            json!({"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
        ),
        ("FirmwareStatusNotification", json!({"status": "Installed"})),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": [{"timestamp": T0, "sampledValue": [{"value": "1"}]}]}),
        ),
    ];
    for (action, payload) in facts {
        // Together with a job that works: a group of commits is only as bad as each of its jobs.
        let (failed, fine) = tokio::join!(
            cp.call(action, payload),
            other.call("Authorize", json!({"idTag": "TAG"})),
        );
        assert_eq!(failed.unwrap_err().code, "InternalError", "{action}");
        fine.unwrap();
    }
    for table in [
        "charge_transaction",
        "charge_point_event",
        "meter_value",
        "connector",
    ] {
        let show = sqlx::AssertSqlSafe(format!("alter table hidden_{table} rename to {table}"));
        sqlx::query(show).execute(&mut database).await.unwrap();
    }
    assert!(rig.transactions("CP-1").await.is_empty());
    let answer = cp.call("StartTransaction", start).await.unwrap();
    assert_eq!(answer["transactionId"], 1);
}

#[tokio::test]
async fn many_starts_at_once_are_all_there_with_ids_of_their_own() {
    let rig = rig().await;
    let mut charge_points = Vec::new();
    for number in 0..50 {
        charge_points.push(rig.connect(&format!("CP-{number}")).await);
    }
    let starts = charge_points.iter_mut().map(|cp| cp.start(1, "TAG", T0, 0));
    let answers = futures_util::future::join_all(starts).await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|answer| answer["transactionId"].as_i64().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    let (_, body) = rig.get("/api/v1/ocpp16/transactions").await;
    assert_eq!(body["total"], 50);
}

#[tokio::test]
async fn what_stops_a_start_is_one_sentence_with_value_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap();
    let fail = async |change: &dyn Fn(&mut Options)| -> String {
        let mut options = options(&folder);
        change(&mut options);
        match start(options).await {
            Err(error) => {
                assert!(!matches!(error, StartError::Prepare(_)), "{error}");
                // A source would be printed after the sentence that has it in it already.
                assert!(std::error::Error::source(&error).is_none());
                error.to_string()
            }
            Ok(_) => panic!("started"),
        }
    };
    let text = fail(&|options| options.http = taken).await;
    assert!(
        text.contains(&taken.to_string()) && text.contains("--http"),
        "{text}"
    );
    let text = fail(&|options| options.ocpp = taken).await;
    assert!(text.contains("--ocpp"), "{text}");
    let text_file = folder.path().join("text");
    std::fs::write(&text_file, "no database, but longer than a header of one").unwrap();
    let text_file = format!("sqlite://{}", text_file.display());
    for address in [
        "sqlite:///no/such/folder/csms.db",
        "mysql://localhost/x",
        "postgres://nobody:secret@127.0.0.1:1/x",
        "mysql://nobody:secret@127.0.0.1:1/x",
        "sqlite://",
        "sqlite::memory:",
        "sqlite://:memory:",
        text_file.as_str(),
    ] {
        let text = fail(&|options| options.database = address.to_owned()).await;
        assert!(text.contains("--database"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(!text.contains('\n'), "{text}");
        assert!(!text.contains("error returned"), "{text}");
        let named = address.replace(":secret", ":***");
        assert!(text.contains(&named), "{text}");
    }
}

/// Another process holds the write lock and does not let it go.
#[tokio::test]
async fn a_store_that_takes_nothing_hangs_nobody() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    assert_eq!(ready(&rig).await, 200);
    // A readiness that was asked for a moment ago is not asked for again.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let path = rig.folder.path().join("csms.db");
    let file = SqliteConnectOptions::new().filename(path);
    let mut database = SqliteConnection::connect_with(&file).await.unwrap();
    sqlx::query("begin immediate")
        .execute(&mut database)
        .await
        .unwrap();
    let start = json!({"connectorId": 1, "idTag": "TAG", "timestamp": T0, "meterStart": 0});
    let asked = std::time::Instant::now();
    let ready = async { (ready(&rig).await, asked.elapsed()) };
    let (ready, refused) = tokio::join!(ready, cp.call("StartTransaction", start));
    assert_eq!(ready.0, 503);
    assert!(ready.1 < Duration::from_millis(2_500), "{:?}", ready.1);
    assert_eq!(refused.unwrap_err().code, "InternalError");
    let begun = std::time::Instant::now();
    rig.csms.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(11));
}

async fn ready(rig: &Rig) -> u16 {
    let asked = rig.client().get(rig.url("/readyz")).send();
    asked.await.unwrap().status().as_u16()
}

/// What the database committed so far.
async fn commits(rig: &Rig) -> u64 {
    let text = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("dynamo_csms_commits_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn readiness_is_a_commit_and_many_who_ask_share_one() {
    let rig = rig().await;
    let before = commits(&rig).await;
    let begun = std::time::Instant::now();
    // The probe's own commits: others look after letters and runs meanwhile.
    let mut made = std::collections::BTreeSet::new();
    for _ in 0..50 {
        assert_eq!(ready(&rig).await, 200);
        let rows = rig.sql("select probed_at_ms from probe").await;
        made.insert(sqlx::Row::get::<i64, _>(&rows[0], 0));
    }
    assert!(commits(&rig).await > before);
    let made = u64::try_from(made.len()).unwrap();
    assert!(made <= 2 + begun.elapsed().as_secs(), "{made} commits");
}

/// What is written into a file that nobody finds again is lost.
#[tokio::test]
async fn a_file_that_is_moved_away_or_deleted_takes_no_facts() {
    let (log, _listening) = Log::listen();
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.start(1, "TAG", T0, 0).await;
    let path = rig.folder.path().join("csms.db");
    let aside = rig.folder.path().join("aside.db");
    std::fs::rename(&path, &aside).unwrap();
    for meter in 1..4 {
        let start = json!({"connectorId": 1, "idTag": "TAG", "timestamp": T0, "meterStart": meter});
        let refused = cp.call("StartTransaction", start).await.unwrap_err();
        assert_eq!(refused.code, "InternalError");
        assert!(refused.description.contains("send it again"));
    }
    assert_eq!(ready(&rig).await, 503);
    let errors = log.lines("ERROR");
    assert_eq!(errors.len(), 1, "{errors:?}");
    for word in [path.to_str().unwrap(), "put the file back", "moved"] {
        assert!(errors[0].contains(word), "{word}: {errors:?}");
    }
    assert!(!path.exists(), "nothing is put in its place");
    std::fs::rename(&aside, &path).unwrap();
    let back = async {
        while ready(&rig).await != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back)
        .await
        .expect("it is back");
    assert_eq!(log.lines("the database takes facts again").len(), 1);
    assert_eq!(rig.transactions("CP-1").await.len(), 1);
    assert_eq!(cp.start(1, "TAG", T0, 1).await["transactionId"], 2);
    std::fs::remove_file(&path).unwrap();
    let stop = json!({"transactionId": 2, "timestamp": T0, "meterStop": 5});
    let refused = cp.call("StopTransaction", stop).await.unwrap_err();
    assert_eq!(refused.code, "InternalError");
    assert_eq!(log.lines("ERROR").len(), 2);
}

#[tokio::test]
async fn who_has_nothing_to_do_commits_nothing() {
    let rig = rig_with(|options| options.presence_interval = Duration::from_secs(1)).await;
    // What is tidied up at the start.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = commits(&rig).await;
    // Every look for letters, webhooks, presences and commissioning runs, which are one to five seconds apart. Guest
    // sessions are looked for and letters tended each ten seconds, so what these commit is not seen here.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(commits(&rig).await, before);
}
