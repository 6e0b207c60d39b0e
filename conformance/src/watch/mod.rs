//! What a step wants to see on the wire.

pub(crate) mod expected;
pub(crate) mod outcome;
pub(crate) mod pattern;
pub(crate) mod reading;
