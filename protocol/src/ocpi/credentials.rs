//! Who a party is, and how it is called [OCPI 2.2.1 §7].

use serde::{Deserialize, Serialize};

use super::CiString;

super::words! {
    /// What a party does [OCPI 2.2.1 §7.4.1].
    Role {
        /// Has charge points.
        Cpo = "CPO",
        /// Has drivers.
        Emsp = "EMSP",
        /// Connects others.
        Hub = "HUB",
        /// Collects locations of a country.
        Nap = "NAP",
        /// Helps drivers to find charge points.
        Nsp = "NSP",
        /// None of these.
        Other = "OTHER",
        /// Steers charging.
        Scsp = "SCSP",
    }
}

/// The credentials of a platform [OCPI 2.2.1 §7.3.1].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// By which the sender of this object is called.
    pub token: String,
    /// Its list of versions.
    pub url: String,
    /// Its parties.
    pub roles: Vec<CredentialsRole>,
}

/// A party of a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsRole {
    /// What it does.
    pub role: Role,
    /// How it is known.
    pub business_details: BusinessDetails,
    /// Three characters.
    pub party_id: CiString,
    /// Two letters [ISO 3166-1].
    pub country_code: CiString,
}

/// How a business is known [OCPI 2.2.1 §8.4.2].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessDetails {
    /// Its name.
    pub name: String,
    /// Its page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub website: Option<String>,
    /// Its sign.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub logo: Option<Image>,
}

/// A picture [OCPI 2.2.1 §8.4.15].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// A small one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thumbnail: Option<String>,
    /// What it shows, by its word in the standard.
    pub category: String,
    /// Such as png.
    pub r#type: CiString,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub width: Option<i32>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub height: Option<i32>,
}
