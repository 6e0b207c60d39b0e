//! Guest sessions: somebody without a contract pays for one session at one connector.
//!
//! - What is paid for is held first, then the charge point is asked to start; when the transaction has ended, by
//!   whoever ended it, its price is taken once. A session that never begins lets go of what was held.
//! - The id tag of a session is good at its charge point and connector, until the session expires or its
//!   transaction is over, for that one transaction.
//! - The tariff is the one that was shown: it is that of the authorization, not of the start.
//! - Every step is a state in the store, and [`next`] says what follows from it: after a restart the same.

use rust_decimal::Decimal;

use super::authorization::{TagStatus, Verdict};
use super::billing;
use super::price::{Tariff, Usage};
use crate::store::{Conn, GuestSession, NewGuest, Result, Store};

/// How every id tag of a session begins.
pub(crate) const TAG_PREFIX: &str = "GS-";
/// Random characters of such a tag; 20 in all.
pub(crate) const TAG_CHARS: usize = 17;
/// What the amount held is worth: so much energy,
const HELD_WH: i64 = 100_000;
/// and so many minutes of a full car after the free ones.
const HELD_IDLE_MINUTES: i64 = 60;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestStatus {
    /// The guest has to confirm the payment.
    RequiresAction,
    /// It is paid for and has not begun.
    Authorizing,
    Charging,
    /// It was asked to stop.
    Stopping,
    Stopped,
    /// It did not begin in time.
    Expired,
    /// It could not begin.
    Failed,
}

impl GuestStatus {
    pub(crate) const ALL: [Self; 7] = [
        Self::RequiresAction,
        Self::Authorizing,
        Self::Charging,
        Self::Stopping,
        Self::Stopped,
        Self::Expired,
        Self::Failed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresAction => "requires_action",
            Self::Authorizing => "authorizing",
            Self::Charging => "charging",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// Whether it has not begun yet and still may.
    pub(crate) const fn is_ahead(self) -> bool {
        matches!(self, Self::RequiresAction | Self::Authorizing)
    }

    const fn is_running(self) -> bool {
        matches!(self, Self::Charging | Self::Stopping)
    }
}

/// Where its payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaymentStatus {
    /// The gateway is being asked to hold it.
    Authorizing,
    RequiresAction,
    /// It is held.
    Authorized,
    /// The gateway is being asked to take it.
    Capturing,
    Captured,
    CaptureFailed,
    /// The gateway is being asked to let go of it.
    Canceling,
    Canceled,
    Declined,
    /// The gateway did not do as it should.
    Refused,
}

impl PaymentStatus {
    pub(crate) const ALL: [Self; 10] = [
        Self::Authorizing,
        Self::RequiresAction,
        Self::Authorized,
        Self::Capturing,
        Self::Captured,
        Self::CaptureFailed,
        Self::Canceling,
        Self::Canceled,
        Self::Declined,
        Self::Refused,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Authorizing => "authorizing",
            Self::RequiresAction => "requires_action",
            Self::Authorized => "authorized",
            Self::Capturing => "capturing",
            Self::Captured => "captured",
            Self::CaptureFailed => "capture_failed",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
            Self::Declined => "declined",
            Self::Refused => "refused",
        }
    }

    /// Whether nothing more is asked of the gateway.
    pub(crate) const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Captured | Self::CaptureFailed | Self::Canceled | Self::Declined | Self::Refused
        )
    }
}

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
pub(crate) enum Refused {
    /// A session, a transaction, a car, or a reservation is there.
    Occupied,
    /// It is out of order.
    Unavailable,
}

/// Whether a connector that reported this last is free.
fn check_connector(status: Option<&str>) -> std::result::Result<(), Refused> {
    match status {
        // Preparing: the car is plugged in already.
        None | Some("Available" | "Preparing") => Ok(()),
        Some("Unavailable" | "Faulted") => Err(Refused::Unavailable),
        Some(_) => Err(Refused::Occupied),
    }
}

/// Begins a session if its connector is free.
pub(crate) async fn begin(
    store: &Store,
    new: NewGuest,
) -> Result<std::result::Result<(), Refused>> {
    store
        .write(new, |new, conn| {
            Box::pin(async move {
                let place = (new.charge_point_id.as_str(), new.connector_id);
                if !conn.open_on(place.0, place.1).await?.is_empty() {
                    return Ok(Err(Refused::Occupied));
                }
                let status = conn.connector_word(place.0, place.1).await?;
                if let Err(refused) = check_connector(status.as_deref()) {
                    return Ok(Err(refused));
                }
                let is_free = conn.insert_guest(new).await?;
                Ok(if is_free {
                    Ok(())
                } else {
                    Err(Refused::Occupied)
                })
            })
        })
        .await
}

/// How the transaction of a session ended, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionEnd {
    Open,
    /// Without a stop; one may come late.
    Abandoned,
    Stopped,
}

