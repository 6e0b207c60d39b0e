//! `/api/v1/installer/*`: what installers do, from signing up to handing over.

mod account;
mod certificate;
mod charge_point;
mod commissioning;
mod configuration;
mod connection;
mod handover;
mod project;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(account::router())
        .merge(certificate::router())
        .merge(charge_point::router())
        .merge(handover::router())
        .merge(project::router())
        .merge(configuration::router())
        .merge(connection::router())
        .merge(commissioning::router())
}
