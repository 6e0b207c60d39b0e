//! `POST /api/v1/installer/signup` and `/login`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::listen::Peer;
use crate::rest::error::{Answer, ApiError, StatusAnswer};
use crate::rest::input::{Body, plain};
use crate::rest::openapi::{BodyErrors, ConflictErrors, LoginErrors, SignUpErrors, StoreErrors};
use crate::rest::stamp::Stamp;
use crate::store::{Account, DEFAULT_ORGANIZATION, Role, email_key, random_text};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(log_in))
}

#[derive(Deserialize, ToSchema, Validate)]
struct SignUp {
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "Acme Installations")]
    name: String,
    #[garde(email, length(chars, max = 255))]
    #[schema(format = Email, max_length = 255, example = "installer@acme.com")]
    email: String,
    #[garde(length(chars, min = 8, max = 128))]
    #[schema(format = Password, min_length = 8, max_length = 128, example = "s3cur3P@ssword!")]
    password: String,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255, example = "Acme EV Solutions Ltd")]
    company: Option<String>,
    /// The organization the installer works for; the default one when left out. It must take sign-ups: the default
    /// one does unless its operator closed it, every other one only when its operator opened it.
    #[garde(inner(length(chars, max = 64), custom(plain)))]
    #[schema(max_length = 64)]
    organization_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct AccountBody {
    id: String,
    name: String,
    email: String,
    company: Option<String>,
    role: &'static str,
    organization_id: String,
    created_at: Stamp,
}

/// Opens an account for an installer.
#[utoipa::path(
    post,
    path = "/api/v1/installer/signup",
    tag = "Installers",
    request_body = SignUp,
    responses((status = 201, body = AccountBody), BodyErrors, ConflictErrors, SignUpErrors, StoreErrors)
)]
async fn sign_up(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    Body(body): Body<SignUp>,
) -> StatusAnswer<AccountBody> {
    app.attempts.check_taken(peer.ip(), app.mono.now_ms())?;
    let account = format!("signup/{}", email_key(&body.email));
    let _turn = app.attempts.enter(account, app.mono.now_ms())?;
    let organization_id = employer(&app, body.organization_id).await?;
    let taken = || {
        app.attempts.was_taken(peer.ip(), app.mono.now_ms());
        let message = "an account with this e-mail address exists already";
        ApiError::Conflict("already_exists", message.to_owned())
    };
    // Known addresses are refused before the hash is made, which is dear on purpose.
    if app
        .rest_store
        .account_by_email(&body.email)
        .await?
        .is_some()
    {
        return Err(taken());
    }
    let account = Account {
        id: format!("usr_{}", random_text(18)),
        organization_id,
        role: Role::Installer,
        name: body.name,
        email: body.email,
        company: body.company,
        password_hash: app.passwords.hash(body.password).await,
        created_at_ms: app.clock().now_ms(),
    };
    if !app.rest_store.create_account(account.clone()).await? {
        return Err(taken());
    }
    let answer = AccountBody {
        id: account.id,
        name: account.name,
        email: account.email,
        company: account.company,
        role: account.role.as_str(),
        organization_id: account.organization_id,
        created_at: Stamp(account.created_at_ms),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The organization that an installer signs up with, if it takes sign-ups.
async fn employer(app: &App, wanted: Option<String>) -> Result<String, ApiError> {
    let id = wanted.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned());
    match app.rest_store.takes_sign_ups(&id).await? {
        Some(true) => Ok(id),
        Some(false) => Err(ApiError::Forbidden(
            "this organization takes no sign-ups: its operator can open it",
        )),
        None => Err(ApiError::field(
            "organization_id",
            "there is none of this id",
        )),
    }
}

#[derive(Deserialize, ToSchema, Validate)]
struct LogIn {
    #[garde(length(chars, max = 255), custom(plain))]
    #[schema(max_length = 255, example = "installer@acme.com")]
    email: String,
    #[garde(length(chars, max = 128))]
    #[schema(format = Password, max_length = 128, example = "s3cur3P@ssword!")]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct TokenBody {
    /// For `Authorization: Bearer TOKEN`.
    token: String,
    expires_at: Stamp,
    role: &'static str,
}

/// Gives the owner of an account a token.
#[utoipa::path(
    post,
    path = "/api/v1/installer/login",
    tag = "Installers",
    request_body = LogIn,
    responses((status = 200, body = TokenBody), BodyErrors, LoginErrors, StoreErrors)
)]
async fn log_in(State(app): State<Arc<App>>, Body(body): Body<LogIn>) -> Answer<TokenBody> {
    let account = format!("login/{}", email_key(&body.email));
    let turn = app.attempts.enter(account, app.mono.now_ms())?;
    let account = app.rest_store.account_by_email(&body.email).await?;
    // An unknown address costs as much time as a wrong password, so that nobody learns who has an account.
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    let good = app.passwords.verify_login(body.password, hash).await;
    let Some(account) = account.filter(|_| good) else {
        turn.failed(app.mono.now_ms());
        return Err(ApiError::WrongLogin);
    };
    turn.succeeded();
    let now_ms = app.clock().now_ms();
    let role = account.role.as_str();
    let (token, expires_at_ms) = app.tokens.issue(&account.id, role, now_ms);
    Ok(Json(TokenBody {
        token,
        expires_at: Stamp(expires_at_ms),
        role,
    }))
}