/// What the one who works on a session knows beside the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub now_ms: i64,
    pub is_online: bool,
    /// The demand to stop that was sent to the charge point.
    pub stop_sent_ms: Option<i64>,
    /// When the gateway is asked again whether the guest has acted.
    pub look_at_ms: i64,
    /// Until when a late stop is waited for.
    pub late_stop_until_ms: Option<i64>,
}

/// What is to be done about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask the gateway to hold the money; of a session that ended meanwhile, to let go of it afterwards.
    Hold,
    /// Ask the gateway whether the guest has acted.
    Look,
    /// Its time is over.
    Expire,
    SendStart,
    SendStop,
    /// Begin to wait for a late stop.
    AwaitLateStop,
    /// Make the price and take it.
    Finalise,
    Capture,
    Cancel,
    /// Until something happens, or this instant.
    Wait(i64),
    Done,
}

/// What follows from the state of a session.
pub(crate) fn next(
    session: &GuestSession,
    transaction: Option<TransactionEnd>,
    now: Circumstances,
) -> Next {
    if session.ended_at_ms.is_some() {
        return match session.payment_status {
            PaymentStatus::Authorizing => Next::Hold,
            PaymentStatus::Capturing => Next::Capture,
            PaymentStatus::Canceling => Next::Cancel,
            _ => Next::Done,
        };
    }
    if session.status.is_running() {
        return running(session, transaction, now);
    }
    match session.payment_status {
        PaymentStatus::Authorizing => Next::Hold,
        _ if now.now_ms >= session.expires_at_ms => Next::Expire,
        PaymentStatus::RequiresAction if now.now_ms >= now.look_at_ms => Next::Look,
        PaymentStatus::RequiresAction => Next::Wait(session.expires_at_ms.min(now.look_at_ms)),
        _ if !session.start_sent && now.is_online => Next::SendStart,
        _ => Next::Wait(session.expires_at_ms),
    }
}

