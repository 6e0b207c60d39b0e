//! What came of a run: one value, written as JSON, HTML, JUnit and a table for the terminal.

mod file;
mod html;
mod junit;
mod summary;

use std::path::Path;

use serde::Serialize;

pub(crate) use summary::summary;

use crate::InputError;
use crate::figures::{Calls, ChargePoints, Connections, RefusedIdTag, Transactions};
use crate::thresholds::Judged;

/// The result of a run. Its JSON form is part of the product's outside.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The scenario.
    pub(crate) name: String,
    /// The URL of the CSMS.
    pub(crate) csms: String,
    /// How time ran: `real`, or `scaled` by `speed`.
    pub(crate) mode: &'static str,
    pub(crate) speed: f64,
    pub(crate) seed: u64,
    /// Of the program that wrote it.
    pub(crate) version: &'static str,
    /// RFC 3339.
    pub(crate) started_at: String,
    /// Real seconds from the first charge point's start to the last one's end.
    pub(crate) duration_s: f64,
    pub(crate) charge_points: ChargePoints,
    pub(crate) calls: Calls,
    pub(crate) transactions: Transactions,
    pub(crate) connections: Connections,
    /// Most frequent first.
    pub(crate) refused_id_tags: Vec<RefusedIdTag>,
    /// How the run ended: `duration`, `stopped` by a signal, or `cut_off` by a second one.
    pub(crate) ended: Ended,
    pub(crate) thresholds: Vec<Judged>,
}

/// Why a run was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    /// Its time was over.
    Duration,
    /// It was told to end, and did so in order or when the time for that was over.
    Stopped,
    /// It was told to end at once: what was under way is not in the report.
    CutOff,
}

/// What a report file holds, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Json,
    Html,
    JUnit,
}

impl ReportFormat {
    pub(crate) fn of(path: &Path) -> Result<Self, InputError> {
        match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("json") => Ok(Self::Json),
            Some("html") => Ok(Self::Html),
            Some("xml") => Ok(Self::JUnit),
            _ => Err(InputError::new(format!(
                "cannot tell the format of the report {}; let it end in .json, .html or .xml",
                path.display()
            ))),
        }
    }
}

impl Report {
    /// Writes one report file.
    pub(crate) fn write(&self, format: ReportFormat, path: &Path) -> Result<(), InputError> {
        let text = match format {
            ReportFormat::Json => {
                let mut text = serde_json::to_string_pretty(self)
                    .expect("a report has string keys and no failing serialisers");
                text.push('\n');
                text
            }
            ReportFormat::Html => html::page(self),
            ReportFormat::JUnit => junit::document(self),
        };
        file::write_whole(path, &text).map_err(|error| unwritable(path, &error))
    }
}

/// Says before a run that its report could not be written after it; leaves no file behind.
pub(crate) fn ensure_writable(path: &Path) -> Result<(), InputError> {
    file::try_out(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> InputError {
    InputError::new(format!(
        "cannot write the report {}: {error}; give --report a file that can be written",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{CallEnd, Tally};
    use std::time::Duration;

    pub(super) fn sample() -> Report {
        let tally = Tally::default();
        for ms in 1..=100 {
            tally.call(0, "Heartbeat", &CallEnd::Ok, Duration::from_millis(ms));
        }
        Report {
            name: "<day>".into(),
            csms: "ws://127.0.0.1:9000".into(),
            mode: "real",
            speed: 1.0,
            seed: 42,
            version: "0.1.0",
            started_at: "2026-01-01T00:00:00Z".into(),
            duration_s: 60.5,
            charge_points: ChargePoints {
                planned: 10,
                connected: 10,
                accepted: 9,
            },
            calls: tally.calls(),
            transactions: Transactions::default(),
            connections: Connections::default(),
            refused_id_tags: Vec::new(),
            ended: Ended::Duration,
            thresholds: vec![Judged {
                name: "accepted",
                ok: false,
                value: 9.0,
                limit: 10.0,
                at_least: true,
            }],
        }
    }

    #[test]
    fn the_json_has_the_fields_that_scripts_read() {
        let json = serde_json::to_value(sample()).unwrap();
        for pointer in [
            "/charge_points/planned",
            "/charge_points/connected",
            "/charge_points/accepted",
            "/calls/sent",
            "/calls/ok",
            "/calls/error",
            "/calls/timeout",
            "/calls/by_action/Heartbeat/sent",
            "/calls/by_action/Heartbeat/ok",
            "/calls/by_action/Heartbeat/error",
            "/calls/by_action/Heartbeat/timeout",
            "/calls/by_action/Heartbeat/latency_ms/p50",
            "/calls/by_action/Heartbeat/latency_ms/p95",
            "/calls/by_action/Heartbeat/latency_ms/p99",
            "/calls/by_action/Heartbeat/latency_ms/max",
            "/transactions/started",
            "/transactions/stopped",
            "/transactions/energy_wh",
            "/connections/opened",
            "/connections/lost",
            "/connections/reopened",
            "/thresholds/0/name",
            "/thresholds/0/ok",
            "/thresholds/0/value",
            "/seed",
        ] {
            assert!(json.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn a_failed_threshold_is_a_failed_case() {
        let xml = junit::document(&sample());
        assert!(xml.contains("failures=\"1\""), "{xml}");
        assert!(xml.contains("accepted: 9, wanted at least 10"), "{xml}");
    }

    #[test]
    fn the_page_is_whole_and_escaped() {
        let page = html::page(&sample());
        assert!(page.contains("&lt;day&gt;") && !page.contains("<day>"));
        assert!(page.contains("Heartbeat") && page.contains("accepted"));
        // It must be readable without a network.
        assert!(!page.contains("src=") && !page.contains("<link"));
    }

    #[test]
    fn the_summary_has_a_line_for_each_action_and_threshold() {
        let text = summary(&sample());
        for part in [
            "Heartbeat",
            "cut off",
            "FAILED",
            "accepted: 9",
            "10 planned",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
