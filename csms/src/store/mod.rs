//! What the CSMS remembers: one [`Store`] over SQLite or PostgreSQL.
//!
//! Writes are jobs for the [`writer`], which commits many of them at once on SQLite and one each on
//! PostgreSQL; a job's caller hears of its result after the commit, never before. Reads use a pool of
//! their own. Queries are methods of [`Conn`], one text for both databases; the rules that use them live
//! in `domain`, several queries in one transaction.
//!
//! Instants are Unix milliseconds, structured values JSON text. What a retransmission must not do twice
//! is a unique key.

mod access;
mod account;
mod charge_point;
mod commissioning;
mod configuration;
mod event;
mod idempotency;
mod meter;
mod project;
mod record;
mod tag;
mod transaction;
mod writer;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, Postgres, Sqlite, SqlitePool};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use access::random_text;
pub use access::{ApiKey, NewApiKey, SCOPE_READ, SCOPE_WRITE};
pub use account::Owner;
pub(crate) use account::{Account, Role, owned};
pub(crate) use charge_point::{BootFacts, ConnectorReport, StatusRow};
pub use charge_point::{ChargePoint, ChargePointSetting, ConnectorStatus, Presence, Registration};
pub(crate) use commissioning::{LogEntry, Mail, Run, RunEnd};
pub(crate) use configuration::{ConfigurationKey, SAVED};
pub(crate) use idempotency::{Claim, KeyedRequest};
pub(crate) use project::Project;
pub(crate) use record::ChargePointRecord;
pub use tag::TagSetting;
pub(crate) use transaction::{
    ActiveTransaction, NewTransaction, OrphanStop, Stop, TransactionFilter, TransactionRow,
};
pub(crate) use writer::Step;

use crate::metrics::Metrics;

/// The organization that owns what belongs to nobody else: `--api-key`, `--id-tag`, and what
/// `--accept-unknown` lets in.
pub const DEFAULT_ORGANIZATION: &str = "org_default";

/// How long a statement waits for another process that holds SQLite's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a read waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one statement may take, its wait for a lock included.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long closing may take; what is not committed by then is lost, and nobody was told that it was kept.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(4);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// Connections of PostgreSQL that write at the same time.
const POSTGRES_WRITERS: usize = 8;
/// Jobs that wait for the writer. Who brings one more waits in line.
const QUEUE_JOBS_MAX: usize = 4096;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Why the store could not do what was asked. Nothing of the failed job is in the database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("the database failed: {0}")]
    Database(Arc<sqlx::Error>),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(Arc<sqlx::migrate::MigrateError>),
    /// The address is none of ours.
    #[error("{0}")]
    Address(String),
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    TimedOut,
    /// A row holds what no version of this program writes.
    #[error("the database holds {0}")]
    Corrupt(String),
    /// A row that the job needs is not there.
    #[error("{0} is not in the database")]
    Missing(String),
    /// The store is closed: the program is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Result of everything in the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// One connection of either database, inside a transaction where the [`writer`] hands it out.
pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// Runs one query text on whichever database the connection belongs to, within [`STATEMENT_TIMEOUT`]. A
/// connection that did not answer by then is in an unknown state and is not used again.
macro_rules! on_db {
    ($conn:expr, $db:ident => $query:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite(connection) => {
                let $db = &mut **connection;
                let limited = tokio::time::timeout($crate::store::STATEMENT_TIMEOUT, $query).await;
                limited.map_or_else(
                    |_| {
                        connection.close_on_drop();
                        Err($crate::store::StoreError::TimedOut)
                    },
                    |done| done.map_err($crate::store::StoreError::from),
                )
            }
            $crate::store::Conn::Postgres(connection) => {
                let $db = &mut **connection;
                let limited = tokio::time::timeout($crate::store::STATEMENT_TIMEOUT, $query).await;
                limited.map_or_else(
                    |_| {
                        connection.close_on_drop();
                        Err($crate::store::StoreError::TimedOut)
                    },
                    |done| done.map_err($crate::store::StoreError::from),
                )
            }
        }
    };
}
pub(crate) use on_db;

/// The same for a statement that returns no rows.
macro_rules! run_on_db {
    ($conn:expr, $db:ident => $query:expr) => {
        $crate::store::on_db!($conn, $db => async { $query.await.map(drop) })
    };
}
pub(crate) use run_on_db;

