//! What a fleet counts while it runs: calls with their latencies, connections, transactions.
//!
//! Nothing is kept per charge point. Histograms are shared by shards of charge points, each behind a lock that is
//! held for one recording.

mod transaction_ids;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dynamo_protocol::{CallError, Version};
use hdrhistogram::Histogram;

use transaction_ids::TransactionIds;

use crate::figures::{CallFigures, Calls, EndingCalls, Ends, Latency, Reason, RefusedIdTag};

/// Shards of the latency histograms: enough that the few worker threads seldom meet at one.
const SHARDS: usize = 4;
/// Latencies above are recorded as this; calls time out far below.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Two significant digits: percentiles are right within 1 %, and a histogram costs about 20 KiB.
const LATENCY_DIGITS: u8 = 2;
/// Different reasons kept for refused calls and failed connections; more are counted without their text.
const REASONS_MAX: usize = 20;

/// When a call was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// While the run lasted.
    Run,
    /// After everybody was told to stop.
    Ending,
}

/// How a call that was sent ended.
#[derive(Debug)]
pub(crate) enum CallEnd<'a> {
    /// A `CALLRESULT` that its schema allows.
    Ok,
    /// A `CALLERROR`, or a `CALLRESULT` that breaks its schema.
    Error(&'a CallError),
    /// No answer in time, or none until the run waited no longer.
    TimedOut,
    /// The socket was lost before the answer.
    CutOff,
}

/// Counters of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    shards: [Mutex<Shard>; SHARDS],
    reasons: Mutex<Reasons>,
    /// Charge points that ever had a connection.
    pub(crate) connected: AtomicU64,
    /// Charge points whose boot was ever accepted.
    pub(crate) accepted: AtomicU64,
    /// Connections that are open now.
    pub(crate) online: AtomicU64,
    pub(crate) connections_opened: AtomicU64,
    pub(crate) connections_reopened: AtomicU64,
    pub(crate) connections_lost: AtomicU64,
    pub(crate) connections_failed: AtomicU64,
    pub(crate) transactions_started: AtomicU64,
    /// Sessions that the CSMS did not allow: it refused the card, or the start.
    pub(crate) sessions_refused: AtomicU64,
    /// Charge points at which it refused more sessions than it allowed.
    pub(crate) charge_points_refused: AtomicU64,
    transaction_ids: Mutex<TransactionIds>,
    pub(crate) transactions_stopped: AtomicU64,
    pub(crate) energy_wh: AtomicU64,
    /// Transaction messages that the CSMS never took: still waiting at the end, or given up before.
    pub(crate) undelivered_messages: AtomicU64,
    /// Charge points they belong to.
    pub(crate) undelivered_charge_points: AtomicU64,
    /// Meter readings that were dropped to make room.
    pub(crate) readings_thinned: AtomicU64,
    /// Frames of the CSMS that are none of OCPP-J.
    pub(crate) frames_refused: AtomicU64,
    /// Answers of the CSMS that nobody waited for.
    pub(crate) frames_stray: AtomicU64,
    /// Charge points that ended without the connection that they wanted.
    pub(crate) offline_at_end: AtomicU64,
}

