//! One server on one SQLite file, and whether the file holds all that its server committed.
//!
//! A server holds a lock on `DATABASE.lock`, a file beside the database, until it ends or dies. It is not the database
//! itself that is locked: closing it would free the locks that SQLite has on it. Commands of `admin` take no lock.
//!
//! The lock and the journal lie beside one name of the file. A file with a second name (a hard link) would have others
//! beside that one, so it is not served.
//!
//! What is committed last lies in `DATABASE-wal`, the journal, and may be missing with it. The lock file says what its
//! holder knows: a mark that was committed in the database each minute, until the server ended in an orderly way. A
//! database without a journal and with an older mark has lost something. What was committed after the last mark, or was
//! moved into the database since, is not missed; and nothing is noticed where the lock file was lost as well, unless the
//! whole schema lay in the journal.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::clock::system_ms;
use crate::store::database::file::names;
use crate::store::{Conn, Result, Store, StoreError, on_db};

/// How long a server waits for one that is about to end.
const TRIES: u32 = 10;
const TRY_PAUSE: Duration = Duration::from_millis(50);

/// Commits a mark that is later than the one before it, whatever the clock says.
const MARK: &str = "insert into probe (id, probed_at_ms) values (2, $1)
     on conflict (id) do update set probed_at_ms = case when probe.probed_at_ms < excluded.probed_at_ms
         then excluded.probed_at_ms else probe.probed_at_ms + 1 end
     returning probed_at_ms";

/// What the lock file says of the server that held it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// It ended in an orderly way, or there was none.
    Ended,
    /// It died before there was anything in the database.
    Making,
    /// It died after it had committed this mark.
    Serving(i64),
}

/// The lock of a server on its database. Free when this is dropped, or its process dies.
pub(in crate::store) struct ServingLock {
    file: Mutex<Option<File>>,
    before: Before,
    /// Whether the database was opened. What was refused leaves the lock file as it was, for the next start.
    has_begun: AtomicBool,
}

impl ServingLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another server has it, another may take the file by another name, or no lock can be had: one sentence.
    pub(in crate::store) async fn take(database: &Path, address: &str) -> Result<Self> {
        let path = beside(&canonical(database), ".lock");
        let cannot = |error: &std::io::Error| {
            StoreError::Address(format!(
                "cannot open the database {address} (--database): its lock file {} cannot be used: {error}; give a \
                 path in a folder where this user may write files, on a disk of this machine",
                path.display()
            ))
        };
        let mut opening = File::options();
        opening.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut opening, 0o600);
        let mut file = opening.open(&path).map_err(|error| cannot(&error))?;
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(cannot(&error)),
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(TRY_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let said = read(&mut file).unwrap_or_default();
                    let process = said.split(' ').nth(1).unwrap_or("unknown");
                    return Err(StoreError::Address(format!(
                        "another server (process {process}) serves the database {address} (--database): end it first, \
                         give this one another file, or use PostgreSQL, which several servers can share"
                    )));
                }
            }
        }
        // Looked at under the lock: a name that is made later is refused to whoever comes by it.
        check_names(&canonical(database), address)?;
        let before = before(&read(&mut file).map_err(|error| cannot(&error))?);
        let lock = Self {
            file: Mutex::new(Some(file)),
            before,
            has_begun: AtomicBool::new(false),
        };
        Ok(lock)
    }

    /// The database is about to be made: what is not in it is not missing.
    pub(in crate::store) fn making(&self) {
        self.say(&format!("making {}", std::process::id()));
    }

    /// This mark was committed.
    pub(in crate::store) fn serving(&self, mark: i64) {
        self.say(&format!("serving {} {mark}", std::process::id()));
    }

    /// The server has ended.
    pub(in crate::store) fn release(&self) {
        if self.has_begun.load(Relaxed) {
            self.say("ended");
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        *file = None;
    }

    /// What cannot be written down is noticed less at the next start, and nothing else.
    fn say(&self, text: &str) {
        self.has_begun.store(true, Relaxed);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_mut() else { return };
        // One write of a line that is as long as any: a half of it is never read.
        let line = format!("{text:<48}\n");
        let written = file.rewind().and_then(|()| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            tracing::debug!(cause = %error, "the lock file of the database was not written");
        }
    }
}

