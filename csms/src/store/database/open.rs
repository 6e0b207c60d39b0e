//! Opening the database that an address names, and bringing its schema up to date.

use std::path::Path;
use std::str::FromStr;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, Postgres, Sqlite, SqlitePool};

use crate::store::database::file::OpenFile;
use crate::store::database::many::PREPARED_MAX;
use crate::store::database::serving::{self, ServingLock};
use crate::store::{
    ACQUIRE_TIMEOUT, BUSY_TIMEOUT, Conn, GROUP_LOCK_TIMEOUT, POSTGRES_PATIENT_WRITERS,
    POSTGRES_WRITERS, Result, STATEMENT_TIMEOUT, StoreError,
};

/// Connections that read for charge points, and as many again that read for the API.
const SQLITE_READERS: u32 = 4;
const POSTGRES_READERS: u32 = 6;

/// Pages in the journal of SQLite, of 4 KiB, before they are written into the file: a page that changes often is written
/// once.
const WAL_PAGES: &str = "4000";
/// What the connection that writes keeps of an SQLite file in memory; to SQLite a negative number is one of KiB.
const WRITER_CACHE_KIB: &str = "-16384";

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The connections to the database: pools of their own, so that nobody waits for a connection that somebody of another kind
/// holds. `ocpp` reads for charge points and what follows from their messages, `rest` for the API.
pub(in crate::store) enum Pools {
    Sqlite {
        ocpp: SqlitePool,
        rest: SqlitePool,
        writer: SqlitePool,
        file: OpenFile,
        /// Of a server.
        lock: Option<ServingLock>,
    },
    Postgres {
        ocpp: PgPool,
        rest: PgPool,
        writer: PgPool,
        /// For writes that met somebody's lock and wait for it; made when they are needed.
        patient: PgPool,
    },
}

/// Opens what the address names; an SQLite file that is missing is made only when `create`.
pub(in crate::store) async fn open(address: &str, create: bool) -> Result<Pools> {
    if address.starts_with("sqlite:") {
        open_sqlite(address, create).await
    } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        open_postgres(address).await
    } else {
        Err(no_address(address))
    }
}

fn no_address(address: &str) -> StoreError {
    StoreError::Address(format!(
        "{:?} is no database address (--database): use sqlite://PATH or postgres://USER@HOST/NAME",
        without_password(address)
    ))
}

/// There is no SQLite file at this address, and none is to be made.
pub(in crate::store) fn missing(address: &str) -> StoreError {
    StoreError::Address(format!(
        "there is no database at {address} (--database): start `dynamo csms --database {address}` first, \
         or check the path"
    ))
}

/// A database address that can be shown.
pub(crate) fn without_password(address: &str) -> String {
    let hidden = address.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    });
    hidden.unwrap_or_else(|| address.to_owned())
}

/// An address of SQLite names a file: in memory each connection would have a database of its own.
pub(in crate::store) fn check_sqlite(address: &str) -> Result<()> {
    if !address.starts_with("sqlite:") {
        return Err(no_address(address));
    }
    let rest = address.strip_prefix("sqlite://").unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_memory = path == ":memory:" || query.split('&').any(|part| part == "mode=memory");
    if path.is_empty() || in_memory {
        return Err(StoreError::Address(format!(
            "the database address {address:?} (--database) names no file: give its path, such as \
             sqlite://dynamo.db"
        )));
    }
    Ok(())
}

