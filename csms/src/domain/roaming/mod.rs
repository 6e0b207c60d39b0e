//! Roaming: partners and what their drivers do here, without OCPI's paths and headers.

pub(crate) mod bill;
pub(crate) mod charge;
pub(crate) mod command;
pub(crate) mod driver;
pub(crate) mod ids;
pub(crate) mod kept;
pub(crate) mod location;
pub(crate) mod partner;
pub(crate) mod push;
pub(crate) mod registration;
pub(crate) mod session;
pub(crate) mod tariff;
pub(crate) mod token;
