//! The labels of the figures. Each has few values, none of which a client or a charge point chooses.

use prometheus_client::encoding::EncodeLabelSet;

use crate::store::Dropping;

/// How a call ended, of a charge point or to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    Ok,
    Error,
    TimedOut,
    /// The socket went before the answer.
    Lost,
    /// The charge point was offline or busy, or its turn did not come in time: nothing was sent.
    Unsent,
}

impl CallEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::TimedOut => "timeout",
            Self::Lost => "lost",
            Self::Unsent => "unsent",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Call {
    action: &'static str,
    outcome: &'static str,
}

impl Call {
    pub(super) const fn of(action: &'static str, end: CallEnd) -> Self {
        Self {
            action,
            outcome: end.as_str(),
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Action {
    pub action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Deviation {
    deviation: &'static str,
}

impl Deviation {
    pub(super) const fn of(deviation: &'static str) -> Self {
        Self { deviation }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Table {
    table: &'static str,
}

impl Table {
    pub(super) const fn of(table: Dropping) -> Self {
        Self {
            table: table.table(),
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Route {
    pub route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Request {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
}
