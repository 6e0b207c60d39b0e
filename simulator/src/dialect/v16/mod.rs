//! OCPP 1.6J.

pub(super) mod answer;
pub(super) mod command;
mod profile;
pub(super) mod reply;
pub(super) mod report;

#[cfg(test)]
mod tests;
