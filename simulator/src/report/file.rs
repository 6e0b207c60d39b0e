//! Report files: tried before the run, whole or not there after it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Says before a run that its report could not be written after it. Leaves nothing behind.
pub(super) fn try_out(path: &Path) -> io::Result<()> {
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop);
    }
    let beside = beside(path)?;
    File::create(&beside)?;
    fs::remove_file(&beside)
}

/// Writes a file that is never seen half written: beside its place first, then moved there. What is no ordinary file
/// (a pipe, `/dev/stderr`) and what cannot be replaced is written where it stands.
pub(super) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link, and its target is what is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return OpenOptions::new()
            .write(true)
            .open(&path)?
            .write_all(text.as_bytes());
    }
    let beside = beside(&path)?;
    let moved = fill(&beside, &path, text).and_then(|()| fs::rename(&beside, &path));
    match moved {
        Ok(()) => Ok(()),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            if error.kind() != io::ErrorKind::StorageFull && path.exists() {
                // A file that is mounted by itself, or in a folder that is closed to us.
                return fs::write(&path, text);
            }
            Err(error)
        }
    }
}

fn fill(beside: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(beside)?;
    if let Ok(found) = fs::metadata(path) {
        // Who could read it before still can.
        let _ = fs::set_permissions(beside, found.permissions());
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        try_out(&path).unwrap();
        assert!(names(folder.path()).is_empty(), "trying leaves nothing");
        write_whole(&path, "first").unwrap();
        try_out(&path).unwrap();
        write_whole(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(names(folder.path()), ["r.json"]);
        assert!(try_out(&folder.path().join("no/r.json")).is_err());
    }

    #[test]
    fn what_is_no_ordinary_file_is_written_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("full.json");
        std::os::unix::fs::symlink("/dev/full", &link).unwrap();
        try_out(&link).unwrap();
        let error = write_whole(&link, "text").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(names(folder.path()), ["full.json"]);
        let target = folder.path().join("target.json");
        let link = folder.path().join("link.json");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_whole(&link, "text").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
