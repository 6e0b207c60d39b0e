//! Orders of partners [OCPI 2.2.1 §13]: answered at once, passed on to the charge point, and their result is told
//! afterwards. The token of an order is not judged: whoever sends it vouches for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use dynamo_protocol::ChargePointId;
use dynamo_protocol::ocpi::commands::{
    CancelReservation, CommandResponse, CommandResponseType, CommandResultType, CommandType,
    ReserveNow, StartSession, StopSession, UnlockConnector,
};
use dynamo_protocol::ocpi::envelope::StatusCode;
use dynamo_protocol::ocpi::locations::Status;
use dynamo_protocol::ocpi::sessions::AuthMethod;
use dynamo_protocol::ocpi::tokens::Token;
use dynamo_protocol::ocpi::{CiString, DateTime};
use serde_json::{Value, json};

use super::answer::{Answer, Done, Refused};
use super::caller::Caller;
use super::input::{InPath, Json, object};
use super::locations::operator;
use crate::App;
use crate::domain::command::{
    Command, IdToken, IdTokenKind, Reservation, Start, Target, remote_start_id,
};
use crate::domain::roaming::command::{Ordered, result_of};
use crate::domain::roaming::driver::{Driver, GRANT_MS, Grant, cdr_token};
use crate::domain::roaming::location::{Place, Spot};
use crate::domain::roaming::token::id_tag;
use crate::domain::tags::tag::tag_key;
use crate::domain::tags::token::{Party, TokenKind};
use crate::ocpp;
use crate::store::{RoamingReservation, TokenKey, random_text};

/// How long a reservation lets its driver charge at most, whatever its end is.
const RESERVED_MS_MAX: i64 = 24 * 3_600_000;

/// How much longer than a charge point may take for its answer a partner waits for the result: others may be before it.
const MARGIN: Duration = Duration::from_secs(20);

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/commands/{command}", post(order))
}

async fn order(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(command): InPath<String>,
    Json(body): Json,
) -> Answer {
    let Some(kind) = CommandType::from_word(&command) else {
        return Err(Refused::NotFound(format!(
            "there is no command {command:?}"
        )));
    };
    let order = Order {
        app: &app,
        caller: &caller,
        kind,
    };
    match kind {
        CommandType::StartSession => order.start(body).await,
        CommandType::StopSession => order.stop(body).await,
        CommandType::UnlockConnector => order.unlock(body).await,
        CommandType::ReserveNow => order.reserve(body).await,
        CommandType::CancelReservation => order.cancel(body).await,
    }
}

struct Order<'a> {
    app: &'a Arc<App>,
    caller: &'a Caller,
    kind: CommandType,
}

/// What is passed on, and to whom.
struct Passed {
    response_url: String,
    charge_point: String,
    then: Then,
}

/// What is done for an order.
enum Then {
    /// The charge point is told, and its answer is the result.
    Tell(Command),
    /// The result is known already.
    Known(CommandResultType, &'static str),
    /// The same; the reservation of this number, and what its driver may do, are forgotten when the charge point keeps
    /// none.
    Keep(Command, i64, String),
    /// The same, when the charge point gave it up.
    Free(Command, i64),
}

impl Order<'_> {
    fn read<T: serde::de::DeserializeOwned>(&self, name: &str, body: Value) -> Result<T, Refused> {
        object(name, body, self.caller.is_strict)
    }

    fn answer(&self, result: CommandResponseType) -> Answer {
        let waits = self.app.options.command_timeout + MARGIN;
        Ok(Done::with(CommandResponse {
            result,
            timeout: u32::try_from(waits.as_secs()).unwrap_or(u32::MAX).max(1),
            message: Vec::new(),
        }))
    }

