//! Registering with a partner, and giving it another token [OCPI 2.2.1 §7.2]: what an operator asked for, the running
//! server does, as the partner calls back meanwhile.

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ocpi::credentials::Credentials;
use dynamo_protocol::ocpi::form::{Extent, read};
use dynamo_protocol::ocpi::versions::{InterfaceRole, ModuleId};
use reqwest::Method;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::client::Call;
use super::exchange::{self, Failure, new_token, own_credentials};
use crate::App;
use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::domain::roaming::registration::{Registered, Registration};
use crate::store::{Result, key_hash};

/// How often is looked whom an operator wants to register with.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Does what operators ask for, until the shutdown.
pub(crate) async fn register_asked(app: Arc<App>) {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.shutdown.cancelled() => return,
        }
        match app.store.asked_partners(app.clock().now_ms()).await {
            Ok(asked) => {
                for partner in asked {
                    if let Err(error) = offer(&app, &partner).await {
                        tracing::warn!(partner = partner.id, cause = %error, "a registration was not kept");
                    }
                }
            }
            Err(error) => {
                tracing::debug!(cause = %error, "it was not read who is to be registered with")
            }
        }
    }
}

/// Offers a partner credentials with a new token. It opens this system at once, for the partner calls back before it
/// answers; the one before stays good until the partner took the new one.
async fn offer(app: &Arc<App>, partner: &Partner) -> Result<()> {
    let token = new_token();
    let now_ms = app.clock().now_ms();
    let pending = key_hash(&token);
    // Another server may have been faster.
    if !app.store.begin_offer(&partner.id, &pending, now_ms).await? {
        return Ok(());
    }
    let now_ms = || app.clock().now_ms();
    match answered(app, partner, &token).await {
        Ok((theirs, endpoints)) => {
            let registration = Registration {
                partner_id: partner.id.clone(),
                known_by_hash: pending.clone(),
                token_hash: pending,
                their_token: theirs.token,
                versions_url: theirs.url,
                endpoints,
                roles: theirs.roles,
                now_ms: now_ms(),
            };
            match app.store.end_offer(registration).await? {
                Registered::Done => {
                    tracing::info!(
                        partner = partner.id,
                        "this platform is registered with a partner"
                    );
                    Ok(())
                }
                Registered::Taken(party) => {
                    let why = format!("its party {party} is registered here as another partner");
                    app.store.fail_offer(&partner.id, &why, now_ms()).await
                }
                Registered::Outdated => {
                    let why = "it was removed meanwhile";
                    app.store.fail_offer(&partner.id, why, now_ms()).await
                }
            }
        }
        Err(why) => {
            tracing::warn!(
                partner = partner.id,
                cause = why,
                "a partner was not registered with"
            );
            app.store.fail_offer(&partner.id, &why, now_ms()).await
        }
    }
}

/// What the partner answered to the offer: its credentials, and its endpoints.
async fn answered(
    app: &App,
    partner: &Partner,
    token: &str,
) -> std::result::Result<(Credentials, Vec<dynamo_protocol::ocpi::versions::Endpoint>), String> {
    let (Some(url), Some(their_token)) = (&partner.versions_url, &partner.their_token) else {
        return Err("it has no list of versions".to_owned());
    };
    let endpoints = exchange::endpoints(
        &app.partners,
        url,
        [Some(their_token), None],
        partner.encoding,
    );
    let endpoints = endpoints.await.map_err(|Failure(_, why)| why)?;
    let known = Partner {
        endpoints: endpoints.clone(),
        ..partner.clone()
    };
    let place = known.endpoint(ModuleId::Credentials, InterfaceRole::Sender);
    let place = place.ok_or("its version details list no endpoint for credentials")?;
    let own = app.store.own_party(&partner.organization_id).await;
    let own = own.map_err(|error| error.to_string())?;
    let method = match partner.state {
        PartnerState::Registered => Method::PUT,
        _ => Method::POST,
    };
    let body = json!(own_credentials(app, &own, token));
    let call = Call {
        method: method.clone(),
        url: place,
        token: their_token,
        encoding: partner.encoding,
        body: Some(&body),
        route: None,
    };
    let answered = app.partners.call(call).await?;
    if !answered.is_success() {
        return Err(format!("{method} {place}: it {}", answered.refusal()));
    }
    let data = answered.said.data.ok_or("its answer has no credentials")?;
    let read = read("Credentials", data, Extent::Whole);
    if let Some(fault) = read.faults.first() {
        return Err(format!("its credentials cannot be read: {fault}"));
    }
    let theirs = serde_json::from_value(read.value);
    let theirs = theirs.map_err(|error| format!("its credentials cannot be read: {error}"))?;
    Ok((exchange::checked(theirs)?, endpoints))
}
