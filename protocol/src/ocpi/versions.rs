//! Which versions a party speaks, and where its endpoints are [OCPI 2.2.1 §6].

use serde::{Deserialize, Serialize};

super::words! {
    /// A part of the protocol [OCPI 2.2.1 §6.2.4].
    ModuleId {
        /// Bills.
        Cdrs = "cdrs",
        /// Limits of power; not served here.
        ChargingProfiles = "chargingprofiles",
        /// Orders.
        Commands = "commands",
        /// Registration.
        Credentials = "credentials",
        /// Who is behind a hub; not served here.
        HubClientInfo = "hubclientinfo",
        /// Places to charge at.
        Locations = "locations",
        /// Charging that goes on.
        Sessions = "sessions",
        /// Prices.
        Tariffs = "tariffs",
        /// Who may charge.
        Tokens = "tokens",
    }
}

super::words! {
    /// Which side of a module an endpoint is [OCPI 2.2.1 §6.2.3].
    InterfaceRole {
        /// It owns the objects.
        Sender = "SENDER",
        /// It is told of them.
        Receiver = "RECEIVER",
    }
}

/// A version, and where its details are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Such as 2.2.1.
    pub version: String,
    /// Absolute.
    pub url: String,
}

/// The endpoints of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDetails {
    /// Such as 2.2.1.
    pub version: String,
    /// One per module and role.
    pub endpoints: Vec<Endpoint>,
}

/// Where a module is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The word of a [`ModuleId`]; parties have others of their own too.
    pub identifier: String,
    /// Says nothing for credentials.
    pub role: InterfaceRole,
    /// Absolute.
    pub url: String,
}
