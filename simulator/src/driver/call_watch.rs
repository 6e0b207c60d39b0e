//! Whether the CSMS shows any sign of life while a call is open.
//!
//! A call without an answer has one of two causes: the CSMS ignores this message, or the line is dead and nobody has
//! noticed. The first is an attempt that failed [1.6 §3.7.1], the second is none. One ping halfway through the time-out
//! tells them apart. It knows no socket: whoever owns that asks and tells.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct CallWatch {
    timeout: Duration,
    probe_at: Option<Instant>,
    heard: bool,
}

impl CallWatch {
    pub(super) const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            probe_at: None,
            heard: true,
        }
    }

    /// How long an answer may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A call is being written.
    pub(super) fn call_written(&mut self, now: Instant) {
        self.heard = false;
        self.probe_at = Some(now + self.timeout / 2);
    }

    /// Anything came, be it a pong; or there is no socket any more to hear anything from.
    pub(super) const fn heard(&mut self) {
        self.heard = true;
        self.probe_at = None;
    }

    /// When [`CallWatch::take_probe`] is wanted.
    pub(super) const fn probe_at(&self) -> Option<Instant> {
        self.probe_at
    }

    /// Whether a ping is to be sent now; once per call.
    pub(super) fn take_probe(&mut self, now: Instant) -> bool {
        self.probe_at.take_if(|at| *at <= now).is_some()
    }

    /// Nothing at all was heard since the last call was written.
    pub(super) const fn is_silent(&self) -> bool {
        !self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ping_halfway_and_silence_only_if_nothing_came() {
        let timeout = Duration::from_secs(30);
        let mut watch = CallWatch::new(timeout);
        assert!(!watch.is_silent());
        let start = Instant::now();
        watch.call_written(start);
        let half = start + timeout / 2;
        assert_eq!(watch.probe_at(), Some(half));
        assert!(!watch.take_probe(half - Duration::from_millis(1)));
        assert!(watch.take_probe(half) && !watch.take_probe(half));
        assert!(watch.is_silent());
        watch.heard();
        assert!(!watch.is_silent());
        // What was heard before a call says nothing about it.
        watch.call_written(half);
        assert!(watch.is_silent());
    }
}