enum Pools {
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pools: Pools,
    jobs: mpsc::Sender<Box<dyn writer::Job>>,
    closing: CancellationToken,
    writers: TaskTracker,
}

impl Store {
    /// Opens `sqlite://PATH` (made when missing) or `postgres://…`, brings the schema up to date and makes
    /// the default organization.
    ///
    /// # Errors
    /// When the address is none of these, or the database cannot be opened or migrated.
    pub async fn open(address: &str) -> Result<Self> {
        Self::open_with(address, Arc::default()).await
    }

    pub(crate) async fn open_with(address: &str, metrics: Arc<Metrics>) -> Result<Self> {
        let pools = if address.starts_with("sqlite://") {
            open_sqlite(address).await?
        } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            open_postgres(address).await?
        } else {
            return Err(StoreError::Address(format!(
                "{address:?} is no database address: use sqlite://PATH or postgres://USER@HOST/NAME"
            )));
        };
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let store = Self {
            inner: Arc::new(Inner {
                pools,
                jobs,
                closing: CancellationToken::new(),
                writers: TaskTracker::new(),
            }),
        };
        let closing = store.inner.closing.clone();
        match &store.inner.pools {
            Pools::Sqlite { writer, .. } => {
                let writer = writer.clone();
                let pool = writer::WriterPool::Sqlite(writer);
                writer::spawn(&store.inner.writers, pool, 1, queue, closing, metrics);
            }
            Pools::Postgres(pool) => {
                let pool = writer::WriterPool::Postgres(pool.clone());
                writer::spawn(
                    &store.inner.writers,
                    pool,
                    POSTGRES_WRITERS,
                    queue,
                    closing,
                    metrics,
                );
            }
        }
        store
            .create_organization(DEFAULT_ORGANIZATION, "default")
            .await?;
        Ok(store)
    }

    /// A connection for reading, outside any transaction.
    pub(crate) async fn reader(&self) -> Result<Conn> {
        Ok(match &self.inner.pools {
            Pools::Sqlite { readers, .. } => Conn::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Conn::Postgres(pool.acquire().await?),
        })
    }

    /// Runs `step` in a transaction and returns its result once that is committed. The step may run more than
    /// once, so it changes nothing but the database.
    pub(crate) async fn write<I, T>(&self, input: I, step: Step<I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (job, result) = writer::job(input, step);
        self.inner
            .jobs
            .send(job)
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Whether the database takes writes: goes the way of every fact, and changes nothing.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        self.write((), |(), conn| {
            Box::pin(async move { run_on_db!(conn, db => sqlx::query("select 1").execute(db)) })
        })
        .await
    }

    /// Commits what is queued and closes the database. Later writes fail with [`StoreError::Closed`]. A
    /// database that does not answer is left after a few seconds.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.writers.close();
        let closed = async {
            self.inner.writers.wait().await;
            match &self.inner.pools {
                Pools::Sqlite { readers, writer } => {
                    readers.close().await;
                    writer.close().await;
                }
                Pools::Postgres(pool) => pool.close().await,
            }
        };
        if timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            tracing::error!("the database does not answer and was not closed");
        }
    }
}

async fn open_sqlite(address: &str) -> Result<Pools> {
    let options = SqliteConnectOptions::from_str(address)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging();
    let pool = |connections| {
        PoolOptions::<Sqlite>::new()
            .max_connections(connections)
            .min_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writer = pool(1).connect_with(options.clone()).await?;
    migrate(&SQLITE, &mut *writer.acquire().await?).await?;
    let readers = pool(SQLITE_READERS).connect_with(options).await?;
    Ok(Pools::Sqlite { readers, writer })
}

async fn open_postgres(address: &str) -> Result<Pools> {
    let options = PgConnectOptions::from_str(address)?.disable_statement_logging();
    // A pool tries until its time-out and then names only that; one connection names the cause at once.
    options.connect().await?.close().await?;
    let pool = PoolOptions::<Postgres>::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await?;
    migrate(&POSTGRES, &mut *pool.acquire().await?).await?;
    Ok(Pools::Postgres(pool))
}

async fn migrate<'c, C>(migrator: &Migrator, conn: C) -> Result<()>
where
    C: sqlx::Acquire<'c>,
    <C::Connection as std::ops::Deref>::Target: sqlx::migrate::Migrate,
{
    migrator
        .run(conn)
        .await
        .map_err(|error| StoreError::Migration(Arc::new(error)))
}
