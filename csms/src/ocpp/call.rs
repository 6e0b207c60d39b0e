//! A call of a charge point on its way to its handler.

use std::sync::Arc;

use dynamo_protocol::{ChargePointId, MessageId, RawValue, Version};
use tokio::sync::oneshot;

use super::contact::Contact;
use crate::store::ChargePoint;

/// A call of the charge point.
pub(crate) struct Call {
    pub id: MessageId,
    pub action: String,
    /// The version that its connection speaks.
    pub version: Version,
    pub charge_point: ChargePointId,
    /// What the handshake read: whose it is, and which password it was let in with.
    pub admitted: Arc<ChargePoint>,
    pub contact: Arc<Contact>,
    /// When the call arrived, in Unix milliseconds.
    pub received_at_ms: i64,
    /// Grows with every message of the charge point that this process receives, over its connections too.
    pub receipt: i64,
    /// The payload as it arrived.
    pub raw: Box<RawValue>,
    /// Hears when what was told before this call is in the outbox.
    pub untold: Option<oneshot::Receiver<()>>,
}
