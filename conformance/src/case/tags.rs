//! The id tags that scenarios speak of.

use std::str::FromStr;

use crate::words::quoted;

/// Id tags that scenarios speak of.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    pub(crate) known: String,
    pub(crate) unknown: String,
    pub(crate) blocked: Option<String>,
    pub(crate) expired: Option<String>,
}

/// A second tag that the scripted central system accepts.
pub(crate) const ANOTHER_TAG: &str = "RFID-USER-7C11";
/// A tag that belongs to the same group as the known one, once a scenario says so.
pub(crate) const SIBLING_TAG: &str = "RFID-USER-9B3E";
/// The tag of test transactions of the platform.
pub(crate) const COMMISSIONING_TAG: &str = "COMMISSIONING";
/// The group of both.
pub(crate) const GROUP_TAG: &str = "RFID-GROUP-1";

/// A tag as steps name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagWord {
    Known,
    Another,
    Sibling,
    Unknown,
    Blocked,
    Expired,
    /// That a commissioning run of the CSMS uses, and nobody else.
    Commissioning,
}

impl FromStr for TagWord {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Ok(match words {
            "the known tag" => Self::Known,
            "another tag" => Self::Another,
            "the sibling tag" => Self::Sibling,
            "the unknown tag" => Self::Unknown,
            "the blocked tag" => Self::Blocked,
            "the expired tag" => Self::Expired,
            "the commissioning tag" => Self::Commissioning,
            other => return Err(format!("{} names no tag", quoted(other))),
        })
    }
}

impl TagWord {
    /// The tag itself; `Err` says what is missing when this run has none.
    pub(crate) fn of(self, tags: &Tags) -> Result<String, &'static str> {
        match self {
            Self::Known => Ok(tags.known.clone()),
            Self::Another => Ok(ANOTHER_TAG.into()),
            Self::Sibling => Ok(SIBLING_TAG.into()),
            Self::Unknown => Ok(tags.unknown.clone()),
            Self::Blocked => tags.blocked.clone().ok_or("needs --blocked-id-tag"),
            Self::Commissioning => Ok(COMMISSIONING_TAG.into()),
            Self::Expired => tags.expired.clone().ok_or("needs --expired-id-tag"),
        }
    }
}
