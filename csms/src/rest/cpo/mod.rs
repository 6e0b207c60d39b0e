//! `/api/v1/chargepoints` and `/api/v1/public/chargers`: charge points as their operator and drivers see them.

mod charge_point;
mod evse;
mod search;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(charge_point::router())
        .merge(evse::router())
        .merge(search::router())
}
