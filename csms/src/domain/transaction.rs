//! Transactions: when they begin, when they end, and what a retransmission may not do [1.6 §4.8, §4.10].
//!
//! - An id is given once and for ever. A retransmitted start finds its transaction by its key and gets the
//!   first answer; a retransmitted stop likewise.
//! - A refused tag still gets a transaction: the charge point may have delivered energy already, and decides
//!   by its configuration whether it goes on.
//! - A boot or a lost socket ends nothing. A transaction without a stop is abandoned at its last meter value
//!   when its connector starts another one or reports Available; a late stop corrects that record.
//! - A stop of an id that is not this charge point's, or another stop of a transaction that is stopped, is
//!   kept beside, and touches nothing.

use super::authorization::{UnknownTags, Verdict, judge};
use super::commissioning::judge_test_tag;
use super::metering::{MeterReport, Reading};
use crate::store::{Conn, NewTransaction, OrphanStop, Result, Stop, Store, StoreError};

/// Whether a connector that reports Available has left its open transaction.
///
/// Starts and stops wait in the charge point's queue while it is offline, reports of status do not have to
/// keep their order with them. So a report stamped before the start, or at the same instant, speaks of the
/// time before the transaction. A report without a stamp speaks of now.
#[must_use]
pub fn available_abandons(reported_at_ms: Option<i64>, started_at_ms: i64) -> bool {
    reported_at_ms.is_none_or(|reported| reported > started_at_ms)
}

/// Energy between two readings of a register, in Wh. Negative when the register ran backwards, which is the
/// charge point's error to explain, not ours to hide.
#[must_use]
pub const fn energy_wh(meter_start_wh: i64, meter_stop_wh: i64) -> i64 {
    meter_stop_wh.saturating_sub(meter_start_wh)
}

/// A StartTransaction.
pub(crate) struct Start {
    pub organization_id: String,
    pub charge_point_id: String,
    pub connector_id: i64,
    pub id_tag: String,
    pub reservation_id: Option<i64>,
    pub started_at_ms: i64,
    pub meter_start_wh: i64,
    pub unknown_tags: UnknownTags,
    pub now_ms: i64,
}

/// Records a start and answers with the transaction's id.
pub(crate) async fn start(store: &Store, start: Start) -> Result<(i64, Verdict)> {
    store
        .write(start, |start, conn| Box::pin(begin(start, conn)))
        .await
}

async fn begin(start: &Start, conn: &mut Conn) -> Result<(i64, Verdict)> {
    let test = judge_test_tag(conn, &start.charge_point_id, &start.id_tag).await?;
    let verdict = match test {
        Some(verdict) => verdict,
        None => judge_start(start, conn).await?,
    };
    let new = NewTransaction {
        start,
        answer: to_json(&verdict),
    };
    let Some(id) = conn.insert_transaction(&new).await? else {
        let (id, answer) = conn.transaction_by_key(start).await?;
        return Ok((id, from_json(&answer)?));
    };
    conn.abandon_others(&start.charge_point_id, start.connector_id, id)
        .await?;
    Ok((id, verdict))
}

async fn judge_start(start: &Start, conn: &mut Conn) -> Result<Verdict> {
    let organization = &start.organization_id;
    let tag = match start.unknown_tags {
        UnknownTags::Refuse => conn.tag(organization, &start.id_tag).await?,
        UnknownTags::Accept => Some(
            conn.tag_or_record(organization, &start.id_tag, start.now_ms)
                .await?,
        ),
    };
    let elsewhere = match &tag {
        Some(tag) if tag.single_transaction => {
            conn.lock_tag(organization, &start.id_tag).await?;
            conn.tag_in_other_transaction(start).await?
        }
        _ => false,
    };
    Ok(judge(tag.as_ref(), start.now_ms, elsewhere))
}

/// A StopTransaction.
pub(crate) struct StopReport {
    pub organization_id: String,
    pub charge_point_id: String,
    pub transaction_number: i64,
    pub stopped_at_ms: i64,
    pub meter_stop_wh: i64,
    pub reason: Option<String>,
    pub id_tag: Option<String>,
    pub readings: Vec<Reading>,
    /// The whole message, kept when it cannot stop anything.
    pub message: String,
    pub unknown_tags: UnknownTags,
    pub now_ms: i64,
}

/// Records a stop. The verdict is about the tag that stopped, when one was given.
pub(crate) async fn stop(store: &Store, stop: StopReport) -> Result<Option<Verdict>> {
    store
        .write(stop, |stop, conn| Box::pin(end(stop, conn)))
        .await
}

async fn end(stop: &StopReport, conn: &mut Conn) -> Result<Option<Verdict>> {
    let verdict = match &stop.id_tag {
        None => None,
        Some(tag) => match judge_test_tag(conn, &stop.charge_point_id, tag).await? {
            Some(verdict) => Some(verdict),
            None => Some(judge_stop(stop, tag, conn).await?),
        },
    };
    let record = Stop {
        stop,
        answer: verdict.as_ref().map(to_json),
    };
    if conn.stop_transaction(&record).await? {
        keep_readings(stop, conn).await?;
        return Ok(verdict);
    }
    let first = match conn.answer_to_same_stop(stop).await? {
        Some(answer) => answer,
        None => {
            let orphan = OrphanStop {
                stop,
                answer: verdict.as_ref().map(to_json),
            };
            keep_readings(stop, conn).await?;
            conn.insert_orphan_stop(&orphan).await?
        }
    };
    first.as_deref().map(from_json).transpose()
}

async fn judge_stop(stop: &StopReport, tag: &str, conn: &mut Conn) -> Result<Verdict> {
    let organization = &stop.organization_id;
    let known = match stop.unknown_tags {
        UnknownTags::Refuse => conn.tag(organization, tag).await?,
        UnknownTags::Accept => Some(conn.tag_or_record(organization, tag, stop.now_ms).await?),
    };
    Ok(judge(known.as_ref(), stop.now_ms, false))
}

async fn keep_readings(stop: &StopReport, conn: &mut Conn) -> Result<()> {
    if stop.readings.is_empty() {
        return Ok(());
    }
    let report = MeterReport {
        charge_point_id: stop.charge_point_id.clone(),
        connector_id: None,
        transaction_number: Some(stop.transaction_number),
        readings: stop.readings.clone(),
        received_at_ms: stop.now_ms,
    };
    conn.insert_readings(&report).await
}

fn to_json(verdict: &Verdict) -> String {
    serde_json::to_string(verdict).expect("a verdict has string keys only")
}

fn from_json(text: &str) -> Result<Verdict> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("a stored answer that is none: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_from_before_the_start_abandons_nothing() {
        assert!(!available_abandons(Some(999), 1_000));
        assert!(!available_abandons(Some(1_000), 1_000));
        assert!(available_abandons(Some(1_001), 1_000));
        assert!(available_abandons(None, 1_000));
    }

    #[test]
    fn energy_is_the_difference_of_the_registers() {
        assert_eq!(energy_wh(1_000, 1_750), 750);
        assert_eq!(energy_wh(1_000, 900), -100);
        assert_eq!(energy_wh(i64::MIN, i64::MAX), i64::MAX);
    }
}
