//! The composite schedule [1.6 §5.7]: what all charging profiles together allow over some time, and the hardware.
//!
//! It is never above any limit that holds at an instant. A period begins at a whole second, so that in a second in which
//! a limit changes the lower one counts. Where nothing charges, a profile that counts from the start of charging is
//! read as if that were now.

use dynamo_protocol::Time;

use super::charging::{Limit, ProfilePurpose};
use super::message::{CompositePeriod, CompositeSchedule, RateUnit};
use super::{ChargePoint, ConnectorId};
use crate::ev;

/// Most stretches of constant limits that are looked at; a longer schedule is told up to there.
const STRETCHES_MAX: usize = 500;

/// From this millisecond of the schedule on, so many watts, until the next one.
type Stretch = (i64, u32);
/// The same from a whole second on.
type Whole = (i32, u32);

impl ChargePoint {
    /// `None` where there is no such connector, or no time.
    pub(super) fn composite_schedule(
        &self,
        connector_id: ConnectorId,
        duration_s: i32,
        unit: Option<RateUnit>,
        now: Time,
    ) -> Option<CompositeSchedule> {
        if connector_id as usize > self.connectors.len() || duration_s <= 0 {
            return None;
        }
        let start_ms = self.clock.wall_ms(now);
        let (stretches, until_ms) =
            self.stretches(connector_id, start_ms, i64::from(duration_s) * 1_000);
        let unit = unit.unwrap_or(RateUnit::Watts);
        let (volts, phases) = self.line(connector_id);
        let limit = |watts: u32| match unit {
            RateUnit::Watts => watts,
            RateUnit::Amperes => {
                let tenths = u64::from(watts) * 10 / (u64::from(volts) * u64::from(phases));
                u32::try_from(tenths).unwrap_or(u32::MAX)
            }
        };
        let mut periods: Vec<CompositePeriod> = Vec::new();
        for (from_s, watts) in by_seconds(&stretches) {
            let limit = limit(watts);
            if periods.last().is_none_or(|last| last.limit != limit) {
                periods.push(CompositePeriod { from_s, limit });
            }
        }
        Some(CompositeSchedule {
            connector_id,
            start_ms,
            // Rounded down: nothing is said of an instant that was not looked at.
            duration_s: i32::try_from(until_ms / 1_000).unwrap_or(duration_s),
            unit,
            phases,
            periods,
        })
    }

    /// What holds from an instant on, and how long that is known, in milliseconds from there.
    fn stretches(
        &self,
        connector_id: ConnectorId,
        start_ms: i64,
        duration_ms: i64,
    ) -> (Vec<Stretch>, i64) {
        let mut stretches = Vec::new();
        let mut at_ms = 0;
        while at_ms < duration_ms {
            if stretches.len() == STRETCHES_MAX {
                return (stretches, at_ms);
            }
            let (watts, change) = self.allowed(connector_id, start_ms, start_ms + at_ms);
            stretches.push((at_ms, watts));
            at_ms = match change {
                Some(change) => change.saturating_sub(start_ms).max(at_ms + 1),
                None => duration_ms,
            };
        }
        (stretches, duration_ms)
    }

    /// Watts that may flow at an instant, and when that may change.
    fn allowed(
        &self,
        connector_id: ConnectorId,
        assumed_start_ms: i64,
        at_ms: i64,
    ) -> (u32, Option<i64>) {
        let of = |purpose, id| {
            let begun = self.profiles.begun_at(id).or(Some(assumed_start_ms));
            self.profiles.of_begun(purpose, id, at_ms, begun)
        };
        if connector_id > 0 {
            let connector = &self.connectors[connector_id as usize - 1];
            let (whole, next_whole) = of(ProfilePurpose::ChargePointMax, connector_id);
            let (own, next_own) = of(ProfilePurpose::Tx, connector_id);
            let (usual, next_usual) = of(ProfilePurpose::TxDefault, connector_id);
            let whole = whole.map(|limit| limit.shared(self.sharing()));
            let limits = [own.or(usual), whole].into_iter().flatten();
            let watts = limits.map(|limit| connector.watts(limit)).min();
            let watts = watts.unwrap_or(u32::MAX).min(connector.supply_w());
            let changes = [next_whole, next_own, next_usual];
            return (watts, changes.into_iter().flatten().min());
        }
        let (whole, mut change) = of(ProfilePurpose::ChargePointMax, 0);
        let mut together = 0_u32;
        for id in 1..=self.connectors.len() as ConnectorId {
            let (watts, next) = self.allowed(id, assumed_start_ms, at_ms);
            together = together.saturating_add(watts);
            change = [change, next].into_iter().flatten().min();
        }
        let (volts, phases) = self.line(0);
        let whole = whole.map_or(u32::MAX, |limit| match limit {
            Limit::Watts(watts) => watts,
            Limit::Amperes {
                tenths,
                phases: most,
            } => {
                let watts = u64::from(tenths) * u64::from(volts) * u64::from(phases.min(most)) / 10;
                u32::try_from(watts).unwrap_or(u32::MAX)
            }
        });
        (together.min(whole), change)
    }

    /// Volts and phases by which watts become amperes: of the car that charges, or of the charge point as a whole.
    fn line(&self, connector_id: ConnectorId) -> (u32, u8) {
        let index = connector_id.saturating_sub(1) as usize;
        let connector = &self.connectors[index];
        let phases = match connector_id {
            0 => ev::phases(connector.power_w_max),
            _ => connector.phases_in_use(),
        };
        (connector.voltage(), phases)
    }
}

/// Periods that begin at whole seconds: where a stretch ends within a second, the lower limit counts for all of it.
fn by_seconds(stretches: &[Stretch]) -> Vec<Whole> {
    let mut periods: Vec<Whole> = Vec::new();
    for (index, (from_ms, watts)) in stretches.iter().enumerate() {
        let last_ms = stretches.get(index + 1).map_or(i64::MAX, |next| next.0 - 1);
        let first_s = i32::try_from(from_ms / 1_000).unwrap_or(i32::MAX);
        match periods.last_mut() {
            // It begins in a second that another stretch began, or still held in.
            Some((second_s, limit)) if *second_s == first_s => *limit = (*limit).min(*watts),
            Some((_, before)) if from_ms % 1_000 != 0 => {
                let lower = (*before).min(*watts);
                periods.push((first_s, lower));
            }
            _ => periods.push((first_s, *watts)),
        }
        if last_ms / 1_000 > i64::from(first_s)
            && periods.last().is_some_and(|(_, limit)| limit != watts)
        {
            periods.push((first_s.saturating_add(1), *watts));
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_second_in_which_it_changes_the_lower_limit_counts() {
        let cases: [(&[Stretch], &[Whole]); 5] = [
            (&[(0, 9)], &[(0, 9)]),
            (&[(0, 9), (2_000, 5)], &[(0, 9), (2, 5)]),
            (&[(0, 9), (2_500, 5)], &[(0, 9), (2, 5)]),
            (&[(0, 5), (2_500, 9)], &[(0, 5), (2, 5), (3, 9)]),
            (
                &[(0, 9), (1_200, 1), (1_300, 8), (5_000, 2)],
                &[(0, 9), (1, 1), (2, 8), (5, 2)],
            ),
        ];
        for (stretches, periods) in cases {
            assert_eq!(by_seconds(stretches), periods, "{stretches:?}");
        }
    }
}
