//! The words of a session: where it is, and where its payment is.

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

#[cfg(test)]
mod tests {
    use super::*;

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
