//! Liberties of charge points.

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::{
    afterwards, escaped, microseconds, pretty, slow, times, two_hours_east, whole_seconds,
    zero_offset,
};
use crate::benign::Liberty;
use crate::wire::bend::{answers, calls};
use crate::wire::fate::Bend;
use crate::wire::script::now;

/// After its boot it says this, unasked.
fn says(action: &'static str, payload: fn() -> Value) -> Box<dyn Bend> {
    // Behind the statuses of its connectors.
    afterwards(("StatusNotification", 3, Direction::ToSut), action, payload)
}

/// Changes each sample of each reading.
fn samples(mut change: impl FnMut(&mut Value) + Send + 'static) -> Box<dyn Bend> {
    readings(move |samples| samples.iter_mut().for_each(&mut change))
}

/// Changes the samples of each reading.
fn readings(mut change: impl FnMut(&mut Vec<Value>) + Send + 'static) -> Box<dyn Bend> {
    calls("MeterValues", move |payload| {
        let readings = payload["meterValue"].as_array_mut();
        for reading in readings.into_iter().flatten() {
            if let Some(samples) = reading["sampledValue"].as_array_mut() {
                change(samples);
            }
        }
    })
}

/// One more sample in each reading, made of those that are there.
fn one_more(sample: fn(&Value) -> Value) -> Box<dyn Bend> {
    readings(move |samples| {
        if let Some(first) = samples.first().cloned() {
            samples.push(sample(&first));
        }
    })
}

fn with(sample: &Value, member: &str, value: &str) -> Value {
    let mut sample = sample.clone();
    sample[member] = value.into();
    sample
}

fn remove(value: &mut Value, member: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(member);
    }
}

