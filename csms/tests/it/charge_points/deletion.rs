//! How charge points are deleted: what becomes of their records, their identity and their sockets.

use super::*;

#[tokio::test]
async fn a_deleted_identity_can_be_registered_again_with_an_empty_history() {
    for rig in rigs().await {
        let ours = installer(&rig, "a@acme.example").await;
        for round in 1..=2 {
            ours.register(example("cp_001")).await;
            let mut cp = rig.connect("cp_001").await;
            cp.boot().await;
            let id =
                cp.start(1, "TAG", "2026-01-01T10:00:00Z", round).await["transactionId"].clone();
            cp.stop(&id, "2026-01-01T11:00:00Z", 500).await;
            cp.status(1, "Available", None).await;
            drop(cp);
            rig.until_offline("cp_001").await;
            assert_eq!(ours.delete("cp_001").await.0, 204);
            assert_eq!(ours.ids("").await.0, 0);
        }
        let made = ours.register(example("cp_001")).await;
        assert_eq!(made["status"], "registered");
        assert_eq!(made["last_seen_at"], Value::Null);
        let state = ours.get(&format!("{PATH}/cp_001/status")).await;
        assert_eq!(state["connectors"], json!([]));
        assert_eq!(state["operational_status"], "Unavailable");
        let past = rig.transactions("cp_001").await;
        assert_eq!(past.len(), 2);
        assert!(past.iter().all(|row| row["charge_point_id"] == "cp_001"));
        assert!(rig.transactions("cpX001").await.is_empty());
        for hidden in ["cp_001%2Fdeleted%2F1", "cp_001/deleted/1"] {
            for method in [Method::GET, Method::DELETE] {
                let (status, _) = ours.ask(method, &format!("{PATH}/{hidden}"), None).await;
                assert_eq!(status, 404, "{hidden}");
            }
        }
        let graves = "charge_point where id like 'cp_001/deleted/%'";
        assert_eq!(count(rig.database(), graves).await, 2);
    }
}

/// Readings enough for ten steps of a burial, received in a far future: none of them is old.
const READINGS: &str =
    "insert into meter_value (charge_point_id, content_hash, connector_id, sampled_at_ms,
         sampled_values, received_at_ms)
     with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
     select 'CP-1', 'hash' || i, 1, i, '[]', 4000000000000 + i from n";

/// How many readings lie under an id.
async fn readings(rig: &Rig, id: &str) -> i64 {
    let of_it = format!("meter_value where charge_point_id = '{id}'");
    count(rig.database(), &of_it).await
}

#[tokio::test]
async fn a_long_history_is_buried_while_others_are_served() {
    for rig in rigs().await {
        let ours = installer(&rig, "a@acme.example").await;
        ours.register(example("CP-1")).await;
        rig.execute(READINGS).await;
        let mut other = rig.connect("CP-2").await;
        other.boot().await;
        let served = async {
            for _ in 0..3 {
                other.status(1, "Available", None).await;
            }
            Instant::now()
        };
        let deleted = async {
            assert_eq!(ours.delete("CP-1").await.0, 204);
            Instant::now()
        };
        let (served, deleted) = tokio::join!(served, deleted);
        assert!(served < deleted);
        ours.register(example("CP-1")).await;
        assert_eq!(readings(&rig, "CP-1").await, 0);
        assert_eq!(readings(&rig, "CP-1/deleted/1").await, 20_000);
    }
}

#[tokio::test]
async fn a_burial_that_was_cut_short_is_finished_by_whoever_comes_next() {
    for rig in rigs().await {
        let ours = installer(&rig, "a@acme.example").await;
        let others = installer(&rig, "b@acme.example").await;
        for (number, register) in [(1, false), (2, true)] {
            ours.register(example("CP-1")).await;
            rig.execute(READINGS).await;
            let grave = format!("CP-1/deleted/{number}");
            // The first steps of a deletion, after which the server ended.
            for step in [
                "update charge_point set deleted_at_ms = 5 where id = 'CP-1'".to_owned(),
                format!(
                    "insert into charge_point (id, organization_id, installer_id, registration, created_at_ms,
                         deleted_at_ms)
                     select '{grave}', organization_id, installer_id, registration, created_at_ms, 5
                     from charge_point where id = 'CP-1'"
                ),
                format!(
                    "update meter_value set charge_point_id = '{grave}'
                     where charge_point_id = 'CP-1' and sampled_at_ms < 5000"
                ),
            ] {
                rig.execute(&step).await;
            }
            let (status, _) = ours.ask(Method::GET, &format!("{PATH}/CP-1"), None).await;
            assert_eq!(status, 404);
            assert_eq!(others.delete("CP-1").await.0, 404);
            assert!(readings(&rig, "CP-1").await > 0);
            if register {
                others.register(example("CP-1")).await;
            } else {
                assert_eq!(ours.delete("CP-1").await.0, 204);
            }
            assert_eq!(ours.delete("CP-1").await.0, 404);
            assert_eq!(readings(&rig, "CP-1").await, 0);
            assert_eq!(readings(&rig, &grave).await, 20_000);
        }
    }
}

