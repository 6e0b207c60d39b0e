//! `GET /api/v1/ocpp16/charge_points/{charge_point_id}/orphan_stops`: stops of a charge point that stopped nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::rest::auth::AnyReader;
use crate::rest::charge_point;
use crate::rest::error::Answer;
use crate::rest::input::{Paging, Params, PathId, slice};
use crate::rest::openapi::{AccessErrors, MissingErrors, QueryErrors};
use crate::rest::stamp::Stamp;
use crate::store::OrphanStopRow;

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(orphan_stops))
}

#[derive(Serialize, ToSchema)]
struct OrphanStops {
    charge_point_id: String,
    orphan_stops: Vec<OrphanStopBody>,
    total: i64,
    page: i64,
    per_page: i64,
}

/// A stop that stopped nothing, as it was sent.
#[derive(Serialize, ToSchema)]
struct OrphanStopBody {
    /// As it was sent: the id of no transaction of this charge point, or of one that was stopped otherwise before, or whose
    /// stop could not be read.
    #[schema(example = -1)]
    transaction_id: i64,
    /// `unknown_transaction`, `already_stopped`, or `unreadable` of one that was refused because it cannot be read.
    #[schema(example = "unknown_transaction")]
    cause: String,
    /// When it arrived, where an unreadable one has no time that can be read.
    stop_time: Stamp,
    /// In Wh; 0 where an unreadable one has none that can be read.
    meter_stop: i64,
    reason: Option<String>,
    id_tag: Option<String>,
    received_at: Stamp,
}

/// Lists the stops of a charge point that stopped no transaction, oldest first.
///
/// The transaction that was meant may be one that is `abandoned` with the irregularity `stop_of_unknown_transaction`.
#[utoipa::path(
    get,
    path = "/api/v1/ocpp16/charge_points/{charge_point_id}/orphan_stops",
    tag = "OCPP 1.6 commands",
    params(("charge_point_id" = String, Path), Paging),
    responses((status = 200, body = OrphanStops), AccessErrors, QueryErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn orphan_stops(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    PathId(id): PathId,
    Params(paging): Params<Paging>,
) -> Answer<OrphanStops> {
    let point = charge_point::find(&app, &owner, &id).await?;
    let (page, per_page) = paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let slice = slice(page, per_page);
    let (rows, total) = app.rest_store.orphan_stops(&point, slice).await?;
    Ok(Json(OrphanStops {
        charge_point_id: point.into_record().id,
        orphan_stops: rows.into_iter().map(show).collect(),
        total,
        page,
        per_page,
    }))
}

fn show(row: OrphanStopRow) -> OrphanStopBody {
    let message: Value = serde_json::from_str(&row.message).unwrap_or(Value::Null);
    let text = |name: &str| message[name].as_str().map(str::to_owned);
    OrphanStopBody {
        transaction_id: row.transaction_number,
        cause: row.cause,
        stop_time: Stamp(row.stopped_at_ms),
        meter_stop: row.meter_stop_wh,
        reason: text("reason"),
        id_tag: text("idTag"),
        received_at: Stamp(row.received_at_ms),
    }
}
