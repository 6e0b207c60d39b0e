//! `/api/v1/installer/*`: what installers do, from signing up to handing over.

mod account;
mod certificate;
mod project;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(account::router())
        .merge(certificate::router())
        .merge(project::router())
}
