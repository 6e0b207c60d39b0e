//! `/api/v1/integration-requests`: wishes for a connection to somebody else's system.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Reader, Writer};
use super::error::{Answer, StatusAnswer};
use super::input::{Body, Paging, Params, plain, slice};
use super::openapi::{AccessErrors, BodyErrors, QueryErrors};
use super::stamp::Stamp;
use crate::App;
use crate::store::{IntegrationRequest, random_text};

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, list))
}

/// What kind of system it is.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum IntegrationType {
    Emsp,
    RoamingHub,
    Payment,
    Other,
}

impl IntegrationType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Emsp => "emsp",
            Self::RoamingHub => "roaming_hub",
            Self::Payment => "payment",
            Self::Other => "other",
        }
    }
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewIntegrationRequest {
    #[garde(skip)]
    integration_type: IntegrationType,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "Hubject")]
    partner_name: String,
    #[garde(inner(length(chars, max = 2000), custom(text)))]
    #[schema(
        max_length = 2000,
        example = "We need to connect to the Hubject Intercharge network for pan-European roaming coverage."
    )]
    description: Option<String>,
}

/// Text in lines. U+0000 is in no text, and PostgreSQL does not keep it.
fn text(text: &str, (): &()) -> garde::Result {
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(bad) {
        return Err(garde::Error::new("it has control characters"));
    }
    Ok(())
}

#[derive(Serialize, ToSchema)]
struct IntegrationRequestBody {
    #[schema(example = "ireq_01HXK3L2M1N0O9P8")]
    id: String,
    #[schema(example = "roaming_hub")]
    integration_type: String,
    partner_name: String,
    description: Option<String>,
    #[schema(example = "submitted")]
    status: String,
    created_at: Stamp,
}

#[derive(Serialize, ToSchema)]
struct IntegrationRequests {
    data: Vec<IntegrationRequestBody>,
    total: i64,
    page: i64,
    per_page: i64,
}

/// Asks for a new integration.
#[utoipa::path(
    post,
    path = "/api/v1/integration-requests",
    tag = "Integrations",
    request_body = NewIntegrationRequest,
    responses((status = 201, body = IntegrationRequestBody), AccessErrors, BodyErrors),
    security(("apiKey" = []))
)]
async fn create(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    Body(body): Body<NewIntegrationRequest>,
) -> StatusAnswer<IntegrationRequestBody> {
    let request = IntegrationRequest {
        id: format!("ireq_{}", random_text(18)),
        organization_id: owner.organization_id,
        integration_type: body.integration_type.as_str().to_owned(),
        partner_name: body.partner_name,
        description: body.description,
        status: "submitted".to_owned(),
        created_at_ms: app.clock().now_ms(),
    };
    app.rest_store
        .create_integration_request(request.clone())
        .await?;
    Ok((StatusCode::CREATED, Json(show(request))))
}

/// Lists the integrations that were asked for, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/integration-requests",
    tag = "Integrations",
    params(Paging),
    responses((status = 200, body = IntegrationRequests), AccessErrors, QueryErrors),
    security(("apiKey" = []))
)]
async fn list(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    Params(paging): Params<Paging>,
) -> Answer<IntegrationRequests> {
    let (page, per_page) = paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let rows = app
        .rest_store
        .integration_requests(&owner.organization_id, slice(page, per_page));
    let (rows, total) = rows.await?;
    Ok(Json(IntegrationRequests {
        data: rows.into_iter().map(show).collect(),
        total,
        page,
        per_page,
    }))
}

fn show(request: IntegrationRequest) -> IntegrationRequestBody {
    IntegrationRequestBody {
        id: request.id,
        integration_type: request.integration_type,
        partner_name: request.partner_name,
        description: request.description,
        status: request.status,
        created_at: Stamp(request.created_at_ms),
    }
}
