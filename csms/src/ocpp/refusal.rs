//! Why somebody is not let in: what the peer is answered, and what the log says to do about it.

use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use dynamo_protocol::ChargePointId;

use crate::domain::charge_points::security::{Breach, SecurityProfile};
use crate::store::StoreError;
use crate::tls::PeerCertificate;

/// After how many seconds a charge point may come again whose password was not looked at.
const CROWDED_RETRY_S: u64 = 10;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no charge point connects to this path: connect to /ocpp16/IDENTITY")]
    Path,
    #[error("{0}")]
    Identity(String),
    #[error("no charge point {0:?} is registered")]
    Unknown(String),
    #[error("user and password of the charge point {0:?} are wanted (HTTP Basic)")]
    Password(String),
    #[error(
        "too many wrong passwords came for the charge point {identity:?}: come again in {seconds} seconds"
    )]
    TooManyWrong { identity: String, seconds: u64 },
    #[error(
        "too many passwords wait to be looked at, that of the charge point {0:?} among them: try again"
    )]
    Crowded(String),
    #[error(
        "the password of the charge point {0:?} was kept with another key than this server has"
    )]
    ForeignDigest(String),
    #[error(
        "this server lets nobody in below security profile {minimum}: the charge point {identity:?} {lack}"
    )]
    BelowMinimum {
        identity: String,
        minimum: i64,
        lack: &'static str,
    },
    #[error("no password is set for the charge point {0:?}, and its security profile asks for one")]
    NoPassword(String),
    #[error("the charge point {0:?} must connect with TLS (wss)")]
    NoTls(String),
    #[error("the charge point {0:?} must show a certificate of its own")]
    NoCertificate(String),
    #[error("the certificate is for {common_name}, not for {identity:?}")]
    ForeignCertificate {
        identity: String,
        common_name: String,
    },
    #[error("the certificate of the charge point {0:?} was revoked")]
    RevokedCertificate(String),
    #[error("the certificate that was shown for {0:?} is not one that was issued to it")]
    UnknownCertificate(String),
    #[error("the charge point {0} offers no subprotocol that is supported")]
    Subprotocol(ChargePointId),
    #[error("this is no WebSocket handshake: {0}")]
    Upgrade(String),
    #[error("the store cannot be read or written, try again")]
    Store,
}

impl Refusal {
    pub(super) fn of(breach: Breach, identity: &str, shown: Option<&PeerCertificate>) -> Self {
        let identity = identity.to_owned();
        match breach {
            Breach::NoTls => Self::NoTls(identity),
            Breach::NoCertificate => Self::NoCertificate(identity),
            Breach::Foreign => Self::ForeignCertificate {
                identity,
                common_name: shown
                    .and_then(|shown| shown.common_name.as_ref())
                    .map_or_else(|| "nobody".to_owned(), |name| format!("{name:?}")),
            },
            Breach::Revoked => Self::RevokedCertificate(identity),
            Breach::Unknown => Self::UnknownCertificate(identity),
            Breach::NoPassword => Self::NoPassword(identity),
        }
    }

    /// What this server asks for although the registration does not.
    pub(super) fn below(minimum: SecurityProfile, breach: Breach, identity: &str) -> Self {
        let lack = match breach {
            Breach::NoTls => "must connect with TLS (wss)",
            Breach::NoCertificate | Breach::Foreign => "must show a certificate of its own",
            Breach::NoPassword | Breach::Revoked | Breach::Unknown => {
                "must have a password, and none is set"
            }
        };
        Self::BelowMinimum {
            identity: identity.to_owned(),
            minimum: minimum.number(),
            lack,
        }
    }

    /// What the operator can do about it.
    pub(super) const fn remedy(&self) -> &'static str {
        match self {
            Self::Path | Self::Identity(_) => {
                "let the charge point's URL end with /ocpp16/ and its identity"
            }
            Self::Unknown(_) => {
                "register it with `dynamo csms admin charge-point set`, or start with --accept-unknown"
            }
            Self::Password(_) => {
                "give the charge point the password of `dynamo csms admin charge-point set`"
            }
            Self::TooManyWrong { .. } => {
                "give the charge point its password; somebody may be trying to guess it"
            }
            Self::Crowded(_) => {
                "give charge points passwords of 16 bytes or more, which cost this server next to nothing"
            }
            Self::ForeignDigest(_) => {
                "start with the file of the server that kept it (--password-key), or set the password again"
            }
            Self::BelowMinimum { .. } => {
                "let the charge point connect so, set a password with `dynamo csms admin charge-point set --password`, \
                 or start with a lower --minimum-security-profile"
            }
            Self::NoPassword(_) => {
                "set one with `dynamo csms admin charge-point set --password`, or another --security-profile"
            }
            Self::NoTls(_) => {
                "let the charge point connect to the address of --ocpps, or set another security profile with \
                 `dynamo csms admin charge-point set --security-profile`"
            }
            Self::NoCertificate(_) => {
                "give the charge point a certificate for its identity; \
                 POST /api/v1/installer/charge-points/ID/certificates/generate issues one"
            }
            Self::ForeignCertificate { .. } => {
                "give the charge point a certificate whose common name is its identity"
            }
            Self::RevokedCertificate(_) | Self::UnknownCertificate(_) => {
                "give the charge point a new certificate"
            }
            Self::Subprotocol(_) => "let the charge point speak OCPP 1.6 as JSON (ocpp1.6)",
            Self::Upgrade(_) => "connect with a WebSocket client; the REST API has another address",
            Self::Store => "see what the log says about the database",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::Path | Self::Identity(_) | Self::Unknown(_) => {
                (StatusCode::NOT_FOUND, text).into_response()
            }
            Self::NoTls(_)
            | Self::NoCertificate(_)
            | Self::BelowMinimum { .. }
            | Self::ForeignCertificate { .. }
            | Self::RevokedCertificate(_)
            | Self::UnknownCertificate(_) => (StatusCode::FORBIDDEN, text).into_response(),
            Self::Password(_) | Self::NoPassword(_) => {
                let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"ocpp\"")];
                (StatusCode::UNAUTHORIZED, challenge, text).into_response()
            }
            Self::Subprotocol(_) | Self::Upgrade(_) => {
                (StatusCode::BAD_REQUEST, text).into_response()
            }
            Self::TooManyWrong { seconds, .. } => {
                let header = [(RETRY_AFTER, seconds.to_string())];
                (StatusCode::TOO_MANY_REQUESTS, header, text).into_response()
            }
            Self::Crowded(_) => {
                let header = [(RETRY_AFTER, CROWDED_RETRY_S.to_string())];
                (StatusCode::SERVICE_UNAVAILABLE, header, text).into_response()
            }
            Self::Store | Self::ForeignDigest(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
            }
        }
    }
}

/// The refusal of somebody who cannot be judged now.
pub(super) fn unreadable(id: &ChargePointId, error: &StoreError) -> Refusal {
    if !error.is_in_the_log() {
        tracing::error!(charge_point = %id, cause = %error, "a handshake could not be served");
    }
    Refusal::Store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_too_long_is_told_when_to_come_again() {
        let answer = Refusal::Crowded("CP-1".to_owned()).into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "10");
    }
}
