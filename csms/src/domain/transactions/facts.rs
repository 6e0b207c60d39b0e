//! The facts that charge points report of transactions: starts, readings and stops, in the words of no OCPP version.

use rust_decimal::Decimal;

use crate::domain::content_hash;
use crate::domain::occurrence::Occurrence;
use crate::domain::tags::tag::UnknownTags;
use crate::domain::transactions::claims::Claims;
use crate::domain::transactions::register::{Doubt, Register, Standing, after};

/// The beginning of a transaction. All but its charge point and its time may be told later.
pub(crate) struct Start {
    pub charge_point_id: String,
    /// The charge point's own id of it, where it has one.
    pub station_id: Option<String>,
    /// Where it is told; else it is the one that the operator put the connector into.
    pub evse_id: Option<i64>,
    /// Counted over the whole charge point.
    pub connector_id: Option<i64>,
    /// What was shown, where somebody showed something by then.
    pub id_tag: Option<String>,
    /// The kind of that, where the charge point says it.
    pub tag_kind: Option<&'static str>,
    pub reservation_id: Option<i64>,
    pub started_at_ms: i64,
    pub meter_start_wh: Option<i64>,
    pub unknown_tags: UnknownTags,
    /// The tax in prices, in percent: partners see them without.
    pub tax_rate: Decimal,
    pub now_ms: i64,
    /// The names of what was forgiven of the message.
    pub deviations: Vec<&'static str>,
    /// How webhooks are told.
    pub occurrence: Option<Occurrence>,
}

/// The samples of one instant.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The charge point's stamp.
    pub at_ms: i64,
    /// The samples as JSON text, every member that was sent.
    pub samples: String,
    /// The energy register, when it is among the samples.
    pub register: Option<Register>,
}

/// A report of one or more readings.
#[derive(Clone, Debug)]
pub(crate) struct MeterReport {
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    /// As the charge point sent it; it may be nobody's.
    pub transaction_number: Option<i64>,
    pub readings: Vec<Reading>,
    pub received_at_ms: i64,
    /// The names of what was forgiven of the message.
    pub deviations: Vec<&'static str>,
    /// How webhooks are told that a transaction went on.
    pub occurrence: Option<Occurrence>,
}

impl MeterReport {
    /// Where the register of a transaction that began as it is told there stands after this report.
    pub(crate) fn standing(&self, began: &Claims, last: Option<Standing>) -> Option<Standing> {
        let registers = self.readings.iter();
        let registers = registers.filter_map(|reading| Some((reading.at_ms, reading.register?)));
        registers.fold(last, |last, (at_ms, register)| {
            let new = Standing {
                wh: register.wh,
                at_ms,
                source: register.source,
                doubt: Doubt::of(began, (at_ms, self.received_at_ms), register.wh),
                first_wh: register.wh,
                least_wh: None,
            }
            .first(began.meter_start_wh);
            Some(last.map_or(new, |last| after(last, new)))
        })
    }

    /// Whether a register is among its readings.
    pub(crate) fn has_register(&self) -> bool {
        self.readings
            .iter()
            .any(|reading| reading.register.is_some())
    }

    /// The same content from the same place has the same hash: a retransmission is stored once.
    pub(crate) fn content_hash(&self, reading: &Reading) -> String {
        let place = (self.connector_id, self.transaction_number, reading.at_ms);
        content_hash(&[&format!("{place:?}"), &reading.samples])
    }
}

/// The end of a transaction.
pub(crate) struct StopReport {
    pub organization_id: String,
    pub charge_point_id: String,
    pub transaction_number: i64,
    pub stopped_at_ms: i64,
    pub meter_stop_wh: i64,
    pub reason: Option<String>,
    /// What made the charge point end it, in the words of OCPP 2.0.1, as far as the reason says that.
    pub trigger: Option<&'static str>,
    pub id_tag: Option<String>,
    pub readings: Vec<Reading>,
    /// The whole message, kept when it cannot stop anything.
    pub message: String,
    pub unknown_tags: UnknownTags,
    pub now_ms: i64,
    /// The names of what was forgiven of the message.
    pub deviations: Vec<&'static str>,
    /// How webhooks are told.
    pub occurrence: Option<Occurrence>,
}

/// A stop that cannot be read, but for its transaction.
pub(crate) struct UnreadableStop {
    pub organization_id: String,
    pub charge_point_id: String,
    pub transaction_number: i64,
    /// Its stamp; when it arrived, where that cannot be read.
    pub stopped_at_ms: i64,
    /// `None` where it cannot be read.
    pub meter_stop_wh: Option<i64>,
    /// The whole message.
    pub message: String,
    pub now_ms: i64,
}
