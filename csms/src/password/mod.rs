//! Passwords: of charge points (HTTP Basic, security profiles 1 and 2 [1.6 security whitepaper §2]) and of people.
//!
//! Those of machines are long and random, so from [`KEYED_BYTES_MIN`] bytes on they are kept as a digest with a key that
//! lies outside the database: a fleet that reconnects after an outage costs microseconds each. What is shorter, and
//! what people choose, is kept with Argon2, which costs tens of milliseconds and megabytes: that happens on few threads
//! at a time, and a verified short password is remembered as a salted digest. A changed hash makes the memory
//! worthless. What is kept says itself which of both it is.

pub(crate) mod guesses;
pub(crate) mod key;
mod slow;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use dynamo_protocol::ChargePointId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, timeout, timeout_at};

use crate::domain::charge_points::security::key_bytes;
use key::{Compared, KEYED, PasswordKey};
use slow::{Memories, hash_once};

/// Verifications at the same time.
const VERIFICATIONS_MAX: usize = 2;
/// How long the password of a charge point that connects may wait for its turn. Charge points come again, and those that
/// were let in need no turn then.
pub(crate) const VERIFICATION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the password of a new charge point may wait for its turn: a hundred others and more.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(5);
/// Verified passwords remembered; when full, all are forgotten.
const VERIFIED_MAX: usize = 65_536;
/// From so many bytes on the password of a charge point is kept as a digest with a key.
const KEYED_BYTES_MIN: usize = 16;

/// What comes of looking at the password of a charge point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// It is right, and is to be kept like this from now on.
    Outdated(String),
    Wrong,
    /// It was kept with a key that this server does not have.
    Unreadable,
    /// So many wait that its turn did not come in time: it was not looked at.
    Crowded,
}

/// Verifies passwords.
pub(crate) struct Passwords {
    /// None where no file for it could be made.
    key: Option<PasswordKey>,
    /// Of this process; keys what it remembers.
    salt: [u8; 16],
    memories: Arc<Memories>,
    slots: Arc<Semaphore>,
    /// People who log in do not keep charge points waiting.
    login_slots: Arc<Semaphore>,
    /// Whoever registers many charge points keeps neither of them waiting.
    registration_slots: Arc<Semaphore>,
    /// The stored hash it was verified against, and the digest of the password.
    verified: Mutex<HashMap<ChargePointId, (String, [u8; 32])>>,
}

impl Passwords {
    pub(crate) fn new(key: Option<PasswordKey>) -> Self {
        Self {
            key,
            salt: uuid::Uuid::new_v4().into_bytes(),
            memories: Arc::default(),
            slots: Arc::new(Semaphore::new(VERIFICATIONS_MAX)),
            login_slots: Arc::new(Semaphore::new(VERIFICATIONS_MAX)),
            registration_slots: Arc::new(Semaphore::new(1)),
            verified: Mutex::default(),
        }
    }

    /// Looks at the password of a charge point, which may come as the bytes of its key or as their digits. It waits for
    /// its turn until then.
    pub(crate) async fn verify(
        &self,
        until: Instant,
        id: &ChargePointId,
        password: &[u8],
        stored: &str,
    ) -> Verdict {
        let bytes = key_bytes(password);
        if stored.starts_with(KEYED) {
            let compared = self.key.as_ref().map(|key| key.compare(&bytes, stored));
            return match compared {
                Some(Compared::Same) => Verdict::Right,
                Some(Compared::Different) => Verdict::Wrong,
                Some(Compared::Unreadable) | None => Verdict::Unreadable,
            };
        }
        if self.is_remembered(id, password, stored) {
            return Verdict::Right;
        }
        let turn = self.slots.clone().acquire_owned();
        let Ok(Ok(slot)) = timeout_at(until, turn).await else {
            return Verdict::Crowded;
        };
        if !self.verify_slowly(slot, &bytes, password, stored).await {
            return Verdict::Wrong;
        }
        if let Some(digest) = self.quick_digest(&bytes) {
            return Verdict::Outdated(digest);
        }
        let digest = self.remembering(password).finalize().into_bytes().into();
        let mut verified = self.verified.lock().unwrap_or_else(|e| e.into_inner());
        if verified.len() >= VERIFIED_MAX {
            verified.clear();
        }
        verified.insert(id.clone(), (stored.to_owned(), digest));
        Verdict::Right
    }

