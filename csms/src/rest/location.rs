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

/// What a body names of a place, nested or flat. Of the point and of the address each, nested counts where both
/// are given; the halves of a point are never of two.
pub(crate) struct Given {
    /// What stands before the names of a point's halves.
    prefix: &'static str,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub address: Option<String>,
}

impl Given {
    pub(crate) fn of(nested: Option<Location>, flat: Location) -> Self {
        let nested = nested.unwrap_or_else(|| Location::flat(None, None, None));
        let is_nested = nested.latitude.is_some() || nested.longitude.is_some();
        let (prefix, point) = if is_nested {
            ("location.", &nested)
        } else {
            ("", &flat)
        };
        Self {
            prefix,
            latitude: point.latitude,
            longitude: point.longitude,
            address: nested.address.or(flat.address),
        }
    }

    /// The error of a half that is missing.
    pub(crate) fn missing(&self, half: &str, reason: &str) -> ApiError {
        ApiError::field(&format!("{}{half}", self.prefix), reason)
    }
}

/// The place that a body names; its point is whole, or not named.
pub(crate) fn place(nested: Option<Location>, flat: Location) -> Result<Place, ApiError> {
    let given = Given::of(nested, flat);
    let wanted = "it is required beside the other";
    let point = match (given.latitude, given.longitude) {
        (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
        (None, None) => None,
        (None, Some(_)) => return Err(given.missing("latitude", wanted)),
        (Some(_), None) => return Err(given.missing("longitude", wanted)),
    };
    Ok(Place {
        point,
        address: given.address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_counts_before_flat_and_halves_are_not_mixed() {
        let at = |latitude, longitude| Location::flat(latitude, longitude, None);
        let point = |nested, flat| place(Some(nested), flat).ok().map(|place| place.point);
        let flat = || at(Some(3.0), Some(4.0));
        assert_eq!(
            point(at(Some(1.0), Some(2.0)), flat()),
            Some(Some((1.0, 2.0)))
        );
        assert_eq!(point(at(None, None), flat()), Some(Some((3.0, 4.0))));
        assert_eq!(point(at(Some(1.0), None), flat()), None);
        assert_eq!(point(at(Some(1.0), None), at(None, Some(4.0))), None);
        assert_eq!(point(at(None, None), at(None, None)), Some(None));
        let street = |text: &str| Location::flat(None, None, Some(text.to_owned()));
        let address = |nested, flat| place(nested, flat).ok().and_then(|place| place.address);
        assert_eq!(
            address(Some(street("a")), street("b")).as_deref(),
            Some("a")
        );
        assert_eq!(address(Some(flat()), street("b")).as_deref(), Some("b"));
    }
}
