//! What the CSMS remembers: one [`Store`] over SQLite or PostgreSQL.
//!
//! Writes are jobs for the [`writer`], which commits many of them at once; a job's caller hears of its result after the
//! commit, never before. Charge points and the API read through pools of their own, so that no search keeps a charge point
//! waiting. Queries are methods of [`Conn`], one text for both databases; the rules that use them live in `domain`, several
//! queries in one transaction.
//!
//! Instants are Unix milliseconds, structured values JSON text. What a retransmission must not do twice
//! is a unique key.

mod charge_points;
mod database;
mod error;
mod idempotency;
mod letters;
mod money;
mod people;
mod roaming;
mod transactions;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Sqlite};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use crate::random::random_text;
pub(crate) use charge_points::certificate::{Certificate, NewCertificate};
pub(crate) use charge_points::charge_point::{BootFacts, ConnectorReport, StatusFilter, StatusRow};
pub use charge_points::charge_point::{
    ChargePoint, ChargePointSetting, ConnectorStatus, Presence, Proof, Registration,
};
pub(crate) use charge_points::commissioning::{LogEntry, Run};
pub(crate) use charge_points::configuration::{ConfigurationKey, SAVED};
pub(crate) use charge_points::deviation::{DeviationReport, DeviationRow};
pub(crate) use charge_points::past::{Belonging, StartPlace};
pub use charge_points::place::PlacedChargePoint;
pub(crate) use charge_points::place::{PlacedRow, Searched};
pub(crate) use charge_points::record::{ChargePointRecord, OwnedPoint};
pub(crate) use charge_points::registration::RecordFilter;
pub(crate) use database::backup::back_up;
pub(crate) use database::beside::file_beside;
pub(crate) use database::counters::StoreCounters;
pub(crate) use database::job::{Folded, Step};
pub(crate) use database::many::{Many, chunks};
pub(crate) use database::open::without_password;
pub(crate) use database::probe::Probe;
pub use error::StoreError;
pub(crate) use idempotency::{Claim, KeyedRequest};
pub(crate) use letters::outbox::{Letter, Mail, OutboxRow, WAITING_MAX, Wanted};
pub(crate) use letters::webhook::{IntegrationRequest, Webhook};
pub(crate) use money::guest::{GuestPrice, GuestSession, NewGuest, ReceiptFacts};
#[cfg(test)]
pub(crate) use money::tariff::history_rows_read;
pub(crate) use money::tariff::{Billed, HISTORY_ROWS_MAX, NewTariff, Priced, TariffRecord, amount};
pub(crate) use people::access::key_hash;
pub use people::access::{
    ApiKey, NewApiKey, Organization, OrganizationSetting, SCOPE_READ, SCOPE_WRITE,
};
pub use people::account::Owner;
use people::account::owner_conditions;
pub(crate) use people::account::{Account, Role, email_key, owned};
pub(crate) use people::invitation::Invitation;
pub(crate) use people::project::{OwnedProject, Project};
pub(crate) use people::site::{Site, SiteChange, SitePlace};
pub use people::tag::TagSetting;
pub(crate) use roaming::command::RoamingReservation;
pub(crate) use roaming::partner::{NewPartner, OutgoingPartner, OwnParty};
pub(crate) use roaming::push::{Due, Pushed};
pub(crate) use roaming::session::{FinalSession, Seen};
pub(crate) use roaming::token::{KeptToken, TokenKey};
pub(crate) use transactions::ending::{Left, Open, TransactionFacts};
pub(crate) use transactions::meter::NewReading;
pub(crate) use transactions::orphan_stop::{OrphanStop, OrphanStopRow};
pub(crate) use transactions::transaction::{
    ActiveTransaction, Ended, NewTransaction, Stop, TransactionFilter, TransactionRow,
    TransactionState,
};
pub(crate) use upkeep::demo::{DemoPartner, Past};
pub(crate) use upkeep::listing::{
    ApiKeyRow, ChargePointRow, IdTagRow, Listed, ListedTransaction, OrganizationRow, PAGE_ROWS,
};
pub(crate) use upkeep::open_counts::OpenCounts;
pub(crate) use upkeep::retention::{
    Dropped, Dropping, OfPoint, Old, OldestOfConnector, OldestOfPoint, PART_ROWS, Part, StatusPart,
};

use database::job;
use database::open::{self, Pools};
use database::serving::ServingLock;
use database::writer::{self, WriterPool};

/// The organization that owns what belongs to nobody else: `--api-key`, `--id-tag`, and what
/// `--accept-unknown` lets in.
pub const DEFAULT_ORGANIZATION: &str = "org_default";
/// Its name until its operator gives it another one.
pub(crate) const DEFAULT_NAME: &str = "default";

/// How long a statement waits for another process that holds SQLite's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a read waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one statement may take, its wait for a lock included.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long closing may take; what is not committed by then is lost, and nobody was told that it was kept.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(4);
/// Connections of PostgreSQL that commit groups at the same time, and how long such a group waits for a row that somebody
/// else holds.
const POSTGRES_WRITERS: u32 = 4;
const GROUP_LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// Connections of PostgreSQL that write what met such a row, one job each.
const POSTGRES_PATIENT_WRITERS: u32 = 8;
/// Reads over many rows that run at the same time, below the number of connections that read for the API: those that
/// are quick get in beside them.
const HEAVY_READS_MAX: usize = 2;
/// Jobs that wait for the writer. Who brings one more waits in line.
const QUEUE_JOBS_MAX: usize = 4096;

