//! Whether the machine keeps up: a scenario that measures time cannot tell a late system from a late judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::run::millis;

/// How often it is felt.
const BEAT: Duration = Duration::from_millis(50);

/// A beat may be so late before nothing more is begun.
const LATE_MAX: Duration = Duration::from_millis(40);

/// How long somebody waits for a calm moment.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Feels how late a task of this process comes to its turn. Ends with its owner.
pub(super) struct Pulse {
    felt: Arc<Felt>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Felt {
    /// By how many milliseconds the last beat was late.
    last_ms: AtomicU64,
    most_ms: AtomicU64,
}

impl Pulse {
    pub(super) fn start() -> Self {
        let felt = Arc::<Felt>::default();
        let feels = Arc::clone(&felt);
        let task = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                sleep(BEAT).await;
                let late_ms = millis(begun.elapsed().saturating_sub(BEAT));
                feels.last_ms.store(late_ms, Ordering::Relaxed);
                feels.most_ms.fetch_max(late_ms, Ordering::Relaxed);
            }
        });
        Self { felt, task }
    }

    /// Waits for a moment in which the machine keeps up, and no longer than is bearable.
    pub(super) async fn calm(&self) {
        let calm = async {
            while self.felt.last_ms.load(Ordering::Relaxed) > millis(LATE_MAX) {
                sleep(BEAT).await;
            }
        };
        let _ = timeout(WAIT_MAX, calm).await;
    }

    /// By how much the latest beat of all was late.
    pub(super) fn most(&self) -> Duration {
        Duration::from_millis(self.felt.most_ms.load(Ordering::Relaxed))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_that_stood_still_is_noticed() {
        let pulse = Pulse::start();
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(300));
        pulse.calm().await;
        sleep(BEAT * 2).await;
        assert!(
            pulse.most() >= Duration::from_millis(200),
            "{:?}",
            pulse.most()
        );
    }
}
