//! `/api/v1/installer/commissioning/{id}/*`: the automated run, how far it has come, and its record.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::commissioning::take_up;
use crate::domain::projects::commissioning::new_checks;
use crate::rest::auth::Installer;
use crate::rest::charge_point;
use crate::rest::error::{Answer, ApiError, StatusAnswer};
use crate::rest::input::{OptionalBody, PathId};
use crate::rest::openapi::{AccessErrors, BodyErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::{Account, Run, random_text};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(status))
        .routes(routes!(log))
}

#[derive(Default, Deserialize, ToSchema, Validate)]
struct StartRun {
    /// Whether a transaction is started and stopped; false when left out.
    #[garde(skip)]
    #[serde(default)]
    #[schema(example = true)]
    run_test_transaction: bool,
    /// Whether the installer gets a mail at the end, and webhooks `charge_point.commissioned` when the run completed,
    /// also where the charge point was commissioned before; false when left out.
    #[garde(skip)]
    #[serde(default)]
    #[schema(example = true)]
    notify_on_complete: bool,
}

#[derive(Serialize, ToSchema)]
struct StartedRun {
    commissioning_id: String,
    charge_point_id: String,
    #[schema(example = "in_progress")]
    status: String,
    started_at: Stamp,
}

/// Starts the run; one that is in progress is answered instead of a second.
#[utoipa::path(
    post,
    path = "/api/v1/installer/commissioning/{charge_point_id}/start",
    tag = "Commissioning",
    params(("charge_point_id" = String, Path)),
    request_body = Option<StartRun>,
    responses((status = 202, body = StartedRun), AccessErrors, BodyErrors, MissingErrors),
    security(("installer" = []))
)]
async fn start(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    OptionalBody(body): OptionalBody<StartRun>,
) -> StatusAnswer<StartedRun> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let wanted = body.unwrap_or_default();
    let run = Run {
        id: format!("com_{}", random_text(18)),
        charge_point_id: point.id.clone(),
        installer_id: installer.id,
        status: "in_progress".to_owned(),
        run_test_transaction: wanted.run_test_transaction,
        notify_on_complete: wanted.notify_on_complete,
        checks: new_checks(wanted.run_test_transaction),
        started_at_ms: app.clock().now_ms(),
        completed_at_ms: None,
        leased_by: app.run_id.clone(),
    };
    let new_id = run.id.clone();
    let run = app.rest_store.begin_run(&point, run).await?;
    let run = run.ok_or_else(|| charge_point::missing(&id))?;
    let answer = StartedRun {
        commissioning_id: run.id.clone(),
        charge_point_id: run.charge_point_id.clone(),
        status: run.status.clone(),
        started_at: Stamp(run.started_at_ms),
    };
    // A run in progress has its task, in this process or in another, or gets it again soon.
    if run.id == new_id {
        take_up(&app, run, false);
    }
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

#[derive(Serialize, ToSchema)]
struct RunStatus {
    commissioning_id: String,
    charge_point_id: String,
    /// `in_progress`, `completed` or `failed`.
    #[schema(example = "completed")]
    status: String,
    checks: Vec<CheckBody>,
    started_at: Stamp,
    completed_at: Option<Stamp>,
}

#[derive(Serialize, ToSchema)]
struct CheckBody {
    #[schema(example = "ocpp_handshake")]
    name: &'static str,
    /// `passed`, `failed`, `skipped` or `pending`.
    #[schema(example = "passed")]
    result: &'static str,
    /// Why it did not pass.
    reason: Option<String>,
}

/// How far the newest run has come.
#[utoipa::path(
    get,
    path = "/api/v1/installer/commissioning/{charge_point_id}/status",
    tag = "Commissioning",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = RunStatus), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn status(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
) -> Answer<RunStatus> {
    let run = newest(&app, &installer, &id).await?;
    let checks = run.checks.into_iter().map(|check| CheckBody {
        name: check.name.as_str(),
        result: check.result.as_str(),
        reason: check.reason,
    });
    Ok(Json(RunStatus {
        checks: checks.collect(),
        commissioning_id: run.id,
        charge_point_id: run.charge_point_id,
        status: run.status,
        started_at: Stamp(run.started_at_ms),
        completed_at: run.completed_at_ms.map(Stamp),
    }))
}

#[derive(Serialize, ToSchema)]
struct RunLog {
    commissioning_id: String,
    charge_point_id: String,
    entries: Vec<EntryBody>,
}

/// A frame as it travelled, or a sentence.
#[derive(Serialize, ToSchema)]
struct EntryBody {
    at: Stamp,
    #[schema(example = "test_transaction")]
    check: String,
    /// `sent` to or `received` from the charge point; `null` for a sentence.
    direction: Option<String>,
    /// As OCPP-J has it: `[2, id, action, payload]` and its answer. A payload above 4 KiB is cut to a text, one
    /// above 16 KiB left out; `message` says so.
    #[schema(value_type = Option<Vec<Value>>)]
    frame: Option<Value>,
    message: Option<String>,
}

/// The record of the newest run: what was found, and the frames behind it.
#[utoipa::path(
    get,
    path = "/api/v1/installer/commissioning/{charge_point_id}/log",
    tag = "Commissioning",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = RunLog), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn log(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
) -> Answer<RunLog> {
    let run = newest(&app, &installer, &id).await?;
    let entries = app.rest_store.run_log(&run).await?;
    Ok(Json(RunLog {
        commissioning_id: run.id,
        charge_point_id: run.charge_point_id,
        entries: entries.into_iter().map(show).collect(),
    }))
}

fn show((at_ms, entry): (i64, String)) -> EntryBody {
    let entry: Value = serde_json::from_str(&entry).unwrap_or(Value::Null);
    let text = |field: &str| entry[field].as_str().map(str::to_owned);
    EntryBody {
        at: Stamp(at_ms),
        check: text("check").unwrap_or_default(),
        direction: text("direction"),
        message: text("message"),
        frame: entry.get("frame").cloned(),
    }
}

async fn newest(app: &App, installer: &Account, id: &str) -> Result<Run, ApiError> {
    let point = charge_point::find(app, &installer.owner(), id).await?;
    let run = app.rest_store.newest_run(&point).await?;
    run.ok_or_else(|| {
        ApiError::NotFound(format!(
            "no commissioning run of {:?} was started",
            point.id
        ))
    })
}
