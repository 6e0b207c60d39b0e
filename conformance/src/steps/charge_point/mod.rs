//! Steps of scenarios that put a charge point to the test: the rig is its central system.

mod authorization;
mod boot;
mod command;
pub(super) mod configuration;
mod line;
mod metering;
mod operator;
mod retry;
mod status;
mod stop_samples;
mod transaction;
mod trigger;
