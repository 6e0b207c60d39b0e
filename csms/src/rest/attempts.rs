//! Who may have a password hashed or looked at: nobody has to show credentials for it, and it is dear.
//!
//! The line is short, shorter still for each account, and who was wrong too often has to wait. All of it is kept in
//! memory, in bounded maps, and is this process's own.
//!
//! Not by the crate `governor`: it limits what comes, and here only what was wrong counts, from the first one on, and
//! what is still under way counts as if it were wrong.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use super::error::ApiError;
use crate::password::guesses::network;

/// Attempts under way, those that wait for their turn included.
const LINE_MAX: usize = 64;
/// The same for one account.
const LINE_PER_ACCOUNT_MAX: usize = 4;
/// After how many seconds who found the line full may come again.
const LINE_RETRY_S: u64 = 1;
/// Wrong passwords for one account within [`FAILURES_WINDOW_MS`].
const FAILURES_MAX: u32 = 10;
/// Counted from the first one.
const FAILURES_WINDOW_MS: u64 = 60_000;
/// Accounts with failures that are remembered; when full, all are forgotten. Far more than can be hashed within
/// the window.
const ACCOUNTS_MAX: usize = 16_384;

/// Sign-ups from one address, within [`TAKEN_WINDOW_MS`], that were told that there is such an account. The answer is
/// part of the API; nobody learns from it who has an account here faster than that.
const TAKEN_MAX: u32 = 100;
/// Counted from the first one.
const TAKEN_WINDOW_MS: u64 = 3_600_000;

/// How many, and until when on the monotonic clock.
type Counted = (u32, u64);

/// All attempts.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    in_line: usize,
    by_account: HashMap<String, usize>,
    failures: HashMap<String, Counted>,
    taken: HashMap<IpAddr, Counted>,
}

/// How many seconds are left where there were too many.
fn seconds_left(counted: Option<&Counted>, most: u32, now_ms: u64) -> Option<u64> {
    let (count, until_ms) = counted?;
    (*count >= most && now_ms < *until_ms).then(|| (until_ms - now_ms).div_ceil(1000))
}

/// Counts one more. A map that is full forgets what is over, and then everything.
fn count_one<K: Eq + Hash>(counts: &mut HashMap<K, Counted>, key: K, now_ms: u64, window_ms: u64) {
    if counts.len() >= ACCOUNTS_MAX && !counts.contains_key(&key) {
        counts.retain(|_, (_, until_ms)| now_ms < *until_ms);
        if counts.len() >= ACCOUNTS_MAX {
            counts.clear();
        }
    }
    let fresh = (0, now_ms.saturating_add(window_ms));
    let known = counts.entry(key).or_insert(fresh);
    if now_ms >= known.1 {
        *known = fresh;
    }
    known.0 += 1;
}

impl Attempts {
    /// A place in the line, until it is dropped. `account` tells accounts apart, also those that nobody has.
    pub(super) fn enter(&self, account: String, now_ms: u64) -> Result<Turn<'_>, ApiError> {
        let mut inner = self.lock();
        let failures = inner.failures.get(&account);
        if let Some(seconds) = seconds_left(failures, FAILURES_MAX, now_ms) {
            return Err(ApiError::Crowded(seconds));
        }
        let own = inner.by_account.get(&account).copied().unwrap_or(0);
        if inner.in_line >= LINE_MAX || own >= LINE_PER_ACCOUNT_MAX {
            return Err(ApiError::Crowded(LINE_RETRY_S));
        }
        inner.in_line += 1;
        inner.by_account.insert(account.clone(), own + 1);
        Ok(Turn {
            attempts: self,
            account,
        })
    }

    /// Whether somebody at this address may still ask who has an account.
    pub(super) fn check_taken(&self, address: IpAddr, now_ms: u64) -> Result<(), ApiError> {
        let inner = self.lock();
        let taken = inner.taken.get(&network(address));
        seconds_left(taken, TAKEN_MAX, now_ms).map_or(Ok(()), |left| Err(ApiError::Crowded(left)))
    }

    /// Somebody at this address was told that there is such an account.
    pub(super) fn was_taken(&self, address: IpAddr, now_ms: u64) {
        let taken = &mut self.lock().taken;
        count_one(taken, network(address), now_ms, TAKEN_WINDOW_MS);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A place in the line.
pub(super) struct Turn<'a> {
    attempts: &'a Attempts,
    account: String,
}

