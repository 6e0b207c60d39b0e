//! Who may charge [OCPI 2.2.1 §12].

use serde::{Deserialize, Serialize};

use super::{CiString, DateTime, DisplayText};

super::words! {
    /// Whether the issuer of a token has to be asked [OCPI 2.2.1 §12.4.6].
    Whitelist {
        /// It is not asked.
        Always = "ALWAYS",
        /// It may be asked.
        Allowed = "ALLOWED",
        /// It is asked; where it does not answer, the list decides.
        AllowedOffline = "ALLOWED_OFFLINE",
        /// It is asked; where it does not answer, nobody charges.
        Never = "NEVER",
    }
}

super::words! {
    /// What the issuer of a token says [OCPI 2.2.1 §12.4.1].
    Allowed {
        /// May charge.
        Allowed = "ALLOWED",
        /// The token was blocked.
        Blocked = "BLOCKED",
        /// The token's time is over.
        Expired = "EXPIRED",
        /// There is no money for it.
        NoCredit = "NO_CREDIT",
        /// May charge, but not here.
        NotAllowed = "NOT_ALLOWED",
    }
}

/// A token [OCPI 2.2.1 §12.3.2]; one is told from others by issuer, uid and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Of who issued it.
    pub country_code: CiString,
    /// Of who issued it.
    pub party_id: CiString,
    /// What is written on it.
    pub uid: CiString,
    /// By its word in the standard.
    pub r#type: String,
    /// Of the driver.
    pub contract_id: CiString,
    /// What people read on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub visual_number: Option<String>,
    /// The name of who issued it.
    pub issuer: String,
    /// Tokens of one group stop each other's sessions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group_id: Option<CiString>,
    /// Whether it may charge, where its issuer is not asked.
    pub valid: bool,
    /// Whether its issuer has to be asked.
    pub whitelist: Whitelist,
    /// ISO 639-1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<String>,
    /// When it changed last, by its issuer.
    pub last_updated: DateTime,
}

/// A location, and which of its EVSEs [OCPI 2.2.1 §12.4.4].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationReferences {
    /// Which location.
    pub location_id: CiString,
    /// None: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evse_uids: Vec<CiString>,
}

/// What the issuer of a token says about it [OCPI 2.2.1 §12.3.1].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationInfo {
    /// Whether it may charge.
    pub allowed: Allowed,
    /// The token, whole.
    pub token: Token,
    /// Where it may charge; absent: everywhere.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<LocationReferences>,
    /// Comes back in session and CDR.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_reference: Option<CiString>,
    /// For the driver.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub info: Option<DisplayText>,
}
