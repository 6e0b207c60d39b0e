//! The ends of transactions: which are final at once, and which wait for what may still be told [1.6 §4.8, §4.10].
//!
//! - Final at once are: the transaction's own stop; its close by an operator; and that of a guest's transaction whose
//!   charge point was not heard of for a day.
//! - Provisional is the end of a transaction that was left without a stop: its connector reports Available, or starts
//!   another one. Of two starts the one with the older stamp is over, also where it is told later, as long as one clock
//!   made both stamps ([`is_over_before`]). It is shown as abandoned at its last meter value, and nothing follows from that: no bill, no capture
//!   of a guest's money, no webhook. After [`PROVISIONAL`] without a message about it, by the server's clock, the end
//!   is final. A sweep sees to that, so it survives a restart.
//! - A status ends nothing for good: while the end is provisional, Charging or Suspended on the connector, a meter
//!   value of the transaction or its start once more bring it back. What the charge point stamped before it reported
//!   Available does not, nor does anything where another transaction began there meanwhile. What a start had ended
//!   comes back by its own meter values alone, from after that start, when nothing is open there any more.
//! - What is told after a final end corrects the record and is marked (`corrected_late`): a stop at once, meter values
//!   after the same wait, so that the price is made once and not for each of them. A guest's paid bill stands.
//!
//! [`concluded`] is the one place where something follows from an end.

use std::time::Duration;

use serde_json::json;

use crate::clock::rfc3339;
use crate::domain::charge_points::identity::public_id;
use crate::domain::money::billing;
use crate::domain::occurrence::Occurrence;
use crate::domain::roaming::bill;
use crate::domain::transactions::claims::energy_wh;
use crate::domain::transactions::leaving::{
    EndedBy, Stamped, available_abandons, is_from_before, is_over_before,
};
use crate::domain::transactions::register::Standing;
use crate::store::{Conn, Ended, Left, Open, Owner, Result, Store, TransactionFacts};

/// How long an end without a stop is provisional after the last message about the transaction.
pub const PROVISIONAL: Duration = Duration::from_mins(15);

/// The reason of a transaction that an operator closed.
pub(crate) const CLOSED: &str = "closed_by_operator";

/// Something begins on a connector where others are open: they are left, or it is itself, where one of them began later.
pub(in crate::domain) async fn begin_beside_others(
    conn: &mut Conn,
    place: (&str, i64),
    (id, began): (i64, Stamped),
) -> Result<()> {
    let others: Vec<Open> = conn.open_on(place.0, place.1).await?;
    let others = others.into_iter().filter(|open| open.id != id);
    let (younger, older): (Vec<Open>, Vec<Open>) =
        others.partition(|open| is_over_before(began, open.began()));
    let left_by = |stamp: Stamped| Left {
        ended_by: EndedBy::Start,
        left_at_ms: Some(stamp.at_ms),
        received_at_ms: Some(began.received_at_ms),
        now_ms: began.received_at_ms,
    };
    for open in older {
        conn.abandon(open.id, &left_by(began)).await?;
    }
    let first = younger.iter().map(Open::began).min_by_key(|at| at.at_ms);
    if let Some(first) = first {
        conn.abandon(id, &left_by(first)).await?;
    }
    Ok(())
}

/// A connector reported Available: what is open there is left.
pub(in crate::domain) async fn leave(
    conn: &mut Conn,
    place: (&str, i64),
    reported_at_ms: Option<i64>,
    received_at_ms: i64,
) -> Result<()> {
    let left = Left {
        ended_by: EndedBy::Available,
        left_at_ms: reported_at_ms,
        received_at_ms: Some(received_at_ms),
        now_ms: received_at_ms,
    };
    let reported = reported_at_ms.map(|at_ms| Stamped {
        at_ms,
        received_at_ms,
    });
    for open in conn.open_on(place.0, place.1).await? {
        if available_abandons(reported, open.began()) {
            conn.abandon(open.id, &left).await?;
        }
    }
    Ok(())
}

/// A connector reported that it charges: what was left there by a status goes on.
pub(in crate::domain) async fn come_back(
    conn: &mut Conn,
    place: (&str, i64),
    reported_at_ms: Option<i64>,
    received_at_ms: i64,
) -> Result<()> {
    let Some(transaction) = conn.left_on(place.0, place.1).await? else {
        return Ok(());
    };
    let is_old = reported_at_ms.is_some_and(|at_ms| {
        let told = Stamped {
            at_ms,
            received_at_ms,
        };
        is_from_before(told, transaction.left())
    });
    if is_old {
        return Ok(());
    }
    conn.reopen(place.0, transaction.id, received_at_ms).await
}

/// Something was told of a transaction that has no stop.
pub(in crate::domain) struct HeardOf<'a> {
    pub transaction: &'a TransactionFacts,
    /// Where its register stands by now, if that moved.
    pub standing: Option<Standing>,
    /// The stamps of what was told.
    pub stamps_ms: Vec<i64>,
    pub received_at_ms: i64,
}

impl HeardOf<'_> {
    /// Whether what was told speaks of the time after the connector was left, so that the transaction goes on.
    fn brings_back(&self) -> bool {
        let is_of_now = |at_ms: &i64| {
            let told = Stamped {
                at_ms: *at_ms,
                received_at_ms: self.received_at_ms,
            };
            !is_from_before(told, self.transaction.left())
        };
        self.transaction.course().may_go_on() && self.stamps_ms.iter().any(is_of_now)
    }
}

