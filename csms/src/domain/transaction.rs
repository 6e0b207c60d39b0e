//! Transactions: when they begin, when they end, and what a retransmission may not do [1.6 §4.8, §4.10].
//!
//! - An id is given once and for ever. A retransmitted start finds its transaction by its key and gets the
//!   first answer; a retransmitted stop likewise.
//! - A refused tag still gets a transaction: the charge point may have delivered energy already, and decides
//!   by its configuration whether it goes on.
//! - A transaction belongs to whom its charge point belonged to when it began, however late that is told.
//! - Messages come in order: a start with the key of a transaction is its retransmission while it is open, or ended
//!   by something other than its own stop. After its stop the same start begins another one, as chargers do whose
//!   clock stands or shows whole seconds. The unique key says so, not a look before.
//! - A boot or a lost socket ends nothing. What is left without a stop has its rules in `ending`.
//! - A stop of an id that is not this charge point's, or another stop of a transaction that is stopped, is
//!   kept beside, and touches nothing. A transaction without a stop of its own that ends after a stop of nobody from
//!   its charge point says so.

use serde_json::json;

use super::authorization::{Shown, TagStatus, UnknownTags, Verdict, judge, tag_at};
use super::billing;
use super::commissioning::judge_test_tag;
use super::ending::{EndedBy, concluded, heard};
use super::guest::{judge_guest_start, judge_guest_tag};
use super::metering::{MeterReport, Reading, keep};
use super::occurrence::Occurrence;
use super::payer::{Payer, judge_start};
use crate::clock::rfc3339;
use crate::store::{Conn, Left, NewTransaction, OrphanStop, Result, Stop, Store, StoreError};

/// Energy between two readings of a register, in Wh. `None` when the register ran backwards: that is no
/// energy, and [`irregularities`] says so.
#[must_use]
pub fn energy_wh(meter_start_wh: i64, meter_stop_wh: i64) -> Option<i64> {
    Some(meter_stop_wh.saturating_sub(meter_start_wh)).filter(|energy_wh| *energy_wh >= 0)
}

/// How far ahead of its arrival a stamp may be: clocks differ, and time zones are mistaken for UTC.
const AHEAD_MS_MAX: i64 = 24 * 60 * 60 * 1000;
/// How old a stamp may be at its arrival: charge points keep transactions while they are offline.
pub(crate) const OLD_MS_MAX: i64 = 366 * AHEAD_MS_MAX;

/// No connector delivers more, in watts.
const POWER_W_MAX: i64 = 4_000_000;

/// What a transaction says of itself, and when that was received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// The stamp of the start, in Unix milliseconds.
    pub started_at_ms: i64,
    /// When the start was received.
    pub start_received_at_ms: i64,
    /// The stamp of the stop, or of the last reading of an abandoned transaction.
    pub stopped_at_ms: Option<i64>,
    /// When the stop was received; without a stop, when the last message about it was.
    pub stop_received_at_ms: Option<i64>,
    /// The register at the start, in Wh.
    pub meter_start_wh: i64,
    /// The register at the end, in Wh.
    pub meter_stop_wh: Option<i64>,
    /// Something was told of it after its end was final.
    pub told_late: bool,
    /// A stop of nobody came from its charge point, and none of its own before it ended.
    pub saw_orphan_stop: bool,
}

impl Told {
    /// More energy than goes through a plug in that time; stamps may be a minute off.
    pub(super) fn is_beyond_any_power(&self) -> bool {
        let (Some(stopped_at_ms), Some(stop_wh)) = (self.stopped_at_ms, self.meter_stop_wh) else {
            return false;
        };
        let time_ms = stopped_at_ms.saturating_sub(self.started_at_ms).max(0);
        let time_ms = i128::from(time_ms) + 60_000;
        let energy_wh = i128::from(stop_wh) - i128::from(self.meter_start_wh);
        energy_wh * 3_600_000 > time_ms * i128::from(POWER_W_MAX)
    }
}

/// Whether a stamp cannot be right, by the time at which it arrived.
pub(super) fn implausible(stamp_ms: i64, received_at_ms: i64) -> bool {
    let ahead_ms = stamp_ms.saturating_sub(received_at_ms);
    !(-OLD_MS_MAX..=AHEAD_MS_MAX).contains(&ahead_ms)
}

