//! `…/projects/{project_id}/invite-site-owner` and `/complete-handover`: a project changes hands.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::projects::handover::{self, Features, Invite, NotInvited, SignOff, warnings};
use crate::rest::auth::Installer;
use crate::rest::error::{Answer, ApiError, StatusAnswer};
use crate::rest::input::{Body, PathId, plain, prose};
use crate::rest::openapi::{AccessErrors, BodyErrors, InvitationErrors, MissingErrors};
use crate::rest::project::{FeaturesBody, missing};
use crate::rest::stamp::Stamp;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(invite))
        .routes(routes!(complete))
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewInvitation {
    #[garde(email, length(chars, max = 255), custom(plain))]
    #[schema(format = Email, max_length = 255, example = "facilities@riversidebp.com")]
    email: String,
    /// Stands in the mail, above the link.
    #[garde(inner(length(chars, max = 4000), custom(prose)))]
    #[schema(max_length = 4000)]
    message: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct InvitationBody {
    #[schema(example = "inv_01HX7ABCDEFGH12345")]
    invitation_id: String,
    email: String,
    expires_at: Stamp,
}

/// Invites somebody to own the site of a project, by mail. The link is good for seven days, or until
/// somebody is invited again. 20 mails that nobody accepted may leave in 24 hours.
#[utoipa::path(
    post,
    path = "/api/v1/installer/projects/{project_id}/invite-site-owner",
    tag = "Installers",
    params(("project_id" = String, Path)),
    request_body = NewInvitation,
    responses(
        (status = 201, body = InvitationBody), AccessErrors, BodyErrors, MissingErrors,
        InvitationErrors
    ),
    security(("installer" = []))
)]
async fn invite(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    Body(body): Body<NewInvitation>,
) -> StatusAnswer<InvitationBody> {
    let invite = Invite {
        owner: installer.owner(),
        project_id: id.clone(),
        email: body.email,
        message: body.message,
        public_url: app.urls.http.clone(),
        now_ms: app.clock().now_ms(),
    };
    let invited = handover::invite(&app.rest_store, invite).await?;
    let invited = invited.ok_or_else(|| missing(&id))?;
    let invitation = invited.map_err(|refused| match refused {
        NotInvited::TooMany => {
            let message = "20 invitations of the last 24 hours were not accepted yet, or too many mails left \
                           within them, to this address or in all";
            ApiError::Unprocessable("too_many_invitations", message.to_owned())
        }
        NotInvited::Accepted => {
            let message = format!("the project {id:?} has its site owner already");
            ApiError::Conflict("already_accepted", message)
        }
    })?;
    let answer = InvitationBody {
        invitation_id: invitation.id,
        email: invitation.email,
        expires_at: Stamp(invitation.expires_at_ms),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

#[derive(Deserialize, ToSchema, Validate)]
struct HandoverRequest {
    #[garde(inner(length(chars, max = 4000), custom(prose)))]
    #[schema(
        max_length = 4000,
        example = "All connectors tested. Site owner briefed on app usage."
    )]
    sign_off_notes: Option<String>,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "J. Smith")]
    installer_signature: String,
}

#[derive(Serialize, ToSchema)]
struct HandoverBody {
    project_id: String,
    #[schema(example = "handed_over")]
    status: &'static str,
    completed_at: Stamp,
    features: FeaturesBody,
    /// `invitation_not_accepted`: nobody accepted to own the site yet.
    warnings: Vec<&'static str>,
}

/// Hands a project over: its transactions are billed from now on. A second time changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/installer/projects/{project_id}/complete-handover",
    tag = "Installers",
    params(("project_id" = String, Path)),
    request_body = HandoverRequest,
    responses((status = 200, body = HandoverBody), AccessErrors, BodyErrors, MissingErrors),
    security(("installer" = []))
)]
async fn complete(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    Body(body): Body<HandoverRequest>,
) -> Answer<HandoverBody> {
    let now_ms = app.clock().now_ms();
    let sign_off = SignOff {
        owner: installer.owner(),
        project_id: id.clone(),
        notes: body.sign_off_notes,
        signature: body.installer_signature,
        now_ms,
    };
    let project = handover::complete(&app.rest_store, sign_off).await?;
    let project = project.ok_or_else(|| missing(&id))?;
    Ok(Json(HandoverBody {
        status: project.status(),
        completed_at: Stamp(project.handed_over_at_ms.unwrap_or(now_ms)),
        features: Features::of(&project).into(),
        warnings: warnings(&project),
        project_id: id,
    }))
}
