//! A charge point that was let in.

use std::sync::Arc;

use dynamo_protocol::Millis;

use crate::store::ChargePoint;

/// A charge point that was let in, as it was read then.
pub(crate) struct Admitted {
    pub charge_point: ChargePoint,
    /// When it was read, by the monotonic clock.
    pub read_ms: Millis,
    /// The fingerprint of the certificate it showed, where this server issued it.
    pub certificate: Option<Arc<str>>,
}
