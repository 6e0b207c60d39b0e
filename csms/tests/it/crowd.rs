//! Who reads much keeps nobody waiting but those who read as he does.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::databases::postgres;
use crate::support::{KEY, PATIENCE, rig_with};

/// Requests of the API that all wait for a lock in the database.
const READS: usize = 16;

#[tokio::test]
async fn sixteen_locked_reads_of_the_api_delay_no_charge_point() {
    let Some(address) = postgres().await else {
        return;
    };
    let database = address.clone();
    let rig = rig_with(|options| options.database = database).await;
    let mut cp = rig.connect("CP-1").await;
    let mut locking = PgConnection::connect(&address).await.unwrap();
    let mut watching = PgConnection::connect(&address).await.unwrap();
    for statement in [
        "begin",
        "lock table integration_request in access exclusive mode",
    ] {
        sqlx::query(statement).execute(&mut locking).await.unwrap();
    }
    let path = "/api/v1/integration-requests";
    let reads = (0..READS).map(|_| rig.request(Method::GET, path, None, KEY));
    let told = async {
        // All connections that read for the API wait now.
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'
             and datname = current_database()";
        loop {
            let waiting: i64 = sqlx::query_scalar(waiting)
                .fetch_one(&mut watching)
                .await
                .unwrap();
            if waiting >= 6 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cp.boot().await;
        cp.call("Authorize", json!({"idTag": "TAG"})).await.unwrap();
        let started = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 0).await;
        let id = &started["transactionId"];
        cp.meter(id, "2026-01-01T10:10:00Z", "100").await;
        cp.stop(id, "2026-01-01T10:20:00Z", 200).await;
        // Nobody has let go of the lock meanwhile.
        sqlx::query("rollback").execute(&mut locking).await.unwrap();
    };
    let told = tokio::time::timeout(PATIENCE, told);
    let (answers, told) = tokio::join!(join_all(reads), told);
    told.expect("the charge point is answered while the API waits");
    for (status, body) in answers {
        let expected = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
        assert!(expected.contains(&status), "{status} {body}");
    }
    let (status, _) = rig.request(Method::GET, path, None, KEY).await;
    assert_eq!(status, StatusCode::OK);
}
