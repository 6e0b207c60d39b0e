//! Sessions of the caller's drivers [OCPI 2.2.1 §9.2.1].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use dynamo_protocol::ocpi::envelope::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::caller::Caller;
use super::input::{InPath, Json, Paging};
use crate::App;
use crate::domain::roaming::bill::bill;
use crate::store::Seen;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/sessions", get(list))
        .route("/sessions/{session_id}/charging_preferences", put(prefer))
}

/// A session as JSON.
pub(super) fn shown(session: &Seen, party: (&str, &str), now_ms: i64) -> Value {
    match session {
        Seen::Final(body) => body.clone(),
        Seen::SoFar(so_far) => {
            let (kept, facts) = &**so_far;
            let (bill, _) = bill(kept, facts, kept.ended_at_ms.unwrap_or(now_ms));
            json!(kept.session(party, bill))
        }
    }
}

async fn list(State(app): State<Arc<App>>, caller: Caller, paging: Paging) -> Answer {
    let sessions = app
        .rest_store
        .roaming_sessions(&caller.id, paging.window(), paging.slice());
    let (sessions, total) = sessions.await?;
    let party = (&*caller.own.country_code, &*caller.own.party_id);
    let now_ms = app.clock().now_ms();
    let shown = sessions.iter().map(|session| shown(session, party, now_ms));
    Ok(paging.answer(shown.collect(), total))
}

/// No EVSE here charges by what a driver prefers [OCPI 2.2.1 §9.2.1].
async fn prefer(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(id): InPath<String>,
    Json(_): Json,
) -> Answer {
    match app.rest_store.has_roaming_session(&caller.id, &id).await? {
        true => Err(Refused::Unknown(
            StatusCode::InvalidParameters,
            "the EVSE of this session does not take preferences".to_owned(),
        )),
        false => Err(Refused::NotFound("there is no such session".to_owned())),
    }
}
