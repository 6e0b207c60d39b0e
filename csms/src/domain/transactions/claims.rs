//! What a charge point claims of a transaction, and what of that cannot be true.
//!
//! Stamps and registers of a peer are claims: they are kept as they were told, and beside them when they arrived.

/// Energy between two readings of a register, in Wh. `None` when the register ran backwards: that is no
/// energy, and [`irregularities`] says so.
#[must_use]
pub fn energy_wh(meter_start_wh: Option<i64>, meter_stop_wh: i64) -> Option<i64> {
    Some(meter_stop_wh.saturating_sub(meter_start_wh?)).filter(|energy_wh| *energy_wh >= 0)
}

/// How far ahead of its arrival a stamp may be: clocks differ, and time zones are mistaken for UTC.
const AHEAD_MS_MAX: i64 = 24 * 60 * 60 * 1000;

/// How far ahead of its arrival a stamp may be of a clock that is right.
pub(crate) const STAMP_AHEAD_MS_MAX: i64 = 60_000;

/// How old a stamp may be at its arrival: charge points keep transactions while they are offline.
pub(crate) const OLD_MS_MAX: i64 = 366 * AHEAD_MS_MAX;

/// No connector delivers more, in watts.
const POWER_W_MAX: i64 = 4_000_000;

/// What a transaction says of itself, and when that was received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims {
    /// The stamp of the start, in Unix milliseconds.
    pub started_at_ms: i64,
    /// When the start was received.
    pub start_received_at_ms: i64,
    /// The stamp of the stop, or of the last reading of an abandoned transaction.
    pub stopped_at_ms: Option<i64>,
    /// When the stop was received; without a stop, when the last message about it was.
    pub stop_received_at_ms: Option<i64>,
    /// The register at the start, in Wh.
    pub meter_start_wh: Option<i64>,
    /// The register at the end, in Wh.
    pub meter_stop_wh: Option<i64>,
    /// The stop tells a register that the transaction's readings were beyond already.
    pub is_below_readings: bool,
    /// Something was told of it after its end was final.
    pub told_late: bool,
    /// A stop of nobody came from its charge point, and none of its own before it ended.
    pub saw_orphan_stop: bool,
}

impl Claims {
    /// Tells the log what is irregular; the API shows it with the transaction.
    pub(in crate::domain) fn warn(&self, charge_point: &str, transaction_id: i64) {
        let found = irregularities(self);
        if !found.is_empty() {
            tracing::warn!(
                charge_point,
                transaction_id,
                irregularities = found.join(", "),
                "a transaction was recorded that cannot be right as it was told: look at its charge point"
            );
        }
    }

    /// More energy than goes through a plug in that time; stamps may be a minute off.
    pub(in crate::domain) fn is_beyond_any_power(&self) -> bool {
        let meter = self.meter_start_wh.zip(self.meter_stop_wh);
        let (Some(stopped_at_ms), Some((start_wh, stop_wh))) = (self.stopped_at_ms, meter) else {
            return false;
        };
        let time_ms = stopped_at_ms.saturating_sub(self.started_at_ms).max(0);
        let time_ms = i128::from(time_ms) + 60_000;
        let energy_wh = i128::from(stop_wh) - i128::from(start_wh);
        energy_wh * 3_600_000 > time_ms * i128::from(POWER_W_MAX)
    }
}

/// Whether a stamp cannot be right, by the time at which it arrived.
pub(in crate::domain) fn implausible(stamp_ms: i64, received_at_ms: i64) -> bool {
    let ahead_ms = stamp_ms.saturating_sub(received_at_ms);
    !(-OLD_MS_MAX..=AHEAD_MS_MAX).contains(&ahead_ms)
}

/// Whether a stamp is ahead of its arrival: its clock is, or its time zone was mistaken for UTC.
pub(in crate::domain) const fn is_ahead(stamp_ms: i64, received_at_ms: i64) -> bool {
    stamp_ms.saturating_sub(received_at_ms) > STAMP_AHEAD_MS_MAX
}

/// The last instant at which a transaction can have begun: by its stamp, else by its arrival, before which it did
/// begin, whatever its clock says. A stamp of whole seconds speaks of the whole second.
pub(in crate::domain) fn began_at_ms(started_at_ms: i64, received_at_ms: i64) -> i64 {
    if implausible(started_at_ms, received_at_ms) {
        return received_at_ms;
    }
    end_of_second(started_at_ms).min(received_at_ms)
}

/// The last instant of which a stamp speaks: one of whole seconds speaks of the whole second.
pub(in crate::domain) const fn end_of_second(stamp_ms: i64) -> i64 {
    match stamp_ms.rem_euclid(1000) {
        0 => stamp_ms.saturating_add(999),
        _ => stamp_ms,
    }
}

