//! How often a charge point may come with a wrong password: so often for each address and identity, and no more until
//! its time is over. Others behind the same address are not concerned, nor is the same identity from elsewhere.
//!
//! Kept in memory, in a bounded map, and this process's own. Not by the crate `governor`: it limits what comes, and here
//! only what was wrong counts, and what is still being looked at.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dynamo_protocol::{ChargePointId, Millis};

/// Wrong passwords of one identity from one address within [`WINDOW_MS`]; those that are being looked at count too.
pub(crate) const WRONG_MAX: u32 = 10;
/// Counted from the first one.
const WINDOW_MS: Millis = 60_000;
/// Pairs that are remembered. When there are more, those whose time is over are forgotten, and then all.
const PAIRS_MAX: usize = 16_384;

type Pair = (IpAddr, ChargePointId);

/// The wrong passwords of late.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<HashMap<Pair, Count>>);

#[derive(Clone, Copy, Default)]
struct Count {
    wrong: u32,
    under_way: u32,
    /// When the first wrong one is forgotten.
    until_ms: Millis,
}

impl Guesses {
    /// A password that is going to be looked at; the error says after how many seconds one may come again.
    pub(crate) fn begin(
        &self,
        address: IpAddr,
        id: &ChargePointId,
        now_ms: Millis,
    ) -> Result<Guess<'_>, u64> {
        let pair = (network(address), id.clone());
        let mut counts = self.lock();
        if counts.len() >= PAIRS_MAX && !counts.contains_key(&pair) {
            counts.retain(|_, count| count.under_way > 0 || now_ms < count.until_ms);
            if counts.len() >= PAIRS_MAX {
                counts.clear();
            }
        }
        let count = counts.entry(pair.clone()).or_default();
        if now_ms >= count.until_ms {
            count.wrong = 0;
        }
        if count.wrong + count.under_way >= WRONG_MAX {
            let left_ms = count.until_ms.saturating_sub(now_ms);
            return Err(left_ms.div_ceil(1000).max(1));
        }
        count.under_way += 1;
        Ok(Guess {
            guesses: self,
            pair,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Pair, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A password that is being looked at, until this is dropped.
pub(crate) struct Guess<'a> {
    guesses: &'a Guesses,
    pair: Pair,
}

impl Guess<'_> {
    /// It was wrong.
    pub(crate) fn was_wrong(self, now_ms: Millis) {
        let mut counts = self.guesses.lock();
        let count = counts.entry(self.pair.clone()).or_default();
        if count.wrong == 0 || now_ms >= count.until_ms {
            count.wrong = 0;
            count.until_ms = now_ms.saturating_add(WINDOW_MS);
        }
        count.wrong += 1;
    }

    /// It was right: what was wrong before is forgotten.
    pub(crate) fn was_right(self) {
        if let Some(count) = self.guesses.lock().get_mut(&self.pair) {
            count.wrong = 0;
        }
    }
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        let mut counts = self.guesses.lock();
        let Some(count) = counts.get_mut(&self.pair) else {
            return;
        };
        count.under_way = count.under_way.saturating_sub(1);
        if count.under_way == 0 && count.wrong == 0 {
            counts.remove(&self.pair);
        }
    }
}

/// Whoever has an address of IPv6 has 64 bits of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let bits = six.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(bits.into())
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn id(text: &str) -> ChargePointId {
        ChargePointId::new(text).unwrap()
    }

    #[test]
    fn too_many_wrong_ones_wait_and_nobody_else() {
        let guesses = Guesses::default();
        for _ in 0..WRONG_MAX {
            let guess = guesses.begin(ADDRESS, &id("CP-1"), 500);
            guess.ok().unwrap().was_wrong(500);
        }
        assert_eq!(guesses.begin(ADDRESS, &id("CP-1"), 1_000).err(), Some(60));
        assert!(guesses.begin(ADDRESS, &id("CP-2"), 1_000).is_ok());
        let elsewhere = "192.0.2.1".parse().unwrap();
        assert!(guesses.begin(elsewhere, &id("CP-1"), 1_000).is_ok());
        // Afterwards they are counted anew, and the right one ends the count.
        for _ in 1..WRONG_MAX {
            let guess = guesses.begin(ADDRESS, &id("CP-1"), 60_500);
            guess.ok().unwrap().was_wrong(60_500);
        }
        let right = guesses.begin(ADDRESS, &id("CP-1"), 60_600);
        right.ok().unwrap().was_right();
        assert!(guesses.lock().is_empty());
    }

    #[test]
    fn those_under_way_count() {
        let guesses = Guesses::default();
        let begin = || guesses.begin(ADDRESS, &id("CP-1"), 0);
        let under_way: Vec<_> = (0..WRONG_MAX).map(|_| begin().ok().unwrap()).collect();
        assert_eq!(begin().err(), Some(1));
        drop(under_way);
        assert!(begin().is_ok());
        assert!(guesses.lock().is_empty());
    }

    #[test]
    fn the_memory_is_bounded() {
        let guesses = Guesses::default();
        for number in 0..=PAIRS_MAX {
            let guess = guesses.begin(ADDRESS, &id(&number.to_string()), 0);
            guess.ok().unwrap().was_wrong(0);
        }
        assert_eq!(guesses.lock().len(), 1);
    }

    #[test]
    fn neighbours_of_ipv6_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
