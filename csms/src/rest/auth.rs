//! Who asks, and what of it all they may see.
//!
//! Two kinds of callers: programs with the API key of an organization, and people with the token of an
//! account. The extractors here let the right kind through; which rows a caller reaches is decided by their
//! [`Owner`] in every query, also where an id is given.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::App;
use crate::store::{Account, ApiKey, Owner, Role, SCOPE_READ, SCOPE_WRITE};

/// An API key that may read.
pub(crate) struct Reader(pub Owner);

/// An API key that may also write and send commands.
pub(crate) struct Writer(pub Owner);

/// The token of an installer.
pub(crate) struct Installer(pub Account);

/// Either of those that may read: an API key, or an installer for what they registered.
pub(crate) struct AnyReader(pub Owner);

/// Either of those that may write.
pub(crate) struct AnyWriter(pub Owner);

/// Anybody who may read what is theirs: an API key, an installer, a site owner.
pub(crate) struct Anyone(pub Owner);

enum Caller {
    Key(ApiKey),
    Person(Account),
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match caller(parts, app).await? {
            Caller::Key(key) => Ok(Self(of_key(key, SCOPE_READ)?)),
            Caller::Person(_) => Err(ApiError::Forbidden("an API key is wanted here")),
        }
    }
}

impl FromRequestParts<Arc<App>> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match caller(parts, app).await? {
            Caller::Key(key) => Ok(Self(of_key(key, SCOPE_WRITE)?)),
            Caller::Person(_) => Err(ApiError::Forbidden("an API key is wanted here")),
        }
    }
}

impl FromRequestParts<Arc<App>> for Installer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match caller(parts, app).await? {
            Caller::Person(account) if account.role == Role::Installer => Ok(Self(account)),
            _ => Err(ApiError::Forbidden(
                "the token of an installer is wanted here",
            )),
        }
    }
}

impl FromRequestParts<Arc<App>> for AnyReader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        either(caller(parts, app).await?, SCOPE_READ).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for AnyWriter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        either(caller(parts, app).await?, SCOPE_WRITE).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Anyone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match caller(parts, app).await? {
            Caller::Key(key) => of_key(key, SCOPE_READ).map(Self),
            Caller::Person(account) => Ok(Self(account.owner())),
        }
    }
}

fn of_key(key: ApiKey, scope: &'static str) -> Result<Owner, ApiError> {
    let (may, needs) = match scope {
        SCOPE_WRITE => (
            key.may_write(),
            "the API key lacks the scope write:charge_points",
        ),
        _ => (
            key.may_read(),
            "the API key lacks the scope read:charge_points",
        ),
    };
    if !may {
        return Err(ApiError::Forbidden(needs));
    }
    Ok(Owner::organization(key.organization_id))
}

fn either(caller: Caller, scope: &'static str) -> Result<Owner, ApiError> {
    match caller {
        Caller::Key(key) => of_key(key, scope),
        Caller::Person(account) if account.role == Role::Installer => Ok(account.owner()),
        Caller::Person(_) => Err(ApiError::Forbidden(
            "an API key or the token of an installer is wanted here",
        )),
    }
}

async fn caller(parts: &Parts, app: &App) -> Result<Caller, ApiError> {
    let secret = secret(parts).ok_or(ApiError::Unauthorized)?;
    if let Some(key) = app.rest_store.api_key(secret).await? {
        return Ok(Caller::Key(key));
    }
    let account = app.tokens.read(secret, app.clock().now_ms());
    let id = account.ok_or(ApiError::Unauthorized)?;
    let account = app.rest_store.account(&id).await?;
    account.map(Caller::Person).ok_or(ApiError::Unauthorized)
}

/// The secret the caller shows; an empty one is none.
fn secret(parts: &Parts) -> Option<&str> {
    shown(parts).filter(|key| !key.is_empty())
}

fn shown(parts: &Parts) -> Option<&str> {
    if let Some(key) = parts.headers.get("x-api-key") {
        return key.to_str().ok();
    }
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
