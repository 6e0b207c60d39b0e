//! What the task of a charge point tells its observer: counts and lines of the ledger.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::task::Driver;
use crate::charge_point::{Fact, LedgerEntry};
use crate::ledger::LedgerLine;
use crate::tally::{CallEnd, Tally};

/// A call that is open for so long when the run waits no longer was not going to be answered. It is what a fleet waits
/// for after a signal.
const UNANSWERED_AFTER: Duration = Duration::from_secs(5);

/// What the CSMS said to the sessions of one charge point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SessionsJudged {
    allowed: u64,
    refused: u64,
}

impl Driver {
    pub(super) fn note(&mut self, fact: Fact) {
        let Some(observer) = &self.observer else {
            return;
        };
        let tally = &observer.tally;
        match fact {
            Fact::Accepted => {
                if !self.accepted_before {
                    self.accepted_before = true;
                    tally.accepted.fetch_add(1, Relaxed);
                }
            }
            Fact::TransactionStarted { transaction_id } => {
                tally.transaction_started(transaction_id, observer.index);
            }
            Fact::SessionAllowed => self.sessions.allowed += 1,
            Fact::SessionRefused => {
                self.sessions.refused += 1;
                tally.sessions_refused.fetch_add(1, Relaxed);
            }
            Fact::TransactionStopped { energy_wh, entry } => {
                tally.transactions_stopped.fetch_add(1, Relaxed);
                tally
                    .energy_wh
                    .fetch_add(u64::try_from(energy_wh).unwrap_or(0), Relaxed);
                if let Some(entry) = entry {
                    self.note_in_ledger(*entry);
                }
            }
            Fact::TransactionAbandoned(entry) => self.note_in_ledger(*entry),
            Fact::MessageGivenUp => self.given_up += 1,
            Fact::TagRefused { id_tag, status } => tally.tag_refused(&id_tag, status.word()),
            Fact::NotDone(_) => {}
        }
    }

    pub(super) fn note_in_ledger(&mut self, entry: LedgerEntry) {
        self.ledger_lines.push(LedgerLine {
            charge_point_id: self.id.clone(),
            entry,
        });
    }

    pub(super) fn count_call(&mut self, action: &'static str, end: &CallEnd<'_>) {
        let written = self.call_written.take();
        if let (Some(observer), Some((written, phase))) = (&self.observer, written) {
            let took = match end {
                // Its answer would have taken at least that long.
                CallEnd::TimedOut => written.elapsed().max(self.watch.timeout()),
                _ => written.elapsed(),
            };
            let tally = &observer.tally;
            tally.call(observer.index, (action, phase), end, took);
        }
    }

    pub(super) fn count_frame(&self, counter: fn(&Tally) -> &AtomicU64) {
        if let Some(observer) = &self.observer {
            counter(&observer.tally).fetch_add(1, Relaxed);
        }
    }

    /// The run waits no longer: an open call that the CSMS has left without an answer for seconds counts as one that
    /// timed out, a younger one as cut off.
    pub(super) fn count_open_call(&mut self) {
        let written = self.call_written.map(|(written, _)| written);
        let is_old = written.is_some_and(|written| written.elapsed() >= UNANSWERED_AFTER);
        let end = if is_old {
            CallEnd::TimedOut
        } else {
            CallEnd::CutOff
        };
        // Only the open call, which comes first, was ever sent.
        for (_, action) in self.link.disconnect() {
            self.count_call(action, &end);
        }
    }

    /// What the charge point leaves behind at its end.
    pub(super) fn note_end(&mut self) {
        self.count_open_call();
        let Some(observer) = &self.observer else {
            return;
        };
        let tally = &observer.tally;
        let undelivered = self.point.undelivered() as u64 + self.given_up;
        if undelivered > 0 {
            tally.undelivered_messages.fetch_add(undelivered, Relaxed);
            tally.undelivered_charge_points.fetch_add(1, Relaxed);
        }
        if self.sessions.refused > self.sessions.allowed {
            tally.charge_points_refused.fetch_add(1, Relaxed);
        }
        let thinned = self.point.readings_thinned();
        tally.readings_thinned.fetch_add(thinned, Relaxed);
        if self.connected_before && self.tried_in_vain {
            tally.offline_at_end.fetch_add(1, Relaxed);
        }
        for entry in self.point.open_transactions() {
            self.note_in_ledger(entry);
        }
    }

    pub(super) async fn write_ledger(&mut self) {
        if let Some(ledger) = self.observer.as_ref().and_then(|o| o.ledger.as_ref()) {
            for line in self.ledger_lines.drain(..) {
                // The writer is gone only after an error that the end of the run reports.
                let _ = ledger.send(line).await;
            }
        }
    }
}