    fn is_remembered(&self, id: &ChargePointId, password: &[u8], stored: &str) -> bool {
        let digest = self.remembering(password);
        let verified = self.verified.lock().unwrap_or_else(|e| e.into_inner());
        let known = verified.get(id).filter(|(hash, _)| hash == stored);
        known.is_some_and(|(_, known)| digest.verify_slice(known).is_ok())
    }

    async fn verify_slowly(
        &self,
        slot: OwnedSemaphorePermit,
        bytes: &[u8],
        password: &[u8],
        stored: &str,
    ) -> bool {
        let mut forms = vec![bytes.to_vec()];
        if bytes != password {
            // Kept before keys were bytes.
            forms.push(password.to_vec());
        }
        let (memories, stored) = (self.memories.clone(), stored.to_owned());
        let good = tokio::task::spawn_blocking(move || {
            // Held until the work is done: a caller that goes away does not make room for another.
            let _slot = slot;
            forms.iter().any(|form| memories.verify(form, &stored))
        });
        good.await.unwrap_or(false)
    }

    /// The hash of a new password of a person.
    pub(crate) async fn hash(&self, password: String) -> String {
        let slot = self.login_slots.clone().acquire_owned().await;
        let slot = slot.expect("the slots are never closed");
        self.hash_in(slot, password.into_bytes()).await
    }

    /// What is kept of a new password of a charge point; `None` when so many wait that its turn does not come in time.
    pub(crate) async fn hash_of_charge_point(&self, password: &str) -> Option<String> {
        self.hash_within(REGISTRATION_TIMEOUT, password).await
    }

    async fn hash_within(&self, wait: Duration, password: &str) -> Option<String> {
        let bytes = key_bytes(password.as_bytes());
        if let Some(digest) = self.quick_digest(&bytes) {
            return Some(digest);
        }
        let turn = self.registration_slots.clone().acquire_owned();
        let slot = timeout(wait, turn).await.ok()?;
        let slot = slot.expect("the slots are never closed");
        Some(self.hash_in(slot, bytes.into_owned()).await)
    }

    /// The slot is free when the work is done, also when nobody waits for it any more.
    async fn hash_in(&self, slot: OwnedSemaphorePermit, password: Vec<u8>) -> String {
        let memories = self.memories.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            memories.hash(&password)
        });
        hashing.await.expect("hashing does not panic")
    }

    /// The digest with the key, where there is one and the password is long enough.
    fn quick_digest(&self, bytes: &[u8]) -> Option<String> {
        let key = self.key.as_ref()?;
        (bytes.len() >= KEYED_BYTES_MIN).then(|| key.digest(bytes))
    }

    /// Whether this is the password of a person. Takes as long where there is no hash to compare with.
    pub(crate) async fn verify_login(&self, password: String, stored: Option<String>) -> bool {
        let slot = self.login_slots.clone().acquire_owned().await;
        let memories = self.memories.clone();
        let verifying = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let Some(stored) = stored else {
                // For the time it takes.
                let _ = memories.hash(password.as_bytes());
                return false;
            };
            memories.verify(password.as_bytes(), &stored)
        });
        verifying.await.unwrap_or(false)
    }

    /// Tells texts with secrets apart, and says nothing about them.
    pub(crate) fn fingerprint(&self, text: &str) -> String {
        match &self.key {
            Some(key) => key.fingerprint(text),
            None => hex::encode(self.remembering(text.as_bytes()).finalize().into_bytes()),
        }
    }

    /// A secret as it may lie in the database, until it is sent; `None` without a key.
    pub(crate) fn seal(&self, text: &str) -> Option<String> {
        Some(self.key.as_ref()?.seal(text))
    }

    /// The secret that was sealed; `None` when that was done with another key.
    pub(crate) fn open(&self, sealed: &str) -> Option<String> {
        self.key.as_ref()?.open(sealed)
    }

    fn remembering(&self, password: &[u8]) -> Hmac<Sha256> {
        let hmac = Hmac::<Sha256>::new_from_slice(&self.salt);
        hmac.expect("a key may have any length")
            .chain_update(password)
    }
}

