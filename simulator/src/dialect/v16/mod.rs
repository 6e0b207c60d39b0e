//! OCPP 1.6J.

pub(super) mod answer;
pub(super) mod command;
pub(super) mod reply;
pub(super) mod report;

#[cfg(test)]
mod tests;
