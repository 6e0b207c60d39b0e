//! Which transaction ids the CSMS gave, and which of them it gave more than once: a charge point ends a transaction by
//! nothing but its id [1.6 §6.49], so that two with one id cannot be told apart.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::figures::DOUBLED_IDS_MAX;

/// Most ids that are remembered; later ones are still compared with these.
const IDS_MAX: usize = 1_000_000;

/// Charge points are told apart by their index in the fleet.
#[derive(Debug, Default)]
pub(crate) struct TransactionIds {
    /// Which charge point got it first.
    seen: HashMap<i64, usize>,
    /// Starts that were acknowledged with an id that another start had got before.
    pub(crate) doubled: u64,
    /// The first of them: the id, who had it, who got it again.
    pub(crate) named: Vec<(i64, usize, usize)>,
}

impl TransactionIds {
    /// The CSMS acknowledged a start at this charge point with this id.
    pub(super) fn given(&mut self, transaction_id: i64, charge_point: usize) {
        let has_room = self.seen.len() < IDS_MAX;
        match self.seen.entry(transaction_id) {
            Entry::Vacant(new) if has_room => {
                new.insert(charge_point);
            }
            Entry::Vacant(_) => {}
            Entry::Occupied(first) => {
                self.doubled += 1;
                if self.named.len() < DOUBLED_IDS_MAX {
                    let first = *first.get();
                    self.named.push((transaction_id, first, charge_point));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_comes_again_is_named_with_both_its_charge_points() {
        let mut ids = TransactionIds::default();
        for (id, charge_point) in [(1, 0), (2, 1), (1, 1), (2, 1), (3, 0)] {
            ids.given(id, charge_point);
        }
        assert_eq!(
            (ids.doubled, &ids.named[..]),
            (2, &[(1, 0, 1), (2, 1, 1)][..])
        );
        for _ in 0..2 * DOUBLED_IDS_MAX {
            ids.given(3, 2);
        }
        assert_eq!(ids.named.len(), DOUBLED_IDS_MAX);
        assert_eq!(ids.doubled, 2 + 2 * DOUBLED_IDS_MAX as u64);
    }
}
