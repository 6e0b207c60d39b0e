//! OpenCounts that stand in the database: what waits in the outbox, and what is open.
//!
//! They are read when somebody asks, at most once in a while, by indexes and through the pool of the REST API, so that
//! asking slows no charge point down. Gauges that are counted along would have to be read at the start, would drift where
//! a transaction is rolled back, and would be wrong where several servers share a database. Each of those shows the same
//! figures: take the largest, not their sum. While the database does not answer they are absent.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::time::{Instant, timeout};

use crate::store::{OpenCounts, Store};

/// Who asks again within this sees the same figures.
const READ_INTERVAL: Duration = Duration::from_secs(5);
/// How long the database may take for them.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// What was read last.
#[derive(Debug, Default)]
pub(crate) struct OpenFigures {
    /// Held while they are read: one reader at a time.
    read_at: tokio::sync::Mutex<Option<Instant>>,
    figures: Mutex<Option<OpenCounts>>,
}

impl OpenFigures {
    /// Reads them, unless somebody has just done so.
    pub(crate) async fn refresh(&self, store: &Store) {
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < READ_INTERVAL) {
            return;
        }
        let figures = match timeout(READ_TIMEOUT, store.open_counts()).await {
            Ok(Ok(figures)) => Some(figures),
            Ok(Err(error)) => {
                tracing::debug!(cause = %error, "what stands in the database was not counted");
                None
            }
            Err(_) => None,
        };
        *read_at = Some(Instant::now());
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

impl Collector for OpenFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = *self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(figures) = figures else {
            return Ok(());
        };
        for (name, help, value) in [
            (
                "outbox_waiting",
                "Letters that wait to be sent, by webhook or mail",
                figures.letters_waiting,
            ),
            (
                "transactions_open",
                "Transactions that are not stopped",
                figures.transactions_open,
            ),
            (
                "guest_sessions_open",
                "Guest sessions that have not ended",
                figures.guest_sessions_open,
            ),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        Ok(())
    }
}
