//! A message of a charge point that is kept in its own words, such as a boot or the progress of an update.

/// A fact that is kept as it was said.
pub(crate) struct Event {
    pub charge_point_id: String,
    /// The name of the message.
    pub kind: &'static str,
    /// Its payload as JSON text.
    pub message: String,
    /// The charge point's stamp, if the message has one. With it the same text again is a retransmission.
    pub stamp_ms: Option<i64>,
    pub received_at_ms: i64,
}
