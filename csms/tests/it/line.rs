//! Sockets that die, are replaced, or lag.

use std::time::Duration;

use dynamo_csms::Rate;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::Connection as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Log, PATIENCE, Rig, rig, rig_with};

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
async fn calls_that_wait_are_bounded_by_their_bytes_and_none_is_refused() {
    let rig = rig().await;
    let cp = rig.connect("CP-1").await;
    let data = "x".repeat(1_900_000);
    let calls = 6;
    // Together they are more than the server and the sockets between take: who sends has to read as well.
    let (mut sink, mut stream) = cp.socket.split();
    let send = async {
        for number in 0..calls {
            let payload = json!({"vendorId": "V", "data": data});
            let text = json!([2, number.to_string(), "DataTransfer", payload]).to_string();
            sink.send(Message::text(text)).await.unwrap();
        }
    };
    let read = async {
        for number in 0..calls {
            let message = timeout(PATIENCE, stream.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            let frame: serde_json::Value =
                serde_json::from_str(message.to_text().unwrap()).unwrap();
            assert_eq!(
                (&frame[0], &frame[1]),
                (&json!(3), &json!(number.to_string()))
            );
        }
    };
    tokio::join!(send, read);
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

/// Thirty readings and the stop, all at once: the standard wants one call at a time, and a bill must not depend on that.
#[tokio::test]
async fn a_charge_point_that_does_not_wait_has_nothing_refused() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let id = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 0).await["transactionId"].clone();
    let mut sent = Vec::new();
    for minute in 1..=30 {
        let at = format!("2026-01-01T10:{minute:02}:00Z");
        let value =
            json!({"timestamp": at, "sampledValue": [{"value": (100 * minute).to_string()}]});
        let reading = json!({"connectorId": 1, "transactionId": id, "meterValue": [value]});
        sent.push(cp.send_call("MeterValues", reading).await);
    }
    let stop = json!({"transactionId": id, "timestamp": "2026-01-01T10:31:00Z", "meterStop": 3100});
    sent.push(cp.send_call("StopTransaction", stop).await);
    for id in sent {
        let frame = cp.next_frame().await.expect("an answer");
        assert_eq!((&frame[0], &frame[1]), (&json!(3), &json!(id)), "{frame}");
    }
    let transaction = &rig.transactions("CP-1").await[0];
    assert_eq!(transaction["energy_wh"], 3100);
    assert_eq!(transaction["meter_values"], 30);
}

/// What a charge point sent before it went is stored, although nobody hears the answers.
#[tokio::test]
async fn what_was_sent_before_a_close_is_handled_to_the_end() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    let id = cp.start(1, "TAG", "2026-01-01T10:00:00Z", 0).await["transactionId"].clone();
    for minute in 1..=40 {
        let at = format!("2026-01-01T10:{minute:02}:00Z");
        let value =
            json!({"timestamp": at, "sampledValue": [{"value": (100 * minute).to_string()}]});
        let reading = json!({"connectorId": 1, "transactionId": id, "meterValue": [value]});
        cp.send_call("MeterValues", reading).await;
    }
    let stop = json!({"transactionId": id, "timestamp": "2026-01-01T10:41:00Z", "meterStop": 4100});
    cp.send_call("StopTransaction", stop).await;
    // Without a close frame and with answers unread: the server's next write fails.
    drop(cp);
    until(async || rig.transactions("CP-1").await[0]["stop_time"].is_string()).await;
    let transaction = &rig.transactions("CP-1").await[0];
    assert_eq!(transaction["energy_wh"], 4100);
    assert_eq!(transaction["meter_values"], 40);
}

/// Holds the write lock of the database, so that handlers hang in it, until it is dropped.
async fn locked(rig: &Rig) -> sqlx::SqliteConnection {
    let path = rig.folder.path().join("csms.db");
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut database = sqlx::SqliteConnection::connect_with(&file).await.unwrap();
    let begin = sqlx::query("begin immediate");
    begin.execute(&mut database).await.unwrap();
    database
}

async fn unlock(mut database: sqlx::SqliteConnection) {
    let end = sqlx::query("rollback");
    end.execute(&mut database).await.unwrap();
}

/// Waits until something is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(2 * PATIENCE, waited)
        .await
        .expect("within the patience");
}

