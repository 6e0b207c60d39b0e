//! Sockets that die, are replaced, or lag.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PATIENCE, rig, rig_with};

#[tokio::test]
async fn a_peer_that_fell_silent_is_given_up() {
    let rig = rig_with(|options| options.ping_interval = Duration::from_millis(50)).await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    // Not reading also means not answering pings: as after a power loss.
    let given_up = async {
        while rig.csms.sessions().count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, given_up).await.expect("given up");
    let (status, body) = rig.command("CP-1", "ClearCache", json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["code"], "charge_point_offline");
}

#[tokio::test]
async fn a_quiet_peer_that_answers_pings_stays() {
    let rig = rig_with(|options| options.ping_interval = Duration::from_millis(200)).await;
    let mut cp = rig.connect("CP-1").await;
    // Reading answers pings. Four of them take longer than the dead-peer time-out.
    let mut pings = 0;
    while pings < 4 {
        let message = timeout(PATIENCE, cp.socket.next()).await.unwrap();
        if message.unwrap().unwrap().is_ping() {
            pings += 1;
        }
    }
    assert_eq!(cp.boot().await["status"], "Accepted");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up() {
    let rig = rig_with(|options| options.write_timeout = Duration::from_millis(100)).await;
    let mut cp = rig.connect("CP-1").await;
    let stream = socket2::SockRef::from(cp.socket.get_ref());
    stream.set_recv_buffer_size(4096).unwrap();
    // Answers fill the buffers of both sides; the sender never reads them.
    let flood = async {
        let mut number = 0_u64;
        while rig.csms.sessions().count() > 0 {
            number += 1;
            // An answer is as long as the id it repeats.
            let id = format!("{number}{}", "x".repeat(100_000));
            let text = json!([2, id, "Heartbeat", {}]).to_string();
            let sent = cp.socket.send(Message::text(text));
            if !matches!(timeout(Duration::from_millis(50), sent).await, Ok(Ok(()))) {
                tokio::task::yield_now().await;
            }
        }
    };
    timeout(2 * PATIENCE, flood).await.expect("given up");
}

#[tokio::test]
async fn the_newest_connection_of_an_identity_wins() {
    let rig = rig().await;
    let mut old = rig.connect("CP-1").await;
    old.boot().await;
    let mut new = rig.connect("CP-1").await;
    let (_, reason) = old.closed().await.expect("a close frame");
    assert!(reason.contains("newer connection"), "{reason}");
    assert_eq!(new.boot().await["status"], "Accepted");
    assert_eq!(rig.csms.sessions().count(), 1);
    let command = rig.command("CP-1", "ClearCache", json!({}));
    let answer = async {
        let (id, action, _) = new.next_call().await;
        assert_eq!(action, "ClearCache");
        new.answer(&id, json!({"status": "Accepted"})).await;
    };
    let ((status, body), ()) = tokio::join!(command, answer);
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::OK, &json!("Accepted"))
    );
}

#[tokio::test]
async fn nothing_late_from_the_old_socket_touches_the_new_one() {
    let rig = rig().await;
    let mut old = rig.connect("CP-1").await;
    let command = rig.command("CP-1", "ClearCache", json!({}));
    let replaced = async {
        let (id, _, _) = old.next_call().await;
        let new = rig.connect("CP-1").await;
        // The answer is sent on the old socket after the new one is there.
        let text = json!([3, id, {"status": "Accepted"}]).to_string();
        let _ = old.socket.send(Message::text(text)).await;
        new
    };
    let ((status, body), mut new) = tokio::join!(command, replaced);
    // The command was open on a socket that is gone.
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert_eq!(body["code"], "charge_point_offline");
    old.closed().await;
    drop(old);
    assert_eq!(new.boot().await["status"], "Accepted");
    assert_eq!(rig.csms.sessions().count(), 1);
}

#[tokio::test]
async fn a_call_is_answered_while_a_command_is_open() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let command = rig.command("CP-1", "GetConfiguration", json!({}));
    let exchange = async {
        let (id, _, _) = cp.next_call().await;
        cp.call("Heartbeat", json!({})).await.unwrap();
        cp.answer(&id, json!({"unknownKey": []})).await;
    };
    let ((status, _), ()) = tokio::join!(command, exchange);
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn pipelined_calls_are_answered_in_order() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let mut sent = Vec::new();
    for _ in 0..10 {
        sent.push(cp.send_call("Heartbeat", json!({})).await);
    }
    for id in sent {
        assert_eq!(cp.next_frame().await.unwrap()[1], json!(id));
    }
}

#[tokio::test]
async fn shutdown_closes_sockets_with_a_reason() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let (closed, ()) = tokio::join!(cp.closed(), rig.csms.shutdown());
    assert_eq!(closed.expect("a close frame").0, 1001);
}

#[tokio::test]
async fn a_day_of_samples_fits_into_a_stop() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = cp.start(1, "TAG", "2026-01-01T00:00:00Z", 0).await["transactionId"].clone();
    let sample =
        |measurand: &str| json!({"value": "12345.6", "measurand": measurand, "location": "Outlet"});
    let minutes: Vec<_> = (0..24 * 60)
        .map(|minute| {
            let at = format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
            let samples = [
                "Energy.Active.Import.Register",
                "Voltage",
                "Current.Import",
                "SoC",
            ]
            .map(sample);
            json!({"timestamp": at, "sampledValue": samples})
        })
        .collect();
    let stop = json!({
        "transactionId": id, "timestamp": "2026-01-02T00:00:00Z", "meterStop": 5, "transactionData": minutes,
    });
    assert!(stop.to_string().len() > 256 * 1024);
    cp.call("StopTransaction", stop).await.unwrap();
    assert_eq!(rig.transactions("CP-1").await[0]["meter_values"], 24 * 60);
}

#[tokio::test]
async fn calls_that_wait_are_bounded_by_their_bytes_too() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let data = "x".repeat(1_900_000);
    let calls = 6;
    for _ in 0..calls {
        cp.send_call("DataTransfer", json!({"vendorId": "V", "data": data}))
            .await;
    }
    // Each has its answer, and the line goes on.
    for _ in 0..calls {
        let frame = cp.next_frame().await.expect("an answer");
        assert!(frame[0] == 3 || frame[2] == "GenericError", "{frame}");
    }
    cp.boot().await;
}

#[tokio::test]
async fn commands_that_wait_for_a_lost_socket_are_told_at_once() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let begun = std::time::Instant::now();
    let commands = (0..4).map(|_| rig.command("CP-1", "ClearCache", json!({})));
    let lost = async {
        cp.next_call().await;
        drop(cp);
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(commands), lost);
    for (status, body) in answers {
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body["code"], "charge_point_offline");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "not the time-out");
}
