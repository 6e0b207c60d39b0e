//! The receipt of a guest session.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use rust_decimal::Decimal;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::get;
use crate::App;
use crate::domain::charge_points::identity::public_id;
use crate::domain::guest::PaymentStatus;
use crate::domain::money::price::{Usage, in_coins};
use crate::receipt::{self, Receipt};
use crate::rest::auth::Reader;
use crate::rest::error::ApiError;
use crate::rest::input::PathId;
use crate::rest::openapi::{AccessErrors, MissingErrors, ReceiptErrors};

/// The bytes of a PDF.
pub(super) struct Pdf;

impl PartialSchema for Pdf {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let builder = ObjectBuilder::new().schema_type(Type::String);
        builder.format(Some(format)).into()
    }
}

impl ToSchema for Pdf {}

/// The receipt of a session that was charged and has ended, as PDF.
#[utoipa::path(
    get,
    path = "/api/v1/sessions/guest/{session_token}/receipt",
    tag = "Guest sessions",
    params(("session_token" = String, Path)),
    responses(
        (status = 200, content_type = "application/pdf", body = Pdf),
        AccessErrors, MissingErrors, ReceiptErrors
    ),
    security(("apiKey" = []))
)]
pub(super) async fn receipt(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(token): PathId,
) -> Result<Response, ApiError> {
    let session = get(&app, Some(&owner), &token).await?;
    let charged = (
        session.transaction_id,
        session.energy_wh,
        session.ended_at_ms,
    );
    let (Some(transaction), Some(energy_wh), Some(ended_at_ms)) = charged else {
        return Err(ApiError::Conflict(
            "not_completed",
            "a receipt is for a session that was charged and has ended".to_owned(),
        ));
    };
    let usage = Usage {
        energy_wh,
        idle_minutes: session.idle_minutes.unwrap_or(0),
    };
    let price = session.tariff.price(usage);
    let facts = session.receipt;
    let taken = match session.payment_status {
        PaymentStatus::Captured => session.captured.unwrap_or(price.total),
        PaymentStatus::CaptureFailed => Decimal::ZERO,
        _ => price.total.min(session.held),
    };
    let tax = receipt::tax_contained(taken, facts.tax_rate);
    let receipt = Receipt {
        company: facts.company,
        number: session.token.clone(),
        charge_point: public_id(&session.charge_point_id).to_owned(),
        charge_point_name: facts.charge_point_name,
        address: facts.address,
        connector_id: session.connector_id,
        transaction_id: transaction,
        started_at_ms: app
            .rest_store
            .transaction_end(transaction)
            .await?
            .started_at_ms,
        ended_at_ms,
        usage,
        taken,
        tax: in_coins(tax, &session.tariff.currency),
        tax_rate: facts.tax_rate,
        payment_status: session.payment_status,
        captured: session.captured,
        tariff: session.tariff,
        price,
    };
    let pdf = tokio::task::spawn_blocking(move || receipt::pdf(&receipt)).await;
    let pdf = pdf.map_err(|error| ApiError::Internal(error.to_string()))?;
    let pdf = pdf.map_err(ApiError::Internal)?;
    let name = format!("attachment; filename=\"receipt-{}.pdf\"", session.token);
    let headers = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, pdf).into_response())
}
