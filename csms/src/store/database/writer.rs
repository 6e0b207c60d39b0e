//! The writer: takes jobs from a bounded queue and commits them.
//!
//! On SQLite one task commits everything that is queued, up to [`BATCH_JOBS_MAX`] jobs, in one transaction:
//! one `fsync` for many charge points. When a job of such a group fails, the group is rolled back and runs once
//! more, now with a savepoint before each job: a bad job costs nobody else a commit. Jobs of one kind that are
//! [`Folded`](super::job::Folded) are done together, with one statement for many of them: what costs is the way to the thread of SQLite
//! and back, more than SQLite. On PostgreSQL a few tasks do the same side by side, in smaller groups; a group that ran
//! into another one (a deadlock) runs again. A group waits for a lock 200 ms; then the jobs that meet it are told apart
//! and set aside, for tasks that commit one job each and wait, so that the others do not.
//!
//! A database that takes no commit at all fails every job at once; the log hears of it once. A job whose
//! statement takes too long, behind somebody's lock maybe, fails alone. On SQLite, where all others wait behind
//! it, the next one that does so says that it is the database.
//!
//! Invariant: a job's caller hears `Ok` only after the commit of the transaction it ran in.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use sqlx::{PgPool, SqlitePool};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::database::file::OpenFile;
use crate::store::database::job::{Fold, Job};
use crate::store::{Conn, Result, StoreCounters, StoreError, run_on_db};

/// Jobs in one commit. On PostgreSQL fewer: they are done side by side, and whoever holds a row makes a group wait.
const BATCH_JOBS_MAX: usize = 256;
const SHARED_BATCH_JOBS_MAX: usize = 64;
/// Jobs that met somebody's lock and wait for a task that waits with them.
const ASIDE_JOBS_MAX: usize = 1024;

/// Jobs that are worth a commit at once. Where jobs come together, fewer wait for others for [`GATHER`]: a commit costs
/// as much as many jobs.
const GATHERED_MIN: usize = 32;
const GATHER: Duration = Duration::from_millis(4);

/// How often a job runs again that collided with others. Each time one of those that collide gets through.
const COLLISIONS_MAX: u32 = 8;

#[derive(Clone)]
pub(in crate::store) enum WriterPool {
    Sqlite(SqlitePool, OpenFile),
    Postgres(PgPool),
}

impl WriterPool {
    async fn begin(&self) -> Result<Conn> {
        self.check_file()?;
        // SQLite: `immediate` takes the write lock at once; a later upgrade could not wait for it.
        let (mut conn, begin) = match self {
            Self::Sqlite(pool, _) => (Conn::Sqlite(pool.acquire().await?), "begin immediate"),
            Self::Postgres(pool) => (Conn::Postgres(pool.acquire().await?), "begin"),
        };
        execute(&mut conn, begin).await?;
        Ok(conn)
    }

