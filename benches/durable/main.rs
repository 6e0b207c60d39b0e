//! What does a call cost that is stored before it is answered, and an idle connection?
//!
//! `cargo bench --bench durable`. The servers are processes of their own: a bare loop, which takes each call apart,
//! answers it and keeps nothing, and `dynamo csms` with a SQLite file, with the same over TLS, and with PostgreSQL where
//! `DYNAMO_TEST_POSTGRES` names a server (`postgres://USER@HOST/NAME`; a database is made there and dropped). All are
//! asked by the same clients, so the difference is the CSMS. Figures: calls a second, CPU time of the server per call,
//! latencies, resident memory per idle connection. On machines without `/proc` there are no CPU times and no memory.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and ends where something is wrong"
)]

mod bare;
mod client;
mod server;

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use client::{Door, boot, charge, connect, start_up};
use server::Server;

/// One charge point alone, a group as large as a commit of SQLite takes, and more than that.
const CROWDS: [usize; 3] = [1, 256, 1_000];
/// Calls of a round.
const CALLS: usize = 40_000;
const IDLE: usize = 2_000;
/// Charge points that start, and how many of them in a second.
const STARTING: u64 = 5_000;
const STARTS_PER_SECOND: u64 = 500;

fn main() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if bare::is_wanted() {
        return runtime.block_on(bare::serve());
    }
    let only = std::env::var("DYNAMO_BENCH_ONLY").ok();
    for name in ["bare", "sqlite", "tls", "postgres"] {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let Some(server) = Server::start(name) else {
            println!("{name}: left out, there is no DYNAMO_TEST_POSTGRES");
            continue;
        };
        runtime.block_on(measure(name, &server));
    }
}

async fn measure(name: &str, server: &Server) {
    let door = server.door();
    idle(name, server, &door).await;
    for crowd in CROWDS {
        let round = round(server, &door, crowd).await;
        println!(
            "{name:<9} {crowd:>5} at once: {:>8.0} calls/s, {:.4} ms CPU a call, p50 {:.1} ms, p99 {:.1} ms",
            round.per_second, round.cpu_ms, round.p50_ms, round.p99_ms
        );
    }
    let (cpu_before, begun) = (server.cpu_ms(), Instant::now());
    let mut tasks = Vec::new();
    for number in 0..STARTING {
        let due = begun + Duration::from_millis(number * 1_000 / STARTS_PER_SECOND);
        let door = door.clone();
        tasks.push(tokio::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            start_up(&door, &format!("START-{number}")).await
        }));
    }
    let (mut boots, mut statuses, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    for started in join_all(tasks).await {
        let (socket, boot_ms, status_ms) = started.unwrap();
        sockets.push(socket);
        boots.push(boot_ms);
        statuses.extend(status_ms);
    }
    let cpu_ms = (server.cpu_ms() - cpu_before) / STARTING as f64;
    println!(
        "{name:<9} {STARTING} start, {STARTS_PER_SECOND} a second: BootNotification p50 {:.1} ms, p99 {:.1} ms; \
         StatusNotification p50 {:.1} ms, p99 {:.1} ms; {cpu_ms:.3} ms CPU each",
        percentile(&mut boots, 50),
        percentile(&mut boots, 99),
        percentile(&mut statuses, 50),
        percentile(&mut statuses, 99),
    );
}

/// What connections cost that say nothing any more. Comes first: later the server has memory of its own to give.
async fn idle(name: &str, server: &Server, door: &Door) {
    // The statements of a boot are prepared.
    boot(&mut connect(door, "FIRST").await).await;
    let before = server.resident_kib();
    let mut sockets = Vec::with_capacity(IDLE);
    for number in 0..IDLE {
        let mut socket = connect(door, &format!("IDLE-{number}")).await;
        boot(&mut socket).await;
        sockets.push(socket);
    }
    // What the boots set off is over by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kib = server.resident_kib().saturating_sub(before) as f64 / IDLE as f64;
    println!("{name:<9} idle connection: {kib:.1} KiB resident");
}

struct Figures {
    per_second: f64,
    cpu_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Statuses, starts and stops of so many charge points, each with one call under way.
async fn round(server: &Server, door: &Door, crowd: usize) -> Figures {
    let mut sockets = Vec::with_capacity(crowd);
    for number in 0..crowd {
        let mut socket = connect(door, &format!("CROWD{crowd}-{number}")).await;
        boot(&mut socket).await;
        sockets.push(socket);
    }
    let calls = if crowd == 1 { CALLS / 20 } else { CALLS };
    let sessions = (calls / crowd / 4).max(1);
    let (begun, cpu_before) = (Instant::now(), server.cpu_ms());
    let tasks = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(sessions * 4);
            for session in 0..sessions {
                charge(&mut socket, session, &mut latencies).await;
            }
            (socket, latencies)
        })
    });
    let (mut latencies, mut sockets) = (Vec::new(), Vec::new());
    for done in join_all(tasks).await {
        let (socket, of_one) = done.unwrap();
        sockets.push(socket);
        latencies.extend(of_one);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let count = latencies.len() as f64;
    Figures {
        per_second: count / seconds,
        cpu_ms: (server.cpu_ms() - cpu_before) / count,
        p50_ms: percentile(&mut latencies, 50),
        p99_ms: percentile(&mut latencies, 99),
    }
}

fn percentile(latencies: &mut [f64], percent: usize) -> f64 {
    latencies.sort_by(f64::total_cmp);
    let last = latencies.len().saturating_sub(1);
    latencies
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}
