//! Projects of installers: commissioning, and the hand-over to the site owner.

pub(crate) mod commissioning;
pub(crate) mod going_live;
pub(crate) mod handover;
