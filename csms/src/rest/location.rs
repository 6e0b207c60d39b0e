//! Where a charge point stands, as it is asked for and shown: nested in `location` or flat, on every surface.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ApiError;
use super::input::{plain, present};
use crate::domain::charge_points::place::Place;
use crate::store::ChargePointRecord;

/// A place on the map.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema, Validate)]
#[serde(from = "Object")]
pub(crate) struct Location {
    /// In degrees.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90, example = 51.5074)]
    latitude: Option<f64>,
    /// In degrees.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180, example = -0.1278)]
    longitude: Option<f64>,
    #[garde(inner(inner(length(chars, min = 1, max = 255), custom(plain))))]
    #[schema(
        value_type = Option<String>,
        min_length = 1,
        max_length = 255,
        example = "10 Downing St, London, UK"
    )]
    address: Option<Option<String>>,
}

/// A location as it is read: a type with a flattened member takes no list for an object.
#[derive(Deserialize)]
struct Object {
    latitude: Option<f64>,
    longitude: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    address: Option<Option<String>>,
    #[serde(flatten)]
    _others: (),
}

impl From<Object> for Location {
    fn from(read: Object) -> Self {
        Self::flat(read.latitude, read.longitude, read.address)
    }
}

impl Location {
    /// Of an address, `None` says nothing and `Some(None)` that there is none.
    pub(crate) const fn flat(
        latitude: Option<f64>,
        longitude: Option<f64>,
        address: Option<Option<String>>,
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
        let address = Some(record.address.clone());
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
    pub address: Option<Option<String>>,
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

    /// The place, whole or not named.
    pub(crate) fn place(&self) -> Result<Option<Place>, ApiError> {
        let wanted = "it is required beside the other";
        match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => Ok(Some(Place {
                latitude,
                longitude,
            })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(self.missing("latitude", wanted)),
            (Some(_), None) => Err(self.missing("longitude", wanted)),
        }
    }

    /// The error of a half that is missing.
    pub(crate) fn missing(&self, half: &str, reason: &str) -> ApiError {
        ApiError::field(&format!("{}{half}", self.prefix), reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_counts_before_flat_and_halves_are_not_mixed() {
        let at = |latitude, longitude| Location::flat(latitude, longitude, None);
        let point = |nested, flat| {
            let place = Given::of(Some(nested), flat).place().ok()?;
            Some(place.map(|place| (place.latitude, place.longitude)))
        };
        let flat = || at(Some(3.0), Some(4.0));
        assert_eq!(
            point(at(Some(1.0), Some(2.0)), flat()),
            Some(Some((1.0, 2.0)))
        );
        assert_eq!(point(at(None, None), flat()), Some(Some((3.0, 4.0))));
        assert_eq!(point(at(Some(1.0), None), flat()), None);
        assert_eq!(point(at(Some(1.0), None), at(None, Some(4.0))), None);
        assert_eq!(point(at(None, None), at(None, None)), Some(None));
    }

    #[test]
    fn an_address_is_named_cleared_or_left_out() {
        let of = |address: Option<Option<&str>>| {
            Location::flat(None, None, address.map(|text| text.map(str::to_owned)))
        };
        let address = |nested, flat| Given::of(Some(of(nested)), of(flat)).address;
        let street = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(address(Some(Some("a")), Some(Some("b"))), street("a"));
        assert_eq!(address(None, Some(Some("b"))), street("b"));
        assert_eq!(address(Some(None), None), Some(None));
        assert_eq!(address(None, None), None);
    }

    #[test]
    fn a_list_is_no_location() {
        let read = |text: &str| serde_json::from_str::<Location>(text);
        let place =
            read(r#"{"latitude": 1, "longitude": 2, "address": null, "other": [3]}"#).unwrap();
        assert_eq!((place.latitude, place.longitude), (Some(1.0), Some(2.0)));
        assert_eq!(place.address, Some(None));
        assert_eq!(read("{}").unwrap().address, None);
        for wrong in ["[1, 2]", "[null, null]", "[]", "7", r#"{"latitude": "1"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
