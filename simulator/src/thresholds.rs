//! What a run must reach to be called good.
//!
//! Some bounds count in every run: a scenario can make them tighter, or weaker by their name, which reports then say;
//! it cannot drop them by naming others. What was not measured is not held.

mod judged;
mod latency;

use serde::Deserialize;

pub(crate) use judged::Judged;

use crate::figures::{Calls, ChargePoints, Connections, Transactions};
use crate::reach::Reach;
use crate::tally::Tally;
use judged::{Bound, Limit};
use latency::{Figure, LatencyBounds, Scope};

/// A CSMS is slow when half of its answers take at least this long: a session counts as due if its card comes a second
/// before the end.
const SLOW_ANSWER_MS: f64 = 500.0;

/// Bounds of a scenario file. What is absent has its default, which for some is not to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Thresholds {
    /// Charge points whose boot was accepted, at least. By default all.
    pub(crate) accepted_min: Option<u64>,
    /// Charge points that did not live until the end of the run, at most. By default 0.
    pub(crate) charge_points_lost_max: Option<u64>,
    /// Charge points that had lost their connection at the end, and had tried in vain to get it back or lost it to
    /// silence, at most. By default 0.
    pub(crate) offline_at_end_max: Option<u64>,
    /// Calls answered by an error or by something that breaks the schema, at most. By default 0.
    pub(crate) call_errors_max: Option<u64>,
    /// Calls without an answer in time, at most. By default 0.
    pub(crate) timeouts_max: Option<u64>,
    /// Transaction messages that the CSMS never took, at most. By default 0.
    pub(crate) undelivered_max: Option<u64>,
    /// Transactions whose start was acknowledged, at least. By default 1 where the run lasted long enough for a
    /// session.
    pub(crate) transactions_started_min: Option<u64>,
    /// Charge points at which the CSMS refused more sessions than it allowed, at most. By default half of those at
    /// which a session was due.
    pub(crate) sessions_refused_max: Option<u64>,
    /// Energy of all transactions whose end was acknowledged, in Wh, at least. By default 1 where the run lasted long
    /// enough for it and a transaction was to start.
    pub(crate) energy_wh_min: Option<u64>,
    /// Starts acknowledged with an id that another transaction of the run had got before, at most. By default 0.
    pub(crate) transaction_ids_doubled_max: Option<u64>,
    /// Transactions whose end was acknowledged, at least.
    pub(crate) transactions_min: Option<u64>,
    /// Sockets lost against the charge point's will, at most.
    pub(crate) connections_lost_max: Option<u64>,
    /// Percentiles by action, of each action and over all calls, in milliseconds.
    latency_ms: LatencyBounds,
    /// The older form of `latency_ms: {each: {p95_max: …}}`.
    p95_ms_max: Option<f64>,
    /// The older form of `latency_ms: {each: {p99_max: …}}`.
    p99_ms_max: Option<f64>,
}

/// What a run counted, as far as bounds ask for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) charge_points: &'a ChargePoints,
    pub(crate) calls: &'a Calls,
    pub(crate) transactions: &'a Transactions,
    pub(crate) connections: &'a Connections,
}

