//! `/api/v1/sites`: places where charge points stand, for organizations and installers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{AnyReader, AnyWriter};
use super::error::{Answer, ApiError, StatusAnswer};
use super::input::{Body, Paging, Params, PathId, plain, slice};
use super::location::{Given, Location};
use super::openapi::{AccessErrors, BodyErrors, MissingErrors, QueryErrors, SiteInUseErrors};
use super::stamp::Stamp;
use crate::App;
use crate::store::{Site, SiteChange as StoredChange, random_text};

const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 100;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, change, delete))
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewSite {
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "Riverside Car Park A")]
    name: String,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(
        min_length = 1,
        max_length = 255,
        example = "12 Riverside Way, Bristol, BS1 4AA"
    )]
    address: String,
    /// In degrees; with `longitude`, or not at all.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90, example = 51.4545)]
    latitude: Option<f64>,
    /// In degrees; with `latitude`, or not at all.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180, example = -2.5879)]
    longitude: Option<f64>,
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema, Validate)]
struct SiteChange {
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255)]
    address: Option<String>,
    /// In degrees; with `longitude`, or not at all.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90)]
    latitude: Option<f64>,
    /// In degrees; with `latitude`, or not at all.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180)]
    longitude: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct SiteBody {
    id: String,
    name: String,
    address: String,
    latitude: Option<f64>,
    longitude: Option<f64>,
    created_at: Stamp,
}

#[derive(Serialize, ToSchema)]
struct Sites {
    sites: Vec<SiteBody>,
    total: i64,
    page: i64,
    per_page: i64,
}

/// Makes a site. The organization sees what its installers made; an installer sees what they made themselves.
#[utoipa::path(
    post,
    path = "/api/v1/sites",
    tag = "Sites",
    request_body = NewSite,
    responses((status = 201, body = SiteBody), AccessErrors, BodyErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn create(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    Body(body): Body<NewSite>,
) -> StatusAnswer<SiteBody> {
    let flat = Location::flat(body.latitude, body.longitude, None);
    let place = Given::of(None, flat).place()?;
    let site = Site {
        id: format!("site_{}", random_text(18)),
        name: body.name,
        address: body.address,
        latitude: place.map(|place| place.latitude),
        longitude: place.map(|place| place.longitude),
        created_at_ms: app.clock().now_ms(),
    };
    app.rest_store.create_site(&owner, site.clone()).await?;
    Ok((StatusCode::CREATED, Json(show(site))))
}

/// Lists sites, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/sites",
    tag = "Sites",
    params(Paging),
    responses((status = 200, body = Sites), AccessErrors, QueryErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn list(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    Params(paging): Params<Paging>,
) -> Answer<Sites> {
    let (page, per_page) = paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let (sites, total) = app.rest_store.sites(&owner, slice(page, per_page)).await?;
    Ok(Json(Sites {
        sites: sites.into_iter().map(show).collect(),
        total,
        page,
        per_page,
    }))
}

/// Shows a site.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site_id}",
    tag = "Sites",
    params(("site_id" = String, Path)),
    responses((status = 200, body = SiteBody), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn get(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    PathId(id): PathId,
) -> Answer<SiteBody> {
    let site = app.rest_store.site(&owner, &id).await?;
    site.map(|site| Json(show(site)))
        .ok_or_else(|| missing(&id))
}

/// Changes a site.
#[utoipa::path(
    put,
    path = "/api/v1/sites/{site_id}",
    tag = "Sites",
    params(("site_id" = String, Path)),
    request_body = SiteChange,
    responses((status = 200, body = SiteBody), AccessErrors, BodyErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn change(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    PathId(id): PathId,
    Body(body): Body<SiteChange>,
) -> Answer<SiteBody> {
    let flat = Location::flat(body.latitude, body.longitude, None);
    let change = StoredChange {
        id: id.clone(),
        name: body.name,
        address: body.address,
        place: Given::of(None, flat).place()?,
        now_ms: app.clock().now_ms(),
    };
    let site = app.rest_store.change_site(&owner, change).await?;
    site.map(|site| Json(show(site)))
        .ok_or_else(|| missing(&id))
}

/// Removes a site where no charge point stands.
#[utoipa::path(
    delete,
    path = "/api/v1/sites/{site_id}",
    tag = "Sites",
    params(("site_id" = String, Path)),
    responses((status = 204), AccessErrors, MissingErrors, SiteInUseErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn delete(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    PathId(id): PathId,
) -> Result<StatusCode, ApiError> {
    let now_ms = app.clock().now_ms();
    match app.rest_store.delete_site(&owner, &id, now_ms).await? {
        None => Err(missing(&id)),
        Some(true) => Ok(StatusCode::NO_CONTENT),
        Some(false) => {
            let message = format!("charge points stand on the site {id:?}: move them first");
            Err(ApiError::Conflict("in_use", message))
        }
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::NotFound(format!("there is no site {id:?}"))
}

fn show(site: Site) -> SiteBody {
    SiteBody {
        id: site.id,
        name: site.name,
        address: site.address,
        latitude: site.latitude,
        longitude: site.longitude,
        created_at: Stamp(site.created_at_ms),
    }
}
