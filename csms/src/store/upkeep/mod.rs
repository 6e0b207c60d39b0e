//! What looks at all of the database: lists for its operator, what ends each table, the records of the demo.

pub(super) mod demo;
#[cfg(test)]
pub(super) mod growth;
pub(super) mod listing;
pub(super) mod open_counts;
pub(super) mod retention;
