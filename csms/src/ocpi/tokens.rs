//! Tokens of partners [OCPI 2.2.1 §12]: kept as they are pushed, read back, and judged for whoever asks.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode as Http, Uri};
use axum::routing::{get, post};
use dynamo_protocol::ocpi::DateTime;
use dynamo_protocol::ocpi::envelope::StatusCode;
use dynamo_protocol::ocpi::form::Extent;
use dynamo_protocol::ocpi::tokens::{Allowed, LocationReferences, Token};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Done, Refused};
use super::caller::Caller;
use super::input::{InPath, Json, OptionalJson, checked, object};
use crate::App;
use crate::domain::tags::token::{Party, TokenKind};
use crate::store::{KeptToken, TokenKey};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/tokens/{country_code}/{party_id}/{token_uid}",
            get(show).put(keep).patch(change),
        )
        .route("/tokens/{token_uid}/authorize", post(authorize))
}

#[derive(Deserialize)]
struct InQuery {
    r#type: Option<String>,
}

/// The kind that the query names; a card without one.
fn kind(uri: &Uri) -> Result<TokenKind, Refused> {
    let query = Query::<InQuery>::try_from_uri(uri);
    let Query(query) = query.map_err(|_| Refused::invalid("the query cannot be read"))?;
    match query.r#type {
        None => Ok(TokenKind::Rfid),
        Some(word) => TokenKind::from_word(&word)
            .ok_or_else(|| Refused::invalid(format!("type: {word:?} is no TokenType"))),
    }
}

type Place = (String, String, String);

/// The token that the path means, of a party of the caller.
fn key(
    caller: &Caller,
    (country, party, uid): Place,
    kind: TokenKind,
) -> Result<TokenKey, Refused> {
    let is_own = caller.issues(&country.as_str().into(), &party.as_str().into());
    let party = Party::new(&country, &party).filter(|_| is_own);
    let party = party.ok_or_else(unknown)?;
    Ok(TokenKey {
        party,
        kind,
        uid: uid.into(),
    })
}

fn unknown() -> Refused {
    Refused::Unknown(
        StatusCode::UnknownToken,
        "there is no such token".to_owned(),
    )
}

async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(place): InPath<Place>,
    uri: Uri,
) -> Answer {
    let key = key(&caller, place, kind(&uri)?)?;
    let token = app.rest_store.partner_token(&caller.organization_id, &key);
    token.await?.map(Done::with).ok_or_else(unknown)
}

async fn keep(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(place): InPath<Place>,
    uri: Uri,
    Json(mut body): Json,
) -> Answer {
    let kind = kind(&uri)?;
    let (country, party, uid) = place.clone();
    let key = key(&caller, place, kind)?;
    if let (Value::Object(members), false) = (&mut body, caller.is_strict) {
        // What the path says need not be said again.
        for (name, value) in [
            ("country_code", country),
            ("party_id", party),
            ("uid", uid),
            ("type", kind.as_str().to_owned()),
        ] {
            if members.get(name).is_none_or(Value::is_null) {
                members.insert(name.to_owned(), value.into());
            }
        }
    }
    store(&app, &caller, key, body).await
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(place): InPath<Place>,
    uri: Uri,
    Json(body): Json,
) -> Answer {
    let key = key(&caller, place, kind(&uri)?)?;
    let known = app.rest_store.partner_token(&caller.organization_id, &key);
    let mut token = known.await?.ok_or_else(unknown)?;
    let mut change = checked("Token", body, Extent::Part, caller.is_strict)?;
    if change.get("last_updated").is_none() {
        if caller.is_strict {
            return Err(Refused::invalid("/last_updated is missing"));
        }
        change["last_updated"] = json!(DateTime(app.clock().now_ms()));
    }
    if let (Value::Object(members), Value::Object(change)) = (&mut token, change) {
        members.extend(change);
    }
    store(&app, &caller, key, token).await
}

/// Keeps a token that is whole.
async fn store(app: &App, caller: &Caller, key: TokenKey, body: Value) -> Answer {
    let body = checked("Token", body, Extent::Whole, caller.is_strict)?;
    let token: Token = object("Token", body.clone(), caller.is_strict)?;
    let party = Party::new(token.country_code.as_str(), token.party_id.as_str());
    let is_same = token.uid == key.uid
        && token.r#type == key.kind.as_str()
        && party.as_ref() == Some(&key.party);
    if !is_same {
        return Err(Refused::invalid(
            "the body is of another token than the path: uid, type, country_code and party_id have to be the same",
        ));
    }
    let is_new = app.rest_store.keep_partner_token(KeptToken {
        organization_id: caller.organization_id.clone(),
        partner_id: caller.id.clone(),
        key,
        body,
        token,
        now_ms: app.clock().now_ms(),
    });
    let mut done = Done::nothing();
    if is_new.await? {
        done.status = Http::CREATED;
    }
    Ok(done)
}

/// Says what a token of the caller is worth here. OCPI has this on the other side only; it is an addition for those who
/// want to know what a charge point would be told.
async fn authorize(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(uid): InPath<String>,
    uri: Uri,
    OptionalJson(body): OptionalJson,
) -> Answer {
    let kind = kind(&uri)?;
    let place: Option<LocationReferences> = body
        .map(|body| object("LocationReferences", body, caller.is_strict))
        .transpose()?;
    let mut found = None;
    for role in &caller.roles {
        let Some(party) = Party::new(role.country_code.as_str(), role.party_id.as_str()) else {
            continue;
        };
        let key = TokenKey {
            party,
            kind,
            uid: uid.as_str().into(),
        };
        found = app
            .rest_store
            .partner_token(&caller.organization_id, &key)
            .await?;
        if found.is_some() {
            break;
        }
    }
    let token = found.ok_or_else(unknown)?;
    let allowed = match token["valid"].as_bool() {
        Some(true) => Allowed::Allowed,
        _ => Allowed::Blocked,
    };
    let mut info = json!({"allowed": allowed, "token": token});
    let place = match place {
        Some(place) => Some(place),
        // Nobody asked for a place: where it is in use, if it is.
        None => in_use(&app, &caller, &uid).await?,
    };
    if let Some(place) = place {
        info["location"] = both_forms(&place);
    }
    Ok(Done::with(info))
}

/// Where a token of the caller charges at the moment.
async fn in_use(
    app: &App,
    caller: &Caller,
    uid: &str,
) -> Result<Option<LocationReferences>, Refused> {
    let location = app.rest_store.roaming_location_of(&caller.id, uid).await?;
    Ok(location.map(|location| LocationReferences {
        location_id: location.id,
        evse_uids: vec![location.evse_uid],
    }))
}

/// A place in the words of OCPI, and in those of the API's documents.
fn both_forms(place: &LocationReferences) -> Value {
    let evses: Vec<Value> = place
        .evse_uids
        .iter()
        .map(|uid| json!({"uid": uid}))
        .collect();
    json!({
        "location_id": place.location_id,
        "evse_uids": place.evse_uids,
        "id": place.location_id,
        "evses": evses,
    })
}
