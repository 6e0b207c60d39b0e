//! The worked examples of the API documents, sent as they stand there.
//!
//! Those that need their ids free, or a charge point offline or not commissioned, run against an empty server; the
//! others against `dynamo csms --demo`. An answer may say more than its example; what the example says must be there,
//! of the same kind, and equal where it follows from the request.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dynamo_protocol::ChargePointId;
use dynamo_simulator::charge_point::{Hardware, Setup};
use dynamo_simulator::{Clock, Handle, Station, spawn};
use serde_json::{Map, Value, json};

use crate::support::{Csms, PATIENCE, given, wait_until};

const DEMO_KEY: &str = "YOUR_API_KEY";
const POINT: &str = "CP-SITE42-001";

/// What an empty server is asked, in this order; 5 deletes what the others need, so it is the last of its charge point.
const ON_EMPTY: [u32; 13] = [52, 1, 8, 9, 10, 6, 7, 2, 11, 12, 13, 5, 15];

/// What is asked before something else changes what it reads; the rest goes by number.
const FIRST: [(u32, u32); 3] = [(53, 3), (50, 42), (47, 46)];

/// Members whose words are the same whenever the example is played.
const WORDS: [&str; 13] = [
    "applied",
    "code",
    "connected",
    "currency",
    "message",
    "name",
    "ocpp_version",
    "ocpp_version_negotiated",
    "reachable",
    "result",
    "role",
    "status",
    "template_id",
];

/// Words that depend on what happened before: a person moves a request on, and these ports are free.
const OTHER_WORDS: [(u32, &str); 6] = [
    (17, "name"),
    (19, "status"),
    (22, "name"),
    (36, "status"),
    (39, "status"),
    (51, "status"),
];

struct Example {
    number: u32,
    file: String,
    content: Value,
}

fn read(folder: &str) -> BTreeMap<u32, Example> {
    let mut examples = BTreeMap::new();
    for entry in std::fs::read_dir(Path::new(folder)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let content: Value = serde_json::from_str(&text).unwrap();
        if content["path"].as_str().unwrap().starts_with("/ocpi") {
            continue;
        }
        let number = file[..2].parse().unwrap();
        let example = Example {
            number,
            file,
            content,
        };
        examples.insert(number, example);
    }
    examples
}

/// Plays examples and keeps what went wrong.
struct Player<'a> {
    csms: &'a Csms,
    key: &'a str,
    installer: String,
    played: Vec<u32>,
    wrong: Vec<String>,
}

impl<'a> Player<'a> {
    fn new(csms: &'a Csms, key: &'a str) -> Self {
        Self {
            csms,
            key,
            installer: String::new(),
            played: Vec::new(),
            wrong: Vec::new(),
        }
    }

    fn log_in(&mut self) {
        let body = json!({"email": "installer@acme.com", "password": "s3cur3P@ssword!"});
        let path = "/api/v1/installer/login";
        let (status, answer) = self.csms.request_with("", "POST", path, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        self.installer = answer["token"].as_str().unwrap().to_owned();
    }

    fn play(&mut self, example: &Example) {
        let said = &example.content;
        let token = match said["auth"].as_str().unwrap() {
            "api_key" => self.key,
            "installer_jwt" => &self.installer,
            _ => "",
        };
        let mut request = said["request"].clone();
        if example.number == 48 {
            request["expiry_date"] = in_an_hour().into();
        }
        let body = match &request {
            Value::Null => String::new(),
            request => request.to_string(),
        };
        let (method, path) = (
            said["method"].as_str().unwrap(),
            said["path"].as_str().unwrap(),
        );
        let ask = || self.csms.request_with(token, method, path, &body);
        let (mut status, mut answer) = ask();
        if example.number == 60 {
            // The run it asks about takes its time.
            wait_until("the end of the commissioning run", PATIENCE, || {
                (status, answer) = ask();
                answer["status"] != "in_progress"
            });
        }
        let mut differences = Vec::new();
        if said["status"] != status {
            differences.push(format!("status {status} instead of {}", said["status"]));
        }
        if !said["response"].is_null() {
            let mut known = Map::new();
            follow(&said["request"], &request, &mut known);
            let judge = Judge {
                number: example.number,
                known: &known,
            };
            judge.compare("", &said["response"], &answer, &mut differences);
        }
        self.played.push(example.number);
        if !differences.is_empty() {
            let list = differences.join("; ");
            self.wrong
                .push(format!("{}: {list}\n    {answer}", example.file));
        }
    }
}

/// Which value each member of the request has: what the answer says under that name follows from it.
fn follow(said: &Value, sent: &Value, known: &mut Map<String, Value>) {
    let Some(said) = said.as_object() else { return };
    for (name, value) in said {
        match value {
            Value::Object(_) => follow(value, &sent[name], known),
            Value::Array(_) => {}
            _ => {
                known.insert(name.clone(), json!([value, sent[name]]));
            }
        }
    }
}

struct Judge<'a> {
    number: u32,
    known: &'a Map<String, Value>,
}

