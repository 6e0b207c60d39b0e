//! The handshake: who gets in, and in which version.
//!
//! The path's last segment is the identity, percent-encoded; segments that are empty count as nothing. The subprotocol
//! decides the version [1.6J §3.1]. An identity that
//! nobody registered gets 404, a missing or wrong password 401 (429 when there were too many, 503 when too many wait to be
//! looked at), and 403 who comes
//! without the TLS or the certificate that its security profile or this server asks for, or with a certificate that was
//! revoked: no password would help there. All of it is said before the upgrade. When no
//! offered subprotocol fits, the upgrade is made without one and the socket is closed [1.6J §3.3].

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use dynamo_protocol::{ChargePointId, MESSAGE_BYTES_MAX, READ_BUFFER_BYTES};
use futures_util::future::BoxFuture;
use percent_encoding::percent_decode_str;

use super::admitted::Admitted;
use super::refusal::{Refusal, unreadable};
use super::version::Served;
use super::{credentials, session};
use crate::App;
use crate::domain::charge_points::identity::FOLDERS;
use crate::domain::charge_points::security::{
    Breach, Duty, SecurityProfile, ShownCertificate, duty,
};
use crate::listen::{Peer, lacks_host};
use crate::store::{ChargePoint, Proof};
use crate::tls::{PeerCertificate, Transport};

/// Bytes that may wait in a socket's write buffer.
const WRITE_BUFFER_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// The OCPP listener. A router of paths would tell `//CP-1` and `/CP-1/` from `/CP-1`, so [`identity_of`] reads them.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .fallback(get(handshake))
        .layer(middleware::from_fn_with_state(app.clone(), well_formed))
        .with_state(app)
}

/// Refuses what is malformed before anybody looks at who it is.
async fn well_formed(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let mut keys = request.headers().get_all(SEC_WEBSOCKET_KEY).iter();
    let wrong = if lacks_host(&request) {
        "it has not one Host"
    } else if !keys.all(|key| is_websocket_key(key.as_bytes())) {
        "Sec-WebSocket-Key is not 16 bytes in Base64"
    } else {
        return next.run(request).await;
    };
    refused(
        &app,
        peer,
        request.uri(),
        Refusal::Upgrade(wrong.to_owned()),
    )
}

/// Base64 of 16 bytes [RFC 6455 §4.1]. Of the last character only some bits count, and whoever draws its characters
/// by lot sets the others.
fn is_websocket_key(key: &[u8]) -> bool {
    const LOOSE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    LOOSE.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// The identity that a path leads to: its last segment, percent-decoded. The folder before it is for people and
/// decides nothing; segments that are empty count as nothing.
fn identity_of(path: &str) -> Result<String, Refusal> {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let segment = match segments[..] {
        [identity] => identity,
        [folder, identity] if FOLDERS.contains(&folder) => identity,
        _ => return Err(Refusal::Path),
    };
    match percent_decode_str(segment).decode_utf8() {
        Ok(identity) => Ok(identity.into_owned()),
        Err(_) => Err(Refusal::Identity("the identity is not UTF-8".to_owned())),
    }
}

async fn handshake(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    Extension(transport): Extension<Transport>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let spoken = Served::choose(offered(&headers));
    let will_talk = spoken.is_some() && upgrade.is_ok();
    let admitted = match identity_of(uri.path()) {
        Ok(identity) => {
            let attempt = Attempt {
                headers: &headers,
                address: peer.0.ip(),
                will_talk,
                transport: &transport,
            };
            admit(&app, &identity, &attempt).await
        }
        Err(refusal) => Err(refusal),
    };
    let (id, admitted) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refused(&app, peer, &uri, refusal),
    };
    let mut upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            app.metrics.handshake_refused();
            tell(
                &app,
                peer,
                uri.path(),
                &Refusal::Upgrade(rejection.body_text()),
            );
            return rejection.into_response();
        }
    };
    if let Some(spoken) = spoken {
        let subprotocol = spoken.version.subprotocol();
        upgrade.set_selected_protocol(HeaderValue::from_static(subprotocol));
    }
    let sessions = app.sockets.clone();
    // Not the address itself: it would keep the buffer of the whole request as long as the connection lives.
    let path = uri.path().to_owned();
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| {
            let session: BoxFuture<'static, ()> = match admitted.zip(spoken) {
                Some((admitted, spoken)) => {
                    Box::pin(session::run(app, id, peer, spoken, admitted, socket))
                }
                None => Box::pin(async move {
                    tell(&app, peer, &path, &Refusal::Subprotocol(id));
                    session::refuse(socket).await;
                }),
            };
            sessions.track_future(session)
        })
}

