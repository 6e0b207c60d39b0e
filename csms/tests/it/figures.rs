//! Measurements, not verdicts: `cargo test --release -p dynamo-csms -- --ignored --nocapture figures`.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::rig;

const SOCKETS: usize = 200;
const TRANSACTIONS_EACH: usize = 50;
const IDLE_SOCKETS: usize = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, asserts nothing: run by hand in release with --ignored figures"]
async fn durable_transactions_per_second() {
    let rig = rig().await;
    let mut charge_points = Vec::new();
    for number in 0..SOCKETS {
        charge_points.push(rig.connect(&format!("CP-{number}")).await);
    }
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut cp in charge_points {
        tasks.spawn(async move {
            for n in 0..TRANSACTIONS_EACH {
                let at = format!("2026-01-01T10:{:02}:{:02}Z", n / 60, n % 60);
                let id = cp.start(1, "TAG", &at, 0).await["transactionId"].clone();
                cp.stop(&id, "2026-01-01T12:00:00Z", 100).await;
            }
        });
    }
    tasks.join_all().await;
    let took = begun.elapsed();
    let messages = 2 * SOCKETS * TRANSACTIONS_EACH;
    let text = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    let commits = text
        .lines()
        .find(|line| line.starts_with("dynamo_csms_commits_total"));
    eprintln!(
        "{messages} durable messages in {took:?}: {:.0} a second; {}",
        messages as f64 / took.as_secs_f64(),
        commits.unwrap_or_default()
    );
}

#[tokio::test]
#[ignore = "measures, asserts nothing: run by hand in release with --ignored figures"]
async fn memory_of_an_idle_connection() {
    let rig = rig().await;
    let before = resident_kib();
    let mut held = Vec::new();
    for number in 0..IDLE_SOCKETS {
        let mut stream = TcpStream::connect(rig.csms.ocpp_addr()).await.unwrap();
        let request = format!(
            "GET /ocpp16/IDLE-{number} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 1024];
        assert!(stream.read(&mut head).await.unwrap() > 0);
        held.push(stream);
    }
    while rig.csms.sessions().count() < IDLE_SOCKETS {
        tokio::task::yield_now().await;
    }
    let each = (resident_kib() - before) as f64 / IDLE_SOCKETS as f64;
    eprintln!("{each:.1} KiB for each idle connection, the test's own end included");
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
