//! The key of this installation: passwords of charge points are kept as digests with it, and it lies outside the
//! database, in a file of its own. Who has only the database cannot try passwords.
//!
//! Several servers on one database share the file. A database remembers which key it was used with last, by a name
//! that says nothing about the key.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SystemRandom, generate};
use sha2::Sha256;

use crate::start::error::StartError;
use crate::store::{Store, file_beside};

/// Begins a digest with a key; after it come the name of the key, the salt and the digest, between `$`.
pub(crate) const KEYED: &str = "$hmac-sha256$";
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes that a key's file may have: the digits, and white space around them.
const FILE_BYTES_MAX: u64 = 1024;
/// The name in the database under which the name of the key is kept.
const NAME_IN_DATABASE: &str = "password_key_name";

/// What a digest says of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Same,
    Different,
    /// The digest was made with another key, or is none.
    Unreadable,
}

/// The key.
pub(crate) struct PasswordKey {
    digests: Hmac<Sha256>,
    seals: LessSafeKey,
    name: String,
}

impl PasswordKey {
    fn of(secret: &[u8; KEY_BYTES]) -> Self {
        // One secret, three purposes, none of which says anything about the others.
        let derive = |purpose: &[u8]| -> [u8; KEY_BYTES] {
            let hmac = keyed(secret).chain_update(purpose);
            hmac.finalize().into_bytes().into()
        };
        let seals = UnboundKey::new(&CHACHA20_POLY1305, &derive(b"seal"));
        Self {
            digests: keyed(&derive(b"digest")),
            seals: LessSafeKey::new(seals.expect("the key has the bytes that it must have")),
            name: hex::encode(&derive(b"name")[..8]),
        }
    }

    /// The digest of a password, with a salt of its own.
    pub(super) fn digest(&self, password: &[u8]) -> String {
        let salt = hex::encode(random::<8>());
        let digest = self.hmac(&salt, password).finalize().into_bytes();
        format!("{KEYED}{}${salt}${}", self.name, hex::encode(digest))
    }

    /// Takes as long for a wrong password as for the right one.
    pub(super) fn compare(&self, password: &[u8], digest: &str) -> Compared {
        let parts = digest.strip_prefix(KEYED);
        let mut parts = parts.into_iter().flat_map(|parts| parts.splitn(3, '$'));
        let (Some(name), Some(salt), Some(digits)) = (parts.next(), parts.next(), parts.next())
        else {
            return Compared::Unreadable;
        };
        let Some(digest) = hex::decode(digits).ok().filter(|_| name == self.name) else {
            return Compared::Unreadable;
        };
        match self.hmac(salt, password).verify_slice(&digest) {
            Ok(()) => Compared::Same,
            Err(_) => Compared::Different,
        }
    }

    /// Tells texts apart without saying what is in them, also to somebody who can guess them.
    pub(super) fn fingerprint(&self, text: &str) -> String {
        hex::encode(
            self.hmac("fingerprint", text.as_bytes())
                .finalize()
                .into_bytes(),
        )
    }

    fn hmac(&self, salt: &str, password: &[u8]) -> Hmac<Sha256> {
        let hmac = self.digests.clone();
        hmac.chain_update(salt)
            .chain_update(b"$")
            .chain_update(password)
    }

