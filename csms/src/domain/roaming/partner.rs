//! Who a partner is: a platform that calls us by a token of ours, and is called by one of its own.

use dynamo_protocol::ocpi::CiString;
use dynamo_protocol::ocpi::credentials::{CredentialsRole, Role};
use dynamo_protocol::ocpi::header::TokenEncoding;
use dynamo_protocol::ocpi::versions::{Endpoint, InterfaceRole, ModuleId};

/// How far a connection with a partner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartnerState {
    /// It was given a token to register with.
    Invited,
    /// An operator wants this side to register with it.
    Registering,
    /// Both sides call each other.
    Registered,
    /// An operator keeps it out for a while: its token opens nothing, and it is told nothing.
    Suspended,
    /// Its tokens are dead.
    Removed,
}

impl PartnerState {
    pub(crate) const ALL: [Self; 5] = [
        Self::Invited,
        Self::Registering,
        Self::Registered,
        Self::Suspended,
        Self::Removed,
    ];

    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Suspended => "suspended",
            Self::Removed => "removed",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A partner.
#[derive(Clone, Debug)]
pub(crate) struct Partner {
    pub id: String,
    pub organization_id: String,
    pub name: String,
    pub state: PartnerState,
    /// By which it is called; while it is registering, the one that it gave out for that.
    pub their_token: Option<String>,
    /// Its list of versions.
    pub versions_url: Option<String>,
    /// As its version details list them.
    pub endpoints: Vec<Endpoint>,
    pub encoding: TokenEncoding,
    /// Nothing is forgiven of what it sends.
    pub is_strict: bool,
    pub roles: Vec<CredentialsRole>,
    pub created_at_ms: i64,
    pub registered_at_ms: Option<i64>,
    pub last_heard_at_ms: Option<i64>,
    pub last_told_at_ms: Option<i64>,
    pub last_error: Option<String>,
    pub last_error_at_ms: Option<i64>,
    /// An operator wants it to be offered a token.
    pub is_asked: bool,
}

impl Partner {
    /// Where it serves a module, without a slash at the end; `None` where it does not.
    pub(crate) fn endpoint(&self, module: ModuleId, role: InterfaceRole) -> Option<&str> {
        let mut endpoints = self.endpoints.iter();
        let served = endpoints.find(|endpoint| {
            endpoint.identifier == module.as_str()
                && (module == ModuleId::Credentials || endpoint.role == role)
        });
        served.map(|endpoint| endpoint.url.trim_end_matches('/'))
    }

    /// Its party that has drivers; else its first one.
    pub(crate) fn party(&self) -> Option<&CredentialsRole> {
        let mut roles = self.roles.iter();
        let emsp = roles.find(|role| role.role == Role::Emsp);
        emsp.or_else(|| self.roles.first())
    }

    /// Whether tokens of this party are its own.
    pub(crate) fn issues(&self, country_code: &CiString, party_id: &CiString) -> bool {
        self.roles.iter().any(|role| {
            role.role == Role::Emsp
                && role.country_code == *country_code
                && role.party_id == *party_id
        })
    }
}