    async fn start(&self, body: Value) -> Answer {
        let body = self.with_token(body).await?;
        if body.get("connector_id").is_some_and(|id| !id.is_null())
            && body.get("evse_uid").is_none_or(Value::is_null)
        {
            return Err(Refused::invalid(
                "/evse_uid is missing, which /connector_id is of",
            ));
        }
        let wanted: StartSession = self.read("StartSession", body)?;
        let Some((party, kind)) = self.own(&wanted.token) else {
            return self.answer(CommandResponseType::Rejected);
        };
        let place = self.place(&wanted.location_id).await?;
        let spot = match &wanted.evse_uid {
            Some(uid) => place
                .spot(uid, wanted.connector_id.as_ref())
                .ok_or_else(no_place)?,
            None => match self.free_spot(&place).await? {
                Some(spot) => spot,
                None => return self.answer(CommandResponseType::Rejected),
            },
        };
        if wanted.connector_id.is_none() && self.wants_connector(&place, &spot) {
            return Err(Refused::invalid(
                "/connector_id is missing, and this EVSE wants one",
            ));
        }
        let tag = id_tag(&party, kind, &wanted.token.uid);
        if self.is_of_others(&tag_key(&tag)).await? {
            return self.answer(CommandResponseType::Rejected);
        }
        let now_ms = self.app.clock().now_ms();
        let then = match self.obstacle(&place, &spot).await? {
            Some(known) => known,
            None => {
                let grant = Grant {
                    charge_point_id: spot.charge_point.clone(),
                    tag_key: tag_key(&tag),
                    driver: Driver {
                        partner_id: self.caller.id.clone(),
                        token: cdr_token(&wanted.token),
                        auth_method: AuthMethod::Command,
                        reference: wanted.authorization_reference.clone(),
                    },
                    granted_at_ms: now_ms,
                    until_ms: now_ms.saturating_add(GRANT_MS),
                };
                if !self.is_online(&spot.charge_point) {
                    return self.answer(CommandResponseType::Rejected);
                }
                self.app.rest_store.grant(grant).await?;
                Then::Tell(Command::Start(Start {
                    target: target(&spot),
                    token: IdToken {
                        value: tag,
                        kind: kind_of(kind),
                    },
                    remote_start_id: remote_start_id(&random_text(20)),
                    profile: None,
                }))
            }
        };
        self.pass(Passed {
            response_url: wanted.response_url,
            charge_point: spot.charge_point,
            then,
        })
        .await
    }

    async fn stop(&self, body: Value) -> Answer {
        let wanted: StopSession = self.read("StopSession", body)?;
        let session = wanted.session_id.as_str();
        let found = self
            .app
            .rest_store
            .roaming_transaction(&self.caller.id, session);
        let Some((transaction, charge_point)) = found.await? else {
            return self.answer(CommandResponseType::UnknownSession);
        };
        self.pass(Passed {
            response_url: wanted.response_url,
            charge_point,
            then: Then::Tell(Command::Stop {
                transaction: transaction.to_string(),
            }),
        })
        .await
    }

    async fn unlock(&self, body: Value) -> Answer {
        let wanted: UnlockConnector = self.read("UnlockConnector", body)?;
        let place = self.place(&wanted.location_id).await?;
        let spot = place.spot(&wanted.evse_uid, Some(&wanted.connector_id));
        let spot = spot.ok_or_else(no_place)?;
        let Target::Connector { evse, connector } = target(&spot) else {
            return Err(no_place());
        };
        self.pass(Passed {
            response_url: wanted.response_url,
            charge_point: spot.charge_point,
            then: Then::Tell(Command::Unlock { evse, connector }),
        })
        .await
    }

    async fn reserve(&self, body: Value) -> Answer {
        let body = self.with_token(body).await?;
        let wanted: ReserveNow = self.read("ReserveNow", body)?;
        let now_ms = self.app.clock().now_ms();
        if wanted.expiry_date.0 <= now_ms {
            return Err(Refused::invalid("/expiry_date is over"));
        }
        let Some((party, kind)) = self.own(&wanted.token) else {
            return self.answer(CommandResponseType::Rejected);
        };
        let place = self.place(&wanted.location_id).await?;
        let Some(uid) = &wanted.evse_uid else {
            return self.answer(CommandResponseType::NotSupported);
        };
        let spot = place.spot(uid, None).ok_or_else(no_place)?;
        if !self.is_online(&spot.charge_point) {
            return self.answer(CommandResponseType::Rejected);
        }
        let tag = id_tag(&party, kind, &wanted.token.uid);
        let key = tag_key(&tag);
        if self.is_of_others(&key).await? {
            return self.answer(CommandResponseType::Rejected);
        }
        let reservation = RoamingReservation {
            partner_id: self.caller.id.clone(),
            reservation_key: wanted.reservation_id.key(),
            charge_point_id: spot.charge_point.clone(),
            evse_id: spot.evse_id,
            expires_at_ms: wanted.expiry_date.0,
        };
        let number = self.app.rest_store.keep_reservation(reservation).await?;
        // Who reserves may charge there until then.
        let grant = Grant {
            charge_point_id: spot.charge_point.clone(),
            tag_key: key.clone(),
            driver: Driver {
                partner_id: self.caller.id.clone(),
                token: cdr_token(&wanted.token),
                auth_method: AuthMethod::Command,
                reference: wanted.authorization_reference.clone(),
            },
            granted_at_ms: now_ms,
            until_ms: wanted
                .expiry_date
                .0
                .min(now_ms.saturating_add(RESERVED_MS_MAX)),
        };
        self.app.rest_store.grant(grant).await?;
        let command = Command::Reserve(Reservation {
            id: i32::try_from(number).unwrap_or(i32::MAX),
            evse: u32::try_from(spot.evse_id).ok(),
            connector_type: None,
            expires_at_ms: wanted.expiry_date.0,
            token: IdToken {
                value: tag,
                kind: kind_of(kind),
            },
            group: None,
        });
        self.pass(Passed {
            response_url: wanted.response_url,
            charge_point: spot.charge_point,
            then: Then::Keep(command, number, key),
        })
        .await
    }

