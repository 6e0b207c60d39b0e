//! The steps of the features, by domain word.
//!
//! `Given` and `When` act, `Then` only looks, and it looks at the recorded wire.

mod charge_point;
mod csms;
mod line;
mod message;
mod ocpi;
mod rest;
pub(crate) mod world;