type Shard = BTreeMap<(&'static str, Phase), CallTally>;

#[derive(Debug)]
struct CallTally {
    ok: u64,
    error: u64,
    timeout: u64,
    cut_off: u64,
    /// Of answered calls, and of those that timed out.
    latency_us: Histogram<u64>,
    latency_us_max: u64,
}

#[derive(Debug, Default)]
struct Reasons {
    calls: BTreeMap<(&'static str, String), u64>,
    connections: BTreeMap<String, u64>,
    /// By tag and the CSMS's word.
    id_tags: BTreeMap<(String, &'static str), u64>,
}

impl Default for CallTally {
    fn default() -> Self {
        Self {
            ok: 0,
            error: 0,
            timeout: 0,
            cut_off: 0,
            latency_us: Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS)
                .expect("the bounds are ordered and the digits at most 5"),
            latency_us_max: 0,
        }
    }
}

impl Tally {
    /// Counts a call that has ended. `shard` is any number that stays the same for one charge point; `took` is how
    /// long its answer took, or how long it was waited for.
    pub(crate) fn call(
        &self,
        shard: usize,
        (action, phase): (&'static str, Phase),
        end: &CallEnd<'_>,
        took: Duration,
    ) {
        if let CallEnd::Error(error) = end {
            let reason = format!(
                "{}: {}",
                error.code.as_wire(Version::V1_6),
                error.description
            );
            count_reason(&mut lock(&self.reasons).calls, (action, reason));
        }
        let mut shard = lock(&self.shards[shard % SHARDS]);
        let tally = shard.entry((action, phase)).or_default();
        match end {
            CallEnd::Ok => tally.ok += 1,
            CallEnd::Error(_) => tally.error += 1,
            CallEnd::TimedOut => tally.timeout += 1,
            CallEnd::CutOff => tally.cut_off += 1,
        }
        if !matches!(end, CallEnd::CutOff) {
            let us = u64::try_from(took.as_micros()).unwrap_or(LATENCY_US_MAX);
            tally.latency_us.saturating_record(us.max(1));
            tally.latency_us_max = tally.latency_us_max.max(us);
        }
    }

    pub(crate) fn connection_failed(&self, reason: String) {
        self.connections_failed.fetch_add(1, Relaxed);
        count_reason(&mut lock(&self.reasons).connections, reason);
    }

    /// Why connections failed, most frequent first.
    pub(crate) fn connection_failures(&self) -> Vec<Reason> {
        let reasons = lock(&self.reasons);
        sorted(reasons.connections.iter().map(|(reason, count)| Reason {
            action: None,
            reason: reason.clone(),
            count: *count,
        }))
    }

    /// The CSMS acknowledged the start of a transaction at the charge point of this index, with this id.
    pub(crate) fn transaction_started(&self, transaction_id: i64, index: usize) {
        self.transactions_started.fetch_add(1, Relaxed);
        lock(&self.transaction_ids).given(transaction_id, index);
    }

    /// Ids that came more than once.
    pub(crate) fn transaction_ids(&self) -> MutexGuard<'_, TransactionIds> {
        lock(&self.transaction_ids)
    }

    /// The CSMS does not let this tag charge.
    pub(crate) fn tag_refused(&self, id_tag: &str, status: &'static str) {
        let key = (id_tag.to_owned(), status);
        count_reason(&mut lock(&self.reasons).id_tags, key);
    }

    /// Tags that the CSMS refused, most frequent first.
    pub(crate) fn refused_id_tags(&self) -> Vec<RefusedIdTag> {
        let reasons = lock(&self.reasons);
        let refused = reasons.id_tags.iter();
        let mut refused: Vec<_> = refused
            .map(|((id_tag, status), count)| RefusedIdTag {
                id_tag: id_tag.clone(),
                status,
                count: *count,
            })
            .collect();
        refused.sort_by_key(|refused| std::cmp::Reverse(refused.count));
        refused
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Calls {
        let mut merged = Shard::new();
        for shard in &self.shards {
            for (key, tally) in lock(shard).iter() {
                merged.entry(*key).or_default().add(tally);
            }
        }
        let mut all = Phases::default();
        let mut by_action: BTreeMap<&'static str, Phases> = BTreeMap::new();
        for ((action, phase), tally) in &merged {
            all.add(*phase, tally);
            by_action.entry(action).or_default().add(*phase, tally);
        }
        let reasons = lock(&self.reasons);
        let errors = reasons
            .calls
            .iter()
            .map(|((action, reason), count)| Reason {
                action: Some(action),
                reason: reason.clone(),
                count: *count,
            });
        Calls {
            all: all.figures(),
            errors: sorted(errors),
            by_action: (by_action.iter())
                .map(|(action, phases)| (*action, phases.figures()))
                .collect(),
        }
    }

    /// Calls that the CSMS has answered so far, one way or the other.
    pub(crate) fn calls_answered(&self) -> u64 {
        let answered = |shard: &Shard| shard.values().map(|a| a.ok + a.error).sum::<u64>();
        self.shards.iter().map(|shard| answered(&lock(shard))).sum()
    }

    /// Calls that have ended so far, without the cost of merging histograms.
    pub(crate) fn calls_ended(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| lock(shard).values().map(CallTally::sent).sum::<u64>())
            .sum()
    }
}

impl CallTally {
    fn sent(&self) -> u64 {
        self.ok + self.error + self.timeout + self.cut_off
    }

    fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.error += other.error;
        self.timeout += other.timeout;
        self.cut_off += other.cut_off;
        self.latency_us
            .add(&other.latency_us)
            .expect("all histograms have the same bounds");
        self.latency_us_max = self.latency_us_max.max(other.latency_us_max);
    }

    fn ends(&self) -> Ends {
        Ends {
            sent: self.sent(),
            ok: self.ok,
            error: self.error,
            timeout: self.timeout,
            cut_off: self.cut_off,
        }
    }

    fn latency(&self) -> Latency {
        // Of a call without an answer nobody knows more than that it took too long.
        let is_measured = self.ok + self.error > 0;
        // A bucket may reach beyond the largest value in it, which is known exactly.
        let quantile = |q| {
            let us = self.latency_us.value_at_quantile(q);
            is_measured.then(|| milliseconds(us.min(self.latency_us_max)))
        };
        Latency {
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: quantile(1.0),
            calls: self.sent() - self.cut_off,
            timeouts: self.timeout,
        }
    }
}

/// The two phases of the same calls.
#[derive(Default)]
struct Phases {
    run: CallTally,
    ending: CallTally,
}

impl Phases {
    fn add(&mut self, phase: Phase, tally: &CallTally) {
        match phase {
            Phase::Run => self.run.add(tally),
            Phase::Ending => self.ending.add(tally),
        }
    }

    fn figures(&self) -> CallFigures {
        let (run, ending) = (self.run.ends(), self.ending.ends());
        CallFigures {
            ends: Ends {
                sent: run.sent + ending.sent,
                ok: run.ok + ending.ok,
                error: run.error + ending.error,
                timeout: run.timeout + ending.timeout,
                cut_off: run.cut_off + ending.cut_off,
            },
            latency_ms: self.run.latency(),
            ending: EndingCalls {
                ends: ending,
                latency_ms: self.ending.latency(),
            },
        }
    }
}

fn count_reason<K: Ord>(reasons: &mut BTreeMap<K, u64>, key: K) {
    if reasons.len() < REASONS_MAX || reasons.contains_key(&key) {
        *reasons.entry(key).or_default() += 1;
    }
}

fn sorted(reasons: impl Iterator<Item = Reason>) -> Vec<Reason> {
    let mut reasons: Vec<_> = reasons.collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    reasons
}

fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

/// A panic elsewhere leaves counters as they are: they stay usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamo_protocol::ErrorCode;

    const HEARTBEAT: (&str, Phase) = ("Heartbeat", Phase::Run);

    #[test]
    fn a_call_that_was_cut_off_is_sent_but_no_error() {
        let tally = Tally::default();
        let refused = CallError::new(ErrorCode::InternalError, "full");
        for (shard, end) in [
            CallEnd::Ok,
            CallEnd::Error(&refused),
            CallEnd::TimedOut,
            CallEnd::CutOff,
        ]
        .iter()
        .enumerate()
        {
            tally.call(shard, HEARTBEAT, end, Duration::from_millis(5));
        }
        let calls = tally.calls();
        let ends = Ends {
            sent: 4,
            ok: 1,
            error: 1,
            timeout: 1,
            cut_off: 1,
        };
        assert_eq!(calls.all.ends, ends);
        assert_eq!(calls.all.run_waited_for(), 3);
        assert_eq!(calls.errors[0].action, Some("Heartbeat"));
        assert_eq!(calls.errors[0].reason, "InternalError: full");
        assert_eq!(tally.calls_ended(), 4);
    }

    #[test]
    fn percentiles_are_merged_over_shards() {
        let tally = Tally::default();
        for ms in 1..=1_000 {
            let took = Duration::from_millis(ms);
            tally.call(ms as usize, HEARTBEAT, &CallEnd::Ok, took);
        }
        let latency = tally.calls().by_action["Heartbeat"].latency_ms;
        assert!((latency.p50.unwrap() - 500.0).abs() <= 5.0, "{latency:?}");
        assert!((latency.p99.unwrap() - 990.0).abs() <= 10.0, "{latency:?}");
        assert_eq!((latency.max, latency.calls), (Some(1_000.0), 1_000));
    }

    #[test]
    fn a_call_that_timed_out_counts_with_the_time_that_was_waited() {
        let tally = Tally::default();
        let wait = Duration::from_secs(30);
        for _ in 0..90 {
            tally.call(0, HEARTBEAT, &CallEnd::Ok, Duration::from_millis(5));
        }
        for _ in 0..10 {
            tally.call(0, HEARTBEAT, &CallEnd::TimedOut, wait);
            tally.call(0, HEARTBEAT, &CallEnd::CutOff, Duration::from_secs(60));
        }
        let latency = tally.calls().by_action["Heartbeat"].latency_ms;
        assert_eq!(latency.p95, Some(30_000.0));
        assert!(latency.p50 < Some(6.0), "{latency:?}");
        assert_eq!((latency.calls, latency.timeouts), (100, 10));
        assert_eq!(latency.max, Some(30_000.0), "a lost line is no latency");
    }

    #[test]
    fn without_any_answer_there_is_no_latency() {
        let tally = Tally::default();
        let wait = Duration::from_secs(30);
        tally.call(0, HEARTBEAT, &CallEnd::TimedOut, wait);
        tally.call(0, ("Authorize", Phase::Run), &CallEnd::CutOff, wait);
        let calls = tally.calls();
        for latency in [
            calls.all.latency_ms,
            calls.by_action["Heartbeat"].latency_ms,
            calls.by_action["Authorize"].latency_ms,
            Tally::default().calls().all.latency_ms,
        ] {
            assert_eq!((latency.p50, latency.max), (None, None), "{latency:?}");
        }
        assert_eq!(calls.by_action["Authorize"].run_waited_for(), 0);
    }

    #[test]
    fn the_latency_of_the_ending_is_told_apart() {
        let tally = Tally::default();
        let stop = |phase, ms| {
            let took = Duration::from_millis(ms);
            tally.call(0, ("StopTransaction", phase), &CallEnd::Ok, took);
        };
        (0..10).for_each(|_| stop(Phase::Run, 4));
        (0..30).for_each(|_| stop(Phase::Ending, 800));
        let calls = tally.calls();
        for figures in [&calls.all, &calls.by_action["StopTransaction"]] {
            assert_eq!((figures.ends.sent, figures.ending.ends.sent), (40, 30));
            assert_eq!(figures.latency_ms.max, Some(4.0));
            assert_eq!(figures.ending.latency_ms.max, Some(800.0));
            assert_eq!(figures.run_waited_for(), 10);
        }
    }

    #[test]
    fn reasons_are_bounded() {
        let tally = Tally::default();
        for n in 0..2 * REASONS_MAX {
            tally.connection_failed(format!("reason {n}"));
        }
        tally.connection_failed("reason 0".into());
        let reasons = tally.connection_failures();
        assert_eq!(reasons.len(), REASONS_MAX);
        assert_eq!(
            (reasons[0].reason.as_str(), reasons[0].count),
            ("reason 0", 2)
        );
        assert_eq!(
            tally.connections_failed.load(Relaxed),
            2 * REASONS_MAX as u64 + 1
        );
    }
}
