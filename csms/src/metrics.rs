//! Figures for Prometheus: a few counters, rendered as text. No label names a charge point, so a fleet of
//! any size makes the same number of series.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use dynamo_protocol::decode::{LENIENCIES, Leniency};

use crate::store::Dropping;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Error,
    TimedOut,
    /// The socket went before the answer.
    Lost,
    /// The charge point was offline or busy, or its turn did not come in time: nothing was sent.
    Unsent,
}

const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Ok, "ok"),
    (Outcome::Error, "error"),
    (Outcome::TimedOut, "timeout"),
    (Outcome::Lost, "lost"),
    (Outcome::Unsent, "unsent"),
];

/// The name of what no version knows.
const UNKNOWN: &str = "unknown";

/// By action; an action has an entry since it was first counted. Their names are those of the versions that are served.
type ByAction = RwLock<BTreeMap<&'static str, [AtomicU64; OUTCOMES.len()]>>;

/// Upper bounds of the latency histogram, in microseconds.
const LATENCY_BOUNDS_US: [u64; 10] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000,
];

/// The figures of one CSMS.
#[derive(Debug)]
pub(crate) struct Metrics {
    connections: AtomicI64,
    connections_total: AtomicU64,
    handshakes_refused_total: AtomicU64,
    frames_refused_total: AtomicU64,
    readings_paused_total: AtomicU64,
    received: ByAction,
    sent: ByAction,
    latency_buckets: [AtomicU64; LATENCY_BOUNDS_US.len()],
    latency_sum_us: AtomicU64,
    latency_count: AtomicU64,
    commits_total: AtomicU64,
    collisions_total: AtomicU64,
    committed_jobs_total: AtomicU64,
    letters_dropped_total: AtomicU64,
    orphan_stops_total: AtomicU64,
    /// By their place in [`LENIENCIES`].
    deviations: [AtomicU64; LENIENCIES.len()],
    dropped: [AtomicU64; Dropping::ALL.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections: AtomicI64::new(0),
            connections_total: AtomicU64::new(0),
            handshakes_refused_total: AtomicU64::new(0),
            frames_refused_total: AtomicU64::new(0),
            readings_paused_total: AtomicU64::new(0),
            received: RwLock::default(),
            sent: RwLock::default(),
            latency_buckets: Default::default(),
            latency_sum_us: AtomicU64::new(0),
            latency_count: AtomicU64::new(0),
            commits_total: AtomicU64::new(0),
            collisions_total: AtomicU64::new(0),
            committed_jobs_total: AtomicU64::new(0),
            letters_dropped_total: AtomicU64::new(0),
            orphan_stops_total: AtomicU64::new(0),
            deviations: std::array::from_fn(|_| AtomicU64::new(0)),
            dropped: Default::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
        self.connections_total.fetch_add(1, Relaxed);
    }

