//! Guest sessions: somebody without a contract pays for one session at one connector.
//!
//! - What is paid for is held first, then the charge point is asked to start; when the end of the transaction is
//!   final (see `ending`), whoever ended it, its price is taken once. While that end is provisional, others may have
//!   the connector. A session that never begins lets go of what was held.
//! - The id tag of a session is good at its charge point and EVSE, until the session expires or its
//!   transaction is over, for that one transaction.
//! - The tariff is the one that was shown: it is that of the authorization, not of the start.
//! - No more is taken than is held: what is charged for that is stopped.
//! - Every step is a state in the store, and [`next`](next::next) says what follows from it: after a restart the same.

pub(crate) mod held;
pub(crate) mod holding;
pub(crate) mod next;
mod words;

use rust_decimal::Decimal;

use super::money::billing;
use super::money::price::{Tariff, Usage};
use crate::domain::charge_points::connector::{ConnectorState, Phase};
use crate::domain::tags::tag::{TagStatus, Verdict};
use crate::store::{Conn, GuestPrice, GuestSession, NewGuest, Result, Store};

pub(crate) use words::{GuestStatus, PaymentStatus, TransactionEnd};

/// How every id tag of a session begins.
pub(crate) const TAG_PREFIX: &str = "GS-";
/// Random characters of such a tag; 20 in all.
pub(crate) const TAG_CHARS: usize = 17;
/// What the amount held is worth: so much energy,
const HELD_WH: i64 = 100_000;
/// and so many minutes of a full car after the free ones.
const HELD_IDLE_MINUTES: i64 = 60;

/// What is held of a guest's money before the session.
pub(crate) fn amount_to_hold(tariff: &Tariff) -> Decimal {
    let usage = Usage {
        energy_wh: HELD_WH,
        idle_minutes: tariff.free_idle_minutes.saturating_add(HELD_IDLE_MINUTES),
    };
    tariff.price(usage).total
}

/// Why a session cannot be authorized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestRefused {
    /// A session, a transaction, a test, a car, or a reservation is there.
    Occupied,
    /// It is out of order.
    Unavailable,
}

/// Whether a session can begin at a connector that reported this last.
fn check_connector(state: Option<ConnectorState>) -> std::result::Result<(), GuestRefused> {
    match state {
        Some(state) if !state.is_in_order() => Err(GuestRefused::Unavailable),
        Some(state) if !state.may_begin() => Err(GuestRefused::Occupied),
        _ => Ok(()),
    }
}

/// Whether a connector that reported this last keeps its EVSE, which serves one car at a time, from the others.
fn is_charging(state: Option<ConnectorState>) -> bool {
    let phase = state.and_then(|state| state.phase);
    phase.is_some_and(Phase::is_of_transaction)
}

/// Begins a session if its connector is free, and nothing else goes on at its EVSE.
pub(crate) async fn begin(
    store: &Store,
    new: NewGuest,
) -> Result<std::result::Result<(), GuestRefused>> {
    store
        .write(new, |new, conn| {
            Box::pin(async move {
                let place = (new.charge_point_id.as_str(), new.connector_id);
                let is_tested = conn.awaits_test_transaction(place.0).await?;
                if is_tested {
                    return Ok(Err(GuestRefused::Occupied));
                }
                let (evse_id, connectors) = conn.evse_at(place.0, place.1).await?;
                for connector in connectors {
                    if !conn.open_on(place.0, connector).await?.is_empty() {
                        return Ok(Err(GuestRefused::Occupied));
                    }
                    let word = conn.connector_word(place.0, connector).await?;
                    let state = word.as_deref().and_then(ConnectorState::from_word);
                    let checked = match connector == place.1 {
                        true => check_connector(state),
                        false if is_charging(state) => Err(GuestRefused::Occupied),
                        false => Ok(()),
                    };
                    if let Err(refused) = checked {
                        return Ok(Err(refused));
                    }
                }
                let is_free = conn.insert_guest(new, evse_id).await?;
                Ok(if is_free {
                    Ok(())
                } else {
                    Err(GuestRefused::Occupied)
                })
            })
        })
        .await
}

/// The verdict on a session's tag, shown at a charge point without a connector; none for every other tag.
pub(crate) async fn judge_guest_tag(
    conn: &mut Conn,
    charge_point: &str,
    tag: &str,
    now_ms: i64,
) -> Result<Option<Verdict>> {
    if !may_be_guest(tag) {
        return Ok(None);
    }
    let session = conn.guest_of_tag(tag).await?;
    Ok(session.map(|session| {
        let here = session.charge_point_id == charge_point;
        let good = session.status.is_running() || may_begin(&session, now_ms);
        verdict(here && good)
    }))
}

