//! The password that a charge point shows at its handshake (HTTP Basic), and what follows from it.
//!
//! A key that was sent to a charge point over OCPP is taken beside the password until the charge point comes with it, or
//! says that it did not take it; see [`super::key_change`]. Wrong passwords are bounded for each address and identity; beyond that
//! none is looked at.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dynamo_protocol::ChargePointId;
use tokio::time::Instant;

use super::refusal::{Refusal, unreadable};
use crate::App;
use crate::domain::charge_points::password_change;
use crate::password::{VERIFICATION_TIMEOUT, Verdict};
use crate::store::ChargePoint;

/// What was shown, and how.
pub(super) struct ShownPassword<'a> {
    pub headers: &'a HeaderMap,
    pub address: IpAddr,
    /// Whether the handshake will lead to a session; else nothing is changed by it.
    pub will_talk: bool,
}

/// Looks at the password that must be shown. Gives back the charge point as it is known then.
pub(super) async fn check(
    app: &App,
    id: &ChargePointId,
    charge_point: ChargePoint,
    shown: &ShownPassword<'_>,
) -> Result<ChargePoint, Refusal> {
    let identity = || id.as_str().to_owned();
    let wrong = || Refusal::Password(identity());
    let (user, password) = basic_credentials(shown.headers).ok_or_else(wrong)?;
    let guess = app.guesses.begin(shown.address, id, app.mono.now_ms());
    let guess = guess.map_err(|seconds| Refusal::TooManyWrong {
        identity: identity(),
        seconds,
    })?;
    let found = if user == id.as_str().as_bytes() {
        compare(app, id, &charge_point, &password).await
    } else {
        Found::Neither
    };
    match found {
        Found::Unreadable => {
            // What could be read was wrong: it counts, or this would be a way to guess without end.
            guess.was_wrong(app.mono.now_ms());
            return Err(Refusal::ForeignDigest(identity()));
        }
        Found::Neither => {
            guess.was_wrong(app.mono.now_ms());
            return Err(wrong());
        }
        // Nobody looked at it, so it was not wrong.
        Found::Crowded => return Err(Refusal::Crowded(identity())),
        Found::Password { .. } | Found::Pending(_) => guess.was_right(),
    }
    if !shown.will_talk {
        return Ok(charge_point);
    }
    keep(app, id, charge_point, found).await
}

/// The same where none must be shown: a key that was sent to a charge point without a password is its password from the
/// moment on at which it comes with it.
pub(super) async fn look(
    app: &App,
    id: &ChargePointId,
    charge_point: ChargePoint,
    shown: &ShownPassword<'_>,
) -> Result<ChargePoint, Refusal> {
    let is_waited_for =
        charge_point.password_hash.is_none() && !charge_point.pending_passwords.is_empty();
    if !is_waited_for || !shown.will_talk || basic_credentials(shown.headers).is_none() {
        return Ok(charge_point);
    }
    match check(app, id, charge_point.clone(), shown).await {
        Ok(known) => Ok(known),
        Err(refusal @ (Refusal::Store | Refusal::Crowded(_))) => Err(refusal),
        // Nothing has to be shown, so what is wrong does not matter.
        Err(_) => Ok(charge_point),
    }
}

/// What a password turned out to be.
enum Found {
    Neither,
    /// It was kept with a key that this server does not have.
    Unreadable,
    /// Too many wait for their passwords to be looked at.
    Crowded,
    /// The one that is set, and how it is to be kept from now on.
    Password {
        renewed: Option<String>,
    },
    /// A key that was sent to the charge point: what is kept of it.
    Pending(String),
}

async fn compare(
    app: &App,
    id: &ChargePointId,
    charge_point: &ChargePoint,
    password: &[u8],
) -> Found {
    let mut found = Found::Neither;
    // However many are compared.
    let until = Instant::now() + VERIFICATION_TIMEOUT;
    if let Some(stored) = &charge_point.password_hash {
        match app.passwords.verify(until, id, password, stored).await {
            Verdict::Right => return Found::Password { renewed: None },
            Verdict::Outdated(new) => return Found::Password { renewed: Some(new) },
            Verdict::Unreadable => found = Found::Unreadable,
            Verdict::Crowded => return Found::Crowded,
            Verdict::Wrong => {}
        }
    }
    for pending in &charge_point.pending_passwords {
        let hash = &pending.hash;
        match app.passwords.verify(until, id, password, hash).await {
            Verdict::Right | Verdict::Outdated(_) => return Found::Pending(pending.hash.clone()),
            Verdict::Unreadable => found = Found::Unreadable,
            Verdict::Crowded => return Found::Crowded,
            Verdict::Wrong => {}
        }
    }
    found
}

/// Keeps what a good password says about the charge point.
async fn keep(
    app: &App,
    id: &ChargePointId,
    mut charge_point: ChargePoint,
    found: Found,
) -> Result<ChargePoint, Refusal> {
    let kept = match found {
        Found::Pending(hash) => {
            charge_point.pending_passwords.clear();
            charge_point.password_hash = Some(hash.clone());
            tracing::info!(charge_point = %id, "comes with the key that was sent to it: that is its password now");
            password_change::adopt(&app.store, id.as_str(), hash).await
        }
        Found::Password { renewed } => {
            // Keys that were sent stay: a charge point may take one with its next reboot, whatever it said.
            let old = charge_point.password_hash.clone();
            let Some((old, new)) = old.zip(renewed) else {
                return Ok(charge_point);
            };
            charge_point.password_hash = Some(new.clone());
            password_change::renew(&app.store, id.as_str(), (old, new)).await
        }
        Found::Neither | Found::Unreadable | Found::Crowded => Ok(()),
    };
    kept.map_err(|error| unreadable(id, &error))?;
    Ok(charge_point)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_password_may_have_colons_and_a_user_may_not() {
        let read = |text: &str| {
            let value = format!("Basic {}", STANDARD.encode(text));
            basic_credentials(&headers(&value))
        };
        assert_eq!(read("CP-1:a:b"), Some((b"CP-1".to_vec(), b"a:b".to_vec())));
        assert_eq!(read("CP-1"), None);
        assert_eq!(basic_credentials(&headers("Bearer x")), None);
        assert_eq!(basic_credentials(&headers("Basic %%%")), None);
    }
}
