//! Who calls, and what they show to be let in.

use std::fmt;
use std::str::FromStr;

use crate::words::quoted;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Actor {
    Installer,
    /// Of the same organization.
    AnotherInstaller,
    /// Of another organization.
    ForeignInstaller,
    Organization,
    AnotherOrganization,
    Reader,
    /// Has a key without any scope.
    Powerless,
    /// Has a key that nobody made.
    Stranger,
    Nobody,
    SiteOwner,
    /// Of the same organization.
    AnotherSiteOwner,
}

impl FromStr for Actor {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Ok(match words {
            "the installer" => Self::Installer,
            "another installer" => Self::AnotherInstaller,
            "an installer of another organization" => Self::ForeignInstaller,
            "the organization" => Self::Organization,
            "another organization" => Self::AnotherOrganization,
            "a key that may only read" => Self::Reader,
            "a key that may do nothing" => Self::Powerless,
            "a stranger" => Self::Stranger,
            "nobody" => Self::Nobody,
            "the site owner" => Self::SiteOwner,
            "the site owner of another project" => Self::AnotherSiteOwner,
            other => return Err(format!("{} is nobody who could call", quoted(other))),
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installer => "the installer",
            Self::AnotherInstaller => "another installer",
            Self::ForeignInstaller => "an installer of another organization",
            Self::Organization => "the organization",
            Self::AnotherOrganization => "another organization",
            Self::Reader => "a key that may only read",
            Self::Powerless => "a key that may do nothing",
            Self::Stranger => "a stranger",
            Self::Nobody => "nobody",
            Self::SiteOwner => "the site owner",
            Self::AnotherSiteOwner => "the site owner of another project",
        })
    }
}

/// What a caller shows.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    None,
    Key(String),
    Token(String),
}

/// The password of every account a scenario opens.
pub(crate) const PASSWORD: &str = "charge-4ll-d4y";
