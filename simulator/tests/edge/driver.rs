//! One charge point: outages, slow answers, lost sockets, a clock moved by hand.

use std::time::Duration;

use dynamo_simulator::charge_point::{Action, CableSide};
use dynamo_simulator::{Clock, OperateError, RigClock, spawn};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::csms::{Csms, Script, assert_one_open_call};
use crate::{card, station, until};

const FAST: Clock = Clock::Real { speed: 20.0 };

#[tokio::test]
async fn a_stop_that_was_queued_during_an_outage_is_sent_after_it() {
    let csms = Csms::start(Script::default()).await;
    let handle = spawn(station(csms.url(), FAST));
    until(&handle, "it is accepted", |s| s.accepted).await;
    handle
        .operate(Action::PlugIn { connector_id: 1 })
        .await
        .unwrap();
    handle.operate(card()).await.unwrap();
    let running = until(&handle, "a transaction runs", |s| {
        s.connectors[0].transaction_id.is_some()
    })
    .await;
    let transaction_id = running.connectors[0].transaction_id;

    csms.go_away();
    let mut activity = handle.activity();
    activity.wait_for(|a| !a.connected).await.unwrap();
    handle.operate(card()).await.unwrap();
    until(&handle, "the session is over", |s| {
        !s.connectors[0].charging
    })
    .await;
    assert_eq!(csms.count("StopTransaction"), 0);

    csms.come_back();
    let frames = csms
        .until("the stop came", |frames| {
            frames
                .iter()
                .any(|f| f.received && f.is_call("StopTransaction"))
        })
        .await;
    let stop = frames
        .iter()
        .find(|f| f.is_call("StopTransaction"))
        .unwrap();
    assert_eq!(stop.json[3]["transactionId"], json!(transaction_id));
    until(&handle, "nothing waits any more", |s| s.queued == 0).await;
    handle.stop().await;
    assert_eq!(
        csms.count("StopTransaction"),
        1,
        "it was acknowledged, so it is sent once"
    );
}

#[tokio::test]
async fn slow_answers_never_lead_to_two_open_calls() {
    let csms = Csms::start(Script {
        delay: Duration::from_millis(40),
        ..Script::default()
    })
    .await;
    let handle = spawn(station(csms.url(), FAST));
    until(&handle, "it is accepted", |s| s.accepted).await;
    for _ in 0..3 {
        handle
            .operate(Action::PlugIn { connector_id: 1 })
            .await
            .unwrap();
        handle.operate(card()).await.unwrap();
        csms.call(
            "trigger",
            "TriggerMessage",
            json!({"requestedMessage": "Heartbeat"}),
        );
        until(&handle, "it charges", |s| s.connectors[0].charging).await;
        handle.operate(card()).await.unwrap();
        until(&handle, "it charges no more", |s| !s.connectors[0].charging).await;
        let side = CableSide::Ev;
        let unplug = Action::Unplug {
            connector_id: 1,
            side,
        };
        handle.operate(unplug).await.unwrap();
    }
    let mut activity = handle.activity();
    activity.wait_for(|a| a.quiet).await.unwrap();
    handle.stop().await;
    let frames = csms.frames();
    assert_eq!(csms.count("StopTransaction"), 3);
    assert_one_open_call(&frames);
}

#[tokio::test]
async fn a_charge_point_outlives_its_sockets_however_they_end() {
    let csms = Csms::start(Script::default()).await;
    let handle = spawn(station(csms.url(), FAST));
    let mut activity = handle.activity();
    let endings: [&dyn Fn(); 3] = [
        &|| csms.lose_sockets(),
        &|| csms.send(&Message::Close(None)),
        // Longer than any message may be.
        &|| {
            csms.send(&Message::text(
                "x".repeat(2 * dynamo_protocol::MESSAGE_BYTES_MAX),
            ))
        },
    ];
    for end in endings {
        activity.wait_for(|a| a.connected && a.quiet).await.unwrap();
        end();
        activity.wait_for(|a| !a.connected).await.unwrap();
    }
    activity.wait_for(|a| a.connected && a.quiet).await.unwrap();
    csms.call(
        "still-there",
        "GetConfiguration",
        json!({"key": ["HeartbeatInterval"]}),
    );
    csms.until("it answers on the last socket", |frames| {
        frames
            .iter()
            .any(|f| f.received && f.json[0] == 3 && f.json[1] == "still-there")
    })
    .await;
    handle.stop().await;
}

#[tokio::test]
async fn a_csms_that_is_silent_to_pings_is_left() {
    let csms = Csms::start(Script::default()).await;
    let mut station = station(csms.url(), FAST);
    station
        .setup
        .configure("WebSocketPingInterval", "1")
        .unwrap();
    let handle = spawn(station);
    let mut activity = handle.activity();
    until(&handle, "it is accepted", |s| s.accepted).await;
    csms.freeze();
    activity.wait_for(|a| !a.connected).await.unwrap();
    handle.stop().await;
}

