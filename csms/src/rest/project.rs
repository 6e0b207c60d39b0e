//! `/api/v1/projects`: what organizations, installers and site owners see of a project, and who may charge there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{AnyWriter, Anyone};
use super::charge_point::{RegisteredChargePoint, RegisteredChargePoints};
use super::error::{Answer, ApiError};
use super::input::{Body, Paging, Params, PathId, plain, slice};
use super::ocpp16::transactions::{self, Transactions};
use super::openapi::{AccessErrors, BodyErrors, MissingErrors, QueryErrors};
use super::stamp::Stamp;
use crate::App;
use crate::domain::projects::handover::Features;
use crate::domain::tags::access::Access;
use crate::store::{OwnedProject, Owner, Project, RecordFilter, TransactionFilter};

const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 100;
const TRANSACTIONS_PER_PAGE: i64 = 50;
const TRANSACTIONS_PER_PAGE_MAX: i64 = 1000;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(charge_points))
        .routes(routes!(project_transactions))
        .routes(routes!(access, set_access))
}

/// A project.
#[derive(Serialize, ToSchema)]
pub(super) struct ProjectBody {
    id: String,
    name: String,
    address: String,
    site_owner_email: Option<String>,
    /// Whether the invited accepted.
    site_owner_accepted: bool,
    /// `in_progress` or `handed_over`.
    #[schema(example = "in_progress")]
    status: &'static str,
    features: FeaturesBody,
    created_at: Stamp,
    /// When it was handed over.
    completed_at: Option<Stamp>,
    sign_off_notes: Option<String>,
    installer_signature: Option<String>,
}

/// What a project may do: nothing before the hand-over.
#[derive(Serialize, ToSchema)]
#[schema(as = Features)]
pub(super) struct FeaturesBody {
    /// Its transactions are billed.
    billing: bool,
    /// Its charge points may be given charging profiles for the load of the site.
    smart_charging: bool,
}

