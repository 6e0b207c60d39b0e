//! What is legal and refused, form by form.

use serde_json::Value;

use super::{refuses, sample, time_of};
use crate::defect::Frames;

fn has_offset(payload: &Value) -> bool {
    let time = time_of(payload);
    !time.is_empty() && !time.ends_with('Z')
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "takes no meter of a maker",
        breaks: "a boot may tell of the meter [1.6 §6.3]",
        make: || {
            refuses("BootNotification", |payload| {
                payload.get("meterType").is_some()
            })
        },
    },
    Frames {
        name: "takes data in ASCII alone",
        breaks: "messages are UTF-8 [1.6J §4.1.2]",
        make: || {
            refuses("DataTransfer", |payload| {
                payload["data"]
                    .as_str()
                    .is_some_and(|data| !data.is_ascii())
            })
        },
    },
    Frames {
        name: "knows few contexts",
        breaks: "a reading has any context of the standard [1.6 §7.35]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload)["context"] == "Interruption.End"
            })
        },
    },
    Frames {
        name: "knows few locations",
        breaks: "a reading has any location of the standard [1.6 §7.30]",
        make: || refuses("MeterValues", |payload| sample(payload)["location"] == "EV"),
    },
    Frames {
        name: "knows few measurands",
        breaks: "a reading has any measurand of the standard [1.6 §7.31]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload)["measurand"] == "Power.Factor"
            })
        },
    },
    Frames {
        name: "knows few phases",
        breaks: "a reading has any phase of the standard [1.6 §7.34]",
        make: || refuses("MeterValues", |payload| sample(payload)["phase"] == "L3-L1"),
    },
    Frames {
        name: "knows few units",
        breaks: "a reading has any unit of the standard [1.6 §7.45]",
        make: || refuses("MeterValues", |payload| sample(payload)["unit"] == "kvarh"),
    },
    Frames {
        name: "takes no signed readings",
        breaks: "a reading may be signed [1.6 §7.49]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload)["format"] == "SignedData"
            })
        },
    },
    Frames {
        name: "wants to know what is measured",
        breaks: "a reading without a measurand is one of the import register [1.6 §7.43]",
        make: || {
            refuses("MeterValues", |payload| {
                sample(payload).get("measurand").is_none()
            })
        },
    },
    Frames {
        name: "takes one reading at a time",
        breaks: "a message has one reading or more [1.6 §6.31]",
        make: || {
            refuses("MeterValues", |payload| {
                payload["meterValue"]
                    .as_array()
                    .is_some_and(|all| all.len() > 1)
            })
        },
    },
    Frames {
        name: "takes no readings of the whole charge point",
        breaks: "connector 0 is the main meter [1.6 §4.7]",
        make: || refuses("MeterValues", |payload| payload["connectorId"] == 0),
    },
    Frames {
        name: "takes no reservation",
        breaks: "a start may end a reservation [1.6 §6.45]",
        make: || {
            refuses("StartTransaction", |payload| {
                payload.get("reservationId").is_some()
            })
        },
    },
    Frames {
        name: "knows few error codes",
        breaks: "a status has any error code of the standard [1.6 §7.6]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["errorCode"] == "WeakSignal"
            })
        },
    },
    Frames {
        name: "takes no error codes of makers",
        breaks: "a status may have an error code of the maker [1.6 §6.47]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload.get("vendorErrorCode").is_some()
            })
        },
    },
    Frames {
        name: "knows few statuses",
        breaks: "a connector has any status of the standard [1.6 §7.7]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["status"] == "Reserved"
            })
        },
    },
    Frames {
        name: "takes no readings with a stop",
        breaks: "a stop may carry readings [1.6 §6.49]",
        make: || {
            refuses("StopTransaction", |payload| {
                payload.get("transactionData").is_some()
            })
        },
    },
    Frames {
        name: "knows few reasons",
        breaks: "a transaction ends for any reason of the standard [1.6 §7.36]",
        make: || {
            refuses("StopTransaction", |payload| {
                payload["reason"] == "EmergencyStop"
            })
        },
    },
    Frames {
        name: "wants the time of a status in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("StatusNotification", has_offset),
    },
    Frames {
        name: "wants the time of a reading in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("MeterValues", has_offset),
    },
    Frames {
        name: "wants the time of a start in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("StartTransaction", has_offset),
    },
    Frames {
        name: "wants the time of a stop in UTC",
        breaks: "times may have an offset [1.6 §3.15]",
        make: || refuses("StopTransaction", has_offset),
    },
    Frames {
        name: "wants fractions of a second",
        breaks: "times may have fractions or none [1.6 §3.15]",
        make: || {
            refuses("StatusNotification", |payload| {
                !time_of(payload).is_empty() && !time_of(payload).contains('.')
            })
        },
    },
    Frames {
        name: "has no room for signed readings",
        breaks: "a signed reading has no limit [1.6 §7.43]",
        make: || {
            refuses("MeterValues", |payload| {
                payload.to_string().len() > 2_000 && sample(payload)["format"] == "SignedData"
            })
        },
    },
    Frames {
        name: "has no room for many readings",
        breaks: "a message has any number of readings [1.6 §6.31]",
        make: || {
            refuses("MeterValues", |payload| {
                payload["meterValue"]
                    .as_array()
                    .is_some_and(|all| all.len() > 20)
            })
        },
    },
    Frames {
        name: "has no room for long infos",
        breaks: "an info has up to 50 characters [1.6 §6.47]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["info"].as_str().is_some_and(|info| info.len() > 40)
            })
        },
    },
    Frames {
        name: "knows few statuses of the whole charge point",
        breaks: "connector 0 is Available, Unavailable or Faulted [1.6 §4.9]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["connectorId"] == 0 && payload["status"] != "Available"
            })
        },
    },
    Frames {
        name: "takes error codes with Faulted alone",
        breaks: "what is no reason to stop is told with any status [1.6 §7.6]",
        make: || {
            refuses("StatusNotification", |payload| {
                payload["errorCode"] == "WeakSignal" && payload["status"] == "Charging"
            })
        },
    },
];