impl Thresholds {
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
        for (name, least) in [
            ("transactions_started_min", self.transactions_started_min),
            ("transactions_min", self.transactions_min),
        ] {
            if let (Some(least), Some(most)) = (least, reach.transactions)
                && least > most
            {
                return Err(format!(
                    "thresholds.{name} {least} can never hold: the sessions of this run make at most {most} \
                     transactions; lower it, or give more --count or --duration"
                ));
            }
        }
        latency::check_ms("p95_ms_max", self.p95_ms_max)?;
        latency::check_ms("p99_ms_max", self.p99_ms_max)?;
        latency::check(&self.latency_ms)
    }

    /// What is wanted of a run with these charge points, one sentence for each bound.
    pub(crate) fn sentences(&self, planned: &ChargePoints) -> Vec<String> {
        let counted = Counted {
            charge_points: planned,
            calls: &Tally::default().calls(),
            transactions: &Transactions::default(),
            connections: &Connections::default(),
        };
        let judged = self.judge(counted);
        let of = |judged: &Judged| match judged.name.as_str() {
            "p95_ms" | "p99_ms" => " for each action: the slowest decides",
            _ => "",
        };
        (judged.iter())
            .map(|judged| format!("{} {}{}", judged.name, judged.wanted(), of(judged)))
            .collect()
    }

    pub(crate) fn judge(&self, counted: Counted<'_>) -> Vec<Judged> {
        let mut judged = self.judge_counts(counted);
        judged.extend(latency::judge(&self.latency_ms, counted.calls));
        let older: [(_, _, Figure); 2] = [
            ("p95_ms", self.p95_ms_max, |latency| latency.p95),
            ("p99_ms", self.p99_ms_max, |latency| latency.p99),
        ];
        judged.extend(older.into_iter().filter_map(|(name, limit, of)| {
            let judge =
                |limit| latency::judge_one(name.into(), Scope::Each, of, limit, counted.calls);
            limit.map(judge)
        }));
        judged
    }

    fn judge_counts(&self, counted: Counted<'_>) -> Vec<Judged> {
        let Counted {
            charge_points: points,
            calls,
            transactions,
            connections,
        } = counted;
        let (ends, due) = (calls.all.ends, points.sessions_due);
        let all = Some(points.planned);
        let some_due = (due > 0).then_some(1);
        let none = Some(0);
        let none_started = (due > 0 && transactions.started == 0).then(|| {
            let remedy = slow_answers(calls).unwrap_or_default();
            format!("sessions were due at {due} charge points, and none ever started{remedy}")
        });
        let least =
            |name, given, default, value| count(name, Bound::Least, (given, default), value);
        let most = |name, given, default, value| count(name, Bound::Most, (given, default), value);
        let lost = most(
            "charge_points_lost",
            self.charge_points_lost_max,
            none,
            points.lost,
        );
        let started = self.transactions_started_min;
        let started = least(
            "transactions_started",
            started,
            some_due,
            transactions.started,
        );
        let undelivered = transactions.undelivered_messages;
        let refused = most(
            "sessions_refused",
            self.sessions_refused_max,
            (due > 0).then_some(due / 2),
            points.sessions_refused,
        );
        let named_refused = (points.sessions_refused > 0).then(|| {
            format!(
                "charge points of {due} with a session due at which the CSMS refused more cards and starts than it \
                 allowed; {} were refused in all",
                transactions.sessions_refused
            )
        });
        // Who wants no transaction to start wants no energy either.
        let energy_due = points.energy_due && self.transactions_started_min != Some(0);
        let energy = least(
            "energy_wh",
            self.energy_wh_min,
            energy_due.then_some(1),
            transactions.energy_wh,
        );
        let no_energy = (due > 0 && transactions.energy_wh == 0).then(|| {
            format!(
                "sessions were due at {due} charge points, and no transaction delivered anything"
            )
        });
        let doubled = most(
            "transaction_ids_doubled",
            self.transaction_ids_doubled_max,
            none,
            transactions.ids_doubled,
        );
        [
            least("accepted", self.accepted_min, all, points.accepted),
            lost.map(|lost| lost.with_remark(points.named_losses())),
            most(
                "offline_at_end",
                self.offline_at_end_max,
                none,
                points.offline_at_end,
            ),
            most("call_errors", self.call_errors_max, none, ends.error),
            most("timeouts", self.timeouts_max, none, ends.timeout),
            most("undelivered", self.undelivered_max, none, undelivered),
            doubled.map(|doubled| doubled.with_remark(transactions.named_doubled_ids())),
            started.map(|started| started.with_remark(none_started)),
            refused.map(|refused| refused.with_remark(named_refused)),
            energy.map(|energy| energy.with_remark(no_energy)),
            least(
                "transactions",
                self.transactions_min,
                None,
                transactions.stopped,
            ),
            most(
                "connections_lost",
                self.connections_lost_max,
                None,
                connections.lost,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What to change where a CSMS that answers everything is so slow that no session got as far as its start;
/// nothing where something else is wrong.
fn slow_answers(calls: &Calls) -> Option<String> {
    let (ends, p50_ms) = (calls.all.ends, calls.all.latency_ms.p50?);
    let answers_all = ends.error + ends.timeout == 0;
    (answers_all && p50_ms >= SLOW_ANSWER_MS).then(|| {
        format!(
            "; the CSMS answers, half of the time after {:.1} s or more, and a charge point has one call open at a time: \
             give more --duration, or transactions_started_min: 0",
            p50_ms / 1e3
        )
    })
}

/// A count against what a scenario gives, else against the default; none where there is neither.
fn count(
    name: &str,
    bound: Bound,
    (given, default): (Option<u64>, Option<u64>),
    value: u64,
) -> Option<Judged> {
    let limit = Limit::of(bound, given, default)?;
    Some(Judged::new(name, Some(value as f64), limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{DoubledId, Loss};
    use crate::tally::{CallEnd, Phase};
    use std::time::Duration;

    fn given(yaml: &str) -> Thresholds {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn ten() -> ChargePoints {
        ChargePoints {
            planned: 10,
            connected: 10,
            accepted: 10,
            sessions_due: 10,
            ..ChargePoints::default()
        }
    }

    fn judge(
        thresholds: &Thresholds,
        points: &ChargePoints,
        tally: &Tally,
        started: u64,
    ) -> Vec<Judged> {
        thresholds.judge(Counted {
            charge_points: points,
            calls: &tally.calls(),
            transactions: &Transactions {
                started,
                ..Transactions::default()
            },
            connections: &Connections::default(),
        })
    }

    fn failed(judged: &[Judged]) -> Vec<String> {
        let failed = judged.iter().filter(|judged| !judged.ok);
        failed.map(Judged::sentence).collect()
    }

    /// Heartbeats of 10 ms, and one StopTransaction of 400.
    fn tally() -> Tally {
        let tally = Tally::default();
        let call = |action, ms| {
            let took = Duration::from_millis(ms);
            tally.call(0, (action, Phase::Run), &CallEnd::Ok, took);
        };
        (0..199).for_each(|_| call("Heartbeat", 10));
        call("StopTransaction", 400);
        tally
    }

    #[test]
    fn bounds_are_inclusive_and_each_is_judged() {
        let tally = tally();
        tally.call(
            0,
            ("Heartbeat", Phase::Run),
            &CallEnd::TimedOut,
            Duration::ZERO,
        );
        let thresholds = given("{timeouts_max: 1, p99_ms_max: 300, transactions_min: 5}");
        let judged = judge(&thresholds, &ten(), &tally, 6);
        let ok: Vec<_> = judged.iter().map(|j| (j.name.as_str(), j.ok)).collect();
        assert_eq!(
            ok,
            [
                ("accepted", true),
                ("charge_points_lost", true),
                ("offline_at_end", true),
                ("call_errors", true),
                ("timeouts", true),
                ("undelivered", true),
                ("transaction_ids_doubled", true),
                ("transactions_started", true),
                ("sessions_refused", true),
                ("transactions", false),
                ("p99_ms", false)
            ]
        );
        assert_eq!(
            failed(&judged),
            [
                "transactions: 0, wanted at least 5",
                "p99_ms: 400, wanted at most 300: StopTransaction was the slowest"
            ]
        );
        assert_eq!(
            judged[4].sentence(),
            "timeouts: 1, wanted at most 1 (relaxed from 0)"
        );
    }

    #[test]
    fn bounds_of_ones_own_leave_the_others_as_they_are() {
        let tally = Tally::default();
        let refused =
            dynamo_protocol::CallError::new(dynamo_protocol::ErrorCode::InternalError, "no");
        let authorize = ("Authorize", Phase::Run);
        tally.call(0, authorize, &CallEnd::TimedOut, Duration::from_secs(30));
        tally.call(0, authorize, &CallEnd::Error(&refused), Duration::ZERO);
        let mut points = ten();
        points.accepted = 9;
        for yaml in [
            "{}",
            "{connections_lost_max: 0}",
            "{latency_ms: {all: {p50_max: 60000}}}",
        ] {
            let failed = failed(&judge(&given(yaml), &points, &tally, 0));
            assert_eq!(
                failed,
                [
                    "accepted: 9, wanted at least 10",
                    "call_errors: 1, wanted at most 0",
                    "timeouts: 1, wanted at most 0",
                    "transactions_started: 0, wanted at least 1: sessions were due at 10 charge points, and none \
                     ever started"
                ],
                "{yaml}"
            );
        }
        let relaxed =
            "{accepted_min: 9, call_errors_max: 1, timeouts_max: 1, transactions_started_min: 0}";
        let judged = judge(&given(relaxed), &points, &tally, 0);
        assert!(failed(&judged).is_empty(), "{judged:?}");
        let relaxed = judged.iter().filter_map(|j| j.relaxed_from);
        assert_eq!(relaxed.collect::<Vec<_>>(), [10.0, 0.0, 0.0, 1.0]);
        // A key without a value is not a way to drop a bound, and a tighter one is not relaxed.
        let empty = judge(
            &given("{timeouts_max: , transactions_started_min: 5}"),
            &points,
            &tally,
            4,
        );
        assert_eq!(failed(&empty).len(), 4, "{empty:?}");
        assert!(empty.iter().all(|judged| judged.relaxed_from.is_none()));
    }

    #[test]
    fn where_no_session_is_due_none_need_start() {
        let mut points = ten();
        points.sessions_due = 0;
        let names = |thresholds: &Thresholds| {
            let judged = judge(thresholds, &points, &Tally::default(), 0);
            judged.iter().any(|j| j.name == "transactions_started")
        };
        assert!(!names(&Thresholds::default()));
        assert!(names(&given("{transactions_started_min: 1}")));
    }

    #[test]
    fn a_run_that_charges_nobody_is_red_although_all_is_answered() {
        let points = |sessions_refused| ChargePoints {
            sessions_refused,
            energy_due: true,
            ..ten()
        };
        let judge = |yaml: &str, points: &ChargePoints, energy_wh| {
            let judged = given(yaml).judge(Counted {
                charge_points: points,
                calls: &Tally::default().calls(),
                transactions: &Transactions {
                    started: 4,
                    energy_wh,
                    sessions_refused: 7,
                    ..Transactions::default()
                },
                connections: &Connections::default(),
            });
            failed(&judged)
        };
        assert!(judge("{}", &points(5), 1).is_empty());
        assert_eq!(
            judge("{}", &points(6), 0),
            [
                "sessions_refused: 6, wanted at most 5: charge points of 10 with a session due at which the CSMS \
                 refused more cards and starts than it allowed; 7 were refused in all",
                "energy_wh: 0, wanted at least 1: sessions were due at 10 charge points, and no transaction \
                 delivered anything"
            ]
        );
        let on_purpose = "{sessions_refused_max: 10, energy_wh_min: 0}";
        assert!(judge(on_purpose, &points(10), 0).is_empty());
        // Where nothing is wanted to start, nothing is wanted to flow; where there was no time, neither.
        let nothing = "{sessions_refused_max: 10, transactions_started_min: 0}";
        assert!(judge(nothing, &points(10), 0).is_empty());
        assert!(judge("{}", &ten(), 0).is_empty());
    }

    #[test]
    fn a_run_that_was_too_short_for_a_slow_csms_says_what_to_change() {
        let sentence = |end: &CallEnd<'_>, ms| {
            let tally = Tally::default();
            let boot = ("BootNotification", Phase::Run);
            (0..3).for_each(|_| tally.call(0, boot, &CallEnd::Ok, Duration::from_millis(ms)));
            tally.call(0, ("Authorize", Phase::Run), end, Duration::from_millis(ms));
            let failed = failed(&judge(&given("{}"), &ten(), &tally, 0));
            failed.last().unwrap().clone()
        };
        let remedy = "after 3.0 s or more, and a charge point has one call open at a time: give more --duration";
        let slow = sentence(&CallEnd::Ok, 3_000);
        assert!(slow.contains(remedy), "{slow}");
        for other in [
            sentence(&CallEnd::Ok, 20),
            sentence(&CallEnd::TimedOut, 3_000),
        ] {
            assert!(other.ends_with("and none ever started"), "{other}");
        }
    }

    #[test]
    fn a_transaction_id_that_came_twice_is_named() {
        let transactions = Transactions {
            started: 3,
            ids_doubled: 2,
            doubled_ids: vec![DoubledId {
                transaction_id: 1,
                charge_point_ids: ["SIM-000001".into(), "SIM-000002".into()],
            }],
            ..Transactions::default()
        };
        let judged = |yaml: &str| {
            let judged = given(yaml).judge(Counted {
                charge_points: &ten(),
                calls: &Tally::default().calls(),
                transactions: &transactions,
                connections: &Connections::default(),
            });
            failed(&judged)
        };
        assert_eq!(
            judged("{}"),
            [
                "transaction_ids_doubled: 2, wanted at most 0: 1 of SIM-000001 again at SIM-000002 and 1 more"
            ]
        );
        assert!(judged("{transaction_ids_doubled_max: 2}").is_empty());
    }

    #[test]
    fn a_lost_charge_point_is_named() {
        let mut points = ten();
        points.lost = 2;
        points.losses = vec![Loss {
            charge_point_id: "SIM-000003".into(),
            reason: "it panicked".into(),
        }];
        assert_eq!(
            failed(&judge(
                &Thresholds::default(),
                &points,
                &Tally::default(),
                1
            )),
            ["charge_points_lost: 2, wanted at most 0: SIM-000003 (it panicked) and 1 more"]
        );
    }

    #[test]
    fn a_latency_bound_says_of_which_calls() {
        let yaml = "latency_ms:\n  all: {p99_max: 9}\n  each: {p95_max: 399}\n  Heartbeat: {p50_max: 10}\n  \
                    StopTransaction: {p95_max: 400, p99_max: 300}\n  MeterValues: {p95_max: 100}\n";
        let judged = judge(&given(yaml), &ten(), &tally(), 1);
        let latencies = judged.iter().filter(|j| j.name.starts_with("latency_ms."));
        assert_eq!(
            latencies.map(Judged::sentence).collect::<Vec<_>>(),
            [
                "latency_ms.all.p99: 10.047, wanted at most 9",
                "latency_ms.each.p95: 400, wanted at most 399: StopTransaction was the slowest",
                "latency_ms.Heartbeat.p50: 10, wanted at most 10",
                "latency_ms.MeterValues.p95: not measured, wanted at most 100: no such call was answered while the \
                 run lasted",
                "latency_ms.StopTransaction.p95: 400, wanted at most 400",
                "latency_ms.StopTransaction.p99: 400, wanted at most 300",
            ]
        );
        assert_eq!(failed(&judged).len(), 4);
    }

    #[test]
    fn what_is_wanted_is_said_before_the_run() {
        let thresholds =
            given("{p95_ms_max: 400, latency_ms: {all: {p50_max: 50}}, timeouts_max: 2}");
        let wanted = thresholds.sentences(&ChargePoints {
            planned: 7,
            ..ChargePoints::default()
        });
        for sentence in [
            "accepted at least 7",
            "timeouts at most 2 (relaxed from 0)",
            "latency_ms.all.p50 at most 50",
            "p95_ms at most 400 for each action: the slowest decides",
        ] {
            assert!(wanted.iter().any(|wanted| wanted == sentence), "{wanted:?}");
        }
    }

    #[test]
    fn a_percentile_that_nobody_measured_is_not_held() {
        let each = given("{p95_ms_max: 500, latency_ms: {all: {p95_max: 500}}}");
        // Nothing was called at all.
        assert_eq!(failed(&judge(&each, &ten(), &Tally::default(), 1)).len(), 2);
        let tally = tally();
        let wait = Duration::from_secs(30);
        // A line that was lost says nothing, and neither does the ending.
        tally.call(0, ("Authorize", Phase::Run), &CallEnd::CutOff, wait);
        tally.call(0, ("MeterValues", Phase::Ending), &CallEnd::TimedOut, wait);
        let lenient = given("{p95_ms_max: 500, timeouts_max: 9}");
        assert!(failed(&judge(&lenient, &ten(), &tally, 1)).is_empty());
        // An action that was called in vain is as slow as can be, whatever the others are.
        tally.call(0, ("Authorize", Phase::Run), &CallEnd::TimedOut, wait);
        assert_eq!(
            failed(&judge(&lenient, &ten(), &tally, 1)),
            ["p95_ms: not measured, wanted at most 500: no Authorize was answered"]
        );
    }
}