/// The verdict on a session's tag with which a transaction began at that time, and the session; none for every other
/// tag.
pub(crate) async fn judge_guest_start(
    conn: &mut Conn,
    (charge_point, connector): (&str, Option<i64>),
    tag: &str,
    began_at_ms: i64,
) -> Result<Option<(Verdict, GuestSession)>> {
    if !may_be_guest(tag) {
        return Ok(None);
    }
    let Some(session) = conn.lock_guest_of_tag(tag).await? else {
        return Ok(None);
    };
    // Which connector of the EVSE it is, the guest may have decided anew.
    let here = session.charge_point_id == charge_point
        && match connector {
            Some(connector) if connector == session.connector_id => true,
            Some(connector) => conn.evse_at(charge_point, connector).await?.0 == session.evse_id,
            None => false,
        };
    let good = here && may_begin(&session, began_at_ms);
    Ok(Some((verdict(good), session)))
}

/// Whether a tag is that of a session, by its form.
pub(crate) fn may_be_guest(tag: &str) -> bool {
    let prefix = tag.get(..TAG_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(TAG_PREFIX))
}

fn may_begin(session: &GuestSession, at_ms: i64) -> bool {
    session.status == GuestStatus::Authorizing
        && session.payment_status == PaymentStatus::Authorized
        && session.ended_at_ms.is_none()
        && at_ms < session.expires_at_ms
}

const fn verdict(is_good: bool) -> Verdict {
    Verdict {
        status: if is_good {
            TagStatus::Accepted
        } else {
            TagStatus::Invalid
        },
        parent_tag: None,
        expires_at_ms: None,
    }
}

/// Makes the price of a session whose transaction has ended: what the transaction itself was billed at its end.
/// Once: who comes second finds it done. False where the bill is not written down.
pub(crate) async fn finalise(store: &Store, session: GuestSession) -> Result<bool> {
    store
        .write(session, |session, conn| {
            Box::pin(async move {
                let Some(transaction) = session.transaction_id else {
                    return Ok(false);
                };
                let Some(bill) = billing::settled(conn, transaction).await? else {
                    return Ok(false);
                };
                let total = bill.price.total;
                let billed = &bill.billed;
                let price = GuestPrice {
                    ended_at_ms: billed.stopped_at_ms.unwrap_or(billed.started_at_ms),
                    usage: bill.usage,
                    total,
                    payment: match total.min(session.held).is_zero() {
                        true => PaymentStatus::Canceling,
                        false => PaymentStatus::Capturing,
                    },
                };
                conn.guest_finalised(&session.token, &price).await?;
                Ok(true)
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transactions::claims::began_at_ms;

    #[test]
    fn enough_is_held_for_a_large_battery() {
        // 0.50 + 100 kWh x 0.35 + 60 x 0.10
        assert_eq!(amount_to_hold(&next::tests::tariff()).to_string(), "41.50");
    }

    #[test]
    fn connectors_are_free_before_a_transaction() {
        let check = |word| check_connector(ConnectorState::from_word(word));
        assert_eq!(check_connector(None), Ok(()));
        assert_eq!(check("Preparing"), Ok(()));
        assert_eq!(check("Charging"), Err(GuestRefused::Occupied));
        assert_eq!(check("Reserved"), Err(GuestRefused::Occupied));
        assert_eq!(check("Faulted"), Err(GuestRefused::Unavailable));
        assert_eq!(check("Unavailable"), Err(GuestRefused::Unavailable));
    }

    #[test]
    fn a_session_begins_in_time_by_the_stamp_of_its_start_however_late_it_is_told() {
        let minute = |minutes: i64| 1_800_000_000_000 + minutes * 60_000;
        let mut session = next::tests::session(GuestStatus::Authorizing, PaymentStatus::Authorized);
        session.expires_at_ms = minute(5);
        assert!(may_begin(&session, began_at_ms(minute(4), minute(60))));
        assert!(!may_begin(&session, began_at_ms(minute(6), minute(60))));
        // What nobody can believe began when it was told.
        assert!(!may_begin(&session, began_at_ms(0, minute(60))));
        assert!(may_begin(&session, began_at_ms(0, minute(4))));
    }
}