#[tokio::test]
async fn a_deleted_charge_point_is_not_let_in() {
    let rig = rig_with(|options| options.accept_unknown.charge_points = false).await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    assert_eq!(ours.delete("CP-1").await.0, 204);
    let url = format!("ws://{}/ocpp16/CP-1", rig.csms.ocpp_addr());
    let refused = handshake(&url, &[("sec-websocket-protocol", "ocpp1.6")]).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(answer)) = refused else {
        panic!("it was let in");
    };
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_ends_when_another_server_deletes_its_charge_point() {
    let Some(database) = crate::databases::postgres().await else {
        return;
    };
    let of = |options: &mut dynamo_csms::Options| options.database.clone_from(&database);
    let (here, there) = (rig_with(of).await, rig_with(of).await);
    let ours = installer(&here, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    let mut cp = there.connect("CP-1").await;
    cp.boot().await;
    assert_eq!(ours.delete("CP-1").await.0, 204);
    // The registration is read again when it is half a second old.
    let refused = loop {
        cp.send_call("Heartbeat", json!({})).await;
        match cp.next_frame().await {
            Some(frame) if frame[0] == 3 => {}
            other => break other,
        }
    };
    if let Some(frame) = refused {
        assert_eq!(frame[2], "SecurityError");
        cp.closed().await;
    }
    there.until_offline("CP-1").await;
}

#[tokio::test]
async fn who_comes_while_it_is_deleted_is_refused_or_closed() {
    let rig = rig_with(|options| options.accept_unknown.charge_points = false).await;
    let ours = installer(&rig, "a@acme.example").await;
    let url = format!("ws://{}/ocpp16/CP-1", rig.csms.ocpp_addr());
    // CP-1:0123456789abcde; the time its check takes, for it is a short one, is when the deletion comes.
    let headers = [
        ("sec-websocket-protocol", "ocpp1.6"),
        ("authorization", "Basic Q1AtMTowMTIzNDU2Nzg5YWJjZGU="),
    ];
    let mut deleted = 0;
    for round in 0..10 {
        let mut body = example("CP-1");
        body["ocpp_password"] = json!("0123456789abcde");
        ours.register(body).await;
        let later = async {
            tokio::time::sleep(Duration::from_millis(4 * round)).await;
            ours.delete("CP-1").await.0
        };
        let (came, status) = tokio::join!(handshake(&url, &headers), later);
        if status == 204 {
            deleted += 1;
            if let Ok((mut cp, _)) = came {
                cp.closed().await;
            }
        } else {
            drop(came);
            rig.until_offline("CP-1").await;
            assert_eq!(ours.delete("CP-1").await.0, 204);
        }
        rig.until_offline("CP-1").await;
    }
    assert!(deleted > 0, "no deletion came first");
}

#[tokio::test]
async fn a_burial_that_was_cut_short_is_finished_by_the_next_start() {
    let rig = rig().await;
    let ours = installer(&rig, "a@acme.example").await;
    ours.register(example("CP-1")).await;
    rig.execute(READINGS).await;
    rig.execute("update charge_point set deleted_at_ms = 5 where id = 'CP-1'")
        .await;
    rig.execute(
        "insert into charge_point (id, organization_id, installer_id, registration, created_at_ms, deleted_at_ms)
         select 'CP-1/deleted/1', organization_id, installer_id, registration, created_at_ms, 5
         from charge_point where id = 'CP-1'",
    )
    .await;
    let rig = rig.restart().await;
    let marked = "select id from charge_point where id = 'CP-1'";
    let buried = async {
        while !rig.sql(marked).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, buried).await.unwrap();
    assert_eq!(readings(&rig, "CP-1/deleted/1").await, 20_000);
}