/// Result of everything in the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// One connection of either database, inside a transaction where the [`writer`] hands it out.
pub(crate) enum Conn {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Conn {
    /// The text for this database, of one for SQLite and one for PostgreSQL: the two take a JSON list apart by
    /// different functions.
    pub(crate) const fn own_text(&self, texts: &[&'static str; 2]) -> &'static str {
        match self {
            Self::Sqlite(_) => texts[0],
            Self::Postgres(_) => texts[1],
        }
    }
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

/// Who opens the store.
pub(crate) enum Opener {
    /// A CSMS: a missing SQLite file is made, and an outage is told to the log.
    Csms(StoreCounters),
    /// A command that ends with what it is told: it makes no file and logs nothing.
    Admin,
}

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    reads: Reads,
}

/// For whom a [`Store`] reads.
#[derive(Clone, Copy)]
enum Reads {
    /// For charge points, and for what follows from their messages.
    Ocpp,
    /// For callers of the API.
    Rest,
}

struct Inner {
    pools: Pools,
    heavy_reads: Semaphore,
    jobs: mpsc::Sender<Box<dyn job::Job>>,
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
        Self::open_for(address, Opener::Csms(StoreCounters::default())).await
    }

    pub(crate) async fn open_for(address: &str, opener: Opener) -> Result<Self> {
        let (counters, serves) = match opener {
            Opener::Csms(counters) => (counters, true),
            Opener::Admin => (StoreCounters::default(), false),
        };
        let pools = open::open(address, serves).await?;
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let (pool, tasks) = match &pools {
            Pools::Sqlite { writer, file, .. } => {
                (WriterPool::Sqlite(writer.clone(), file.clone()), 1)
            }
            Pools::Postgres { writer, .. } => {
                (WriterPool::Postgres(writer.clone()), POSTGRES_WRITERS)
            }
        };
        let store = Self {
            reads: Reads::Ocpp,
            inner: Arc::new(Inner {
                pools,
                heavy_reads: Semaphore::new(HEAVY_READS_MAX),
                jobs,
                closing: CancellationToken::new(),
                writers: TaskTracker::new(),
            }),
        };
        let closing = store.inner.closing.clone();
        let health = writer::Health::new(serves);
        let mut writer = writer::Writer::new(pool, queue, closing, counters, health);
        if let Pools::Postgres { patient, .. } = &store.inner.pools {
            let patient = writer.set_aside_for(patient.clone());
            patient.spawn(&store.inner.writers, POSTGRES_PATIENT_WRITERS);
        }
        writer.spawn(&store.inner.writers, tasks);
        store
            .create_organization(DEFAULT_ORGANIZATION, DEFAULT_NAME)
            .await?;
        Ok(store)
    }

    /// The same database as the API reads it.
    pub(crate) fn for_rest(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            reads: Reads::Rest,
        }
    }

    /// A connection for reading, outside any transaction.
    pub(crate) async fn reader(&self) -> Result<Conn> {
        Ok(match (&self.inner.pools, self.reads) {
            (Pools::Sqlite { ocpp, .. }, Reads::Ocpp) => Conn::Sqlite(ocpp.acquire().await?),
            (Pools::Sqlite { rest, .. }, Reads::Rest) => Conn::Sqlite(rest.acquire().await?),
            (Pools::Postgres { ocpp, .. }, Reads::Ocpp) => Conn::Postgres(ocpp.acquire().await?),
            (Pools::Postgres { rest, .. }, Reads::Rest) => Conn::Postgres(rest.acquire().await?),
        })
    }

    /// A connection for a read over many rows, and the turn to use it.
    pub(crate) async fn heavy_reader(&self) -> Result<(Conn, SemaphorePermit<'_>)> {
        let turn = timeout(ACQUIRE_TIMEOUT, self.inner.heavy_reads.acquire()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        Ok((self.reader().await?, turn))
    }

    fn serving_lock(&self) -> Option<&ServingLock> {
        match &self.inner.pools {
            Pools::Sqlite { lock, .. } => lock.as_ref(),
            Pools::Postgres { .. } => None,
        }
    }

    /// Whether transactions are written side by side: PostgreSQL's are, SQLite has one writer.
    pub(crate) fn has_several_writers(&self) -> bool {
        matches!(self.inner.pools, Pools::Postgres { .. })
    }

    /// Runs `step` in a transaction and returns its result once that is committed. The step may run more than
    /// once, so it changes nothing but the database.
    pub(crate) async fn write<I, T>(&self, input: I, step: Step<I, T>) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (job, result) = job::job(input, step);
        self.inner
            .jobs
            .send(job)
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// The same for a job that is done together with others of its kind.
    pub(crate) async fn write_folded<F: Folded>(&self, input: F) -> Result<F::Done> {
        let (job, result) = job::folded_job(input);
        self.inner
            .jobs
            .send(job)
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits what is queued and closes the database. Later writes fail with [`StoreError::Closed`]. A
    /// database that does not answer is left after a few seconds.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.writers.close();
        let closed = async {
            self.inner.writers.wait().await;
            match &self.inner.pools {
                Pools::Sqlite {
                    ocpp,
                    rest,
                    writer,
                    lock,
                    ..
                } => {
                    tokio::join!(ocpp.close(), rest.close());
                    writer.close().await;
                    if let Some(lock) = lock {
                        lock.release();
                    }
                }
                Pools::Postgres {
                    ocpp,
                    rest,
                    writer,
                    patient,
                } => {
                    tokio::join!(ocpp.close(), rest.close(), writer.close(), patient.close());
                }
            }
        };
        if timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            tracing::error!("the database does not answer and was not closed");
        }
    }
}