    async fn cancel(&self, body: Value) -> Answer {
        let wanted: CancelReservation = self.read("CancelReservation", body)?;
        let key = wanted.reservation_id.key();
        let found = self
            .app
            .rest_store
            .roaming_reservation(&self.caller.id, &key);
        let (charge_point, then) = match found.await? {
            Some((number, charge_point)) => {
                let reservation = i32::try_from(number).unwrap_or(i32::MAX);
                let command = Command::CancelReservation { reservation };
                (charge_point, Then::Free(command, number))
            }
            None => {
                let unknown = CommandResultType::UnknownReservation;
                (
                    String::new(),
                    Then::Known(unknown, "there is no such reservation"),
                )
            }
        };
        self.pass(Passed {
            response_url: wanted.response_url,
            charge_point,
            then,
        })
        .await
    }

    /// A token of which only the necessary is said is filled up: by what was pushed of it, else by what is usual.
    async fn with_token(&self, mut body: Value) -> Result<Value, Refused> {
        let Some(Value::Object(token)) = body.get_mut("token") else {
            return Ok(body);
        };
        if self.caller.is_strict {
            return Ok(body);
        }
        let party = self.caller.party();
        let of = |name: &str, usual: Option<&CiString>| {
            let said = token.get(name).and_then(Value::as_str).map(str::to_owned);
            said.or_else(|| usual.map(|usual| usual.as_str().to_owned()))
                .unwrap_or_default()
        };
        let country = of("country_code", party.map(|party| &party.country_code));
        let party_id = of("party_id", party.map(|party| &party.party_id));
        let kind = token
            .get("type")
            .and_then(Value::as_str)
            .and_then(TokenKind::from_word);
        let uid = token
            .get("uid")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let mut known = None;
        if let (Some(party), Some(kind)) = (Party::new(&country, &party_id), kind) {
            let key = TokenKey {
                party,
                kind,
                uid: uid.into(),
            };
            let pushed = self
                .app
                .rest_store
                .partner_token(&self.caller.organization_id, &key);
            known = pushed.await?;
        }
        let usual = json!({
            "country_code": country,
            "party_id": party_id,
            "issuer": self.caller.name,
            "valid": true,
            "whitelist": "NEVER",
            "last_updated": DateTime(self.app.clock().now_ms()),
        });
        for filling in [known, Some(usual)] {
            let Some(Value::Object(filling)) = filling else {
                continue;
            };
            for (name, value) in filling {
                token.entry(name).or_insert(value);
            }
        }
        Ok(body)
    }

