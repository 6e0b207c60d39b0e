//! How many frames a second does one core take apart, decode, check and write?
//!
//! `cargo bench --bench frames`. Three messages that make up the traffic of a fleet: the smallest, the most
//! frequent, and the largest of a session.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::frame::{self, Parsed};
use dynamo_protocol::v16::{HeartbeatRequest, MeterValuesRequest, StopTransactionRequest};
use dynamo_protocol::{RawValue, Request, Version};

const HEARTBEAT: &str = r#"[2,"5f3a9c1e-17","Heartbeat",{}]"#;

/// 266 bytes: energy and power of one sample.
const METER_VALUES: &str = concat!(
    r#"[2,"5f3a9c1e-18","MeterValues",{"connectorId":1,"transactionId":10042,"meterValue":[{"#,
    r#""timestamp":"2024-03-10T15:00:00.000Z","sampledValue":[{"value":"1504200","unit":"Wh"},"#,
    r#"{"value":"7360","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"}]}]}]"#,
);

fn stop_transaction() -> String {
    let sample = r#"{"timestamp":"2024-03-10T15:00:00Z","sampledValue":[{"value":"1504200","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"}]}"#;
    let samples = vec![sample; 60].join(",");
    format!(
        r#"[2,"5f3a9c1e-19","StopTransaction",{{"transactionId":10042,"idTag":"RFID-USER-4A2F","meterStop":1504200,"timestamp":"2024-03-10T16:00:00Z","reason":"Local","transactionData":[{samples}]}}]"#
    )
}

fn payload_of(text: &str) -> &RawValue {
    match frame::parse(text, Version::V1_6) {
        Parsed::Call { payload, .. } => payload,
        other => panic!("a call, not {other:?}"),
    }
}

fn message<T: Request>(c: &mut Criterion, name: &str, text: &str) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |b| {
        b.iter(|| {
            matches!(
                frame::parse(black_box(text), Version::V1_6),
                Parsed::Call { .. }
            )
        });
    });
    for (kind, decoding) in [
        ("tolerant", Decoding::Tolerant),
        ("strict", Decoding::Strict),
    ] {
        group.bench_function(format!("parse and decode, {kind}"), |b| {
            b.iter(|| decoding.decode::<T>(payload_of(black_box(text))).is_ok());
        });
    }
    let decoded: T = Decoding::strict()
        .decode(payload_of(text))
        .expect("the sample is valid");
    group.bench_function("write", |b| {
        b.iter(|| frame::call("5f3a9c1e-18", name, &frame::payload(black_box(&decoded))));
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    message::<HeartbeatRequest>(c, "Heartbeat", HEARTBEAT);
    message::<MeterValuesRequest>(c, "MeterValues", METER_VALUES);
    message::<StopTransactionRequest>(c, "StopTransaction", &stop_transaction());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = frames
}
criterion_main!(benches);
