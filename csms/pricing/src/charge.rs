//! What happened: energy and time in stretches that follow each other without a gap.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// About ten years: longer sessions are mistakes, and their bills would have no end of periods.
const LENGTH_MS_MAX: i64 = 3_653 * 24 * 3_600_000;
/// A terawatt-hour. Up to here all energies are numbers of at most 15 digits.
const ENERGY_WH_MAX: i64 = 1_000_000_000_000;

/// A part of a session. Its energy is spread evenly over its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins, in Unix milliseconds.
    pub from_ms: i64,
    /// When it ends, in Unix milliseconds.
    pub to_ms: i64,
    /// What was taken, in Wh. Not negative.
    pub energy_wh: i64,
    /// Whether its time is TIME or PARKING_TIME. A pause that the charger made is charging.
    pub is_charging: bool,
    /// In kW; `None`: the mean of the stretch counts.
    pub power_kw: Option<Decimal>,
    /// In amperes, the sum of all phases. `None` is 0 where the car does not charge and takes nothing. Elsewhere it means
    /// that nobody knows; bounds of the current then do not count, as for who reads a period without a current.
    pub current_a: Option<Decimal>,
}

/// A session, a reservation that a session followed, or a reservation that nobody used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    time_zone: TimeZone,
    stretches: Vec<Stretch>,
    /// From and to, in Unix milliseconds.
    reserved: Option<(i64, i64)>,
}

/// Why what happened is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongCharge {
    /// Nothing is left to be priced.
    #[error("a session has one stretch of time at least")]
    Empty,
    /// Stretches have to touch.
    #[error("a stretch begins at {0} ms, but not where the one before it ends")]
    Gap(i64),
    /// Time does not run backwards.
    #[error("what begins at {0} ms ends before it begins")]
    Backwards(i64),
    /// A register does not run backwards.
    #[error("in the stretch from {0} ms energy is negative")]
    Negative(i64),
    /// More than ten years, or at a time that no calendar has.
    #[error(
        "what begins at {0} ms takes more than ten years, or is at no time that a calendar has"
    )]
    Endless(i64),
    /// More than a terawatt-hour.
    #[error("a session takes a terawatt-hour at most")]
    TooMuch,
}

impl Charge {
    /// A session at a place in this time zone. The stretches follow each other without a gap; other ones are refused, as
    /// nobody can know what happened in between.
    pub fn new(time_zone: TimeZone, stretches: Vec<Stretch>) -> Result<Self, WrongCharge> {
        let (first, last) = match (stretches.first(), stretches.last()) {
            (Some(first), Some(last)) => (first.from_ms, last.to_ms),
            _ => return Err(WrongCharge::Empty),
        };
        let (mut at_ms, mut energy_wh) = (first, 0_i64);
        for stretch in &stretches {
            if stretch.from_ms != at_ms {
                return Err(WrongCharge::Gap(stretch.from_ms));
            }
            if stretch.to_ms < stretch.from_ms {
                return Err(WrongCharge::Backwards(stretch.from_ms));
            }
            if stretch.energy_wh < 0 {
                return Err(WrongCharge::Negative(stretch.from_ms));
            }
            at_ms = stretch.to_ms;
            energy_wh = energy_wh.saturating_add(stretch.energy_wh);
        }
        check_length(first, last)?;
        if energy_wh > ENERGY_WH_MAX {
            return Err(WrongCharge::TooMuch);
        }
        Ok(Self {
            time_zone,
            stretches: without_instants(stretches),
            reserved: None,
        })
    }

    /// The same session after a reservation, which ends where the session begins.
    pub fn reserved_since(mut self, from_ms: i64) -> Result<Self, WrongCharge> {
        let to_ms = self.begin_ms();
        check_length(from_ms, self.end_ms())?;
        if from_ms > to_ms {
            return Err(WrongCharge::Backwards(from_ms));
        }
        self.reserved = Some((from_ms, to_ms));
        Ok(self)
    }

    /// A reservation that ended before anybody charged.
    pub fn expired(time_zone: TimeZone, from_ms: i64, to_ms: i64) -> Result<Self, WrongCharge> {
        check_length(from_ms, to_ms)?;
        Ok(Self {
            time_zone,
            stretches: Vec::new(),
            reserved: Some((from_ms, to_ms)),
        })
    }

    /// Where it happened.
    #[must_use]
    pub const fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// What the car did, in order, without a gap. A stretch without time is only left where it is the only one.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The reservation, from and to, in Unix milliseconds.
    #[must_use]
    pub const fn reserved(&self) -> Option<(i64, i64)> {
        self.reserved
    }

