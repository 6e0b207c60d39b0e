//! What a person at the terminal sees while scenarios run.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use gherkin::Feature;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::{ScenarioReport, Status};

/// What a person at the terminal sees while scenarios run.
pub(crate) struct Progress {
    pub(super) bar: ProgressBar,
    failed: AtomicUsize,
}

impl Progress {
    pub(super) fn new(features: &[Feature]) -> Self {
        let count: usize = features.iter().map(|feature| feature.scenarios.len()).sum();
        Self::of(count as u64, "scenarios")
    }

    pub(crate) fn of(count: u64, what: &'static str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {prefix} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(count), target)
            .with_style(style)
            .with_prefix(what);
        Self {
            bar,
            failed: AtomicUsize::new(0),
        }
    }

    pub(super) fn tell(&self, scenario: &ScenarioReport) {
        self.bar.inc(1);
        if scenario.status == Status::Failed {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar.set_message(format!("{failed} failed"));
        }
    }

    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
