//! Nothing but tests: see `tests/prices.rs` and `tests/roaming/`.
