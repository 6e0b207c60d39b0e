//! Runs that a restart, an error, another process or their time cut short.

use super::*;

/// Restarted with the short waits of these tests.
async fn restart(rig: Rig) -> Rig {
    rig.csms.shutdown().await;
    let mut options = options(&rig.folder);
    options.commissioning_wait = Duration::from_secs(3);
    Rig::start(rig.folder, options).await
}

#[tokio::test]
async fn a_run_cut_short_in_its_transaction_finishes_that_one_after_the_restart() {
    let (rig, token) = rig().await;
    let station = Manner {
        stops: false,
        ..GOOD
    }
    .behind(&rig)
    .await;
    let first = start(&rig, &token).await;
    until(
        &rig,
        "select 1 from charge_transaction where state = 'open'",
    )
    .await;
    let rig = restart(rig).await;
    station.abort();
    // It was not restarted itself: it connects again, and does not boot.
    let station = tokio::spawn(GOOD.live(rig.connect(ID).await));
    let status = ended(&rig, &token).await;
    assert_eq!(status["commissioning_id"], first["commissioning_id"]);
    assert_eq!(
        (&status["status"], results(&status)),
        (&json!("completed"), vec!["passed"; 4]),
        "{status}"
    );
    let transactions = rig.transactions(ID).await;
    assert_eq!(transactions.len(), 1, "{transactions:?}");
    assert_eq!(transactions[0]["status"], "stopped");
    rig.csms.shutdown().await;
    assert_eq!(station.await.unwrap().1, 0, "nothing was started again");
}

#[tokio::test]
async fn a_run_cut_short_before_its_transaction_goes_on_after_the_restart() {
    let (rig, token) = rig().await;
    let station = Manner {
        starts: false,
        ..GOOD
    }
    .behind(&rig)
    .await;
    start(&rig, &token).await;
    until(
        &rig,
        "select 1 from commissioning where checks like '%\"begun\":true%'",
    )
    .await;
    let rig = restart(rig).await;
    station.abort();
    let _station = GOOD.behind(&rig).await;
    let status = ended(&rig, &token).await;
    assert_eq!(results(&status), ["passed"; 4], "{status}");
    assert_eq!(rig.transactions(ID).await.len(), 1);
}

#[tokio::test]
async fn a_run_whose_charge_point_is_deleted_fails_and_commissions_nobody() {
    let (rig, token) = rig().await;
    let _station = Manner {
        starts: false,
        ..GOOD
    }
    .behind(&rig)
    .await;
    start(&rig, &token).await;
    until(
        &rig,
        "select 1 from commissioning where checks like '%\"begun\":true%'",
    )
    .await;
    rig.sql(&format!(
        "update charge_point set deleted_at_ms = 1 where id = '{ID}'"
    ))
    .await;
    until(&rig, "select 1 from commissioning where status = 'failed'").await;
    assert!(!is_commissioned(&rig).await);
    for rest in ["status", "log"] {
        assert_eq!(
            rig.request(Method::GET, &path(rest), None, &token).await.0,
            404
        );
    }
}

#[tokio::test]
async fn a_second_process_leaves_the_runs_of_a_living_one_alone() {
    let Some(address) = crate::databases::postgres().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.database = address;
    options.command_timeout = Duration::from_millis(500);
    options.commissioning_wait = Duration::from_secs(4);
    let rig = Rig::start(folder, options.clone()).await;
    let token = rig.installer(EMAIL).await;
    rig.installed(ID, EMAIL, "ABB Terra AC W22").await;
    let manner = Manner {
        starts: false,
        ..GOOD
    };
    let _station = manner.behind(&rig).await;
    start(&rig, &token).await;
    let begun = async {
        let begun = "commissioning where checks like '%\"begun\":true%'";
        while crate::databases::count(rig.database(), begun).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    options.commissioning_wait = Duration::from_millis(100);
    let second = dynamo_csms::start(options).await.unwrap();
    // It looks at its start, would find nobody connected, and the run would fail for that.
    let status = ended(&rig, &token).await;
    assert_eq!(results(&status)[3], "failed", "{status}");
    let reason = status["checks"][3]["reason"].as_str().unwrap();
    assert!(reason.starts_with("no StartTransaction came"), "{reason}");
    second.shutdown().await;
}

#[tokio::test]
async fn a_run_that_lasts_too_long_fails_and_its_tag_is_good_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.commissioning_limit = Duration::from_secs(2);
    let rig = Rig::start(folder, options).await;
    let token = rig.installer(EMAIL).await;
    rig.installed(ID, EMAIL, "ABB Terra AC W22").await;
    let manner = Manner {
        starts: false,
        ..GOOD
    };
    let station = manner.behind(&rig).await;
    start(&rig, &token).await;
    let status = ended(&rig, &token).await;
    assert_eq!(status["status"], "failed");
    let reason = status["checks"][3]["reason"].as_str().unwrap();
    assert_eq!(reason, "the run lasted longer than 2s");
    station.abort();
    let mut cp = GOOD.connect(&rig).await;
    let started = cp
        .start(1, "COMMISSIONING", "2031-01-01T00:00:00Z", 0)
        .await;
    assert_eq!(started["idTagInfo"]["status"], "Invalid");
}

#[tokio::test]
async fn a_run_that_an_error_stopped_is_taken_up_again() {
    let (rig, token) = rig().await;
    let _station = GOOD.behind(&rig).await;
    rig.sql("alter table commissioning_entry rename to hidden")
        .await;
    start(&rig, &token).await;
    until(
        &rig,
        "select 1 from commissioning where status = 'in_progress' and leased_until_ms = 0",
    )
    .await;
    rig.sql("alter table hidden rename to commissioning_entry")
        .await;
    let status = ended(&rig, &token).await;
    assert_eq!(status["status"], "completed", "{status}");
}
