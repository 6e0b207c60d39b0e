//! Bills of the caller's drivers [OCPI 2.2.1 §10.2.1].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::answer::Answer;
use super::caller::Caller;
use super::input::Paging;
use crate::App;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/cdrs", get(list))
}

async fn list(State(app): State<Arc<App>>, caller: Caller, paging: Paging) -> Answer {
    let cdrs = app
        .rest_store
        .cdrs(&caller.id, paging.window(), paging.slice());
    let (cdrs, total) = cdrs.await?;
    // The flat fields of the API's documents stand beside those of the standard.
    let cdrs = cdrs.into_iter().map(|mut cdr| {
        for (name, of) in [
            ("location_id", "id"),
            ("evse_uid", "evse_uid"),
            ("connector_id", "connector_id"),
        ] {
            cdr[name] = cdr["cdr_location"][of].clone();
        }
        cdr
    });
    Ok(paging.answer(cdrs.collect(), total))
}
