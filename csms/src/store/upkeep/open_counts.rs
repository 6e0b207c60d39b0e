//! How much stands in the database now, for the figures of the server.

use crate::store::{Result, Store, on_db};

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct OpenCounts {
    /// Mail and webhooks that were neither sent nor given up.
    pub letters_waiting: i64,
    /// Transactions without an end, not even a provisional one.
    pub transactions_open: i64,
    pub guest_sessions_open: i64,
}

impl Store {
    /// Counts by partial indexes that have nothing but what is counted.
    pub(crate) async fn open_counts(&self) -> Result<OpenCounts> {
        let (mut conn, _turn) = self.heavy_reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select
                 (select count(*) from outbox where sent_at_ms is null and given_up_at_ms is null) as letters_waiting,
                 (select count(*) from charge_transaction where state = 'open') as transactions_open,
                 (select count(*) from guest_session where ended_at_ms is null) as guest_sessions_open")
            .fetch_one(db))
    }
}
