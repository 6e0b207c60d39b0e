//! The handshake: who gets in, and in which version.
//!
//! The path's last segment is the identity, the subprotocol decides the version [1.6J §3.1]. An identity that
//! nobody registered gets 404, a missing or wrong password 401; both are said before the upgrade. When no
//! offered subprotocol fits, the upgrade is made without one and the socket is closed [1.6J §3.3].

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dynamo_protocol::{
    ChargePointId, MESSAGE_BYTES_MAX, Millis, READ_BUFFER_BYTES, SUBPROTOCOL_16,
};

use super::session;
use crate::App;
use crate::listen::Peer;
use crate::store::ChargePoint;

/// Bytes that may wait in a socket's write buffer.
const WRITE_BUFFER_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// Folders before an identity. Alone they are a path whose identity was forgotten.
const FOLDERS: [&str; 3] = ["ocpp", "ocpp16", "ocpp201"];

/// The routes of the OCPP listener. The folder in the path is for people; it decides nothing.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/{id}", get(handshake))
        .route("/ocpp/{id}", get(handshake))
        .route("/ocpp16/{id}", get(handshake))
        .route("/ocpp201/{id}", get(handshake))
        .fallback(no_such_path)
        .with_state(app)
}

async fn no_such_path(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
) -> Response {
    refused(&app, peer, &uri, Refusal::Path)
}

async fn handshake(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let supported = offers_ocpp16(&headers);
    let will_talk = supported && upgrade.is_ok();
    let admitted = match &path {
        Ok(Path(identity)) => {
            let attempt = Attempt {
                headers: &headers,
                will_talk,
                tls: false,
            };
            admit(&app, identity, &attempt).await
        }
        Err(_) => Err(Refusal::Identity("the identity is not UTF-8".to_owned())),
    };
    let (id, admitted) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refused(&app, peer, &uri, refusal),
    };
    let mut upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            app.metrics.handshake_refused();
            tell(&app, peer, &uri, &Refusal::Upgrade(rejection.body_text()));
            return rejection.into_response();
        }
    };
    if supported {
        upgrade.set_selected_protocol(HeaderValue::from_static(SUBPROTOCOL_16));
    }
    let sessions = app.sockets.clone();
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| {
            sessions.track_future(async move {
                match admitted.filter(|_| supported) {
                    Some(admitted) => session::run(app, id, peer, admitted, socket).await,
                    None => {
                        tell(&app, peer, &uri, &Refusal::Subprotocol(id));
                        session::refuse(socket).await;
                    }
                }
            })
        })
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no charge point connects to this path: connect to /ocpp16/IDENTITY")]
    Path,
    #[error("{0}")]
    Identity(String),
    #[error("no charge point {0:?} is registered")]
    Unknown(String),
    #[error("user and password of the charge point {0:?} are wanted (HTTP Basic)")]
    Password(String),
    #[error("the charge point {0} offers no subprotocol that is supported")]
    Subprotocol(ChargePointId),
    #[error("this is no WebSocket handshake: {0}")]
    Upgrade(String),
    #[error("the store cannot be read or written, try again")]
    Store,
}

impl Refusal {
    /// What the operator can do about it.
    const fn remedy(&self) -> &'static str {
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
            Self::Subprotocol(_) => "let the charge point speak OCPP 1.6 as JSON (ocpp1.6)",
            Self::Upgrade(_) => "connect with a WebSocket client; the REST API has another address",
            Self::Store => "see what the log says about the database",
        }
    }
}

/// Counts, tells and answers a refusal.
fn refused(app: &App, peer: Peer, uri: &Uri, refusal: Refusal) -> Response {
    app.metrics.handshake_refused();
    tell(app, peer, uri, &refusal);
    refusal.into_response()
}

fn tell(app: &App, Peer(peer): Peer, uri: &Uri, refusal: &Refusal) {
    let (now_ms, reason) = (app.mono.now_ms(), refusal.to_string());
    let refusals = &app.refusals;
    refusals.tell(
        now_ms,
        &peer.to_string(),
        uri.path(),
        &reason,
        refusal.remedy(),
    );
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::Path | Self::Identity(_) | Self::Unknown(_) => {
                (StatusCode::NOT_FOUND, text).into_response()
            }
            Self::Password(_) => {
                let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"ocpp\"")];
                (StatusCode::UNAUTHORIZED, challenge, text).into_response()
            }
            Self::Subprotocol(_) | Self::Upgrade(_) => {
                (StatusCode::BAD_REQUEST, text).into_response()
            }
            Self::Store => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        }
    }
}

