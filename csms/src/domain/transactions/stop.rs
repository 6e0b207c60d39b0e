//! How transactions end, and what a retransmission of that may not do [1.6 §4.10].
//!
//! - A retransmitted stop finds its transaction and gets the first answer.
//! - A stop of an id that is not this charge point's, or another stop of a transaction that is stopped, is
//!   kept beside, and touches nothing. A transaction without a stop of its own that ends after a stop of nobody from
//!   its charge point says so.
//! - A stop that cannot be read is refused, and kept beside where its transaction can be read; that one says so.

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use crate::domain::guest::{judge_guest_tag, may_be_guest};
use crate::domain::projects::commissioning::is_test_tag;
use crate::domain::tags::authorization::{Shown, from_stored, stored, tag_at};
use crate::domain::tags::tag::{Verdict, judge};
use crate::domain::tags::test_tag::judge_test_tag;
use crate::domain::transactions::claims::Claims;
use crate::domain::transactions::ending::{Then, conclude};
use crate::domain::transactions::facts::{MeterReport, StopReport, UnreadableStop};
use crate::domain::transactions::metering::keep;
use crate::store::{Conn, Folded, OrphanStop, Result, Stop, Store};

/// What came of a stop.
pub(crate) struct Stopped {
    /// About the tag that stopped, when one was given.
    pub verdict: Option<Verdict>,
    /// It stopped nothing, and was not told before.
    pub is_orphan: bool,
}

/// Records a stop.
pub(crate) async fn stop(store: &Store, stop: StopReport) -> Result<Stopped> {
    let (charge_point, id) = (stop.charge_point_id.clone(), stop.transaction_number);
    let End { verdict, did } = store.write_folded(stop).await?;
    match &did {
        Did::Ended(claims) => claims.warn(&charge_point, id),
        Did::Nothing => tracing::warn!(
            charge_point,
            transaction_id = id,
            "a stop stopped nothing: its transaction is unknown, or was stopped otherwise before; it is kept"
        ),
        Did::SameBefore => {}
    }
    Ok(Stopped {
        verdict,
        is_orphan: matches!(did, Did::Nothing),
    })
}

/// The irregularity of a transaction whose stop came and could not be read.
const UNREADABLE: &str = "stop_unreadable";

/// Keeps a stop that is refused because it cannot be read, and marks its transaction. False where the same was kept
/// before.
pub(crate) async fn keep_unreadable(store: &Store, stop: UnreadableStop) -> Result<bool> {
    store
        .write(stop, |stop, conn| {
            Box::pin(async move {
                let (charge_point, id) = (&stop.charge_point_id, stop.transaction_number);
                if conn.lock_transaction(charge_point, id).await?.is_some() {
                    conn.mark_deviations(id, &[UNREADABLE]).await?;
                }
                conn.insert_unreadable_stop(stop).await
            })
        })
        .await
}

/// What came of a stop.
pub(crate) struct End {
    verdict: Option<Verdict>,
    did: Did,
}

/// What a stop did.
enum Did {
    /// It ended this transaction.
    Ended(Claims),
    /// It ended nothing.
    Nothing,
    /// It was told before.
    SameBefore,
}

impl Folded for StopReport {
    type Done = End;

    fn charge_point(&self) -> &str {
        &self.charge_point_id
    }

    fn run_all<'c>(
        stops: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>> {
        Box::pin(end_all(stops, conn))
    }
}

/// Ends transactions of different charge points.
async fn end_all(stops: &[&StopReport], conn: &mut Conn) -> Result<Vec<End>> {
    // Before the end: what a stop tells of the register is compared with them.
    keep_readings(stops, conn).await?;
    let verdicts = judge_stops(stops, conn).await?;
    let records: Vec<Stop<'_>> = stops
        .iter()
        .zip(&verdicts)
        .map(|(stop, verdict)| Stop {
            stop,
            answer: verdict.as_ref().map(stored),
        })
        .collect();
    let mut ended: HashMap<i64, Claims> = conn
        .stop_transactions(&records)
        .await?
        .into_iter()
        .collect();
    let of_these: Vec<&StopReport> = stops
        .iter()
        .copied()
        .filter(|stop| ended.contains_key(&stop.transaction_number))
        .collect();
    for stop in &of_these {
        conn.mark_deviations(stop.transaction_number, &stop.deviations)
            .await?;
    }
    let ends: Vec<_> = of_these
        .iter()
        .map(|stop| (stop.transaction_number, stop.occurrence.as_ref()))
        .collect();
    conclude(conn, &ends, "Local").await?;
    let mut ends = Vec::with_capacity(stops.len());
    for (stop, verdict) in stops.iter().zip(verdicts) {
        ends.push(match ended.remove(&stop.transaction_number) {
            Some(claims) => End {
                verdict,
                did: Did::Ended(claims),
            },
            None => end_nothing(stop, verdict, conn).await?,
        });
    }
    Ok(ends)
}

