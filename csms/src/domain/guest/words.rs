//! The words of a session: where it is, and where its payment is.

use crate::domain::transactions::leaving::{Course, EndedBy};

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestStatus {
    /// The guest has to confirm the payment.
    RequiresAction,
    /// It is paid for and has not begun.
    Authorizing,
    Charging,
    /// It was asked to stop.
    Stopping,
    Stopped,
    /// It did not begin in time.
    Expired,
    /// It could not begin.
    Failed,
}

impl GuestStatus {
    pub(crate) const ALL: [Self; 7] = [
        Self::RequiresAction,
        Self::Authorizing,
        Self::Charging,
        Self::Stopping,
        Self::Stopped,
        Self::Expired,
        Self::Failed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresAction => "requires_action",
            Self::Authorizing => "authorizing",
            Self::Charging => "charging",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// Whether it has not begun yet and still may.
    pub(crate) const fn is_ahead(self) -> bool {
        matches!(self, Self::RequiresAction | Self::Authorizing)
    }

    pub(super) const fn is_running(self) -> bool {
        matches!(self, Self::Charging | Self::Stopping)
    }
}

/// Where its payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaymentStatus {
    /// The gateway is being asked to hold it.
    Authorizing,
    RequiresAction,
    /// It is held.
    Authorized,
    /// The gateway is being asked to take it.
    Capturing,
    Captured,
    CaptureFailed,
    /// The gateway is being asked to let go of it.
    Canceling,
    Canceled,
    Declined,
    /// The gateway did not do as it should.
    Refused,
}

impl PaymentStatus {
    pub(crate) const ALL: [Self; 10] = [
        Self::Authorizing,
        Self::RequiresAction,
        Self::Authorized,
        Self::Capturing,
        Self::Captured,
        Self::CaptureFailed,
        Self::Canceling,
        Self::Canceled,
        Self::Declined,
        Self::Refused,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Authorizing => "authorizing",
            Self::RequiresAction => "requires_action",
            Self::Authorized => "authorized",
            Self::Capturing => "capturing",
            Self::Captured => "captured",
            Self::CaptureFailed => "capture_failed",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
            Self::Declined => "declined",
            Self::Refused => "refused",
        }
    }

    /// Whether nothing more is asked of the gateway.
    pub(crate) const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Captured | Self::CaptureFailed | Self::Canceled | Self::Declined | Self::Refused
        )
    }
}

/// How the transaction of a session ended, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionEnd {
    Open,
    /// Without a stop; one may come late, or it may go on.
    Provisional {
        /// When the last message about it was received.
        since_ms: i64,
        /// A start ended it, and its charge point told of it after that: it may charge yet.
        is_reported: bool,
    },
    /// Nothing changes what is paid for.
    Final,
}

impl TransactionEnd {
    /// Of a transaction that is so far; `heard_at_ms`: when it was heard of last, `left_received_at_ms`: when its end
    /// was told. What is told after a final end corrects the record; nobody waits for it once more.
    pub(crate) fn of(course: Course, heard_at_ms: i64, left_received_at_ms: Option<i64>) -> Self {
        match course {
            Course::Open => Self::Open,
            Course::Left { by, since_ms } => {
                let is_later = left_received_at_ms.is_some_and(|left_ms| heard_at_ms > left_ms);
                Self::Provisional {
                    since_ms,
                    is_reported: by == Some(EndedBy::Start) && is_later,
                }
            }
            Course::Stopped | Course::Corrected | Course::Final => Self::Final,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_a_start_ended_is_reported_by_what_comes_after() {
        let left = |by| Course::Left {
            by: Some(by),
            since_ms: 9,
        };
        let end = |is_reported| TransactionEnd::Provisional {
            since_ms: 9,
            is_reported,
        };
        let of = TransactionEnd::of;
        assert_eq!(of(left(EndedBy::Start), 6, Some(5)), end(true));
        assert_eq!(of(left(EndedBy::Start), 5, Some(5)), end(false));
        assert_eq!(of(left(EndedBy::Start), 6, None), end(false));
        assert_eq!(of(left(EndedBy::Available), 6, Some(5)), end(false));
        assert_eq!(of(Course::Corrected, 6, Some(5)), TransactionEnd::Final);
        assert_eq!(of(Course::Open, 6, None), TransactionEnd::Open);
    }

    #[test]
    fn words_differ_and_are_found_again() {
        for (index, status) in GuestStatus::ALL.iter().enumerate() {
            let same = |other: &&GuestStatus| other.as_str() == status.as_str();
            assert_eq!(GuestStatus::ALL.iter().position(|s| same(&s)), Some(index));
        }
        for (index, status) in PaymentStatus::ALL.iter().enumerate() {
            let same = |other: &&PaymentStatus| other.as_str() == status.as_str();
            assert_eq!(
                PaymentStatus::ALL.iter().position(|s| same(&s)),
                Some(index)
            );
        }
    }
}
