//! `/api/v1/sessions/guest/…`: sessions of people without a contract, paid for one by one.

mod authorize;
mod receipt;
mod sandbox;
mod session;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout_at};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use crate::App;
use crate::store::{GuestSession, Owner};

pub(super) use sandbox::{ACTION_PAGE, act, action_page, returned};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(authorize::authorize))
        .routes(routes!(session::status))
        .routes(routes!(session::stop))
        .routes(routes!(receipt::receipt))
}

fn not_connected() -> ApiError {
    let message = "the charge point is not connected".to_owned();
    ApiError::Unprocessable("not_connected", message)
}

/// The session once it is as wanted, or as it is when the time is over.
async fn wait_until(
    app: &App,
    token: &str,
    mut steps: watch::Receiver<u64>,
    patience: Duration,
    wanted: impl Fn(&GuestSession) -> bool,
) -> Result<GuestSession, ApiError> {
    let deadline = Instant::now() + patience;
    loop {
        let session = get(app, None, token).await?;
        if wanted(&session) {
            return Ok(session);
        }
        match timeout_at(deadline, steps.changed()).await {
            Ok(Ok(())) => {}
            // Its task has ended, or the time.
            Ok(Err(_)) | Err(_) => return get(app, None, token).await,
        }
    }
}

async fn get(app: &App, owner: Option<&Owner>, token: &str) -> Result<GuestSession, ApiError> {
    let found = app.rest_store.guest(owner, token).await?;
    found.ok_or_else(|| ApiError::NotFound("there is no session with this token".to_owned()))
}
