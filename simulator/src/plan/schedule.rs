//! Who is started when, and when somebody comes to charge there.

use std::time::Duration;

use super::Plan;
use crate::visitor::{CARD_AFTER_MS, Visitor};

/// Energy that a session must be able to deliver before a run is expected to show any, in watt-hours: one may be lost
/// to the rounding of the register.
const ENERGY_DUE_WH: f64 = 2.0;
/// What the weakest car takes, in watts.
const CAR_W_MIN: u32 = 3_700;
/// From a card to its acknowledged transaction, with a CSMS that is well.
const SESSION_STARTS_WITHIN: Duration = Duration::from_secs(1);

impl Plan {
    /// What follows for the charge point of this number, counted from 1, and for its visitor: they draw from
    /// generators of their own.
    pub(crate) fn seed(&self, number: u32) -> u64 {
        self.seed.wrapping_add(u64::from(number) - 1)
    }

    /// Who comes to a charge point.
    pub(crate) fn visitor(&self, number: u32) -> Visitor {
        let id_tag = &self.id_tags[(number as usize - 1) % self.id_tags.len()];
        let seed = !self.seed(number);
        Visitor::new(id_tag.clone(), self.sessions, self.speed, seed)
    }

    /// When a charge point is started, counted from the start of the first one.
    pub(crate) fn offset(&self, number: u32) -> Duration {
        Duration::from_secs_f64(f64::from(number - 1) / self.ramp.per_second)
    }

    /// Charge points whose visitor shows the first card early enough for a transaction in a run of this length, if
    /// the CSMS answers at once.
    pub(crate) fn sessions_due(&self, length: Duration) -> u64 {
        self.sessions_since(length).count() as u64
    }

    /// Whether one of them would have delivered energy by then.
    pub(crate) fn energy_due(&self, length: Duration) -> bool {
        let Some(sessions) = self.sessions else {
            return false;
        };
        let watts = f64::from(self.hardware.max_power_w.min(CAR_W_MIN));
        let shortest_s = sessions.charge_ms.0 as f64 / 1e3;
        self.sessions_since(length).any(|runs| {
            let charges_s = (runs.as_secs_f64() * self.speed).min(shortest_s);
            watts * charges_s / 3_600.0 >= ENERGY_DUE_WH
        })
    }

    /// How long the first session of each charge point has run after so long, where one is due by then.
    fn sessions_since(&self, length: Duration) -> impl Iterator<Item = Duration> {
        let since = move |number: u32| {
            let arrives = self.visitor(number).next_wake()?;
            let card_ms = arrives.max(self.setup.boot_ms) + CARD_AFTER_MS;
            let card_after = Duration::from_secs_f64(card_ms as f64 / 1e3 / self.speed);
            length.checked_sub(self.offset(number) + card_after + SESSION_STARTS_WITHIN)
        };
        let started = (1..=self.count).take_while(move |number| self.offset(*number) <= length);
        started.filter_map(since)
    }

    /// [`Plan::energy_due`] for the whole time of the run.
    pub(crate) fn energy_planned(&self) -> bool {
        match self.duration {
            Some(duration) => self.energy_due(duration),
            None => self.sessions.is_some(),
        }
    }

    /// [`Plan::sessions_due`] for the whole time of the run; where that has no end, all whom somebody comes to.
    pub(crate) fn sessions_planned(&self) -> u64 {
        match (self.duration, self.sessions) {
            (Some(duration), _) => self.sessions_due(duration),
            (None, Some(_)) => self.count.into(),
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::scenario;

    #[test]
    fn a_session_is_due_where_a_first_card_comes_in_time() {
        let plan = scenario(
            "count: 30\nramp: 10/s\nsessions: {pause_s: [2, 2]}\nspeed: 2\nduration: 60s\n",
            &[],
        )
        .unwrap();
        // A visitor comes between the boot (0.5 s) and 1 s, the card half a second later, a transaction has 1 s more.
        assert_eq!(plan.sessions_due(Duration::from_millis(1_999)), 0);
        assert!((1..=6).contains(&plan.sessions_due(Duration::from_millis(2_500))));
        assert_eq!(plan.sessions_due(Duration::from_millis(3_000 + 2_400)), 30);
        assert_eq!(plan.sessions_due(Duration::from_secs(60)), 30);
        assert_eq!(plan.sessions_planned(), 30);
        let energy_by = |ms| plan.energy_due(Duration::from_millis(ms));
        // The weakest car takes 2 s for 2 Wh, one real second.
        assert!(!energy_by(2_400) && energy_by(6_500));
        let idle = scenario("count: 30\nsessions: none\n", &[]).unwrap();
        assert_eq!(idle.sessions_planned(), 0);
        let endless = "sessions: {pause_s: [1, 2]}\ncount: 3\n";
        let endless = scenario(endless, &["--control", "127.0.0.1:0"]).unwrap();
        assert_eq!(endless.sessions_planned(), 3);
    }
}
