//! What charge points of many makers send: every optional member, every word of an enumeration, every form of a time.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::words::{
    CONTEXTS, ERROR_CODES, FORMATS, LOCATIONS, MEASURANDS, PHASES, STATUSES, UNITS,
};
use crate::wire::script::minutes_ago;

/// Now, in every form that ISO 8601 and RFC 3339 share: offsets, and fractions of any length [1.6 §3.15].
pub(crate) fn times() -> Vec<String> {
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
    let plain = json!({"chargePointVendor": "Dynamo", "chargePointModel": "Scripted"});
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

pub(crate) fn status_notification(connector: u32, status: &str, error_code: &str) -> Value {
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
pub(crate) fn reading(sample: Value) -> Value {
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
pub(crate) fn meter_forms(transaction: Option<i64>) -> Vec<Value> {
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
pub(crate) fn messages(action: &str, what: &str) -> Option<Vec<Value>> {
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

/// Takes members over; `null` takes one away.
pub(crate) fn adopt_members(payload: &mut Value, members: &Value) {
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
pub(crate) fn stop_members(tag: &str) -> Vec<Value> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::v16::words::REASONS;
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