impl Drop for ServingLock {
    fn drop(&mut self) {
        self.release();
    }
}

/// Refuses a file that has several names: a server on each of them would not know of the other, nor of its journal.
fn check_names(file: &Path, address: &str) -> Result<()> {
    let names = names(file);
    if names <= 1 {
        return Ok(());
    }
    Err(StoreError::Address(format!(
        "the database {address} (--database) has {names} names (hard links), and a server on each of them would lose \
         what the other stores: end whoever uses it and remove all names but one (find them with `find / -samefile {}`)",
        file.display()
    )))
}

fn read(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(256).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn before(said: &str) -> Before {
    let words: Vec<&str> = said.split(' ').collect();
    match words[..] {
        ["making", _] => Before::Making,
        ["serving", _, mark] => mark.parse().map_or(Before::Ended, Before::Serving),
        _ => Before::Ended,
    }
}

/// Refuses a file whose journal is missing, as far as that can be told: a server would serve less than it was told, or an
/// empty database as a new one. Without a lock nothing is known of the server before.
pub(in crate::store) async fn check_journal(
    path: &Path,
    address: &str,
    lock: Option<&ServingLock>,
) -> Result<()> {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let refused = |what: String| Err(StoreError::Address(what));
    // SQLite keeps the journal beside the file that a link leads to.
    let path = &canonical(path);
    let main = bytes(path);
    for ending in ["-wal", "-journal"] {
        let journal = beside(path, ending);
        if main == 0 && bytes(&journal) > 0 {
            return refused(format!(
                "the database {address} (--database) is {}, and its journal {} is there: put the file back that belongs \
                 to the journal, or move the journal away to begin with an empty database",
                if path.exists() { "empty" } else { "missing" },
                journal.display()
            ));
        }
    }
    let journal = beside(path, "-wal");
    if main == 0 || bytes(&journal) > 0 {
        return Ok(());
    }
    let found = look(path).await?;
    let before = lock.map_or(Before::Ended, |lock| lock.before);
    match (found, before) {
        // It was never served: it is a copy, or another program made it.
        (
            Found {
                has_journal: false, ..
            },
            _,
        )
        | (
            Found {
                has_tables: false, ..
            },
            Before::Making,
        ) => Ok(()),
        (
            Found {
                has_tables: false, ..
            },
            _,
        ) => refused(format!(
            "the database {address} (--database) has no tables, and its journal {} is missing, in which they may be: put \
             the journal back, or remove the file to begin with an empty database",
            journal.display()
        )),
        (found, Before::Serving(mark)) if found.mark < mark => refused(format!(
            "the database {address} (--database) holds less than its server had committed when it died, and its journal {} \
             is missing: put the journal back, or remove {} to serve what there is, an older copy maybe",
            journal.display(),
            beside(path, ".lock").display()
        )),
        _ => Ok(()),
    }
}

/// What there is in a file whose journal is missing or empty.
struct Found {
    /// Whether it is one of those that have a journal of this kind.
    has_journal: bool,
    has_tables: bool,
    /// 0 without one.
    mark: i64,
}

async fn look(path: &Path) -> Result<Found> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(crate::store::BUSY_TIMEOUT)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    let mode: String = sqlx::query_scalar("pragma journal_mode")
        .fetch_one(&mut connection)
        .await?;
    let tables: Vec<String> = sqlx::query_scalar("select name from sqlite_schema")
        .fetch_all(&mut connection)
        .await?;
    let mark: Option<i64> = match tables.iter().any(|table| table == "probe") {
        true => {
            let mark = sqlx::query_scalar("select probed_at_ms from probe where id = 2");
            mark.fetch_optional(&mut connection).await?
        }
        false => None,
    };
    connection.close().await?;
    Ok(Found {
        has_journal: mode == "wal",
        has_tables: !tables.is_empty(),
        mark: mark.unwrap_or(0),
    })
}