    /// When it begins, the reservation included, in Unix milliseconds.
    #[must_use]
    pub fn begin_ms(&self) -> i64 {
        let session = self.stretches.first().map(|first| first.from_ms);
        self.reserved
            .map(|(from_ms, _)| from_ms)
            .or(session)
            .unwrap_or_default()
    }

    /// When it ends, in Unix milliseconds.
    #[must_use]
    pub fn end_ms(&self) -> i64 {
        let session = self.stretches.last().map(|last| last.to_ms);
        let reserved = self.reserved.map(|(_, to_ms)| to_ms);
        session.or(reserved).unwrap_or_default()
    }
}

fn check_length(from_ms: i64, to_ms: i64) -> Result<(), WrongCharge> {
    if to_ms < from_ms {
        return Err(WrongCharge::Backwards(from_ms));
    }
    // A day on both sides, so that every time zone has a date there.
    let has_date = |at_ms: i64, days: i64| {
        let at_ms = at_ms.saturating_add(days * 24 * 3_600_000);
        Timestamp::from_millisecond(at_ms).is_ok()
    };
    let is_short = to_ms.saturating_sub(from_ms) <= LENGTH_MS_MAX;
    if is_short && has_date(from_ms, -3) && has_date(to_ms, 3) {
        return Ok(());
    }
    Err(WrongCharge::Endless(from_ms))
}

/// What was taken in an instant belongs to the stretch before it, or to the next one where there is none before.
fn without_instants(stretches: Vec<Stretch>) -> Vec<Stretch> {
    let mut kept: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for mut stretch in stretches {
        match kept.last_mut() {
            Some(before) if stretch.from_ms == stretch.to_ms => {
                before.energy_wh = before.energy_wh.saturating_add(stretch.energy_wh);
            }
            Some(before) if before.from_ms == before.to_ms => {
                stretch.energy_wh = stretch.energy_wh.saturating_add(before.energy_wh);
                *before = stretch;
            }
            _ => kept.push(stretch),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(from_ms: i64, to_ms: i64, energy_wh: i64) -> Stretch {
        Stretch {
            from_ms,
            to_ms,
            energy_wh,
            is_charging: true,
            power_kw: None,
            current_a: None,
        }
    }

    fn of(stretches: &[Stretch]) -> Result<Charge, WrongCharge> {
        Charge::new(TimeZone::UTC, stretches.to_vec())
    }

    #[test]
    fn what_is_no_session_is_refused() {
        assert_eq!(of(&[]).unwrap_err(), WrongCharge::Empty);
        for (next, wrong) in [
            (stretch(11, 20, 0), WrongCharge::Gap(11)),
            (stretch(9, 20, 0), WrongCharge::Gap(9)),
            (stretch(10, 9, 0), WrongCharge::Backwards(10)),
            (stretch(10, 20, -1), WrongCharge::Negative(10)),
            (stretch(10, LENGTH_MS_MAX + 1, 0), WrongCharge::Endless(0)),
            (stretch(10, i64::MAX, 0), WrongCharge::Endless(0)),
            (stretch(10, 20, i64::MAX), WrongCharge::TooMuch),
        ] {
            assert_eq!(of(&[stretch(0, 10, 1), next]).unwrap_err(), wrong);
        }
        let session = of(&[stretch(0, 10, 1)]).unwrap();
        let late = session.clone().reserved_since(1).unwrap_err();
        assert_eq!(late, WrongCharge::Backwards(1));
        let early = session.reserved_since(i64::MIN).unwrap_err();
        assert_eq!(early, WrongCharge::Endless(i64::MIN));
        let expired = Charge::expired(TimeZone::UTC, 5, 4).unwrap_err();
        assert_eq!(expired, WrongCharge::Backwards(5));
    }

    #[test]
    fn what_was_taken_in_an_instant_is_kept() {
        let charge = of(&[
            stretch(5, 5, 1),
            stretch(5, 9, 2),
            stretch(9, 9, 4),
            stretch(9, 12, 8),
        ]);
        let charge = charge.unwrap();
        assert_eq!(charge.stretches(), [stretch(5, 9, 7), stretch(9, 12, 8)]);
        assert_eq!((charge.begin_ms(), charge.end_ms()), (5, 12));
        let instant = of(&[stretch(5, 5, 1), stretch(5, 5, 2)]).unwrap();
        assert_eq!(instant.stretches(), [stretch(5, 5, 3)]);
    }
}
