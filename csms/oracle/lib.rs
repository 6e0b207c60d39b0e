//! Nothing but tests: see `tests/prices.rs`.
