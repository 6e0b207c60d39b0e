//! Prices and bills.

pub(crate) mod billing;
pub(crate) mod price;
pub(crate) mod tariff;
