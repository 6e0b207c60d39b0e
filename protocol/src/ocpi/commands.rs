//! Orders of an eMSP [OCPI 2.2.1 §13].

use serde::{Deserialize, Serialize};

use super::tokens::Token;
use super::{CiString, DateTime, DisplayText};

super::words! {
    /// What can be ordered [OCPI 2.2.1 §13.4.3].
    CommandType {
        /// To free an EVSE that was kept.
        CancelReservation = "CANCEL_RESERVATION",
        /// To keep an EVSE.
        ReserveNow = "RESERVE_NOW",
        /// To begin a session.
        StartSession = "START_SESSION",
        /// To end a session.
        StopSession = "STOP_SESSION",
        /// To unlock a connector.
        UnlockConnector = "UNLOCK_CONNECTOR",
    }
}

super::words! {
    /// What is answered at once [OCPI 2.2.1 §13.4.1].
    CommandResponseType {
        /// It is passed on; its result follows.
        Accepted = "ACCEPTED",
        /// It is not passed on.
        Rejected = "REJECTED",
        /// There is no such thing here.
        NotSupported = "NOT_SUPPORTED",
        /// No such session.
        UnknownSession = "UNKNOWN_SESSION",
    }
}

super::words! {
    /// What became of it [OCPI 2.2.1 §13.4.2].
    CommandResultType {
        /// The charge point does it.
        Accepted = "ACCEPTED",
        /// The reservation was given up.
        CanceledReservation = "CANCELED_RESERVATION",
        /// The EVSE does not serve.
        EvseInoperative = "EVSE_INOPERATIVE",
        /// The EVSE is in use.
        EvseOccupied = "EVSE_OCCUPIED",
        /// It could not be done.
        Failed = "FAILED",
        /// The charge point has no such thing.
        NotSupported = "NOT_SUPPORTED",
        /// The charge point does not do it.
        Rejected = "REJECTED",
        /// The charge point did not answer in time.
        Timeout = "TIMEOUT",
        /// No such reservation.
        UnknownReservation = "UNKNOWN_RESERVATION",
    }
}

/// Begin a session [OCPI 2.2.1 §13.3.5].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSession {
    /// Where the result is sent.
    pub response_url: String,
    /// Who charges.
    pub token: Token,
    /// Where.
    pub location_id: CiString,
    /// At which EVSE; absent: at any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evse_uid: Option<CiString>,
    /// At which connector of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connector_id: Option<CiString>,
    /// Comes back in session and CDR.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_reference: Option<CiString>,
}

/// End a session [OCPI 2.2.1 §13.3.6].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopSession {
    /// Where the result is sent.
    pub response_url: String,
    /// Which one.
    pub session_id: CiString,
}

/// Unlock a connector [OCPI 2.2.1 §13.3.7].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlockConnector {
    /// Where the result is sent.
    pub response_url: String,
    /// Where.
    pub location_id: CiString,
    /// At which EVSE.
    pub evse_uid: CiString,
    /// Which one.
    pub connector_id: CiString,
}

/// Keep an EVSE for somebody [OCPI 2.2.1 §13.3.4].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveNow {
    /// Where the result is sent.
    pub response_url: String,
    /// For whom.
    pub token: Token,
    /// Until when.
    pub expiry_date: DateTime,
    /// By which the eMSP knows it; the same one again changes it.
    pub reservation_id: CiString,
    /// Where.
    pub location_id: CiString,
    /// Which EVSE; absent: any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evse_uid: Option<CiString>,
    /// Comes back in session and CDR.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_reference: Option<CiString>,
}

/// Give an EVSE free [OCPI 2.2.1 §13.3.1].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelReservation {
    /// Where the result is sent.
    pub response_url: String,
    /// Which one.
    pub reservation_id: CiString,
}

/// What is answered at once [OCPI 2.2.1 §13.3.2].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResponse {
    /// Whether a result follows.
    pub result: CommandResponseType,
    /// Seconds within which it follows.
    pub timeout: u32,
    /// For people.
    #[serde(default)]
    pub message: Vec<DisplayText>,
}

/// What became of a command [OCPI 2.2.1 §13.3.3].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// What became of it.
    pub result: CommandResultType,
    /// For people.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub message: Vec<DisplayText>,
}
