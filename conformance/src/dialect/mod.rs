//! How each version of OCPP says things.

pub(crate) mod v16;
