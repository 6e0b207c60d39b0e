//! Prices and bills.

pub(crate) mod billing;
pub(crate) mod element;
pub(crate) mod price;
pub(crate) mod tariff;