/// The last instant at which a transaction can have begun: by its stamp, else by its arrival, before which it did
/// begin, whatever its clock says. A stamp of whole seconds speaks of the whole second.
pub(super) fn began_at_ms(started_at_ms: i64, received_at_ms: i64) -> i64 {
    if implausible(started_at_ms, received_at_ms) {
        return received_at_ms;
    }
    end_of_second(started_at_ms).min(received_at_ms)
}

/// The last instant of which a stamp speaks: one of whole seconds speaks of the whole second.
pub(super) const fn end_of_second(stamp_ms: i64) -> i64 {
    match stamp_ms.rem_euclid(1000) {
        0 => stamp_ms.saturating_add(999),
        _ => stamp_ms,
    }
}

/// What cannot be true of a transaction as it was told. The facts are kept as they are; nobody should bill
/// by them unseen.
#[must_use]
pub fn irregularities(told: &Told) -> Vec<&'static str> {
    let stop_time = told.stopped_at_ms.zip(told.stop_received_at_ms);
    let found = [
        ("meter_start_negative", told.meter_start_wh < 0),
        (
            "meter_stop_negative",
            told.meter_stop_wh.is_some_and(|stop_wh| stop_wh < 0),
        ),
        (
            "meter_stop_below_start",
            told.meter_stop_wh
                .is_some_and(|stop_wh| stop_wh < told.meter_start_wh),
        ),
        (
            "start_time_implausible",
            implausible(told.started_at_ms, told.start_received_at_ms),
        ),
        (
            "stop_time_implausible",
            stop_time
                .is_some_and(|(stamp_ms, received_at_ms)| implausible(stamp_ms, received_at_ms)),
        ),
        (
            "stop_before_start",
            told.stopped_at_ms
                .is_some_and(|at_ms| at_ms < told.started_at_ms),
        ),
        ("energy_implausible", told.is_beyond_any_power()),
        ("stop_of_unknown_transaction", told.saw_orphan_stop),
        ("corrected_late", told.told_late),
    ];
    found
        .iter()
        .filter(|(_, is)| *is)
        .map(|(word, _)| *word)
        .collect()
}

/// The id of a transaction outside OCPP.
pub(crate) fn platform_id(id: i64) -> String {
    format!("txn_{id:08x}")
}

/// A StartTransaction.
pub(crate) struct Start {
    pub charge_point_id: String,
    pub connector_id: i64,
    pub id_tag: String,
    pub reservation_id: Option<i64>,
    pub started_at_ms: i64,
    pub meter_start_wh: i64,
    pub unknown_tags: UnknownTags,
    pub now_ms: i64,
    /// The names of what was forgiven of the message.
    pub deviations: Vec<&'static str>,
    /// How webhooks are told.
    pub told: Option<Occurrence>,
}

/// Records a start and answers with the transaction's id.
pub(crate) async fn start(store: &Store, start: Start) -> Result<(i64, Verdict)> {
    let told = Told {
        started_at_ms: start.started_at_ms,
        start_received_at_ms: start.now_ms,
        meter_start_wh: start.meter_start_wh,
        ..Told::default()
    };
    let charge_point = start.charge_point_id.clone();
    let (id, verdict, is_new) = store
        .write(start, |start, conn| Box::pin(begin(start, conn)))
        .await?;
    if is_new {
        warn_of(&charge_point, id, &told);
    }
    Ok((id, verdict))
}

/// Tells the log what is irregular; the API shows it with the transaction.
fn warn_of(charge_point: &str, transaction_id: i64, told: &Told) {
    let found = irregularities(told);
    if !found.is_empty() {
        tracing::warn!(
            charge_point,
            transaction_id,
            irregularities = found.join(", "),
            "a transaction was recorded that cannot be right as it was told: look at its charge point"
        );
    }
}

