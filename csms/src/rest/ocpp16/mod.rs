//! `/api/v1/ocpp16/*`: commands to charge points that speak OCPP 1.6, and what they reported.

mod bodies;
mod body;
mod dedicated;
mod deviations;
mod orphan_stops;
mod profile;
mod send_command;
mod sending;
mod status;
pub(super) mod transactions;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(send_command::router())
        .merge(dedicated::router())
        .merge(status::router())
        .merge(deviations::router())
        .merge(transactions::router())
        .merge(orphan_stops::router())
}
