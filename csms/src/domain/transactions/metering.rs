//! Meter values: all of them are kept, and move the register of their transaction on.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use serde_json::json;

use crate::clock::rfc3339;
use crate::domain::transactions::ending::{self, HeardOf, Then};
use crate::domain::transactions::facts::MeterReport;
use crate::domain::transactions::register::Register;
use crate::store::{Conn, Folded, NewReading, Result, Store, TransactionFacts};

/// Keeps a report. Readings that are kept already are not counted again.
pub(crate) async fn record(store: &Store, report: MeterReport) -> Result<()> {
    store.write_folded(report).await
}

impl Folded for MeterReport {
    type Done = ();

    fn charge_point(&self) -> &str {
        &self.charge_point_id
    }

    fn run_all<'c>(
        reports: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>> {
        Box::pin(async move {
            keep(conn, reports, Then::GoOn).await?;
            Ok(vec![(); reports.len()])
        })
    }
}

/// The same inside a transaction of the database, of different charge points. A number that is no transaction of its
/// charge point is kept as it is.
pub(in crate::domain) async fn keep(
    conn: &mut Conn,
    reports: &[&MeterReport],
    then: Then,
) -> Result<()> {
    let places: Vec<(&str, i64)> = reports
        .iter()
        .filter_map(|report| Some((report.charge_point_id.as_str(), report.transaction_number?)))
        .collect();
    let transactions: HashMap<i64, TransactionFacts> = conn
        .lock_transactions(&places)
        .await?
        .into_iter()
        .map(|transaction| (transaction.id, transaction))
        .collect();
    let transaction_of = |report: &MeterReport| {
        let found = transactions.get(&report.transaction_number?)?;
        (found.charge_point_id == report.charge_point_id).then_some(found)
    };
    let mut readings = Vec::new();
    for report in reports {
        let id = transaction_of(report).map(|transaction| transaction.id);
        if let Some(id) = id {
            conn.mark_deviations(id, &report.deviations).await?;
        }
        let new = report.readings.iter();
        readings.extend(new.map(|reading| NewReading::of(report, reading, id)));
    }
    let is_new = conn.insert_readings(&readings).await?;
    let mut heard = Vec::new();
    for report in reports {
        let Some(transaction) = transaction_of(report) else {
            continue;
        };
        let place = place_of(conn, transaction, report).await?;
        if let Some(word) = place.word().filter(|_| report.has_register()) {
            conn.mark_deviations(transaction.id, &[word]).await?;
        }
        let of_this = readings.iter().filter(|reading| {
            std::ptr::eq(reading.report, *report) && is_new.contains(&reading.key())
        });
        let new_stamps: Vec<i64> = of_this.map(|reading| reading.reading.at_ms).collect();
        if !transaction.course().is_stopped() {
            heard.extend(moved_on(transaction, report, place, new_stamps.clone()));
        }
        if let (Some(occurrence), false) = (&report.occurrence, new_stamps.is_empty()) {
            let shown = report.standing(&transaction.began(), None);
            let data = json!({
                "transaction_id": transaction.id,
                "connector_id": report.connector_id,
                "meter_value": shown.map(|standing| standing.wh),
                "timestamp": report.readings.iter().map(|reading| reading.at_ms).max().map(rfc3339),
            });
            conn.tell_of(transaction.id, occurrence, &data).await?;
        }
    }
    ending::heard(conn, &heard, then).await?;
    for report in reports.iter().filter(|report| report.has_register()) {
        if transaction_of(report).is_none() {
            mark_unnamed(conn, report).await?;
        }
    }
    Ok(())
}

/// Where readings of a transaction were taken, by the connector that their message names [1.6 §6.31].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MeterPlace {
    Connector,
    /// Connector 0: the meter of the whole charge point, which counts the others as well.
    Main,
    /// A connector that is not the transaction's. The transaction is named, so the number is taken for wrong.
    Other,
}

impl MeterPlace {
    /// The irregularity of a transaction with such readings.
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Connector => None,
            Self::Main => Some("readings_of_main_meter"),
            Self::Other => Some("readings_of_other_connector"),
        }
    }
}

/// Where there is one connector, the meter of the whole charge point is its.
async fn place_of(
    conn: &mut Conn,
    transaction: &TransactionFacts,
    report: &MeterReport,
) -> Result<MeterPlace> {
    Ok(match (report.connector_id, transaction.connector_id) {
        (Some(told), Some(own)) if told == own => MeterPlace::Connector,
        (Some(0), Some(own)) => {
            let last = conn.last_connector(&report.charge_point_id).await?;
            match last.max(own) {
                ..=1 => MeterPlace::Connector,
                _ => MeterPlace::Main,
            }
        }
        (Some(_), Some(_)) => MeterPlace::Other,
        (_, None) | (None, _) => MeterPlace::Connector,
    })
}

