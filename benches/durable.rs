//! What does a call cost that is stored before it is answered, and an idle connection?
//!
//! `cargo bench --bench durable`. A CSMS with a SQLite file, and beside it a bare loop: a WebSocket server that takes each
//! call apart and answers it, and keeps nothing. Both are asked by the same clients in the same process, so the
//! difference is the CSMS. Figures: calls a second, CPU time of the process per call (client included), and
//! resident memory per idle connection (both ends). On machines without `/proc` there are no CPU times and no memory.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and ends where something is wrong"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dynamo_csms::{AcceptUnknown, Options, start};
use futures_util::future::join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One charge point alone, a group as large as a commit of SQLite takes, and more than that.
const CROWDS: [usize; 3] = [1, 256, 1_000];
const CALLS: usize = 20_000;
const IDLE: usize = 2_000;

#[tokio::main]
async fn main() {
    let bare = bare_loop().await;
    let folder = tempfile::tempdir().unwrap();
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        http: local,
        ocpp: local,
        database: format!("sqlite://{}", folder.path().join("bench.db").display()),
        accept_unknown: AcceptUnknown::ALL,
        ..Options::default()
    };
    let csms = start(options).await.unwrap();
    let csms_url = format!("ws://{}/ocpp16", csms.ocpp_addr());
    let bare_url = format!("ws://{bare}/ocpp16");
    println!(
        "{:<10} {:>12} {:>12} {:>16} {:>16} {:>8}",
        "", "bare/s", "CSMS/s", "bare ms CPU", "CSMS ms CPU", "ratio"
    );
    for crowd in CROWDS {
        let bare = round(&bare_url, crowd).await;
        let durable = round(&csms_url, crowd).await;
        println!(
            "{:<10} {:>12.0} {:>12.0} {:>16.4} {:>16.4} {:>8.1}",
            format!("{crowd} at once"),
            bare.per_second,
            durable.per_second,
            bare.cpu_ms,
            durable.cpu_ms,
            durable.cpu_ms / bare.cpu_ms
        );
    }
    for (what, url) in [("bare", &bare_url), ("CSMS", &csms_url)] {
        let before = resident_kib();
        let sockets = connect(url, "IDLE", IDLE).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let kib = resident_kib().saturating_sub(before) as f64 / IDLE as f64;
        println!("idle connection, {what}, both ends: {kib:.1} KiB resident");
        drop(sockets);
    }
    csms.shutdown().await;
}

struct Figures {
    per_second: f64,
    cpu_ms: f64,
}

/// Statuses, starts and stops of so many charge points, each with one call under way.
async fn round(url: &str, crowd: usize) -> Figures {
    let sockets = connect(url, &format!("CROWD{crowd}"), crowd).await;
    let each = CALLS / crowd / 4;
    let (begun, cpu_before) = (Instant::now(), cpu_ms());
    let tasks = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            for session in 0..each.max(1) {
                charge(&mut socket, session).await;
            }
        })
    });
    for done in join_all(tasks).await {
        done.unwrap();
    }
    let calls = (each.max(1) * 4 * crowd) as f64;
    Figures {
        per_second: calls / begun.elapsed().as_secs_f64(),
        cpu_ms: (cpu_ms() - cpu_before) / calls,
    }
}

async fn charge(socket: &mut Socket, session: usize) {
    let status = |word: &str| json!({"connectorId": 1, "errorCode": "NoError", "status": word, "timestamp": stamp()});
    call(socket, "StatusNotification", status("Charging")).await;
    let started = call(
        socket,
        "StartTransaction",
        json!({"connectorId": 1, "idTag": "BENCH", "meterStart": session, "timestamp": stamp()}),
    )
    .await;
    let id = started["transactionId"].as_i64().unwrap_or(1);
    call(
        socket,
        "StopTransaction",
        json!({"transactionId": id, "meterStop": session + 10, "timestamp": stamp()}),
    )
    .await;
    call(socket, "StatusNotification", status("Available")).await;
}

fn stamp() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    dynamo_protocol::time::text(now)
}

async fn call(socket: &mut Socket, action: &str, payload: Value) -> Value {
    let text = json!([2, "1", action, payload]).to_string();
    socket.send(Message::text(text)).await.unwrap();
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            let mut frame: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(frame[0], 3, "{frame}");
            return frame[2].take();
        }
    }
}

async fn connect(url: &str, name: &str, count: usize) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(count);
    for number in 0..count {
        let mut request = format!("{url}/{name}-{number}")
            .into_client_request()
            .unwrap();
        let protocol = HeaderValue::from_static("ocpp1.6");
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let boot = json!({"chargePointVendor": "Bench", "chargePointModel": "1"});
        call(&mut socket, "BootNotification", boot).await;
        sockets.push(socket);
    }
    sockets
}

/// A server that answers every call and keeps nothing.
async fn bare_loop() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream));
        }
    });
    address
}

async fn answer_all(stream: TcpStream) {
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is that of the crate"
    )]
    let with_protocol = |_: &Request, mut response: Response| {
        let protocol = HeaderValue::from_static("ocpp1.6");
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, with_protocol).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        let answer =
            json!([3, frame[1], {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}]);
        if socket
            .send(Message::text(answer.to_string()))
            .await
            .is_err()
        {
            return;
        }
    }
}

/// CPU time of this process so far; 0 where nobody says it.
fn cpu_ms() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return 0.0;
    };
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // User and system time, in hundredths of a second.
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        * 10.0
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