/// The path with this ending added.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The file itself, where links lead to it; of one that is not there yet, in its folder.
fn canonical(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

impl Conn {
    /// Commits a mark, outside of any transaction or in one.
    pub(in crate::store) async fn mark(&mut self) -> Result<i64> {
        on_db!(self, db => sqlx::query_scalar(MARK).bind(system_ms()).fetch_one(db))
    }
}

impl Store {
    /// Writes down once more how far the database is; see the module. Nothing to do on PostgreSQL.
    pub(crate) async fn mark_served(&self) -> Result<()> {
        let Some(lock) = self.serving_lock() else {
            return Ok(());
        };
        let mark = self.write((), |(), conn| Box::pin(conn.mark())).await?;
        lock.serving(mark);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
            }
        }

        fn file(&self, ending: &str) -> PathBuf {
            self.folder.path().join(format!("x.db{ending}"))
        }

        fn address(&self) -> String {
            format!("sqlite://{}", self.file("").display())
        }

        async fn refused(&self) -> String {
            match Store::open(&self.address()).await {
                Ok(_) => panic!("it was opened"),
                Err(error) => {
                    assert!(matches!(error, StoreError::Address(_)), "{error}");
                    error.to_string()
                }
            }
        }

        /// The files of a database that is being served, as a server that dies leaves them.
        async fn died(&self, store: &Store) -> Self {
            let left = Self::new();
            store.mark_served().await.unwrap();
            for ending in ["", "-wal", ".lock"] {
                std::fs::copy(self.file(ending), left.file(ending)).unwrap();
            }
            left
        }
    }

    #[tokio::test]
    async fn one_server_has_a_file_until_it_ends() {
        let place = Place::new();
        let first = Store::open(&place.address()).await.unwrap();
        let text = place.refused().await;
        let process = format!("(process {})", std::process::id());
        assert!(
            text.contains(&process) && text.contains(&place.address()),
            "{text}"
        );
        // Another name of the same file.
        #[cfg(unix)]
        {
            let link = place.folder.path().join("link.db");
            std::os::unix::fs::symlink(place.file(""), &link).unwrap();
            let address = format!("sqlite://{}", link.display());
            assert!(Store::open(&address).await.is_err());
        }
        first.close().await;
        let second = Store::open(&place.address()).await.unwrap();
        drop(first);
        assert!(place.refused().await.contains("another server"));
        drop(second);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_with_a_second_name_is_served_under_neither() {
        let place = Place::new();
        let first = Store::open(&place.address()).await.unwrap();
        let folder = place.folder.path().join("other");
        std::fs::create_dir(&folder).unwrap();
        let other = folder.join("y.db");
        std::fs::hard_link(place.file(""), &other).unwrap();
        let address = format!("sqlite://{}", other.display());
        // While the first serves, and when it has ended.
        for first in [Some(first), None] {
            for address in [&address, &place.address()] {
                let refused = Store::open(address).await.map(drop).unwrap_err();
                let is_served = first.is_some() && *address == place.address();
                let word = match is_served {
                    true => "another server",
                    false => "has 2 names",
                };
                let text = refused.to_string();
                assert!(text.contains(word) && text.contains(address), "{text}");
            }
            if let Some(first) = first {
                first.close().await;
            }
        }
        // Commands beside the server are let in: one of them may be the backup before the name is removed.
        let admin = Store::open_for(&place.address(), crate::store::Opener::Admin).await;
        admin.unwrap().close().await;
        std::fs::remove_file(&other).unwrap();
        Store::open(&place.address()).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn a_lock_file_that_cannot_be_had_is_told() {
        let place = Place::new();
        std::fs::create_dir(place.file(".lock")).unwrap();
        let text = place.refused().await;
        assert!(
            text.contains("x.db.lock") && text.contains("may write files"),
            "{text}"
        );
        assert!(!place.file("").exists());
    }

    #[tokio::test]
    async fn a_server_that_died_is_followed_where_its_journal_is_there() {
        let place = Place::new();
        let store = Store::open(&place.address()).await.unwrap();
        store.create_organization("org_1", "one").await.unwrap();
        let left = place.died(&store).await;
        let next = Store::open(&left.address()).await.unwrap();
        assert_eq!(next.takes_sign_ups("org_1").await.unwrap(), Some(false));
        next.close().await;
        store.close().await;
        // Where the server has ended, an older copy in its place is what somebody wants.
        let older = std::fs::read(place.file("")).unwrap();
        Store::open(&place.address()).await.unwrap().close().await;
        std::fs::write(place.file(""), older).unwrap();
        Store::open(&place.address()).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn a_young_database_without_its_journal_is_not_taken_for_a_new_one() {
        let place = Place::new();
        let store = Store::open(&place.address()).await.unwrap();
        let left = place.died(&store).await;
        std::fs::remove_file(left.file("-wal")).unwrap();
        // The lock file adds nothing: the whole schema is in the journal.
        for ending in ["-shm", ".lock"] {
            let _ = std::fs::remove_file(left.file(ending));
            let text = left.refused().await;
            assert!(
                text.contains("no tables") && text.contains("x.db-wal"),
                "{text}"
            );
        }
        let admin = Store::open_for(&left.address(), crate::store::Opener::Admin).await;
        assert!(admin.is_err());
        // Whoever wants a new one is told how to get it.
        std::fs::remove_file(left.file("")).unwrap();
        Store::open(&left.address()).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn a_database_that_lost_its_journal_after_a_mark_is_refused() {
        let place = Place::new();
        Store::open(&place.address()).await.unwrap().close().await;
        // Closed, so everything is in the file; the mark of the next server is in its journal.
        let store = Store::open(&place.address()).await.unwrap();
        let left = place.died(&store).await;
        std::fs::remove_file(left.file("-wal")).unwrap();
        // Whoever starts it again and again is refused each time.
        for _ in 0..2 {
            let text = left.refused().await;
            assert!(
                text.contains("holds less") && text.contains("x.db.lock"),
                "{text}"
            );
        }
        std::fs::remove_file(left.file(".lock")).unwrap();
        Store::open(&left.address()).await.unwrap().close().await;
        // Another program that opens it properly moves the journal into it: nothing is missing then.
        let left = place.died(&store).await;
        look(&left.file("")).await.unwrap();
        assert!(!left.file("-wal").exists());
        Store::open(&left.address()).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn a_journal_without_its_database_is_not_thrown_away() {
        let place = Place::new();
        let store = Store::open(&place.address()).await.unwrap();
        for empty in [false, true] {
            let left = place.died(&store).await;
            if empty {
                std::fs::write(left.file(""), "").unwrap();
            } else {
                std::fs::remove_file(left.file("")).unwrap();
            }
            let text = left.refused().await;
            let word = if empty { "is empty" } else { "is missing" };
            assert!(text.contains(word) && text.contains("x.db-wal"), "{text}");
            assert!(std::fs::metadata(left.file("-wal")).unwrap().len() > 0);
        }
    }

    #[test]
    fn the_lock_file_is_read_as_it_is_written() {
        for (said, read) in [
            ("", Before::Ended),
            ("ended", Before::Ended),
            ("making 1", Before::Making),
            ("serving 1 2", Before::Serving(2)),
            ("serving 1 x", Before::Ended),
            ("nonsense", Before::Ended),
        ] {
            assert_eq!(before(said), read, "{said}");
        }
    }
}
