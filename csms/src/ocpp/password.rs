//! Basic passwords of charge points (security profile 1) [1.6 security whitepaper §2.3].
//!
//! At rest only the Argon2 hash exists. Verifying one costs tens of milliseconds and megabytes, so it happens
//! on few threads at a time, and a verified password is remembered as a salted digest: a fleet that
//! reconnects after an outage does not have to pay again. A changed hash makes the memory worthless.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use dynamo_protocol::ChargePointId;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, timeout};

/// Verifications at the same time.
const VERIFICATIONS_MAX: usize = 2;
/// How long the password of a new charge point may wait for its turn: a hundred others and more.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(5);
/// Verified passwords remembered; when full, all are forgotten.
const VERIFIED_MAX: usize = 65_536;
/// Memory of one hash in KiB, passes and lanes: the recommendation for small memory.
const ARGON2_COST: (u32, u32, u32) = (19 * 1024, 2, 1);

type Digest = [u8; 32];

/// Verifies passwords.
pub(crate) struct Passwords {
    salt: [u8; 16],
    slots: Arc<Semaphore>,
    /// People who log in do not keep charge points waiting.
    login_slots: Arc<Semaphore>,
    /// Whoever registers many charge points keeps neither of them waiting.
    registration_slots: Arc<Semaphore>,
    /// The stored hash it was verified against, and the digest of the password.
    verified: Mutex<HashMap<ChargePointId, (String, Digest)>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            salt: uuid::Uuid::new_v4().into_bytes(),
            slots: Arc::new(Semaphore::new(VERIFICATIONS_MAX)),
            login_slots: Arc::new(Semaphore::new(VERIFICATIONS_MAX)),
            registration_slots: Arc::new(Semaphore::new(1)),
            verified: Mutex::default(),
        }
    }
}

impl Passwords {
    pub(crate) async fn verify(&self, id: &ChargePointId, password: &[u8], stored: &str) -> bool {
        let digest = self.digest(password);
        let remembered = {
            let verified = self.verified.lock().unwrap_or_else(|e| e.into_inner());
            verified
                .get(id)
                .is_some_and(|(hash, known)| hash == stored && *known == digest)
        };
        if remembered {
            return true;
        }
        let Ok(slot) = self.slots.clone().acquire_owned().await else {
            return false;
        };
        let (password, hash) = (password.to_vec(), stored.to_owned());
        let good = tokio::task::spawn_blocking(move || {
            // Held until the work is done: a caller that goes away does not make room for another.
            let _slot = slot;
            PasswordHash::new(&hash)
                .is_ok_and(|hash| argon2().verify_password(&password, &hash).is_ok())
        });
        let good = good.await.unwrap_or(false);
        if good {
            let mut verified = self.verified.lock().unwrap_or_else(|e| e.into_inner());
            if verified.len() >= VERIFIED_MAX {
                verified.clear();
            }
            verified.insert(id.clone(), (stored.to_owned(), digest));
        }
        good
    }

    /// The hash of a new password of a person.
    pub(crate) async fn hash(&self, password: String) -> String {
        let slot = self.login_slots.clone().acquire_owned().await;
        let slot = slot.expect("the slots are never closed");
        hash_in(slot, password).await
    }

    /// The hash of a new password of a charge point; `None` when so many wait that its turn does not come in time.
    pub(crate) async fn hash_of_charge_point(&self, password: String) -> Option<String> {
        self.hash_within(REGISTRATION_TIMEOUT, password).await
    }

    async fn hash_within(&self, wait: Duration, password: String) -> Option<String> {
        let turn = self.registration_slots.clone().acquire_owned();
        let slot = timeout(wait, turn).await.ok()?;
        let slot = slot.expect("the slots are never closed");
        Some(hash_in(slot, password).await)
    }

    /// Whether this is the password of a person. Takes as long where there is no hash to compare with.
    pub(crate) async fn verify_login(&self, password: String, stored: Option<String>) -> bool {
        let slot = self.login_slots.clone().acquire_owned().await;
        let verifying = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let Some(stored) = stored else {
                // For the time it takes.
                let _ = hash_password(&password);
                return false;
            };
            PasswordHash::new(&stored)
                .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
        });
        verifying.await.unwrap_or(false)
    }

    fn digest(&self, password: &[u8]) -> Digest {
        let mut hash = Sha256::new();
        hash.update(self.salt);
        hash.update(password);
        hash.finalize().into()
    }
}

/// The slot is free when the work is done, also when nobody waits for it any more.
async fn hash_in(slot: OwnedSemaphorePermit, password: String) -> String {
    let hashing = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        hash_password(&password)
    });
    hashing.await.expect("hashing does not panic")
}

/// The Argon2id hash of a password, with a salt of its own. Takes tens of milliseconds.
///
/// # Panics
/// When the system has no random numbers.
#[must_use]
pub fn hash_password(password: &str) -> String {
    argon2()
        .hash_password(password.as_bytes())
        .expect("the parameters are valid and the system has random numbers")
        .to_string()
}

fn argon2() -> Argon2<'static> {
    let (memory_kib, passes, lanes) = ARGON2_COST;
    let params = Params::new(memory_kib, passes, lanes, None).expect("the cost is in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_verified_password_is_forgotten_when_the_hash_changes() {
        let passwords = Passwords::default();
        let id = ChargePointId::new("CP-1").unwrap();
        let (old, new) = (hash_password("old"), hash_password("new"));
        assert!(passwords.verify(&id, b"old", &old).await);
        assert!(passwords.verify(&id, b"old", &old).await);
        assert!(!passwords.verify(&id, b"old", &new).await);
        assert!(passwords.verify(&id, b"new", &new).await);
        assert!(!passwords.verify(&id, b"old", "no hash").await);
    }

    #[tokio::test]
    async fn registrations_wait_for_their_own_turn_and_not_for_ever() {
        let passwords = Passwords::default();
        let busy = passwords.registration_slots.clone().acquire_owned().await;
        let wait = Duration::from_millis(20);
        let refused = passwords.hash_within(wait, "of-a-point".to_owned()).await;
        assert!(refused.is_none());
        let hash = passwords.hash("of-a-person".to_owned()).await;
        let good = passwords.verify_login("of-a-person".to_owned(), Some(hash));
        assert!(good.await);
        drop(busy);
        let made = passwords.hash_of_charge_point("of-a-point".to_owned());
        assert!(made.await.is_some());
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_does_not_free_a_slot_before_the_work_is_done() {
        let passwords = Passwords::default();
        let id = ChargePointId::new("CP-1").unwrap();
        let hash = hash_password("right");
        let mut gone = Box::pin(passwords.verify(&id, b"wrong", &hash));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        assert_eq!(passwords.slots.available_permits(), VERIFICATIONS_MAX - 1);
        let all = passwords.slots.acquire_many(2).await.unwrap();
        drop(all);
        assert_eq!(passwords.slots.available_permits(), VERIFICATIONS_MAX);
    }
}
