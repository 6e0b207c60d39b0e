//! Transactions: the open ones of a charge point, and all of the organization.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use dynamo_protocol::ChargePointId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Reader;
use super::error::{Answer, ApiError, Paging, Params};
use crate::App;
use crate::clock::rfc3339;
use crate::domain::transaction::{energy_wh, irregularities};
use crate::store::{ActiveTransaction, TransactionFilter, TransactionRow};

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 1000;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/api/v1/ocpp16/active_transactions/{charge_point_id}",
            get(active_transactions),
        )
        .route("/api/v1/ocpp16/transactions", get(transactions))
}

async fn active_transactions(
    State(app): State<Arc<App>>,
    Reader(organization): Reader,
    path: Result<Path<String>, PathRejection>,
) -> Answer {
    let missing = || ApiError::NotFound("no charge point of this id is registered".to_owned());
    let Path(id) = path.map_err(|_| missing())?;
    ChargePointId::new(&id).map_err(|_| missing())?;
    let known = app.store.charge_point(&id).await?;
    known
        .filter(|found| found.organization_id == organization)
        .ok_or_else(missing)?;
    let now_ms = app.clock().now_ms();
    let open = app.store.active_transactions(&organization, &id).await?;
    let shown: Vec<Value> = open.iter().map(|t| show_active(t, now_ms)).collect();
    Ok(Json(json!({
        "charge_point_id": id,
        "active_transactions": shown,
        "total": shown.len(),
    })))
}

fn show_active(transaction: &ActiveTransaction, now_ms: i64) -> Value {
    let current_wh = transaction
        .last_meter_wh
        .unwrap_or(transaction.meter_start_wh);
    json!({
        "transaction_id": transaction.id,
        "connector_id": transaction.connector_id,
        "id_tag": transaction.id_tag,
        "start_time": rfc3339(transaction.started_at_ms),
        "meter_start": transaction.meter_start_wh,
        "current_meter_value": current_wh,
        "energy_delivered_wh": energy_wh(transaction.meter_start_wh, current_wh),
        "duration_seconds": now_ms.saturating_sub(transaction.started_at_ms).max(0) / 1000,
    })
}

#[derive(Deserialize)]
struct TransactionQuery {
    charge_point_id: Option<String>,
    id_tag: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

async fn transactions(
    State(app): State<Arc<App>>,
    Reader(organization): Reader,
    Params(query): Params<TransactionQuery>,
) -> Answer {
    let (page, per_page) = query.paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    if let Some(id) = &query.charge_point_id {
        ChargePointId::new(id)
            .map_err(|error| ApiError::field("charge_point_id", error.to_string()))?;
    }
    if query.id_tag.as_ref().is_some_and(|tag| tag.contains('\0')) {
        return Err(ApiError::field("id_tag", "it cannot contain U+0000"));
    }
    let filter = TransactionFilter {
        organization_id: organization,
        charge_point_id: query.charge_point_id,
        id_tag: query.id_tag,
        from_ms: instant("from", query.from.as_deref())?.unwrap_or(i64::MIN),
        to_ms: instant("to", query.to.as_deref())?.unwrap_or(i64::MAX),
        limit: per_page,
        offset: (page - 1).saturating_mul(per_page),
    };
    let (rows, total) = app.store.transactions(&filter).await?;
    Ok(Json(json!({
        "transactions": rows.iter().map(show).collect::<Vec<_>>(),
        "total": total,
        "page": page,
        "per_page": per_page,
    })))
}

fn instant(field: &str, text: Option<&str>) -> Result<Option<i64>, ApiError> {
    let parsed = text.map(|text| {
        text.parse::<Timestamp>()
            .map(Timestamp::as_millisecond)
            .map_err(|_| ApiError::field(field, "a time such as 2030-01-31T12:00:00Z is wanted"))
    });
    parsed.transpose()
}

fn show(row: &TransactionRow) -> Value {
    let energy = row
        .meter_stop_wh
        .and_then(|stop_wh| energy_wh(row.meter_start_wh, stop_wh));
    json!({
        "transaction_id": row.id,
        "charge_point_id": row.charge_point_id,
        "connector_id": row.connector_id,
        "id_tag": row.id_tag,
        "status": row.state,
        "start_time": rfc3339(row.started_at_ms),
        "stop_time": row.stopped_at_ms.map(rfc3339),
        "meter_start": row.meter_start_wh,
        "meter_stop": row.meter_stop_wh,
        "energy_wh": energy,
        "reason": row.reason,
        "meter_values": row.meter_values,
        "irregularities": irregularities(&row.told()),
        "cost": null,
        "currency": null,
    })
}
