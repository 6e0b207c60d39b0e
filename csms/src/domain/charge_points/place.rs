//! Places on the map: distances, and the grid that finds what is near.
//!
//! The grid has squares of a tenth of a degree, numbered row by row from the south pole and the date line. A
//! circle is covered by rows and, in them, the same one or two runs of columns: what the index of the database
//! can answer. The cover takes in more than the circle; distances decide. Angles are degrees, distances km;
//! floating point is right here, nothing is added up.

/// Mean radius of the earth, in km.
const EARTH_KM: f64 = 6371.0088;

/// Rows of the grid, from south to north.
const ROWS: i64 = 1800;
/// Columns of the grid, from west to east.
pub(crate) const COLUMNS: i64 = 3600;

/// Squares along one degree.
const PER_DEGREE: f64 = 10.0;

/// The largest radius that is searched, in km.
pub(crate) const RADIUS_KM_MAX: f64 = 50.0;

/// Added to every edge of a cover, in degrees: more than rounding can lose, less than a metre.
const MARGIN: f64 = 1e-6;

/// A point on the earth; latitude from -90 to 90, longitude from -180 to 180.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub latitude: f64,
    pub longitude: f64,
}

impl Place {
    /// The great circle distance in km, by the haversine formula: exact enough also where it is short.
    pub(crate) fn distance_km(self, other: Self) -> f64 {
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half = |a: f64, b: f64| ((b - a) / 2.0).sin().powi(2);
        let across = half(self.longitude.to_radians(), other.longitude.to_radians());
        let h = half(from, to) + from.cos() * to.cos() * across;
        2.0 * EARTH_KM * h.sqrt().min(1.0).asin()
    }

    /// The square it lies in. The north pole and the 180th meridian belong to the last row and column.
    pub(crate) fn cell(self) -> i64 {
        row(self.latitude) * COLUMNS + column(self.longitude).clamp(0, COLUMNS - 1)
    }
}

/// A distance as the API says it: three decimals.
pub(crate) fn in_metres(distance_km: f64) -> f64 {
    (distance_km * 1000.0).round() / 1000.0
}

fn row(latitude: f64) -> i64 {
    (((latitude + 90.0) * PER_DEGREE).floor() as i64).clamp(0, ROWS - 1)
}

/// Not brought back into the grid.
fn column(longitude: f64) -> i64 {
    ((longitude + 180.0) * PER_DEGREE).floor() as i64
}

/// Squares that hold a circle: in each of these rows each of these runs of columns, ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    pub rows: (i64, i64),
    /// One run, or two where the circle lies across the date line.
    pub columns: Vec<(i64, i64)>,
}

