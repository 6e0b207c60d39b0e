//! The REST API: one file per resource, errors in one shape everywhere.

#![allow(
    unused_qualifications,
    reason = "what utoipa's attribute writes into the handlers is qualified"
)]

pub(crate) mod attempts;
mod auth;
mod authority;
mod charge_point;
mod cpo;
mod error;
mod guest;
mod input;
mod installer;
mod integration_request;
mod invitation;
mod location;
mod metrics;
mod money;
mod ocpp16;
mod openapi;
mod project;
mod site;
mod stamp;
mod tariff;
pub(crate) mod token;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Body as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::App;
use crate::listen::lacks_host;
pub(crate) use authority::AUTHORITY_PATH;
use error::ApiError;

/// Bytes of a body that arrive with its head: what is not read of them does no harm.
const READ_AHEAD_BYTES: u64 = 8 * 1024;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything on the HTTP listener.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (api, mut description) = api().split_for_parts();
    openapi::complete(&mut description);
    let figures = app.metrics.clone();
    let ocpi = crate::ocpi::router(&app);
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::metrics))
        .route(invitation::PAGE, get(invitation::page))
        .route(crate::payment::RETURN_PATH, get(guest::returned))
        .route(guest::ACTION_PAGE, get(guest::action_page).post(guest::act))
        .merge(api)
        .route(openapi::PATH, openapi::rendered(&description))
        .merge(SwaggerUi::new("/docs").config(Config::from(openapi::PATH)))
        .fallback(|| async { ApiError::NotFound("there is no such path".to_owned()) })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(middleware::from_fn(finish_errors))
        .merge(ocpi)
        .layer(middleware::from_fn_with_state(figures, metrics::count))
        .with_state(app)
}

/// Every operation with its description.
fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .merge(authority::router())
        .merge(cpo::router())
        .merge(installer::router())
        .merge(invitation::router())
        .merge(ocpp16::router())
        .merge(project::router())
        .merge(site::router())
        .merge(tariff::router())
        .merge(integration_request::router())
        .merge(webhook::router())
        .merge(guest::router())
}

/// Ready is who commits: a database that can only be read, is locked or full takes no facts.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.probe.run(&app.store).await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            if error.is_in_the_log() {
                tracing::debug!(cause = %error, "not ready");
            } else {
                tracing::warn!(cause = %error, "not ready");
            }
            let text = "the database takes no facts, the log says why\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

/// Gives every answer a request id, and errors their body with it.
async fn finish_errors(request: Request, next: Next) -> Response {
    let request_id = format!("req_{}", uuid::Uuid::new_v4().simple());
    let has_much_to_say = request
        .body()
        .size_hint()
        .upper()
        .is_none_or(|bytes| bytes > READ_AHEAD_BYTES);
    let mut response = if lacks_host(&request) {
        ApiError::field("Host", "one is wanted").into_response()
    } else {
        next.run(request).await
    };
    if has_much_to_say && response.status().is_client_error() {
        // The refusal may have come before the body was read, and what is left of it is no next request.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    if let Some(error) = response.extensions_mut().remove::<Arc<ApiError>>() {
        match &*error {
            ApiError::Internal(cause) => {
                tracing::error!(request_id, cause, "a request could not be served");
            }
            ApiError::Unavailable(cause) => {
                tracing::debug!(request_id, cause, "a request could not be served now");
            }
            _ => {}
        }
        let body = error.body(&request_id).to_string();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().remove("content-length");
        *response.body_mut() = body.into();
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    response
}
