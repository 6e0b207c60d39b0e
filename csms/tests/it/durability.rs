//! What is acknowledged is stored; what cannot be stored is not acknowledged.

use dynamo_csms::{Options, StartError, start};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{options, rig};

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
            Err(error @ (StartError::Listen { .. } | StartError::Database { .. })) => {
                error.to_string()
            }
            Err(other) => panic!("{other}"),
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
    for address in [
        "sqlite:///no/such/folder/csms.db",
        "mysql://localhost/x",
        "postgres://nobody:secret@127.0.0.1:1/x",
    ] {
        let text = fail(&|options| options.database = address.to_owned()).await;
        assert!(text.contains("--database"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}

/// Another process holds the write lock and does not let it go.
#[tokio::test]
async fn a_store_that_takes_nothing_hangs_nobody() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let path = rig.folder.path().join("csms.db");
    let file = SqliteConnectOptions::new().filename(path);
    let mut database = SqliteConnection::connect_with(&file).await.unwrap();
    sqlx::query("begin immediate")
        .execute(&mut database)
        .await
        .unwrap();
    let start = json!({"connectorId": 1, "idTag": "TAG", "timestamp": T0, "meterStart": 0});
    let ready = rig.client().get(rig.url("/readyz")).send();
    let (ready, refused) = tokio::join!(ready, cp.call("StartTransaction", start));
    assert_eq!(ready.unwrap().status(), 503);
    assert_eq!(refused.unwrap_err().code, "InternalError");
    let begun = std::time::Instant::now();
    rig.csms.shutdown().await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(11));
}
