//! What came of a run: one value, written as JSON, HTML, JUnit and a table for the terminal.

mod file;
mod html;
mod junit;
mod summary;

use std::path::Path;

use serde::Serialize;

pub(crate) use summary::summary;

use crate::InputError;
use crate::figures::{Calls, ChargePoints, Connections, Frames, RefusedIdTag, Transactions};
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
    pub(crate) frames: Frames,
    /// Most frequent first.
    pub(crate) refused_id_tags: Vec<RefusedIdTag>,
    /// How the run ended: `duration`, `stopped` by a signal, or `cut_off` by a second one.
    pub(crate) ended: Ended,
    /// What came of it all.
    pub(crate) verdict: ReportVerdict,
    pub(crate) thresholds: Vec<Judged>,
    /// Somebody was to come and charge.
    #[serde(skip)]
    pub(crate) sessions_wanted: bool,
}

/// The exit code in a word, unless a file could not be written: 0, 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportVerdict {
    /// Every threshold held.
    Held,
    /// One did not.
    Failed,
    /// The run was ended at once: what its thresholds say is about a part of it.
    CutOff,
}

impl ReportVerdict {
    pub(crate) fn of(ended: Ended, thresholds: &[Judged]) -> Self {
        match ended {
            Ended::CutOff => Self::CutOff,
            _ if thresholds.iter().all(|judged| judged.ok) => Self::Held,
            _ => Self::Failed,
        }
    }
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
    /// What a reader must know before the figures, one sentence each.
    fn remarks(&self) -> Vec<String> {
        let cut_off = (self.ended == Ended::CutOff).then(|| {
            "ended at once by a second signal: what was under way then is not counted".to_owned()
        });
        cut_off.into_iter().chain(self.warnings()).collect()
    }

    /// What went wrong beside the thresholds, one sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let points = &self.charge_points;
        let none_due = self.sessions_wanted && points.sessions_due == 0;
        let too_short = (none_due && self.transactions.started == 0).then(|| {
            "the run was too short for a session, and none was wanted of it; give more --duration, or `sessions: none` \
             in a scenario"
                .to_owned()
        });
        let lost = points.named_losses();
        let lost = lost.map(|named| format!("lost charge points: {named}"));
        let refused = self.refused_id_tags.iter().map(RefusedIdTag::sentence);
        [
            too_short,
            lost,
            self.transactions.undelivered(),
            self.transactions.thinned(),
            self.frames.sentence(),
        ]
        .into_iter()
        .flatten()
        .chain(refused)
        .collect()
    }

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
    use crate::tally::{CallEnd, Phase, Tally};
    use crate::thresholds::{Counted, Thresholds};
    use std::time::Duration;

    const HEARTBEAT: (&str, Phase) = ("Heartbeat", Phase::Run);

    pub(super) fn sample() -> Report {
        let tally = Tally::default();
        for ms in 1..=100 {
            tally.call(0, HEARTBEAT, &CallEnd::Ok, Duration::from_millis(ms));
        }
        let charge_points = ChargePoints {
            planned: 10,
            connected: 10,
            accepted: 9,
            ..ChargePoints::default()
        };
        let thresholds = Thresholds::default().judge(Counted {
            charge_points: &charge_points,
            calls: &tally.calls(),
            transactions: &Transactions::default(),
            connections: &Connections::default(),
        });
        Report {
            name: "<day>".into(),
            csms: "ws://127.0.0.1:9000".into(),
            mode: "real",
            speed: 1.0,
            seed: 42,
            version: "0.1.0",
            started_at: "2026-01-01T00:00:00Z".into(),
            duration_s: 60.5,
            charge_points,
            calls: tally.calls(),
            transactions: Transactions::default(),
            connections: Connections::default(),
            frames: Frames::default(),
            refused_id_tags: Vec::new(),
            ended: Ended::Duration,
            verdict: ReportVerdict::Failed,
            thresholds,
            sessions_wanted: false,
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
