//! `POST /api/v1/installer/projects`: an installer begins to equip a place.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::rest::auth::Installer;
use crate::rest::error::{ApiError, StatusAnswer};
use crate::rest::input::{Body, plain};
use crate::rest::openapi::{AccessErrors, BodyErrors, ConflictErrors};
use crate::rest::project::{ProjectBody, show};
use crate::store::{Project, random_text};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create))
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewProject {
    /// Given when it must be known beforehand; generated when left out.
    #[garde(inner(length(chars, min = 1, max = 64), pattern("^[A-Za-z0-9_-]+$")))]
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    id: Option<String>,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "Riverside Business Park")]
    name: String,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(
        min_length = 1,
        max_length = 255,
        example = "12 Riverside Way, Bristol, BS1 4AA"
    )]
    address: String,
    #[garde(inner(email, length(chars, max = 255)))]
    #[schema(format = Email, max_length = 255, example = "facilities@riversidebp.com")]
    site_owner_email: Option<String>,
}

/// Begins a project.
#[utoipa::path(
    post,
    path = "/api/v1/installer/projects",
    tag = "Installers",
    request_body = NewProject,
    responses((status = 201, body = ProjectBody), AccessErrors, BodyErrors, ConflictErrors),
    security(("installer" = []))
)]
async fn create(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    Body(body): Body<NewProject>,
) -> StatusAnswer<ProjectBody> {
    let project = Project {
        id: body
            .id
            .unwrap_or_else(|| format!("prj_{}", random_text(18))),
        organization_id: installer.organization_id,
        installer_id: installer.id,
        name: body.name,
        address: body.address,
        site_owner_email: body.site_owner_email,
        created_at_ms: app.clock().now_ms(),
        ..Project::default()
    };
    if !app.rest_store.create_project(project.clone()).await? {
        let message = format!("a project with the id {:?} exists already", project.id);
        return Err(ApiError::Conflict("already_exists", message));
    }
    Ok((StatusCode::CREATED, Json(show(project))))
}
