//! Whether the database takes facts: a commit like those of charge points, at most once a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout};

use crate::clock::system_ms;
use crate::store::{Result, Store, StoreError, run_on_db};

/// Who asks again within this hears the answer of the same commit.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a commit may take, before the database counts as not ready.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1_800);

/// A commit that all who ask wait for.
type Commit = Shared<BoxFuture<'static, Result<()>>>;

/// The newest probe and when it began.
#[derive(Default)]
pub(crate) struct Probe {
    newest: Mutex<Option<(Instant, Commit)>>,
}

impl Probe {
    /// Whether a row could be committed just now. Answers within two seconds.
    ///
    /// # Errors
    /// When it could not.
    pub(crate) async fn run(&self, store: &Store) -> Result<()> {
        let probe = {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            match &*newest {
                Some((begun, probe)) if begun.elapsed() < PROBE_INTERVAL => probe.clone(),
                _ => {
                    let store = store.clone();
                    let write = async move { store.write_probe().await };
                    let probe = write.boxed().shared();
                    *newest = Some((Instant::now(), probe.clone()));
                    probe
                }
            }
        };
        let answered = timeout(PROBE_TIMEOUT, probe).await;
        answered.unwrap_or(Err(StoreError::TimedOut))
    }
}

impl Store {
    async fn write_probe(&self) -> Result<()> {
        self.write((), |(), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "insert into probe (id, probed_at_ms) values (1, $1)
                     on conflict (id) do update set probed_at_ms = excluded.probed_at_ms")
                    .bind(system_ms())
                    .execute(db))
            })
        })
        .await
    }
}
