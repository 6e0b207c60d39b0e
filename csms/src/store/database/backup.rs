//! A copy of a database that is in use.

use std::path::Path;
use std::str::FromStr;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::store::database::open::{check_sqlite, missing};
use crate::store::database::serving;
use crate::store::{BUSY_TIMEOUT, Result, StoreError, without_password};

/// Copies an SQLite database, whoever is using it, as it is at one instant: everything that was committed before this is
/// called is in the copy. The copy is for this user only, is on the disk when this returns, and takes the place of no file.
/// How many bytes it has.
///
/// # Errors
/// When there is no such database, the file is there already, or cannot be written: one sentence.
pub(crate) async fn back_up(address: &str, file: &Path) -> Result<u64> {
    let shown = file.display();
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return refused(format!(
            "PostgreSQL makes its copies itself: use pg_dump, such as `pg_dump --format=custom --file={shown} {}`",
            without_password(address)
        ));
    }
    check_sqlite(address)?;
    let options = SqliteConnectOptions::from_str(address)?
        .busy_timeout(BUSY_TIMEOUT)
        .create_if_missing(false)
        .disable_statement_logging();
    let path = options.get_filename().to_owned();
    serving::check_journal(&path, address, None).await?;
    if !path.exists() {
        return Err(missing(address));
    }
    let taken = || {
        refused(format!(
            "the file {shown} is there already: give a name that is free"
        ))
    };
    if file.symlink_metadata().is_ok() {
        return taken();
    }
    let cannot = |error: &std::io::Error| {
        StoreError::Address(format!(
            "cannot write the copy {shown}: {error}; give a file in a folder where this user may write, with room for the \
             database"
        ))
    };
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Beside its place, so that it can be moved there at once when it is whole; for this user only.
    let mut making = tempfile::Builder::new();
    let making = making.prefix(".dynamo-backup-").tempfile_in(folder);
    let making = making.map_err(|error| cannot(&error))?;
    let Some(name) = making.path().to_str() else {
        return refused(format!("the name {shown} is no text: give another one"));
    };
    // Not by a pool: no statement of those may take as long as this one.
    let mut connection = options.connect().await?;
    sqlx::query("vacuum into $1")
        .bind(name)
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    making
        .as_file()
        .sync_all()
        .map_err(|error| cannot(&error))?;
    let made = match making.persist_noclobber(file) {
        Ok(made) => made,
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => return taken(),
        Err(error) => return Err(cannot(&error.error)),
    };
    #[cfg(unix)]
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| cannot(&error))?;
    Ok(made.metadata().map_err(|error| cannot(&error))?.len())
}

fn refused<T>(sentence: String) -> Result<T> {
    Err(StoreError::Address(sentence))
}