/// A charge point whose calls time out after half a second, with one attempt for transaction messages.
fn impatient(csms: &Csms) -> dynamo_simulator::Station {
    let mut station = station(csms.url(), FAST);
    station.setup.call_timeout_ms = 500;
    let attempts = station.setup.configure("TransactionMessageAttempts", "1");
    attempts.unwrap();
    station
}

#[tokio::test]
async fn a_dead_line_is_no_attempt_and_costs_no_transaction() {
    let csms = Csms::start(Script {
        dies_of: Some("StartTransaction"),
        ..Script::default()
    })
    .await;
    let handle = spawn(impatient(&csms));
    let mut activity = handle.activity();
    until(&handle, "it is accepted", |s| s.accepted).await;
    handle
        .operate(Action::PlugIn { connector_id: 1 })
        .await
        .unwrap();
    handle.operate(card()).await.unwrap();
    csms.until("the line dies with the start", |frames| {
        frames.iter().any(|f| f.is_call("StartTransaction"))
    })
    .await;
    activity.wait_for(|a| !a.connected).await.unwrap();
    csms.thaw();
    until(&handle, "the start is acknowledged on a new socket", |s| {
        s.connectors[0].transaction_id.is_some()
    })
    .await;
    assert_eq!(csms.count("StartTransaction"), 2);
    handle.stop().await;
}

#[tokio::test]
async fn a_csms_that_lives_and_ignores_a_message_keeps_its_socket() {
    let csms = Csms::start(Script {
        ignores: Some("StartTransaction"),
        ..Script::default()
    })
    .await;
    let handle = spawn(impatient(&csms));
    until(&handle, "it is accepted", |s| s.accepted).await;
    handle
        .operate(Action::PlugIn { connector_id: 1 })
        .await
        .unwrap();
    handle.operate(card()).await.unwrap();
    csms.until("the start was given up, the state is told", |frames| {
        let start = frames.iter().position(|f| f.is_call("StartTransaction"));
        start.is_some_and(|at| {
            frames[at..]
                .iter()
                .any(|f| f.json[3]["status"] == "Charging")
        })
    })
    .await;
    let frames = csms.frames();
    assert!(frames.iter().all(|f| f.socket == 0), "no socket was lost");
    assert_eq!(csms.count("StartTransaction"), 1);
    handle.stop().await;
}

#[tokio::test]
async fn a_day_of_heartbeats_takes_no_day() {
    let csms = Csms::start(Script::default()).await;
    let clock = RigClock::new(1_767_225_600_000);
    let handle = spawn(station(csms.url(), Clock::Rig(clock.clone())));
    let mut activity = handle.activity();
    let day_ms = 86_400_000;
    loop {
        // The line is quiet, and what the charge point wrote has arrived.
        let quiet = *activity
            .wait_for(|a| a.quiet && a.clock_ms == clock.now().mono_ms)
            .await
            .unwrap();
        csms.until("every frame has arrived", |frames| {
            frames.iter().filter(|f| f.received).count() as u64 == quiet.frames_out
        })
        .await;
        match quiet.next_wake_ms {
            Some(at) if at <= day_ms => clock.advance_to(at),
            _ => break,
        }
    }
    // Every 300 s, the first one after the boot.
    let heartbeats = csms.count("Heartbeat");
    assert!((285..=288).contains(&heartbeats), "{heartbeats} heartbeats");
    handle.stop().await;
}

#[tokio::test]
async fn a_charge_point_on_a_rig_clock_waits_for_the_hand_that_moves_it() {
    let csms = Csms::start(Script::default()).await;
    csms.go_away();
    let clock = RigClock::new(1_767_225_600_000);
    let handle = spawn(station(csms.url(), Clock::Rig(clock.clone())));
    let mut activity = handle.activity();
    let waiting = *activity
        .wait_for(|a| a.quiet && a.next_wake_ms.is_some())
        .await
        .unwrap();
    assert!(!waiting.connected);
    csms.come_back();
    clock.advance_to(waiting.next_wake_ms.unwrap());
    activity.wait_for(|a| a.connected).await.unwrap();
    handle.stop().await;
}

#[tokio::test]
async fn what_the_hardware_cannot_do_is_said_to_whoever_asked() {
    let csms = Csms::start(Script::default()).await;
    let mut station = station(csms.url(), FAST);
    station.hardware.fixed_cable = true;
    let handle = spawn(station);
    until(&handle, "it is accepted", |s| s.accepted).await;
    handle
        .operate(Action::PlugIn { connector_id: 1 })
        .await
        .unwrap();
    let side = CableSide::Station;
    let unplug = Action::Unplug {
        connector_id: 1,
        side,
    };
    let refused = handle.operate(unplug).await;
    assert!(
        matches!(refused, Err(OperateError::Impossible(_))),
        "{refused:?}"
    );
    handle.stop().await;
}
