//! Asks partners whether a token may charge, while the driver waits [OCPI 2.2.1 §12.2.2.2].
//!
//! Asked is the issuer of a token whose whitelist says so, and of a tag that nobody knows every partner that has tokens.
//! The answers of all have one bound in time. What comes of it:
//!
//! | the issuer says | then |
//! | --- | --- |
//! | ALLOWED, here | it may charge, and session and CDR carry what the issuer said |
//! | ALLOWED, elsewhere; or anything else | it is refused, in the word of OCPP for it |
//! | nothing in time, or that it cannot | the whitelist decides: ALLOWED_OFFLINE goes by the list, NEVER is refused |
//!
//! An order of the issuer for this place holds for 15 minutes: until then nobody is asked.

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ocpi::form::{Extent, read};
use dynamo_protocol::ocpi::sessions::AuthMethod;
use dynamo_protocol::ocpi::tokens::{
    Allowed, AuthorizationInfo, LocationReferences, Token, Whitelist,
};
use dynamo_protocol::ocpi::versions::{InterfaceRole, ModuleId};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::client::Call;
use crate::App;
use crate::domain::guest::may_be_guest;
use crate::domain::projects::commissioning::is_test_tag;
use crate::domain::roaming::driver::{Driver, GRANT_MS, Grant, cdr_token};
use crate::domain::roaming::ids::id_of;
use crate::domain::roaming::partner::Partner;
use crate::domain::tags::authorization::Shown;
use crate::domain::tags::tag::{TagStatus, Verdict, tag_key};
use crate::store::{OwnParty, Result};

/// How long partners may take: charge points wait for half a minute or so, and drivers less.
const PATIENCE: Duration = Duration::from_secs(8);

/// What a partner says of a token.
enum Said {
    Allowed(Box<Driver>),
    Refused(TagStatus),
    /// It did not answer, or could not.
    Nothing,
}

/// Asks who has to be asked about a tag. The answer, where that is no; else the tag is to be judged as always: where a
/// partner let it charge, that is known by then.
pub(crate) async fn ask(app: &Arc<App>, shown: &Shown) -> Result<Option<Verdict>> {
    // Tags that this server made for itself are nobody else's business.
    if is_test_tag(&shown.id_tag) || may_be_guest(&shown.id_tag) {
        return Ok(None);
    }
    let key = tag_key(&shown.id_tag);
    let (point, organization) = (&shown.charge_point_id, &shown.organization_id);
    let tag = app.store.roaming_tag(point, organization, &key).await?;
    let grant = tag.grant_at(shown.now_ms);
    if grant.is_some_and(|grant| grant.driver.auth_method == AuthMethod::Command) {
        return Ok(None);
    }
    let (said, whitelist) = match (&tag.known, tag.must_ask()) {
        (Some(_), None) => return Ok(None),
        (Some((partner, token)), Some(whitelist)) => {
            let partner = app.store.partner(partner).await?;
            let partners: Vec<Partner> = partner.into_iter().collect();
            let asking = Asking::of(app, shown, token.uid.as_str(), &token.r#type, Some(token));
            (asking.await?.all(&partners).await, whitelist)
        }
        (None, _) => {
            let is_known = app.store.knows_tag(organization, &shown.id_tag).await?;
            if is_known || shown.unknown_tags.records(&shown.id_tag) || shown.id_tag.is_empty() {
                return Ok(None);
            }
            let partners = app.store.askable_partners(organization).await?;
            if partners.is_empty() {
                return Ok(None);
            }
            let asking = Asking::of(app, shown, &shown.id_tag, "RFID", None).await?;
            (asking.all(&partners).await, Whitelist::Never)
        }
    };
    match said {
        Said::Allowed(driver) => {
            let grant = Grant {
                charge_point_id: point.clone(),
                tag_key: key,
                driver: *driver,
                granted_at_ms: app.clock().now_ms(),
                until_ms: app.clock().now_ms().saturating_add(GRANT_MS),
            };
            app.store.grant(grant).await?;
            Ok(None)
        }
        Said::Nothing if whitelist == Whitelist::AllowedOffline => {
            app.store.revoke_grant(point, &key).await?;
            Ok(None)
        }
        Said::Refused(status) => refuse(app, (point, &key), status).await,
        Said::Nothing => refuse(app, (point, &key), TagStatus::Invalid).await,
    }
}

async fn refuse(
    app: &App,
    (point, key): (&str, &str),
    status: TagStatus,
) -> Result<Option<Verdict>> {
    app.store.revoke_grant(point, key).await?;
    Ok(Some(Verdict {
        status,
        parent_tag: None,
        expires_at_ms: None,
    }))
}

/// What is asked, and for where.
struct Asking<'a> {
    app: &'a App,
    own: OwnParty,
    uid: String,
    kind: String,
    /// Where the driver stands.
    here: LocationReferences,
    /// What is known of the token.
    known: Option<&'a Token>,
}