    /// A text that only this key opens, for the database.
    pub(super) fn seal(&self, text: &str) -> String {
        let nonce = random::<NONCE_LEN>();
        let mut sealed = text.as_bytes().to_vec();
        let made = self.seals.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut sealed,
        );
        made.expect("the text is shorter than what can be sealed");
        STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The text that was sealed; none when another key sealed it.
    pub(super) fn open(&self, sealed: &str) -> Option<String> {
        let mut bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.seals.open_in_place(nonce, Aad::empty(), text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("a key may have any length")
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for chunk in bytes.chunks_mut(KEY_BYTES) {
        let drawn = generate::<[u8; KEY_BYTES]>(&SystemRandom::new());
        let drawn = drawn.expect("the system has random numbers").expose();
        chunk.copy_from_slice(&drawn[..chunk.len()]);
    }
    bytes
}

/// Where the key of a database lies: where `--password-key` says, else beside the file of SQLite, else in the working
/// directory under the name of the server and its database.
pub(crate) fn file_of(database: &str, given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| file_beside(database, "password.key"), Path::to_owned)
}

/// The key of a server. One that is not there is made, unless the database has digests of another one. `None` where no
/// file can be written and none was asked for: then passwords are kept with Argon2.
pub(crate) async fn of_server(
    store: &Store,
    database: &str,
    given: Option<&Path>,
) -> Result<Option<PasswordKey>, StartError> {
    let path = file_of(database, given);
    for _ in 0..2 {
        match find_or_make(store, &path, given.is_some()).await? {
            Made::Key(key) => {
                store.set_secret(NAME_IN_DATABASE, key.name.clone()).await?;
                return Ok(Some(*key));
            }
            Made::Nothing => return Ok(None),
            // Another server of this database, at the same time.
            Made::ByAnother => {}
        }
    }
    let why = "there is something of this name that is no file";
    Err(StartError::Value(unreadable(&path, why)))
}

/// What came of looking for the key.
enum Made {
    Key(Box<PasswordKey>),
    /// No file could be written, and none was asked for.
    Nothing,
    /// The file was not there, and then it was.
    ByAnother,
}

async fn find_or_make(store: &Store, path: &Path, is_given: bool) -> Result<Made, StartError> {
    let found = read(path).map_err(|why| StartError::Value(unreadable(path, &why)))?;
    let secret = found.unwrap_or_else(random);
    let key = PasswordKey::of(&secret);
    let shown = path.display();
    if store.has_foreign_digests(KEYED, &own_digests(&key)).await? {
        return Err(StartError::Value(match found {
            None => format!(
                "the key of the passwords in this database is missing: there is no {shown}; put the file back, or say \
                 where it is (--password-key FILE)"
            ),
            Some(_) => format!(
                "the passwords in this database were kept with another key than that of {shown}: give the file of the \
                 server that kept them (--password-key FILE)"
            ),
        }));
    }
    let before = store.named_secret(NAME_IN_DATABASE).await?;
    let is_shared = store.has_several_writers() && !is_given;
    if before.is_some_and(|before| before != key.name) && is_shared {
        return Err(StartError::Value(format!(
            "another server of this database has its key for passwords already, and it is not that of {shown}: share \
             that file (--password-key FILE)"
        )));
    }
    if found.is_some() {
        return Ok(Made::Key(Box::new(key)));
    }
    match make(path, &secret) {
        Ok(()) => tracing::info!(
            path = %shown,
            "made the key of the passwords of charge points: keep it with the backups of the database, and share it \
             with other servers of it"
        ),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Made::ByAnother),
        Err(error) if is_given => {
            return Err(StartError::Value(format!(
                "cannot make the key of the passwords {shown} (--password-key): {error}; give a file that can be \
                 written, or one that is there"
            )));
        }
        Err(error) => {
            tracing::warn!(
                path = %shown, cause = %error,
                "the key of the passwords of charge points was not made, so they are kept with Argon2, which takes \
                 long when many charge points reconnect: give a file with --password-key"
            );
            return Ok(Made::Nothing);
        }
    }
    Ok(Made::Key(Box::new(key)))
}

/// The key for a command beside a server: only one that is there, and that this database is used with.
pub(crate) async fn of_admin(
    store: &Store,
    database: &str,
    given: Option<&Path>,
) -> Result<Option<PasswordKey>, StartError> {
    let path = file_of(database, given);
    let found = read(&path).map_err(|why| StartError::Value(unreadable(&path, &why)))?;
    let name = store.named_secret(NAME_IN_DATABASE).await?;
    let key = found.map(|secret| PasswordKey::of(&secret));
    Ok(key.filter(|key| name.as_ref() == Some(&key.name)))
}