impl From<Features> for FeaturesBody {
    fn from(features: Features) -> Self {
        Self {
            billing: features.billing,
            smart_charging: features.smart_charging,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Projects {
    projects: Vec<ProjectBody>,
    total: i64,
    page: i64,
    per_page: i64,
}

pub(super) fn show(project: Project) -> ProjectBody {
    ProjectBody {
        status: project.status(),
        features: Features::of(&project).into(),
        site_owner_accepted: project.site_owner_id.is_some(),
        id: project.id,
        name: project.name,
        address: project.address,
        site_owner_email: project.site_owner_email,
        created_at: Stamp(project.created_at_ms),
        completed_at: project.handed_over_at_ms.map(Stamp),
        sign_off_notes: project.sign_off_notes,
        installer_signature: project.installer_signature,
    }
}

pub(super) fn missing(id: &str) -> ApiError {
    ApiError::NotFound(format!("there is no project {id:?}"))
}

/// The project of this id, if it is the owner's.
pub(super) async fn find(app: &App, owner: &Owner, id: &str) -> Result<OwnedProject, ApiError> {
    let found = app.rest_store.project(owner, id).await?;
    found.ok_or_else(|| missing(id))
}

/// Lists projects, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    tag = "Projects",
    params(Paging),
    responses((status = 200, body = Projects), AccessErrors, QueryErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn list(
    State(app): State<Arc<App>>,
    Anyone(owner): Anyone,
    Params(paging): Params<Paging>,
) -> Answer<Projects> {
    let (page, per_page) = paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let (projects, total) = app
        .rest_store
        .projects(&owner, slice(page, per_page))
        .await?;
    Ok(Json(Projects {
        projects: projects.into_iter().map(show).collect(),
        total,
        page,
        per_page,
    }))
}

/// Shows a project.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{project_id}",
    tag = "Projects",
    params(("project_id" = String, Path)),
    responses((status = 200, body = ProjectBody), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn get(
    State(app): State<Arc<App>>,
    Anyone(owner): Anyone,
    PathId(id): PathId,
) -> Answer<ProjectBody> {
    let project = find(&app, &owner, &id).await?;
    Ok(Json(show(project.into_project())))
}

/// Lists the charge points of a project, by identity.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{project_id}/charge-points",
    tag = "Projects",
    params(("project_id" = String, Path), Paging),
    responses(
        (status = 200, body = RegisteredChargePoints), AccessErrors, MissingErrors, QueryErrors
    ),
    security(("apiKey" = []), ("installer" = []))
)]
async fn charge_points(
    State(app): State<Arc<App>>,
    Anyone(owner): Anyone,
    PathId(id): PathId,
    Params(paging): Params<Paging>,
) -> Answer<RegisteredChargePoints> {
    let project = find(&app, &owner, &id).await?;
    let (page, per_page) = paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let filter = RecordFilter {
        owner,
        project_id: Some(project.id.clone()),
        site_id: None,
        stage: None,
        not_among: None,
    };
    let slice = slice(page, per_page);
    let (records, total) = app.rest_store.charge_point_records(&filter, slice).await?;
    let show = |record| RegisteredChargePoint::show(&app, record);
    Ok(Json(RegisteredChargePoints {
        charge_points: records.into_iter().map(show).collect(),
        total,
        page,
        per_page,
    }))
}

/// Lists the transactions at the charge points of a project, oldest first, those of deleted ones included.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{project_id}/transactions",
    tag = "Projects",
    params(("project_id" = String, Path), Paging),
    responses((status = 200, body = Transactions), AccessErrors, MissingErrors, QueryErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn project_transactions(
    State(app): State<Arc<App>>,
    Anyone(owner): Anyone,
    PathId(id): PathId,
    Params(paging): Params<Paging>,
) -> Answer<Transactions> {
    let project = find(&app, &owner, &id).await?;
    let (page, per_page) = paging.resolve(TRANSACTIONS_PER_PAGE, TRANSACTIONS_PER_PAGE_MAX)?;
    let (limit, offset) = slice(page, per_page);
    let filter = TransactionFilter {
        owner,
        project_id: Some(project.id.clone()),
        charge_point_id: None,
        id_tag: None,
        from_ms: i64::MIN,
        to_ms: i64::MAX,
        limit,
        offset,
    };
    let (rows, total) = app.rest_store.transactions(&filter).await?;
    let shown: Result<Vec<_>, ApiError> = rows
        .into_iter()
        .map(|row| transactions::show(&app, row))
        .collect();
    Ok(Json(Transactions {
        transactions: shown?,
        total,
        page,
        per_page,
    }))
}

/// Who may charge at the points of a project.
#[derive(Deserialize, Serialize, ToSchema, Validate)]
#[schema(as = ProjectAccess)]
struct AccessBody {
    #[garde(skip)]
    policy: Policy,
    /// The tags of the policy `list`; compared without case.
    #[garde(
        length(max = 10_000),
        inner(length(chars, min = 1, max = 255), custom(plain))
    )]
    #[serde(default)]
    #[schema(max_items = 10_000, required = false)]
    id_tags: Vec<String>,
}

/// `open`: everybody whose tag is good. `list`: of those, only the tags of the list; others are Invalid.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AccessPolicy)]
enum Policy {
    Open,
    List,
}

impl Policy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::List => "list",
        }
    }
}

/// Shows who may charge at the points of a project.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{project_id}/access",
    tag = "Projects",
    params(("project_id" = String, Path)),
    responses((status = 200, body = AccessBody), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn access(
    State(app): State<Arc<App>>,
    Anyone(owner): Anyone,
    PathId(id): PathId,
) -> Answer<AccessBody> {
    let found = app.rest_store.project_access(&owner, &id).await?;
    let (policy, tags) = found.ok_or_else(|| missing(&id))?;
    let policy = match Access::from_columns(&policy, &tags)? {
        Access::Open => Policy::Open,
        Access::List(_) => Policy::List,
    };
    // An open project keeps its list for the day it is wanted again.
    let id_tags = match Access::from_columns("list", &tags)? {
        Access::List(tags) => tags,
        Access::Open => Vec::new(),
    };
    Ok(Json(AccessBody { policy, id_tags }))
}

/// Sets who may charge at the points of a project, from the next message about a tag on.
#[utoipa::path(
    put,
    path = "/api/v1/projects/{project_id}/access",
    tag = "Projects",
    params(("project_id" = String, Path)),
    request_body = AccessBody,
    responses((status = 200, body = AccessBody), AccessErrors, BodyErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn set_access(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    PathId(id): PathId,
    Body(body): Body<AccessBody>,
) -> Answer<AccessBody> {
    let tags = serde_json::to_string(&body.id_tags).expect("a list of texts can be written");
    let columns = (body.policy.as_str().to_owned(), tags);
    let now_ms = app.clock().now_ms();
    let set = app
        .rest_store
        .set_project_access(&owner, &id, columns, now_ms);
    if !set.await? {
        return Err(missing(&id));
    }
    Ok(Json(body))
}