/// Id and answer, and whether this start is told for the first time.
async fn begin(start: &Start, conn: &mut Conn) -> Result<(i64, Verdict, bool)> {
    let test = judge_test_tag(conn, &start.charge_point_id, &start.id_tag).await?;
    let place = (start.charge_point_id.as_str(), start.connector_id);
    let began_ms = began_at_ms(start.started_at_ms, start.now_ms);
    let guest = judge_guest_start(conn, place, &start.id_tag, began_ms).await?;
    let at_start = conn.start_place(&start.charge_point_id, &start.id_tag, began_ms);
    let at_start = at_start.await?;
    let (verdict, payer) = match (test, &guest) {
        (Some(verdict), _) => (verdict, Payer::Nobody),
        (None, Some((verdict, _))) => (verdict.clone(), Payer::Nobody),
        (None, None) => judge_start(start, &at_start, began_ms, conn).await?,
    };
    let new = NewTransaction {
        start,
        belongs_to: &at_start.then,
        answer: to_json(&verdict),
    };
    let id = match insert(conn, &new).await? {
        Inserted::New(id) => id,
        Inserted::Known(id, answer) => {
            conn.mark_deviations(id, &start.deviations).await?;
            return Ok((id, from_json(&answer)?, false));
        }
    };
    conn.mark_deviations(id, &start.deviations).await?;
    if let Some((_, session)) = guest
        && verdict.status == TagStatus::Accepted
    {
        conn.guest_began(&session, id).await?;
    }
    billing::begin(conn, id, began_ms, payer).await?;
    let left = Left {
        ended_by: EndedBy::Start,
        left_at_ms: None,
        received_at_ms: Some(start.now_ms),
    };
    conn.abandon_others(place, id, &left).await?;
    if let Some(told) = &start.told {
        let data = json!({
            "transaction_id": id,
            "connector_id": start.connector_id,
            "id_tag": start.id_tag,
            "id_tag_status": verdict.status,
            "start_time": rfc3339(start.started_at_ms),
            "meter_start": start.meter_start_wh,
        });
        conn.tell_of(id, told, &data).await?;
    }
    Ok((id, verdict, true))
}

/// What came of a start that is to be inserted.
enum Inserted {
    New(i64),
    /// Id and first answer of the transaction that it repeats.
    Known(i64, String),
}

/// How often a start is tried that finds a twin which another connection of the database stops meanwhile.
const INSERTS_MAX: usize = 4;

/// Inserts a start. The unique key decides whether it repeats one; between its word and the look at the twin, the twin
/// may be stopped by another connection: then the start is a new one.
async fn insert(conn: &mut Conn, new: &NewTransaction<'_>) -> Result<Inserted> {
    let start = new.start;
    for _ in 0..INSERTS_MAX {
        if let Some(id) = conn.insert_transaction(new).await? {
            return Ok(Inserted::New(id));
        }
        if let Some((id, answer)) = conn.transaction_by_key(start).await? {
            let twin = conn.lock_transaction(&start.charge_point_id, id).await?;
            // A repetition corrects no end that is final.
            if let Some(twin) = twin.filter(|twin| !twin.is_final()) {
                heard(conn, &twin, None, &[start.started_at_ms], start.now_ms).await?;
            }
            return Ok(Inserted::Known(id, answer));
        }
    }
    Err(StoreError::Refused(
        "a start and the stop of its twin overtake each other".to_owned(),
    ))
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
    /// The names of what was forgiven of the message.
    pub deviations: Vec<&'static str>,
    /// How webhooks are told.
    pub told: Option<Occurrence>,
}

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
    let (verdict, outcome) = store
        .write(stop, |stop, conn| Box::pin(end(stop, conn)))
        .await?;
    match &outcome {
        Outcome::Ended(told) => warn_of(&charge_point, id, told),
        Outcome::Orphan => tracing::warn!(
            charge_point,
            transaction_id = id,
            "a stop stopped nothing: its transaction is unknown, or was stopped otherwise before; it is kept"
        ),
        Outcome::Repeated => {}
    }
    Ok(Stopped {
        verdict,
        is_orphan: matches!(outcome, Outcome::Orphan),
    })
}

/// What a stop did.
enum Outcome {
    /// It ended this transaction.
    Ended(Told),
    /// It ended nothing.
    Orphan,
    /// It was told before.
    Repeated,
}

async fn end(stop: &StopReport, conn: &mut Conn) -> Result<(Option<Verdict>, Outcome)> {
    let verdict = match &stop.id_tag {
        None => None,
        Some(tag) => Some(judge_stop(stop, tag, conn).await?),
    };
    let record = Stop {
        stop,
        answer: verdict.as_ref().map(to_json),
    };
    if let Some(told) = conn.stop_transaction(&record).await? {
        conn.mark_deviations(stop.transaction_number, &stop.deviations)
            .await?;
        keep_readings(stop, conn).await?;
        let id = stop.transaction_number;
        concluded(conn, id, stop.told.as_ref(), "Local").await?;
        return Ok((verdict, Outcome::Ended(told)));
    }
    let (first, outcome) = match conn.answer_to_same_stop(stop).await? {
        Some(answer) => (answer, Outcome::Repeated),
        None => {
            let orphan = OrphanStop {
                stop,
                answer: verdict.as_ref().map(to_json),
            };
            keep_readings(stop, conn).await?;
            match conn.insert_orphan_stop(&orphan).await? {
                (answer, true) => (answer, Outcome::Orphan),
                (answer, false) => (answer, Outcome::Repeated),
            }
        }
    };
    let first = first.as_deref().map(from_json).transpose()?;
    Ok((first, outcome))
}

