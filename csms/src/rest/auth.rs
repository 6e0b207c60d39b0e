//! Who asks: API keys in `Authorization: Bearer` or `X-API-Key`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::App;
use crate::store::{ApiKey, SCOPE_READ, SCOPE_WRITE};

/// A caller that may read. Holds the organization whose things it may see.
pub(crate) struct Reader(pub String);

/// A caller that may also write and send commands.
pub(crate) struct Writer(pub String);

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let key = known_key(parts, app).await?;
        if !key.may_read() {
            return Err(ApiError::Forbidden(SCOPE_READ));
        }
        Ok(Self(key.organization_id))
    }
}

impl FromRequestParts<Arc<App>> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let key = known_key(parts, app).await?;
        if !key.may_write() {
            return Err(ApiError::Forbidden(SCOPE_WRITE));
        }
        Ok(Self(key.organization_id))
    }
}

async fn known_key(parts: &Parts, app: &App) -> Result<ApiKey, ApiError> {
    let secret = secret(parts).ok_or(ApiError::Unauthorized)?;
    let key = app.store.api_key(secret).await?;
    key.ok_or(ApiError::Unauthorized)
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