#[tokio::test]
async fn a_newer_connection_and_the_shutdown_lose_nothing_that_was_received() {
    let rig = rig().await;
    let mut old = rig.connect("CP-1").await;
    old.boot().await;
    let database = locked(&rig).await;
    let start = |meter: i32| json!({"connectorId": 1, "idTag": "TAG", "timestamp": "2026-01-01T10:00:00Z", "meterStart": meter});
    // Received: a pong comes after what was sent before its ping.
    for meter in 1..=3 {
        old.send_call("StartTransaction", start(meter)).await;
    }
    old.ping().await;
    let mut new = rig.connect("CP-1").await;
    new.send_call("StartTransaction", start(4)).await;
    new.ping().await;
    let (rig, ()) = tokio::join!(rig.restart(), unlock(database));
    // In the order in which they came, over both connections.
    let transactions = rig.transactions("CP-1").await;
    let meters: Vec<_> = transactions
        .iter()
        .map(|t| t["meter_start"].as_i64().unwrap())
        .collect();
    assert_eq!(meters, [1, 2, 3, 4]);
}

/// Peers that ask and do not read, more of them than the pool has connections: their handlers were in the database when
/// their sockets took no more, and were not polled any more.
#[tokio::test]
async fn peers_that_do_not_read_hold_no_connection_of_the_database() {
    let rig = rig_with(|options| {
        options.write_timeout = Duration::from_secs(60);
        options.calls.burst = 100_000;
    })
    .await;
    let mut deaf = Vec::new();
    for number in 0..12 {
        let mut cp = rig.connect(&format!("DEAF-{number}")).await;
        cp.boot().await;
        let stream = socket2::SockRef::from(cp.socket.get_ref());
        stream.set_recv_buffer_size(4096).unwrap();
        deaf.push(tokio::spawn(async move {
            // What is broken is answered at once, with its id; what is not is in the database meanwhile.
            let long = "x".repeat(50_000);
            for number in 0_u32.. {
                let ask = json!([2, format!("a{number}"), "Authorize", {"idTag": "TAG"}]);
                let broken = json!([2, format!("{number}{long}"), "Heartbeat"]);
                for text in [ask.to_string(), broken.to_string()] {
                    let sent = cp.socket.send(Message::text(text));
                    if !matches!(timeout(Duration::from_millis(500), sent).await, Ok(Ok(()))) {
                        return cp;
                    }
                }
            }
            cp
        }));
    }
    let deaf = timeout(3 * PATIENCE, futures_util::future::join_all(deaf));
    let deaf = deaf.await.expect("nothing more is taken of any of them");
    assert_eq!(
        rig.csms.sessions().count(),
        deaf.len(),
        "they are still there"
    );
    // Each of these reads and writes the database.
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    for _ in 0..5 {
        let authorized = cp.call("Authorize", json!({"idTag": "TAG"})).await.unwrap();
        assert_eq!(authorized["idTagInfo"]["status"], "Accepted");
        let (status, _) = rig.get("/api/v1/ocpp16/transactions").await;
        assert_eq!(status, StatusCode::OK);
    }
}

async fn figure(rig: &Rig, name: &str) -> u64 {
    let text = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_sends_too_fast_is_read_later_and_nothing_is_refused() {
    let rig = rig_with(|options| {
        options.calls = Rate {
            burst: 1,
            per_second: 20,
        };
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    let mut sent = Vec::new();
    for _ in 0..10 {
        sent.push(cp.send_call("Heartbeat", json!({})).await);
    }
    for id in sent {
        let frame = cp.next_frame().await.unwrap();
        assert_eq!((&frame[0], &frame[1]), (&json!(3), &json!(id)), "{frame}");
    }
    let paused = figure(&rig, "dynamo_csms_reading_paused_total").await;
    assert!(paused > 0);
}

#[tokio::test]
async fn frames_that_cannot_be_read_leave_a_trace() {
    let (log, _listening) = Log::listen();
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    for (text, id) in [
        (r#"[2,"cut","StopTransaction",{"meterStop":1"#, Some("cut")),
        (r#"[2,"arity","Heartbeat"]"#, Some("arity")),
        ("nonsense", None),
        (r#"[2,"comma","Heartbeat",{},]"#, Some("comma")),
    ] {
        cp.send(text).await;
        if let Some(id) = id {
            let frame = cp.next_frame().await.unwrap();
            let wanted = json!([4, id, "FormationViolation"]);
            assert_eq!(
                frame.as_array().unwrap()[..3],
                wanted.as_array().unwrap()[..],
                "{frame}"
            );
        }
    }
    cp.boot().await;
    assert_eq!(figure(&rig, "dynamo_csms_frames_refused_total").await, 4);
    let lines = log.lines("a frame cannot be read");
    let warned: Vec<_> = lines.iter().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warned.len(), 1, "{lines:?}");
    for word in ["CP-1", "reason=", "StopTransaction"] {
        assert!(warned[0].contains(word), "{word}: {warned:?}");
    }
    drop(cp);
    rig.until_offline("CP-1").await;
    until(async || !log.lines("disconnected").is_empty()).await;
    let ended = log.lines("disconnected");
    assert!(ended[0].contains("refused_frames=4"), "{ended:?}");
}