/// What the digests of a key begin with.
fn own_digests(key: &PasswordKey) -> String {
    format!("{KEYED}{}$", key.name)
}

fn unreadable(path: &Path, why: &str) -> String {
    format!(
        "cannot read the key of the passwords {} (--password-key): {why}; give the file that a server made, or one of \
         64 hexadecimal digits",
        path.display()
    )
}

/// The key in a file; none when there is no such file.
fn read(path: &Path) -> Result<Option<[u8; KEY_BYTES]>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let what = file.metadata().map_err(|error| error.to_string())?;
    if !what.is_file() {
        return Err("it is no regular file".to_owned());
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&what.permissions()) & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            "other users of this machine can read or write the key of the passwords: take that from them (chmod go=)"
        );
    }
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    let secret = hex::decode(text.trim()).ok();
    let secret = secret.and_then(|secret| <[u8; KEY_BYTES]>::try_from(secret).ok());
    secret
        .map(Some)
        .ok_or_else(|| "it does not have 64 hexadecimal digits".to_owned())
}

/// Writes a new key, for this user only. Under its name there is never a part of it.
fn make(path: &Path, secret: &[u8; KEY_BYTES]) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", hex::encode(random::<4>())));
    let unfinished = PathBuf::from(unfinished);
    let mut making = OpenOptions::new();
    making.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut making, 0o600);
    let written = making.open(&unfinished).and_then(|mut file| {
        file.write_all(format!("{}\n", hex::encode(secret)).as_bytes())?;
        file.sync_all()?;
        // Unlike renaming, this does not replace a key that somebody else made meanwhile.
        fs::hard_link(&unfinished, path)
    });
    let _ = fs::remove_file(&unfinished);
    written
}

#[cfg(test)]
pub(super) fn for_tests() -> PasswordKey {
    PasswordKey::of(&[7; KEY_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_one_password_and_one_key() {
        let (key, other) = (PasswordKey::of(&[1; 32]), PasswordKey::of(&[2; 32]));
        let digest = key.digest(b"sixteen-characters");
        assert!(!digest.contains("sixteen"), "{digest}");
        assert_ne!(digest, key.digest(b"sixteen-characters"));
        assert_eq!(key.compare(b"sixteen-characters", &digest), Compared::Same);
        for wrong in [&b"sixteen-character"[..], b"", b"sixteen-characters\0"] {
            assert_eq!(key.compare(wrong, &digest), Compared::Different);
        }
        let shorter = &digest[..digest.len() - 2];
        assert_eq!(
            key.compare(b"sixteen-characters", shorter),
            Compared::Different
        );
        for unreadable in ["", "$argon2id$x", KEYED, "$hmac-sha256$a$b$zz"] {
            let compared = key.compare(b"sixteen-characters", unreadable);
            assert_eq!(compared, Compared::Unreadable, "{unreadable}");
        }
        let compared = other.compare(b"sixteen-characters", &digest);
        assert_eq!(compared, Compared::Unreadable);
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_alone() {
        let (key, other) = (PasswordKey::of(&[1; 32]), PasswordKey::of(&[2; 32]));
        let sealed = key.seal("top\u{1} secret");
        assert!(!sealed.contains("secret"));
        assert_eq!(key.open(&sealed).as_deref(), Some("top\u{1} secret"));
        assert_eq!(other.open(&sealed), None);
        assert_eq!(key.open("AAAA"), None);
    }

    #[test]
    fn a_key_is_made_once_and_for_its_user_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.password.key");
        assert_eq!(read(&path), Ok(None));
        make(&path, &[9; KEY_BYTES]).unwrap();
        assert_eq!(read(&path), Ok(Some([9; KEY_BYTES])));
        let again = make(&path, &[8; KEY_BYTES]).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(read(&path), Ok(Some([9; KEY_BYTES])));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(&path, "not a key").unwrap();
        assert!(read(&path).is_err());
        assert!(read(folder.path()).is_err());
    }
}
