//! What happened in a session, as it is priced: energy and time in stretches, made of what the meter showed and of what the
//! connector reported.
//!
//! Between two readings the energy is spread evenly over the time in which the car charged; where it did not charge at all,
//! over all of it. Time is parking while the car asks for nothing (SuspendedEV) or is done; a pause that the charge point
//! makes is none [OCPI 2.2.1 §10.4.2].

use dynamo_pricing::{Charge, Stretch};
use jiff::tz::TimeZone;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Deserialize;

use crate::domain::roaming::kept::{Facts, Kept};
use crate::domain::transactions::register::exact_wh;

#[derive(Deserialize)]
struct Sample {
    value: String,
    #[serde(default)]
    measurand: Option<String>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    format: Option<String>,
}

/// The register of the outlet among samples, in Wh.
fn register_wh(samples: &str) -> Option<i64> {
    let samples: Vec<Sample> = serde_json::from_str(samples).ok()?;
    let is_register = |sample: &&Sample| {
        let is = |word: &Option<String>, usual: &str| word.as_deref().is_none_or(|w| w == usual);
        is(&sample.measurand, "Energy.Active.Import.Register")
            && is(&sample.location, "Outlet")
            && is(&sample.format, "Raw")
            && sample.phase.is_none()
    };
    let sample = samples.iter().find(is_register)?;
    exact_wh(&sample.value, sample.unit.as_deref())?
        .round()
        .to_i64()
}

impl Facts {
    /// Since when the car was parking, and since when it was not, from the beginning on.
    fn parking(&self, from_ms: i64) -> Vec<(i64, bool)> {
        let is_parking =
            |phase: &Option<String>| matches!(phase.as_deref(), Some("suspended_ev" | "finishing"));
        let mut parking: Vec<(i64, bool)> = vec![(from_ms, false)];
        for (at_ms, phase) in &self.phases {
            let (at_ms, is_parking) = (*at_ms.max(&from_ms), is_parking(phase));
            if at_ms == from_ms {
                parking[0].1 = is_parking;
            } else if parking.last().is_some_and(|(_, was)| *was != is_parking) {
                parking.push((at_ms, is_parking));
            }
        }
        parking
    }

    /// What the register showed when, from 0 at the beginning to the energy that is billed at the end; it never runs
    /// backwards.
    fn register(&self, kept: &Kept, to_ms: i64) -> Vec<(i64, i64)> {
        let (from_ms, energy_wh) = (kept.started_at_ms, kept.energy_wh.max(0));
        let mut shown: Vec<(i64, i64)> = vec![(from_ms, 0)];
        for (at_ms, samples) in &self.readings {
            if *at_ms <= from_ms || *at_ms >= to_ms {
                continue;
            }
            let Some(register_wh) = register_wh(samples) else {
                continue;
            };
            let last_wh = shown.last().map_or(0, |(_, wh)| *wh);
            let wh = register_wh.saturating_sub(kept.meter_start_wh);
            shown.push((*at_ms, wh.clamp(last_wh, energy_wh.max(last_wh))));
        }
        shown.push((to_ms, energy_wh));
        shown
    }
}

/// What happened from the beginning of a session until a time.
pub(crate) fn stretches(kept: &Kept, facts: &Facts, until_ms: i64) -> Vec<Stretch> {
    let to_ms = until_ms.max(kept.started_at_ms);
    let parking = facts.parking(kept.started_at_ms);
    let register = facts.register(kept, to_ms);
    let mut stretches = Vec::new();
    for pair in register.windows(2) {
        let [(from_ms, from_wh), (next_ms, next_wh)] = pair else {
            continue;
        };
        spread(
            &parking,
            (*from_ms, *next_ms),
            next_wh - from_wh,
            &mut stretches,
        );
    }
    stretches
}

