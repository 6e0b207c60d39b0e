//! What a fleet counts while it runs: calls with their latencies, connections, transactions.
//!
//! Nothing is kept per charge point. Histograms are shared by shards of charge points, each behind a lock that is
//! held for one recording.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dynamo_protocol::{CallError, Version};
use hdrhistogram::Histogram;

use crate::figures::{ActionCalls, Calls, Latency, Reason, RefusedIdTag};

/// Shards of the latency histograms: enough that the few worker threads seldom meet at one.
const SHARDS: usize = 4;
/// Latencies above are recorded as this; calls time out far below.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Two significant digits: percentiles are right within 1 %, and a histogram costs about 20 KiB.
const LATENCY_DIGITS: u8 = 2;
/// Different reasons kept for refused calls and failed connections; more are counted without their text.
const REASONS_MAX: usize = 20;

/// How a call that was sent ended.
#[derive(Debug)]
pub(crate) enum CallEnd<'a> {
    /// A `CALLRESULT` that its schema allows.
    Ok,
    /// A `CALLERROR`, or a `CALLRESULT` that breaks its schema.
    Error(&'a CallError),
    /// No answer in time.
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
    pub(crate) transactions_stopped: AtomicU64,
    pub(crate) energy_wh: AtomicU64,
    /// Transaction messages that the CSMS never took: still waiting at the end, or given up before.
    pub(crate) undelivered_messages: AtomicU64,
    /// Charge points they belong to.
    pub(crate) undelivered_charge_points: AtomicU64,
}

type Shard = BTreeMap<&'static str, ActionTally>;

#[derive(Debug)]
struct ActionTally {
    ok: u64,
    error: u64,
    timeout: u64,
    cut_off: u64,
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

impl Default for ActionTally {
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
    /// Counts a call that has ended. `shard` is any number that stays the same for one charge point.
    pub(crate) fn call(
        &self,
        shard: usize,
        action: &'static str,
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
        let tally = shard.entry(action).or_default();
        match end {
            CallEnd::Ok => tally.ok += 1,
            CallEnd::Error(_) => tally.error += 1,
            CallEnd::TimedOut => tally.timeout += 1,
            CallEnd::CutOff => tally.cut_off += 1,
        }
        if matches!(end, CallEnd::Ok | CallEnd::Error(_)) {
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
            for (action, tally) in lock(shard).iter() {
                merged.entry(action).or_default().add(tally);
            }
        }
        let by_action: BTreeMap<_, _> = merged
            .iter()
            .map(|(action, tally)| (*action, tally.summary()))
            .collect();
        let sum = |of: fn(&ActionCalls) -> u64| by_action.values().map(of).sum();
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
            sent: sum(|a| a.sent),
            ok: sum(|a| a.ok),
            error: sum(|a| a.error),
            timeout: sum(|a| a.timeout),
            cut_off: sum(|a| a.cut_off),
            errors: sorted(errors),
            by_action,
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
            .map(|shard| lock(shard).values().map(ActionTally::sent).sum::<u64>())
            .sum()
    }
}

impl ActionTally {
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

    fn summary(&self) -> ActionCalls {
        // A bucket may reach beyond the largest value in it, which is known exactly.
        let quantile = |q| {
            self.latency_us
                .value_at_quantile(q)
                .min(self.latency_us_max)
        };
        ActionCalls {
            sent: self.sent(),
            ok: self.ok,
            error: self.error,
            timeout: self.timeout,
            cut_off: self.cut_off,
            latency_ms: Latency {
                p50: milliseconds(quantile(0.50)),
                p95: milliseconds(quantile(0.95)),
                p99: milliseconds(quantile(0.99)),
                max: milliseconds(self.latency_us_max),
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
            tally.call(shard, "Heartbeat", end, Duration::from_millis(5));
        }
        let calls = tally.calls();
        assert_eq!(
            (
                calls.sent,
                calls.ok,
                calls.error,
                calls.timeout,
                calls.cut_off
            ),
            (4, 1, 1, 1, 1)
        );
        assert_eq!(calls.errors[0].action, Some("Heartbeat"));
        assert_eq!(calls.errors[0].reason, "InternalError: full");
        assert_eq!(tally.calls_ended(), 4);
    }

    #[test]
    fn percentiles_are_merged_over_shards() {
        let tally = Tally::default();
        for ms in 1..=1_000 {
            let took = Duration::from_millis(ms);
            tally.call(ms as usize, "Heartbeat", &CallEnd::Ok, took);
        }
        let latency = tally.calls().by_action["Heartbeat"].latency_ms;
        assert!((latency.p50 - 500.0).abs() <= 5.0, "{latency:?}");
        assert!((latency.p99 - 990.0).abs() <= 10.0, "{latency:?}");
        assert_eq!(latency.max, 1_000.0);
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
