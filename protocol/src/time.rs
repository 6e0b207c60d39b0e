//! Time as a value that is handed in.

use jiff::Timestamp;
use ocpp_kit::types::DateTime;

/// Milliseconds: of a monotonic clock with an arbitrary start, or a length of time.
pub type Millis = u64;

/// One instant on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Monotonic, for waiting. Starts anywhere, never goes back.
    pub mono_ms: Millis,
    /// Wall clock in Unix milliseconds, for stamps. May be wrong, jump, or run fast.
    pub wall_ms: i64,
}

impl Time {
    /// The wall clock as OCPP writes it.
    #[must_use]
    pub fn stamp(self) -> DateTime {
        date_time(self.wall_ms)
    }
}

/// The first instant that OCPP can write, 0001-01-01T00:00:00Z.
const STAMP_MIN_MS: i64 = -62_135_596_800_000;
/// The last instant of the calendar behind [`DateTime`], on the last day of the year 9999.
const STAMP_MAX_MS: i64 = 253_402_207_200_000;

/// Unix milliseconds as a date-time; an instant outside the calendar becomes its nearest end.
#[must_use]
pub fn date_time(unix_ms: i64) -> DateTime {
    let clamped = unix_ms.clamp(STAMP_MIN_MS, STAMP_MAX_MS);
    DateTime::from_timestamp(
        Timestamp::from_millisecond(clamped).expect("clamped into the calendar"),
    )
}

/// Unix milliseconds as every side of this product writes them: UTC with exactly three fraction digits, such as
/// `2024-03-10T15:00:00.000Z`. An instant outside the calendar becomes its nearest end.
#[must_use]
pub fn text(unix_ms: i64) -> String {
    format!("{:.3}", date_time(unix_ms).timestamp())
}

/// A date-time as Unix milliseconds.
#[must_use]
pub fn unix_ms(stamp: DateTime) -> i64 {
    stamp.timestamp().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_the_wire_form() {
        let stamp = date_time(1_710_081_900_123);
        assert_eq!(text(1_710_081_900_123), "2024-03-10T14:45:00.123Z");
        assert_eq!(text(1_710_081_900_100), "2024-03-10T14:45:00.100Z");
        assert_eq!(text(1_710_081_900_000), "2024-03-10T14:45:00.000Z");
        assert_eq!(unix_ms(stamp), 1_710_081_900_123);
        assert_eq!(unix_ms(date_time(0)), 0);
        let _ = date_time(i64::MAX).to_string();
        let _ = date_time(i64::MIN).to_string();
    }
}