pub(in crate::benign) static ALL: &[Liberty] = &[
    Liberty {
        name: "whole seconds",
        because: "a time needs no fraction [1.6 §3.15]",
        make: || times(whole_seconds),
    },
    Liberty {
        name: "microseconds",
        because: "a time may have more decimals [1.6 §3.15]",
        make: || times(microseconds),
    },
    Liberty {
        name: "an offset of zero",
        because: "+00:00 is UTC [1.6 §3.15]",
        make: || times(zero_offset),
    },
    Liberty {
        name: "an offset of two hours",
        because: "UTC is recommended, and no more [1.6 §3.15]",
        make: || times(two_hours_east),
    },
    Liberty {
        name: "blanks in its JSON",
        because: "blanks between members mean nothing [RFC 8259 §2]",
        make: pretty,
    },
    Liberty {
        name: "letters as escapes",
        because: "a letter and its escape are the same [RFC 8259 §7]",
        make: escaped,
    },
    Liberty {
        name: "takes a third of a second to answer",
        because: "no answer is late before the time-out [1.6J §4.1.1]",
        make: || slow(Duration::from_millis(350)),
    },
    Liberty {
        name: "a heartbeat after its boot",
        because: "a heartbeat may come before its interval is over [1.6 §4.6]",
        make: || says("Heartbeat", || json!({})),
    },
    Liberty {
        name: "data of its vendor after its boot",
        because: "DataTransfer is the vendor's own affair [1.6 §4.3]",
        make: || {
            says(
                "DataTransfer",
                || json!({"vendorId": "org.example", "messageId": "hello", "data": "x"}),
            )
        },
    },
    Liberty {
        name: "a security event after its boot",
        because: "security events come when they happen [1.6 security §A]",
        make: || {
            says(
                "SecurityEventNotification",
                || json!({"type": "StartupOfTheDevice", "timestamp": now()}),
            )
        },
    },
    Liberty {
        name: "the state of its firmware after its boot",
        because: "an installation that is over is told after the restart [1.6 §4.5]",
        make: || {
            says(
                "FirmwareStatusNotification",
                || json!({"status": "Installed"}),
            )
        },
    },
    Liberty {
        name: "the register of the whole after its boot",
        because: "connector 0 is the main meter [1.6 §4.7]",
        make: || {
            says(
                "MeterValues",
                || json!({"connectorId": 0, "meterValue": [{"timestamp": now(), "sampledValue": [{"value": "900000"}]}]}),
            )
        },
    },
    Liberty {
        name: "all members of BootNotification",
        because: "each of them may be told [1.6 §6.3]",
        make: || {
            calls("BootNotification", |payload| {
                for (member, value) in [
                    ("chargeBoxSerialNumber", "B-1"),
                    ("chargePointSerialNumber", "S-1"),
                    ("firmwareVersion", "1.0"),
                    ("iccid", "8943"),
                    ("imsi", "2320"),
                    ("meterSerialNumber", "M-1"),
                    ("meterType", "DC"),
                ] {
                    payload[member] = value.into();
                }
            })
        },
    },
    Liberty {
        name: "no more than it must in BootNotification",
        because: "vendor and model are enough [1.6 §6.3]",
        make: || {
            calls("BootNotification", |payload| {
                *payload = json!({"chargePointVendor": payload["chargePointVendor"], "chargePointModel": payload["chargePointModel"]});
            })
        },
    },
    Liberty {
        name: "statuses with all their members",
        because: "info and the vendor's members may be told [1.6 §6.47]",
        make: || {
            calls("StatusNotification", |payload| {
                payload["info"] = "".into();
                payload["vendorId"] = "org.example".into();
                payload["vendorErrorCode"] = "0".into();
            })
        },
    },
    Liberty {
        name: "statuses without a time",
        because: "the time of a status may be left out [1.6 §6.47]",
        make: || calls("StatusNotification", |payload| remove(payload, "timestamp")),
    },
    Liberty {
        name: "tags in lower case",
        because: "tags have no case [1.6 §7.28]",
        make: || {
            let lower = |payload: &mut Value| {
                if let Some(tag) = payload["idTag"].as_str().map(str::to_lowercase) {
                    payload["idTag"] = tag.into();
                }
            };
            calls("StartTransaction", move |payload| lower(payload))
        },
    },
    Liberty {
        name: "decimals in its readings",
        because: "a reading is a decimal number [1.6 §7.43]",
        make: || {
            samples(|sample| {
                if let Some(text) = sample["value"].as_str().filter(|text| !text.contains('.')) {
                    sample["value"] = format!("{text}.0").into();
                }
            })
        },
    },
    Liberty {
        name: "energy in kWh",
        because: "kWh is a unit of energy [1.6 §7.45]",
        make: || {
            samples(|sample| {
                let energy = sample["measurand"]
                    .as_str()
                    .is_none_or(|name| name.starts_with("Energy.Active"));
                let number = sample["value"]
                    .as_str()
                    .and_then(|text| text.parse::<f64>().ok());
                if let (true, Some(wh)) = (energy && sample["unit"] != "kWh", number) {
                    sample["value"] = format!("{:.3}", wh / 1_000.0).into();
                    sample["unit"] = "kWh".into();
                }
            })
        },
    },
    Liberty {
        name: "leaves out what has a default",
        because: "context, measurand, unit and location have defaults [1.6 §7.43]",
        make: || {
            samples(|sample| {
                if sample["measurand"] == "Energy.Active.Import.Register" && sample["unit"] == "Wh"
                {
                    remove(sample, "measurand");
                    remove(sample, "unit");
                }
                if sample["context"] == "Sample.Periodic" {
                    remove(sample, "context");
                }
                if sample["location"] == "Outlet" {
                    remove(sample, "location");
                }
            })
        },
    },
    Liberty {
        name: "says what has a default",
        because: "a default may be said [1.6 §7.43]",
        make: || {
            samples(|sample| {
                for (member, value) in [
                    ("context", "Sample.Periodic"),
                    ("location", "Outlet"),
                    ("format", "Raw"),
                ] {
                    if sample[member].is_null() {
                        sample[member] = value.into();
                    }
                }
            })
        },
    },
    Liberty {
        name: "a second location",
        because: "a measurand can be measured at several locations [1.6 §7.21]",
        make: || {
            one_more(|sample| {
                let inlet = with(sample, "location", "Inlet");
                let number = sample["value"]
                    .as_str()
                    .and_then(|text| text.parse::<f64>().ok());
                let more = number.map_or(0.0, |number| number * 1.05 + 7.0);
                with(&inlet, "value", &format!("{more:.0}"))
            })
        },
    },
    Liberty {
        name: "a phase beside the sum",
        because: "a value may be of one phase [1.6 §7.34]",
        make: || one_more(|sample| with(sample, "phase", "L1")),
    },
    Liberty {
        name: "signed data beside the raw value",
        because: "a reading may be signed [1.6 §7.52]",
        make: || {
            one_more(|sample| {
                let signed = with(sample, "format", "SignedData");
                with(&signed, "value", "OCMF|signed")
            })
        },
    },
    Liberty {
        name: "an element for each measurand",
        because: "readings of one time may stand in several elements [1.6 §4.7]",
        make: || {
            calls("MeterValues", |payload| {
                let readings = payload["meterValue"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let split = readings.iter().flat_map(|reading| {
                    let samples = reading["sampledValue"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default();
                    let time = reading["timestamp"].clone();
                    samples
                        .into_iter()
                        .map(move |sample| json!({"timestamp": time, "sampledValue": [sample]}))
                });
                payload["meterValue"] = split.collect();
            })
        },
    },
    Liberty {
        name: "leaves the reason Local out",
        because: "a missing reason means Local [1.6 §6.49]",
        make: || {
            calls("StopTransaction", |payload| {
                if payload["reason"] == "Local" {
                    remove(payload, "reason");
                }
            })
        },
    },
    Liberty {
        name: "an empty list of unknown keys",
        because: "a list may be empty [1.6 §6.24]",
        make: || {
            answers("GetConfiguration", |payload| {
                if payload["unknownKey"].is_null() {
                    payload["unknownKey"] = json!([]);
                }
            })
        },
    },
    Liberty {
        name: "writes true in capitals",
        because: "values of keys have no case where they are words [1.6 §9]",
        make: || {
            answers("GetConfiguration", |payload| {
                let keys = payload
                    .get_mut("configurationKey")
                    .and_then(Value::as_array_mut);
                for key in keys.into_iter().flatten() {
                    if let Some(word @ ("true" | "false")) = key["value"].as_str() {
                        key["value"] = word.to_uppercase().into();
                    }
                }
            })
        },
    },
];
