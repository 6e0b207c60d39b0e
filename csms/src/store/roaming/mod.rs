//! Partners over OCPI, and what there is between them and an organization.

pub(super) mod location;
pub(super) mod partner;
pub(super) mod tariff;
pub(super) mod token;
