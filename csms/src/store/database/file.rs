//! Whether the SQLite file that is open is still the one at its path.
//!
//! A file that is deleted or moved away stays open and takes writes that nobody will find again. Who puts
//! another file in its place is noticed too: device and inode are compared. Where the system has no inodes,
//! only a missing file is noticed.

use std::io;
use std::path::{Path, PathBuf};

/// A file as it was when it was opened.
#[derive(Clone, Debug)]
pub(in crate::store) struct OpenFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode.
type Identity = (u64, u64);

impl OpenFile {
    pub(in crate::store) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: std::path::absolute(path)?,
            identity: identity(path)?,
        })
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Costs one `stat`.
    pub(in crate::store) fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|now| now == self.identity)
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(|_| (0, 0))
}

/// How many names a file has (hard links); 0 where there is none, and 1 where the system does not say.
pub(in crate::store) fn names(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::metadata(path) else {
        return 0;
    };
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(&metadata);
    #[cfg(not(unix))]
    {
        let _ = metadata;
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_moved_or_replaced_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "1").unwrap();
        let file = OpenFile::at(&path).unwrap();
        std::fs::write(&path, "22").unwrap();
        assert!(file.is_there());
        std::fs::rename(&path, &aside).unwrap();
        assert!(!file.is_there());
        #[cfg(unix)]
        {
            std::fs::write(&path, "1").unwrap();
            assert!(!file.is_there());
        }
        std::fs::rename(&aside, &path).unwrap();
        assert!(file.is_there());
    }
}
