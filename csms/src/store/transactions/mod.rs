//! Transactions, their readings, and how they end.

pub(super) mod ending;
pub(super) mod meter;
pub(super) mod orphan_stop;
pub(super) mod transaction;
pub(super) mod transaction_list;
