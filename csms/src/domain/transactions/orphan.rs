//! Stops that stop nothing: why that is, and what follows.

/// Why a stop stopped nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrphanCause {
    /// Its charge point has no such transaction.
    UnknownTransaction,
    /// Its transaction was stopped otherwise before.
    AlreadyStopped,
    /// It cannot be read, but for its transaction.
    Unreadable,
}

impl OrphanCause {
    /// Of a stop that can be read.
    pub(crate) const fn of(has_transaction: bool) -> Self {
        if has_transaction {
            Self::AlreadyStopped
        } else {
            Self::UnknownTransaction
        }
    }

    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTransaction => "unknown_transaction",
            Self::AlreadyStopped => "already_stopped",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether it may be meant for another transaction of its charge point, one that waits for a stop.
    pub(crate) const fn may_be_of_another(self) -> bool {
        matches!(self, Self::UnknownTransaction)
    }
}
