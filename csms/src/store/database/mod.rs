//! The database itself: opening it, its one writer, the lock of its server, its backup.

pub(super) mod backup;
pub(super) mod beside;
pub(super) mod counters;
pub(super) mod file;
pub(super) mod job;
pub(super) mod many;
pub(super) mod open;
pub(super) mod probe;
pub(super) mod query_text;
pub(super) mod serving;
pub(super) mod writer;
