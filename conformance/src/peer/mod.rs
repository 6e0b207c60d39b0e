//! The ends of sockets and of HTTP. None uses an engine that knows the rules: they send what a scenario says, byte for byte.

pub(crate) mod csms;
pub(crate) mod emsp;
pub(crate) mod http;
pub(crate) mod plain;
pub(crate) mod sink;
pub(crate) mod socket;
pub(crate) mod station;
pub(crate) mod tls;