/// Cuts the time between two readings where the car begins or ends to charge, and spreads the energy over it.
fn spread(
    parking: &[(i64, bool)],
    (from_ms, to_ms): (i64, i64),
    energy_wh: i64,
    into: &mut Vec<Stretch>,
) {
    let mut parts: Vec<(i64, i64, bool)> = Vec::new();
    for (number, (since_ms, is_parking)) in parking.iter().enumerate() {
        let next_ms = parking
            .get(number + 1)
            .map_or(i64::MAX, |(at_ms, _)| *at_ms);
        let (begin_ms, end_ms) = ((*since_ms).max(from_ms), next_ms.min(to_ms));
        if begin_ms < end_ms || (from_ms == to_ms && parts.is_empty() && next_ms > to_ms) {
            parts.push((begin_ms.min(to_ms), end_ms, *is_parking));
        }
    }
    let length = |part: &&(i64, i64, bool)| i128::from(part.1 - part.0);
    let charging: i128 = parts
        .iter()
        .filter(|part| !part.2)
        .map(|part| length(&part))
        .sum();
    let all: i128 = parts.iter().map(|part| length(&part)).sum();
    let (mut spent, mut given_wh) = (0_i128, 0_i64);
    let last = parts.len().saturating_sub(1);
    for (number, part) in parts.iter().enumerate() {
        let takes = charging == 0 || !part.2;
        if takes {
            spent += length(&part);
        }
        let over = if charging == 0 { all } else { charging };
        let by_now = match (number == last, over) {
            (true, _) => energy_wh,
            (false, 0) => 0,
            (false, over) => {
                i64::try_from(i128::from(energy_wh) * spent / over).unwrap_or(energy_wh)
            }
        };
        into.push(Stretch {
            from_ms: part.0,
            to_ms: part.1,
            energy_wh: by_now - given_wh,
            is_charging: !part.2,
            power_kw: None,
            current_a: None,
        });
        given_wh = by_now;
    }
}

/// More than any session takes.
const ENERGY_WH_MAX: i64 = 1_000_000_000;

/// The same as what is priced; a session whose time cannot be reckoned with, as its clock was set, has its energy alone.
pub(crate) fn charge(kept: &Kept, stretches: Vec<Stretch>) -> Charge {
    let zone = TimeZone::get(&kept.time_zone).unwrap_or(TimeZone::UTC);
    Charge::new(zone.clone(), stretches).unwrap_or_else(|cause| {
        tracing::warn!(session = kept.id, %cause, "a session is billed for its energy alone");
        let instant = Stretch {
            from_ms: kept.started_at_ms,
            to_ms: kept.started_at_ms,
            energy_wh: kept.energy_wh.clamp(0, ENERGY_WH_MAX),
            is_charging: true,
            power_kw: None,
            current_a: None,
        };
        Charge::new(zone, vec![instant]).expect("an instant is a session")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(parking: &[(i64, bool)], to_ms: i64, energy_wh: i64) -> Vec<(i64, i64, i64, bool)> {
        let mut into = Vec::new();
        spread(parking, (0, to_ms), energy_wh, &mut into);
        into.iter()
            .map(|part| (part.from_ms, part.to_ms, part.energy_wh, part.is_charging))
            .collect()
    }

    #[test]
    fn energy_flows_while_the_car_charges() {
        let parking = [(0, false), (60, true), (80, false)];
        assert_eq!(
            parts(&parking, 100, 800),
            [(0, 60, 600, true), (60, 80, 0, false), (80, 100, 200, true)]
        );
        assert_eq!(parts(&[(0, true)], 100, 5), [(0, 100, 5, false)]);
        // What ends while the car parks has no energy there.
        assert_eq!(parts(&[(0, false), (60, true)], 100, 600)[0].2, 600);
        assert_eq!(parts(&[(0, false)], 0, 7), [(0, 0, 7, true)]);
    }

    #[test]
    fn the_register_is_found_among_samples() {
        let text = r#"[{"value":"7","measurand":"Voltage"},{"value":"1.5","unit":"kWh"}]"#;
        assert_eq!(register_wh(text), Some(1_500));
        assert_eq!(register_wh(r#"[{"value":"1","phase":"L1"}]"#), None);
        assert_eq!(register_wh("nonsense"), None);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_stretches_touch(
            changes in prop::collection::vec((0_i64..1_000, any::<bool>()), 0..8),
            to_ms in 0_i64..1_200, energy_wh in 0_i64..100_000,
        ) {
            let mut parking = vec![(0, false)];
            let mut changes = changes;
            changes.sort_unstable();
            for (at_ms, is_parking) in changes {
                if at_ms > parking.last().unwrap().0 && parking.last().unwrap().1 != is_parking {
                    parking.push((at_ms, is_parking));
                }
            }
            let parts = parts(&parking, to_ms, energy_wh);
            prop_assert_eq!(parts.iter().map(|part| part.2).sum::<i64>(), energy_wh);
            prop_assert_eq!(parts.first().unwrap().0, 0);
            prop_assert_eq!(parts.last().unwrap().1, to_ms);
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0));
            prop_assert!(parts.iter().all(|part| part.2 >= 0));
        }
    }
}
