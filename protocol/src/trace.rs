//! The record of a line: what was on the wire, when, and which way it went.

use std::sync::Arc;

use crate::Millis;

/// Which way a frame went, seen from the system under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards the system under test.
    ToSut,
    /// From the system under test.
    FromSut,
}

impl Direction {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToSut => "to_sut",
            Self::FromSut => "from_sut",
        }
    }
}

/// One frame as it stood on the wire, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Milliseconds since the record was begun.
    pub at_ms: Millis,
    /// Which way it went.
    pub direction: Direction,
    /// The text of the WebSocket message.
    pub raw: Arc<str>,
}
