//! Where a charge point stands, as it is asked for and shown: nested in `location` or flat, on every surface.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ApiError;
use super::input::plain;
use crate::domain::registration::Place;
use crate::store::ChargePointRecord;

/// A place on the map.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
pub(crate) struct Location {
    /// In degrees.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90, example = 51.5074)]
    latitude: Option<f64>,
    /// In degrees.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180, example = -0.1278)]
    longitude: Option<f64>,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(
        min_length = 1,
        max_length = 255,
        example = "10 Downing St, London, UK"
    )]
    address: Option<String>,
}

impl Location {
    pub(crate) const fn flat(
        latitude: Option<f64>,
        longitude: Option<f64>,
        address: Option<String>,
    ) -> Self {
        Self {
            latitude,
            longitude,
            address,
        }
    }

    /// What is known of a charge point; `None` when that is nothing.
    pub(crate) fn of(record: &ChargePointRecord) -> Option<Self> {
        let known = record.latitude.is_some() || record.address.is_some();
        let address = record.address.clone();
        known.then(|| Self::flat(record.latitude, record.longitude, address))
    }
}

/// The place that a body names, nested or flat; nested counts where both are given.
pub(crate) fn place(nested: Option<Location>, flat: Location) -> Result<Place, ApiError> {
    let (prefix, given) = match nested {
        Some(nested) => ("location.", nested),
        None => ("", flat),
    };
    let point = match (given.latitude, given.longitude) {
        (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
        (None, None) => None,
        (latitude, _) => {
            let missing = if latitude.is_none() {
                "latitude"
            } else {
                "longitude"
            };
            let field = format!("{prefix}{missing}");
            return Err(ApiError::field(&field, "it is required beside the other"));
        }
    };
    Ok(Place {
        point,
        address: given.address,
    })
}
