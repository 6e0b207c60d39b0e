//! What the store counts of itself. Clones count together.

use prometheus_client::metrics::counter::Counter;

/// Counters of one open database.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreCounters {
    /// Transactions that were committed.
    pub commits: Counter,
    /// Jobs in these transactions.
    pub committed_jobs: Counter,
    /// Groups and jobs that ran again because PostgreSQL ended them in favour of another one, or because they met a row
    /// that somebody else held.
    pub collisions: Counter,
}