/// What becomes of transactions after what was told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum Then {
    GoOn,
    /// Their stops told it.
    Stop,
}

/// Something was told of transactions that have no stop: each goes on if it was left by a status, or its provisional
/// end waits once more.
pub(in crate::domain) async fn heard(
    conn: &mut Conn,
    all: &[HeardOf<'_>],
    then: Then,
) -> Result<()> {
    let moves: Vec<_> = all
        .iter()
        .map(|heard| (heard.transaction.id, heard.received_at_ms, heard.standing))
        .collect();
    conn.heard_of(&moves).await?;
    let goes_on = then == Then::GoOn;
    for heard in all.iter().filter(|heard| goes_on && heard.brings_back()) {
        let transaction = heard.transaction;
        conn.reopen(
            &transaction.charge_point_id,
            transaction.id,
            heard.received_at_ms,
        )
        .await?;
    }
    Ok(())
}

/// The ends of transactions are final: they are priced, and webhooks are told. What is told later of an end tells it
/// once more.
pub(in crate::domain) async fn conclude(
    conn: &mut Conn,
    ends: &[(i64, Option<&Occurrence>)],
    reason: &str,
) -> Result<()> {
    let ids: Vec<i64> = ends.iter().map(|(id, _)| *id).collect();
    for id in conn.billed_among(&ids).await? {
        billing::settle(conn, id).await?;
    }
    for id in conn.roaming_among(&ids).await? {
        bill::conclude(conn, id).await?;
    }
    for (id, occurrence) in ends {
        if let Some(occurrence) = occurrence {
            let ended = conn.ended(*id).await?;
            let reason = ended.reason.as_deref().unwrap_or(reason);
            conn.tell_of(*id, occurrence, &stopped(&ended, reason))
                .await?;
        }
    }
    Ok(())
}

/// The reason that webhooks are told of a transaction without a stop.
const ABANDONED: &str = "abandoned";

/// Makes a provisional end final, if nothing was told of the transaction since. False when it is not due, or another
/// server was faster.
pub(crate) async fn finalise(
    store: &Store,
    id: i64,
    (silent_since_ms, now_ms): (i64, i64),
    occurrence: Option<Occurrence>,
) -> Result<bool> {
    let input = (id, silent_since_ms, now_ms, occurrence);
    store
        .write(input, |(id, silent_since_ms, now_ms, occurrence), conn| {
            Box::pin(async move {
                if !conn.finalise_end(*id, *silent_since_ms, *now_ms).await? {
                    return Ok(false);
                }
                conclude(conn, &[(*id, occurrence.as_ref())], ABANDONED).await?;
                Ok(true)
            })
        })
        .await
}

/// Ends the transaction of a charge point that does not come back, at its last meter value.
pub(crate) async fn give_up(
    store: &Store,
    transaction: i64,
    occurrence: Option<Occurrence>,
    now_ms: i64,
) -> Result<()> {
    store
        .write(
            (transaction, occurrence, now_ms),
            |(transaction, occurrence, now_ms), conn| {
                Box::pin(async move {
                    let left = Left {
                        ended_by: EndedBy::GivenUp,
                        left_at_ms: None,
                        received_at_ms: None,
                        now_ms: *now_ms,
                    };
                    if !conn.abandon(*transaction, &left).await? {
                        return Ok(());
                    }
                    conclude(conn, &[(*transaction, occurrence.as_ref())], ABANDONED).await
                })
            },
        )
        .await
}

/// What becomes of the close of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    Closed,
    /// It is over already.
    Over,
    /// There is none, or it is somebody else's.
    Missing,
}

/// Ends what will never be stopped, at its last meter value and for good. `charge_point`: whose it has to be, where
/// that was said.
pub(crate) async fn close(
    store: &Store,
    owner: Option<Owner>,
    charge_point: Option<String>,
    (id, now_ms): (i64, i64),
    occurrence: impl Fn(&str, &str) -> Option<Occurrence>,
) -> Result<Closing> {
    let found = store
        .transaction_place(owner.as_ref(), charge_point.as_deref(), id)
        .await?;
    let Some((organization, place)) = found else {
        return Ok(Closing::Missing);
    };
    let occurrence = occurrence(&organization, public_id(&place));
    let closed = store
        .write(
            (id, now_ms, occurrence),
            |(id, now_ms, occurrence), conn| {
                Box::pin(async move {
                    if !conn.close_transaction(*id, CLOSED, *now_ms).await? {
                        return Ok(false);
                    }
                    conclude(conn, &[(*id, occurrence.as_ref())], CLOSED).await?;
                    Ok(true)
                })
            },
        )
        .await?;
    Ok(match closed {
        true => Closing::Closed,
        false => Closing::Over,
    })
}

fn stopped(ended: &Ended, reason: &str) -> serde_json::Value {
    let energy_wh = ended
        .billed_wh
        .or_else(|| energy_wh(ended.meter_start_wh, ended.meter_stop_wh?));
    json!({
        "transaction_id": ended.id,
        "connector_id": ended.connector_id,
        "id_tag": ended.id_tag,
        "stop_id_tag": ended.stop_id_tag,
        "reason": reason,
        "start_time": rfc3339(ended.started_at_ms),
        "stop_time": ended.stopped_at_ms.map(rfc3339),
        "meter_start": ended.meter_start_wh,
        "meter_stop": ended.meter_stop_wh,
        "energy_wh": energy_wh,
    })
}
