//! Figures for Prometheus. No label names a charge point, so a fleet of any size makes the same number of series.
//!
//! What happens is counted here as it happens; what stands in the database is read when somebody asks, see
//! [`open_counts`]. Counters of the store are its own, they are only shown here.

mod labels;
pub(crate) mod open_counts;

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::decode::{LENIENCIES, Leniency};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::store::{Dropping, StoreCounters};
pub(crate) use labels::CallEnd;
use labels::{Action, Call, Deviation, Request, Route, Table};
use open_counts::OpenFigures;

/// Upper bounds of the answers to charge points, in seconds.
const ANSWER_BOUNDS_S: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5,
];
/// Upper bounds of the answers of the REST API, in seconds; some wait for a charge point.
const HTTP_BOUNDS_S: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0];

/// What an action is counted as that this CSMS does not serve.
const OTHER_ACTION: &str = "other";

/// The content type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Latencies<L> = Family<L, Histogram, fn() -> Histogram>;

/// The figures of one CSMS.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// What the store counts.
    pub store: StoreCounters,
    /// What stands in the database.
    pub open: Arc<OpenFigures>,
    connections: Gauge,
    connections_opened: Counter,
    handshakes_refused: Counter,
    frames_refused: Counter,
    reading_paused: Counter,
    received: Family<Call, Counter>,
    sent: Family<Call, Counter>,
    answer_seconds: Latencies<Action>,
    letters_dropped: Counter,
    orphan_stops: Counter,
    deviations: Family<Deviation, Counter>,
    dropped: Family<Table, Counter>,
    http_requests: Family<Request, Counter>,
    http_seconds: Latencies<Route>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dynamo_csms");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register(
            "build",
            "The version of this CSMS",
            Info::new(version.to_vec()),
        );
        let mut show = Show(&mut registry);
        let store = StoreCounters::default();
        show.of(
            "commits",
            "Transactions of the database that were committed",
            &store.commits,
        );
        show.of(
            "committed_jobs",
            "Jobs in these transactions: one commit may hold the facts of many charge points",
            &store.committed_jobs,
        );
        show.of(
            "collisions",
            "Groups and jobs that ran again because they met another one on PostgreSQL (a deadlock, or a row that is held)",
            &store.collisions,
        );
        let metrics = Self {
            store,
            open: Arc::default(),
            connections: show.fresh("connections", "Charge points that have a socket now"),
            connections_opened: show.fresh(
                "connections_opened",
                "Sockets of charge points that were opened",
            ),
            handshakes_refused: show.fresh(
                "handshakes_refused",
                "Handshakes that were refused before the upgrade",
            ),
            frames_refused: show.fresh(
                "frames_refused",
                "Frames of charge points that cannot be read, or repeat the id of a call that is open",
            ),
            reading_paused: show.fresh(
                "reading_paused",
                "How often a socket was left unread for a while: too much waited for an answer, or it came too fast",
            ),
            received: show.fresh(
                "calls_received",
                "Calls of charge points that were answered, with a CALLRESULT (ok) or a CALLERROR (error)",
            ),
            sent: show.fresh(
                "calls_sent",
                "Commands to charge points by how they ended; lost: the socket went before the answer, unsent: the \
                 charge point was offline or busy, or the turn did not come in time, and nothing was sent",
            ),
            answer_seconds: show.latencies(
                "answer_seconds",
                "Time from a charge point's call to its answer, its commit included",
                || Histogram::new(ANSWER_BOUNDS_S),
            ),
            letters_dropped: show.fresh(
                "letters_dropped",
                "Letters that were dropped because too many waited for their webhook, or for the database",
            ),
            orphan_stops: show.fresh(
                "orphan_stops",
                "Stops of transactions that are unknown, or were stopped otherwise before; all are kept",
            ),
            deviations: show.fresh(
                "deviations",
                "Messages and answers of charge points that were taken although they are not as the standard says, \
                 by what was forgiven",
            ),
            dropped: show.fresh(
                "dropped",
                "Rows that were dropped because they were old or too many, see [retention], by table",
            ),
            http_requests: show.fresh(
                "http_requests",
                "Requests to the HTTP listeners that were answered, by the path as the API describes it",
            ),
            http_seconds: show.latencies(
                "http_seconds",
                "Time from an HTTP request to its answer, by the path as the API describes it",
                || Histogram::new(HTTP_BOUNDS_S),
            ),
            registry: Registry::default(),
        };
        registry.register_collector(Box::new(metrics.open.clone()));
        // What has not happened yet is 0, not absent.
        for row in LENIENCIES {
            drop(metrics.deviations.get_or_create(&Deviation::of(row.name)));
        }
        for table in Dropping::ALL {
            drop(metrics.dropped.get_or_create(&Table::of(table)));
        }
        Self {
            registry,
            ..metrics
        }
    }
}

/// Makes figures and registers them.
struct Show<'a>(&'a mut Registry);

impl Show<'_> {
    fn of<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: &M) {
        self.0.register(name, help, metric.clone());
    }

    fn fresh<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.of(name, help, &metric);
        metric
    }

    fn latencies<L>(&mut self, name: &str, help: &str, make: fn() -> Histogram) -> Latencies<L>
    where
        Latencies<L>: Metric,
        L: Clone + Eq + std::hash::Hash,
    {
        let latencies = Family::new_with_constructor(make);
        self.of(name, help, &latencies);
        latencies
    }
}