async fn open_sqlite(address: &str, create: bool) -> Result<Pools> {
    check_sqlite(address)?;
    let options = SqliteConnectOptions::from_str(address)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .statement_cache_capacity(PREPARED_MAX)
        // Statements for many rows can be taken back alone; what that needs stays in memory.
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .disable_statement_logging();
    let path = options.get_filename().to_owned();
    let lock = match create && !path.is_dir() {
        true => Some(ServingLock::take(&path, address).await?),
        false => None,
    };
    serving::check_journal(&path, address, lock.as_ref()).await?;
    if create {
        let is_new = std::fs::metadata(&path).map_or(true, |file| file.len() == 0);
        if let Some(lock) = lock.as_ref().filter(|_| is_new) {
            lock.making();
        }
        // Once, and not for every connection that is opened later: that would put an empty file in the place
        // of one that was moved away.
        make_private(&path);
        let making = options.clone().create_if_missing(true);
        making.connect().await?.close().await?;
    } else if !path.exists() {
        return Err(missing(address));
    }
    let options = options.create_if_missing(false);
    let pool = |connections| {
        PoolOptions::<Sqlite>::new()
            .max_connections(connections)
            .min_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writing = options.clone().pragma("cache_size", WRITER_CACHE_KIB);
    let writer = pool(1).connect_with(writing).await?;
    migrate(&SQLITE, &mut *writer.acquire().await?).await?;
    let ocpp = pool(SQLITE_READERS).connect_with(options.clone()).await?;
    let rest = pool(SQLITE_READERS).connect_with(options).await?;
    let file = remember(&path)?;
    if create {
        tell_of_others(&path);
    }
    if let Some(lock) = &lock {
        let mut conn = Conn::Sqlite(writer.acquire().await?);
        lock.serving(conn.mark().await?);
    }
    Ok(Pools::Sqlite {
        ocpp,
        rest,
        writer,
        file,
        lock,
    })
}

/// Makes the file, for this user only: keys and secrets are in it. SQLite gives the files beside it the same
/// permissions. One that is there stays as it is, and what does not work out SQLite will say.
fn make_private(path: &Path) {
    let mut making = std::fs::OpenOptions::new();
    making.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut making, 0o600);
    let _ = making.open(path);
}

/// Tells the log when other users of this machine can read or write the database.
fn tell_of_others(path: &Path) {
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0
    {
        tracing::warn!(
            path = %path.display(),
            "other users of this machine can read or write the database, which has keys and secrets in it: take that \
             from them (chmod go= on it and on the -wal and -shm beside it)"
        );
    }
}

fn remember(path: &Path) -> Result<OpenFile> {
    OpenFile::at(path).map_err(|error| sqlx::Error::Io(error).into())
}

async fn open_postgres(address: &str) -> Result<Pools> {
    // The server ends what nobody waits for any more: this side gave the statement up a second before.
    let statement_ms = STATEMENT_TIMEOUT.as_millis() + 1_000;
    let options = PgConnectOptions::from_str(address)?
        .disable_statement_logging()
        .statement_cache_capacity(PREPARED_MAX)
        .options([("statement_timeout", statement_ms.to_string())]);
    // A pool tries until its time-out and then names only that; one connection names the cause at once.
    // It waits for whoever brings the schema up to date at the same time.
    let mut first = options.connect().await?;
    migrate(&POSTGRES, &mut first).await?;
    first.close().await?;
    let pool = |connections| {
        PoolOptions::<Postgres>::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
    };
    let lock_ms = GROUP_LOCK_TIMEOUT.as_millis().to_string();
    let writing = options.clone().options([("lock_timeout", lock_ms)]);
    let writer = pool(POSTGRES_WRITERS).connect_with(writing).await?;
    Ok(Pools::Postgres {
        ocpp: pool(POSTGRES_READERS).connect_lazy_with(options.clone()),
        patient: pool(POSTGRES_PATIENT_WRITERS).connect_lazy_with(options.clone()),
        rest: pool(POSTGRES_READERS).connect_lazy_with(options),
        writer,
    })
}

async fn migrate<'c, C>(migrator: &Migrator, conn: C) -> Result<()>
where
    C: sqlx::Acquire<'c>,
    <C::Connection as std::ops::Deref>::Target: sqlx::migrate::Migrate,
{
    let done = migrator.run(conn).await;
    done.map_err(|error| StoreError::Migration(std::sync::Arc::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_databases_are_not_shown() {
        assert_eq!(
            without_password("postgres://u:p@ss@h/db"),
            "postgres://u:***@h/db"
        );
        assert_eq!(without_password("postgres://u@h/db"), "postgres://u@h/db");
        assert_eq!(without_password("sqlite://x.db"), "sqlite://x.db");
    }

    #[test]
    fn an_address_of_sqlite_names_a_file() {
        for good in [
            "sqlite://x.db",
            "sqlite:///a/b.db",
            "sqlite://x.db?mode=rwc",
        ] {
            assert!(check_sqlite(good).is_ok(), "{good}");
        }
        for bad in [
            "sqlite://",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://?mode=rwc",
            "sqlite://x?mode=memory",
        ] {
            let text = check_sqlite(bad).unwrap_err().to_string();
            assert!(
                text.contains(bad) && text.contains("sqlite://dynamo.db"),
                "{text}"
            );
        }
    }
}
