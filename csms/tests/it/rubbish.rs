//! Bytes that are no OCPP: the socket lives on, or closes as WebSocket says, and the CSMS lives on always.

use dynamo_csms::Rate;
use futures_util::{SinkExt as _, StreamExt as _};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Log, PATIENCE, rig, rig_with};

const FRAMES: usize = 10_000;

const GOOD: [&str; 6] = [
    r#"[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]"#,
    r#"[2,"2","StartTransaction",{"connectorId":1,"idTag":"TAG","timestamp":"2026-01-01T00:00:00Z","meterStart":0}]"#,
    r#"[2,"3","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":"1"}]}]}]"#,
    r#"[3,"4",{"status":"Accepted"}]"#,
    r#"[4,"5","GenericError","what",{}]"#,
    r#"[2,"6","StopTransaction",{"transactionId":1,"timestamp":"2026-01-01T00:00:00Z","meterStop":0}]"#,
];

fn mutate(random: &mut SmallRng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random_range(0x20..0x7f),
            1 => {
                bytes.remove(at);
            }
            2 => bytes.insert(at, b"[]{},:\"\\0e-"[random.random_range(0..11)]),
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'[');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn ten_thousand_mutated_frames_do_no_harm() {
    let rig = rig_with(|options| {
        options.calls = Rate {
            burst: 20_000,
            per_second: 1_000,
        };
    })
    .await;
    let seed = 20_260_101;
    let mut random = SmallRng::seed_from_u64(seed);
    let cp = rig.connect("CP-1").await;
    let (mut sink, mut stream) = cp.socket.split();
    let send = async {
        for number in 0..FRAMES {
            let text = mutate(&mut random, GOOD[number % GOOD.len()]);
            sink.send(Message::text(text)).await.unwrap();
        }
        let last = json!([2, "the-last", "Heartbeat", {}]).to_string();
        sink.send(Message::text(last)).await.unwrap();
    };
    let receive = async {
        loop {
            let message = timeout(PATIENCE, stream.next()).await.expect("an answer");
            let message = message.expect("the socket stays open").unwrap();
            if let Message::Text(text) = message {
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(frame[0] == 3 || frame[0] == 4, "{frame}");
                if frame[1] == "the-last" {
                    return;
                }
            }
        }
    };
    tokio::join!(send, receive);
    assert_eq!(rig.connect("CP-2").await.boot().await["status"], "Accepted");
}

#[tokio::test]
async fn what_is_not_text_or_too_large_closes_the_socket_only() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.socket
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .unwrap();
    assert_eq!(cp.closed().await.expect("a close frame").0, 1003);
    let mut cp = rig.connect("CP-1").await;
    let big = Message::text("x".repeat(dynamo_protocol::MESSAGE_BYTES_MAX + 1));
    // The server may close before it has read everything.
    let _ = cp.socket.send(big).await;
    assert_eq!(cp.closed().await.expect("a close frame").0, 1009);
    let mut cp = rig.connect("CP-1").await;
    assert_eq!(cp.boot().await["status"], "Accepted");
}

#[tokio::test]
async fn random_bytes_on_both_ports_do_no_harm() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rig = rig().await;
    let mut random = SmallRng::seed_from_u64(7);
    for address in [rig.csms.http_addr(), rig.csms.ocpp_addr()] {
        for _ in 0..50 {
            let length = random.random_range(1..2_000);
            let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
                .await
                .expect("the server closes");
        }
    }
    assert_eq!(rig.connect("CP-1").await.boot().await["status"], "Accepted");
}

/// The peer hears the code of what it did, and the log says who did it, in words.
#[tokio::test]
async fn who_breaks_websocket_is_told_how_and_named_in_the_log() {
    use tokio::io::AsyncWriteExt as _;
    let (log, _listening) = Log::listen();
    let rig = rig().await;
    let zero_mask = [0; 4];
    let not_utf8 = [&[0x81, 0x82][..], &zero_mask, &[0xc3, 0x28]].concat();
    let unmasked = vec![0x81, 0x02, b'[', b']'];
    let reserved_bits = [&[0xf1, 0x82][..], &zero_mask, b"[]"].concat();
    let opcode = [&[0x83, 0x82][..], &zero_mask, b"[]"].concat();
    let huge = [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes(), &zero_mask].concat();
    let binary = [&[0x82, 0x82][..], &zero_mask, b"[]"].concat();
    for (id, frame, code, words) in [
        ("CP-UTF8", not_utf8, 1007, "not UTF-8"),
        ("CP-UNMASKED", unmasked, 1002, "unmasked frame"),
        ("CP-BITS", reserved_bits, 1002, "Reserved bits"),
        ("CP-OPCODE", opcode, 1002, "rules of WebSocket"),
        ("CP-HUGE", huge, 1009, "more than"),
        ("CP-BINARY", binary, 1003, "are text"),
    ] {
        let mut cp = rig.connect(id).await;
        cp.socket.get_mut().write_all(&frame).await.unwrap();
        let (got, reason) = cp.closed().await.expect("a close frame");
        assert_eq!(got, code, "{id}: {reason}");
        let line = log.lines("disconnected").pop().unwrap();
        for word in [id, words, "WARN", "peer=127.0.0.1:"] {
            assert!(line.contains(word), "{word}: {line}");
        }
        assert!(!line.contains("Some(") && !line.contains("end="), "{line}");
    }
    assert_eq!(rig.connect("CP-1").await.boot().await["status"], "Accepted");
}
