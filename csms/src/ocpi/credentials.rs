//! Registration [OCPI 2.2.1 §7]: a partner that was given a token A comes with its own token B, is called back with it,
//! and gets a token C.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use dynamo_protocol::ocpi::envelope::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Done, Refused};
use super::caller::Visitor;
use super::exchange::{self, Failure, new_token, own_credentials};
use super::input::{Json, object};
use crate::App;
use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::domain::roaming::registration::{Registered, Registration};
use crate::store::key_hash;

pub(super) fn router() -> Router<Arc<App>> {
    let methods = get(show).post(register).put(renew).delete(end);
    Router::new().route("/credentials", methods)
}

/// Which methods there are for a partner that is not registered, and for one that is.
const FOR_INVITED: &str = "GET, POST";
const FOR_REGISTERED: &str = "GET, PUT, DELETE";

/// The caller's own token, and who is called with it.
async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    credentials(&app, &visitor.partner, &visitor.token).await
}

async fn register(State(app): State<Arc<App>>, visitor: Visitor, Json(body): Json) -> Answer {
    if visitor.partner.state != PartnerState::Invited {
        let message = "this token belongs to a partner that is registered: PUT changes it";
        return Err(Refused::OtherMethods(FOR_REGISTERED, message.to_owned()));
    }
    take(&app, visitor, body).await
}

async fn renew(State(app): State<Arc<App>>, visitor: Visitor, Json(body): Json) -> Answer {
    must_be_registered(&visitor)?;
    take(&app, visitor, body).await
}

async fn end(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    must_be_registered(&visitor)?;
    let now_ms = app.clock().now_ms();
    let id = &visitor.partner.id;
    app.rest_store.remove_partner(id, now_ms).await?;
    tracing::info!(partner = id, "a partner ended its registration");
    Ok(Done::nothing())
}

fn must_be_registered(visitor: &Visitor) -> Result<(), Refused> {
    if visitor.partner.state == PartnerState::Registered {
        return Ok(());
    }
    let message = "this token belongs to a partner that is not registered: POST registers it";
    Err(Refused::OtherMethods(FOR_INVITED, message.to_owned()))
}

/// Takes a partner's credentials, whether it is new or comes with others.
async fn take(app: &Arc<App>, visitor: Visitor, body: Value) -> Answer {
    let partner = visitor.partner;
    let name = "Credentials";
    let theirs = object(name, with_roles(body), partner.is_strict)?;
    let theirs = exchange::checked(theirs).map_err(Refused::invalid)?;
    let known_by = [Some(theirs.token.as_str()), partner.their_token.as_deref()];
    let endpoints = exchange::endpoints(&app.partners, &theirs.url, known_by, partner.encoding);
    let endpoints = endpoints.await.map_err(|failure| {
        let Failure(code, why) = failure;
        tracing::info!(
            partner = partner.id,
            cause = why,
            "a partner could not be called back"
        );
        Refused::Because(code, why)
    })?;
    let token = new_token();
    let registration = Registration {
        partner_id: partner.id.clone(),
        known_by_hash: key_hash(&visitor.token),
        token_hash: key_hash(&token),
        their_token: theirs.token,
        versions_url: theirs.url,
        endpoints,
        roles: theirs.roles,
        now_ms: app.clock().now_ms(),
    };
    match app.rest_store.register_partner(registration).await? {
        Registered::Done => {
            tracing::info!(partner = partner.id, "a partner is registered");
            credentials(app, &partner, &token).await
        }
        Registered::Taken(party) => Err(Refused::invalid(format!(
            "{party} is registered here by somebody else"
        ))),
        Registered::Outdated => {
            let message = "somebody was faster with this token";
            Err(Refused::Because(
                StatusCode::ClientError,
                message.to_owned(),
            ))
        }
    }
}

/// The credentials of the platform, with the token of whom they are shown to. Those of OCPI 2.1.1 stand beside the
/// roles, for partners that look there.
async fn credentials(app: &App, partner: &Partner, token: &str) -> Answer {
    let own = app.rest_store.own_party(&partner.organization_id).await?;
    let mut shown = json!(own_credentials(app, &own, token));
    let flat = json!({
        "business_details": own.business,
        "party_id": own.party_id,
        "country_code": own.country_code,
    });
    if let (Value::Object(shown), Value::Object(flat)) = (&mut shown, flat) {
        shown.extend(flat);
    }
    Ok(Done::with(shown))
}

/// Credentials as OCPI 2.1.1 has them, with the party beside the token, become those of one role.
fn with_roles(mut body: Value) -> Value {
    let Value::Object(members) = &mut body else {
        return body;
    };
    let is_flat = !members.contains_key("roles") && members.contains_key("party_id");
    if is_flat {
        let mut role = Map::from_iter([("role".to_owned(), json!("EMSP"))]);
        for name in ["business_details", "party_id", "country_code"] {
            role.extend(members.remove_entry(name));
        }
        members.insert("roles".to_owned(), json!([role]));
    }
    body
}
