//! Ways of getting OCPP 1.6 wrong.

pub(super) mod charge_point;
pub(super) mod csms;
