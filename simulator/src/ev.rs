//! A car that charges: a battery, what it takes at which state of charge, and the cable it hangs on.
//!
//! All energy is counted in millijoules (W × ms) and power is constant within one percent of charge, so the result
//! does not depend on how often anybody looks.

use dynamo_protocol::Millis;

/// Millijoules in a watt-hour.
pub const MJ_PER_WH: u64 = 3_600_000;

/// Above this power a station feeds the battery directly (DC); in watts.
pub const AC_POWER_W_MAX: u32 = 43_000;

/// What a car takes on one phase at most; in watts.
const SINGLE_PHASE_W_MAX: u32 = 7_400;
/// From this power on a station has three phases; in watts.
const THREE_PHASES_W_MIN: u32 = 11_000;

/// The phases of a station of this power in watts; 1 with direct current.
#[must_use]
pub const fn phases(station_w: u32) -> u8 {
    match station_w {
        THREE_PHASES_W_MIN..=AC_POWER_W_MAX => 3,
        _ => 1,
    }
}

/// A car, from the moment it is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ev {
    capacity_mj: u64,
    stored_mj: u64,
    /// The most the car takes, and the most its cable carries, whichever is less.
    power_w_max: u32,
    direct_current: bool,
}

impl Ev {
    /// The car that this number stands for, at a station of this power in watts.
    #[must_use]
    pub fn new(number: u64, station_w: u32) -> Self {
        let pick = |shift: u32, choices: u64| (number >> shift) % choices;
        let direct_current = station_w > AC_POWER_W_MAX;
        let car_w = if direct_current {
            [50_000, 75_000, 120_000, 150_000, 250_000][pick(0, 5) as usize]
        } else {
            [3_700, 7_400, 11_000, 11_000, 22_000][pick(0, 5) as usize]
        };
        // Type 2 cables are made for 20 A or 32 A on three phases; a DC cable belongs to the station.
        let cable_w = if direct_current {
            u32::MAX
        } else {
            [13_800, 22_080][pick(8, 2) as usize]
        };
        let capacity_mj = (30 + pick(16, 71)) * 1_000 * MJ_PER_WH;
        Self {
            capacity_mj,
            stored_mj: capacity_mj * (10 + pick(32, 51)) / 100,
            power_w_max: car_w.min(cable_w),
            direct_current,
        }
    }

    /// On how many phases it charges; 1 with direct current.
    #[must_use]
    pub fn phases(&self) -> u8 {
        if self.direct_current || self.power_w_max <= SINGLE_PHASE_W_MAX {
            1
        } else {
            3
        }
    }

    /// State of charge in percent, rounded down.
    #[must_use]
    pub fn state_of_charge(&self) -> u8 {
        u8::try_from(self.stored_mj * 100 / self.capacity_mj).unwrap_or(100)
    }

    /// Whether the battery takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.stored_mj >= self.capacity_mj
    }

    /// What the car takes now, in watts, when it is offered this much.
    #[must_use]
    pub fn power_w(&self, offered_w: u32) -> u32 {
        if self.is_full() || offered_w == 0 {
            return 0;
        }
        let percent = u32::from(self.state_of_charge());
        let per_mille = match (self.direct_current, percent) {
            (true, 0..10) => 700 + 30 * percent,
            (true, 10..55) => 1_000,
            (true, _) => 1_000 - 19 * (percent - 55),
            (false, 0..90) => 1_000,
            (false, _) => 1_000 - 80 * (percent - 90),
        };
        let wanted = u64::from(self.power_w_max) * u64::from(per_mille) / 1_000;
        u32::try_from(wanted)
            .unwrap_or(u32::MAX)
            .min(offered_w)
            .max(1)
    }

    /// Charges for this long and tells the millijoules that went into the car.
    pub fn charge(&mut self, duration_ms: Millis, offered_w: u32) -> u64 {
        let before = self.stored_mj;
        let mut left_ms = duration_ms;
        while left_ms > 0 {
            let power = u64::from(self.power_w(offered_w));
            if power == 0 {
                break;
            }
            let stretch = left_ms.min(self.to_next_percent_mj().div_ceil(power));
            self.stored_mj = (self.stored_mj + power * stretch).min(self.capacity_mj);
            left_ms -= stretch;
        }
        self.stored_mj - before
    }

    /// How long until the car took this many millijoules; until it is full if that comes first. `None` when
    /// nothing flows.
    #[must_use]
    pub fn ms_until(&self, energy_mj: u64, offered_w: u32) -> Option<Millis> {
        if offered_w == 0 {
            return None;
        }
        let mut car = self.clone();
        let (mut left_mj, mut total_ms) = (energy_mj, 0);
        while left_mj > 0 && !car.is_full() {
            let power = u64::from(car.power_w(offered_w));
            let stretch = left_mj.min(car.to_next_percent_mj()).div_ceil(power);
            left_mj = left_mj.saturating_sub(power * stretch);
            car.charge(stretch, offered_w);
            total_ms += stretch;
        }
        Some(total_ms)
    }

    /// Millijoules to the next percent, at least 1 unless the battery is full.
    fn to_next_percent_mj(&self) -> u64 {
        let percent = self.stored_mj * 100 / self.capacity_mj;
        (self.capacity_mj * (percent + 1)).div_ceil(100) - self.stored_mj
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_does_not_depend_on_how_often_one_looks() {
        for number in [0, 77, 1 << 20, 0xdead_beef_cafe, u64::MAX] {
            for station in [3_700, 22_000, 150_000] {
                let (mut once, mut often) = (Ev::new(number, station), Ev::new(number, station));
                let total = once.charge(7_200_000, station);
                let parts: u64 = (0..7_200_000 / 617 + 1)
                    .map(|step| often.charge(617.min(7_200_000 - step * 617), station))
                    .sum();
                assert_eq!(total, parts);
                assert_eq!(once, often);
            }
        }
    }

    #[test]
    fn a_car_gets_full_exactly_when_foretold() {
        let mut car = Ev::new(12_345, 22_000);
        let ms = car.ms_until(u64::MAX, 22_000).unwrap();
        car.charge(ms - 1, 22_000);
        assert!(!car.is_full());
        car.charge(1, 22_000);
        assert!(car.is_full());
        assert_eq!((car.power_w(22_000), car.charge(1_000, 22_000)), (0, 0));
    }

    #[test]
    fn power_tapers_and_never_exceeds_the_offer() {
        let mut car = Ev::new(4, 150_000);
        let mut last = u32::MAX;
        while !car.is_full() {
            let power = car.power_w(150_000);
            assert!((1..=150_000).contains(&power));
            if car.state_of_charge() >= 55 {
                assert!(power <= last);
                last = power;
            }
            car.charge(60_000, 150_000);
        }
        assert!(last < 60_000);
    }

    #[test]
    fn a_wanted_energy_is_reached_in_the_foretold_time() {
        let mut car = Ev::new(99, 11_000);
        let ms = car.ms_until(500 * MJ_PER_WH, 11_000).unwrap();
        assert!(car.clone().charge(ms - 1, 11_000) < 500 * MJ_PER_WH);
        assert!(car.charge(ms, 11_000) >= 500 * MJ_PER_WH);
        assert_eq!(car.ms_until(1, 0), None);
    }
}
