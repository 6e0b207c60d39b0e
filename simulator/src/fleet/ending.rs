//! The end of a fleet: in order while somebody answers, within bounds, or at once.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Fleet;
use crate::Shutdown;
use crate::output::tell;
use crate::report::Ended;

/// How long sessions may be ended and queues drained after the run. Closing comes on top, and everything must be
/// over within 30 s.
pub(super) const GRACE: Duration = Duration::from_secs(26);
/// After an operator's signal somebody waits: a CSMS that answers nothing for this long is waited for no more.
const SILENCE_AFTER_SIGNAL: Duration = Duration::from_secs(5);
/// An end that takes longer is explained.
const SAY_AFTER: Duration = Duration::from_millis(300);
/// How much longer than its grace a charge point may take, for its farewell.
const FAREWELL: Duration = Duration::from_millis(1_500);
/// Until those that were told to end at once and did not are left behind.
const AT_ONCE: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Fleet {
    /// Ends every charge point, and says what it waits for. The end is another one when a second signal came.
    pub(super) async fn wind_up(&mut self, ended: Ended, shutdown: &Shutdown) -> Ended {
        self.count_early_ends();
        self.end.cancel();
        let mut ended = ended;
        let begun = Instant::now();
        let mut by = begun + GRACE + FAREWELL;
        let mut say_at = Some(begun + SAY_AFTER);
        let mut signalled = false;
        let mut hurried = false;
        let mut answered = (self.tally.calls_answered(), begun);
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                joined = self.tasks.join_next() => match joined {
                    None => return ended,
                    Some(Err(error)) => self.failed(error),
                    Some(Ok(())) => {}
                },
                () = shutdown.in_order.cancelled(), if !signalled => {
                    signalled = true;
                    answered.1 = Instant::now();
                    say_at = Some(Instant::now() + SAY_AFTER);
                }
                _ = look.tick(), if !hurried => {
                    let now = self.tally.calls_answered();
                    if now != answered.0 {
                        answered = (now, Instant::now());
                    }
                    if say_at.take_if(|at| *at <= Instant::now()).is_some() {
                        self.say_what_is_waited_for(by, signalled);
                    }
                    if signalled && answered.1.elapsed() >= SILENCE_AFTER_SIGNAL {
                        by = Instant::now();
                    }
                }
                () = shutdown.at_once.cancelled(), if !hurried && ended != Ended::CutOff => {
                    ended = Ended::CutOff;
                    by = Instant::now();
                }
                () = sleep_until(by) => {
                    if hurried {
                        self.leave_behind();
                    }
                    hurried = true;
                    self.at_once.cancel();
                    by = Instant::now() + AT_ONCE;
                }
            }
        }
    }

    fn say_what_is_waited_for(&self, by: Instant, signalled: bool) {
        let left = self.tasks.len();
        let online = usize::try_from(self.tally.online.load(Relaxed)).unwrap_or(left);
        let without = match left.saturating_sub(online) {
            0 => String::new(),
            offline => format!(" ({offline} of them without a connection)"),
        };
        let most = by.duration_since(Instant::now()).as_secs_f64().ceil();
        let silence = SILENCE_AFTER_SIGNAL.as_secs();
        let bound = if signalled {
            format!("{silence} s without an answer of the CSMS, {most} s in all; Ctrl-C again")
        } else {
            format!("{most} s; Ctrl-C twice")
        };
        tell(&format!(
            "ending: {left} of {} charge points{without} still stop their sessions and deliver what the CSMS has not \
             acknowledged; waiting at most {bound} ends at once",
            self.plan.count
        ));
    }

    /// Charge points that hang in a write do not keep the run from ending.
    fn leave_behind(&mut self) {
        tell(&format!(
            "warning: {} charge points could not be ended; their transaction messages are not counted",
            self.tasks.len()
        ));
        self.tasks.abort_all();
    }
}