impl Metrics {
    pub(crate) fn connected(&self) {
        self.connections.inc();
        self.connections_opened.inc();
    }

    pub(crate) fn disconnected(&self) {
        self.connections.dec();
    }

    pub(crate) fn handshake_refused(&self) {
        self.handshakes_refused.inc();
    }

    /// A charge point sent what is no frame, or repeats the id of a call that is open.
    pub(crate) fn frame_refused(&self) {
        self.frames_refused.inc();
    }

    /// A socket is not read for a while.
    pub(crate) fn reading_paused(&self) {
        self.reading_paused.inc();
    }

    /// A call of a charge point was answered. `None`: this CSMS does not serve the action.
    pub(crate) fn answered(&self, action: Option<&'static str>, end: CallEnd, took: Duration) {
        let action = action.unwrap_or(OTHER_ACTION);
        self.received.get_or_create(&Call::of(action, end)).inc();
        let latency = self.answer_seconds.get_or_create(&Action { action });
        latency.observe(took.as_secs_f64());
    }

    /// A call to a charge point ended.
    pub(crate) fn commanded(&self, action: &'static str, end: CallEnd) {
        self.sent.get_or_create(&Call::of(action, end)).inc();
    }

    pub(crate) fn letters_dropped(&self, letters: usize) {
        self.letters_dropped.inc_by(letters as u64);
    }

    /// A stop came that stopped nothing.
    pub(crate) fn orphan_stop(&self) {
        self.orphan_stops.inc();
    }

    /// A message of a charge point had to be forgiven something.
    pub(crate) fn deviated(&self, leniency: Leniency) {
        let deviation = Deviation::of(leniency.name());
        self.deviations.get_or_create(&deviation).inc();
    }

    /// Rows were dropped because they were old, or too many.
    pub(crate) fn dropped(&self, table: Dropping, rows: i64) {
        let rows = u64::try_from(rows).unwrap_or(0);
        self.dropped.get_or_create(&Table::of(table)).inc_by(rows);
    }

    /// An HTTP request was answered. `route` is the path with the names of its parameters, which a client does not
    /// choose.
    pub(crate) fn served(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = Route {
            route: route.to_owned(),
        };
        let latency = self.http_seconds.get_or_create(&route);
        latency.observe(took.as_secs_f64());
        let request = Request {
            method,
            route: route.route,
            status,
        };
        self.http_requests.get_or_create(&request).inc();
    }

    /// The text that Prometheus reads, and its content type: OpenMetrics where it is `wanted`, else the older format.
    pub(crate) fn render(&self, wants_open_metrics: bool) -> (&'static str, String) {
        let mut page = String::new();
        let (kind, written) = if wants_open_metrics {
            (OPEN_METRICS, text::encode(&mut page, &self.registry))
        } else {
            let written = prometheus_text::encode(&mut page, &self.registry);
            (prometheus_text::CONTENT_TYPE, written)
        };
        if written.is_err() {
            tracing::error!("the figures were not written in whole");
        }
        (kind, page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_in_the_text() {
        let metrics = Metrics::default();
        let took = Duration::from_millis(2);
        metrics.answered(Some("Heartbeat"), CallEnd::Ok, took);
        metrics.answered(None, CallEnd::Error, took);
        metrics.deviated(Leniency::TextTooLong);
        metrics.served("GET", "/api/v1/cpo/charge-points/{id}", 404, took);
        let (kind, page) = metrics.render(false);
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        for line in [
            r#"dynamo_csms_calls_received_total{action="Heartbeat",outcome="ok"} 1"#,
            r#"dynamo_csms_calls_received_total{action="other",outcome="error"} 1"#,
            r#"dynamo_csms_deviations_total{deviation="text_too_long"} 1"#,
            r#"dynamo_csms_deviations_total{deviation="null_member"} 0"#,
            r#"dynamo_csms_answer_seconds_bucket{action="Heartbeat",le="0.001"} 0"#,
            r#"dynamo_csms_answer_seconds_bucket{action="Heartbeat",le="0.0025"} 1"#,
            r#"dynamo_csms_answer_seconds_sum{action="Heartbeat"} 0.002"#,
            r#"dynamo_csms_http_requests_total{method="GET",route="/api/v1/cpo/charge-points/{id}",status="404"} 1"#,
            r#"dynamo_csms_http_seconds_count{route="/api/v1/cpo/charge-points/{id}"} 1"#,
            concat!(
                "dynamo_csms_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn every_figure_says_what_it_is_in_both_formats() {
        let metrics = Metrics::default();
        metrics.commanded("Reset", CallEnd::Unsent);
        metrics.answered(Some("Heartbeat"), CallEnd::Ok, Duration::ZERO);
        for wants_open_metrics in [false, true] {
            let (_, page) = metrics.render(wants_open_metrics);
            assert_eq!(page.ends_with("# EOF\n"), wants_open_metrics);
            let mut families = std::collections::HashSet::new();
            for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
                let family = line.split(' ').next().unwrap();
                assert!(families.insert(family), "{family} is there twice");
                assert!(page.contains(&format!("# HELP {family} ")), "{family}");
            }
            for line in page.lines().filter(|line| !line.starts_with('#')) {
                let name = line.split(['{', ' ']).next().unwrap();
                let ends = ["", "_bucket", "_sum", "_count", "_total", "_info"].iter();
                let mut names = ends.filter_map(|end| name.strip_suffix(end));
                assert!(names.any(|name| families.contains(name)), "{line}");
            }
        }
    }
}