    /// Who issued a token, and what it is, if it is the caller's.
    fn own(&self, token: &Token) -> Option<(Party, TokenKind)> {
        if !self.caller.issues(&token.country_code, &token.party_id) {
            return None;
        }
        let party = Party::new(token.country_code.as_str(), token.party_id.as_str());
        party.zip(TokenKind::from_word(&token.r#type))
    }

    /// Whether a tag is the operator's own, or another partner's: charge points would not tell them apart.
    async fn is_of_others(&self, tag_key: &str) -> Result<bool, Refused> {
        let (organization, partner) = (&self.caller.organization_id, &self.caller.id);
        let found = self
            .app
            .rest_store
            .is_tag_of_others(organization, partner, tag_key);
        Ok(found.await?)
    }

    async fn place(&self, id: &CiString) -> Result<Place, Refused> {
        let organization = &self.caller.organization_id;
        let found = self
            .app
            .rest_store
            .place_of_partner(organization, id.as_str());
        found.await?.ok_or_else(no_place)
    }

    /// An EVSE of a place that is free.
    async fn free_spot(&self, place: &Place) -> Result<Option<Spot>, Refused> {
        let location = place.location(operator(&self.caller.own));
        let evses = location.map(|location| location.evses).unwrap_or_default();
        for evse in evses.iter().filter(|evse| evse.status == Status::Available) {
            let Some(spot) = place.spot(&evse.uid, None) else {
                continue;
            };
            let (_, connector) = spot.connector;
            if !self
                .app
                .rest_store
                .is_charging(&spot.charge_point, connector)
                .await?
            {
                return Ok(Some(spot));
            }
        }
        Ok(None)
    }

    fn wants_connector(&self, place: &Place, spot: &Spot) -> bool {
        let location = place.location(operator(&self.caller.own));
        let uid = place.uid_at(spot);
        location.is_some_and(|location| {
            let mut evses = location.evses.iter();
            evses.any(|evse| {
                evse.uid == *uid
                    && evse
                        .capabilities
                        .iter()
                        .any(|word| word == "START_SESSION_CONNECTOR_REQUIRED")
            })
        })
    }

    /// What keeps an EVSE from beginning a session, if that is known.
    async fn obstacle(&self, place: &Place, spot: &Spot) -> Result<Option<Then>, Refused> {
        let location = place.location(operator(&self.caller.own));
        let uid = place.uid_at(spot);
        let evses = location.map(|location| location.evses).unwrap_or_default();
        let status = evses
            .iter()
            .find(|evse| evse.uid == *uid)
            .map(|evse| evse.status);
        if matches!(status, Some(Status::OutOfOrder | Status::Inoperative)) {
            let inoperative = CommandResultType::EvseInoperative;
            return Ok(Some(Then::Known(inoperative, "the EVSE does not serve")));
        }
        let (_, connector) = spot.connector;
        if self
            .app
            .rest_store
            .is_charging(&spot.charge_point, connector)
            .await?
        {
            let occupied = CommandResultType::EvseOccupied;
            return Ok(Some(Then::Known(occupied, "somebody charges there")));
        }
        Ok(None)
    }

    fn is_online(&self, charge_point: &str) -> bool {
        ChargePointId::new(charge_point).is_ok_and(|id| self.app.sessions.is_online(&id))
    }

    /// Passes an order on, and says so; what becomes of it is told later.
    async fn pass(&self, passed: Passed) -> Answer {
        let Passed {
            response_url,
            charge_point,
            then,
        } = passed;
        let is_known = matches!(then, Then::Known(..));
        if !is_known && !self.is_online(&charge_point) {
            return self.answer(CommandResponseType::Rejected);
        }
        let (app, kind) = (self.app.clone(), self.kind);
        let now_ms = app.clock().now_ms();
        let waits = app.options.command_timeout + MARGIN;
        let order = Ordered {
            id: format!("ord_{}", random_text(20)),
            partner_id: self.caller.id.clone(),
            kind,
            response_url,
            now_ms,
            deadline_ms: now_ms
                .saturating_add(i64::try_from(waits.as_millis()).unwrap_or(i64::MAX)),
        };
        let id = order.id.clone();
        app.rest_store.keep_order(order).await?;
        self.app.jobs.spawn(async move {
            if let Err(error) = finish(&app, kind, &id, &charge_point, then).await {
                tracing::warn!(order = id, cause = %error, "what became of an order was not kept");
            }
        });
        self.answer(CommandResponseType::Accepted)
    }
}

/// Does what was ordered, and keeps the result.
async fn finish(
    app: &Arc<App>,
    kind: CommandType,
    order: &str,
    charge_point: &str,
    then: Then,
) -> crate::store::Result<()> {
    let outcome = match &then {
        Then::Known(result, why) => (*result, Some((*why).to_owned())),
        Then::Tell(command) | Then::Keep(command, ..) | Then::Free(command, _) => {
            let Ok(id) = ChargePointId::new(charge_point) else {
                return Ok(());
            };
            let sent = ocpp::send(app, &id, command).await?;
            result_of(kind, &sent.result)
        }
    };
    let is_accepted = outcome.0 == CommandResultType::Accepted;
    let is_over = match &then {
        // A charge point that did not answer may keep it.
        Then::Keep(..) => !is_accepted && outcome.0 != CommandResultType::Timeout,
        Then::Free(..) => is_accepted || outcome.0 == CommandResultType::UnknownReservation,
        _ => false,
    };
    if let (Then::Keep(_, number, _) | Then::Free(_, number), true) = (&then, is_over) {
        app.store.drop_reservation(*number).await?;
    }
    if let (Then::Keep(_, _, key), true) = (&then, is_over) {
        app.store.drop_grant(charge_point, key).await?;
    }
    app.store
        .keep_outcome(order, outcome, app.clock().now_ms())
        .await?;
    app.outcomes.notify_one();
    Ok(())
}

fn no_place() -> Refused {
    let message = "there is no such location, EVSE or connector";
    Refused::Because(StatusCode::UnknownLocation, message.to_owned())
}

fn target(spot: &Spot) -> Target {
    let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    Target::Connector {
        evse: number(spot.evse_id),
        connector: number(spot.connector.0),
    }
}

const fn kind_of(kind: TokenKind) -> IdTokenKind {
    match kind {
        TokenKind::Rfid => IdTokenKind::Iso14443,
        _ => IdTokenKind::Central,
    }
}
