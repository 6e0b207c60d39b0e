//! What charge points of many makers send: every optional member, every word of an enumeration, every form of a time,
//! odd values; many messages in one scenario, each after the answer to the one before.

use cucumber::{then, when};
use dynamo_protocol::trace::Direction;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use crate::case::tags::TagWord;
use crate::failure::{DONE, Failure, StepResult};
use crate::role::station::StationRole;
use crate::steps::csms::boot::boot_notification;
use crate::steps::csms::session::{minutes_ago, start, stop};
use crate::steps::world::World;
use crate::wire::entry::{Entry, Message};

/// Where in the record the messages of a series begin.
const SERIES: &str = "series";

/// Failures of a series that are told one by one.
const SHOWN: usize = 3;

/// A call: action and payload.
type Call = (&'static str, Value);

/// Connector states [1.6 §7.7].
const STATUSES: [&str; 9] = [
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
    "Available",
];

/// What a charge point reports as wrong [1.6 §7.6].
const ERROR_CODES: [&str; 16] = [
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
];

/// Why a transaction ends [1.6 §7.36].
const REASONS: [&str; 11] = [
    "DeAuthorized",
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
];

/// What is measured, with a value and a unit that fits [1.6 §7.31, §7.45]. Of some there is no unit.
const MEASURANDS: [(&str, &str, &str); 22] = [
    ("Current.Export", "0.0", "A"),
    ("Current.Import", "15.9", "A"),
    ("Current.Offered", "16", "A"),
    ("Energy.Active.Export.Register", "0", "Wh"),
    ("Energy.Active.Import.Register", "1000", "Wh"),
    ("Energy.Reactive.Export.Register", "0", "varh"),
    ("Energy.Reactive.Import.Register", "12", "varh"),
    ("Energy.Active.Export.Interval", "0", "Wh"),
    ("Energy.Active.Import.Interval", "10", "Wh"),
    ("Energy.Reactive.Export.Interval", "0", "varh"),
    ("Energy.Reactive.Import.Interval", "1", "varh"),
    ("Frequency", "50.01", ""),
    ("Power.Active.Export", "0", "W"),
    ("Power.Active.Import", "11000", "W"),
    ("Power.Factor", "0.98", ""),
    ("Power.Offered", "11040", "W"),
    ("Power.Reactive.Export", "0", "var"),
    ("Power.Reactive.Import", "120", "var"),
    ("RPM", "900", ""),
    ("SoC", "42", "Percent"),
    ("Temperature", "-4.5", "Celsius"),
    ("Voltage", "230.4", "V"),
];

/// Units, each with something that is measured in it [1.6 §7.45].
const UNITS: [(&str, &str); 16] = [
    ("Wh", "Energy.Active.Import.Register"),
    ("kWh", "Energy.Active.Import.Register"),
    ("varh", "Energy.Reactive.Import.Register"),
    ("kvarh", "Energy.Reactive.Import.Register"),
    ("W", "Power.Active.Import"),
    ("kW", "Power.Active.Import"),
    ("VA", "Power.Offered"),
    ("kVA", "Power.Offered"),
    ("var", "Power.Reactive.Import"),
    ("kvar", "Power.Reactive.Import"),
    ("A", "Current.Import"),
    ("V", "Voltage"),
    ("Celsius", "Temperature"),
    ("Fahrenheit", "Temperature"),
    ("K", "Temperature"),
    ("Percent", "SoC"),
];

/// Why a reading was taken [1.6 §7.35].
const CONTEXTS: [&str; 8] = [
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
];

/// Where it was taken [1.6 §7.30].
const LOCATIONS: [&str; 5] = ["Body", "Cable", "EV", "Inlet", "Outlet"];

/// Between which lines [1.6 §7.34].
const PHASES: [&str; 10] = [
    "L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1",
];

/// How it is written [1.6 §7.49].
const FORMATS: [(&str, &str); 2] = [("Raw", "1000"), ("SignedData", "3A7F00C2D4")];

/// Now, in every form that ISO 8601 and RFC 3339 share: offsets, and fractions of any length [1.6 §3.15].
fn times() -> Vec<String> {
    let now = Timestamp::now();
    let at = |hours: i8, minutes: i32, form: &str| {
        let seconds = i32::from(hours) * 3_600 + minutes * 60;
        let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
        now.to_zoned(TimeZone::fixed(offset))
            .strftime(form)
            .to_string()
    };
    vec![
        at(0, 0, "%Y-%m-%dT%H:%M:%SZ"),
        at(0, 0, "%Y-%m-%dT%H:%M:%S%.1fZ"),
        at(0, 0, "%Y-%m-%dT%H:%M:%S%.3fZ"),
        at(0, 0, "%Y-%m-%dT%H:%M:%S%.6fZ"),
        at(0, 0, "%Y-%m-%dT%H:%M:%S+00:00"),
        at(1, 0, "%Y-%m-%dT%H:%M:%S%:z"),
        at(-3, -30, "%Y-%m-%dT%H:%M:%S%.3f%:z"),
        at(5, 45, "%Y-%m-%dT%H:%M:%S%.6f%:z"),
    ]
}

/// Each of the optional members alone, and all of them.
fn each_and_all(base: &Value, optional: &[(&str, Value)]) -> Vec<Value> {
    let with = |members: &[(&str, Value)]| {
        let mut payload = base.clone();
        for (name, value) in members {
            payload[*name] = value.clone();
        }
        payload
    };
    let one_by_one = optional
        .iter()
        .map(|member| with(std::slice::from_ref(member)));
    one_by_one.chain([with(optional)]).collect()
}

fn boots() -> Vec<Value> {
    let mut plain = boot_notification();
    if let Some(members) = plain.as_object_mut() {
        members.remove("firmwareVersion");
    }
    let optional = [
        ("chargeBoxSerialNumber", json!("BOX-0123456789")),
        ("chargePointSerialNumber", json!("CP-0123456789")),
        ("firmwareVersion", json!("1.0.17-rc.2+build.9")),
        ("iccid", json!("89310410106543789301")),
        ("imsi", json!("310150123456789")),
        ("meterSerialNumber", json!("METER-4711")),
        ("meterType", json!("Three phase, class B")),
    ];
    each_and_all(&plain, &optional)
}

fn status_notification(connector: u32, status: &str, error_code: &str) -> Value {
    json!({"connectorId": connector, "status": status, "errorCode": error_code})
}

fn statuses_with_members() -> Vec<Value> {
    let optional = [
        ("info", json!("Fan 2 \"rear\": 14 rpm")),
        ("timestamp", json!(minutes_ago(0))),
        ("vendorId", json!("org.example.maker")),
        ("vendorErrorCode", json!("E-0x17/2")),
    ];
    let mut all = each_and_all(&status_notification(1, "Faulted", "OtherError"), &optional);
    // What is no reason to stop is told with any status [1.6 §7.6].
    all.push(status_notification(1, "Charging", "WeakSignal"));
    all.push(status_notification(1, "Available", "NoError"));
    all
}

fn data_transfers() -> Vec<Value> {
    let optional = [
        ("messageId", json!("Hello")),
        ("data", json!("Grüße, 充電 \"x\"\\ \n{}")),
    ];
    each_and_all(&json!({"vendorId": "org.example.nobody"}), &optional)
}

/// One reading of one sample.
fn reading(sample: Value) -> Value {
    json!([{"timestamp": minutes_ago(0), "sampledValue": [sample]}])
}

fn readings<T>(words: &[T], sample: impl Fn(&T) -> Value) -> Vec<Value> {
    let of_word = |word: &T| json!({"connectorId": 1, "meterValue": reading(sample(word))});
    words.iter().map(of_word).collect()
}

/// A sample of the import register with a member more.
fn register_with(member: &str, value: &str) -> Value {
    let mut sample =
        json!({"value": "1000", "measurand": "Energy.Active.Import.Register", "unit": "Wh"});
    sample[member] = value.into();
    sample
}

/// Readings as meters of all kinds give them [1.6 §4.7, §6.31, §7.43].
fn meter_forms(transaction: Option<i64>) -> Vec<Value> {
    let optional = [
        ("context", json!("Sample.Clock")),
        ("format", json!("Raw")),
        ("measurand", json!("Energy.Active.Import.Register")),
        ("phase", json!("L2")),
        ("location", json!("Outlet")),
        ("unit", json!("Wh")),
    ];
    let plain = json!({"value": "1000"});
    let samples = each_and_all(&plain, &optional);
    let of_sample =
        |sample: &Value| json!({"connectorId": 1, "meterValue": reading(sample.clone())});
    let mut all = vec![of_sample(&plain)];
    all.extend(samples.iter().map(of_sample));
    all.push(of_sample(&json!({"value": "1.000", "unit": "kWh"})));
    all.push(of_sample(
        &json!({"value": "3A7F00C2D4", "format": "SignedData"}),
    ));
    all.push(of_sample(
        &json!({"value": "-12.75", "measurand": "Temperature", "unit": "Celsius"}),
    ));
    // Each phase, and the sum, in one reading.
    let lines = ["L1", "L2", "L3"].map(
        |line| json!({"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": line}),
    );
    let sum = json!({"value": "11040", "measurand": "Power.Active.Import", "unit": "W"});
    let samples: Vec<&Value> = lines.iter().chain([&sum]).collect();
    all.push(json!({"connectorId": 1,
        "meterValue": [{"timestamp": minutes_ago(0), "sampledValue": samples}]}));
    // Two readings in one message, and the meter of the whole charge point.
    let two =
        [1, 0].map(|minutes| json!({"timestamp": minutes_ago(minutes), "sampledValue": [plain]}));
    all.push(json!({"connectorId": 1, "meterValue": two}));
    all.push(
        json!({"connectorId": 0, "meterValue": reading(register_with("context", "Sample.Clock"))}),
    );
    if let Some(id) = transaction {
        let of_transaction = reading(register_with("context", "Sample.Periodic"));
        all.push(json!({"connectorId": 1, "transactionId": id, "meterValue": of_transaction}));
    }
    all
}

/// A text of so many characters.
fn long(length: usize) -> String {
    "Abc 123-".chars().cycle().take(length).collect()
}

/// Members that are as long as they may be [1.6 §6]; what is signed has no limit, and takes some thousands.
fn longest(action: &str) -> Option<Vec<Value>> {
    Some(match action {
        "BootNotification" => vec![
            json!({"chargePointVendor": long(20), "chargePointModel": long(20), "chargeBoxSerialNumber": long(25),
            "chargePointSerialNumber": long(25), "firmwareVersion": long(50), "iccid": long(20), "imsi": long(20),
            "meterSerialNumber": long(25), "meterType": long(25)}),
        ],
        "DataTransfer" => {
            vec![json!({"vendorId": long(255), "messageId": long(50), "data": long(4_000)})]
        }
        "MeterValues" => {
            let signed = register_with("format", "SignedData");
            let mut sample = signed.clone();
            sample["value"] = "3A7F00C2".repeat(500).into();
            let taken = minutes_ago(0);
            let many: Vec<Value> = (0..60)
                .map(|_| json!({"timestamp": taken, "sampledValue": [register_with("context", "Other")]}))
                .collect();
            vec![
                json!({"connectorId": 1, "meterValue": reading(sample)}),
                json!({"connectorId": 1, "meterValue": many}),
            ]
        }
        "StatusNotification" => {
            let mut payload = status_notification(1, "Faulted", "OtherError");
            let members =
                json!({"info": long(50), "vendorId": long(255), "vendorErrorCode": long(50)});
            adopt_members(&mut payload, &members);
            vec![payload]
        }
        _ => return None,
    })
}

/// Messages with every optional member, every word of an enumeration or every form of a time. Those of transactions
/// are made where they are sent.
fn messages(action: &str, what: &str) -> Option<Vec<Value>> {
    let status = |word: &&str| status_notification(1, word, "NoError");
    let fault = |word: &&str| {
        let status = if *word == "NoError" {
            "Available"
        } else {
            "Faulted"
        };
        status_notification(1, status, word)
    };
    Some(match (action, what) {
        (action, "member as long as it may be") => longest(action)?,
        ("BootNotification", "optional member") => boots(),
        ("DataTransfer", "optional member") => data_transfers(),
        ("MeterValues", "optional member") => meter_forms(None),
        ("StatusNotification", "optional member") => statuses_with_members(),
        ("StatusNotification", "status") => {
            let of_connector = STATUSES.iter().map(status);
            // The whole charge point has three of them [1.6 §4.9].
            let of_all = ["Faulted", "Unavailable", "Available"];
            let of_all = of_all.map(|word| status_notification(0, word, "NoError"));
            of_connector.chain(of_all).collect()
        }
        ("StatusNotification", "error code") => ERROR_CODES.iter().map(fault).collect(),
        ("StatusNotification", "form of a time") => {
            let of_time = |time: String| {
                let mut payload = status_notification(1, "Available", "NoError");
                payload["timestamp"] = time.into();
                payload
            };
            times().into_iter().map(of_time).collect()
        }
        ("MeterValues", "form of a time") => {
            let sample = register_with("context", "Sample.Periodic");
            let of_time = |time: String| json!({"connectorId": 1, "meterValue": [{"timestamp": time, "sampledValue": [sample]}]});
            times().into_iter().map(of_time).collect()
        }
        ("MeterValues", "measurand") => readings(&MEASURANDS, |(measurand, value, unit)| {
            let mut sample = json!({"value": value, "measurand": measurand});
            if !unit.is_empty() {
                sample["unit"] = (*unit).into();
            }
            sample
        }),
        ("MeterValues", "unit") => readings(
            &UNITS,
            |(unit, measurand)| json!({"value": "12", "measurand": measurand, "unit": unit}),
        ),
        ("MeterValues", "context") => readings(&CONTEXTS, |word| register_with("context", word)),
        ("MeterValues", "location") => readings(&LOCATIONS, |word| register_with("location", word)),
        ("MeterValues", "phase") => readings(&PHASES, |word| register_with("phase", word)),
        ("MeterValues", "format") => readings(
            &FORMATS,
            |(word, value)| json!({"value": value, "format": word, "measurand": "Energy.Active.Import.Register"}),
        ),
        ("Authorize", "kind of tag") => [
            "X",
            "a-Z_9 #@.x?/0123:=Q",
            "{\"tag\":'&<%>\\'}",
            "+49 171 555 012",
        ]
        .map(|tag| json!({"idTag": tag}))
        .to_vec(),
        _ => return None,
    })
}

/// Sends one call and waits for its answer.
async fn ask(station: &mut StationRole, action: &str, payload: Value) -> Option<Message> {
    station.talk.command_that_may_fail(action, payload).await;
    station.talk.answer().await.ok()
}

/// Sends calls until one is not answered; a later step judges the answers.
async fn send_all(station: &mut StationRole, calls: Vec<Call>) {
    station.talk.mark(SERIES);
    for (action, payload) in calls {
        if ask(station, action, payload).await.is_none() {
            break;
        }
    }
}

/// Sessions with one difference each: what a start or a stop has beyond its plain members.
async fn sessions(station: &mut StationRole, tag: &str, differences: Vec<(&'static str, Value)>) {
    station.talk.mark(SERIES);
    for (action, members) in differences {
        let mut begun = start(station, 1, tag, minutes_ago(0));
        if action == "StartTransaction" {
            adopt_members(&mut begun, &members);
        }
        let answer = ask(station, "StartTransaction", begun).await;
        let Some(Message::Result { payload, .. }) = answer else {
            return;
        };
        let Some(id) = payload["transactionId"].as_i64() else {
            return;
        };
        station.talk.transaction = Some(id);
        let mut ended = stop(station, id, "Local", minutes_ago(0));
        if action == "StopTransaction" {
            adopt_members(&mut ended, &members);
        }
        if ask(station, "StopTransaction", ended).await.is_none() {
            return;
        }
    }
}

/// Takes members over; `null` takes one away.
fn adopt_members(payload: &mut Value, members: &Value) {
    let (Some(payload), Some(members)) = (payload.as_object_mut(), members.as_object()) else {
        return;
    };
    for (name, value) in members {
        if value.is_null() {
            payload.remove(name);
        } else {
            payload.insert(name.clone(), value.clone());
        }
    }
}

/// What a stop may carry [1.6 §6.49].
fn stop_members(tag: &str) -> Vec<Value> {
    let sample = |context: &str| register_with("context", context);
    let begin = json!({"timestamp": minutes_ago(1), "sampledValue": [sample("Transaction.Begin")]});
    let end = json!({"timestamp": minutes_ago(0),
        "sampledValue": [sample("Transaction.End"), {"value": "42", "measurand": "SoC", "unit": "Percent"}]});
    let plain = json!({"reason": null});
    let mut all = vec![plain.clone()];
    let optional = [
        ("idTag", json!(tag)),
        ("reason", json!("Local")),
        ("transactionData", json!([begin, end])),
    ];
    all.extend(each_and_all(&plain, &optional));
    all
}

#[when(regex = r"^it sends (\w+) with each (.+)$")]
async fn sends_each(world: &mut World, action: String, what: String) -> StepResult {
    let action = match action.as_str() {
        "StartTransaction" => "StartTransaction",
        "StopTransaction" => "StopTransaction",
        other => return sends_messages(world, other, &what).await,
    };
    let tag = world.tag(TagWord::Known).await?;
    let members: Vec<Value> = match (action, what.as_str()) {
        (_, "form of a time") => times()
            .into_iter()
            .map(|time| json!({"timestamp": time}))
            .collect(),
        ("StartTransaction", "optional member") => vec![json!({}), json!({"reservationId": 17})],
        ("StopTransaction", "optional member") => stop_members(&tag),
        ("StopTransaction", "reason") => {
            REASONS.iter().map(|word| json!({"reason": word})).collect()
        }
        _ => return Err(Failure::new(format!("{action} has no {what}"))),
    };
    let differences = members
        .into_iter()
        .map(|members| (action, members))
        .collect();
    sessions(world.station()?, &tag, differences).await;
    DONE
}

async fn sends_messages(world: &mut World, action: &str, what: &str) -> StepResult {
    let wanted = [
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "MeterValues",
        "StatusNotification",
    ];
    let known = wanted.into_iter().find(|name| *name == action);
    let (Some(action), Some(payloads)) = (known, messages(action, what)) else {
        return Err(Failure::new(format!("{action} has no {what}")));
    };
    let calls = payloads.into_iter().map(|payload| (action, payload));
    send_all(world.station()?, calls.collect()).await;
    DONE
}

#[when("it sends meter values of the transaction in every form")]
async fn sends_meter_forms(world: &mut World) -> StepResult {
    let station = world.station()?;
    let id = station.talk.transaction;
    let id = id.ok_or_else(|| Failure::new("no transaction runs"))?;
    let forms = meter_forms(Some(id)).into_iter();
    let calls = forms.map(|mut payload| {
        if payload["connectorId"] == 1 {
            payload["transactionId"] = id.into();
        }
        ("MeterValues", payload)
    });
    send_all(station, calls.collect()).await;
    DONE
}

/// Ids are texts of up to 36 characters, whatever they are made of [1.6J §4.1.4].
#[when("it sends heartbeats under ids of every kind")]
async fn sends_ids(world: &mut World) -> StepResult {
    let station = world.station()?;
    let number = Timestamp::now().as_nanosecond();
    let guid = format!(
        "{:08x}-1c3d-4e5f-8a9b-{:012x}",
        number as u32,
        number & 0xffff_ffff_ffff
    );
    let ids = [
        guid,
        format!("{number}-\"quoted\"/\\"),
        format!("Zähler ✓ {}", number % 1_000_000),
        "7".to_owned(),
    ];
    station.talk.mark(SERIES);
    for id in ids {
        station.talk.begin_act();
        station
            .talk
            .line
            .send(json!([2, id, "Heartbeat", {}]).to_string())
            .await;
        station.talk.last_call = Some((id, "Heartbeat".to_owned()));
        if station.talk.answer().await.is_err() {
            break;
        }
    }
    DONE
}

/// Every message without each member that it needs [1.6 §6].
#[when("it sends every message without each member that it needs")]
async fn lacks_members(world: &mut World) -> StepResult {
    let sample = reading(json!({"value": "1000"}));
    let whole: [(&str, Value); 7] = [
        ("Authorize", json!({"idTag": "X"})),
        (
            "BootNotification",
            json!({"chargePointVendor": "Dynamo", "chargePointModel": "Scripted"}),
        ),
        ("DataTransfer", json!({"vendorId": "org.example.nobody"})),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": sample}),
        ),
        (
            "StartTransaction",
            json!({"connectorId": 1, "idTag": "X", "meterStart": 0, "timestamp": minutes_ago(0)}),
        ),
        (
            "StatusNotification",
            status_notification(1, "Available", "NoError"),
        ),
        (
            "StopTransaction",
            json!({"transactionId": 1, "meterStop": 0, "timestamp": minutes_ago(0)}),
        ),
    ];
    let calls = whole.into_iter().flat_map(|(action, payload)| {
        let names: Vec<String> = payload
            .as_object()
            .into_iter()
            .flat_map(|members| members.keys().cloned())
            .collect();
        names.into_iter().map(move |name| {
            let mut payload = payload.clone();
            payload.as_object_mut().map(|members| members.remove(&name));
            (action, payload)
        })
    });
    send_all(world.station()?, calls.collect()).await;
    DONE
}

/// A connector is a number, and a payload an object.
#[when("it sends messages with a text where a number or an object belongs")]
async fn sends_texts(world: &mut World) -> StepResult {
    let sample = reading(json!({"value": "1000"}));
    let calls = vec![
        (
            "MeterValues",
            json!({"connectorId": "one", "meterValue": sample}),
        ),
        (
            "StartTransaction",
            json!({"connectorId": "one", "idTag": "X", "meterStart": 0, "timestamp": minutes_ago(0)}),
        ),
        (
            "StatusNotification",
            json!({"connectorId": "one", "status": "Available", "errorCode": "NoError"}),
        ),
        ("StatusNotification", json!("hello")),
        ("MeterValues", json!([])),
    ];
    send_all(world.station()?, calls).await;
    DONE
}

/// Readings that a check may find wrong [1.6 §4.7].
#[when("it sends odd readings")]
async fn odd_readings(world: &mut World) -> StepResult {
    let station = world.station()?;
    let with = |value: &str, time: String| {
        json!([{"timestamp": time, "sampledValue": [
            {"value": value, "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]}])
    };
    let now = || minutes_ago(0);
    let mut calls = vec![
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("5000", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("4000", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("NaN", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("1", "2000-01-01T00:00:00Z".into())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("1", minutes_ago(-24 * 60))}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 99, "meterValue": with("1", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "transactionId": 2_000_000_011, "meterValue": with("1", now())}),
        ),
    ];
    if let Some(id) = station.talk.transaction {
        let late =
            json!({"connectorId": 1, "transactionId": id, "meterValue": with("6000", now())});
        calls.push(("MeterValues", late));
    }
    send_all(station, calls).await;
    DONE
}

/// Starts and stops that a check may find wrong [1.6 §4.8, §4.10].
#[when("it tells of odd sessions")]
async fn odd_sessions(world: &mut World) -> StepResult {
    let tag = world.tag(TagWord::Known).await?;
    let station = world.station()?;
    let tomorrow = minutes_ago(-24 * 60);
    let other = json!([{"timestamp": minutes_ago(0), "sampledValue": [{"value": "50", "measurand": "Frequency"}]}]);
    let differences = vec![
        ("StartTransaction", json!({"meterStart": 0})),
        (
            "StartTransaction",
            json!({"timestamp": "2000-01-01T00:00:00Z"}),
        ),
        ("StartTransaction", json!({"timestamp": tomorrow})),
        ("StartTransaction", json!({"connectorId": 99})),
        ("StopTransaction", json!({"meterStop": 0})),
        (
            "StopTransaction",
            json!({"timestamp": "2000-01-01T00:00:00Z"}),
        ),
        ("StopTransaction", json!({"timestamp": tomorrow})),
        ("StopTransaction", json!({"transactionData": other})),
    ];
    sessions(station, &tag, differences).await;
    DONE
}

/// Ends what runs on all connectors.
#[when("it stops every transaction")]
async fn stops_all(world: &mut World) -> StepResult {
    let station = world.station()?;
    let ids: Vec<i64> = {
        let log = station.talk.line.log();
        let results =
            log.entries
                .iter()
                .filter_map(|entry| match entry.frame(Direction::FromSut)? {
                    Message::Result { payload, .. } => payload["transactionId"].as_i64(),
                    _ => None,
                });
        results.collect()
    };
    let calls = ids.into_iter().map(|id| {
        (
            "StopTransaction",
            stop(station, id, "Local", minutes_ago(0)),
        )
    });
    let calls: Vec<Call> = calls.collect();
    send_all(station, calls).await;
    DONE
}

/// What became of the messages of a series, each in words.
#[derive(Debug, Default)]
struct Answered {
    with_a_result: Vec<String>,
    /// With the code of the error.
    with_an_error: Vec<(String, String)>,
    not_at_all: Vec<String>,
}

fn answered(station: &StationRole) -> Result<Answered, Failure> {
    let missing = || Failure::new("no step before this one has sent anything");
    let from = *station.talk.marks.get(SERIES).ok_or_else(missing)?;
    let (last, last_action) = station.talk.last_call.as_ref().ok_or_else(missing)?;
    let log = station.talk.line.log();
    let mut found = Answered::default();
    let calls = log.entries.iter().skip(from).filter_map(Entry::call_to_sut);
    let mut was_sent = false;
    for (id, action, payload) in calls {
        was_sent |= id == last;
        let call = format!("{action} {payload}");
        let index = log.answer_to(id);
        match index.and_then(|index| log.entries[index].frame(Direction::FromSut)) {
            Some(Message::Error { code, .. }) => found.with_an_error.push((call, code.clone())),
            Some(_) => found.with_a_result.push(call),
            None => found.not_at_all.push(call),
        }
    }
    if !was_sent {
        let call = format!("{last_action}, which the line was down for");
        found.not_at_all.push(call);
    }
    Ok(found)
}

/// The first of many texts.
fn first(texts: &[String]) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let shown = texts[..texts.len().min(SHOWN)].join("; ");
    if more == 0 {
        shown
    } else {
        format!("{shown}; and {more} more")
    }
}

impl Answered {
    /// A call has an answer, whatever it is [1.6J §4.1.1].
    fn every_call(&self) -> StepResult {
        if self.not_at_all.is_empty() {
            return DONE;
        }
        let calls = first(&self.not_at_all);
        Err(Failure::new(format!(
            "the CSMS never answered {calls} [1.6J §4.1.1]"
        )))
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.with_an_error.iter();
        errors
            .map(|(call, code)| format!("{call} with the error {code}"))
            .collect()
    }
}

#[then("the CSMS acknowledges each")]
async fn acknowledges_each(world: &mut World) -> StepResult {
    let answered = answered(world.station()?)?;
    answered.every_call()?;
    let errors = answered.errors();
    if errors.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "the CSMS answered {}",
        first(&errors)
    )))
}

/// Its checks should not keep a CSMS from acknowledging what happened [1.6 §4.7, §4.8, §4.10].
#[then("the CSMS answers each; an error is warned about")]
async fn answers_each(world: &mut World) -> StepResult {
    let answered = answered(world.station()?)?;
    answered.every_call()?;
    let errors = answered.errors();
    if !errors.is_empty() {
        let errors = first(&errors);
        world.warn(format!(
            "the CSMS answered {errors}; what it finds odd it should acknowledge all the same [1.6 §4.7, §4.8, §4.10]"
        ));
    }
    DONE
}

#[then("the CSMS refuses each")]
async fn refuses_each(world: &mut World) -> StepResult {
    let answered = answered(world.station()?)?;
    answered.every_call()?;
    if !answered.with_a_result.is_empty() {
        return Err(Failure::new(format!(
            "the CSMS answered with a result to {}",
            first(&answered.with_a_result)
        )));
    }
    let odd = |code: &str| {
        matches!(
            code,
            "InternalError" | "NotImplemented" | "NotSupported" | "SecurityError"
        )
    };
    let errors = answered.with_an_error.iter().filter(|(_, code)| odd(code));
    let errors: Vec<String> = errors
        .map(|(call, code)| format!("{call} with {code}"))
        .collect();
    if !errors.is_empty() {
        let errors = first(&errors);
        world.warn(format!(
            "the CSMS refused {errors}; that is not what is wrong with it [1.6J §4.2.3]"
        ));
    }
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamo_protocol::RawValue;
    use dynamo_protocol::decode::Decoding;
    use dynamo_protocol::v16::Action;

    #[test]
    fn what_is_sent_in_every_form_obeys_the_schema() {
        let strict = |action: &str, payload: &Value| {
            let raw = RawValue::from_string(payload.to_string()).unwrap();
            let action = Action::from_wire(action).unwrap();
            let checked = Decoding::strict().check_request(action, &raw);
            assert!(checked.is_ok(), "{action} {payload}: {checked:?}");
        };
        let kinds = [
            ("Authorize", "kind of tag"),
            ("BootNotification", "member as long as it may be"),
            ("DataTransfer", "member as long as it may be"),
            ("MeterValues", "member as long as it may be"),
            ("StatusNotification", "member as long as it may be"),
            ("BootNotification", "optional member"),
            ("DataTransfer", "optional member"),
            ("MeterValues", "context"),
            ("MeterValues", "form of a time"),
            ("MeterValues", "format"),
            ("MeterValues", "location"),
            ("MeterValues", "measurand"),
            ("MeterValues", "optional member"),
            ("MeterValues", "phase"),
            ("MeterValues", "unit"),
            ("StatusNotification", "error code"),
            ("StatusNotification", "form of a time"),
            ("StatusNotification", "optional member"),
            ("StatusNotification", "status"),
        ];
        for (action, what) in kinds {
            for payload in messages(action, what).unwrap() {
                strict(action, &payload);
            }
        }
        let stop = json!({"transactionId": 1, "meterStop": 0, "timestamp": minutes_ago(0), "reason": "Local"});
        let reasons = REASONS.iter().map(|word| json!({"reason": word}));
        for members in stop_members("X").into_iter().chain(reasons) {
            let mut stop = stop.clone();
            adopt_members(&mut stop, &members);
            strict("StopTransaction", &stop);
        }
    }

    #[test]
    fn every_form_of_a_time_is_the_same_moment() {
        let times = times();
        let of = |text: &String| text.parse::<Timestamp>().unwrap().as_second();
        assert!(
            times.windows(2).all(|pair| of(&pair[0]) == of(&pair[1])),
            "{times:?}"
        );
        assert!(
            times.iter().any(|time| time.ends_with("-03:30")),
            "{times:?}"
        );
    }
}
