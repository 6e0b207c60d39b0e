//! A message of a charge point that is kept in its own words, such as a boot or the progress of an update.
//!
//! A message without a stamp of its own that says what one of the newest events says, and comes within an hour of it, is
//! counted there and adds no row; a row holds a day at most. So a charge point in a boot loop makes one row a day.

/// How long after it was said last an event is the same again.
const AGAIN_MS: i64 = 60 * 60 * 1000;
/// How long after it was said first.
const ROW_MS: i64 = 24 * 60 * 60 * 1000;

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

/// Which earlier event that says the same is counted once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SameAgain {
    /// It was said last at this time, or later.
    pub last_from_ms: i64,
    /// It was said first at this time, or later.
    pub first_from_ms: i64,
}

impl Event {
    /// Which earlier event this one is counted with; `None` where it is an event of its own.
    pub(crate) const fn same_again(&self) -> Option<SameAgain> {
        if self.stamp_ms.is_some() {
            return None;
        }
        Some(SameAgain {
            last_from_ms: self.received_at_ms.saturating_sub(AGAIN_MS),
            first_from_ms: self.received_at_ms.saturating_sub(ROW_MS),
        })
    }
}