impl Judge<'_> {
    fn compare(&self, place: &str, said: &Value, got: &Value, differences: &mut Vec<String>) {
        match (said, got) {
            (Value::Object(said), Value::Object(got)) => {
                for (name, value) in said {
                    let place = format!("{place}/{name}");
                    match got.get(name) {
                        None => differences.push(format!("{place} is missing")),
                        Some(got) => {
                            self.compare(&place, value, got, differences);
                            self.follows(&place, name, value, got, differences);
                        }
                    }
                }
            }
            (Value::Array(said), Value::Array(got)) => {
                for value in said {
                    // Whichever comes nearest.
                    let tries = got.iter().map(|got| {
                        let mut differences = Vec::new();
                        self.compare(&format!("{place}[]"), value, got, &mut differences);
                        differences
                    });
                    match tries.min_by_key(Vec::len) {
                        None => differences.push(format!("{place} is empty")),
                        Some(nearest) => differences.extend(nearest),
                    }
                }
            }
            _ if kind(said) != kind(got) => {
                differences.push(format!("{place} is {got}, and {said} is wanted"));
            }
            _ => {}
        }
    }

    fn follows(
        &self,
        place: &str,
        name: &str,
        said: &Value,
        got: &Value,
        differences: &mut Vec<String>,
    ) {
        let from_request = self.known.get(name).filter(|pair| pair[0] == *said);
        let wanted = match from_request {
            Some(pair) => &pair[1],
            None if name == "charge_point_id" => said,
            None if WORDS.contains(&name) && !OTHER_WORDS.contains(&(self.number, name)) => said,
            None => return,
        };
        let is_time = |value: &Value| value.as_str().is_some_and(|text| text.contains('T'));
        let same_second = |one: &Value, other: &Value| {
            let second = |value: &Value| {
                value
                    .as_str()
                    .and_then(|text| text.get(..19).map(str::to_owned))
            };
            is_time(one) && is_time(other) && second(one) == second(other)
        };
        if got != wanted && !same_number(got, wanted) && !same_second(got, wanted) {
            differences.push(format!("{place} is {got}, and {wanted} is wanted"));
        }
    }
}

fn same_number(one: &Value, other: &Value) -> bool {
    one.is_number() && one.as_f64() == other.as_f64()
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// RFC 3339, to the second.
fn in_an_hour() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at_ms = i64::try_from(now.as_millis()).unwrap() + 3_600_000;
    dynamo_protocol::time::date_time(at_ms / 1000 * 1000).to_string()
}

fn station(csms: &Csms) -> Handle {
    spawn(Station {
        id: ChargePointId::new(POINT).unwrap(),
        csms_url: csms.url(),
        password: None,
        tls: None,
        hardware: Hardware::default(),
        setup: Setup::default(),
        seed: 1,
        clock: Clock::Real { speed: 1.0 },
    })
}

