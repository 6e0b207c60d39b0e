//! What a run counted. The JSON form is part of the product's outside.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ChargePoints {
    pub(crate) planned: u64,
    /// Had a connection at least once.
    pub(crate) connected: u64,
    /// Had a boot accepted at least once.
    pub(crate) accepted: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Transactions {
    /// Starts that the CSMS acknowledged.
    pub(crate) started: u64,
    /// Ends that the CSMS acknowledged.
    pub(crate) stopped: u64,
    /// Of the stopped ones.
    pub(crate) energy_wh: u64,
    /// Messages that the CSMS never took: still waiting at the end, or given up after their last attempt.
    pub(crate) undelivered_messages: u64,
    /// Charge points they belong to.
    pub(crate) undelivered_charge_points: u64,
}

impl Transactions {
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

/// Calls of a run by how they ended; `sent` is the sum of the four ends.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Calls {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    pub(crate) error: u64,
    pub(crate) timeout: u64,
    /// Lost with their connection: neither answered nor refused, and no error.
    pub(crate) cut_off: u64,
    /// What the errors said.
    pub(crate) errors: Vec<Reason>,
    pub(crate) by_action: BTreeMap<&'static str, ActionCalls>,
}

/// Calls of one action.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ActionCalls {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    pub(crate) error: u64,
    pub(crate) timeout: u64,
    pub(crate) cut_off: u64,
    pub(crate) latency_ms: Latency,
}

/// Milliseconds from a call's last byte written to its answer read, of answered calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
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
