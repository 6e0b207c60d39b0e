//! The worked examples of the API documents, sent as they stand there.
//!
//! Those that need their ids free, or a charge point offline or not commissioned, run against an empty server; the
//! others against `dynamo csms --demo`. An answer may say more than its example; what the example says must be there
//! and be equal, except for what the server makes up (ids, times, tokens and the like: they follow a pattern) and what
//! `BY_KIND` lists.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dynamo_protocol::ChargePointId;
use dynamo_simulator::charge_point::{Hardware, Setup};
use dynamo_simulator::{Clock, Handle, Station, spawn};
use serde_json::{Value, json};

use crate::support::{Csms, PATIENCE, given, wait_until};

const DEMO_KEY: &str = "YOUR_API_KEY";
/// As the documents write it, without base64.
const OCPI_TOKEN: &str = "YOUR_OCPI_TOKEN";
const POINT: &str = "CP-SITE42-001";

/// What an empty server is asked, in this order; 5 deletes what the others need, so it is the last of its charge point.
const ON_EMPTY: [u32; 14] = [52, 1, 8, 9, 10, 6, 7, 2, 11, 12, 13, 5, 15, 26];

/// What is asked before something else changes what it reads; the rest goes by number.
const FIRST: [(u32, u32); 5] = [(53, 3), (17, 16), (50, 42), (47, 46), (34, 33)];

/// Values that the documents and the demo have each of their own: of these only the kind is compared.
const BY_KIND: [(u32, &str); 23] = [
    // The demo has no TLS.
    (3, "identity_verified"),
    (3, "tls_enabled"),
    // Example 1 puts the charge points of Site 42 nearby.
    (17, "total"),
    (22, "total"),
    // 17 and 22 say of the same charge point that both its connectors are available, with 22 kW.
    (19, "max_power_kw"),
    (19, "status"),
    (19, "type"),
    // Renamed by 16.
    (22, "name"),
    // The station behind it goes on charging, and is stopped after seconds: see `contradiction`.
    (36, "cost_so_far"),
    (36, "energy_kwh"),
    (37, "energy_kwh"),
    (37, "final_cost"),
    (50, "current_meter_value"),
    (50, "energy_delivered_wh"),
    // A person moves a request on.
    (39, "status"),
    // Of the one that the document names, 50 says that it charges there: another one is broken.
    (51, "charge_point_id"),
    (51, "info"),
    // The caller's own token, and where this server is.
    (25, "token"),
    // The session that 28 names goes on there, and its energy grows.
    (27, "status"),
    (28, "kwh"),
    // OCPI wants five decimals.
    (27, "latitude"),
    (27, "longitude"),
    // Nobody has customized this one.
    (40, "value"),
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
        let said = &content(example);
        let authorization = match said["auth"].as_str().unwrap() {
            "api_key" => format!("Bearer {}", self.key),
            "installer_jwt" => format!("Bearer {}", self.installer),
            "ocpi_token" => format!("Token {OCPI_TOKEN}"),
            _ => "Bearer ".to_owned(),
        };
        let request = &said["request"];
        let body = match request {
            Value::Null => String::new(),
            request => request.to_string(),
        };
        let (method, path) = (
            said["method"].as_str().unwrap(),
            said["path"].as_str().unwrap(),
        );
        let ask = || self.csms.request_as(&authorization, method, path, &body);
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
            let judge = Judge {
                number: example.number,
                request: format!("{path} {body}"),
            };
            judge.compare("", &said["response"], &answer, &mut differences);
        }
        differences.extend(contradiction(example.number, &answer));
        self.played.push(example.number);
        if !differences.is_empty() {
            let list = differences.join("; ");
            self.wrong
                .push(format!("{}: {list}\n    {answer}", example.file));
        }
    }
}

/// An example as it is played: what is reserved is reserved for a time that has not passed.
fn content(example: &Example) -> Value {
    if example.number != 48 {
        return example.content.clone();
    }
    let expiry = example.content["request"]["expiry_date"].as_str().unwrap();
    let text = example.content.to_string().replace(expiry, &in_an_hour());
    serde_json::from_str(&text).unwrap()
}

