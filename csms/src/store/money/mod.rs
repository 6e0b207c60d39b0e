//! Tariffs, what transactions cost, and guests who pay as they go.

pub(super) mod guest;
pub(super) mod tariff;
