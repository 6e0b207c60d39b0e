//! Where a charge point's time comes from.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dynamo_protocol::{Millis, Time};
use tokio::sync::watch;
use tokio::time::Instant;

/// Whose clock a charge point lives by.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock, `speed` times as fast, from the moment the charge point is spawned.
    Real {
        /// 1 is real time; above 0 and finite.
        speed: f64,
    },
    /// A clock that stands still until somebody moves it.
    Rig(RigClock),
}

/// A clock that is moved by hand. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct RigClock {
    mono_ms: Arc<watch::Sender<Millis>>,
    wall_start_ms: i64,
}

impl RigClock {
    /// A clock at monotonic 0 that shows `wall_start_ms` (Unix milliseconds).
    #[must_use]
    pub fn new(wall_start_ms: i64) -> Self {
        Self {
            mono_ms: Arc::new(watch::Sender::new(0)),
            wall_start_ms,
        }
    }

    /// Moves the clock to this monotonic millisecond. A clock never goes back: an earlier one changes nothing.
    pub fn advance_to(&self, mono_ms: Millis) {
        self.mono_ms.send_if_modified(|now| {
            let moved = mono_ms > *now;
            *now = mono_ms.max(*now);
            moved
        });
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Time {
        let mono_ms = *self.mono_ms.borrow();
        Time {
            mono_ms,
            wall_ms: wall(self.wall_start_ms, mono_ms),
        }
    }
}

/// Real milliseconds on a clock of this speed: what waits for the CSMS, which lives in real time.
pub(crate) fn scaled(real_ms: Millis, speed: f64) -> Millis {
    (real_ms as f64 * speed).ceil() as Millis
}

fn wall(start_ms: i64, mono_ms: Millis) -> i64 {
    start_ms.saturating_add_unsigned(mono_ms)
}

/// A clock as one driver reads it.
#[derive(Debug)]
pub(super) enum RunningClock {
    Real {
        started: Instant,
        wall_start_ms: i64,
        speed: f64,
    },
    Rig {
        clock: RigClock,
        moves: watch::Receiver<Millis>,
    },
}

impl RunningClock {
    pub(super) fn start(clock: Clock) -> Self {
        match clock {
            Clock::Real { speed } => Self::Real {
                started: Instant::now(),
                wall_start_ms: unix_now_ms(),
                speed,
            },
            Clock::Rig(clock) => Self::Rig {
                moves: clock.mono_ms.subscribe(),
                clock,
            },
        }
    }

    pub(super) fn now(&self) -> Time {
        match self {
            Self::Real {
                started,
                wall_start_ms,
                speed,
            } => {
                let mono_ms = (started.elapsed().as_secs_f64() * 1_000.0 * speed) as Millis;
                Time {
                    mono_ms,
                    wall_ms: wall(*wall_start_ms, mono_ms),
                }
            }
            Self::Rig { clock, .. } => clock.now(),
        }
    }

    /// The real instant of a monotonic millisecond of this clock; `None` where only a hand moves the clock.
    pub(super) fn instant_of(&self, mono_ms: Millis) -> Option<Instant> {
        match self {
            Self::Real { started, speed, .. } => {
                let seconds = mono_ms as f64 / 1_000.0 / speed;
                let length = Duration::try_from_secs_f64(seconds).ok()?;
                started.checked_add(length)
            }
            Self::Rig { .. } => None,
        }
    }

    /// Completes when a hand has moved the clock; never for a real one. Safe to cancel.
    pub(super) async fn moved(&mut self) {
        if let Self::Rig { moves, .. } = self {
            // The sender lives as long as `clock` does, so this cannot fail.
            let _ = moves.changed().await;
        } else {
            std::future::pending().await
        }
    }
}

/// The machine's wall clock; one before 1970 counts as 1970.
pub(crate) fn unix_now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_rig_clock_moves_only_forward_and_by_hand() {
        let rig = RigClock::new(1_000_000);
        let mut running = RunningClock::start(Clock::Rig(rig.clone()));
        rig.advance_to(500);
        running.moved().await;
        rig.advance_to(400);
        assert_eq!(
            running.now(),
            Time {
                mono_ms: 500,
                wall_ms: 1_000_500
            }
        );
        assert_eq!(running.instant_of(600), None);
    }

    #[test]
    fn a_fast_clock_wakes_early_in_real_time() {
        let running = RunningClock::start(Clock::Real { speed: 60.0 });
        let RunningClock::Real { started, .. } = &running else {
            panic!("a real clock")
        };
        let wake = running.instant_of(60_000).unwrap();
        assert_eq!(wake - *started, Duration::from_secs(1));
        // A wake beyond all clocks is no wake.
        let slow = RunningClock::start(Clock::Real { speed: 1e-9 });
        assert_eq!(slow.instant_of(Millis::MAX), None);
    }
}
