//! Clocks. Rules never read one: they are handed milliseconds.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use dynamo_protocol::{DateTime, Millis, time};

/// The wall clock that stamps what the CSMS does, and tells charge points the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that answers in Unix milliseconds.
    pub fn new(unix_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(unix_ms))
    }

    /// Unix milliseconds now.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }

    /// Now, as OCPP writes it.
    #[must_use]
    pub fn stamp(&self) -> DateTime {
        time::date_time(self.now_ms())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(system_ms)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now_ms())
    }
}

pub(crate) fn system_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A monotonic clock in milliseconds since it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mono(Instant);

impl Mono {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now_ms(self) -> Millis {
        Millis::try_from(self.0.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// The instant of a deadline, for the runtime's timer.
    pub(crate) fn instant(self, at_ms: Millis) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.0) + std::time::Duration::from_millis(at_ms)
    }
}

/// Unix milliseconds as the API writes instants: UTC with three fraction digits.
pub(crate) fn rfc3339(unix_ms: i64) -> String {
    time::text(unix_ms)
}
