//! Why the store could not do what was asked, each in one sentence, and what an operator can do about it.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// Why the store could not do what was asked. Nothing of the failed job is in the database that is open
/// under its path.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("{}", said(.0))]
    Database(Arc<sqlx::Error>),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date: {}", migration_said(.0))]
    Migration(Arc<MigrateError>),
    /// The address is none of ours, or names a database that is not there. Says the remedy itself.
    #[error("{0}")]
    Address(String),
    /// The file that is open is not the one at its path any more.
    #[error("the database file {} was deleted, moved or replaced while it was open", .0.display())]
    FileGone(PathBuf),
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    TimedOut,
    /// A row holds what no version of this program writes.
    #[error("the database holds {0}")]
    Corrupt(String),
    /// A row that the job needs is not there.
    #[error("{0} is not in the database")]
    Missing(String),
    /// What is asked for cannot be. Says why.
    #[error("{0}")]
    Refused(String),
    /// The database takes no writes at all; the log has one line about it, whoever hears this adds none.
    #[error("{0}")]
    Outage(Arc<Self>),
    /// The store is closed: the program is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(format!("JSON that is none: {error}"))
    }
}

impl StoreError {
    /// Whether the writer has told the log already.
    pub(crate) const fn is_in_the_log(&self) -> bool {
        matches!(self, Self::Outage(_))
    }

    /// Whether the same may go well in a while: nothing is wrong with what was asked for, it is the database
    /// that does not serve.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::TimedOut | Self::Closed => true,
            Self::Database(error) if matches!(**error, sqlx::Error::PoolClosed) => true,
            _ => self.concerns_everybody(),
        }
    }

    /// Whether what a new row belongs to was deleted just before it came.
    pub(crate) fn is_of_something_gone(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.as_database_error().is_some_and(|error| error.is_foreign_key_violation()))
    }

    /// Whether the job ran into another one that was written at the same time: PostgreSQL ended it so that one of the two
    /// can go on (deadlock, serialization failure). It can run again.
    pub(crate) fn is_collision(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        let code = error.as_database_error().and_then(DatabaseError::code);
        code.is_some_and(|code| matches!(&*code, "40P01" | "40001"))
    }

    /// Whether the job waited for a row that somebody else holds, for as long as the jobs of a group may on PostgreSQL.
    pub(crate) fn is_of_a_lock(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        let code = error.as_database_error().and_then(DatabaseError::code);
        code.is_some_and(|code| code == "55P03")
    }

    /// Whether no other job has a better chance: it is the database that fails, not what was asked of it.
    pub(crate) fn concerns_everybody(&self) -> bool {
        match self {
            Self::FileGone(_) | Self::Outage(_) => true,
            Self::Database(error) => match &**error {
                sqlx::Error::Database(error) => is_of_the_database(&**error),
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// What an operator can do about it, where the cause says that much.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Database(error) => error.as_database_error().and_then(remedy_of),
            Self::Migration(error) => match &**error {
                MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
                    Some("another version of dynamo made it: use that version, or another database")
                }
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    error.as_database_error().and_then(remedy_of)
                }
                _ => None,
            },
            Self::FileGone(_) => Some("put the file back, or restart the CSMS"),
            Self::TimedOut => Some("see what else uses the database"),
            Self::Outage(error) => error.remedy(),
            _ => None,
        }
    }
}

/// What the database says, without the names of the layers it came through.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no connection to the database became free in time".to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) => format!("the address cannot be read, {error}"),
        other => other.to_string(),
    }
}

fn migration_said(error: &MigrateError) -> String {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => said(error),
        other => other.to_string(),
    }
}

/// Full, gone, locked, closed to us or broken, by SQLite's primary result code or PostgreSQL's SQLSTATE.
fn is_of_the_database(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        let code: i32 = code.parse().unwrap_or(0);
        return matches!(code & 0xff, 5 | 8 | 10 | 11 | 13 | 14 | 26);
    }
    let classes = ["08", "28", "3D", "53", "57", "58"];
    classes.iter().any(|class| code.starts_with(class)) || matches!(&*code, "25006" | "55000")
}

/// The remedy by SQLite's primary result code or PostgreSQL's SQLSTATE.
fn remedy_of(error: &dyn DatabaseError) -> Option<&'static str> {
    let code = error.code()?;
    if error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        let code: i32 = code.parse().ok()?;
        return match code & 0xff {
            5 | 6 => Some("another process holds the database: end it, or wait for it"),
            8 => Some("give this user the right to write the file and its folder"),
            10 => Some("check the disk"),
            11 | 26 => Some("give a file that is an SQLite database, or restore this one"),
            13 => Some("make room on the disk"),
            14 => Some("give a file that can be written, such as sqlite://dynamo.db"),
            _ => None,
        };
    }
    match &*code {
        "28000" | "28P01" => Some("check user and password"),
        "3D000" => Some("create that database first, or check its name"),
        "25006" => Some("use the server that takes writes"),
        "53100" => Some("make room on the server's disk"),
        "53300" => Some("let the server take more connections"),
        _ => None,
    }
}