/// What cannot be true of a transaction as it was told. The facts are kept as they are; nobody should bill
/// by them unseen.
#[must_use]
pub fn irregularities(claims: &Claims) -> Vec<&'static str> {
    let stop_time = claims.stopped_at_ms.zip(claims.stop_received_at_ms);
    let found = [
        (
            "meter_start_negative",
            claims.meter_start_wh.is_some_and(|start_wh| start_wh < 0),
        ),
        (
            "meter_stop_negative",
            claims.meter_stop_wh.is_some_and(|stop_wh| stop_wh < 0),
        ),
        (
            "meter_stop_below_start",
            claims
                .meter_stop_wh
                .zip(claims.meter_start_wh)
                .is_some_and(|(stop_wh, start_wh)| stop_wh < start_wh),
        ),
        ("meter_stop_below_readings", claims.is_below_readings),
        (
            "start_time_implausible",
            implausible(claims.started_at_ms, claims.start_received_at_ms),
        ),
        (
            "stop_time_implausible",
            stop_time
                .is_some_and(|(stamp_ms, received_at_ms)| implausible(stamp_ms, received_at_ms)),
        ),
        (
            "stop_time_ahead",
            stop_time.is_some_and(|(stamp_ms, received_at_ms)| {
                is_ahead(stamp_ms, received_at_ms) && !implausible(stamp_ms, received_at_ms)
            }),
        ),
        (
            "stop_before_start",
            claims
                .stopped_at_ms
                .is_some_and(|at_ms| at_ms < claims.started_at_ms),
        ),
        ("energy_implausible", claims.is_beyond_any_power()),
        ("stop_of_unknown_transaction", claims.saw_orphan_stop),
        ("corrected_late", claims.told_late),
    ];
    found
        .iter()
        .filter(|(_, is)| *is)
        .map(|(word, _)| *word)
        .collect()
}

/// The id of a transaction outside OCPP.
pub(crate) fn platform_id(id: i64) -> String {
    format!("txn_{id:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_names_a_transaction_in_hexadecimal() {
        assert_eq!(platform_id(10_042), "txn_0000273a");
    }

    #[test]
    fn energy_is_the_difference_of_the_registers_and_never_negative() {
        assert_eq!(energy_wh(Some(1_000), 1_750), Some(750));
        assert_eq!(energy_wh(Some(1_000), 1_000), Some(0));
        assert_eq!(energy_wh(Some(1_000), 900), None);
        assert_eq!(energy_wh(Some(i64::MIN), i64::MAX), Some(i64::MAX));
    }

    #[test]
    fn a_transaction_began_when_it_says_unless_that_cannot_be() {
        assert_eq!(began_at_ms(1_234, 9_000_000), 1_234);
        assert_eq!(began_at_ms(1_000, 9_000_000), 1_999);
        // A clock that is ahead.
        assert_eq!(began_at_ms(9_000_001, 9_000_000), 9_000_000);
        assert_eq!(began_at_ms(9_000_000, 9_000_500), 9_000_500);
        let (now_ms, later_ms) = (500 * AHEAD_MS_MAX + 1, 600 * AHEAD_MS_MAX);
        assert_eq!(began_at_ms(0, now_ms), now_ms);
        assert_eq!(began_at_ms(later_ms, now_ms), now_ms);
        assert_eq!(began_at_ms(i64::MIN, now_ms), now_ms);
    }

    #[test]
    fn what_cannot_be_has_a_name() {
        const DAY: i64 = AHEAD_MS_MAX;
        let fine = Claims {
            started_at_ms: 1_000 * DAY,
            start_received_at_ms: 1_000 * DAY,
            stopped_at_ms: Some(1_000 * DAY + 1),
            stop_received_at_ms: Some(1_001 * DAY),
            meter_start_wh: Some(10),
            meter_stop_wh: Some(10),
            ..Claims::default()
        };
        let open = Claims {
            stopped_at_ms: None,
            stop_received_at_ms: None,
            meter_stop_wh: None,
            ..fine
        };
        assert!(irregularities(&fine).is_empty());
        assert!(irregularities(&open).is_empty());
        // A minute and a millisecond at 4 MW.
        let full = Claims {
            meter_stop_wh: Some(66_677),
            ..fine
        };
        assert!(irregularities(&full).is_empty());
        for (claims, words) in [
            (
                Claims {
                    meter_stop_wh: Some(9),
                    ..fine
                },
                &["meter_stop_below_start"][..],
            ),
            (
                Claims {
                    meter_start_wh: Some(-2),
                    meter_stop_wh: Some(-1),
                    ..fine
                },
                &["meter_start_negative", "meter_stop_negative"],
            ),
            (
                Claims {
                    started_at_ms: 1_001 * DAY + 1,
                    ..open
                },
                &["start_time_implausible"],
            ),
            (
                Claims {
                    started_at_ms: 633 * DAY,
                    ..open
                },
                &["start_time_implausible"],
            ),
            (
                Claims {
                    stopped_at_ms: Some(i64::MAX),
                    ..fine
                },
                &["stop_time_implausible"],
            ),
            (
                Claims {
                    stopped_at_ms: Some(1_001 * DAY + 60_001),
                    ..fine
                },
                &["stop_time_ahead"],
            ),
            (
                Claims {
                    stopped_at_ms: Some(999 * DAY),
                    ..fine
                },
                &["stop_before_start"],
            ),
            (
                Claims {
                    meter_stop_wh: Some(66_678),
                    ..fine
                },
                &["energy_implausible"],
            ),
            (
                Claims {
                    is_below_readings: true,
                    ..fine
                },
                &["meter_stop_below_readings"],
            ),
            (
                Claims {
                    saw_orphan_stop: true,
                    told_late: true,
                    ..fine
                },
                &["stop_of_unknown_transaction", "corrected_late"],
            ),
        ] {
            assert_eq!(irregularities(&claims), words, "{claims:?}");
        }
    }
}
