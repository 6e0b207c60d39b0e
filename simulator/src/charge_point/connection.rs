//! Whether there is a socket, and when to try for one again: waits double and are spread by chance.

use dynamo_protocol::{Millis, Time};

use super::clock::{Chance, Deadline};
use super::setup::Setup;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No power, or no wish to connect.
    #[default]
    Off,
    /// Waits for the next try.
    Waiting,
    /// The driver is at it.
    Opening,
    Up,
    /// Up as far as anybody said, but a message was cut off: the loss is about to be told.
    Broken,
}

#[derive(Debug, Default)]
pub(super) struct Connection {
    state: State,
    failures: u8,
    retry: Deadline,
    /// The network is away until then.
    cut_until: Millis,
}

impl Connection {
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    pub(super) fn retry(&self) -> Deadline {
        self.retry
    }

    /// Wants a socket as soon as there is a network.
    pub(super) fn want(&mut self, now: Time) {
        self.state = State::Waiting;
        self.retry = Deadline::at(now.mono_ms.max(self.cut_until));
    }

    /// Whether the driver shall open the socket now.
    pub(super) fn take_due(&mut self, now: Time) -> bool {
        let due = self.state == State::Waiting && self.retry.take_due(now);
        if due {
            self.state = State::Opening;
        }
        due
    }

    /// Whether an opened socket was wanted.
    pub(super) fn opened(&mut self) -> bool {
        let wanted = self.state == State::Opening;
        if wanted {
            self.state = State::Up;
        }
        wanted
    }

    /// The CSMS answers: the next loss starts with a short wait again. A socket that opens and closes at once
    /// does not count as success.
    pub(super) fn proved(&mut self) {
        self.failures = 0;
    }

    /// A message was cut off; nothing more is sent until there is a new socket.
    pub(super) fn broken(&mut self) {
        if self.state == State::Up {
            self.state = State::Broken;
        }
    }

    /// The socket is gone or did not open. Whether that is news.
    pub(super) fn lost(&mut self, now: Time, setup: &Setup, chance: &mut Chance) -> bool {
        if !matches!(self.state, State::Opening | State::Up | State::Broken) {
            return false;
        }
        let wait = setup
            .reconnect_min_ms
            .saturating_mul(1 << self.failures.min(20))
            .clamp(1, setup.reconnect_max_ms.max(1));
        self.failures = self.failures.saturating_add(1);
        let spread = wait / 2 + chance.below(wait / 2 + 1);
        self.state = State::Waiting;
        self.retry = Deadline::at((now.mono_ms + spread).max(self.cut_until));
        true
    }

    /// Takes the network away for a while.
    pub(super) fn cut(&mut self, now: Time, duration_ms: Millis) {
        self.cut_until = now.mono_ms.saturating_add(duration_ms);
        if self.state != State::Off {
            self.state = State::Waiting;
            self.retry = Deadline::at(self.cut_until);
        }
    }

    /// No socket is wanted any more.
    pub(super) fn off(&mut self) {
        self.state = State::Off;
        self.retry = Deadline::NEVER;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: Millis) -> Time {
        Time {
            mono_ms,
            wall_ms: 0,
        }
    }

    #[test]
    fn waits_double_up_to_a_minute_and_shrink_after_an_answer() {
        let (setup, mut chance, mut connection) =
            (Setup::default(), Chance::new(1), Connection::default());
        connection.want(at(0));
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..9 {
            assert!(connection.take_due(at(now)));
            assert!(connection.lost(at(now), &setup, &mut chance));
            let next = connection.retry().millis().unwrap();
            waits.push(next - now);
            now = next;
        }
        for (index, wait) in waits.iter().enumerate() {
            let full = (1_000 << index).min(60_000);
            assert!((full / 2..=full).contains(wait), "{waits:?}");
        }
        connection.proved();
        assert!(connection.take_due(at(now)));
        connection.lost(at(now), &setup, &mut chance);
        assert!(connection.retry().millis().unwrap() <= now + 1_000);
    }

    #[test]
    fn a_network_that_is_away_is_not_tried() {
        let mut connection = Connection::default();
        connection.want(at(0));
        assert!(connection.take_due(at(0)));
        assert!(connection.opened());
        connection.cut(at(10), 5_000);
        assert!(!connection.is_up());
        assert!(!connection.take_due(at(5_009)));
        assert!(connection.take_due(at(5_010)));
    }
}