impl<'a> Asking<'a> {
    async fn of(
        app: &'a App,
        shown: &Shown,
        uid: &str,
        kind: &str,
        known: Option<&'a Token>,
    ) -> Result<Self> {
        let (point, organization) = (&shown.charge_point_id, &shown.organization_id);
        let own = app.store.own_party(organization).await?;
        let place = app.store.place_of_point(organization, point).await?;
        let points = place.points.iter().filter(|there| there.id == *point);
        let evse_uids = points.flat_map(|there| {
            let evses = there.evses.iter();
            evses.map(|evse| there.uid(evse.evse_id).into())
        });
        Ok(Self {
            app,
            own,
            uid: uid.to_owned(),
            kind: kind.to_owned(),
            here: LocationReferences {
                location_id: id_of(&place.id).into(),
                evse_uids: evse_uids.collect(),
            },
            known,
        })
    }

    /// What the first says that lets it charge; else the first refusal.
    async fn all(&self, partners: &[Partner]) -> Said {
        let mut answers: FuturesUnordered<_> =
            partners.iter().map(|partner| self.one(partner)).collect();
        let mut refused = Said::Nothing;
        let hearing = async {
            while let Some(said) = answers.next().await {
                match (said, &refused) {
                    (Said::Allowed(driver), _) => return Some(driver),
                    (Said::Refused(status), Said::Nothing) => refused = Said::Refused(status),
                    // Who knows the card says more than who does not.
                    (Said::Refused(status), Said::Refused(TagStatus::Invalid)) => {
                        refused = Said::Refused(status);
                    }
                    _ => {}
                }
            }
            None
        };
        match timeout(PATIENCE, hearing).await {
            Ok(Some(driver)) => Said::Allowed(driver),
            _ => refused,
        }
    }

    async fn one(&self, partner: &Partner) -> Said {
        let Some(url) = partner.endpoint(ModuleId::Tokens, InterfaceRole::Sender) else {
            return Said::Nothing;
        };
        let Some(token) = &partner.their_token else {
            return Said::Nothing;
        };
        let uid = utf8_percent_encode(&self.uid, NON_ALPHANUMERIC);
        let url = format!("{url}/{uid}/authorize?type={}", self.kind);
        let body = json!(self.here);
        let route = partner.party().map(|party| {
            [
                self.own.country_code.as_str(),
                self.own.party_id.as_str(),
                party.country_code.as_str(),
                party.party_id.as_str(),
            ]
        });
        let call = Call {
            method: Method::POST,
            url: &url,
            token,
            encoding: partner.encoding,
            body: Some(&body),
            route,
        };
        let answered = match self.app.partners.call(call).await {
            Ok(answered) => answered,
            Err(unanswered) => {
                let why = unanswered.why;
                tracing::info!(
                    partner = partner.id,
                    cause = why,
                    "a partner was asked about a token and did not answer"
                );
                return Said::Nothing;
            }
        };
        let cannot = answered.status.is_server_error()
            || matches!(answered.status.as_u16(), 401 | 403 | 429)
            || (answered.status.is_success() && answered.said.status_code >= 3000);
        if cannot {
            return Said::Nothing;
        }
        if !answered.is_success() {
            return Said::Refused(TagStatus::Invalid);
        }
        self.read(partner, answered.said.data)
    }

    /// What an answer means; one that says too little lets nobody charge.
    fn read(&self, partner: &Partner, data: Option<Value>) -> Said {
        let unknown = Said::Refused(TagStatus::Invalid);
        let Some(mut data) = data else { return unknown };
        if let (Some(known), Value::Object(members)) = (self.known, &mut data) {
            // Of a token that was pushed nothing need be said again.
            if members.get("token").is_none_or(Value::is_null) {
                members.insert("token".to_owned(), json!(known));
            }
        }
        let read = read("AuthorizationInfo", data, Extent::Whole);
        if let Some(fault) = read.faults.first() {
            tracing::warn!(partner = partner.id, %fault, "what a partner says of a token cannot be read");
            return unknown;
        }
        let Ok(info) = serde_json::from_value::<AuthorizationInfo>(read.value) else {
            return unknown;
        };
        match info.allowed {
            Allowed::Allowed => {}
            Allowed::Blocked => return Said::Refused(TagStatus::Blocked),
            Allowed::Expired => return Said::Refused(TagStatus::Expired),
            Allowed::NoCredit | Allowed::NotAllowed => return unknown,
        }
        let is_here = info.location.as_ref().is_none_or(|place| {
            let named = &place.evse_uids;
            place.location_id == self.here.location_id
                && (named.is_empty() || named.iter().any(|uid| self.here.evse_uids.contains(uid)))
        });
        let token = self.known.cloned().unwrap_or(info.token);
        if !is_here || !partner.issues(&token.country_code, &token.party_id) {
            return unknown;
        }
        Said::Allowed(Box::new(Driver {
            partner_id: partner.id.clone(),
            token: cdr_token(&token),
            auth_method: AuthMethod::AuthRequest,
            reference: info.authorization_reference,
        }))
    }
}