/// Counts, tells and answers a refusal.
fn refused(app: &App, peer: Peer, uri: &Uri, refusal: Refusal) -> Response {
    app.metrics.handshake_refused();
    tell(app, peer, uri.path(), &refusal);
    refusal.into_response()
}

fn tell(app: &App, Peer(peer): Peer, path: &str, refusal: &Refusal) {
    let (now_ms, reason) = (app.mono.now_ms(), refusal.to_string());
    let refusals = &app.refusals;
    refusals.tell(now_ms, &peer.to_string(), path, &reason, refusal.remedy());
}

/// How somebody comes.
struct Attempt<'a> {
    headers: &'a HeaderMap,
    address: IpAddr,
    /// Whether the handshake will lead to a session.
    will_talk: bool,
    transport: &'a Transport,
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
    let (is_tls, peer) = match attempt.transport {
        Transport::Plain => (false, None),
        Transport::Tls(peer) => (true, peer.as_deref()),
    };
    let shown = match peer {
        Some(peer) => judge(app, &id, peer).await?,
        None => ShownCertificate::Nothing,
    };
    let mut read_ms = app.mono.now_ms();
    let mut known = find(app, &id).await?;
    if known.is_none() && app.options.accept_unknown.charge_points {
        // Nobody is recorded who shows a wrong certificate, or will not be let in.
        let minimum = app.options.minimum_security_profile;
        let breach = |breach| Refusal::of(breach, identity, peer);
        if shown == ShownCertificate::Foreign {
            return Err(breach(Breach::Foreign));
        }
        duty(SecurityProfile::None, false, is_tls, shown).map_err(breach)?;
        duty(minimum, false, is_tls, shown)
            .map_err(|breach| Refusal::below(minimum, breach, identity))?;
        if !attempt.will_talk {
            return Ok((id, None));
        }
        let proof = Proof {
            identity_verified: shown == ShownCertificate::Good,
            tls_enabled: is_tls,
        };
        let recorded = async {
            app.store.finish_burial(id.as_str()).await?;
            app.store
                .record_unknown_charge_point(id.as_str(), proof)
                .await
        };
        recorded.await.map_err(|error| unreadable(&id, &error))?;
        read_ms = app.mono.now_ms();
        known = find(app, &id).await?;
    }
    let charge_point = known.ok_or_else(|| Refusal::Unknown(identity.to_owned()))?;
    let wanted = wanted(app, &charge_point, is_tls, shown, identity, peer)?;
    let shown_password = credentials::ShownPassword {
        headers: attempt.headers,
        address: attempt.address,
        will_talk: attempt.will_talk,
    };
    let charge_point = match wanted {
        Duty::Password => credentials::check(app, &id, charge_point, &shown_password).await?,
        Duty::Nothing => credentials::look(app, &id, charge_point, &shown_password).await?,
    };
    let proof = Proof {
        identity_verified: wanted == Duty::Password || shown == ShownCertificate::Good,
        tls_enabled: is_tls,
    };
    if attempt.will_talk && proof != charge_point.proof {
        let kept = app.store.proved(id.as_str(), proof).await;
        kept.map_err(|error| unreadable(&id, &error))?;
    }
    let ours = peer.filter(|peer| peer.is_ours && shown == ShownCertificate::Good);
    let admitted = Admitted {
        charge_point,
        read_ms,
        certificate: ours.map(|peer| peer.fingerprint.as_str().into()),
    };
    Ok((id, Some(admitted)))
}