    /// What is written into a file that nobody finds again is not stored.
    fn check_file(&self) -> Result<()> {
        match self {
            Self::Sqlite(_, file) if !file.is_there() => {
                Err(StoreError::FileGone(file.path().to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the database takes commits, as the log was told. An outage is one line, however many jobs it
/// fails, and its end another one.
pub(in crate::store) struct Health {
    is_logged: bool,
    failing: AtomicBool,
}

impl Health {
    pub(in crate::store) const fn new(is_logged: bool) -> Self {
        Self {
            is_logged,
            failing: AtomicBool::new(false),
        }
    }

    fn failed(&self, error: &StoreError) {
        if self.failing.swap(true, Relaxed) || !self.is_logged {
            return;
        }
        let remedy = error.remedy().unwrap_or("see what the database says");
        tracing::error!(
            cause = %error, remedy,
            "nothing can be stored: charge points are told to send again, and /readyz says 503"
        );
    }

    fn committed(&self) {
        if self.failing.load(Relaxed) && self.failing.swap(false, Relaxed) && self.is_logged {
            tracing::info!("the database takes facts again");
        }
    }
}

/// A task that commits; all clones share one queue.
#[derive(Clone)]
pub(in crate::store) struct Writer {
    pool: WriterPool,
    queue: Arc<Mutex<mpsc::Receiver<Box<dyn Job>>>>,
    closing: CancellationToken,
    counters: StoreCounters,
    health: Arc<Health>,
    batch_jobs_max: usize,
    /// Where jobs go that met a lock.
    aside: Option<mpsc::Sender<Box<dyn Job>>>,
}

/// Waits for more jobs, not long.
async fn gather(
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
    max: usize,
) {
    let until = Instant::now() + GATHER;
    while batch.len() < GATHERED_MIN {
        match timeout_at(until, queue.recv_many(batch, max - batch.len())).await {
            Ok(taken) if taken > 0 => {}
            _ => return,
        }
    }
}

impl Writer {
    pub(in crate::store) fn new(
        pool: WriterPool,
        queue: mpsc::Receiver<Box<dyn Job>>,
        closing: CancellationToken,
        counters: StoreCounters,
        health: Health,
    ) -> Self {
        let batch_jobs_max = match pool {
            WriterPool::Sqlite(..) => BATCH_JOBS_MAX,
            WriterPool::Postgres(_) => SHARED_BATCH_JOBS_MAX,
        };
        Self {
            pool,
            queue: Arc::new(Mutex::new(queue)),
            closing,
            counters,
            health: Arc::new(health),
            batch_jobs_max,
            aside: None,
        }
    }

    /// Sets jobs that meet a lock aside from now on, for tasks of the writer that this gives: they commit one job each on
    /// the connections of `patient`.
    pub(in crate::store) fn set_aside_for(&mut self, patient: PgPool) -> Self {
        let (aside, queue) = mpsc::channel(ASIDE_JOBS_MAX);
        self.aside = Some(aside);
        Self {
            pool: WriterPool::Postgres(patient),
            queue: Arc::new(Mutex::new(queue)),
            // It ends when nobody can set anything aside any more.
            closing: CancellationToken::new(),
            counters: self.counters.clone(),
            health: self.health.clone(),
            batch_jobs_max: 1,
            aside: None,
        }
    }

    /// Runs as many tasks as may commit at the same time.
    pub(in crate::store) fn spawn(self, tracker: &TaskTracker, tasks: u32) {
        for _ in 0..tasks {
            tracker.spawn(self.clone().run());
        }
    }

    async fn run(self) {
        let mut batch = Vec::new();
        let mut is_busy = false;
        while self.take(&mut batch, is_busy).await {
            is_busy = batch.len() > 1;
            self.commit_all(&mut batch).await;
        }
    }

    /// Waits for jobs; false when the store is closed and the queue empty.
    async fn take(&self, batch: &mut Vec<Box<dyn Job>>, is_busy: bool) -> bool {
        let mut queue = self.queue.lock().await;
        let max = self.batch_jobs_max;
        tokio::select! {
            taken = queue.recv_many(batch, max) => {
                if is_busy && (1..GATHERED_MIN).contains(&taken) && taken < max {
                    gather(&mut queue, batch, max).await;
                }
                return taken > 0;
            }
            () = self.closing.cancelled() => queue.close(),
        }
        queue.recv_many(batch, max).await > 0
    }

    async fn commit_all(&self, batch: &mut Vec<Box<dyn Job>>) {
        let (mut slow, mut collided) = (0, 0);
        let mut savepoints = Savepoints::None;
        while !batch.is_empty() {
            match self.commit(batch, savepoints).await {
                Ok(mut failed) => {
                    for (index, job) in batch.drain(..).enumerate() {
                        match failed.remove(&index) {
                            None => job.finish(Ok(())),
                            Some(error) => self.fail_or_set_aside(job, error),
                        }
                    }
                }
                Err(Failure::Job(error)) if error.is_collision() && collided < COLLISIONS_MAX => {
                    collided += 1;
                    self.counters.collisions.inc();
                }
                Err(Failure::Job(_)) if batch.len() > 1 => savepoints = Savepoints::PerJob,
                Err(Failure::Job(error)) => {
                    for job in batch.drain(..) {
                        self.fail_or_set_aside(job, error.clone());
                    }
                }
                Err(Failure::Slow(index)) if self.is_one_of_a_kind(&mut slow) => {
                    batch.remove(index).finish(Err(StoreError::TimedOut));
                }
                Err(Failure::Slow(_)) => self.fail_everything(batch, StoreError::TimedOut),
                Err(Failure::Transaction(error)) => self.fail_everything(batch, error),
            }
        }
    }

    /// A job that met a lock, or another one, goes to those who wait; any other one failed.
    fn fail_or_set_aside(&self, job: Box<dyn Job>, error: StoreError) {
        let met = error.is_of_a_lock() || error.is_collision();
        let aside = self.aside.as_ref().filter(|_| met);
        let Some(aside) = aside else {
            return job.finish(Err(error));
        };
        self.counters.collisions.inc();
        if let Err(full) = aside.try_send(job) {
            full.into_inner().finish(Err(StoreError::TimedOut));
        }
    }

    /// Whether it waits for locks with one job at a time.
    const fn is_patient(&self) -> bool {
        self.batch_jobs_max == 1
    }

    /// Whether a job that took too long is no sign that the others will: once in a group, always where there is none. A
    /// group in which each took its time would keep everybody waiting for minutes.
    const fn is_one_of_a_kind(&self, slow: &mut usize) -> bool {
        *slow += 1;
        self.is_patient() || *slow == 1
    }

    /// The database takes nothing: neither these jobs nor those in the queue are kept waiting for it.
    fn fail_everything(&self, batch: &mut Vec<Box<dyn Job>>, error: StoreError) {
        if self.is_patient() {
            // The groups will say whether it is the database.
            return fail_all(batch, &error);
        }
        // Who holds the lock waits for jobs, so the queue is empty, or empties it like this.
        if let Ok(mut queue) = self.queue.try_lock() {
            while let Ok(job) = queue.try_recv() {
                batch.push(job);
            }
        }
        self.health.failed(&error);
        fail_all(batch, &StoreError::Outage(Arc::new(error)));
    }

    /// Commits the jobs in one transaction; those that failed behind a savepoint, by their index, are not in it.
    async fn commit(
        &self,
        jobs: &mut [Box<dyn Job>],
        savepoints: Savepoints,
    ) -> Result<HashMap<usize, StoreError>, Failure> {
        let mut conn = self.pool.begin().await.map_err(Failure::Transaction)?;
        if savepoints == Savepoints::PerJob && self.aside.is_some() {
            // The group waited; now each job that meets the lock is told apart.
            let text = "set local lock_timeout = '10ms'";
            let set = execute(&mut conn, text).await;
            set.map_err(Failure::Transaction)?;
        }
        let mut failed = HashMap::new();
        let mut folds: HashMap<TypeId, Fold<'_>> = HashMap::new();
        let mut alone = Vec::new();
        let mut together = HashSet::new();
        for (index, job) in jobs.iter_mut().enumerate() {
            if !job.is_wanted() {
                continue;
            }
            let fold = job.fold().filter(|_| savepoints == Savepoints::None);
            let fold = fold.and_then(|(kind, charge_point, run_all)| {
                let is_first = together.insert((kind, charge_point.to_owned()));
                is_first.then_some((kind, run_all))
            });
            match fold {
                Some((kind, run_all)) => {
                    let fold = folds.entry(kind).or_insert_with(|| (run_all, Vec::new()));
                    fold.1.push(job);
                }
                None => alone.push((index, job)),
            }
        }
        for (run_all, jobs) in folds.into_values() {
            if let Err(error) = run_all(jobs, &mut conn).await {
                return Err(self.failed_together(error, conn).await);
            }
        }
        for (index, job) in alone {
            match run(job.as_mut(), &mut conn, savepoints).await {
                Ok(()) => {}
                Err(StoreError::TimedOut) => {
                    leave(conn);
                    return Err(Failure::Slow(index));
                }
                Err(error) if savepoints == Savepoints::PerJob && !error.concerns_everybody() => {
                    failed.insert(index, error);
                }
                Err(error) => {
                    roll_back(conn).await;
                    let all = error.concerns_everybody();
                    let failure = if all {
                        Failure::Transaction
                    } else {
                        Failure::Job
                    };
                    return Err(failure(error));
                }
            }
        }
        let count = jobs.len();
        match execute(&mut conn, "commit").await {
            Ok(()) => {}
            // The connection is closed already, see `on_db`.
            Err(error @ StoreError::TimedOut) => return Err(Failure::Transaction(error)),
            Err(error) => {
                roll_back(conn).await;
                return Err(Failure::Transaction(error));
            }
        }
        // Moved away meanwhile: maybe the commit is in the moved file, and maybe it comes back. It is said again.
        self.pool.check_file().map_err(Failure::Transaction)?;
        self.health.committed();
        self.counters.commits.inc();
        let committed = count - failed.len();
        self.counters.committed_jobs.inc_by(committed as u64);
        Ok(failed)
    }
}

impl Writer {
    /// What it means that jobs failed that were done together: each runs alone now, so that the one shows that did it.
    async fn failed_together(&self, error: StoreError, conn: Conn) -> Failure {
        if matches!(error, StoreError::TimedOut) {
            leave(conn);
            return Failure::Job(error);
        }
        roll_back(conn).await;
        match error.concerns_everybody() {
            true => Failure::Transaction(error),
            false => Failure::Job(error),
        }
    }
}

/// Whether jobs of one transaction are told apart, so that a bad one can be taken back alone. It costs two statements
/// a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Savepoints {
    None,
    PerJob,
}

/// Runs one job. Behind a savepoint nothing of it stays when it fails.
async fn run(job: &mut dyn Job, conn: &mut Conn, savepoints: Savepoints) -> Result<()> {
    if savepoints == Savepoints::None {
        return job.run(conn).await;
    }
    execute(conn, "savepoint job").await?;
    let ran = job.run(conn).await;
    match &ran {
        // Its connection is closed already, see `on_db`.
        Err(StoreError::TimedOut) => return ran,
        Err(_) => execute(conn, "rollback to savepoint job").await?,
        Ok(()) => {}
    }
    execute(conn, "release savepoint job").await?;
    ran
}

enum Failure {
    /// One job failed; the others may be fine without it.
    Job(StoreError),
    /// A statement of the job at this index took too long.
    Slow(usize),
    /// The database does not begin or commit: nobody's job can be done.
    Transaction(StoreError),
}

fn fail_all(batch: &mut Vec<Box<dyn Job>>, error: &StoreError) {
    for job in batch.drain(..) {
        job.finish(Err(error.clone()));
    }
}

async fn execute(conn: &mut Conn, statement: &'static str) -> Result<()> {
    run_on_db!(conn, db => sqlx::query(statement).execute(db))
}

async fn roll_back(mut conn: Conn) {
    if execute(&mut conn, "rollback").await.is_err() {
        // A connection in an unknown state is not used again.
        match conn {
            Conn::Sqlite(connection) => drop(connection.detach()),
            Conn::Postgres(connection) => drop(connection.detach()),
        }
    }
}

/// Closes a connection whose statement goes on maybe, and its transaction with it: nothing of that is committed.
/// SQLite gives up its lock when the statement is through, and the next transaction waits for that.
fn leave(conn: Conn) {
    match conn {
        Conn::Sqlite(mut connection) => connection.close_on_drop(),
        Conn::Postgres(mut connection) => connection.close_on_drop(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use futures_util::future::join_all;
    use sqlx::{Connection as _, PgConnection};
    use tokio::sync::{Barrier, Notify};

    use super::BATCH_JOBS_MAX;
    use crate::store::{Opener, Result, Store, StoreCounters, StoreError, on_db, run_on_db};

    /// Two jobs that are good, and between them so many whose statement takes too long; all in one batch.
    async fn slow_ones(count: usize) -> Vec<Result<()>> {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let slow = (0..count).map(|_| 1_u32);
        let jobs = std::iter::once(0).chain(slow).chain([0]);
        let jobs = jobs.map(|slow| {
            store.write(slow, |slow, _| {
                let done = if *slow == 1 {
                    Err(StoreError::TimedOut)
                } else {
                    Ok(())
                };
                Box::pin(async { done })
            })
        });
        let done = join_all(jobs).await;
        // Whatever it was, the writer goes on.
        store.create_organization("org_1", "one").await.unwrap();
        done
    }

    #[tokio::test]
    async fn a_slow_job_fails_alone_and_a_second_one_says_that_it_is_the_database() {
        let done = slow_ones(1).await;
        assert!(matches!(
            done[..],
            [Ok(()), Err(StoreError::TimedOut), Ok(())]
        ));
        let done = slow_ones(3).await;
        assert!(matches!(done[1], Err(StoreError::TimedOut)));
        for outage in [0, 2, 3, 4] {
            assert!(
                matches!(done[outage], Err(StoreError::Outage(_))),
                "{outage}"
            );
        }
    }

    /// The name of an organization, if there is such a one.
    async fn name_of(store: &Store, id: &str) -> Option<String> {
        let mut conn = store.reader().await.unwrap();
        let found: Result<Option<String>> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select name from organization where id = $1").bind(id).fetch_optional(db));
        found.unwrap()
    }

    #[tokio::test]
    async fn bad_jobs_of_a_group_cost_the_others_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let counters = StoreCounters::default();
        let opener = Opener::Csms(counters.clone());
        let store = Store::open_for(&address, opener).await.unwrap();
        let before = counters.commits.get();
        // An organization of its own for each; every fourth job fails after it has written.
        let jobs = (0..BATCH_JOBS_MAX).map(|number| {
            store.write(number, |number, conn| {
                Box::pin(async move {
                    let id = format!("org_{number}");
                    run_on_db!(conn, db => sqlx::query(
                        "insert into organization (id, name, takes_sign_ups, created_at_ms) values ($1, $1, false, 0)")
                        .bind(&id).execute(db))?;
                    match number % 4 {
                        0 => Err(StoreError::Missing(id)),
                        _ => Ok(()),
                    }
                })
            })
        });
        let done = join_all(jobs).await;
        // The writer may have taken the first job before the others were there.
        let commits = counters.commits.get() - before;
        assert!((1..=2).contains(&commits), "{commits} commits");
        for (number, done) in done.iter().enumerate() {
            assert_eq!(done.is_err(), number % 4 == 0, "{number}");
            let kept = name_of(&store, &format!("org_{number}")).await;
            assert_eq!(kept.is_some(), done.is_ok(), "{number}");
        }
    }

    /// The address of a database of its own, if there is a server to make it on.
    async fn new_postgres() -> Option<String> {
        let Ok(server) = std::env::var("DYNAMO_TEST_POSTGRES") else {
            eprintln!("skipped: set DYNAMO_TEST_POSTGRES to postgres://USER@HOST/NAME of a server");
            let is_strict = std::env::var_os("DYNAMO_TEST_NO_SKIP").is_some();
            assert!(!is_strict, "skipping is a failure here");
            return None;
        };
        let name = format!("dynamo_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        let (prefix, _) = server.rsplit_once('/').unwrap();
        Some(format!("{prefix}/{name}"))
    }

    /// Two jobs that lock the same two rows, each in its own order; the first time they wait for each other.
    #[tokio::test]
    async fn jobs_that_deadlock_on_postgresql_both_get_through() {
        let Some(address) = new_postgres().await else {
            return;
        };
        let counters = StoreCounters::default();
        let opener = Opener::Csms(counters.clone());
        let store = Store::open_for(&address, opener).await.unwrap();
        for id in ["a", "b"] {
            store.create_organization(id, id).await.unwrap();
        }
        let (begun, met) = (Arc::new(Notify::new()), Arc::new(Barrier::new(2)));
        let rename = |first, second| {
            let input = (
                first,
                second,
                begun.clone(),
                met.clone(),
                AtomicBool::new(false),
            );
            store.write(input, |(first, second, begun, met, ran), conn| {
                Box::pin(async move {
                    for (id, is_first) in [(*first, true), (*second, false)] {
                        run_on_db!(conn, db => sqlx::query("update organization set name = name || $2 where id = $1")
                            .bind(id).bind("x").execute(db))?;
                        if is_first && !ran.swap(true, Relaxed) {
                            begun.notify_one();
                            met.wait().await;
                        }
                    }
                    Ok(())
                })
            })
        };
        // The second one comes when the first one has begun, so that they are not of one group.
        let second = async {
            begun.notified().await;
            rename("b", "a").await
        };
        let (one, other) = tokio::join!(rename("a", "b"), second);
        one.unwrap();
        other.unwrap();
        assert!(counters.collisions.get() >= 1);
        for id in ["a", "b"] {
            assert_eq!(name_of(&store, id).await, Some(format!("{id}xx")));
        }
    }

    /// Somebody holds a row: the jobs that need it wait, the others of their group are done at once, and each once.
    #[tokio::test]
    async fn a_lock_on_postgresql_keeps_only_those_waiting_who_need_it() {
        let Some(address) = new_postgres().await else {
            return;
        };
        let store = Store::open(&address).await.unwrap();
        for id in ["held", "free"] {
            store.create_organization(id, id).await.unwrap();
        }
        let mut holder = PgConnection::connect(&address).await.unwrap();
        for text in [
            "begin",
            "select 1 from organization where id = 'held' for update",
        ] {
            sqlx::query(text).execute(&mut holder).await.unwrap();
        }
        let rename = |id: &'static str| {
            store.write(id, |id, conn| {
                Box::pin(async move {
                    run_on_db!(conn, db => sqlx::query("update organization set name = name || $2 where id = $1")
                        .bind(*id).bind("x").execute(db))
                })
            })
        };
        let held = join_all((0..3).map(|_| rename("held")));
        let free = async {
            join_all((0..3).map(|_| rename("free"))).await;
            // The others still wait: nobody else ends what they wait for.
            sqlx::query("rollback").execute(&mut holder).await.unwrap();
        };
        let (held, ()) = tokio::join!(held, free);
        assert!(held.iter().all(Result::is_ok), "{held:?}");
        for id in ["held", "free"] {
            assert_eq!(name_of(&store, id).await, Some(format!("{id}xxx")));
        }
    }

    #[tokio::test]
    async fn a_job_nobody_waits_for_any_more_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let mut gone =
            Box::pin(store.record_unknown_charge_point("CP-1", crate::store::Proof::default()));
        // In the queue, and dropped before the writer had its turn.
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        store
            .record_unknown_charge_point("CP-2", crate::store::Proof::default())
            .await
            .unwrap();
        assert!(store.charge_point("CP-1").await.unwrap().is_none());
        assert!(store.charge_point("CP-2").await.unwrap().is_some());
    }
}
