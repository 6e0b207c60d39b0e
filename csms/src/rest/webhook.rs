//! `/api/v1/webhooks`: who is told what happens, and where.

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
use super::error::{Answer, ApiError, StatusAnswer};
use super::input::{Body, PathId};
use super::openapi::{AccessErrors, BodyErrors, LimitErrors, MissingErrors};
use super::stamp::Stamp;
use crate::App;
use crate::domain::letters::WEBHOOKS_MAX;
use crate::domain::occurrence::Kind;
use crate::outbox::check_url;
use crate::public_only::refused_address;
use crate::store::{Webhook, random_text};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(delete))
}

/// Something a webhook is told.
#[derive(Clone, Copy, Deserialize, ToSchema)]
enum EventType {
    #[serde(rename = "charge_point.booted")]
    Booted,
    #[serde(rename = "charge_point.connected")]
    Connected,
    #[serde(rename = "charge_point.disconnected")]
    Disconnected,
    #[serde(rename = "charge_point.status_changed")]
    StatusChanged,
    #[serde(rename = "charge_point.commissioned")]
    Commissioned,
    #[serde(rename = "transaction.started")]
    TransactionStarted,
    #[serde(rename = "transaction.updated")]
    TransactionUpdated,
    #[serde(rename = "transaction.stopped")]
    TransactionStopped,
    #[serde(rename = "command.completed")]
    CommandCompleted,
}

impl EventType {
    const fn kind(self) -> Kind {
        match self {
            Self::Booted => Kind::Booted,
            Self::Connected => Kind::Connected,
            Self::Disconnected => Kind::Disconnected,
            Self::StatusChanged => Kind::StatusChanged,
            Self::Commissioned => Kind::Commissioned,
            Self::TransactionStarted => Kind::TransactionStarted,
            Self::TransactionUpdated => Kind::TransactionUpdated,
            Self::TransactionStopped => Kind::TransactionStopped,
            Self::CommandCompleted => Kind::CommandCompleted,
        }
    }
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewWebhook {
    /// Where events are posted: http or https.
    #[garde(length(chars, min = 1, max = 2048), custom(reachable))]
    #[schema(
        format = "uri",
        pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s]+$",
        min_length = 1,
        max_length = 2048,
        example = "https://example.com/events"
    )]
    url: String,
    /// What is told.
    #[garde(length(min = 1, max = 32))]
    #[schema(min_items = 1, max_items = 32)]
    events: Vec<EventType>,
    /// What events are signed with; generated when left out.
    #[garde(inner(length(chars, min = 16, max = 128), custom(visible)))]
    #[schema(format = Password, min_length = 16, max_length = 128, pattern = "^[!-~]+$")]
    secret: Option<String>,
}

fn reachable(url: &str, (): &()) -> garde::Result {
    check_url(url).map_err(garde::Error::new)
}

fn visible(secret: &str, (): &()) -> garde::Result {
    if secret.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(garde::Error::new(
        "it has characters that are no visible ASCII",
    ))
}

#[derive(Serialize, ToSchema)]
struct WebhookBody {
    #[schema(example = "wh_4Q6ZC2M8KD0TX1YB7P")]
    id: String,
    url: String,
    #[schema(example = json!(["transaction.started", "transaction.stopped"]))]
    events: Vec<String>,
    created_at: Stamp,
}

#[derive(Serialize, ToSchema)]
struct CreatedWebhook {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// Told here and never again.
    secret: String,
}

#[derive(Serialize, ToSchema)]
struct Webhooks {
    data: Vec<WebhookBody>,
    total: usize,
}

/// Adds a webhook. Every event is a POST of `{id, type, created_at, charge_point_id, data}` with the header
/// `Dynamo-Signature: t=UNIX,v1=HEX`, the HMAC-SHA256 of `t.body` with the secret. Answer 2xx within 10 seconds;
/// anything else is tried again with growing pauses for 24 hours. Events of one charge point come in their
/// order, at least once, with the same id each time. Where more than 10,000 wait for one webhook, the newest beyond
/// them are dropped; `dynamo_csms_letters_dropped_total` of `/metrics` counts them. Only public addresses are reached,
/// unless the server runs with `--webhooks-to-private-networks`. An organization can have 20 webhooks.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    tag = "Webhooks",
    request_body = NewWebhook,
    responses((status = 201, body = CreatedWebhook), AccessErrors, BodyErrors, LimitErrors),
    security(("apiKey" = []))
)]
async fn create(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    Body(body): Body<NewWebhook>,
) -> StatusAnswer<CreatedWebhook> {
    if !app.options.webhooks_to_private_networks
        && let Some(why) = refused_address(&body.url)
    {
        return Err(ApiError::field("url", why));
    }
    let asked: Vec<Kind> = body.events.iter().map(|event| event.kind()).collect();
    let events = Kind::ALL.into_iter().filter(|kind| asked.contains(kind));
    let events: Vec<&str> = events.map(Kind::as_str).collect();
    let secret = body.secret;
    let webhook = Webhook {
        id: format!("wh_{}", random_text(18)),
        organization_id: owner.organization_id,
        url: body.url,
        events: events.join(" "),
        secret: secret.unwrap_or_else(|| format!("whsec_{}", random_text(40))),
        created_at_ms: app.clock().now_ms(),
    };
    if !app.rest_store.create_webhook(webhook.clone()).await? {
        return Err(ApiError::Unprocessable(
            "too_many_webhooks",
            format!("an organization can have {WEBHOOKS_MAX} webhooks: delete one first"),
        ));
    }
    app.outbox.refresh(&app.rest_store).await?;
    let secret = webhook.secret.clone();
    let created = CreatedWebhook {
        webhook: show(webhook),
        secret,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Lists the webhooks, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    tag = "Webhooks",
    responses((status = 200, body = Webhooks), AccessErrors),
    security(("apiKey" = []))
)]
async fn list(State(app): State<Arc<App>>, Reader(owner): Reader) -> Answer<Webhooks> {
    let webhooks = app.rest_store.webhooks(&owner.organization_id).await?;
    Ok(Json(Webhooks {
        total: webhooks.len(),
        data: webhooks.into_iter().map(show).collect(),
    }))
}

/// Deletes a webhook, and what waits for it.
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{id}",
    tag = "Webhooks",
    params(("id" = String, Path)),
    responses((status = 204, description = "It is gone."), AccessErrors, MissingErrors),
    security(("apiKey" = []))
)]
async fn delete(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    PathId(id): PathId,
) -> Result<StatusCode, ApiError> {
    let now_ms = app.clock().now_ms();
    let deleted = app
        .rest_store
        .delete_webhook(&owner.organization_id, &id, now_ms)
        .await?;
    if !deleted {
        return Err(ApiError::NotFound(format!("there is no webhook {id:?}")));
    }
    app.outbox.refresh(&app.rest_store).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn show(webhook: Webhook) -> WebhookBody {
    WebhookBody {
        id: webhook.id,
        url: webhook.url,
        events: webhook.events.split(' ').map(str::to_owned).collect(),
        created_at: Stamp(webhook.created_at_ms),
    }
}