/// A charge point that was let in, as it was read then.
pub(crate) struct Admitted {
    pub charge_point: ChargePoint,
    /// When it was read, by the monotonic clock.
    pub read_ms: Millis,
}

/// How somebody comes.
struct Attempt<'a> {
    headers: &'a HeaderMap,
    /// Whether the handshake will lead to a session.
    will_talk: bool,
    /// Whether the socket is one of TLS.
    tls: bool,
}

/// Lets a charge point in, or not. One that nobody registered is recorded only when it `will_talk`; until
/// then there is nothing to be read of it.
async fn admit(
    app: &App,
    identity: &str,
    attempt: &Attempt<'_>,
) -> Result<(ChargePointId, Option<Admitted>), Refusal> {
    if FOLDERS
        .iter()
        .any(|folder| identity.eq_ignore_ascii_case(folder))
    {
        let text = format!("the path names no identity: {identity:?} is a folder");
        return Err(Refusal::Identity(text));
    }
    let id = ChargePointId::new(identity)
        .map_err(|error| Refusal::Identity(format!("{identity:?} is no identity: {error}")))?;
    let mut read_ms = app.mono.now_ms();
    let mut known = find(app, &id).await?;
    if known.is_none() && app.options.accept_unknown.charge_points {
        if !attempt.will_talk {
            return Ok((id, None));
        }
        let recorded = app.store.record_unknown_charge_point(id.as_str()).await;
        recorded.map_err(|error| unreadable(&id, &error))?;
        read_ms = app.mono.now_ms();
        known = find(app, &id).await?;
    }
    let mut charge_point = known.ok_or_else(|| Refusal::Unknown(identity.to_owned()))?;
    if let Some(hash) = &charge_point.password_hash {
        let wrong = || Refusal::Password(identity.to_owned());
        let (user, password) = basic_credentials(attempt.headers).ok_or_else(wrong)?;
        if user != id.as_str().as_bytes() || !app.passwords.verify(&id, &password, hash).await {
            return Err(wrong());
        }
    }
    let proof = (charge_point.password_hash.is_some(), attempt.tls);
    if attempt.will_talk && proof != (charge_point.identity_verified, charge_point.tls_enabled) {
        let kept = app.store.set_proof(id.as_str(), proof.0, proof.1).await;
        kept.map_err(|error| unreadable(&id, &error))?;
        (charge_point.identity_verified, charge_point.tls_enabled) = proof;
    }
    let admitted = Admitted {
        charge_point,
        read_ms,
    };
    Ok((id, Some(admitted)))
}

async fn find(app: &App, id: &ChargePointId) -> Result<Option<ChargePoint>, Refusal> {
    let found = app.store.charge_point(id.as_str()).await;
    found.map_err(|error| unreadable(id, &error))
}

fn unreadable(id: &ChargePointId, error: &crate::store::StoreError) -> Refusal {
    if !error.is_in_the_log() {
        tracing::error!(charge_point = %id, cause = %error, "a handshake could not be served");
    }
    Refusal::Store
}

/// User and password of HTTP Basic. The user ends at the first `:`, the password may have more of them.
fn basic_credentials(headers: &HeaderMap) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
}

/// Whether `ocpp1.6` is among the offered subprotocols. With one supported version, the client's order and
/// ours are the same.
fn offers_ocpp16(headers: &HeaderMap) -> bool {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim() == SUBPROTOCOL_16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: axum::http::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn subprotocols_are_read_from_lists_and_from_several_headers() {
        let offers = |values: &[&str]| offers_ocpp16(&headers(SEC_WEBSOCKET_PROTOCOL, values));
        assert!(offers(&["ocpp1.6"]));
        assert!(offers(&["ocpp2.0.1, ocpp1.6"]));
        assert!(offers(&["ocpp2.0.1", " ocpp1.6 ,x"]));
        assert!(!offers(&["ocpp1.5", "ocpp1.66"]));
        assert!(!offers(&[]));
    }

    #[test]
    fn a_password_may_have_colons_and_a_user_may_not() {
        let read = |text: &str| {
            let value = format!("Basic {}", STANDARD.encode(text));
            basic_credentials(&headers(AUTHORIZATION, &[&value]))
        };
        assert_eq!(read("CP-1:a:b"), Some((b"CP-1".to_vec(), b"a:b".to_vec())));
        assert_eq!(read("CP-1"), None);
        assert_eq!(
            basic_credentials(&headers(AUTHORIZATION, &["Bearer x"])),
            None
        );
        assert_eq!(
            basic_credentials(&headers(AUTHORIZATION, &["Basic %%%"])),
            None
        );
    }
}
