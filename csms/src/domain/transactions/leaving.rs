//! How far a transaction is, whether a status speaks of an open one, and what is told later of the time before it was
//! left; what follows from that is in `ending`.

use crate::domain::transactions::claims::end_of_second;
use crate::domain::transactions::register::Doubt;

/// What ended a transaction that has no stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// Its connector reported Available.
    Available,
    /// Its connector started another one.
    Start,
    /// Nothing was heard of its charge point for too long.
    GivenUp,
    /// An operator.
    Closed,
}

impl EndedBy {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Start => "start",
            Self::GivenUp => "given_up",
            Self::Closed => "closed",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Available, Self::Start, Self::GivenUp, Self::Closed]
            .into_iter()
            .find(|by| by.as_str() == word)
    }
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Open,
    Stopped,
    /// It ended without a stop; a stop may still come, or it may go on.
    Left {
        by: Option<EndedBy>,
        /// When the last message about it was received.
        since_ms: i64,
    },
    /// It ended without a stop and for good, and something was told of it after that. That corrects the record, which
    /// is kept open for it once more.
    Corrected,
    /// It ended without a stop, and for good.
    Final,
}

impl Course {
    /// From what is written down: the word for the state and for what ended it, since when its end is provisional, and
    /// whether something was told after its final end.
    pub(crate) fn of(
        state: &str,
        ended_by: Option<&str>,
        provisional_since_ms: Option<i64>,
        told_late: bool,
    ) -> Self {
        match (state, provisional_since_ms) {
            ("open", _) => Self::Open,
            ("abandoned", None) => Self::Final,
            ("abandoned", Some(_)) if told_late => Self::Corrected,
            ("abandoned", Some(since_ms)) => Self::Left {
                by: ended_by.and_then(EndedBy::from_word),
                since_ms,
            },
            _ => Self::Stopped,
        }
    }

    /// Whether it was stopped.
    pub(crate) const fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped)
    }

    /// Whether it ended without a stop, and for good, and nothing was told of it since.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Final)
    }

    /// Whether it goes on when something is told of it: a status or a start ended it, and not for good.
    pub(crate) const fn may_go_on(self) -> bool {
        matches!(
            self,
            Self::Left {
                by: Some(EndedBy::Available | EndedBy::Start),
                ..
            }
        )
    }
}

/// A stamp, and when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub at_ms: i64,
    pub received_at_ms: i64,
}

impl Stamped {
    /// Whether another clock made the other stamp, or the same clock that was set meanwhile: one of them is ahead of
    /// its arrival, or cannot be, and the other is not. Then the order of arrival counts.
    fn is_of_another_clock(self, other: Self) -> bool {
        let doubt = |stamp: Self| Doubt::of_stamp(stamp.at_ms, stamp.received_at_ms);
        doubt(self) != doubt(other)
    }
}

/// Whether a connector that reports Available has left its open transaction.
///
/// Starts and stops wait in the charge point's queue while it is offline, reports of status do not have to
/// keep their order with them. So a report stamped before the start, or at the same instant, speaks of the
/// time before the transaction. A report without a stamp speaks of now.
pub(crate) fn available_abandons(reported: Option<Stamped>, began: Stamped) -> bool {
    reported
        .is_none_or(|reported| reported.is_of_another_clock(began) || reported.at_ms > began.at_ms)
}

/// Whether a start that arrives speaks of a transaction that is over: what is open on its connector began later. Starts wait
/// in the charge point's queue, and may be told after younger ones. Where one of the stamps cannot be right, or another
/// clock made it, the order of arrival counts.
pub(crate) fn is_over_before(began: Stamped, open: Stamped) -> bool {
    let can_be = Doubt::of_stamp(began.at_ms, began.received_at_ms) != Doubt::Impossible;
    can_be && !began.is_of_another_clock(open) && end_of_second(began.at_ms) < open.at_ms
}

/// Whether something speaks of the time before its connector was left. Without a stamp of the leaving the order of
/// arrival counts. A stamp of whole seconds speaks of the whole second.
pub(crate) fn is_from_before(told: Stamped, left: Option<Stamped>) -> bool {
    left.is_some_and(|left| {
        !told.is_of_another_clock(left) && end_of_second(told.at_ms) < left.at_ms
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(at_ms: i64, received_at_ms: i64) -> Stamped {
        Stamped {
            at_ms,
            received_at_ms,
        }
    }

    #[test]
    fn what_a_status_or_a_start_ended_goes_on_until_its_end_is_final() {
        let of = |by, since, late| Course::of("abandoned", Some(by), since, late);
        for (by, may_go_on) in [
            ("available", true),
            ("start", true),
            ("given_up", false),
            ("closed", false),
        ] {
            assert_eq!(of(by, Some(5), false).may_go_on(), may_go_on, "{by}");
            assert_eq!(of(by, None, false), Course::Final);
            // What is told after a final end corrects it; it does not go on.
            assert_eq!(of(by, Some(5), true), Course::Corrected);
            assert!(!of(by, Some(5), true).may_go_on());
        }
        assert_eq!(Course::of("open", None, None, false), Course::Open);
        assert_eq!(Course::of("stopped", None, None, true), Course::Stopped);
    }

    #[test]
    fn a_report_from_before_the_start_abandons_nothing() {
        let abandons = |at_ms| available_abandons(Some(at(at_ms, 9_000)), at(1_000, 2_000));
        assert!(!abandons(999));
        assert!(!abandons(1_000));
        assert!(abandons(1_001));
        assert!(available_abandons(None, at(1_000, 2_000)));
        // A clock that was ahead at the start and is right now, and one that was right and is lost.
        assert!(available_abandons(
            Some(at(70_000, 70_000)),
            at(7_200_000, 2_000)
        ));
        let now_ms = 100_000_000_000;
        assert!(available_abandons(Some(at(5, now_ms)), at(now_ms, now_ms)));
        // One that always stands.
        assert!(!available_abandons(Some(at(5, now_ms)), at(5, now_ms)));
    }

    #[test]
    fn of_two_starts_by_one_clock_the_older_one_is_over() {
        let open = at(9_000_000, 9_000_000);
        let is_over = |began| is_over_before(began, open);
        assert!(is_over(at(5_400_000, 9_060_000)));
        assert!(is_over(at(8_998_001, 9_060_000)));
        // The same second, and later.
        assert!(!is_over(at(9_000_000, 9_060_000)));
        assert!(!is_over(at(9_001_000, 9_060_000)));
        // A clock that was ahead and is right again, and one that is lost.
        let ahead = at(16_200_000, 9_000_000);
        assert!(!is_over_before(at(9_060_000, 9_060_000), ahead));
        let now_ms = 100_000_000_000;
        assert!(!is_over_before(at(5, now_ms), at(now_ms, now_ms)));
        assert!(!is_over_before(at(5, now_ms), at(5_000, now_ms)));
    }

    #[test]
    fn what_was_stamped_before_the_connector_was_left_speaks_of_then() {
        let left = Some(at(5_800, 6_000));
        let is_old = |at_ms| is_from_before(at(at_ms, 9_000), left);
        assert!(is_old(5_799));
        assert!(!is_old(5_800));
        // A stamp of whole seconds.
        assert!(!is_old(5_000));
        assert!(is_old(5_001));
        assert!(!is_from_before(at(0, 9_000), None));
        // A clock that was ahead, is ahead still, and is right again.
        let left = Some(at(7_200_500, 100));
        assert!(is_from_before(at(7_200_400, 200), left));
        assert!(!is_from_before(at(7_200_600, 300), left));
        assert!(!is_from_before(at(300, 300), left));
    }
}