/// What a charge point has left to prove: what its registration asks for, and what this server asks everybody for.
fn wanted(
    app: &App,
    charge_point: &ChargePoint,
    is_tls: bool,
    shown: ShownCertificate,
    identity: &str,
    peer: Option<&PeerCertificate>,
) -> Result<Duty, Refusal> {
    let of = |profile| duty(profile, charge_point.has_password(profile), is_tls, shown);
    let profile = charge_point.security_profile;
    let wanted = of(profile).map_err(|breach| Refusal::of(breach, identity, peer))?;
    let minimum = app.options.minimum_security_profile;
    if minimum <= profile {
        return Ok(wanted);
    }
    of(minimum).map_err(|breach| Refusal::below(minimum, breach, identity))
}

/// What a certificate that was shown says about this identity.
async fn judge(
    app: &App,
    id: &ChargePointId,
    peer: &PeerCertificate,
) -> Result<ShownCertificate, Refusal> {
    if peer.common_name.as_deref() != Some(id.as_str()) {
        return Ok(ShownCertificate::Foreign);
    }
    let known = app.store.certificate_of(&peer.fingerprint).await;
    Ok(match known.map_err(|error| unreadable(id, &error))? {
        Some(known) if known.revoked_at_ms.is_some() => ShownCertificate::Revoked,
        // One that was issued before the charge point of this identity was deleted and registered again.
        Some(known) if known.charge_point_id != id.as_str() => ShownCertificate::Unknown,
        Some(_) => ShownCertificate::Good,
        None if peer.is_ours => ShownCertificate::Unknown,
        None => ShownCertificate::Good,
    })
}

async fn find(app: &App, id: &ChargePointId) -> Result<Option<ChargePoint>, Refusal> {
    let found = app.store.charge_point(id.as_str()).await;
    found.map_err(|error| unreadable(id, &error))
}

/// The subprotocols that are offered, in their order: from lists, and from several headers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
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
    fn an_identity_is_the_last_segment_and_empty_ones_count_as_nothing() {
        for (path, identity) in [
            ("/CP-1", "CP-1"),
            ("/ocpp16/CP-1", "CP-1"),
            ("//ocpp16//CP-1", "CP-1"),
            ("/ocpp/CP-1//", "CP-1"),
            ("///CP-1/", "CP-1"),
            ("/ocpp201/RDAM%20123", "RDAM 123"),
            // What these are is no identity, but that is said of what they mean.
            ("/ocpp16/a%2Fb", "a/b"),
            ("/ocpp16/%00", "\0"),
            ("/ocpp16/50%", "50%"),
            ("/ocpp16/", "ocpp16"),
        ] {
            assert_eq!(identity_of(path).ok().as_deref(), Some(identity), "{path}");
        }
        for path in [
            "",
            "/",
            "//",
            "/a/b",
            "/ocpp16/a/b",
            "/ocpp16/ocpp16/CP-1",
            "/%FF",
        ] {
            assert!(identity_of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn subprotocols_are_read_from_lists_and_from_several_headers() {
        let offers = |values: &[&str]| -> Vec<String> {
            let headers = headers(SEC_WEBSOCKET_PROTOCOL, values);
            offered(&headers).map(str::to_owned).collect()
        };
        assert_eq!(offers(&["ocpp1.6"]), ["ocpp1.6"]);
        assert_eq!(offers(&["ocpp2.0.1, ocpp1.6"]), ["ocpp2.0.1", "ocpp1.6"]);
        assert_eq!(
            offers(&["ocpp2.0.1", " ocpp1.6 ,x"]),
            ["ocpp2.0.1", "ocpp1.6", "x"]
        );
        assert!(offers(&[]).is_empty());
    }

    #[test]
    fn a_key_of_the_handshake_is_sixteen_bytes() {
        for good in ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZZ=="] {
            assert!(is_websocket_key(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQAA",
            "dGhl",
            "****",
        ] {
            assert!(!is_websocket_key(bad.as_bytes()), "{bad}");
        }
    }
}
