//! Tells partners what changed [OCPI 2.2.1 §8.2.2, §9.2.2, §10.2.2, §11.2.2]: those that list the receiver of the module.
//!
//! It looks for changes, and tells the state of each object as it is by then: an EVSE's status as a PATCH, everything else
//! whole. For one object at most one request is under way. A partner that does not answer is left alone for longer and
//! longer, and then asked with one object; what it refuses is not told again until it changes or an operator says so. None
//! of this is in anybody's way: charge points are answered without it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dynamo_protocol::ocpi::locations::Location;
use dynamo_protocol::ocpi::versions::{InterfaceRole, ModuleId};
use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::client::{Answered, Call};
use super::locations::operator;
use super::sessions;
use crate::App;
use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::domain::roaming::push::{BILL_ATTEMPTS_MAX, Heard, PushKind, SESSION_EVERY_MS};
use crate::store::{Due, OwnParty, Pushed, Result};

/// How often is looked for changes.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// For how long nobody else tells an object.
const LEASE_MS: i64 = 120_000;
/// Requests to one partner at the same time.
const HANDS: usize = 4;
/// Objects that are taken in one go.
const OBJECTS_MAX: i64 = 64;

/// Tells partners what changed, until the shutdown.
pub(crate) async fn push_changes(app: Arc<App>) {
    let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.shutdown.cancelled() => return,
        }
        let partners = match app.store.partners(None).await {
            Ok(partners) => partners,
            Err(error) => {
                tracing::debug!(cause = %error, "partners were not read");
                continue;
            }
        };
        for partner in partners {
            if partner.state != PartnerState::Registered || !receives_anything(&partner) {
                continue;
            }
            let is_free = lock(&busy).insert(partner.id.clone());
            if !is_free {
                continue;
            }
            let turn = Turn {
                busy: busy.clone(),
                partner: partner.id.clone(),
            };
            let app = app.clone();
            app.clone().jobs.spawn(async move {
                if let Err(error) = tell(&app, partner).await {
                    let id = &turn.partner;
                    tracing::debug!(partner = id, cause = %error, "a partner was not told what changed");
                }
                drop(turn);
            });
        }
    }
}

/// While it is there nobody else of this process tells the partner, whatever becomes of its task.
struct Turn {
    busy: Arc<Mutex<HashSet<String>>>,
    partner: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.busy).remove(&self.partner);
    }
}

fn lock(busy: &Mutex<HashSet<String>>) -> std::sync::MutexGuard<'_, HashSet<String>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn module(kind: PushKind) -> ModuleId {
    match kind {
        PushKind::Location | PushKind::Evse => ModuleId::Locations,
        PushKind::Tariff => ModuleId::Tariffs,
        PushKind::Session => ModuleId::Sessions,
        PushKind::Cdr => ModuleId::Cdrs,
    }
}

fn receives(partner: &Partner, kind: PushKind) -> bool {
    partner
        .endpoint(module(kind), InterfaceRole::Receiver)
        .is_some()
}

fn receives_anything(partner: &Partner) -> bool {
    PushKind::ALL
        .into_iter()
        .any(|kind| receives(partner, kind))
}

/// Tells one partner all that is due.
async fn tell(app: &Arc<App>, partner: Partner) -> Result<()> {
    let found = app.store.changes_for(&partner.id, &partner.organization_id);
    let (mut changes, until_ms) = found.await?;
    changes.retain(|change| receives(&partner, change.kind));
    let now_ms = app.clock().now_ms();
    if let Some(until_ms) = until_ms {
        app.store
            .keep_changes(&partner.id, changes, until_ms, now_ms)
            .await?;
    }
    let lease = (now_ms, LEASE_MS);
    let due = app
        .store
        .lease_pushes(&partner.id, lease, OBJECTS_MAX)
        .await?;
    if due.is_empty() {
        return Ok(());
    }
    let own = app.store.own_party(&partner.organization_id).await?;
    let told = stream::iter(due).for_each_concurrent(HANDS, |due| {
        let telling = Telling {
            app,
            partner: &partner,
            own: &own,
        };
        async move {
            if let Err(error) = telling.tell(due).await {
                tracing::debug!(cause = %error, "it was not written down what a partner was told");
            }
        }
    });
    told.await;
    Ok(())
}

struct Telling<'a> {
    app: &'a App,
    partner: &'a Partner,
    own: &'a OwnParty,
}

/// A request of a push.
struct Request {
    method: Method,
    /// Behind the endpoint.
    path: String,
    body: Option<Value>,
}

