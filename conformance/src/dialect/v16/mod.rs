//! OCPP 1.6.

pub(crate) mod answers;
pub(crate) mod keys;