impl Turn<'_> {
    /// The password was wrong.
    pub(super) fn failed(self, now_ms: u64) {
        let mut inner = self.attempts.lock();
        let account = self.account.clone();
        count_one(&mut inner.failures, account, now_ms, FAILURES_WINDOW_MS);
    }

    /// The password was right.
    pub(super) fn succeeded(self) {
        self.attempts.lock().failures.remove(&self.account);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut inner = self.attempts.lock();
        inner.in_line -= 1;
        let own = inner.by_account.get_mut(&self.account);
        if let Some(own) = own {
            *own -= 1;
            if *own == 0 {
                inner.by_account.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(turn: Result<Turn<'_>, ApiError>) -> u64 {
        match turn {
            Err(ApiError::Crowded(seconds)) => seconds,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("let in"),
        }
    }

    #[test]
    fn the_line_is_short_and_shorter_for_one_account() {
        let attempts = Attempts::default();
        let enter = |account: &str| attempts.enter(account.to_owned(), 0);
        let own: Vec<_> = (0..LINE_PER_ACCOUNT_MAX)
            .map(|_| enter("a").unwrap())
            .collect();
        assert_eq!(refused(enter("a")), LINE_RETRY_S);
        let left = LINE_MAX - LINE_PER_ACCOUNT_MAX;
        let others: Vec<_> = (0..left).map(|n| enter(&format!("{n}")).unwrap()).collect();
        assert_eq!(refused(enter("b")), LINE_RETRY_S);
        drop((own, others));
        assert!(enter("a").is_ok() && enter("b").is_ok());
        let inner = attempts.lock();
        assert!(inner.by_account.is_empty() && inner.in_line == 0);
    }

    #[test]
    fn who_is_wrong_too_often_waits_and_nobody_else() {
        let attempts = Attempts::default();
        let enter = |account: &str, now_ms| attempts.enter(account.to_owned(), now_ms);
        for _ in 0..FAILURES_MAX {
            enter("a", 500).unwrap().failed(500);
        }
        assert_eq!(refused(enter("a", 1_000)), 60);
        enter("b", 1_000).unwrap().succeeded();
        // Afterwards it is counted anew, and the right password ends the count.
        for _ in 1..FAILURES_MAX {
            enter("a", 60_500).unwrap().failed(60_500);
        }
        enter("a", 60_600).unwrap().succeeded();
        enter("a", 60_700).unwrap().failed(60_700);
        assert!(enter("a", 60_800).is_ok());
    }

    #[test]
    fn who_asks_too_often_who_has_an_account_waits_and_nobody_else() {
        let attempts = Attempts::default();
        let (here, there): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..TAKEN_MAX {
            assert!(attempts.check_taken(here, 0).is_ok());
            attempts.was_taken(here, 0);
        }
        match attempts.check_taken(here, 1_000) {
            Err(ApiError::Crowded(seconds)) => assert_eq!(seconds, 3_599),
            other => panic!("{other:?}"),
        }
        assert!(attempts.check_taken(there, 1_000).is_ok());
        assert!(attempts.check_taken(here, TAKEN_WINDOW_MS).is_ok());
    }

    #[test]
    fn failures_are_forgotten_rather_than_kept_without_bound() {
        let attempts = Attempts::default();
        for n in 0..=ACCOUNTS_MAX {
            attempts.enter(n.to_string(), 0).unwrap().failed(0);
        }
        assert_eq!(attempts.lock().failures.len(), 1);
    }
}
