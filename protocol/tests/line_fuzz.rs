//! A million broken frames against the line and the decoder: nothing panics, every tag comes back once.
//!
//! Deterministic: a failing shard prints its seed, and `DYNAMO_TEST_SEED` repeats that shard alone.

#![expect(clippy::print_stdout, reason = "a test tells what it counted")]

use std::collections::VecDeque;

use dynamo_protocol::decode::Decoding;
use dynamo_protocol::frame::{self, Parsed};
use dynamo_protocol::link::{Link, LinkConfig, Received};
use dynamo_protocol::v16::Action;
use dynamo_protocol::{ActionName, RawValue, Version};

const FRAMES: usize = 1_000_000;
const SHARDS: u64 = 8;

/// A mutated frame is cut here, in bytes: the socket refuses larger ones long before.
const FRAME_BYTES_MAX: usize = 4 * 1024;

#[test]
fn a_million_broken_frames_break_nothing() {
    if let Ok(seed) = std::env::var("DYNAMO_TEST_SEED") {
        let seed = seed.parse().expect("DYNAMO_TEST_SEED is a number");
        println!("{:?}", shard(seed, FRAMES / SHARDS as usize));
        return;
    }
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let shards: Vec<_> = (0..SHARDS)
            .map(|seed| {
                (
                    seed,
                    scope.spawn(move || shard(seed, FRAMES / SHARDS as usize)),
                )
            })
            .collect();
        for (seed, shard) in shards {
            match shard.join() {
                Ok(part) => tally.add(&part),
                Err(_) => panic!("repeat with DYNAMO_TEST_SEED={seed}"),
            }
        }
    });
    println!(
        "line fuzz: {} mutated frames, 0 panics; {tally:?}",
        tally.frames
    );
    assert!(tally.frames >= FRAMES);
    // A fuzzer whose frames are all rubbish, or all fine, tests nothing.
    for (name, count) in [
        ("calls", tally.calls),
        ("answers", tally.answers),
        ("strays", tally.strays),
        ("refused", tally.refused),
        ("decoded", tally.decoded),
    ] {
        assert!(count > FRAMES / 100, "only {count} {name}");
    }
}

#[derive(Debug, Default)]
struct Tally {
    frames: usize,
    calls: usize,
    answers: usize,
    strays: usize,
    refused: usize,
    decoded: usize,
}

impl Tally {
    const fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.calls += other.calls;
        self.answers += other.answers;
        self.strays += other.strays;
        self.refused += other.refused;
        self.decoded += other.decoded;
    }
}

/// One line that lives through `frames` mutated frames.
fn shard(seed: u64, frames: usize) -> Tally {
    let mut random = Random(seed);
    let mut end = End::new(seed);
    for _ in 0..frames {
        end.keep_busy(&mut random);
        let text = mutated(&mut random, &end.open_id);
        end.feed(&text, &mut random);
    }
    let left = end.link.disconnect();
    end.back.extend(left);
    assert!(
        end.back.iter().copied().eq(0..end.next_tag),
        "every tag comes back once and in order"
    );
    end.tally
}

/// One end of a line, and what is expected of it.
struct End {
    link: Link<u64>,
    next_tag: u64,
    back: VecDeque<u64>,
    open_id: String,
    now_ms: u64,
    tally: Tally,
}

impl End {
    fn new(seed: u64) -> Self {
        Self {
            link: Link::new(LinkConfig {
                version: Version::V1_6,
                call_timeout_ms: 50,
                queue_calls_max: 4,
                id_seed: seed,
            }),
            next_tag: 0,
            back: VecDeque::new(),
            open_id: String::new(),
            now_ms: 0,
            tally: Tally::default(),
        }
    }

    /// Keeps a call open, lets time pass, and loses the socket now and then.
    fn keep_busy(&mut self, random: &mut Random) {
        if self.link.calls_pending() < 2 {
            let queued = self.link.call(self.next_tag, "Heartbeat", "{}".into());
            assert!(queued.is_ok(), "the queue has room");
            self.next_tag += 1;
        }
        self.now_ms += random.below(4) as u64;
        self.back.extend(self.link.expire(self.now_ms));
        if random.below(10_000) == 0 {
            self.back.extend(self.link.disconnect());
        }
        if let Some(text) = self.link.poll_transmit(self.now_ms) {
            let Parsed::Call { id, .. } = frame::parse(&text, Version::V1_6) else {
                panic!("we send calls that are none: {text}")
            };
            self.open_id = id.into_string();
        }
    }