/// What a command beside the server keeps of a new password of a charge point: without the key a hash by Argon2, which
/// the server replaces when the charge point comes with it.
pub(crate) fn hash_beside(key: Option<&PasswordKey>, password: &str) -> String {
    let bytes = key_bytes(password.as_bytes());
    match key {
        Some(key) if bytes.len() >= KEYED_BYTES_MIN => key.digest(&bytes),
        _ => hash_once(&bytes),
    }
}

/// The Argon2id hash of a password, with a salt of its own. Takes tens of milliseconds.
///
/// # Panics
/// When the system has no random numbers.
#[must_use]
pub fn hash_password(password: &str) -> String {
    hash_once(password.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + VERIFICATION_TIMEOUT
    }

    fn passwords() -> Passwords {
        Passwords::new(Some(key::for_tests()))
    }

    fn id() -> ChargePointId {
        ChargePointId::new("CP-1").unwrap()
    }

    #[tokio::test]
    async fn a_verified_short_password_is_forgotten_when_the_hash_changes() {
        let passwords = passwords();
        let (old, new) = (hash_password("old"), hash_password("new"));
        assert_eq!(
            passwords.verify(soon(), &id(), b"old", &old).await,
            Verdict::Right
        );
        assert!(passwords.is_remembered(&id(), b"old", &old));
        assert_eq!(
            passwords.verify(soon(), &id(), b"old", &old).await,
            Verdict::Right
        );
        assert_eq!(
            passwords.verify(soon(), &id(), b"old", &new).await,
            Verdict::Wrong
        );
        assert_eq!(
            passwords.verify(soon(), &id(), b"new", &new).await,
            Verdict::Right
        );
        let verdict = passwords.verify(soon(), &id(), b"old", "no hash").await;
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn long_passwords_are_kept_with_the_key_and_short_ones_with_argon2() {
        let passwords = passwords();
        for (password, keyed) in [
            ("15-characters--", false),
            ("16-characters---", true),
            ("schlüssel-sind-", true),
            ("000102030405060708090a0b0c0d0e0f", true),
        ] {
            let kept = passwords.hash_of_charge_point(password).await.unwrap();
            assert_eq!(kept.starts_with(KEYED), keyed, "{password}: {kept}");
            let verdict = passwords
                .verify(soon(), &id(), password.as_bytes(), &kept)
                .await;
            assert_eq!(verdict, Verdict::Right, "{password}");
            let verdict = passwords
                .verify(soon(), &id(), b"16-characters--x", &kept)
                .await;
            assert_eq!(verdict, Verdict::Wrong, "{password}");
        }
    }

    /// Argon2 cannot be had here: whoever needed it would wait for ever.
    #[tokio::test]
    async fn ten_thousand_charge_points_with_long_passwords_need_no_argon2() {
        let passwords = passwords();
        let all = u32::try_from(VERIFICATIONS_MAX).unwrap();
        let _busy = passwords.slots.clone().acquire_many_owned(all).await;
        let kept = passwords.hash_of_charge_point("sixteen-bytes---").await;
        let kept = kept.unwrap();
        for number in 0..10_000 {
            let id = ChargePointId::new(&format!("CP-{number}")).unwrap();
            let verdict = passwords
                .verify(soon(), &id, b"sixteen-bytes---", &kept)
                .await;
            assert_eq!(verdict, Verdict::Right);
        }
    }

    #[tokio::test]
    async fn a_key_comes_as_its_bytes_or_as_their_digits() {
        let passwords = passwords();
        let digits = "000102030405060708090A0b0c0d0e0f10";
        let bytes: Vec<u8> = (0..=16).collect();
        let kept = passwords.hash_of_charge_point(digits).await.unwrap();
        let lower = digits.to_lowercase();
        for form in [digits.as_bytes(), lower.as_bytes(), &bytes] {
            let verdict = passwords.verify(soon(), &id(), form, &kept).await;
            assert_eq!(verdict, Verdict::Right, "{form:?}");
        }
        let other = &bytes[..16];
        let verdict = passwords.verify(soon(), &id(), other, &kept).await;
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_long_password_that_was_kept_with_argon2_is_kept_with_the_key_from_then_on() {
        let passwords = passwords();
        // Also the digits of a key, which once were kept as they came.
        for password in ["sixteen-characters", "000102030405060708090a0b0c0d0e0f"] {
            let old = hash_password(password);
            let wrong = passwords
                .verify(soon(), &id(), b"another-password-", &old)
                .await;
            assert_eq!(wrong, Verdict::Wrong);
            let verdict = passwords
                .verify(soon(), &id(), password.as_bytes(), &old)
                .await;
            let Verdict::Outdated(new) = verdict else {
                panic!("{verdict:?}");
            };
            let verdict = passwords
                .verify(soon(), &id(), password.as_bytes(), &new)
                .await;
            assert_eq!(verdict, Verdict::Right);
        }
        let without_key = Passwords::new(None);
        let (id, old) = (id(), hash_password("sixteen-characters"));
        let verdict = without_key.verify(soon(), &id, b"sixteen-characters", &old);
        assert_eq!(verdict.await, Verdict::Right);
        let kept = passwords.hash_of_charge_point("sixteen-characters").await;
        let kept = kept.unwrap();
        let verdict = without_key.verify(soon(), &id, b"sixteen-characters", &kept);
        assert_eq!(verdict.await, Verdict::Unreadable);
    }

    #[tokio::test]
    async fn registrations_wait_for_their_own_turn_and_not_for_ever() {
        let passwords = passwords();
        let busy = passwords.registration_slots.clone().acquire_owned().await;
        let wait = Duration::from_millis(20);
        let refused = passwords.hash_within(wait, "of-a-point").await;
        assert!(refused.is_none());
        // A long one needs no turn.
        assert!(
            passwords
                .hash_within(wait, "of-a-long-charge-point")
                .await
                .is_some()
        );
        let hash = passwords.hash("of-a-person".to_owned()).await;
        let good = passwords.verify_login("of-a-person".to_owned(), Some(hash));
        assert!(good.await);
        drop(busy);
        assert!(passwords.hash_of_charge_point("of-a-point").await.is_some());
    }

    #[tokio::test]
    async fn a_charge_point_with_a_short_password_does_not_wait_for_ever() {
        let passwords = passwords();
        let (id, hash) = (id(), hash_password("right"));
        let all = u32::try_from(VERIFICATIONS_MAX).unwrap();
        let busy = passwords.slots.clone().acquire_many_owned(all).await;
        let wait = Duration::from_millis(20);
        let verdict = passwords.verify(Instant::now() + wait, &id, b"right", &hash);
        assert_eq!(verdict.await, Verdict::Crowded);
        drop(busy);
        let verdict = passwords.verify(Instant::now() + wait, &id, b"right", &hash);
        assert_eq!(verdict.await, Verdict::Right);
        // From now on it needs no turn.
        let _busy = passwords.slots.clone().acquire_many_owned(all).await;
        let verdict = passwords.verify(Instant::now() + wait, &id, b"right", &hash);
        assert_eq!(verdict.await, Verdict::Right);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_at_once_need_no_more_memory_than_those_whose_turn_it_is() {
        let passwords = Arc::new(passwords());
        let mut people = tokio::task::JoinSet::new();
        for number in 0..32 {
            let passwords = passwords.clone();
            people.spawn(async move {
                match number % 2 {
                    0 => drop(passwords.hash("of-a-person".to_owned()).await),
                    _ => drop(passwords.verify_login("x".to_owned(), None).await),
                }
            });
        }
        people.join_all().await;
        let count = passwords.memories.count();
        assert!((1..=VERIFICATIONS_MAX).contains(&count), "{count}");
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_does_not_free_a_slot_before_the_work_is_done() {
        let passwords = passwords();
        let (id, hash) = (id(), hash_password("right"));
        let mut gone = Box::pin(passwords.verify(soon(), &id, b"wrong", &hash));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        assert_eq!(passwords.slots.available_permits(), VERIFICATIONS_MAX - 1);
        let all = passwords.slots.acquire_many(2).await.unwrap();
        drop(all);
        assert_eq!(passwords.slots.available_permits(), VERIFICATIONS_MAX);
    }
}
