//! `GET /api/v1/authority`: the root of the built-in certificate authority, for everybody who is to trust it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// Where it is.
pub(crate) const AUTHORITY_PATH: &str = "/api/v1/authority";

const PEM: &str = "application/x-pem-file";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(authority))
}

/// Gives the root certificate of the built-in authority as PEM: it issues the certificates of charge points, and
/// the server's own where none was given. No credentials are wanted.
#[utoipa::path(
    get,
    path = "/api/v1/authority",
    tag = "Certificates",
    responses((status = 200, body = String, content_type = "application/x-pem-file")),
    security(())
)]
async fn authority(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, PEM)], app.authority.root_pem().to_owned())
}
