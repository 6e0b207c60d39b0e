//! Who calls: the partner whose token is in the header [OCPI 2.2.1 §4.1.2].
//!
//! Tokens are kept as hashes only. One that is in no row opens nothing, whatever else is right.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use dynamo_protocol::ocpi::header::read_tokens;

use super::answer::Refused;
use super::finish::{Between, Route};
use super::headers::{FROM_COUNTRY, FROM_PARTY, TO_COUNTRY, TO_PARTY};
use crate::App;
use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::store::{OwnParty, key_hash};

/// How often it is written down that a partner called.
const HEARD_EVERY_MS: i64 = 30_000;

/// A partner, registered or invited: versions and credentials are open to both.
pub(super) struct Visitor {
    pub partner: Partner,
    /// The token that it showed.
    pub token: String,
}

/// A partner that is registered.
pub(super) struct Caller {
    partner: Partner,
    /// Who it called.
    pub own: OwnParty,
}

impl Deref for Caller {
    type Target = Partner;

    fn deref(&self) -> &Partner {
        &self.partner
    }
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let mut shown = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (shown.next(), shown.next()) else {
            return Err(Refused::Unauthorized);
        };
        let header = header.to_str().map_err(|_| Refused::Unauthorized)?;
        let now_ms = app.clock().now_ms();
        for token in read_tokens(header) {
            let hash = key_hash(&token);
            let found = app.rest_store.partner_by_token(&hash, now_ms).await?;
            let Some(partner) = found else {
                continue;
            };
            if !matches!(
                partner.state,
                PartnerState::Invited | PartnerState::Registering | PartnerState::Registered
            ) {
                return Err(Refused::Unauthorized);
            }
            let heard_ms = partner.last_heard_at_ms.unwrap_or(i64::MIN);
            if now_ms.saturating_sub(heard_ms) >= HEARD_EVERY_MS {
                app.rest_store.heard_partner(&partner.id, now_ms).await?;
            }
            return Ok(Self { partner, token });
        }
        Err(Refused::Unauthorized)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let Visitor { partner, .. } = Visitor::from_request_parts(parts, app).await?;
        if partner.state != PartnerState::Registered {
            return Err(Refused::Unauthorized);
        }
        let own = app.rest_store.own_party(&partner.organization_id).await?;
        let said = |name: &HeaderName| {
            let value = parts.headers.get(name)?;
            Some(value.to_str().unwrap_or_default().to_owned())
        };
        let is_own = |name, own: &str| said(name).is_none_or(|to| to.eq_ignore_ascii_case(own));
        if !is_own(&TO_COUNTRY, &own.country_code) || !is_own(&TO_PARTY, &own.party_id) {
            return Err(Refused::NotFound(
                "the party that this is addressed to is not known here".to_owned(),
            ));
        }
        if let Some(route) = parts.extensions.get::<Route>() {
            let party = partner.party();
            let other = |name, of: Option<&str>| said(name).or_else(|| of.map(str::to_owned));
            route.say(Between {
                own: (own.country_code.clone(), own.party_id.clone()),
                other: (
                    other(&FROM_COUNTRY, party.map(|role| role.country_code.as_str()))
                        .unwrap_or_default(),
                    other(&FROM_PARTY, party.map(|role| role.party_id.as_str()))
                        .unwrap_or_default(),
                ),
            });
        }
        Ok(Self { partner, own })
    }
}
