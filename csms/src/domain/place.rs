//! Where charge points stand.

/// Squares per degree, along both axes.
const CELLS_PER_DEGREE: f64 = 10.0;
/// Squares from the south pole to the north pole.
const ROWS: i64 = 1800;
/// Squares around the globe.
const COLUMNS: i64 = 3600;

/// The square of the map, a tenth of a degree wide and high, in which a point lies. Degrees, within
/// [-90, 90] and [-180, 180]; the poles and the date line lie in the last row and column.
pub(crate) fn map_cell(latitude: f64, longitude: f64) -> i64 {
    let place = |degrees: f64, last: i64| {
        // A float beyond the range of an integer becomes its bound, NaN becomes 0.
        let cell = (degrees * CELLS_PER_DEGREE).floor() as i64;
        cell.clamp(0, last)
    };
    place(latitude + 90.0, ROWS - 1) * COLUMNS + place(longitude + 180.0, COLUMNS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_globe_is_covered_without_a_square_too_many() {
        assert_eq!(map_cell(-90.0, -180.0), 0);
        assert_eq!(map_cell(90.0, 180.0), ROWS * COLUMNS - 1);
        assert_eq!(map_cell(90.0, -180.0), (ROWS - 1) * COLUMNS);
        assert_eq!(map_cell(51.5074, -0.1278), 1415 * COLUMNS + 1798);
        assert_eq!(map_cell(51.5999, -0.1001), map_cell(51.5001, -0.1999));
        assert_ne!(map_cell(51.6, -0.15), map_cell(51.5, -0.15));
    }
}
