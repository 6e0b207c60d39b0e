//! Charge points that did not live until the end of the run: what they did is not counted in full.

use tokio::task::JoinError;

use super::Fleet;
use crate::figures::{LOSSES_MAX, Loss};

#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) count: u64,
    pub(super) named: Vec<Loss>,
}

impl Fleet {
    /// Counts those whose tasks have ended although nobody asked them to.
    pub(super) fn count_early_ends(&mut self) {
        while let Some(joined) = self.tasks.try_join_next_with_id() {
            match joined {
                Ok((id, ())) => self.lost(id, "it ended before the run did"),
                Err(error) => self.failed(error),
            }
        }
    }

    /// A task did not end by itself.
    pub(super) fn failed(&mut self, error: JoinError) {
        let id = error.id();
        match error.try_into_panic() {
            Ok(panic) => {
                let text = (panic.downcast_ref::<&str>().copied())
                    .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                let text = text.unwrap_or("without a word");
                self.lost(id, &format!("it panicked: {text}"));
            }
            Err(_) => self.lost(id, "it could not be ended"),
        }
    }

    fn lost(&mut self, id: tokio::task::Id, reason: &str) {
        let Some(number) = self.numbers.remove(&id) else {
            return;
        };
        let charge_point_id = self.plan.id(number).to_string();
        self.losses.count += 1;
        if self.losses.named.len() < LOSSES_MAX {
            self.losses.named.push(Loss {
                charge_point_id,
                reason: reason.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::report::Ended;
    use crate::{Shutdown, Verdict};
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: crate::Args,
    }

    fn fleet() -> Fleet {
        let flags = ["simulator", "--csms", "ws://127.0.0.1:9", "--count", "4"];
        let args = Command::try_parse_from(flags).unwrap().args;
        Fleet::new(Plan::from_args(&args).unwrap())
    }

    #[tokio::test]
    async fn a_charge_point_that_does_not_live_until_the_end_fails_the_run_and_is_named() {
        let mut fleet = fleet();
        let end = fleet.end.clone();
        let panics_early = fleet.tasks.spawn(async { panic!("it broke") });
        let ends_early = fleet.tasks.spawn(async {});
        let panics_late = fleet.tasks.spawn(async move {
            end.cancelled().await;
            panic!("{} broke", "its ending");
        });
        let end = fleet.end.clone();
        let lives = fleet.tasks.spawn(end.cancelled_owned());
        for (number, task) in (1..).zip([&panics_early, &ends_early, &panics_late, &lives]) {
            fleet.numbers.insert(task.id(), number);
        }
        while !(panics_early.is_finished() && ends_early.is_finished()) {
            tokio::task::yield_now().await;
        }
        fleet.wind_up(Ended::Duration, &Shutdown::default()).await;
        fleet
            .tally
            .accepted
            .store(4, std::sync::atomic::Ordering::Relaxed);
        let Ok(Verdict::NotHeld(failed)) = fleet.verdict(Ended::Duration, Ok(())) else {
            panic!("it did hold")
        };
        let [sentence] = &failed[..] else {
            panic!("{failed:?}")
        };
        for part in [
            "charge_points_lost: 3, wanted at most 0",
            "SIM-000001 (it panicked: it broke)",
            "SIM-000002 (it ended before the run did)",
            "SIM-000003 (it panicked: its ending broke)",
        ] {
            assert!(sentence.contains(part), "{sentence}");
        }
        assert!(!sentence.contains("SIM-000004"), "{sentence}");
    }
}
