//! What a run counted. The JSON form is part of the product's outside.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ChargePoints {
    pub(crate) planned: u64,
    /// Had a connection at least once.
    pub(crate) connected: u64,
    /// Had a boot accepted at least once.
    pub(crate) accepted: u64,
    /// At which somebody would have shown a card by the end of the run, were the CSMS prompt.
    pub(crate) sessions_due: u64,
    /// At which the CSMS refused more sessions than it allowed.
    pub(crate) sessions_refused: u64,
    /// Whether energy would have flowed by the end of the run at one of those where a session was due.
    #[serde(skip)]
    pub(crate) energy_due: bool,
    /// Had lost their connection when they ended, and had tried in vain to get it back or lost it to silence.
    pub(crate) offline_at_end: u64,
    /// Ended before the run did, panicked, or could not be ended: what they did is not counted in full.
    pub(crate) lost: u64,
    /// Which those were; the first [`LOSSES_MAX`] of them.
    pub(crate) losses: Vec<Loss>,
}

/// Most lost charge points that are named.
pub(crate) const LOSSES_MAX: usize = 20;

/// A charge point that did not live until the end of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Loss {
    pub(crate) charge_point_id: String,
    pub(crate) reason: String,
}

impl ChargePoints {
    /// For people, if any was lost: which, and why.
    pub(crate) fn named_losses(&self) -> Option<String> {
        let named: Vec<String> = (self.losses.iter())
            .map(|loss| format!("{} ({})", loss.charge_point_id, loss.reason))
            .collect();
        let more = self.lost - named.len() as u64;
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        (self.lost > 0).then(|| format!("{}{more}", named.join(", ")))
    }
}

/// Most doubled transaction ids that are named.
pub(crate) const DOUBLED_IDS_MAX: usize = 20;

/// A transaction id that the CSMS gave to two transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DoubledId {
    pub(crate) transaction_id: i64,
    /// Who got it first, and who got it again; one charge point may be both.
    pub(crate) charge_point_ids: [String; 2],
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Transactions {
    /// Starts that the CSMS acknowledged.
    pub(crate) started: u64,
    /// Ends that the CSMS acknowledged.
    pub(crate) stopped: u64,
    /// Of the stopped ones.
    pub(crate) energy_wh: u64,
    /// Sessions whose card, or whose start, the CSMS refused.
    pub(crate) sessions_refused: u64,
    /// Starts that the CSMS acknowledged with an id that another transaction of the run had got before.
    pub(crate) ids_doubled: u64,
    /// Which those were; the first [`DOUBLED_IDS_MAX`] of them.
    pub(crate) doubled_ids: Vec<DoubledId>,
    /// Messages that the CSMS never took: still waiting at the end, or given up after their last attempt.
    pub(crate) undelivered_messages: u64,
    /// Charge points they belong to.
    pub(crate) undelivered_charge_points: u64,
    /// Meter readings that were dropped because too many messages waited for the CSMS [1.6 §3.7]; the ledger says of
    /// which transactions.
    pub(crate) readings_thinned: u64,
}

impl Transactions {
    /// For people, if an id came twice: which, and where.
    pub(crate) fn named_doubled_ids(&self) -> Option<String> {
        let named = |doubled: &DoubledId| {
            let [first, again] = &doubled.charge_point_ids;
            format!("{} of {first} again at {again}", doubled.transaction_id)
        };
        let shown: Vec<String> = self.doubled_ids.iter().map(named).collect();
        let more = match self.ids_doubled - shown.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (self.ids_doubled > 0).then(|| format!("{}{more}", shown.join(", ")))
    }