/// What figures of one answer say against each other, where the documents' own cannot be expected.
fn contradiction(number: u32, answer: &Value) -> Option<String> {
    let figure = |name: &str| answer[name].as_f64().unwrap_or(f64::NAN);
    let cents = |amount: f64| (amount * 100.0).round();
    let of_first = |name: &str| answer["active_transactions"][0][name].as_i64();
    let count = |list: &str| answer[list].as_array().map(Vec::len);
    let total = answer["total"].as_u64();
    let is_right = match number {
        17 => total == count("charge_points").map(|count| count as u64),
        22 => total == count("chargers").map(|count| count as u64),
        36 => cents(figure("energy_kwh") * 0.35) == cents(figure("cost_so_far")),
        37 => cents(figure("energy_kwh") * 0.35) == cents(figure("final_cost")),
        50 => {
            let metered = of_first("current_meter_value").zip(of_first("meter_start"));
            let delivered = metered.map(|(now, before)| now - before);
            delivered == of_first("energy_delivered_wh") && delivered >= Some(750)
        }
        51 => {
            let points = answer["charge_points"].as_array().unwrap();
            !points.is_empty()
                && points.iter().all(|point| {
                    let mut connectors = point["connectors"].as_array().unwrap().iter();
                    connectors.any(|connector| connector["status"] == "Faulted")
                })
        }
        _ => true,
    };
    (!is_right).then(|| "its figures do not fit each other".to_owned())
}

/// Names of times that do not say so by their ends.
const TIMES: [&str; 5] = [
    "timestamp",
    "start_time",
    "last_updated",
    "start_date_time",
    "end_date_time",
];

/// Of a URL of this server's OCPI, without the host.
fn ocpi_path(url: &str) -> Option<&str> {
    url.find("/ocpi/").map(|place| &url[place..])
}

struct Judge {
    number: u32,
    /// Path and body: what is named there is not made up by the server.
    request: String,
}

impl Judge {
    fn compare(&self, place: &str, said: &Value, got: &Value, differences: &mut Vec<String>) {
        match (said, got) {
            (Value::Object(said), Value::Object(got)) => {
                for (name, value) in said {
                    let place = format!("{place}/{name}");
                    match got.get(name) {
                        None => differences.push(format!("{place} is missing")),
                        Some(got) => self.compare(&place, value, got, differences),
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
            _ if kind(said) != kind(got) || !self.fits(place, said, got) => {
                differences.push(format!("{place} is {got}, and {said} is wanted"));
            }
            _ => {}
        }
    }

    /// Equal, or of the same pattern where the server makes it up.
    fn fits(&self, place: &str, said: &Value, got: &Value) -> bool {
        let name = place.rsplit(['/']).next().unwrap_or_default();
        if said == got || (said.is_number() && said.as_f64() == got.as_f64()) {
            return true;
        }
        if BY_KIND.contains(&(self.number, name)) {
            return true;
        }
        let (Some(text), Some(is)) = (said.as_str(), got.as_str()) else {
            return is_measured(name) && got.as_f64().is_some_and(|number| number >= 0.0);
        };
        if self.request.contains(text) {
            return is_time(text) && is_time(is) && text[..19] == is[..19];
        }
        if name.ends_with("_at") || TIMES.contains(&name) {
            return is_time(is);
        }
        if name.ends_with("_pem") {
            let label = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
            return is.starts_with(&label) && is.trim_end().ends_with("-----");
        }
        match name {
            "charge_point_id" => false,
            "url" => ocpi_path(text).is_some_and(|path| ocpi_path(is) == Some(path)),
            "ip_address" => is.parse::<std::net::IpAddr>().is_ok(),
            "ocpp_endpoint" => same_endpoint(text, is),
            _ if name == "id" || name.ends_with("_id") || name.ends_with("token") => {
                same_make(text, is)
            }
            _ => false,
        }
    }
}

/// How far, how long: no two are the same.
fn is_measured(name: &str) -> bool {
    let names = ["distance_km", "duration_seconds"];
    names.contains(&name) || name.ends_with("_ms")
}

/// RFC 3339 in UTC.
fn is_time(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let fits = |(wanted, is): (u8, u8)| match wanted {
        b'd' => is.is_ascii_digit(),
        other => other == is,
    };
    text.len() > shape.len() && text.ends_with('Z') && shape.bytes().zip(text.bytes()).all(fits)
}

/// Ids begin with what they are ids of.
fn same_make(said: &str, got: &str) -> bool {
    let make = said.rsplit_once('_').map_or("", |(make, _)| make);
    let characters = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    got.starts_with(make) && got.len() > make.len() + 1 && got.chars().all(characters)
}

/// Another host, and the same path as far as it is not an id that the server made.
fn same_endpoint(said: &str, got: &str) -> bool {
    let path = |url: &str| {
        let rest = url.strip_prefix("wss://").or(url.strip_prefix("ws://"));
        rest.and_then(|rest| rest.split_once('/'))
            .map(|(_, path)| path.to_owned())
    };
    match (path(said), path(got)) {
        (Some(said), Some(got)) => {
            said == got || (said.starts_with("cp_") && same_make(&said, &got))
        }
        _ => false,
    }
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
    dynamo_protocol::time::text(at_ms / 1000 * 1000)
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
    let csms = Csms::with(&database, &["--ocpi-token", OCPI_TOKEN]);
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
    assert_eq!(first.2["total"], 6);
    assert_eq!(run(), first);
}
