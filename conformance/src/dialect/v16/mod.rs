//! OCPP 1.6.

pub(crate) mod answers;
pub(crate) mod commands;
pub(crate) mod forms;
pub(crate) mod keys;
pub(crate) mod words;
