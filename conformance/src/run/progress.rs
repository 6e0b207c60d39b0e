//! What a person at the terminal sees while scenarios run.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gherkin::Feature;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::play::scenarios_of;
use crate::report::{ScenarioReport, Status};
use crate::terminal::tell;

/// Characters of a reason that are shown while the run goes on: all of it stands at its end.
const REASON_CHARS_MAX: usize = 160;

/// How often a log hears how far a long run is.
const TOLD_EACH: Duration = Duration::from_secs(30);

/// What a person at the terminal sees while scenarios run.
pub(crate) struct Progress {
    pub(super) bar: ProgressBar,
    turns: Mutex<Turns>,
}

/// Which scenarios have their turn.
#[derive(Debug, Default)]
struct Turns {
    all: usize,
    begun: usize,
    failed: usize,
    /// By their names.
    running: Vec<String>,
    /// When it was last told how far the run is, where no bar shows it.
    told: Option<Instant>,
}

impl Progress {
    pub(super) fn new(features: &[Feature]) -> Self {
        let count = scenarios_of(features).count();
        Self::of(count as u64, "scenarios")
    }

    pub(crate) fn of(count: u64, what: &'static str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style =
            ProgressStyle::with_template("{bar:20} {pos}/{len} {prefix} {elapsed} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(count), target)
            .with_style(style)
            .with_prefix(what);
        Self {
            bar,
            turns: Mutex::new(Turns {
                all: usize::try_from(count).unwrap_or(usize::MAX),
                ..Turns::default()
            }),
        }
    }

    /// A scenario has its turn. A person who will be asked hears which one it is, and how many are left.
    pub(super) fn begins(&self, name: &str, somebody_is_asked: bool) {
        let (line, message) = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            (turns.begin(name), turns.message())
        };
        self.bar.set_message(message);
        if somebody_is_asked {
            self.say(&line);
        }
    }

    /// A scenario has ended; a failure is told at once.
    pub(super) fn ends(&self, scenario: &ScenarioReport) {
        let (message, so_far) = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.end(scenario);
            (turns.message(), turns.so_far(Instant::now()))
        };
        self.bar.inc(1);
        self.bar.set_message(message);
        if scenario.status == Status::Failed {
            self.say(&failure(scenario));
        }
        if let Some(so_far) = so_far.filter(|_| self.bar.is_hidden()) {
            tell(&so_far);
        }
    }

    fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            tell(line);
        } else {
            self.bar.println(line);
        }
    }

    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Turns {
    /// Gives the line for a person who will be asked.
    fn begin(&mut self, name: &str) -> String {
        self.begun += 1;
        self.running.push(name.to_owned());
        let (begun, all) = (self.begun, self.all);
        format!(
            "scenario {begun} of {all}, {} left after it: {name}",
            all.saturating_sub(begun)
        )
    }

    /// How far the run is, when a while has passed since it was told.
    fn so_far(&mut self, now: Instant) -> Option<String> {
        let told = *self.told.get_or_insert(now);
        let ended = self.begun - self.running.len();
        (now.duration_since(told) >= TOLD_EACH && ended < self.all).then(|| {
            self.told = Some(now);
            format!(
                "{ended} of {} scenarios so far, {} failed",
                self.all, self.failed
            )
        })
    }

    fn end(&mut self, scenario: &ScenarioReport) {
        let running = self.running.iter().position(|name| *name == scenario.name);
        if let Some(index) = running {
            self.running.remove(index);
        }
        self.failed += usize::from(scenario.status == Status::Failed);
    }

    /// What stands beside the bar: the failures, and the scenario that runs longest.
    fn message(&self) -> String {
        let failed = match self.failed {
            0 => String::new(),
            failed => format!("{failed} failed  "),
        };
        match self.running.as_slice() {
            [] => failed,
            [one] => format!("{failed}{one}"),
            [one, others @ ..] => format!("{failed}{one} (and {} more)", others.len()),
        }
    }
}

/// A failure on one line.
fn failure(scenario: &ScenarioReport) -> String {
    let reason = scenario.reason.as_deref().unwrap_or("no reason");
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = reason.chars().take(REASON_CHARS_MAX).collect();
    if shown.len() < reason.len() {
        shown.push('…');
    }
    format!("failed: {}: {shown}", scenario.name_with_ids())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;

    #[test]
    fn a_person_hears_which_scenario_it_is_how_many_are_left_and_what_failed() {
        let mut turns = Turns {
            all: 3,
            ..Turns::default()
        };
        assert_eq!(turns.begin("A"), "scenario 1 of 3, 2 left after it: A");
        turns.begin("B");
        assert_eq!(turns.message(), "A (and 1 more)");
        let mut failed = scenario(&["csms", "TC_001_CSMS"], Status::Failed, &[]);
        failed.name = "A".into();
        failed.reason = Some(format!("no\nReset {}", "x".repeat(REASON_CHARS_MAX)));
        turns.end(&failed);
        assert_eq!(turns.message(), "1 failed  B");
        assert_eq!(turns.begin("C"), "scenario 3 of 3, 0 left after it: C");
        let line = failure(&failed);
        assert!(
            line.starts_with("failed: TC_001_CSMS A: no Reset xxx"),
            "{line}"
        );
        assert!(line.ends_with("x…") && !line.contains('\n'), "{line}");
    }
    #[test]
    fn a_log_hears_now_and_then_how_far_a_run_is() {
        let mut turns = Turns {
            all: 3,
            ..Turns::default()
        };
        let begun = Instant::now();
        let later = begun + TOLD_EACH;
        for name in ["A", "B"] {
            turns.begin(name);
        }
        assert_eq!(turns.so_far(begun), None);
        let mut ended = scenario(&["csms"], Status::Passed, &[]);
        ended.name = "A".into();
        turns.end(&ended);
        let told = turns.so_far(later);
        assert_eq!(told.as_deref(), Some("1 of 3 scenarios so far, 0 failed"));
        assert_eq!(turns.so_far(later), None, "once in a while");
    }
}
