//! What a run must reach to be called good.

use serde::{Deserialize, Serialize};

use crate::figures::{Calls, ChargePoints, Connections, Latency, Transactions};
use crate::reach::Reach;

/// Bounds of a scenario file. What is absent is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Thresholds {
    /// Charge points whose boot was accepted, at least.
    pub(crate) accepted_min: Option<u64>,
    /// Calls answered by an error or by something that breaks the schema, at most.
    pub(crate) call_errors_max: Option<u64>,
    /// Calls without an answer in time, at most.
    pub(crate) timeouts_max: Option<u64>,
    /// Sockets lost against the charge point's will, at most.
    pub(crate) connections_lost_max: Option<u64>,
    /// Transactions whose end was acknowledged, at least.
    pub(crate) transactions_min: Option<u64>,
    /// 95th percentile of the slowest action, in milliseconds, at most.
    pub(crate) p95_ms_max: Option<f64>,
    /// 99th percentile of the slowest action, in milliseconds, at most.
    pub(crate) p99_ms_max: Option<f64>,
}

/// One bound after the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) ok: bool,
    pub(crate) value: f64,
    pub(crate) limit: f64,
    /// The bound is a least value, not a most.
    #[serde(skip)]
    pub(crate) at_least: bool,
}

impl Judged {
    /// For people: what was wanted and what came.
    pub(crate) fn sentence(&self) -> String {
        let Self {
            name, value, limit, ..
        } = self;
        format!("{name}: {value}, wanted {} {limit}", self.bound())
    }

    fn bound(&self) -> &'static str {
        if self.at_least { "at least" } else { "at most" }
    }
}

impl Thresholds {
    /// Those of a run that names none: every charge point accepted, no call error.
    pub(crate) fn of_a_fleet(count: u32) -> Self {
        Self {
            accepted_min: Some(count.into()),
            call_errors_max: Some(0),
            ..Self::default()
        }
    }

    /// Whether each bound can hold at all in such a run.
    ///
    /// # Errors
    /// A sentence that names the bound and what the run can reach.
    pub(crate) fn check(&self, reach: &Reach) -> Result<(), String> {
        if let Some(least) = self.accepted_min.filter(|least| *least > reach.started) {
            return Err(format!(
                "thresholds.accepted_min {least} can never hold: {} charge points are started in the time of the run; \
                 lower it, or give more --count, --ramp or --duration",
                reach.started
            ));
        }
        if let (Some(least), Some(most)) = (self.transactions_min, reach.transactions)
            && least > most
        {
            return Err(format!(
                "thresholds.transactions_min {least} can never hold: the sessions of this run make at most {most} \
                 transactions; lower it, or give more --count or --duration"
            ));
        }
        for (name, most) in [
            ("p95_ms_max", self.p95_ms_max),
            ("p99_ms_max", self.p99_ms_max),
        ] {
            if let Some(most) = most.filter(|most| !(most.is_finite() && *most > 0.0)) {
                return Err(format!(
                    "thresholds.{name} {most} can never hold or never fail; give milliseconds above 0"
                ));
            }
        }
        Ok(())
    }

    /// What is wanted, one sentence for each bound.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let nothing = crate::tally::Tally::default().calls();
        self.judge(&<_>::default(), &nothing, &<_>::default(), &<_>::default())
            .iter()
            .map(|judged| format!("{} {} {}", judged.name, judged.bound(), judged.limit))
            .collect()
    }

    pub(crate) fn judge(
        &self,
        charge_points: &ChargePoints,
        calls: &Calls,
        transactions: &Transactions,
        connections: &Connections,
    ) -> Vec<Judged> {
        let slowest = |of: fn(&Latency) -> f64| {
            let latencies = calls.by_action.values().map(|a| of(&a.latency_ms));
            latencies.fold(0.0, f64::max)
        };
        let count = |bound: Option<u64>| bound.map(|bound| bound as f64);
        let least = |name, limit: Option<f64>, value: f64| {
            limit.map(|limit| Judged {
                name,
                ok: value >= limit,
                value,
                limit,
                at_least: true,
            })
        };
        let most = |name, limit: Option<f64>, value: f64| {
            limit.map(|limit| Judged {
                name,
                ok: value <= limit,
                value,
                limit,
                at_least: false,
            })
        };
        [
            least(
                "accepted",
                count(self.accepted_min),
                charge_points.accepted as f64,
            ),
            most(
                "call_errors",
                count(self.call_errors_max),
                calls.error as f64,
            ),
            most("timeouts", count(self.timeouts_max), calls.timeout as f64),
            most(
                "connections_lost",
                count(self.connections_lost_max),
                connections.lost as f64,
            ),
            least(
                "transactions",
                count(self.transactions_min),
                transactions.stopped as f64,
            ),
            most("p95_ms", self.p95_ms_max, slowest(|l| l.p95)),
            most("p99_ms", self.p99_ms_max, slowest(|l| l.p99)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::{CallEnd, Tally};
    use std::time::Duration;

    #[test]
    fn bounds_are_inclusive_and_each_is_judged() {
        let tally = Tally::default();
        for (action, ms) in [("Heartbeat", 10), ("StopTransaction", 400)] {
            tally.call(0, action, &CallEnd::Ok, Duration::from_millis(ms));
        }
        tally.call(0, "Heartbeat", &CallEnd::TimedOut, Duration::ZERO);
        let thresholds = Thresholds {
            timeouts_max: Some(1),
            p99_ms_max: Some(300.0),
            transactions_min: Some(5),
            ..Thresholds::of_a_fleet(10)
        };
        let judged = thresholds.judge(
            &ChargePoints {
                planned: 10,
                connected: 10,
                accepted: 10,
            },
            &tally.calls(),
            &Transactions::default(),
            &Connections::default(),
        );
        let ok: Vec<_> = judged.iter().map(|j| (j.name, j.ok)).collect();
        assert_eq!(
            ok,
            [
                ("accepted", true),
                ("call_errors", true),
                ("timeouts", true),
                ("transactions", false),
                ("p99_ms", false)
            ]
        );
        assert_eq!(judged[3].sentence(), "transactions: 0, wanted at least 5");
    }
}
