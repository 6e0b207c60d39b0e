//! Charge points: how they are registered, where they are, what they report.

pub(crate) mod availability;
pub(crate) mod certificate;
pub(crate) mod configuring;
pub(crate) mod connector;
pub(crate) mod details;
pub(crate) mod deviation;
pub(crate) mod event;
pub(crate) mod evse;
pub(crate) mod grouping;
pub(crate) mod identity;
pub(crate) mod lifecycle;
pub(crate) mod nearby;
pub(crate) mod password;
pub(crate) mod password_change;
pub(crate) mod place;
pub(crate) mod plug;
pub(crate) mod registration;
pub(crate) mod reports;
pub(crate) mod security;
pub(crate) mod standard_key;
pub(crate) mod template;
pub(crate) mod variable;
