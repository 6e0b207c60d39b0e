//! Measurements, not verdicts: `cargo test --release -p dynamo-csms -- --ignored --nocapture figures`.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::rig;

const SOCKETS: usize = 200;
const TRANSACTIONS_EACH: usize = 50;
const IDLE_SOCKETS: usize = 5_000;
const HANDSHAKES_AT_ONCE: usize = 50;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, asserts nothing: run by hand in release with --ignored figures"]
async fn cpu_of_reconnects_with_passwords() {
    let rig = rig().await;
    for (kind, password, reconnects) in [
        ("with-a-key", "sixteen-bytes---", 10_000),
        ("with-argon2", "15-bytes-------", 200),
    ] {
        let set = ["charge-point", "set", kind, "--password", password];
        crate::admin::run(&rig, &set).await.unwrap();
        rig.execute(&format!(
            "insert into charge_point (id, organization_id, password_hash, registration, created_at_ms)
             with recursive n (i) as (select 1 union all select i + 1 from n where i < {reconnects})
             select 'P{reconnects}-' || i, organization_id, password_hash, registration, created_at_ms
             from n join charge_point p on p.id = '{kind}'"
        ))
        .await;
        let address = rig.csms.ocpp_addr();
        let (begun, before) = (Instant::now(), cpu_seconds());
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..HANDSHAKES_AT_ONCE {
            tasks.spawn(async move {
                for number in (task..reconnects).step_by(HANDSHAKES_AT_ONCE) {
                    let id = format!("P{reconnects}-{}", number + 1);
                    let pair = STANDARD.encode(format!("{id}:{password}"));
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let request = format!(
                        "GET /ocpp16/{id} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                         Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {pair}\r\n\r\n"
                    );
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let mut head = [0; 1024];
                    let read = stream.read(&mut head).await.unwrap();
                    assert!(head[..read].starts_with(b"HTTP/1.1 101"), "{id}");
                }
            });
        }
        tasks.join_all().await;
        let cpu = cpu_seconds() - before;
        eprintln!(
            "{reconnects} first handshakes, passwords kept {kind}: {cpu:.1} CPU seconds, both ends and the writing of what was \
             proved included, {:.2} ms each, in {:.1} s",
            cpu * 1000.0 / reconnects as f64,
            begun.elapsed().as_secs_f64()
        );
    }
}

/// Of this process, in user and kernel mode; the kernel counts hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<f64> = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap())
        .collect();
    fields.iter().sum::<f64>() / 100.0
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