    /// For people, if anything was not delivered.
    pub(crate) fn undelivered(&self) -> Option<String> {
        let Self {
            undelivered_messages: messages,
            undelivered_charge_points: points,
            ..
        } = self;
        let (message, was) = if *messages == 1 {
            ("message", "was")
        } else {
            ("messages", "were")
        };
        let point = if *points == 1 { "point" } else { "points" };
        (*messages > 0).then(|| {
            format!(
                "{messages} transaction {message} of {points} charge {point} {was} never taken by the CSMS; its records \
                 are incomplete"
            )
        })
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Connections {
    /// All that came about.
    pub(crate) opened: u64,
    /// Gone against the charge point's will.
    pub(crate) lost: u64,
    /// Opened by a charge point that had one before.
    pub(crate) reopened: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
    /// Why attempts failed, most frequent first.
    pub(crate) failures: Vec<Reason>,
}

/// Frames of the CSMS that were of no use.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Frames {
    /// No frame of OCPP-J, or none that is allowed where it came.
    pub(crate) refused: u64,
    /// Answers that nobody waited for: too late, doubled, or with an id that no call had.
    pub(crate) stray: u64,
}

impl Frames {
    /// For people, if there was any.
    pub(crate) fn sentence(&self) -> Option<String> {
        let Self { refused, stray } = self;
        (refused + stray > 0).then(|| {
            format!(
                "the CSMS sent {refused} frames that OCPP-J does not allow, and {stray} answers that nobody waited for \
                 (too late, doubled or with an unknown id)"
            )
        })
    }
}

/// How calls ended; `sent` is the sum of the four ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ends {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    /// Answered by a `CALLERROR`, or by something that breaks the schema.
    pub(crate) error: u64,
    /// Without an answer in time, or still without one when the run waited no longer.
    pub(crate) timeout: u64,
    /// Lost with their connection: neither answered nor refused, and no error.
    pub(crate) cut_off: u64,
}

/// Calls of a run, all together and by action.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Calls {
    #[serde(flatten)]
    pub(crate) all: CallFigures,
    /// What the errors said.
    pub(crate) errors: Vec<Reason>,
    pub(crate) by_action: BTreeMap<&'static str, CallFigures>,
}

/// Calls of one action, or of all.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CallFigures {
    /// Of the whole run, its ending included.
    #[serde(flatten)]
    pub(crate) ends: Ends,
    /// Of calls written before the ending began.
    pub(crate) latency_ms: Latency,
    /// Of calls written since everybody was told to stop at once.
    pub(crate) ending: EndingCalls,
}

impl CallFigures {
    /// Calls before the ending to which an answer came or should have come. A call that was lost with its connection
    /// says nothing about the time of an answer.
    pub(crate) fn run_waited_for(&self) -> u64 {
        let waited = |ends: &Ends| ends.sent - ends.cut_off;
        waited(&self.ends) - waited(&self.ending.ends)
    }
}

/// Calls of the ending, in which all charge points stop their sessions at once.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct EndingCalls {
    #[serde(flatten)]
    pub(crate) ends: Ends,
    pub(crate) latency_ms: Latency,
}

/// Milliseconds from a call's last byte written to its answer read. A call that timed out counts with the time that
/// was waited for it, which is the least that its answer would have taken. Absent where no call was answered at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
    /// The calls that these are of: answered ones, and those that timed out.
    pub(crate) calls: u64,
    /// Those of them that timed out.
    pub(crate) timeouts: u64,
}

/// Something that went wrong, and how often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Reason {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<&'static str>,
    pub(crate) reason: String,
    pub(crate) count: u64,
}

/// An id tag that the CSMS did not let charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedIdTag {
    pub(crate) id_tag: String,
    /// The CSMS's word: `Blocked`, `Expired`, `Invalid` or `ConcurrentTx`.
    pub(crate) status: &'static str,
    pub(crate) count: u64,
}

impl Transactions {
    /// For people, if any reading was dropped.
    pub(crate) fn thinned(&self) -> Option<String> {
        let thinned = self.readings_thinned;
        let (reading, was) = if thinned == 1 {
            ("reading", "was")
        } else {
            ("readings", "were")
        };
        (thinned > 0).then(|| {
            format!(
                "{thinned} meter {reading} {was} thinned out because too many messages waited for the CSMS; --ledger \
                 says of which transactions"
            )
        })
    }
}

impl RefusedIdTag {
    /// For people: what the CSMS said, how often, and what helps.
    pub(crate) fn sentence(&self) -> String {
        let Self {
            id_tag,
            status,
            count,
        } = self;
        let times = if *count == 1 { "time" } else { "times" };
        let remedy = match *status {
            "ConcurrentTx" => "it charges elsewhere already; give more tags (--id-tag, repeated)",
            "Invalid" => "register it at the CSMS, or name a tag that it accepts (--id-tag)",
            _ => "unblock or renew it at the CSMS, or name a tag that it accepts (--id-tag)",
        };
        format!("the CSMS refused id tag {id_tag} as {status}, {count} {times}; {remedy}")
    }
}