/// Keeps a stop that stops nothing, or finds that it was told before.
async fn end_nothing(stop: &StopReport, verdict: Option<Verdict>, conn: &mut Conn) -> Result<End> {
    let (first, did) = match conn.answer_to_same_stop(stop).await? {
        Some(answer) => (answer, Did::SameBefore),
        None => {
            let orphan = OrphanStop {
                stop,
                answer: verdict.as_ref().map(stored),
            };
            match conn.insert_orphan_stop(&orphan).await? {
                (answer, true) => (answer, Did::Nothing),
                (answer, false) => (answer, Did::SameBefore),
            }
        }
    };
    let verdict = first.as_deref().map(from_stored).transpose()?;
    Ok(End { verdict, did })
}

/// What the tags of stops are now, for the cache of the charge point [1.6 §4.10]; a stop is a fact, whoever showed it.
async fn judge_stops(stops: &[&StopReport], conn: &mut Conn) -> Result<Vec<Option<Verdict>>> {
    let wanted: Vec<_> = stops
        .iter()
        .filter_map(|stop| {
            let tag = stop.id_tag.as_deref()?;
            Some((
                stop.charge_point_id.as_str(),
                stop.organization_id.as_str(),
                tag,
            ))
        })
        .collect();
    let known = conn.tags_at(&wanted).await?;
    let mut verdicts = Vec::with_capacity(stops.len());
    for stop in stops {
        let Some(tag) = stop.id_tag.as_deref() else {
            verdicts.push(None);
            continue;
        };
        let known = known.get(&stop.charge_point_id);
        // What is in a project, or is to be recorded, asks for more than the tag.
        let plain = known
            .filter(|known| !known.in_project)
            .map(|known| &known.tag);
        let plain = plain.filter(|tag_known| {
            let is_recorded = tag_known.is_none() && stop.unknown_tags.records(tag);
            !is_recorded && !is_test_tag(tag) && !may_be_guest(tag)
        });
        verdicts.push(Some(match plain {
            Some(known) => judge(known.as_ref(), stop.now_ms, false),
            None => judge_stop(stop, tag, conn).await?,
        }));
    }
    Ok(verdicts)
}

async fn judge_stop(stop: &StopReport, tag: &str, conn: &mut Conn) -> Result<Verdict> {
    let charge_point = &stop.charge_point_id;
    if let Some(verdict) = judge_test_tag(conn, charge_point, tag).await? {
        return Ok(verdict);
    }
    if let Some(verdict) = judge_guest_tag(conn, charge_point, tag, stop.now_ms).await? {
        return Ok(verdict);
    }
    let shown = Shown {
        organization_id: stop.organization_id.clone(),
        charge_point_id: stop.charge_point_id.clone(),
        id_tag: tag.to_owned(),
        unknown_tags: stop.unknown_tags,
        now_ms: stop.now_ms,
    };
    let known = tag_at(conn, &shown).await?;
    Ok(judge(known.as_ref(), stop.now_ms, false))
}

async fn keep_readings(stops: &[&StopReport], conn: &mut Conn) -> Result<()> {
    let with_readings = stops.iter().filter(|stop| !stop.readings.is_empty());
    let reports: Vec<MeterReport> = with_readings
        .map(|stop| MeterReport {
            charge_point_id: stop.charge_point_id.clone(),
            connector_id: None,
            transaction_number: Some(stop.transaction_number),
            readings: stop.readings.clone(),
            received_at_ms: stop.now_ms,
            deviations: Vec::new(),
            occurrence: None,
        })
        .collect();
    keep(conn, &reports.iter().collect::<Vec<_>>(), Then::Stop).await
}
