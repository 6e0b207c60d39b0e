//! What crosses between the rig and a system under test, and the lines it crosses on. Knows no version of OCPP.

pub(crate) mod actor;
pub(crate) mod bend;
pub(crate) mod entry;
pub(crate) mod fate;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod ocpi;
pub(crate) mod post;
pub(crate) mod script;
