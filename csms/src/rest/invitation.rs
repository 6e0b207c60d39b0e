//! `POST /api/v1/invitations/accept`, and the page that the link in the mail leads to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Html;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ApiError};
use super::input::{Body, plain};
use super::openapi::{AcceptanceErrors, BodyErrors, CrowdErrors, StoreErrors};
use crate::App;
use crate::domain::projects::handover::{self, Acceptance, InvitationRefused};
use crate::store::{key_hash, random_text};

/// The path in the mail; the token is its query.
pub(super) const PAGE: &str = "/invitations/accept";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(accept))
}

/// A form that posts what is typed to the API.
pub(super) async fn page() -> Html<&'static str> {
    Html(include_str!("invitation.html"))
}

#[derive(Deserialize, ToSchema, Validate)]
#[schema(as = InvitationAcceptance)]
struct AcceptanceBody {
    /// From the link in the mail.
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255)]
    token: String,
    /// Of the new account.
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "Riverside Facilities")]
    name: String,
    /// Of the new account. Where the address has an account already, that one and its password stay.
    #[garde(length(chars, min = 8, max = 128))]
    #[schema(format = Password, min_length = 8, max_length = 128)]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct AcceptedInvitation {
    account_id: String,
    email: String,
    /// `site_owner`; log in at `/api/v1/installer/login`.
    #[schema(example = "site_owner")]
    role: &'static str,
    project_id: String,
}

/// Accepts an invitation: the invited owns the site of the project, and can log in.
#[utoipa::path(
    post,
    path = "/api/v1/invitations/accept",
    tag = "Projects",
    request_body = AcceptanceBody,
    responses((status = 200, body = AcceptedInvitation), BodyErrors, AcceptanceErrors, CrowdErrors, StoreErrors)
)]
async fn accept(
    State(app): State<Arc<App>>,
    Body(body): Body<AcceptanceBody>,
) -> Answer<AcceptedInvitation> {
    let now_ms = app.clock().now_ms();
    let token_hash = key_hash(&body.token);
    let account = format!("invitation/{token_hash}");
    let _turn = app.attempts.enter(account, app.mono.now_ms())?;
    // A token that opens nothing is refused before the hash of the password is made, which is dear on purpose.
    let invitation = app.rest_store.invitation(&token_hash).await?;
    handover::check(invitation.as_ref(), now_ms).map_err(refuse)?;
    let acceptance = Acceptance {
        token_hash,
        name: body.name,
        password_hash: app.passwords.hash(body.password).await,
        account_id: format!("usr_{}", random_text(18)),
        now_ms,
    };
    let accepted = handover::accept(&app.rest_store, acceptance).await?;
    let (account, project) = accepted.map_err(refuse)?;
    Ok(Json(AcceptedInvitation {
        account_id: account.id,
        email: account.email,
        role: account.role.as_str(),
        project_id: project.id,
    }))
}

fn refuse(refused: InvitationRefused) -> ApiError {
    match refused {
        InvitationRefused::Unknown => {
            ApiError::NotFound("there is no invitation with this token".to_owned())
        }
        InvitationRefused::Expired => ApiError::Unprocessable(
            "invitation_expired",
            "the time of this invitation is over: ask for a new one".to_owned(),
        ),
        InvitationRefused::Accepted => ApiError::Conflict(
            "already_accepted",
            "this invitation was accepted already".to_owned(),
        ),
        InvitationRefused::OtherAccount => ApiError::Conflict(
            "already_exists",
            "this e-mail address has an account that cannot own a site: ask for an invitation to another one"
                .to_owned(),
        ),
    }
}
