//! Transactions: the open ones of a charge point, all of the organization, and the close of one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::charge_points::identity::public_id;
use crate::domain::occurrence::Kind;
use crate::domain::transactions::claims::{energy_wh, irregularities};
use crate::domain::transactions::ending::{self, Closing};
use crate::rest::auth::{AnyReader, AnyWriter};
use crate::rest::charge_point;
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::{Paging, Params, PathId, slice};
use crate::rest::money::Amount;
use crate::rest::openapi::{AccessErrors, MissingErrors, OverErrors, QueryErrors};
use crate::rest::stamp::Stamp;
use crate::store::{ActiveTransaction, TransactionFilter, TransactionRow, amount};

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 1000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(active_transactions))
        .routes(routes!(transactions))
        .routes(routes!(close_transaction))
}

#[derive(Serialize, ToSchema)]
struct ActiveTransactions {
    charge_point_id: String,
    active_transactions: Vec<ActiveBody>,
    total: usize,
}

#[derive(Serialize, ToSchema)]
struct ActiveBody {
    #[schema(example = 10042)]
    transaction_id: i64,
    connector_id: Option<i64>,
    id_tag: Option<String>,
    start_time: Stamp,
    /// In Wh.
    meter_start: Option<i64>,
    /// In Wh, as last reported.
    current_meter_value: Option<i64>,
    /// `null` while the meter stands below its start.
    energy_delivered_wh: Option<i64>,
    duration_seconds: i64,
}

/// Lists the open transactions of a charge point.
#[utoipa::path(
    get,
    path = "/api/v1/ocpp16/active_transactions/{charge_point_id}",
    tag = "OCPP 1.6 commands",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = ActiveTransactions), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn active_transactions(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    PathId(id): PathId,
) -> Answer<ActiveTransactions> {
    let point = charge_point::find(&app, &owner, &id).await?;
    let now_ms = app.clock().now_ms();
    let open = app.rest_store.active_transactions(&point).await?;
    let shown: Vec<ActiveBody> = open.iter().map(|t| show_active(t, now_ms)).collect();
    Ok(Json(ActiveTransactions {
        charge_point_id: point.into_record().id,
        total: shown.len(),
        active_transactions: shown,
    }))
}

