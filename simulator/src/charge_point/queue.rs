//! The messages of transactions, and the readings that a clock asks for: kept in order until the CSMS has them, over
//! lost sockets, resets and power loss [1.6 §3.7].
//!
//! One is under way at a time. The id the CSMS gives to a start is put into the messages that follow; when a start
//! was given up, its end is still told, with the transaction id -1, so that the energy is not lost without a trace.

use std::collections::VecDeque;
use std::sync::Arc;

use dynamo_protocol::Time;
use dynamo_protocol::time;

use super::clock::Deadline;
use super::configuration::{Configuration, Key};
use super::io::{ConnectorId, LedgerEntry, Resumed};
use super::message::{Reading, Report};
use super::words::StopReason;

/// Most waiting messages; beyond it readings are thinned out, and no new transaction begins.
pub(super) const MESSAGES_MAX: usize = 256;
/// Most readings remembered per transaction for the ledger.
const LEDGER_READINGS_MAX: usize = 20_000;

/// The charge point's own number of a transaction, before and beside the CSMS's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own(u32);

#[derive(Debug)]
pub(super) enum Body {
    Start {
        connector_id: ConnectorId,
        id_tag: Arc<str>,
        meter_start_wh: i64,
        at_ms: i64,
        reservation_id: Option<i32>,
    },
    Reading {
        connector_id: ConnectorId,
        reading: Reading,
    },
    Stop(Box<Stop>),
}

#[derive(Debug)]
pub(super) struct Stop {
    pub(super) id_tag: Option<Arc<str>>,
    pub(super) meter_stop_wh: i64,
    pub(super) at_ms: i64,
    pub(super) reason: StopReason,
    pub(super) readings: Vec<Reading>,
    /// Those that were left out.
    pub(super) readings_thinned: u64,
}

#[derive(Debug)]
struct Message {
    place: u64,
    /// Its transaction; a reading may have none.
    own: Option<Own>,
    body: Body,
}

/// What the CSMS thinks of a transaction's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Unknown,
    Given(i64),
    GivenUp,
}

/// A transaction of which not everything is told yet.
#[derive(Debug)]
struct Record {
    own: Own,
    id: Id,
    meter_start_wh: i64,
    /// Only where a ledger is wanted.
    entry: Option<Box<LedgerEntry>>,
}

impl Record {
    /// The CSMS has this reading.
    fn read(&mut self, reading: &Reading) {
        let (Some(entry), Some(wh)) = (&mut self.entry, reading.energy_wh()) else {
            return;
        };
        if entry.meter_values.len() < LEDGER_READINGS_MAX {
            let stamp = time::text(reading.at_ms);
            entry.meter_values.push((stamp, wh));
        } else {
            entry.truncated = true;
        }
    }

