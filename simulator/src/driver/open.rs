//! Transactions whose start the CSMS acknowledged and whose end it did not: what the ledger says about them when
//! the run is over. Kept by what was sent and answered, only where a ledger is wanted.

use dynamo_protocol::time::date_time;

use crate::charge_point::{Answer, LedgerEntry, Report, Tag};

/// Readings kept of one transaction, as many as the charge point itself keeps for the ledger.
const READINGS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct OpenTransactions {
    /// What the message under way would change; a charge point has one at a time.
    under_way: Option<(Tag, Change)>,
    open: Vec<LedgerEntry>,
}

#[derive(Debug)]
enum Change {
    Start(Box<LedgerEntry>),
    Readings(i64, Vec<(String, i64)>),
}

impl OpenTransactions {
    /// A message is about to be sent.
    pub(super) fn sent(&mut self, tag: Tag, report: &Report) {
        let change = match report {
            Report::StartTransaction {
                connector_id,
                id_tag,
                meter_start_wh,
                at_ms,
            } => Change::Start(Box::new(LedgerEntry {
                transaction_id: -1,
                connector_id: *connector_id,
                id_tag: id_tag.to_string(),
                start_time: date_time(*at_ms).to_string(),
                stop_time: None,
                meter_start: *meter_start_wh,
                meter_stop: None,
                reason: None,
                meter_values: Vec::new(),
            })),
            Report::MeterValues {
                transaction_id: Some(transaction_id),
                readings,
                ..
            } => {
                let wh = readings.iter().filter_map(|reading| {
                    Some((date_time(reading.at_ms).to_string(), reading.energy_wh()?))
                });
                Change::Readings(*transaction_id, wh.collect())
            }
            _ => return,
        };
        self.under_way = Some((tag, change));
    }

    /// A message was answered as it should be.
    pub(super) fn acknowledged(&mut self, tag: Tag, answer: &Answer) {
        let Some((_, change)) = self.under_way.take_if(|(under_way, _)| *under_way == tag) else {
            return;
        };
        match (change, answer) {
            (Change::Start(mut entry), Answer::StartTransaction { transaction_id, .. }) => {
                entry.transaction_id = *transaction_id;
                self.open.push(*entry);
            }
            (Change::Readings(transaction_id, readings), _) => {
                let mut open = self.open.iter_mut();
                if let Some(entry) = open.find(|entry| entry.transaction_id == transaction_id) {
                    let room = READINGS_MAX.saturating_sub(entry.meter_values.len());
                    entry.meter_values.extend(readings.into_iter().take(room));
                }
            }
            _ => {}
        }
    }

    /// The end of a transaction was acknowledged.
    pub(super) fn stopped(&mut self, transaction_id: i64) {
        self.open
            .retain(|entry| entry.transaction_id != transaction_id);
    }

    /// Those that are still open.
    pub(super) fn take(&mut self) -> Vec<LedgerEntry> {
        std::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge_point::{AuthorizationStatus, IdTagInfo};

    fn start(open: &mut OpenTransactions, tag: Tag) {
        open.sent(
            tag,
            &Report::StartTransaction {
                connector_id: 1,
                id_tag: "TAG".into(),
                meter_start_wh: 10,
                at_ms: 0,
            },
        );
    }

    fn given(transaction_id: i64) -> Answer {
        Answer::StartTransaction {
            transaction_id,
            id_tag_info: IdTagInfo {
                status: AuthorizationStatus::Accepted,
                parent_id_tag: None,
                expiry_ms: None,
            },
        }
    }

    #[test]
    fn a_start_is_open_from_its_answer_until_its_end_is_answered() {
        let mut open = OpenTransactions::default();
        start(&mut open, Tag(1));
        start(&mut open, Tag(2));
        // The first one never came back.
        open.acknowledged(Tag(1), &given(7));
        open.acknowledged(Tag(2), &given(8));
        start(&mut open, Tag(3));
        open.acknowledged(Tag(3), &given(9));
        open.stopped(8);
        let left = open.take();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].transaction_id, left[0].meter_start), (9, 10));
        assert_eq!((left[0].meter_stop, &left[0].stop_time), (None, &None));
    }
}
