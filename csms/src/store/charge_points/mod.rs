//! Charge points, what they said of themselves, and what was said to them.

pub(super) mod certificate;
pub(super) mod charge_point;
pub(super) mod commissioning;
pub(super) mod configuration;
pub(super) mod deviation;
pub(super) mod event;
pub(super) mod evse;
pub(super) mod password;
pub(super) mod past;
pub(super) mod place;
pub(super) mod record;
pub(super) mod registration;
