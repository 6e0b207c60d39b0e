//! Argon2, for what is short and for what people choose: tens of milliseconds and megabytes each.
//!
//! The memory is kept and used again, as often as hashing ran at the same time at most. Taken from the system anew each
//! time, it would be taken by another thread each time, and allocators keep such a piece for each of dozens of threads.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

/// Memory of one hash in KiB, passes and lanes: the recommendation for small memory.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Memories that are kept. What a crowd needs beyond that goes back to the system.
const KEPT_MAX: usize = 2;

/// The memory of those that hash.
#[derive(Default)]
pub(super) struct Memories(Mutex<Vec<Vec<Block>>>);

impl Memories {
    /// What is kept of a password, with a salt of its own.
    pub(super) fn hash(&self, password: &[u8]) -> String {
        let argon2 = argon2();
        let salt: [u8; Salt::RECOMMENDED_LENGTH] = rand::random();
        let output = self.output(&argon2, password, &salt);
        let params = ParamsString::try_from(argon2.params());
        PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: params.expect("the parameters are valid"),
            salt: Some(Salt::new(&salt).expect("a salt may have so many bytes")),
            hash: Some(output.expect("the parameters are valid")),
        }
        .to_string()
    }

    /// Whether what is kept is of this password.
    pub(super) fn verify(&self, password: &[u8], stored: &str) -> bool {
        let Ok(hash) = PasswordHash::new(stored) else {
            return false;
        };
        let argon2 = argon2();
        let is_ours = hash.algorithm == ARGON2ID_IDENT
            && hash.version == Some(Version::V0x13.into())
            && Params::try_from(&hash.params).is_ok_and(|params| params == *argon2.params());
        match (hash.salt, hash.hash) {
            (Some(salt), Some(kept)) if is_ours && kept.len() == Params::DEFAULT_OUTPUT_LEN => {
                // Compared in constant time.
                self.output(&argon2, password, &salt) == Some(kept)
            }
            _ => argon2.verify_password(password, &hash).is_ok(),
        }
    }

    fn output(&self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Option<Output> {
        let kept = self.lock().pop();
        let mut memory =
            kept.unwrap_or_else(|| vec![Block::default(); argon2.params().block_count()]);
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let hashed =
            argon2.hash_password_into_with_memory(password, salt, &mut output, &mut memory);
        let mut kept = self.lock();
        if kept.len() < KEPT_MAX {
            kept.push(memory);
        }
        drop(kept);
        hashed.ok().and_then(|()| Output::new(&output).ok())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are, while nobody hashes.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }
}

/// The Argon2id hash of a password, with a salt of its own, by somebody who hashes one. Takes tens of milliseconds.
///
/// # Panics
/// When the system has no random numbers.
pub(super) fn hash_once(password: &[u8]) -> String {
    argon2()
        .hash_password(password)
        .expect("the parameters are valid and the system has random numbers")
        .to_string()
}

fn argon2() -> Argon2<'static> {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, None).expect("the cost is in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_same_with_kept_memory_and_without() {
        let memories = Memories::default();
        let (once, kept) = (hash_once(b"right"), memories.hash(b"right"));
        assert_eq!(once.split('$').nth(3), kept.split('$').nth(3));
        assert_ne!(kept, memories.hash(b"right"));
        for stored in [&once, &kept] {
            assert!(memories.verify(b"right", stored), "{stored}");
            assert!(!memories.verify(b"wrong", stored), "{stored}");
            assert!(argon2().verify_password(b"right", stored.as_str()).is_ok());
        }
        assert_eq!(memories.count(), 1);
        // One of another cost, as an older or another program keeps it.
        let cheap = Params::new(16, 1, 1, None).unwrap();
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap);
        let cheap = cheap.hash_password(b"right").unwrap().to_string();
        assert!(memories.verify(b"right", &cheap) && !memories.verify(b"wrong", &cheap));
        assert!(!memories.verify(b"right", "no hash"));
    }
}
