//! Tariffs [OCPI 2.2.1 §11.2.1].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::input::Paging;
use crate::App;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/tariffs", get(list))
}

async fn list(State(app): State<Arc<App>>, caller: Caller, paging: Paging) -> Answer {
    let organization = &caller.organization_id;
    let tariffs = app
        .rest_store
        .published_tariffs(organization, paging.window(), paging.slice());
    let (tariffs, total) = tariffs.await?;
    let party = (&*caller.own.country_code, &*caller.own.party_id);
    let shown = tariffs
        .iter()
        .map(|tariff| json!(tariff.shown(party, app.options.tax_rate)));
    Ok(paging.answer(shown.collect(), total))
}
