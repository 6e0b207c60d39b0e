//! Transactions: how they begin and end, and by which register energy is counted.

pub mod claims;
pub mod ending;
pub(crate) mod energy;
pub(crate) mod facts;
pub(crate) mod leaving;
pub mod metering;
pub(crate) mod orphan;
pub(crate) mod register;
pub(crate) mod start;
pub(crate) mod stop;
