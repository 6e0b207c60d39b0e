//! What a run can reach at best: a threshold beyond it can never hold.

use std::time::Duration;

use crate::span::Rate;
use crate::visitor::{CARD_AFTER_MS, Sessions};

/// What a run can reach at best.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Charge points.
    pub(crate) started: u64,
    /// Unknown where an operator or no end of time decides.
    pub(crate) transactions: Option<u64>,
}

/// Charge points whose start falls into the time of the run.
pub(crate) fn started(count: u32, ramp: Rate, duration: Option<Duration>) -> u64 {
    let in_time = duration.map_or(f64::INFINITY, |d| d.as_secs_f64() * ramp.per_second);
    // The first one starts at once; saturates.
    (in_time.floor() as u64).saturating_add(1).min(count.into())
}

/// Sessions that fit in, were each as short as can be; `None` where there is no end.
pub(crate) fn transactions_max(
    count: u32,
    duration: Option<Duration>,
    sessions: Option<Sessions>,
    speed: f64,
) -> Option<u64> {
    let Some(sessions) = sessions else {
        return Some(0);
    };
    let each_ms = sessions.charge_ms.0 + sessions.pause_ms.0 + CARD_AFTER_MS;
    let time_ms = duration?.as_secs_f64() * 1e3 * speed;
    let each_point = (time_ms / each_ms as f64).floor() as u64 + 1;
    Some(each_point.saturating_mul(count.into()))
}