fn running(
    session: &GuestSession,
    transaction: Option<TransactionEnd>,
    now: Circumstances,
) -> Next {
    let asked = session.stop_asked_at_ms;
    match (transaction, now.late_stop_until_ms) {
        (Some(TransactionEnd::Stopped), _) => Next::Finalise,
        (Some(TransactionEnd::Abandoned), None) => Next::AwaitLateStop,
        (Some(TransactionEnd::Abandoned), Some(until_ms)) if now.now_ms >= until_ms => {
            Next::Finalise
        }
        (Some(TransactionEnd::Abandoned), Some(until_ms)) => Next::Wait(until_ms),
        _ if asked.is_some() && asked != now.stop_sent_ms && now.is_online => Next::SendStop,
        _ => Next::Wait(i64::MAX),
    }
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

/// The verdict on a session's tag with which a transaction begins, and the session; none for every other tag.
pub(crate) async fn judge_guest_start(
    conn: &mut Conn,
    (charge_point, connector): (&str, i64),
    tag: &str,
    now_ms: i64,
) -> Result<Option<(Verdict, GuestSession)>> {
    if !may_be_guest(tag) {
        return Ok(None);
    }
    let session = conn.lock_guest_of_tag(tag).await?;
    Ok(session.map(|session| {
        let here = session.charge_point_id == charge_point && session.connector_id == connector;
        let good = here && may_begin(&session, now_ms);
        (verdict(good), session)
    }))
}

fn may_be_guest(tag: &str) -> bool {
    let prefix = tag.get(..TAG_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(TAG_PREFIX))
}

fn may_begin(session: &GuestSession, now_ms: i64) -> bool {
    session.status == GuestStatus::Authorizing
        && session.payment_status == PaymentStatus::Authorized
        && session.ended_at_ms.is_none()
        && now_ms < session.expires_at_ms
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

/// Makes the price of a session whose transaction has ended; false where that could not be done, or was.
pub(crate) async fn finalise(store: &Store, session: GuestSession) -> Result<bool> {
    store
        .write(session, |session, conn| {
            Box::pin(async move {
                let Some(transaction) = session.transaction_id else {
                    return Ok(false);
                };
                let Some(bill) = billing::bill_of(conn, transaction, session.created_at_ms).await?
                else {
                    return Ok(false);
                };
                conn.guest_finalised(&session.token, &bill).await
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(status: GuestStatus, payment_status: PaymentStatus) -> GuestSession {
        GuestSession {
            token: "t".into(),
            organization_id: "o".into(),
            charge_point_id: "CP".into(),
            connector_id: 1,
            id_tag: "GS-1".into(),
            transaction_id: None,
            status,
            reason: None,
            start_sent: false,
            stop_asked_at_ms: None,
            payment_method_id: "pm_1".into(),
            payment_reference: None,
            payment_status,
            next_action_url: None,
            tariff: tariff(),
            held: Decimal::ZERO,
            energy_wh: None,
            idle_minutes: None,
            total: None,
            captured: None,
            created_at_ms: 0,
            expires_at_ms: 100,
            ended_at_ms: None,
        }
    }

    fn tariff() -> Tariff {
        Tariff {
            currency: "GBP".into(),
            price_per_kwh: "0.35".parse().unwrap(),
            session_fee: "0.5".parse().unwrap(),
            idle_fee_per_minute: "0.1".parse().unwrap(),
            free_idle_minutes: 10,
        }
    }

    const NOW: Circumstances = Circumstances {
        now_ms: 50,
        is_online: true,
        stop_sent_ms: None,
        look_at_ms: 60,
        late_stop_until_ms: None,
    };

    #[test]
    fn words_differ_and_are_found_again() {
        for (index, status) in GuestStatus::ALL.iter().enumerate() {
            let same = |other: &&GuestStatus| other.as_str() == status.as_str();
            assert_eq!(GuestStatus::ALL.iter().position(|s| same(&s)), Some(index));
        }
        for (index, status) in PaymentStatus::ALL.iter().enumerate() {
            let same = |other: &&PaymentStatus| other.as_str() == status.as_str();
            assert_eq!(
                PaymentStatus::ALL.iter().position(|s| same(&s)),
                Some(index)
            );
        }
    }

    #[test]
    fn enough_is_held_for_a_large_battery() {
        // 0.50 + 100 kWh x 0.35 + 60 x 0.10
        assert_eq!(amount_to_hold(&tariff()).to_string(), "41.50");
    }

    #[test]
    fn a_session_that_is_paid_for_is_started_once_and_expires() {
        let mut paid = session(GuestStatus::Authorizing, PaymentStatus::Authorized);
        assert_eq!(next(&paid, None, NOW), Next::SendStart);
        let offline = Circumstances {
            is_online: false,
            ..NOW
        };
        assert_eq!(next(&paid, None, offline), Next::Wait(100));
        paid.start_sent = true;
        assert_eq!(next(&paid, None, NOW), Next::Wait(100));
        let late = Circumstances { now_ms: 100, ..NOW };
        assert_eq!(next(&paid, None, late), Next::Expire);
        let acting = session(GuestStatus::RequiresAction, PaymentStatus::RequiresAction);
        assert_eq!(next(&acting, None, NOW), Next::Wait(60));
        let again = Circumstances { now_ms: 60, ..NOW };
        assert_eq!(next(&acting, None, again), Next::Look);
        assert_eq!(next(&acting, None, late), Next::Expire);
    }

    #[test]
    fn a_running_session_ends_with_its_transaction_and_waits_for_a_late_stop() {
        let mut running = session(GuestStatus::Charging, PaymentStatus::Authorized);
        let open = Some(TransactionEnd::Open);
        assert_eq!(next(&running, open, NOW), Next::Wait(i64::MAX));
        running.stop_asked_at_ms = Some(40);
        assert_eq!(next(&running, open, NOW), Next::SendStop);
        let sent = Circumstances {
            stop_sent_ms: Some(40),
            ..NOW
        };
        assert_eq!(next(&running, open, sent), Next::Wait(i64::MAX));
        running.stop_asked_at_ms = Some(45);
        assert_eq!(next(&running, open, sent), Next::SendStop);
        let stopped = Some(TransactionEnd::Stopped);
        assert_eq!(next(&running, stopped, NOW), Next::Finalise);
        let abandoned = Some(TransactionEnd::Abandoned);
        assert_eq!(next(&running, abandoned, NOW), Next::AwaitLateStop);
        let waiting = Circumstances {
            late_stop_until_ms: Some(70),
            ..NOW
        };
        assert_eq!(next(&running, abandoned, waiting), Next::Wait(70));
        let over = Circumstances {
            now_ms: 70,
            ..waiting
        };
        assert_eq!(next(&running, abandoned, over), Next::Finalise);
    }

    #[test]
    fn what_ended_settles_its_payment() {
        for (payment, wanted) in [
            (PaymentStatus::Authorizing, Next::Hold),
            (PaymentStatus::Capturing, Next::Capture),
            (PaymentStatus::Canceling, Next::Cancel),
            (PaymentStatus::Captured, Next::Done),
            (PaymentStatus::CaptureFailed, Next::Done),
        ] {
            let mut ended = session(GuestStatus::Stopped, payment);
            ended.ended_at_ms = Some(1);
            assert_eq!(next(&ended, None, NOW), wanted, "{payment:?}");
        }
    }

    #[test]
    fn connectors_are_free_before_a_transaction() {
        assert_eq!(check_connector(None), Ok(()));
        assert_eq!(check_connector(Some("Preparing")), Ok(()));
        assert_eq!(check_connector(Some("Charging")), Err(Refused::Occupied));
        assert_eq!(check_connector(Some("Reserved")), Err(Refused::Occupied));
        assert_eq!(check_connector(Some("Faulted")), Err(Refused::Unavailable));
    }
}
