//! Bounds of latencies: of which calls, and which percentile.

use std::collections::BTreeMap;
use std::fmt;

use dynamo_protocol::v16;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Judged;
use super::judged::{Bound, Limit};
use crate::figures::{Calls, Latency};
use crate::yaml_error;

/// `latency_ms` of a scenario's thresholds.
pub(super) type LatencyBounds = BTreeMap<Scope, Percentiles>;

/// The calls that a bound is about. None of them counts the ending, in which everybody stops at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// All calls together, whatever their action.
    All,
    /// The calls of each action by themselves: the bound is for the slowest action.
    Each,
    /// The calls of this action.
    Action(&'static str),
}

/// Milliseconds at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Percentiles {
    p50_max: Option<f64>,
    p95_max: Option<f64>,
    p99_max: Option<f64>,
}

/// The keys of [`Percentiles`].
const PERCENTILES: [&str; 3] = ["p50_max", "p95_max", "p99_max"];

/// One percentile of the four figures of a latency.
pub(super) type Figure = fn(&Latency) -> Option<f64>;

type Percentile = (&'static str, Option<f64>, Figure);

impl Percentiles {
    fn given(&self) -> [Percentile; 3] {
        [
            ("p50", self.p50_max, |latency| latency.p50),
            ("p95", self.p95_max, |latency| latency.p95),
            ("p99", self.p99_max, |latency| latency.p99),
        ]
    }
}

/// Whether each bound can both hold and fail.
pub(super) fn check(bounds: &LatencyBounds) -> Result<(), String> {
    for (scope, percentiles) in bounds {
        let mut is_empty = true;
        for (percentile, limit, _) in percentiles.given() {
            check_ms(&format!("latency_ms.{scope}.{percentile}_max"), limit)?;
            is_empty &= limit.is_none();
        }
        if is_empty {
            return Err(format!(
                "thresholds.latency_ms.{scope} bounds nothing; give it p50_max, p95_max or p99_max in milliseconds"
            ));
        }
    }
    Ok(())
}

/// Whether a bound in milliseconds can both hold and fail.
pub(super) fn check_ms(name: &str, limit: Option<f64>) -> Result<(), String> {
    match limit.filter(|limit| !(limit.is_finite() && *limit > 0.0)) {
        Some(limit) => Err(format!(
            "thresholds.{name} {limit} can never hold or never fail; give milliseconds above 0"
        )),
        None => Ok(()),
    }
}

pub(super) fn judge(bounds: &LatencyBounds, calls: &Calls) -> Vec<Judged> {
    let mut judged = Vec::new();
    for (scope, percentiles) in bounds {
        for (percentile, limit, of) in percentiles.given() {
            let name = format!("latency_ms.{scope}.{percentile}");
            judged.extend(limit.map(|limit| judge_one(name, *scope, of, limit, calls)));
        }
    }
    judged
}

/// A percentile that nobody measured is not held.
pub(super) fn judge_one(
    name: String,
    scope: Scope,
    of: Figure,
    limit: f64,
    calls: &Calls,
) -> Judged {
    let (value, remark) = match scope {
        Scope::All => (of(&calls.all.latency_ms), None),
        Scope::Action(action) => {
            let figures = calls.by_action.get(action);
            let value = figures.and_then(|figures| of(&figures.latency_ms));
            (value, None)
        }
        Scope::Each => slowest(of, calls),
    };
    let remark = match (value, remark) {
        (None, None) => Some("no such call was answered while the run lasted".to_owned()),
        (_, remark) => remark,
    };
    let limit = Limit::given(Bound::Most, limit);
    Judged::new(name, value, limit).with_remark(remark)
}

/// Of the actions that were called before the ending; none where one of them was never answered.
fn slowest(of: Figure, calls: &Calls) -> (Option<f64>, Option<String>) {
    let mut slowest: Option<(f64, &str)> = None;
    for (action, figures) in &calls.by_action {
        if figures.run_waited_for() == 0 {
            continue;
        }
        let Some(value) = of(&figures.latency_ms) else {
            return (None, Some(format!("no {action} was answered")));
        };
        if slowest.is_none_or(|(most, _)| value > most) {
            slowest = Some((value, action));
        }
    }
    let remark = slowest.map(|(_, action)| format!("{action} was the slowest"));
    (slowest.map(|(value, _)| value), remark)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Each => "each",
            Self::Action(action) => action,
        })
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Which of these a fleet sends depends on what it is told to do.
        let actions = v16::Action::ALL.iter();
        let actions = actions.filter(|action| action.origin().from_charging_station());
        let actions: Vec<&'static str> = actions.map(|action| action.as_str()).collect();
        match text.as_str() {
            "all" => Ok(Self::All),
            "each" => Ok(Self::Each),
            other => match actions.iter().find(|action| **action == other) {
                Some(action) => Ok(Self::Action(action)),
                None if PERCENTILES.contains(&other) => Err(D::Error::custom(format!(
                    "{other} of which calls? write all: {{{other}: …}}, each: {{…}}, or the name of an action"
                ))),
                None => {
                    let known = [&["all", "each"], &actions[..]].concat();
                    Err(D::Error::custom(yaml_error::unknown_key(other, &known)))
                }
            },
        }
    }
}
