//! `/api/v1/installer/*`: what installers do, from signing up to handing over.

mod account;
mod commissioning;
mod configuration;
mod connection;
mod project;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(account::router())
        .merge(project::router())
        .merge(configuration::router())
        .merge(connection::router())
        .merge(commissioning::router())
}
