//! What partners are told of, and what becomes of a telling.
//!
//! A partner is told of a state, not of each change on the way to it: for each object there is one row that says what it
//! is to be told and what it was told. So an outage costs one request per object, however long it lasts.

/// What a partner can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PushKind {
    Location,
    Evse,
    Tariff,
    Session,
    Cdr,
}

impl PushKind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Location,
        Self::Evse,
        Self::Tariff,
        Self::Session,
        Self::Cdr,
    ];

    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Evse => "evse",
            Self::Tariff => "tariff",
            Self::Session => "session",
            Self::Cdr => "cdr",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What came of a telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The partner has it.
    Taken,
    /// There is nothing to tell it any more.
    Nothing,
    /// It does not want it like this.
    Refused(String),
    /// It was not reached, or could not take anything; for how long it wants to be left alone.
    Away(String, Option<i64>),
    /// It was reached, and then there was no answer: it may have it.
    Unsure(String),
}

/// How often a bill is sent that the partner may have: a second one of it would be a second bill to some.
pub(crate) const BILL_ATTEMPTS_MAX: i64 = 3;
/// The shortest time between two tellings of a session that goes on.
pub(crate) const SESSION_EVERY_MS: i64 = 10_000;

/// How long a partner is left alone that failed so often in a row.
pub(crate) fn quiet_ms(failures: i64, wanted_ms: Option<i64>) -> i64 {
    const FIRST_MS: i64 = 1_000;
    const LONGEST_MS: i64 = 60_000;
    let doubled = failures.clamp(0, 6);
    let own = (FIRST_MS << doubled).min(LONGEST_MS);
    // As long as the partner says, but not for ever.
    wanted_ms.map_or(own, |wanted| wanted.clamp(own, 3_600_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_that_fails_is_left_alone_longer_and_longer() {
        let pauses: Vec<i64> = (0..8).map(|failures| quiet_ms(failures, None)).collect();
        assert_eq!(
            pauses,
            [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
        );
        assert_eq!(quiet_ms(0, Some(5_000)), 5_000);
        assert_eq!(quiet_ms(3, Some(1_000)), 8_000);
        assert_eq!(quiet_ms(0, Some(i64::MAX)), 3_600_000);
        for kind in PushKind::ALL {
            assert_eq!(PushKind::from_word(kind.as_str()), Some(kind));
        }
    }
}
