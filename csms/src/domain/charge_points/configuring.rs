//! Setting configuration keys of a charge point, which are pushed to it over OCPP; what a key is stands in `variable`.

use std::collections::BTreeSet;

use crate::domain::charge_points::variable::{Address, Setting, has_room, setting_of_key};
use crate::store::{OwnedPoint, Result, Store};

/// Why no key was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotConfigured {
    /// The charge point was deleted meanwhile, or is somebody else's.
    Missing,
    /// There would be too many.
    TooMany,
}

/// Keeps keys with their JSON values, in order; the charge point is configured from the first time on.
pub(crate) async fn configure(
    store: &Store,
    point: OwnedPoint,
    keys: Vec<(String, String)>,
    now_ms: i64,
) -> Result<std::result::Result<(), NotConfigured>> {
    store
        .write((point, keys, now_ms), |(point, keys, now_ms), conn| {
            Box::pin(async move {
                // Who comes at the same time waits here, and counts afterwards.
                if conn.hold_point(point).await?.is_none() {
                    return Ok(Err(NotConfigured::Missing));
                }
                let known = conn.variables(point).await?;
                let known: BTreeSet<Address<'_>> = known
                    .iter()
                    .map(|(component, variable, variable_instance)| Address {
                        component,
                        variable,
                        variable_instance,
                    })
                    .collect();
                let settings: Vec<Setting<'_>> = keys
                    .iter()
                    .map(|(key, value)| setting_of_key(key, value))
                    .collect();
                if !has_room(&known, &settings) {
                    return Ok(Err(NotConfigured::TooMany));
                }
                conn.save_variables(point, &settings, *now_ms).await?;
                Ok(Ok(()))
            })
        })
        .await
}