/// What the tag of a stop is now, for the cache of the charge point [1.6 §4.10]; a stop is a fact, whoever showed it.
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
        deviations: Vec::new(),
        told: None,
    };
    keep(conn, &report).await
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
    fn the_platform_names_a_transaction_in_hexadecimal() {
        assert_eq!(platform_id(10_042), "txn_0000273a");
    }

    #[test]
    fn energy_is_the_difference_of_the_registers_and_never_negative() {
        assert_eq!(energy_wh(1_000, 1_750), Some(750));
        assert_eq!(energy_wh(1_000, 1_000), Some(0));
        assert_eq!(energy_wh(1_000, 900), None);
        assert_eq!(energy_wh(i64::MIN, i64::MAX), Some(i64::MAX));
    }

    #[test]
    fn a_transaction_began_when_it_says_unless_that_cannot_be() {
        assert_eq!(began_at_ms(1_234, 9_000_000), 1_234);
        assert_eq!(began_at_ms(1_000, 9_000_000), 1_999);
        // A clock that is ahead.
        assert_eq!(began_at_ms(9_000_001, 9_000_000), 9_000_000);
        assert_eq!(began_at_ms(9_000_000, 9_000_500), 9_000_500);
        let (now_ms, later_ms) = (500 * AHEAD_MS_MAX + 1, 600 * AHEAD_MS_MAX);
        assert_eq!(began_at_ms(0, now_ms), now_ms);
        assert_eq!(began_at_ms(later_ms, now_ms), now_ms);
        assert_eq!(began_at_ms(i64::MIN, now_ms), now_ms);
    }

    #[test]
    fn what_cannot_be_has_a_name() {
        const DAY: i64 = AHEAD_MS_MAX;
        let fine = Told {
            started_at_ms: 1_000 * DAY,
            start_received_at_ms: 1_000 * DAY,
            stopped_at_ms: Some(1_000 * DAY + 1),
            stop_received_at_ms: Some(1_001 * DAY),
            meter_start_wh: 10,
            meter_stop_wh: Some(10),
            ..Told::default()
        };
        let open = Told {
            stopped_at_ms: None,
            stop_received_at_ms: None,
            meter_stop_wh: None,
            ..fine
        };
        assert!(irregularities(&fine).is_empty());
        assert!(irregularities(&open).is_empty());
        // A minute and a millisecond at 4 MW.
        let full = Told {
            meter_stop_wh: Some(66_677),
            ..fine
        };
        assert!(irregularities(&full).is_empty());
        for (told, words) in [
            (
                Told {
                    meter_stop_wh: Some(9),
                    ..fine
                },
                &["meter_stop_below_start"][..],
            ),
            (
                Told {
                    meter_start_wh: -2,
                    meter_stop_wh: Some(-1),
                    ..fine
                },
                &["meter_start_negative", "meter_stop_negative"],
            ),
            (
                Told {
                    started_at_ms: 1_001 * DAY + 1,
                    ..open
                },
                &["start_time_implausible"],
            ),
            (
                Told {
                    started_at_ms: 633 * DAY,
                    ..open
                },
                &["start_time_implausible"],
            ),
            (
                Told {
                    stopped_at_ms: Some(i64::MAX),
                    ..fine
                },
                &["stop_time_implausible"],
            ),
            (
                Told {
                    stopped_at_ms: Some(999 * DAY),
                    ..fine
                },
                &["stop_before_start"],
            ),
            (
                Told {
                    meter_stop_wh: Some(66_678),
                    ..fine
                },
                &["energy_implausible"],
            ),
            (
                Told {
                    saw_orphan_stop: true,
                    told_late: true,
                    ..fine
                },
                &["stop_of_unknown_transaction", "corrected_late"],
            ),
        ] {
            assert_eq!(irregularities(&told), words, "{told:?}");
        }
    }
}