fn on_empty(examples: &BTreeMap<u32, Example>) -> (Vec<u32>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/csms.db", folder.path().display());
    let csms = Csms::with(&database, &[]);
    let key = crate::support::API_KEY;
    let mut player = Player::new(&csms, key);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut connected = None;
    let state =
        |what: &str| csms.get(&format!("/api/v1/chargepoints/{POINT}/status"))[what].clone();
    for number in ON_EMPTY {
        match number {
            2 => {
                let _inside = runtime.enter();
                connected = Some(station(&csms));
                wait_until("the charge point's first boot", PATIENCE, || {
                    state("operational_status") == "Available"
                });
                // The next one comes after minutes.
                let beat = json!({"requestedMessage": "Heartbeat"});
                csms.command(POINT, "TriggerMessage", &beat);
                wait_until("a heartbeat", PATIENCE, || {
                    state("last_heartbeat_at").is_string()
                });
            }
            5 => {
                runtime.block_on(connected.take().expect("it was started").stop());
                wait_until("the charge point's end", PATIENCE, || {
                    state("online") == false
                });
            }
            _ => {}
        }
        player.play(&examples[&number]);
        if number == 52 {
            player.log_in();
            let project = json!({"id": "proj_8c2f4e1a", "name": "Site 42", "address": "London"});
            let (status, answer) = csms.request_with(
                &player.installer,
                "POST",
                "/api/v1/installer/projects",
                &project.to_string(),
            );
            assert_eq!(status, 201, "{answer}");
        }
    }
    (player.played, player.wrong)
}

fn on_demo(examples: &BTreeMap<u32, Example>) -> (Vec<u32>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/demo.db", folder.path().display());
    let csms = Csms::with(&database, &["--demo"]);
    let mut player = Player::new(&csms, DEMO_KEY);
    player.log_in();
    let wanted = |number: &&u32| !ON_EMPTY.contains(number);
    let mut order: Vec<u32> = examples.keys().filter(wanted).copied().collect();
    for (first, then) in FIRST {
        order.retain(|number| *number != first);
        let place = order.iter().position(|number| *number == then).unwrap();
        order.insert(place, first);
    }
    // What it says of itself after each boot.
    let reported = || {
        let all = csms.get("/api/v1/ocpp16/charge_points/status");
        all["charge_points"][0]["charge_point"]["timestamp"].clone()
    };
    for number in order {
        let before = reported();
        player.play(&examples[&number]);
        if number == 46 {
            // It restarts, and takes commands again once its boot is accepted.
            wait_until("the restart", PATIENCE, || reported() != before);
        }
    }
    (player.played, player.wrong)
}

#[test]
fn every_worked_example_is_answered_as_documented() {
    let Some(folder) = given(
        "DYNAMO_TEST_EXAMPLES",
        "the folder with the worked examples of the API documents",
    ) else {
        return;
    };
    let examples = read(&folder);
    let (mut played, mut wrong) = on_empty(&examples);
    let (more, other) = on_demo(&examples);
    played.extend(more);
    wrong.extend(other);
    let all = examples.len();
    println!(
        "worked examples: {} of {all} as documented",
        played.len() - wrong.len()
    );
    assert_eq!(played.len(), all, "each is played once");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_demo_loads_once_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/demo.db", folder.path().display());
    let look = |csms: &Csms| {
        let open = csms.get(&format!("/api/v1/ocpp16/active_transactions/{POINT}"));
        let first = &open["active_transactions"][0];
        let mut points = csms.get("/api/v1/ocpp16/charge_points/status");
        for point in points["charge_points"].as_array_mut().unwrap() {
            point["last_heartbeat_at"].take();
            point["charge_point"].take();
            for connector in point["connectors"].as_array_mut().unwrap() {
                connector["timestamp"].take();
            }
        }
        let tariff = csms.get("/api/v1/chargepoints/CPO-FLEET-099/tariff");
        let transaction = [&first["transaction_id"], &first["start_time"]].map(Value::clone);
        let total = csms.transactions_total();
        (transaction, open["total"].clone(), points, tariff, total)
    };
    let run = || {
        let csms = Csms::with(&database, &["--demo"]);
        let seen = look(&csms);
        csms.process.terminate();
        let ended = csms.process.end(Duration::from_secs(10));
        assert!(ended.status.success(), "{}", ended.stderr);
        seen
    };
    let first = run();
    assert_eq!(first.0[0], 10042);
    assert_eq!(first.2["total"], 5);
    assert_eq!(run(), first);
}
