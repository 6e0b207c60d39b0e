//! Ten thousand broken frames for a live charge point.

use std::time::{Duration, Instant};

use dynamo_simulator::{Clock, spawn};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::csms::{Csms, Frame, Script};
use crate::{station, until};

const FRAMES: usize = 10_000;
/// Frames between two questions whether it is still there.
const BATCH: usize = 500;
const SEED: u64 = 16;
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);

const ORIGINALS: [&str; 8] = [
    r#"[2,"1","Reset",{"type":"Soft"}]"#,
    r#"[2,"2","ChangeConfiguration",{"key":"HeartbeatInterval","value":"60"}]"#,
    r#"[2,"3","RemoteStartTransaction",{"idTag":"TAG","connectorId":1}]"#,
    r#"[2,"4","GetConfiguration",{"key":["HeartbeatInterval","Nothing"]}]"#,
    r#"[2,"5","TriggerMessage",{"requestedMessage":"StatusNotification","connectorId":1}]"#,
    r#"[3,"00000007-1",{"status":"Accepted","currentTime":"2026-01-01T00:00:00Z","interval":300}]"#,
    r#"[4,"00000007-2","InternalError","no",{}]"#,
    r#"[2,"6","DataTransfer",{"vendorId":"a","data":"b"}]"#,
];

fn mutated(rng: &mut ChaCha8Rng) -> Message {
    let mut bytes = ORIGINALS[rng.random_range(0..ORIGINALS.len())]
        .as_bytes()
        .to_vec();
    for _ in 0..rng.random_range(1..=6) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..7),
            1 => bytes.insert(at, rng.random()),
            2 => drop(bytes.remove(at)),
            3 => bytes.truncate(at + 1),
            4 => bytes.insert(at, b"[]{}\",:0"[rng.random_range(0..8)]),
            _ => bytes.extend_from_within(at..),
        }
        if bytes.is_empty() {
            bytes.push(b'[');
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(error) => Message::binary(error.into_bytes()),
    }
}

#[tokio::test]
async fn broken_frames_neither_end_nor_silence_a_charge_point() {
    let csms = Csms::start(Script::default()).await;
    let handle = spawn(station(csms.url(), Clock::Real { speed: 20.0 }));
    until(&handle, "it is accepted", |s| s.accepted).await;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut activity = handle.activity();
    let deadline = Instant::now() + Duration::from_secs(120);
    for batch in 0..FRAMES / BATCH {
        // A mutation may be a perfect Reset: then it comes back, as it should.
        activity.wait_for(|a| a.connected).await.unwrap();
        for _ in 0..BATCH {
            csms.send(&mutated(&mut rng));
        }
        let id = format!("still-there-{batch}");
        // A question may go down with a socket that a perfect Reset has just closed: then it is asked again.
        loop {
            activity.wait_for(|a| a.connected).await.unwrap();
            assert!(
                Instant::now() < deadline,
                "silent since batch {batch}, seed {SEED}"
            );
            csms.call(&id, "GetConfiguration", json!({}));
            let answered = csms.until("it answers", |frames| {
                let answers = |f: &Frame| f.received && f.json[0] == 3 && f.json[1] == *id;
                frames.iter().rev().any(answers)
            });
            if tokio::time::timeout(ASK_AGAIN_AFTER, answered)
                .await
                .is_ok()
            {
                break;
            }
        }
    }
    handle.stop().await;
}
