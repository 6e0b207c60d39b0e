//! What the task of a charge point tells its observer: counts and lines of the ledger.

use std::sync::atomic::Ordering::Relaxed;

use super::task::Driver;
use crate::charge_point::{Fact, LedgerEntry};
use crate::ledger::LedgerLine;
use crate::tally::CallEnd;

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
            Fact::TransactionStarted { .. } => {
                tally.transactions_started.fetch_add(1, Relaxed);
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
        if let (Some(observer), Some(written)) = (&self.observer, written) {
            observer
                .tally
                .call(observer.index, action, end, written.elapsed());
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
