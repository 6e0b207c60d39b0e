//! Partners over OCPI, and what there is between them and an organization.

pub(super) mod command;
pub(super) mod driver;
pub(super) mod location;
pub(super) mod partner;
pub(super) mod push;
pub(super) mod session;
pub(super) mod tariff;
pub(super) mod token;