impl Telling<'_> {
    async fn tell(&self, due: Due) -> Result<()> {
        let heard = match self.request(&due).await? {
            None => Heard::Nothing,
            Some(request) => self.ask(&due, request).await?,
        };
        let now_ms = self.app.clock().now_ms();
        let pause_ms = match due.kind {
            PushKind::Session => SESSION_EVERY_MS,
            _ => 0,
        };
        self.app
            .store
            .told_partner(Pushed {
                partner_id: self.partner.id.clone(),
                due,
                heard,
                not_before_ms: now_ms.saturating_add(pause_ms),
                now_ms,
            })
            .await
    }

    /// What is sent, of the object as it is now; `None` where partners do not see it.
    async fn request(&self, due: &Due) -> Result<Option<Request>> {
        let party = format!("{}/{}", self.own.country_code, self.own.party_id);
        let organization = &self.partner.organization_id;
        let put = |id: &str, body: Value| Request {
            method: Method::PUT,
            path: format!("/{party}/{id}"),
            body: Some(body),
        };
        Ok(match due.kind {
            PushKind::Location => {
                let location = self.location(&due.object_id).await?;
                location.map(|location| put(location.id.as_str(), json!(location)))
            }
            PushKind::Evse => {
                let Some((point, evse)) = due.object_id.rsplit_once('/') else {
                    return Ok(None);
                };
                let place = self.app.store.place_of_point(organization, point).await?;
                let object = match place.points.iter().any(|there| there.id == place.id) {
                    true => format!("point/{}", place.id),
                    false => format!("site/{}", place.id),
                };
                let spot_of = evse.parse::<i64>().ok();
                let uid = place
                    .points
                    .iter()
                    .find(|there| there.id == point)
                    .zip(spot_of)
                    .map(|(there, evse)| there.uid(evse));
                let Some(location) = self.location(&object).await? else {
                    return Ok(None);
                };
                let mut evses = location.evses.iter();
                let evse = evses.find(|evse| uid.as_ref().is_some_and(|uid| evse.uid == **uid));
                evse.map(|evse| Request {
                    method: Method::PATCH,
                    path: format!("/{party}/{}/{}", location.id, evse.uid),
                    body: Some(json!({"status": evse.status, "last_updated": evse.last_updated})),
                })
            }
            PushKind::Tariff => {
                let id = &due.object_id;
                let tariff = self.app.store.tariff_to_push(organization, id).await?;
                let of = (&*self.own.country_code, &*self.own.party_id);
                Some(match tariff {
                    Some(tariff) => put(id, json!(tariff.shown(of, self.app.options.tax_rate))),
                    None if due.told_at_ms.is_none() => return Ok(None),
                    None => Request {
                        method: Method::DELETE,
                        path: format!("/{party}/{id}"),
                        body: None,
                    },
                })
            }
            PushKind::Session => {
                let id = &due.object_id;
                let session = self.app.store.roaming_session(&self.partner.id, id).await?;
                let of = (&*self.own.country_code, &*self.own.party_id);
                let now_ms = self.app.clock().now_ms();
                session.map(|session| put(id, sessions::shown(&session, of, now_ms)))
            }
            PushKind::Cdr => {
                let body = self.app.store.cdr(&self.partner.id, &due.object_id).await?;
                let body: Option<Value> = body.as_deref().map(serde_json::from_str).transpose()?;
                body.map(|body| Request {
                    method: Method::POST,
                    path: String::new(),
                    body: Some(body),
                })
            }
        })
    }

    async fn location(&self, object: &str) -> Result<Option<Location>> {
        let organization = &self.partner.organization_id;
        let place = self.app.store.place_to_push(organization, object).await?;
        match place.points.is_empty() {
            true => Ok(None),
            false => Ok(place.location(operator(self.own))),
        }
    }

    async fn ask(&self, due: &Due, request: Request) -> Result<Heard> {
        let is_patch = request.method == Method::PATCH;
        match self.send(due.kind, request).await {
            // A partner that does not know the EVSE is told all of its location.
            Heard::Refused(why) if is_patch => {
                let Some((point, _)) = due.object_id.rsplit_once('/') else {
                    return Ok(Heard::Refused(why));
                };
                let organization = &self.partner.organization_id;
                let place = self.app.store.place_of_point(organization, point).await?;
                let kind = match place.id == point {
                    true => "point",
                    false => "site",
                };
                let Some(location) = self.location(&format!("{kind}/{}", place.id)).await? else {
                    return Ok(Heard::Nothing);
                };
                let whole = Request {
                    method: Method::PUT,
                    path: format!(
                        "/{}/{}/{}",
                        self.own.country_code, self.own.party_id, location.id
                    ),
                    body: Some(json!(location)),
                };
                Ok(self.send(due.kind, whole).await)
            }
            // The partner may have the bill: it is not sent for ever.
            Heard::Unsure(why)
                if due.kind == PushKind::Cdr && due.attempts + 1 >= BILL_ATTEMPTS_MAX =>
            {
                Ok(Heard::Refused(why))
            }
            heard => Ok(heard),
        }
    }

    async fn send(&self, kind: PushKind, request: Request) -> Heard {
        let endpoint = self.partner.endpoint(module(kind), InterfaceRole::Receiver);
        let (Some(endpoint), Some(token)) = (endpoint, &self.partner.their_token) else {
            return Heard::Nothing;
        };
        let route = self.partner.party().map(|party| {
            [
                self.own.country_code.as_str(),
                self.own.party_id.as_str(),
                party.country_code.as_str(),
                party.party_id.as_str(),
            ]
        });
        let url = format!("{endpoint}{}", request.path);
        let call = Call {
            method: request.method,
            url: &url,
            token,
            encoding: self.partner.encoding,
            body: request.body.as_ref(),
            route,
        };
        match self.app.partners.call(call).await {
            Ok(answered) => heard(&answered),
            Err(unanswered) if unanswered.was_reached => Heard::Unsure(unanswered.why),
            Err(unanswered) => Heard::Away(unanswered.why, None),
        }
    }
}

/// What an answer means. A partner that is overloaded, does not know the token for a while, or has an error of its own, may
/// take it later.
fn heard(answered: &Answered) -> Heard {
    if answered.is_success() {
        return Heard::Taken;
    }
    let status = answered.status.as_u16();
    let wanted_ms = answered
        .retry_after
        .and_then(|wait| i64::try_from(wait.as_millis()).ok());
    let is_passing = status == 401
        || status == 408
        || status == 429
        || answered.status.is_server_error()
        || (answered.status.is_success() && answered.said.status_code >= 3000);
    // It failed with the object in its hands.
    if status == 500 {
        return Heard::Unsure(answered.refusal());
    }
    match is_passing {
        true => Heard::Away(answered.refusal(), wanted_ms),
        false => Heard::Refused(answered.refusal()),
    }
}