    pub(crate) fn disconnected(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    pub(crate) fn handshake_refused(&self) {
        self.handshakes_refused_total.fetch_add(1, Relaxed);
    }

    /// A charge point sent what is no frame, or repeats the id of a call that is open.
    pub(crate) fn frame_refused(&self) {
        self.frames_refused_total.fetch_add(1, Relaxed);
    }

    /// A socket is not read for a while.
    pub(crate) fn reading_paused(&self) {
        self.readings_paused_total.fetch_add(1, Relaxed);
    }

    /// A call of a charge point was answered; without an action where no version knows it.
    pub(crate) fn answered(&self, action: Option<&'static str>, outcome: Outcome, took: Duration) {
        count(&self.received, action.unwrap_or(UNKNOWN), outcome);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency_count.fetch_add(1, Relaxed);
        self.latency_sum_us.fetch_add(us, Relaxed);
        for (bound, bucket) in LATENCY_BOUNDS_US.iter().zip(&self.latency_buckets) {
            if us <= *bound {
                bucket.fetch_add(1, Relaxed);
            }
        }
    }

    /// A call to a charge point ended.
    pub(crate) fn commanded(&self, action: &'static str, outcome: Outcome) {
        count(&self.sent, action, outcome);
    }

    pub(crate) fn committed(&self, jobs: usize) {
        self.commits_total.fetch_add(1, Relaxed);
        self.committed_jobs_total.fetch_add(jobs as u64, Relaxed);
    }

    pub(crate) fn collided(&self) {
        self.collisions_total.fetch_add(1, Relaxed);
    }

    pub(crate) fn letters_dropped(&self, letters: usize) {
        self.letters_dropped_total
            .fetch_add(letters as u64, Relaxed);
    }

    /// A stop came that stopped nothing.
    pub(crate) fn orphan_stop(&self) {
        self.orphan_stops_total.fetch_add(1, Relaxed);
    }

    /// A message of a charge point had to be forgiven something.
    pub(crate) fn deviated(&self, leniency: Leniency) {
        self.deviations[leniency as usize].fetch_add(1, Relaxed);
    }

    /// Rows were dropped because they were old, or too many.
    pub(crate) fn dropped(&self, table: Dropping, rows: i64) {
        let index = Dropping::ALL.iter().position(|known| *known == table);
        let index = index.expect("every table is in the list");
        self.dropped[index].fetch_add(u64::try_from(rows).unwrap_or(0), Relaxed);
    }

    /// The text Prometheus reads.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        let connections = u64::try_from(self.connections.load(Relaxed)).unwrap_or(0);
        for (name, kind, help, value) in [
            (
                "dynamo_csms_connections",
                "gauge",
                "Charge points that have a socket now.",
                connections,
            ),
            (
                "dynamo_csms_connections_total",
                "counter",
                "Sockets of charge points that were opened.",
                self.connections_total.load(Relaxed),
            ),
            (
                "dynamo_csms_handshakes_refused_total",
                "counter",
                "Handshakes that were refused before the upgrade.",
                self.handshakes_refused_total.load(Relaxed),
            ),
            (
                "dynamo_csms_frames_refused_total",
                "counter",
                "Frames of charge points that cannot be read, or repeat the id of a call that is open.",
                self.frames_refused_total.load(Relaxed),
            ),
            (
                "dynamo_csms_reading_paused_total",
                "counter",
                "How often a socket was left unread for a while: too much waited for an answer, or it came too fast.",
                self.readings_paused_total.load(Relaxed),
            ),
            (
                "dynamo_csms_commits_total",
                "counter",
                "Transactions of the database that were committed.",
                self.commits_total.load(Relaxed),
            ),
            (
                "dynamo_csms_committed_jobs_total",
                "counter",
                "Jobs in these transactions: one commit may hold the facts of many charge points.",
                self.committed_jobs_total.load(Relaxed),
            ),
            (
                "dynamo_csms_collisions_total",
                "counter",
                "Jobs that ran again because PostgreSQL ended them in favour of another one (a deadlock).",
                self.collisions_total.load(Relaxed),
            ),
            (
                "dynamo_csms_letters_dropped_total",
                "counter",
                "Letters that were dropped because too many waited for their webhook, or for the database.",
                self.letters_dropped_total.load(Relaxed),
            ),
            (
                "dynamo_csms_orphan_stops_total",
                "counter",
                "Stops of transactions that are unknown, or were stopped otherwise before; all are kept.",
                self.orphan_stops_total.load(Relaxed),
            ),
        ] {
            describe(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {value}");
        }
        let name = "dynamo_csms_calls_received_total";
        let help = "Calls of charge points that were answered, with a CALLRESULT (ok) or a CALLERROR (error).";
        describe(&mut text, name, "counter", help);
        render_by_action(&mut text, name, &self.received);
        let name = "dynamo_csms_calls_sent_total";
        let help = "Commands to charge points by how they ended; lost: the socket went before the answer, \
                    unsent: the charge point was offline or busy, or the turn did not come in time, and nothing was sent.";
        describe(&mut text, name, "counter", help);
        render_by_action(&mut text, name, &self.sent);
        self.render_deviations(&mut text);
        let name = "dynamo_csms_dropped_total";
        let help =
            "Rows that were dropped because they were old or too many, see [retention], by table.";
        describe(&mut text, name, "counter", help);
        for (table, rows) in Dropping::ALL.iter().zip(&self.dropped) {
            let (table, rows) = (table.table(), rows.load(Relaxed));
            let _ = writeln!(text, "{name}{{table=\"{table}\"}} {rows}");
        }
        let name = "dynamo_csms_answer_seconds";
        let help = "Time from a charge point's call to its answer, its commit included.";
        describe(&mut text, name, "histogram", help);
        for (bound, bucket) in LATENCY_BOUNDS_US.iter().zip(&self.latency_buckets) {
            let (le, count) = (seconds(*bound), bucket.load(Relaxed));
            let _ = writeln!(text, "{name}_bucket{{le=\"{le}\"}} {count}");
        }
        let count = self.latency_count.load(Relaxed);
        let sum = seconds(self.latency_sum_us.load(Relaxed));
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {count}");
        text
    }

    fn render_deviations(&self, text: &mut String) {
        let name = "dynamo_csms_deviations_total";
        let help = "Messages and answers of charge points that were taken although they are not as the standard says, \
                    by what was forgiven.";
        describe(text, name, "counter", help);
        for (row, value) in LENIENCIES.iter().zip(&self.deviations) {
            let (deviation, value) = (row.name, value.load(Relaxed));
            let _ = writeln!(text, "{name}{{deviation=\"{deviation}\"}} {value}");
        }
    }
}

fn count(by_action: &ByAction, action: &'static str, outcome: Outcome) {
    let index = OUTCOMES
        .iter()
        .position(|(known, _)| *known == outcome)
        .expect("every outcome is in the table");
    let known = by_action.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(outcomes) = known.get(action) {
        outcomes[index].fetch_add(1, Relaxed);
        return;
    }
    drop(known);
    let mut known = by_action.write().unwrap_or_else(PoisonError::into_inner);
    known.entry(action).or_default()[index].fetch_add(1, Relaxed);
}

fn describe(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn render_by_action(text: &mut String, name: &str, by_action: &ByAction) {
    let by_action = by_action.read().unwrap_or_else(PoisonError::into_inner);
    for (action, outcomes) in by_action.iter() {
        for ((_, outcome), value) in OUTCOMES.iter().zip(outcomes) {
            let value = value.load(Relaxed);
            if value > 0 {
                let _ = writeln!(
                    text,
                    "{name}{{action=\"{action}\",outcome=\"{outcome}\"}} {value}"
                );
            }
        }
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.answered(Some("Heartbeat"), Outcome::Ok, Duration::from_millis(2));
        metrics.answered(None, Outcome::Error, Duration::from_millis(2));
        metrics.deviated(Leniency::TextTooLong);
        let text = metrics.render();
        assert!(
            text.contains(
                "dynamo_csms_calls_received_total{action=\"Heartbeat\",outcome=\"ok\"} 1"
            )
        );
        assert!(text.contains("action=\"unknown\",outcome=\"error\"} 1"));
        assert!(text.contains("dynamo_csms_deviations_total{deviation=\"text_too_long\"} 1"));
        assert!(text.contains("dynamo_csms_deviations_total{deviation=\"null_member\"} 0"));
        assert!(text.contains("dynamo_csms_answer_seconds_bucket{le=\"0.002500\"} 2"));
        assert!(text.contains("dynamo_csms_answer_seconds_sum 0.004000"));
    }

    #[test]
    fn every_figure_says_what_it_is() {
        let metrics = Metrics::default();
        metrics.commanded("Reset", Outcome::Unsent);
        metrics.answered(Some("Heartbeat"), Outcome::Ok, Duration::ZERO);
        let text = metrics.render();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let family = family.unwrap_or(name);
            for what in ["HELP", "TYPE"] {
                assert!(
                    text.contains(&format!("# {what} {family} ")),
                    "{what} of {line}"
                );
            }
        }
    }
}
