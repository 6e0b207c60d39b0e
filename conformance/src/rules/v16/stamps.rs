//! A charge point tells the time it was told.

use std::time::{Duration, SystemTime};

use crate::rules::{Breach, Rule};
use crate::wire::entry::Entry;
use crate::words::quoted;

static STAMP_OF_NOW: Rule = Rule::must("ocpp16-stamp-of-now");

/// What a charge point dates happened while the record ran: it was told the time [1.6 §4.2, §4.6].
pub(in crate::rules) fn time_stamps_are_of_now(entries: &[Entry], found: &mut Vec<Breach>) {
    const SLACK: Duration = Duration::from_secs(60);
    const LONG_AGO: Duration = Duration::from_secs(365 * 86_400);
    let Some(begun) = entries.first().map(|entry| entry.at) else {
        return;
    };
    for entry in entries {
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        let of_readings = ["meterValue", "transactionData"]
            .into_iter()
            .filter_map(|member| payload[member].as_array())
            .flatten();
        let stamps = of_readings.chain([payload]);
        let wrong = stamps.filter_map(|dated| {
            let text = dated["timestamp"].as_str()?;
            let stamp: jiff::Timestamp = text.parse().ok()?;
            let stamp = SystemTime::from(stamp);
            // A status may carry the time of its last change.
            let past = if action == "StatusNotification" {
                LONG_AGO
            } else {
                SLACK
            };
            (stamp > entry.at + SLACK || stamp + past < begun).then_some(text)
        });
        if let Some(text) = wrong.take(1).next() {
            found.push(STAMP_OF_NOW.broken(format!(
                "its {action} is dated {}, which is not the time it was told [1.6 §4.2, §4.6]",
                quoted(text)
            )));
        }
    }
}