fn show_active(transaction: &ActiveTransaction, now_ms: i64) -> ActiveBody {
    let current_wh = transaction.last_meter_wh.or(transaction.meter_start_wh);
    ActiveBody {
        transaction_id: transaction.id,
        connector_id: transaction.connector_id,
        id_tag: transaction.id_tag.clone(),
        start_time: Stamp(transaction.started_at_ms),
        meter_start: transaction.meter_start_wh,
        current_meter_value: current_wh,
        energy_delivered_wh: current_wh
            .and_then(|current_wh| energy_wh(transaction.meter_start_wh, current_wh)),
        duration_seconds: now_ms.saturating_sub(transaction.started_at_ms).max(0) / 1000,
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TransactionQuery {
    charge_point_id: Option<String>,
    id_tag: Option<String>,
    /// Started at this time or later.
    #[param(example = "2030-01-31T12:00:00Z", format = DateTime)]
    from: Option<String>,
    /// Started before this time.
    #[param(example = "2030-02-01T12:00:00Z", format = DateTime)]
    to: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    paging: Paging,
}

#[derive(Serialize, ToSchema)]
pub(in crate::rest) struct Transactions {
    pub transactions: Vec<TransactionBody>,
    pub total: i64,
    pub page: i64,
    pub per_page: i64,
}

/// A transaction; what is not known yet is `null`.
#[derive(Serialize, ToSchema)]
pub(in crate::rest) struct TransactionBody {
    transaction_id: i64,
    charge_point_id: String,
    connector_id: Option<i64>,
    id_tag: Option<String>,
    /// `open`, `stopped`, or `abandoned`: over without a stop, at its last meter value.
    status: String,
    /// Of what is abandoned: until when it may still go on, be stopped, or move on; then its end is final and billed.
    /// `null` where the end is final. Each message about it begins the time anew.
    provisional_until: Option<Stamp>,
    start_time: Stamp,
    stop_time: Option<Stamp>,
    /// In Wh.
    meter_start: Option<i64>,
    /// In Wh.
    meter_stop: Option<i64>,
    /// In Wh: what is billed of one that was stopped, else the difference of the registers; `null` where that is negative.
    energy_wh: Option<i64>,
    /// As the charge point told it; `closed_by_operator` of what was closed.
    reason: Option<String>,
    /// How many were kept.
    meter_values: i64,
    /// What cannot be true of it as it was told, such as `meter_stop_below_start`; what is odd about its end
    /// (`stop_time_ahead`: stamped more than a minute after it arrived, so that no more idle time is billed than passed
    /// here; `stop_of_unknown_transaction`, `stop_unreadable`, `corrected_late`), its readings
    /// (`meter_stop_below_readings`, `readings_without_transaction`, `readings_of_main_meter`,
    /// `readings_of_other_connector`) or its bill (`no_tariff_then`); and the names of what was forgiven of its
    /// messages, such as `time_without_offset`.
    irregularities: Vec<String>,
    /// In the currency, tax included; `null` where nothing is billed.
    cost: Option<Amount>,
    currency: Option<String>,
    /// Why its id tag might not charge when it began, where that is billed all the same: `blocked`, `expired`,
    /// `concurrent_tx` (it was in another transaction and may be in one only) or `not_on_list` (of the project). The
    /// holder of the tag is known, and the energy was taken. `null` everywhere else.
    #[schema(example = "blocked")]
    billed_though: Option<String>,
}

/// Lists transactions, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/ocpp16/transactions",
    tag = "OCPP 1.6 commands",
    params(TransactionQuery, Paging),
    responses((status = 200, body = Transactions), AccessErrors, QueryErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn transactions(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    Params(query): Params<TransactionQuery>,
) -> Answer<Transactions> {
    let (page, per_page) = query.paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    if let Some(id) = &query.charge_point_id {
        charge_point::check_id("charge_point_id", id)?;
    }
    if query.id_tag.as_ref().is_some_and(|tag| tag.contains('\0')) {
        return Err(ApiError::field("id_tag", "it cannot contain U+0000"));
    }
    let (limit, offset) = slice(page, per_page);
    let filter = TransactionFilter {
        owner,
        project_id: None,
        charge_point_id: query.charge_point_id,
        id_tag: query.id_tag,
        from_ms: instant("from", query.from.as_deref())?.unwrap_or(i64::MIN),
        to_ms: instant("to", query.to.as_deref())?.unwrap_or(i64::MAX),
        limit,
        offset,
    };
    let (rows, total) = app.rest_store.transactions(&filter).await?;
    let shown: Result<Vec<_>, ApiError> = rows.into_iter().map(|row| show(&app, row)).collect();
    Ok(Json(Transactions {
        transactions: shown?,
        total,
        page,
        per_page,
    }))
}

fn instant(field: &str, text: Option<&str>) -> Result<Option<i64>, ApiError> {
    let parsed = text.map(|text| {
        text.parse::<Timestamp>()
            .map(Timestamp::as_millisecond)
            .map_err(|_| ApiError::field(field, "a time such as 2030-01-31T12:00:00Z is wanted"))
    });
    parsed.transpose()
}

/// Ends a transaction whose stop will never come, at its last meter value and for good.
///
/// It becomes `abandoned` with the reason `closed_by_operator`, and is billed at once. The charge point is sent nothing:
/// what it can still stop is stopped with RemoteStopTransaction. A stop that comes all the same corrects the record.
#[utoipa::path(
    post,
    path = "/api/v1/ocpp16/transactions/{transaction_id}/close",
    tag = "OCPP 1.6 commands",
    params(("transaction_id" = String, Path, description = "The number that OCPP 1.6 knows it by.")),
    responses((status = 200, body = TransactionBody), AccessErrors, MissingErrors, OverErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn close_transaction(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    PathId(id): PathId,
) -> Answer<TransactionBody> {
    let missing = || ApiError::NotFound(format!("there is no transaction {id:?}"));
    let number: i64 = id.parse().map_err(|_| missing())?;
    let now_ms = app.clock().now_ms();
    let occurrence = |organization: &str, charge_point: &str| {
        let kind = Kind::TransactionStopped;
        app.outbox.awaited(kind, organization, charge_point, now_ms)
    };
    let closing = ending::close(
        &app.rest_store,
        Some(owner.clone()),
        None,
        (number, now_ms),
        occurrence,
    )
    .await?;
    let row = app.rest_store.transaction(&owner, number).await?;
    let row = row.ok_or_else(missing)?;
    match closing {
        Closing::Closed => {
            app.outbox.posted();
            app.guests.wake(&row.charge_point_id);
            Ok(Json(show(&app, row)?))
        }
        Closing::Over => {
            let message = format!("the transaction {number} is over already");
            Err(ApiError::Conflict("already_over", message))
        }
        Closing::Missing => Err(missing()),
    }
}

pub(in crate::rest) fn show(app: &App, row: TransactionRow) -> Result<TransactionBody, ApiError> {
    let cost = row.cost.as_deref().map(amount).transpose()?;
    let untrue = irregularities(&row.claims());
    let odd = untrue.into_iter().chain(row.deviations.split_whitespace());
    let provisional_ms = app.options.provisional_ms();
    Ok(TransactionBody {
        irregularities: odd.map(str::to_owned).collect(),
        transaction_id: row.id,
        charge_point_id: public_id(&row.charge_point_id).to_owned(),
        connector_id: row.connector_id,
        id_tag: row.id_tag,
        status: row.state,
        provisional_until: row
            .provisional_since_ms
            .map(|since_ms| Stamp(since_ms.saturating_add(provisional_ms))),
        start_time: Stamp(row.started_at_ms),
        stop_time: row.stopped_at_ms.map(Stamp),
        meter_start: row.meter_start_wh,
        meter_stop: row.meter_stop_wh,
        energy_wh: row.billed_wh.or_else(|| {
            let stop_wh = row.meter_stop_wh?;
            energy_wh(row.meter_start_wh, stop_wh)
        }),
        reason: row.reason,
        meter_values: row.meter_values,
        currency: row.currency.filter(|_| cost.is_some()),
        cost: cost.map(Amount),
        billed_though: row.billed_though,
    })
}
