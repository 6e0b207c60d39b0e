//! How long does a search on the map take among 100,000 charge points?
//!
//! `cargo bench --bench search`. A CSMS with a SQLite file, charge points spread like Europe's: most of them in and
//! around cities, some large and many small, the rest along the roads. Questions are asked over HTTP, one after
//! the other, half of them in cities. Criterion reports a typical question; the figures before it are the median
//! and the 99th percentile over many different ones.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use dynamo_csms::store::{DEFAULT_ORGANIZATION, PlacedChargePoint, Store};
use dynamo_csms::{Options, start};

const CHARGE_POINTS: usize = 100_000;
const CITIES: usize = 400;
const QUESTIONS: usize = 1_000;
const KEY: &str = "bench-key";

/// A small generator: the same map in every run.
struct Dice(u64);

impl Dice {
    /// From 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Around 0, seldom beyond 1: the sum of some rolls.
    fn near(&mut self) -> f64 {
        (0..6).map(|_| self.roll()).sum::<f64>() / 3.0 - 1.0
    }

    fn somewhere(&mut self) -> (f64, f64) {
        (36.0 + self.roll() * 24.0, -9.0 + self.roll() * 35.0)
    }
}

/// Cities by size; the n-th has about a share of 1/n.
fn cities(dice: &mut Dice) -> Vec<(f64, f64)> {
    (0..CITIES).map(|_| dice.somewhere()).collect()
}

fn a_city(dice: &mut Dice, cities: &[(f64, f64)]) -> (usize, (f64, f64)) {
    let number = (cities.len() as f64).powf(dice.roll()) as usize;
    let number = number.clamp(1, cities.len()) - 1;
    (number, cities[number])
}

/// Four of five lie in and around cities, within 25 km of the largest and 8 km of the smallest.
fn a_place(dice: &mut Dice, cities: &[(f64, f64)]) -> (f64, f64) {
    if dice.roll() > 0.8 {
        return dice.somewhere();
    }
    let (number, (latitude, longitude)) = a_city(dice, cities);
    let wide = 0.07 + 0.16 / (1.0 + number as f64 / 10.0);
    let north = dice.near() * wide;
    let east = dice.near() * wide / latitude.to_radians().cos();
    (latitude + north, longitude + east)
}

async fn build(address: &str, cities: &[(f64, f64)], dice: &mut Dice) {
    let store = Store::open(address).await.expect("a new file");
    let points: Vec<PlacedChargePoint> = (0..CHARGE_POINTS)
        .map(|number| {
            let (latitude, longitude) = a_place(dice, cities);
            PlacedChargePoint {
                id: format!("EU-{number:06}"),
                organization_id: DEFAULT_ORGANIZATION.to_owned(),
                name: format!("Bay {number}"),
                latitude,
                longitude,
                address: Some("1 Example St".to_owned()),
                connector_count: 2,
                connector_type: None,
                max_power_kw: Some(22.0),
                site_id: None,
                created_at_ms: 0,
            }
        })
        .collect();
    for some in points.chunks(1_000) {
        let made = store.place_charge_points(some.to_vec()).await;
        assert_eq!(made.expect("the ids are free"), some.len());
    }
    store.close().await;
}

/// One connection that is kept, and a buffer for its answers.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            stream,
            answer: Vec::new(),
        }
    }

    /// The body of an answer.
    fn get(&mut self, path: &str) -> &[u8] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).expect("a socket");
        self.answer.clear();
        let mut chunk = [0; 65_536];
        loop {
            let read = self.stream.read(&mut chunk).expect("a socket");
            assert!(read > 0, "the server closed");
            self.answer.extend_from_slice(&chunk[..read]);
            let Some(end) = self.answer.windows(4).position(|w| w == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&self.answer[..end]).to_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length = head.split("content-length: ").nth(1).expect("a length");
            let length = length.split("\r\n").next().expect("a line");
            let length: usize = length.parse().expect("a number");
            if self.answer.len() >= end + 4 + length {
                break;
            }
        }
        let end = self.answer.windows(4).position(|w| w == b"\r\n\r\n");
        &self.answer[end.expect("it was found before") + 4..]
    }
}

fn question(dice: &mut Dice, cities: &[(f64, f64)], radius_km: u32) -> String {
    let (latitude, longitude) = if dice.roll() < 0.5 {
        a_city(dice, cities).1
    } else {
        a_place(dice, cities)
    };
    format!(
        "/api/v1/chargepoints/search?latitude={latitude}&longitude={longitude}&radius_km={radius_km}"
    )
}

fn total(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).expect("JSON");
    answer["total"].as_u64().expect("a number")
}

#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn search(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("sqlite://{}/csms.db", folder.path().display());
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let cities = cities(&mut dice);
    runtime.block_on(build(&address, &cities, &mut dice));
    let options = Options {
        http: ([127, 0, 0, 1], 0).into(),
        ocpp: ([127, 0, 0, 1], 0).into(),
        database: address,
        api_key: Some(KEY.to_owned()),
        ..Options::default()
    };
    let csms = runtime.block_on(start(options)).expect("a CSMS");
    let mut client = Client::connect(csms.http_addr());
    for radius_km in [5, 50] {
        let mut times = Vec::new();
        let mut totals = Vec::new();
        for number in 0..QUESTIONS + 50 {
            let question = question(&mut dice, &cities, radius_km);
            let begun = Instant::now();
            let answer = client.get(&question);
            let spent = begun.elapsed();
            // The first ones find cold caches.
            if number >= 50 {
                times.push(spent);
                totals.push(total(answer));
            }
        }
        times.sort_unstable();
        totals.sort_unstable();
        let at = |part: usize| QUESTIONS * part / 100;
        println!(
            "{radius_km} km among {CHARGE_POINTS}: median {:?}, p99 {:?}, max {:?}; found median {}, p99 {}",
            times[at(50)],
            times[at(99)],
            times[QUESTIONS - 1],
            totals[at(50)],
            totals[at(99)]
        );
        let typical = question(&mut dice, &cities, radius_km);
        c.bench_function(&format!("search {radius_km} km"), |b| {
            b.iter(|| client.get(&typical).len());
        });
    }
    drop(client);
    runtime.block_on(csms.shutdown());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = search
}
criterion_main!(benches);
