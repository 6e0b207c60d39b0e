//! What the rig plays in a scenario, and what each role has to remember. A scenario may hold several.

pub(crate) mod csms;
pub(crate) mod device;
pub(crate) mod emsp;
mod leave;
mod meet;
pub(crate) mod rest;
pub(crate) mod rig;
mod start;
pub(crate) mod station;
pub(crate) mod talk;

use crate::failure::Failure;

/// Why a role could not do what a step asked for.
#[derive(Debug)]
pub(crate) enum Closed {
    /// Something is missing that the user could give.
    NotRun(String),
    /// The system under test has no such thing.
    NotApplicable(String),
    /// The charge point under test did not let it happen.
    Refused(String),
    Failed(Failure),
}

impl From<Failure> for Closed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Closed {
    /// In a sentence.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::NotRun(text) | Self::NotApplicable(text) | Self::Refused(text) => text,
            Self::Failed(failure) => &failure.0,
        }
    }
}