/// The irregularity of a transaction that has no readings of its own, while its connector reported some of no transaction.
const UNNAMED: &str = "readings_without_transaction";

/// Readings that name no transaction of their charge point are nobody's. Where one alone is open on their connector, and
/// none were told of it, it says so: its energy may be missing until its stop comes.
async fn mark_unnamed(conn: &mut Conn, report: &MeterReport) -> Result<()> {
    let Some(connector) = report.connector_id.filter(|connector| *connector != 0) else {
        return Ok(());
    };
    let open = conn.open_on(&report.charge_point_id, connector).await?;
    match open.as_slice() {
        [alone] if !alone.has_readings => conn.mark_deviations(alone.id, &[UNNAMED]).await,
        _ => Ok(()),
    }
}

/// How a report moves the register of a transaction without a stop on; the main meter moves none. Nothing is priced
/// here: that would be done for each meter value of what is abandoned.
fn moved_on<'a>(
    transaction: &'a TransactionFacts,
    report: &MeterReport,
    place: MeterPlace,
    new_stamps: Vec<i64>,
) -> Option<HeardOf<'a>> {
    let last = transaction.standing();
    let standing = match place {
        MeterPlace::Main => last,
        MeterPlace::Connector => report.standing(&transaction.began(), last),
        MeterPlace::Other => {
            let mut report = report.clone();
            for reading in &mut report.readings {
                reading.register = reading.register.map(Register::of_another_connector);
            }
            report.standing(&transaction.began(), last)
        }
    };
    let moved = standing.filter(|standing| last != Some(*standing));
    if transaction.course().is_final() && moved.is_none() && new_stamps.is_empty() {
        // It repeats what was told before, and corrects nothing.
        return None;
    }
    Some(HeardOf {
        transaction,
        standing: moved,
        stamps_ms: new_stamps,
        received_at_ms: report.received_at_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transactions::claims::Claims;
    use crate::domain::transactions::facts::Reading;

    #[test]
    fn readings_count_in_the_order_of_their_arrival() {
        let began = Claims::default();
        let reading = |at_ms, wh: Option<i64>| Reading {
            at_ms,
            samples: "[]".into(),
            register: wh.map(Register::plain),
        };
        let report = |readings| MeterReport {
            charge_point_id: "CP".into(),
            connector_id: Some(1),
            transaction_number: Some(1),
            readings,
            received_at_ms: 40,
            deviations: Vec::new(),
            occurrence: None,
        };
        let stands = |readings: Vec<Reading>| {
            let standing = report(readings).standing(&began, None);
            standing.map(|standing| (standing.at_ms, standing.wh))
        };
        let (first, second) = (reading(10, Some(5)), reading(20, Some(7)));
        let without = reading(30, None);
        assert_eq!(stands(vec![without.clone()]), None);
        for readings in [
            vec![first.clone(), second.clone(), without.clone()],
            vec![second.clone(), first.clone(), without],
        ] {
            assert_eq!(stands(readings), Some((20, 7)));
        }
        // Ahead, and right again.
        assert_eq!(
            stands(vec![reading(90_000, Some(6)), second]),
            Some((20, 7))
        );
        // The beginning of the transaction is told with the reading of now.
        let mut begin = reading(20, Some(4));
        begin.register = Some(Register {
            wh: 9,
            source: i64::MAX,
        });
        for readings in [vec![begin.clone(), first.clone()], vec![first, begin]] {
            assert_eq!(stands(readings), Some((10, 5)));
        }
    }

    #[test]
    fn place_time_and_content_make_a_reading_different() {
        let reading = Reading {
            at_ms: 5,
            samples: "[]".into(),
            register: None,
        };
        let report = MeterReport {
            charge_point_id: "CP".into(),
            connector_id: Some(1),
            transaction_number: None,
            readings: Vec::new(),
            received_at_ms: 0,
            deviations: Vec::new(),
            occurrence: None,
        };
        let hash = report.content_hash(&reading);
        assert_eq!(hash, report.clone().content_hash(&reading.clone()));
        let elsewhere = MeterReport {
            transaction_number: Some(1),
            ..report.clone()
        };
        assert_ne!(hash, elsewhere.content_hash(&reading));
        let later = Reading {
            at_ms: 6,
            ..reading
        };
        assert_ne!(hash, report.content_hash(&later));
    }
}
