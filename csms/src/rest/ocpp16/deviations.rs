//! `GET /api/v1/ocpp16/charge_points/{charge_point_id}/deviations`: what is forgiven of a charge point's messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use dynamo_protocol::decode::LENIENCIES;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::rest::auth::AnyReader;
use crate::rest::charge_point;
use crate::rest::error::Answer;
use crate::rest::input::PathId;
use crate::rest::openapi::{AccessErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::DeviationRow;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(deviations))
}

#[derive(Serialize, ToSchema)]
struct Deviations {
    charge_point_id: String,
    /// How its messages are read now: `tolerant` or `strict`.
    #[schema(example = "tolerant")]
    decoding: &'static str,
    /// By message and name.
    deviations: Vec<DeviationBody>,
    total: usize,
}

#[derive(Serialize, ToSchema)]
struct DeviationBody {
    /// What was forgiven; the same name stands in the metrics and among the irregularities of transactions.
    #[schema(example = "time_without_offset")]
    name: String,
    /// The rule, as a sentence.
    takes: &'static str,
    /// The message, as the standard names it.
    #[schema(example = "StopTransaction.req")]
    message: String,
    /// How many of these messages had it.
    messages: i64,
    first_seen_at: Stamp,
    last_seen_at: Stamp,
    /// Where it stood in the last of them: a JSON pointer.
    #[schema(example = "/timestamp")]
    pointer: String,
    /// The JSON text that stood there, at most 256 characters.
    #[schema(example = "\"2030-01-31T12:00:00\"")]
    example: String,
}

/// Lists what a charge point writes otherwise than OCPP 1.6 says, and is taken nevertheless.
#[utoipa::path(
    get,
    path = "/api/v1/ocpp16/charge_points/{charge_point_id}/deviations",
    tag = "OCPP 1.6 commands",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = Deviations), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn deviations(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    PathId(id): PathId,
) -> Answer<Deviations> {
    let point = charge_point::find(&app, &owner, &id).await?;
    let rows = app.rest_store.deviations(&point).await?;
    let shown: Vec<DeviationBody> = rows.into_iter().map(show).collect();
    Ok(Json(Deviations {
        decoding: point.decoding().unwrap_or(app.options.decoding).as_str(),
        charge_point_id: point.into_record().id,
        total: shown.len(),
        deviations: shown,
    }))
}

fn show(row: DeviationRow) -> DeviationBody {
    let known = LENIENCIES.iter().find(|known| known.name == row.name);
    DeviationBody {
        takes: known.map_or("", |known| known.takes),
        name: row.name,
        message: row.message,
        messages: row.messages,
        first_seen_at: Stamp(row.first_seen_at_ms),
        last_seen_at: Stamp(row.last_seen_at_ms),
        pointer: row.pointer,
        example: row.example,
    }
}
