//! The life of a charge point on the platform: registered, configured, connected, commissioned.
//!
//! The stage is the furthest one reached and never goes back. Being offline is no stage.

use crate::store::ChargePointRecord;

/// How far a charge point has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Somebody said that it exists.
    Registered,
    /// Its configuration was customized.
    Configured,
    /// A boot of it was accepted.
    Connected,
    /// It serves drivers.
    Commissioned,
}

impl Stage {
    pub(crate) const ALL: [Self; 4] = [
        Self::Registered,
        Self::Configured,
        Self::Connected,
        Self::Commissioned,
    ];

    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Configured => "configured",
            Self::Connected => "connected",
            Self::Commissioned => "commissioned",
        }
    }

    /// By its word; `pending` is an old one for registered.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        if word == "pending" {
            return Some(Self::Registered);
        }
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// Of this charge point.
    pub(crate) const fn of(record: &ChargePointRecord) -> Self {
        match (
            record.commissioned_at_ms,
            record.connected_at_ms,
            record.configured_at_ms,
        ) {
            (Some(_), _, _) => Self::Commissioned,
            (None, Some(_), _) => Self::Connected,
            (None, None, Some(_)) => Self::Configured,
            (None, None, None) => Self::Registered,
        }
    }
}
