//! Readings, on their way and with a stop.

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::nothing;
use crate::defect::{Frames, becomes, calls, habit, never_calls};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Meter values stand a second beside where they belong.
fn measures_beside_the_clock() -> Box<dyn Bend> {
    calls("MeterValues", |payload| {
        for value in payload["meterValue"].as_array_mut().into_iter().flatten() {
            let stamp: Option<jiff::Timestamp> = value["timestamp"]
                .as_str()
                .and_then(|text| text.parse().ok());
            if let Some(stamp) = stamp {
                value["timestamp"] = (stamp + Duration::from_secs(1)).to_string().into();
            }
        }
    })
}

/// Every other call of an action is lost.
fn loses_every_other(action: &'static str) -> Box<dyn Bend> {
    let mut count = 0;
    never_calls(
        action,
        move |_| {
            count += 1;
            count % 2 == 0
        },
        nothing,
    )
}

/// Adds a sample to each StopTransaction.
fn adds_samples_to_stops() -> Box<dyn Bend> {
    calls("StopTransaction", |payload| {
        let sample =
            json!({"value": payload["meterStop"].to_string(), "context": "Sample.Periodic"});
        payload["transactionData"] =
            json!([{"timestamp": payload["timestamp"], "sampledValue": [sample]}]);
    })
}

/// Tells each sample once more, of the transaction before.
fn measures_for_another() -> Box<dyn Bend> {
    let mut told = Value::Null;
    let mut number = 0;
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "MeterValues" =>
        {
            told = payload.clone();
            None
        }
        Message::Result { id, payload }
            if direction == Direction::ToSut && action == "MeterValues" =>
        {
            number += 1;
            let before = told["transactionId"].as_i64()? - 1;
            told["transactionId"] = before.into();
            let again = json!([2, format!("before-{number}"), action, told]);
            Some(Fate {
                back: vec![again.to_string()],
                ..becomes(json!([3, id, payload]))
            })
        }
        _ => None,
    })
}

/// The first sample of a session does not come.
fn loses_the_first_sample() -> Box<dyn Bend> {
    let mut count = 0;
    never_calls(
        "MeterValues",
        move |_| {
            count += 1;
            count == 1
        },
        nothing,
    )
}

/// Measures what nobody has asked for.
fn measures_more() -> Box<dyn Bend> {
    calls("MeterValues", |payload| {
        let values = payload["meterValue"].as_array_mut();
        for value in values.into_iter().flatten() {
            if let Some(samples) = value["sampledValue"].as_array_mut() {
                let context = samples[0]["context"].clone();
                samples
                    .push(json!({"value": "21", "measurand": "Temperature", "context": context}));
            }
        }
    })
}

/// Energy flows on while the station says that it gives none.
fn charges_while_suspended() -> Box<dyn Bend> {
    let (mut suspended, mut more) = (false, 0);
    habit(move |direction, action, message| match message {
        Message::Call { payload, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            suspended = payload["status"] == "SuspendedEVSE";
            None
        }
        Message::Call { id, payload, .. }
            if suspended && direction == Direction::FromSut && action == "MeterValues" =>
        {
            let mut payload = payload.clone();
            more += 20;
            let sample = &mut payload["meterValue"][0]["sampledValue"][0];
            let value: f64 = sample["value"].as_str()?.parse().ok()?;
            sample["value"] = (value + f64::from(more)).to_string().into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Tells at the end all that it can measure.
fn measures_more_at_the_end() -> Box<dyn Bend> {
    calls("StopTransaction", |payload| {
        let data = payload
            .get_mut("transactionData")
            .and_then(Value::as_array_mut);
        for value in data.into_iter().flatten() {
            if let Some(samples) = value["sampledValue"].as_array_mut() {
                let context = samples[0]["context"].clone();
                samples
                    .push(json!({"value": "21", "measurand": "Temperature", "context": context}));
            }
        }
    })
}

/// The register in its StopTransaction is far beyond where the session ended.
fn tells_other_samples() -> Box<dyn Bend> {
    calls("StopTransaction", |payload| {
        let data = payload
            .get_mut("transactionData")
            .and_then(Value::as_array_mut);
        for value in data.into_iter().flatten() {
            let samples = value["sampledValue"].as_array_mut();
            for sample in samples.into_iter().flatten() {
                let beyond = sample["value"].as_str().and_then(|text| text.parse().ok());
                let beyond: f64 = beyond.unwrap_or(0.0) + 1_000_000.0;
                sample["value"] = beyond.to_string().into();
            }
        }
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "measures beside the clock",
        breaks: "aligned values stand on the aligned instants [1.6 §3.16.2]",
        make: measures_beside_the_clock,
    },
    Frames {
        name: "loses every other meter value",
        breaks: "a sample comes after each interval [1.6 §3.16.3]",
        make: || loses_every_other("MeterValues"),
    },
    Frames {
        name: "leaves out what it has sampled",
        breaks: "StopTransaction holds what StopTxnSampledData asks for [1.6 §9.1.27]",
        make: || {
            calls("StopTransaction", |payload| {
                payload
                    .as_object_mut()
                    .map(|members| members.remove("transactionData"));
            })
        },
    },
    Frames {
        name: "tells samples of another session at the end",
        breaks: "StopTransaction holds samples of its session [1.6 §6.49, §9.1.27]",
        make: tells_other_samples,
    },
    Frames {
        name: "tells all that it can measure at the end",
        breaks: "StopTransaction holds what StopTxnSampledData asks for [1.6 §9.1.27]",
        make: measures_more_at_the_end,
    },
    Frames {
        name: "tells one sample at the end",
        breaks: "StopTransaction holds a sample of each interval [1.6 §9.1.27]",
        make: || {
            calls("StopTransaction", |payload| {
                if let Some(data) = payload
                    .get_mut("transactionData")
                    .and_then(Value::as_array_mut)
                {
                    data.truncate(1);
                }
            })
        },
    },
    Frames {
        name: "adds samples to each stop",
        breaks: "with both lists empty StopTransaction holds none [1.6 §3.16.5]",
        make: adds_samples_to_stops,
    },
    Frames {
        name: "measures for another transaction",
        breaks: "MeterValues name the transaction that runs [1.6 §4.7]",
        make: measures_for_another,
    },
    Frames {
        name: "loses the first sample",
        breaks: "samples are counted from the start of the transaction [1.6 §9.1.19]",
        make: loses_the_first_sample,
    },
    Frames {
        name: "measures what nobody asked for",
        breaks: "samples hold what MeterValuesSampledData asks for [1.6 §9.1.17]",
        make: measures_more,
    },
    Frames {
        name: "charges while it is suspended",
        breaks: "a refused tag gets no more energy [1.6 §4.8]",
        make: charges_while_suspended,
    },
];
