//! The steps of the features, by domain word.
//!
//! `Given` and `When` act, `Then` only looks, and it looks at the recorded wire.

mod api;
mod charge_point;
mod csms;
mod line;

pub(crate) use charge_point::{must_be_writable, restart_to_set};