    /// A reading is dropped to make room.
    fn thinned(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.readings_thinned += 1;
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    ledger: bool,
    messages: VecDeque<Message>,
    records: Vec<Record>,
    /// Readings that were dropped to make room, of all transactions.
    thinned: u64,
    last: u32,
    attempts: u32,
    retry: Deadline,
}

/// The message under way is not tried again.
#[derive(Debug)]
pub(super) struct GivenUp {
    /// The ledger's line of its transaction, when it was the end of one that the CSMS knows.
    pub(super) entry: Option<Box<LedgerEntry>>,
}

/// What became of an acknowledged message.
#[derive(Debug)]
pub(super) enum Done {
    Started(Own, Arc<str>),
    Read,
    Stopped {
        id_tag: Option<Arc<str>>,
        /// Wh; absent when the start was given up.
        energy_wh: Option<i64>,
        /// Absent when the start was given up, and where no ledger is wanted.
        entry: Option<Box<LedgerEntry>>,
    },
}

impl Queue {
    /// An empty one; `ledger` says whether it keeps the books of its transactions.
    pub(super) fn new(ledger: bool) -> Self {
        Self {
            ledger,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Messages of transactions.
    pub(super) fn of_transactions(&self) -> usize {
        let messages = self.messages.iter();
        messages.filter(|message| message.own.is_some()).count()
    }

    /// Readings that were dropped to make room.
    pub(super) fn thinned(&self) -> u64 {
        self.thinned
    }

    /// Whether no other transaction fits: readings make room, starts and stops do not.
    pub(super) fn is_full(&self) -> bool {
        let mut behind_the_first = self.messages.iter().skip(1);
        self.is_at_bound()
            && !behind_the_first.any(|message| matches!(message.body, Body::Reading { .. }))
    }

    fn is_at_bound(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX
    }

    pub(super) fn retry(&self) -> Deadline {
        self.retry
    }

    /// The next try need not wait: the charge point has just been accepted, or the wait is over.
    pub(super) fn retry_now(&mut self) {
        self.retry = Deadline::NEVER;
    }

    /// A wait may be over.
    pub(super) fn tick(&mut self, now: Time) {
        self.retry.take_due(now);
    }

    /// A transaction begins.
    pub(super) fn start(
        &mut self,
        place: u64,
        connector_id: ConnectorId,
        id_tag: Arc<str>,
        meter_start_wh: i64,
        at_ms: i64,
    ) -> Own {
        self.last = self.last.wrapping_add(1);
        let own = Own(self.last);
        let entry = self.ledger.then(|| {
            Box::new(LedgerEntry {
                transaction_id: -1,
                connector_id,
                id_tag: id_tag.to_string(),
                start_time: time::text(at_ms),
                stop_time: None,
                meter_start: meter_start_wh,
                meter_stop: None,
                reason: None,
                meter_values: Vec::new(),
                readings_thinned: 0,
                stop_readings_thinned: 0,
                truncated: false,
            })
        });
        self.records.push(Record {
            own,
            id: Id::Unknown,
            meter_start_wh,
            entry,
        });
        self.push(
            place,
            Some(own),
            Body::Start {
                connector_id,
                id_tag,
                meter_start_wh,
                at_ms,
                reservation_id: None,
            },
        );
        own
    }

    /// The start that was just queued ends this reservation.
    pub(super) fn ends_reservation(&mut self, id: i32) {
        if let Some(Message {
            body: Body::Start { reservation_id, .. },
            ..
        }) = self.messages.back_mut()
        {
            *reservation_id = Some(id);
        }
    }

    /// A transaction goes on whose start the CSMS has.
    pub(super) fn resume(&mut self, resumed: &Resumed) -> Own {
        let (start_wh, at_ms) = (resumed.meter_start_wh, resumed.started_at_ms);
        let id_tag: Arc<str> = resumed.id_tag.as_str().into();
        let own = self.start(0, resumed.connector_id, id_tag, start_wh, at_ms);
        self.acknowledged(Some(resumed.transaction_id));
        own
    }

    /// Something more happened: to a transaction, or a meter was read where none runs.
    pub(super) fn push(&mut self, place: u64, own: Option<Own>, body: Body) {
        if self.is_at_bound() && !self.thin_out() && matches!(body, Body::Reading { .. }) {
            return self.count_thinned(&[own]);
        }
        self.messages.push_back(Message { place, own, body });
    }

    /// Drops every second reading of each meter that waits, never a start or a stop [1.6 §3.7]. Whether there was one.
    fn thin_out(&mut self) -> bool {
        let mut thinned = Vec::new();
        let mut index = 0;
        // Whose reading, and whether the last one was dropped.
        let mut meters: Vec<((Option<Own>, ConnectorId), bool)> = Vec::new();
        self.messages.retain(|message| {
            index += 1;
            let Body::Reading { connector_id, .. } = message.body else {
                return true;
            };
            // The first one may be under way.
            if index == 1 {
                return true;
            }
            let meter = (message.own, connector_id);
            let place = match meters.iter().position(|(known, _)| *known == meter) {
                Some(place) => place,
                None => {
                    meters.push((meter, false));
                    meters.len() - 1
                }
            };
            let dropped = &mut meters[place].1;
            *dropped = !*dropped;
            if *dropped {
                thinned.push(message.own);
            }
            !*dropped
        });
        self.count_thinned(&thinned);
        !thinned.is_empty()
    }

    /// One reading of each of these transactions is dropped, or of a meter where none runs.
    fn count_thinned(&mut self, of: &[Option<Own>]) {
        self.thinned += of.len() as u64;
        for own in of {
            let record = self
                .records
                .iter_mut()
                .find(|record| Some(record.own) == *own);
            record.into_iter().for_each(Record::thinned);
        }
    }

    /// The place of the next message, unless it has to wait for its next try.
    pub(super) fn head(&self) -> Option<u64> {
        self.messages
            .front()
            .filter(|_| !self.retry.is_set())
            .map(|message| message.place)
    }

    /// The next message; it stays in the queue until it is acknowledged or given up.
    pub(super) fn report(&self) -> Option<Report> {
        let message = self.messages.front()?;
        let record = message.own.and_then(|own| self.record(own));
        let id = match record.map(|record| record.id) {
            Some(Id::Given(id)) => Some(id),
            _ => None,
        };
        Some(match &message.body {
            Body::Start {
                connector_id,
                id_tag,
                meter_start_wh,
                at_ms,
                reservation_id,
            } => Report::StartTransaction {
                connector_id: *connector_id,
                id_tag: id_tag.clone(),
                meter_start_wh: *meter_start_wh,
                at_ms: *at_ms,
                reservation_id: *reservation_id,
            },
            Body::Reading {
                connector_id,
                reading,
            } => Report::MeterValues {
                connector_id: *connector_id,
                transaction_id: id,
                readings: vec![reading.clone()],
            },
            Body::Stop(stop) => Report::StopTransaction {
                transaction_id: id.unwrap_or(-1),
                id_tag: stop.id_tag.clone(),
                meter_stop_wh: stop.meter_stop_wh,
                at_ms: stop.at_ms,
                reason: stop.reason,
                readings: stop.readings.clone(),
            },
        })
    }

    /// The CSMS has the message under way. `given` is the id in its answer to a start.
    pub(super) fn acknowledged(&mut self, given: Option<i64>) -> Option<Done> {
        let message = self.take()?;
        let Some((own, index)) = self.owner(&message) else {
            return Some(Done::Read);
        };
        let record = &mut self.records[index];
        Some(match message.body {
            Body::Start { id_tag, .. } => {
                if let Some(id) = given {
                    record.id = Id::Given(id);
                    if let Some(entry) = &mut record.entry {
                        entry.transaction_id = id;
                    }
                }
                Done::Started(own, id_tag)
            }
            Body::Reading { reading, .. } => {
                record.read(&reading);
                Done::Read
            }
            Body::Stop(stop) => {
                let mut record = self.forget(index);
                let is_known = matches!(record.id, Id::Given(_));
                if let Some(entry) = &mut record.entry {
                    entry.stop_time = Some(time::text(stop.at_ms));
                    entry.meter_stop = Some(stop.meter_stop_wh);
                    entry.reason = Some(stop.reason.word().to_owned());
                    entry.stop_readings_thinned = stop.readings_thinned;
                }
                Done::Stopped {
                    id_tag: stop.id_tag,
                    energy_wh: is_known.then_some(stop.meter_stop_wh - record.meter_start_wh),
                    entry: record.entry.filter(|_| is_known),
                }
            }
        })
    }

    /// The CSMS has a reading that was no message of this queue and named the transaction.
    pub(super) fn read_besides(&mut self, transaction_id: i64, reading: &Reading) {
        let mut records = self.records.iter_mut();
        if let Some(record) = records.find(|r| r.id == Id::Given(transaction_id)) {
            record.read(reading);
        }
    }

    /// What the books say of transactions whose start the CSMS has acknowledged, and whose end it has not.
    pub(super) fn open_entries(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.records
            .iter()
            .filter(|record| matches!(record.id, Id::Given(_)))
            .filter_map(|record| record.entry.as_deref())
    }

    /// The CSMS did not process the message under way: it is tried again after a wait that grows with every try, and
    /// given up in the end [1.6 §3.7.1]. When that was the end of a transaction, its book is closed as it is.
    /// A reading of no transaction is refused once and for all: no start or stop waits for it.
    pub(super) fn failed(&mut self, now: Time, configuration: &Configuration) -> Option<GivenUp> {
        if self
            .messages
            .front()
            .is_some_and(|message| message.own.is_none())
        {
            self.take();
            return None;
        }
        self.attempts += 1;
        let limit = configuration.integer(Key::TransactionMessageAttempts);
        if i64::from(self.attempts) < i64::from(limit) {
            let wait = configuration.interval_ms(Key::TransactionMessageRetryInterval);
            self.retry = Deadline::at(now.mono_ms + wait * u64::from(self.attempts));
            return None;
        }
        let message = self.take()?;
        let Some((_, index)) = self.owner(&message) else {
            return Some(GivenUp { entry: None });
        };
        let entry = match message.body {
            Body::Start { .. } => {
                self.records[index].id = Id::GivenUp;
                None
            }
            Body::Reading { .. } => None,
            Body::Stop(_) => {
                let record = self.forget(index);
                let is_known = matches!(record.id, Id::Given(_));
                record.entry.filter(|_| is_known)
            }
        };
        Some(GivenUp { entry })
    }

    /// The id the CSMS gave to a transaction.
    pub(super) fn id(&self, own: Own) -> Option<i64> {
        match self.record(own)?.id {
            Id::Given(id) => Some(id),
            Id::Unknown | Id::GivenUp => None,
        }
    }

    /// Whether the CSMS has yet to give this transaction an id.
    pub(super) fn awaits_id(&self, own: Own) -> bool {
        self.record(own)
            .is_some_and(|record| record.id == Id::Unknown)
    }

    /// Whose message it is, and where its record stands.
    fn owner(&self, message: &Message) -> Option<(Own, usize)> {
        let own = message.own?;
        let index = self.records.iter().position(|record| record.own == own)?;
        Some((own, index))
    }

    fn record(&self, own: Own) -> Option<&Record> {
        self.records.iter().find(|record| record.own == own)
    }

    fn forget(&mut self, index: usize) -> Record {
        let record = self.records.remove(index);
        if self.records.is_empty() {
            self.records = Vec::new();
        }
        record
    }

    fn take(&mut self) -> Option<Message> {
        self.attempts = 0;
        self.retry = Deadline::NEVER;
        let message = self.messages.pop_front();
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge_point::words::{Context, Measurand};

    fn at(mono_ms: u64) -> Time {
        Time {
            mono_ms,
            wall_ms: 0,
        }
    }

    fn reading(wh: i64) -> Body {
        Body::Reading {
            connector_id: 1,
            reading: Reading {
                at_ms: wh,
                context: Context::Periodic,
                values: [(Measurand::EnergyRegister.into(), wh)].into(),
            },
        }
    }

    fn stop(wh: i64) -> Body {
        Body::Stop(Box::new(Stop {
            id_tag: None,
            meter_stop_wh: wh,
            at_ms: 0,
            reason: StopReason::Local,
            readings: Vec::new(),
            readings_thinned: 2,
        }))
    }

    #[test]
    fn the_given_id_reaches_what_was_queued_before_it_was_known() {
        let mut queue = Queue::new(true);
        let own = queue.start(1, 1, "A".into(), 10, 0);
        queue.push(2, Some(own), reading(11));
        queue.push(3, Some(own), stop(12));
        assert_eq!(queue.id(own), None);
        queue.acknowledged(Some(77));
        assert!(matches!(
            queue.report(),
            Some(Report::MeterValues {
                transaction_id: Some(77),
                ..
            })
        ));
        queue.acknowledged(None);
        assert!(matches!(
            queue.report(),
            Some(Report::StopTransaction {
                transaction_id: 77,
                ..
            })
        ));
        let Some(Done::Stopped {
            entry: Some(entry), ..
        }) = queue.acknowledged(None)
        else {
            panic!("not stopped");
        };
        assert_eq!(
            (entry.transaction_id, entry.meter_start, entry.meter_stop),
            (77, 10, Some(12))
        );
        assert_eq!(
            entry.meter_values,
            [("1970-01-01T00:00:00.011Z".to_owned(), 11)]
        );
        assert_eq!((queue.len(), queue.records.len()), (0, 0));
    }

    #[test]
    fn tries_are_spaced_wider_and_wider_and_end() {
        let mut configuration = Configuration::default();
        configuration
            .preset("TransactionMessageAttempts", "3")
            .unwrap();
        configuration
            .preset("TransactionMessageRetryInterval", "5")
            .unwrap();
        let mut queue = Queue::default();
        let own = queue.start(1, 1, "A".into(), 0, 0);
        queue.push(2, Some(own), stop(1));
        queue.failed(at(0), &configuration);
        assert_eq!((queue.retry().millis(), queue.head()), (Some(5_000), None));
        queue.retry_now();
        queue.failed(at(5_000), &configuration);
        assert_eq!(queue.retry().millis(), Some(15_000));
        queue.retry_now();
        queue.failed(at(15_000), &configuration);
        // The start is given up, its end is told without an id.
        assert!(matches!(
            queue.report(),
            Some(Report::StopTransaction {
                transaction_id: -1,
                ..
            })
        ));
        assert!(matches!(
            queue.acknowledged(None),
            Some(Done::Stopped { entry: None, .. })
        ));
    }

    #[test]
    fn one_book_has_every_acknowledged_reading_or_says_that_it_does_not() {
        let mut queue = Queue::new(true);
        let own = queue.start(1, 1, "A".into(), 10, 0);
        assert_eq!(queue.open_entries().count(), 0, "not acknowledged yet");
        queue.acknowledged(Some(77));
        let Body::Reading { reading, .. } = reading(11) else {
            unreachable!("a reading")
        };
        queue.read_besides(78, &reading);
        for _ in 0..LEDGER_READINGS_MAX {
            queue.read_besides(77, &reading);
        }
        let book = queue.open_entries().next().unwrap();
        assert_eq!(book.meter_values.len(), LEDGER_READINGS_MAX);
        assert!(!book.truncated);
        queue.read_besides(77, &reading);
        // A stop that is given up closes the book as it is.
        queue.push(2, Some(own), stop(12));
        let mut configuration = Configuration::default();
        let attempts = configuration.preset("TransactionMessageAttempts", "1");
        attempts.unwrap();
        let given_up = queue.failed(at(0), &configuration).unwrap();
        let book = given_up.entry.unwrap();
        assert!(book.truncated && book.meter_stop.is_none());
        assert_eq!((queue.open_entries().count(), queue.records.len()), (0, 0));
    }

    #[test]
    fn a_refused_reading_of_no_transaction_keeps_nobody_waiting_and_is_none_of_a_transaction() {
        let mut queue = Queue::new(false);
        queue.push(1, None, reading(5));
        assert_eq!((queue.len(), queue.of_transactions()), (1, 0));
        let own = queue.start(1, 1, "A".into(), 10, 0);
        assert!(queue.failed(at(0), &Configuration::default()).is_none());
        assert!(matches!(
            queue.report(),
            Some(Report::StartTransaction { .. })
        ));
        assert!(queue.head().is_some() && queue.awaits_id(own));
    }

    #[test]
    fn each_meter_loses_every_second_reading() {
        let mut queue = Queue::new(false);
        let own = queue.start(0, 1, "A".into(), 0, 0);
        for _ in 0..50 {
            queue.push(1, Some(own), reading(1));
            queue.push(1, None, reading(2));
        }
        let count = |queue: &Queue, of: Option<Own>| {
            let messages = queue.messages.iter().filter(|message| message.own == of);
            messages.count()
        };
        let before = (count(&queue, Some(own)), count(&queue, None));
        assert!(queue.thin_out());
        let after = (count(&queue, Some(own)), count(&queue, None));
        assert!(
            after.0 * 2 >= before.0 && after.1 * 2 >= before.1 - 1,
            "{before:?} {after:?}"
        );
        assert!(after.0 < before.0 && after.1 < before.1);
    }

    #[test]
    fn the_book_says_how_many_readings_were_dropped() {
        let mut queue = Queue::new(true);
        let (one, other) = (
            queue.start(0, 1, "A".into(), 0, 0),
            queue.start(0, 2, "B".into(), 0, 0),
        );
        for wh in 0..500 {
            queue.push(1, Some(one), reading(wh));
        }
        queue.push(1, Some(other), reading(7));
        queue.push(2, Some(one), stop(500));
        let mut books = Vec::new();
        for id in 1.. {
            match queue.acknowledged(Some(id)) {
                Some(Done::Stopped { entry, .. }) => books.extend(entry),
                Some(_) => {}
                None => break,
            }
        }
        let kept = books[0].meter_values.len() as u64;
        assert_eq!(kept + books[0].readings_thinned, 500, "none is forgotten");
        assert_eq!(queue.thinned(), books[0].readings_thinned);
        assert_eq!(books[0].stop_readings_thinned, 2);
        let open: Vec<_> = queue.open_entries().collect();
        assert_eq!(
            (open[0].meter_values.len(), open[0].readings_thinned),
            (1, 0)
        );
    }

    #[test]
    fn at_the_bound_every_second_reading_goes_and_no_start_or_stop() {
        let mut queue = Queue::default();
        let own = queue.start(0, 1, "A".into(), 0, 0);
        for wh in 0..1_000 {
            queue.push(1, Some(own), reading(wh));
        }
        assert!(queue.len() <= MESSAGES_MAX);
        for _ in 0..MESSAGES_MAX {
            let own = queue.start(2, 1, "B".into(), 0, 0);
            queue.push(3, Some(own), stop(5));
        }
        let kept =
            |want: fn(&Body) -> bool| queue.messages.iter().filter(|m| want(&m.body)).count();
        assert_eq!(kept(|b| matches!(b, Body::Start { .. })), MESSAGES_MAX + 1);
        assert_eq!(kept(|b| matches!(b, Body::Stop(_))), MESSAGES_MAX);
        let order: Vec<i64> = queue
            .messages
            .iter()
            .filter_map(|m| match &m.body {
                Body::Reading { reading, .. } => Some(reading.at_ms),
                _ => None,
            })
            .collect();
        assert!(order.is_sorted());
    }
}
