//! Files that belong to a database and lie beside it.

use std::path::PathBuf;

/// A file beside that of SQLite; in the working directory for another database, under the name of that.
pub(crate) fn file_beside(database: &str, ending: &str) -> PathBuf {
    let path = match database.strip_prefix("sqlite://") {
        Some(path) => path.split('?').next().unwrap_or(path).to_owned(),
        None => server_and_name(database),
    };
    let path = PathBuf::from(format!("{path}.{ending}"));
    std::path::absolute(&path).unwrap_or(path)
}

/// `HOST-NAME` of the address of a database, as a part of a file's name.
fn server_and_name(database: &str) -> String {
    let (_, rest) = database.split_once("://").unwrap_or(("", database));
    let rest = rest.split('?').next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let words = rest.split(|c| !usable(c)).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!("dynamo-{}", words.join("-"))
}