    fn feed(&mut self, text: &str, random: &mut Random) {
        self.tally.frames += 1;
        match self.link.receive(text) {
            Received::Call {
                id,
                action,
                payload,
            } => {
                self.tally.calls += 1;
                let action = Action::from_wire(&action).unwrap_or(any_action(random));
                self.decode(action, payload);
                let answered = self.link.answer(&id, Ok("{}")).expect("the call is open");
                let result = frame::parse(&answered, Version::V1_6);
                assert!(matches!(result, Parsed::Result { id: back, .. } if back == id));
                assert_eq!(self.link.answer(&id, Ok("{}")), None, "answered twice");
            }
            Received::Answer { tag, result, .. } => {
                self.tally.answers += 1;
                self.back.push_back(tag);
                if let Ok(payload) = result {
                    self.decode(any_action(random), payload);
                }
            }
            Received::Stray(_) => self.tally.strays += 1,
            Received::Refused { reply, reason } => {
                self.tally.refused += 1;
                assert!(!reason.is_empty());
                if let Some(reply) = reply {
                    let parsed = frame::parse(&reply, Version::V1_6);
                    assert!(matches!(parsed, Parsed::Error { .. }), "{text} -> {reply}");
                }
            }
        }
    }

    fn decode(&mut self, action: Action, payload: &RawValue) {
        let strict = Decoding::strict().check_request(action, payload);
        let tolerant = Decoding::Tolerant.check_request(action, payload);
        assert!(
            tolerant.is_ok() || strict.is_err(),
            "tolerant refuses {payload}"
        );
        let _ = Decoding::Tolerant.check_response(action, payload);
        let answer = Decoding::strict().check_response(action, payload);
        self.tally.decoded += usize::from(strict.is_ok() || answer.is_ok());
    }
}

fn any_action(random: &mut Random) -> Action {
    *random.pick(Action::all())
}

/// `SplitMix64`: small, and the same everywhere for ever.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    const fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    const fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// A frame of the list below with up to three things wrong with it.
fn mutated(random: &mut Random, open_id: &str) -> String {
    let mut text = random.pick(FRAMES_OF_ALL_KINDS).replace("OPEN", open_id);
    for _ in 0..random.below(4) {
        let other = random.pick(FRAMES_OF_ALL_KINDS);
        text = mutate(random, &text, other);
    }
    text.truncate(text.floor_char_boundary(FRAME_BYTES_MAX));
    text
}

fn mutate(random: &mut Random, text: &str, other: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = random.below(bytes.len() + 1);
    match random.below(9) {
        // A flipped bit.
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        // Any other byte.
        1 if at < bytes.len() => bytes[at] = random.next() as u8,
        2 => bytes.truncate(at),
        // The rest of another frame.
        3 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other.as_bytes()[random.below(other.len())..]);
        }
        // A part twice, or not at all.
        4 => {
            let end = (at + random.below(40)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            let end = (at + random.below(40)).min(bytes.len());
            bytes.drain(at..end);
        }
        6 => {
            bytes.splice(at..at, random.pick(POISON).bytes());
        }
        7 => {
            let unit = random.pick(&["[", "{\"a\":", "]", "}", "[[],", " ", "\"", "\\"]);
            let deep = unit.repeat(1 << random.below(11));
            bytes.splice(at..at, deep.bytes());
        }
        _ => return rearranged(random, text),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The elements of the frame in another number or order, or one of them replaced.
fn rearranged(random: &mut Random, text: &str) -> String {
    let Ok(mut elements) = serde_json::from_str::<Vec<Box<RawValue>>>(text) else {
        return text.to_owned();
    };
    let count = elements.len();
    if count > 0 {
        let (one, two) = (random.below(count), random.below(count));
        match random.below(4) {
            0 => drop(elements.remove(one)),
            1 => elements.insert(one, elements[two].clone()),
            2 => elements.swap(one, two),
            _ => {
                let poison = (*random.pick(POISON)).to_owned();
                elements[one] = RawValue::from_string(poison).unwrap_or(elements[two].clone());
            }
        }
    }
    serde_json::to_string(&elements).expect("raw values serialise")
}

const POISON: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "2",
    "9",
    "1.5",
    "1e999",
    "-0",
    "99999999999999999999999999999999999999",
    "9223372036854775808",
    "0.00000000000000000000000000000000000001",
    "{}",
    "[]",
    "\"\"",
    "\"Heartbeat\"",
    "\"heartbeat\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\\u00e9",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "🔌",
    "充电",
    "é",
    "\r\n",
    ",",
    ":",
    "//",
    "/**/",
    "NaN",
    "Infinity",
    "'",
    "2024-02-30T25:61:61Z",
    "9999-12-31T23:59:59Z",
    "-002024-03-10T15:00:00Z",
    "{\"a\":1,\"a\":2}",
];

