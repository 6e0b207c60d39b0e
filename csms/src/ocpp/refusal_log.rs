//! The log of handshakes that were refused: who set up a charge point wrongly reads here why it does not
//! come in. A flood of them does not fill the disk.

use std::sync::{Mutex, PoisonError};

use dynamo_protocol::Millis;

/// Refusals that are told within one window; more are counted, and the count is told with the next one.
const LINES_PER_WINDOW: u32 = 20;
const WINDOW_MS: Millis = 10_000;
/// Characters of a path that are told.
const PATH_CHARS_MAX: usize = 128;

/// How many lines were written of late.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    begun_ms: Millis,
    lines: u32,
    untold: u64,
}

impl RefusalLog {
    /// Whether one more may be told at this instant of a monotonic clock, and how many before it were not.
    fn admit(&self, now_ms: Millis) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms.saturating_sub(window.begun_ms) >= WINDOW_MS {
            window.begun_ms = now_ms;
            window.lines = 0;
        }
        if window.lines >= LINES_PER_WINDOW {
            window.untold += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.untold))
    }

    /// Tells why somebody was not let in, and what to do about it.
    pub(crate) fn tell(&self, now_ms: Millis, peer: &str, path: &str, reason: &str, remedy: &str) {
        let Some(untold) = self.admit(now_ms) else {
            return;
        };
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        // What was percent-encoded stays so in a path; the identity in the reason is quoted.
        if untold == 0 {
            tracing::warn!(peer, path, reason, remedy, "a handshake was refused");
        } else {
            tracing::warn!(
                peer,
                path,
                reason,
                remedy,
                not_told_before = untold,
                "a handshake was refused"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_told() {
        let log = RefusalLog::default();
        for _ in 0..LINES_PER_WINDOW {
            assert_eq!(log.admit(5), Some(0));
        }
        assert_eq!(log.admit(5), None);
        assert_eq!(log.admit(WINDOW_MS - 1), None);
        assert_eq!(log.admit(WINDOW_MS), Some(2));
        assert_eq!(log.admit(WINDOW_MS), Some(0));
    }
}
