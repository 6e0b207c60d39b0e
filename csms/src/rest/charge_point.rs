//! What all routes with a charge point in them share.

use dynamo_protocol::ChargePointId;

use super::error::ApiError;
use crate::App;
use crate::store::{ChargePointRecord, Owner};

/// The charge point of this id, if it is the owner's; otherwise nobody learns whether it exists.
pub(super) async fn find(
    app: &App,
    owner: &Owner,
    id: &str,
) -> Result<ChargePointRecord, ApiError> {
    let missing = || ApiError::NotFound(format!("no charge point {id:?} is registered"));
    ChargePointId::new(id).map_err(|_| missing())?;
    let found = app.store.charge_point_record(owner, id).await?;
    found.ok_or_else(missing)
}

/// Whether it has a socket.
pub(super) fn is_online(app: &App, id: &str) -> bool {
    ChargePointId::new(id).is_ok_and(|id| app.sessions.is_online(&id))
}