const FRAMES_OF_ALL_KINDS: &[&str] = &[
    r#"[2,"1","Heartbeat",{}]"#,
    r#"[2,"2","BootNotification",{"chargePointVendor":"VendorX","chargePointModel":"SingleSocket","firmwareVersion":"1.0"}]"#,
    r#"[2,"3","Authorize",{"idTag":"RFID-1"}]"#,
    r#"[2,"4","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"2024-03-10T15:00:00Z"}]"#,
    r#"[2,"5","StartTransaction",{"connectorId":1,"idTag":"RFID-1","meterStart":0,"timestamp":"2024-03-10T15:00:00.123+01:00"}]"#,
    r#"[2,"6","StopTransaction",{"transactionId":1,"meterStop":100,"timestamp":"2024-03-10T15:00:00Z","reason":"Local","transactionData":[{"timestamp":"2024-03-10T15:00:00Z","sampledValue":[{"value":"100","context":"Transaction.End"}]}]}]"#,
    r#"[2,"7","MeterValues",{"connectorId":1,"transactionId":1,"meterValue":[{"timestamp":"2024-03-10T15:00:00Z","sampledValue":[{"value":"1.5","context":"Sample.Periodic","format":"Raw","measurand":"Power.Active.Import","phase":"L1-N","location":"Outlet","unit":"kW"}]}]}]"#,
    r#"[2,"8","DataTransfer",{"vendorId":"x","messageId":"y","data":"{\"z\":[1,2,3]}"}]"#,
    r#"[2,"9","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","validTo":"2024-03-10T15:00:00Z","chargingSchedule":{"chargingRateUnit":"A","minChargingRate":6.0,"chargingSchedulePeriod":[{"startPeriod":0,"limit":16.5,"numberPhases":3}]}}}]"#,
    r#"[2,"10","GetConfiguration",{"key":["HeartbeatInterval","a"]}]"#,
    r#"[2,"11","SendLocalList",{"listVersion":1,"updateType":"Full","localAuthorizationList":[{"idTag":"a","idTagInfo":{"status":"Accepted","expiryDate":"2024-03-10T15:00:00Z"}}]}]"#,
    r#"[2,"12","GetDiagnostics",{"location":"ftp://files.example.com/x","retries":3}]"#,
    r#"[2,"13","GetLog",{"logType":"SecurityLog","requestId":1,"log":{"remoteLocation":"https://files.example.com"}}]"#,
    r#"[2,"14","SignedUpdateFirmware",{"requestId":1,"firmware":{"location":"https://files.example.com","retrieveDateTime":"2024-03-10T15:00:00Z","signingCertificate":"c","signature":"s"}}]"#,
    r#"[2, "é\"\\\u00e9", "ClearCache" , { } ]"#,
    r#"[2,"15","NoSuchAction",{"a":[{"b":null}]}]"#,
    r#"[3,"OPEN",{"currentTime":"2024-03-10T15:00:00Z"}]"#,
    r#"[3,"OPEN",{}]"#,
    r#"[3,"OPEN",{"status":"Accepted"}]"#,
    r#"[3,"OPEN",{"idTagInfo":{"status":"Accepted"},"transactionId":7}]"#,
    r#"[3,"OPEN",{"configurationKey":[{"key":"a","readonly":true,"value":"b"}],"unknownKey":["c"]}]"#,
    r#"[3,"00000000-1",{}]"#,
    r#"[4,"OPEN","NotSupported","not here",{}]"#,
    r#"[4,"OPEN","OccurenceConstraintViolation","",{"a":{"b":[1]}}]"#,
    r#"[4,"unknown","GenericError","x",{}]"#,
];
