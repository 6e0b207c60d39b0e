//! What is said of a charge point when it is registered, and what of that can be changed.

use crate::domain::charge_points::place::Place;

/// A charge point to register.
#[derive(Clone, Debug)]
pub(crate) struct NewChargePoint {
    pub id: String,
    pub id_was_generated: bool,
    /// As people call it.
    pub name: Option<String>,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub serial_number: Option<String>,
    pub ocpp_version: &'static str,
    pub project_id: Option<String>,
    pub site_id: Option<String>,
    pub place: Option<Place>,
    pub address: Option<String>,
    pub hardware: Hardware,
    /// What is kept of the Basic password, when one is asked for at the handshake.
    pub password_hash: Option<String>,
    /// Whether it serves drivers already.
    pub is_commissioned: bool,
    pub created_at_ms: i64,
}

/// What a charge point was said to be made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hardware {
    /// From 1.
    pub connector_count: Option<i64>,
    /// Such as Type2.
    pub connector_type: Option<String>,
    /// The most it delivers at one connector, in kW.
    pub max_power_kw: Option<f64>,
}

/// What to change. The outer `None` leaves a value as it is, the inner one takes it away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub name: Option<String>,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub project_id: Option<Option<String>>,
    pub site_id: Option<Option<String>>,
    pub place: Option<Place>,
    pub address: Option<Option<String>>,
    pub connector_count: Option<i64>,
    pub connector_type: Option<Option<String>>,
    pub max_power_kw: Option<Option<f64>>,
    /// What is kept of its new password.
    pub password_hash: Option<String>,
    /// These never change: another value than the registered one is refused.
    pub serial_number: Option<String>,
}
