//! The root of the built-in authority as a file, for people to copy.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::authority;
use crate::store::file_beside;

/// Where the root lies as a file: beside an SQLite database, otherwise in the working folder. Two databases have two
/// files.
pub(crate) fn root_file(database: &str) -> PathBuf {
    file_beside(database, "authority.pem")
}

/// Writes the root where it lies. Of what lies there, only the root of an authority of this program is replaced: that of
/// an earlier database of the same name.
pub(crate) fn write_root(path: &Path, root_pem: &str) -> std::io::Result<()> {
    match std::fs::read(path) {
        Ok(lies) if lies == root_pem.as_bytes() => return Ok(()),
        Ok(lies) if !authority::is_a_root(&lies) => {
            let text = "another file is there, which is not replaced";
            return Err(std::io::Error::new(ErrorKind::AlreadyExists, text));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    std::fs::write(path, root_pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_lies_beside_the_database() {
        let file = |database: &str| root_file(database).display().to_string();
        assert_eq!(
            file("sqlite:///var/lib/x.db?mode=rwc"),
            "/var/lib/x.db.authority.pem"
        );
        assert_eq!(file("sqlite:///var/lib/x"), "/var/lib/x.authority.pem");
        assert_eq!(file("sqlite:///a/x.sqlite"), "/a/x.sqlite.authority.pem");
        let postgres = file("postgres://u:p%40@h:5432/name?sslmode=require");
        assert!(
            postgres.ends_with("/dynamo-h-5432-name.authority.pem"),
            "{postgres}"
        );
    }

    #[test]
    fn only_a_root_of_ours_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.authority.pem");
        let of_a_root = |name: &str| {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = authority::distinguished(name);
            let key = rcgen::KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().pem()
        };
        let ours = [(); 2].map(|()| of_a_root(&authority::root_name()));
        for root in &ours {
            write_root(&path, root).unwrap();
            assert_eq!(&std::fs::read_to_string(&path).unwrap(), root);
        }
        for foreign in [String::new(), "# notes".to_owned(), of_a_root("Acme Root")] {
            std::fs::write(&path, &foreign).unwrap();
            assert!(write_root(&path, &ours[0]).is_err(), "{foreign}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
    }
}