impl Cover {
    /// Of the circle round a place. The radius is at most [`RADIUS_KM_MAX`].
    pub(crate) fn of(centre: Place, radius_km: f64) -> Self {
        let angle = radius_km.clamp(0.0, RADIUS_KM_MAX) / EARTH_KM;
        let up = angle.to_degrees() + MARGIN;
        let (south, north) = (centre.latitude - up, centre.latitude + up);
        let rows = (row(south), row(north));
        let all = vec![(0, COLUMNS - 1)];
        if south <= -90.0 || north >= 90.0 {
            // The pole is in the circle, and with it every meridian.
            return Self { rows, columns: all };
        }
        // Where the circle is widest, which is not the row of its centre.
        let widest = angle.sin() / centre.latitude.to_radians().cos();
        let aside = widest.min(1.0).asin().to_degrees() + MARGIN;
        let west = column(centre.longitude - aside);
        let east = column(centre.longitude + aside);
        let columns = match (west < 0, east >= COLUMNS) {
            _ if east - west >= COLUMNS - 1 => all,
            (false, false) => vec![(west, east)],
            (true, _) => vec![(0, east), (west + COLUMNS, COLUMNS - 1)],
            (_, true) => vec![(0, east - COLUMNS), (west, COLUMNS - 1)],
        };
        Self { rows, columns }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(latitude: f64, longitude: f64) -> Place {
        Place {
            latitude,
            longitude,
        }
    }

    fn holds(cover: &Cover, cell: i64) -> bool {
        let (row, column) = (cell / COLUMNS, cell % COLUMNS);
        let within = |(first, last): (i64, i64), n: i64| first <= n && n <= last;
        within(cover.rows, row) && cover.columns.iter().any(|run| within(*run, column))
    }

    /// Where one comes to from a place in a direction.
    fn gone(from: Place, bearing: f64, distance_km: f64) -> Place {
        let (angle, latitude) = (distance_km / EARTH_KM, from.latitude.to_radians());
        let sine = latitude.sin() * angle.cos() + latitude.cos() * angle.sin() * bearing.cos();
        let there = sine.clamp(-1.0, 1.0).asin();
        let turn = (bearing.sin() * angle.sin() * latitude.cos())
            .atan2(angle.cos() - latitude.sin() * there.sin());
        let longitude = from.longitude + turn.to_degrees();
        at(
            there.to_degrees().clamp(-90.0, 90.0),
            (longitude + 540.0).rem_euclid(360.0) - 180.0,
        )
    }

    #[test]
    fn distances_are_those_of_the_atlas() {
        let (london, paris) = (at(51.5074, -0.1278), at(48.8566, 2.3522));
        assert_eq!(in_metres(london.distance_km(london)), 0.0);
        assert!((london.distance_km(paris) - 343.556).abs() < 0.01);
        assert!((at(0.0, 0.0).distance_km(at(0.0, 180.0)) - 20_015.114).abs() < 0.01);
        assert!((at(0.0, 179.9).distance_km(at(0.0, -179.9)) - 22.239).abs() < 0.01);
        assert!((at(90.0, 10.0).distance_km(at(89.0, -170.0)) - 111.195).abs() < 0.01);
    }

    #[test]
    fn the_corners_of_the_map_have_their_squares() {
        assert_eq!(at(-90.0, -180.0).cell(), 0);
        assert_eq!(at(90.0, 180.0).cell(), ROWS * COLUMNS - 1);
        assert_eq!(at(0.0, 0.0).cell(), 900 * COLUMNS + 1800);
        assert_eq!(at(51.5074, -0.1278).cell(), 1415 * COLUMNS + 1798);
    }

    #[test]
    fn covers_are_small_and_cross_the_date_line_in_two_runs() {
        let london = Cover::of(at(51.5074, -0.1278), 5.0);
        assert_eq!(london.columns, [(1797, 1799)]);
        assert_eq!(london.rows, (1414, 1415));
        let fiji = Cover::of(at(-17.0, 179.99), 20.0);
        assert_eq!(fiji.columns, [(0, 1), (3598, 3599)]);
        let pole = Cover::of(at(89.9, 0.0), 50.0);
        assert_eq!(
            (pole.rows, &pole.columns[..]),
            ((1794, 1799), &[(0, 3599)][..])
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn no_point_inside_the_circle_is_missed(
            latitude in prop_oneof![-90.0..=90.0, -90.0..=-88.5, 88.5..=90.0, Just(90.0), Just(-90.0)],
            longitude in prop_oneof![-180.0..=180.0, -180.0..=-178.5, 178.5..=180.0, Just(180.0)],
            radius_km in 0.0..=RADIUS_KM_MAX,
            bearing in 0.0..std::f64::consts::TAU,
            part in prop_oneof![0.0..=1.0_f64, Just(1.0)],
        ) {
            let centre = at(latitude, longitude);
            let point = gone(centre, bearing, radius_km * part);
            prop_assert!(holds(&Cover::of(centre, radius_km), point.cell()), "{point:?}");
            let off: f64 = centre.distance_km(point) - radius_km * part;
            prop_assert!(off.abs() < 1e-3);
        }

        #[test]
        fn a_cover_never_asks_for_more_than_a_few_rows(
            latitude in -90.0..=90.0, longitude in -180.0..=180.0, radius_km in 0.0..=RADIUS_KM_MAX,
        ) {
            let cover = Cover::of(at(latitude, longitude), radius_km);
            prop_assert!(cover.rows.1 - cover.rows.0 <= 10);
            prop_assert!(matches!(cover.columns.len(), 1 | 2));
            for (first, last) in cover.columns {
                prop_assert!(0 <= first && first <= last && last < COLUMNS);
            }
        }
    }
}
