//! The ledger: one JSON line per transaction that the CSMS acknowledged.
//!
//! What stands here was acknowledged on the wire; an auditor compares it with the CSMS's own records. Lines of
//! transactions whose end was not acknowledged before the run ended have nulls for what is not known to the CSMS.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use dynamo_protocol::ChargePointId;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::InputError;
use crate::charge_point::LedgerEntry;

/// Lines that may wait for the disk; whoever has one more waits too.
const QUEUE_LINES_MAX: usize = 1_024;
/// Lines written between two flushes.
const FLUSH_LINES: usize = 256;

/// One line of the file.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerLine {
    /// Whose transaction it was.
    #[serde(serialize_with = "as_text")]
    pub charge_point_id: ChargePointId,
    /// The transaction.
    #[serde(flatten)]
    pub entry: LedgerEntry,
}

fn as_text<S: Serializer>(id: &ChargePointId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

/// The writer of one ledger file.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    lines: mpsc::Sender<LedgerLine>,
    writer: JoinHandle<io::Result<()>>,
}

impl Ledger {
    /// Creates or empties the file.
    pub(crate) fn create(path: &Path) -> Result<Self, InputError> {
        let file = std::fs::File::create(path).map_err(|error| unwritable(path, &error))?;
        let (lines, queue) = mpsc::channel(QUEUE_LINES_MAX);
        Ok(Self {
            path: path.to_owned(),
            lines,
            writer: tokio::task::spawn_blocking(move || write(queue, BufWriter::new(file))),
        })
    }

    /// Where lines go in; the file ends when all clones are dropped.
    pub(crate) fn lines(&self) -> mpsc::Sender<LedgerLine> {
        self.lines.clone()
    }

    /// Waits until every line is in the file.
    pub(crate) async fn finish(self) -> Result<(), InputError> {
        drop(self.lines);
        let written = self
            .writer
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)));
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

fn write(mut queue: mpsc::Receiver<LedgerLine>, mut file: impl Write) -> io::Result<()> {
    let mut batch = Vec::with_capacity(FLUSH_LINES);
    // A batch is what has come together, so a quiet fleet's lines are in the file at once.
    while queue.blocking_recv_many(&mut batch, FLUSH_LINES) > 0 {
        for line in batch.drain(..) {
            serde_json::to_writer(&mut file, &line)?;
            file.write_all(b"\n")?;
        }
        file.flush()?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> InputError {
    InputError::new(format!(
        "cannot write the ledger {}: {error}; give --ledger a file in a folder that can be written",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(transaction_id: i64) -> LedgerLine {
        LedgerLine {
            charge_point_id: ChargePointId::new("SIM-000001").unwrap(),
            entry: LedgerEntry {
                transaction_id,
                connector_id: 1,
                id_tag: "TAG".into(),
                start_time: "2026-01-01T00:00:00Z".into(),
                stop_time: None,
                meter_start: 0,
                meter_stop: None,
                reason: None,
                meter_values: vec![("2026-01-01T00:00:10Z".into(), 12)],
                readings_thinned: 3,
                stop_readings_thinned: 0,
                truncated: false,
            },
        }
    }

    #[tokio::test]
    async fn every_line_is_in_the_file_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = Ledger::create(&path).unwrap();
        let lines = ledger.lines();
        for id in 0..3 * FLUSH_LINES as i64 {
            lines.send(line(id)).await.unwrap();
        }
        drop(lines);
        ledger.finish().await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3 * FLUSH_LINES);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["charge_point_id"], "SIM-000001");
        assert_eq!(first["transaction_id"], 0);
        assert!(first["meter_stop"].is_null());
        assert_eq!(first["meter_values"][0][1], 12);
        assert_eq!(first["readings_thinned"], 3);
        assert!(first.get("truncated").is_none());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_named() {
        let error = Ledger::create(Path::new("/nowhere/ledger.jsonl")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/ledger.jsonl"));
    }
}
