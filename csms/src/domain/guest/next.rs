//! What follows from the state of a session.

use rust_decimal::Decimal;

use super::{PaymentStatus, TransactionEnd};
use crate::store::GuestSession;

/// The longest somebody waits for an authorization.
pub(crate) const AUTHORIZATION_MS_MAX: i64 = 40_000;
/// An authorization of this age is nobody's, whichever server began it.
const ORPHAN_MS: i64 = AUTHORIZATION_MS_MAX + 20_000;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// How long a hold is asked for under the same key: gateways know a key for a day.
const HOLD_REPEAT_MS: i64 = 23 * HOUR_MS;
/// How long a charge point may be away before nobody waits for it any more.
const AWAY_MS_MAX: i64 = 24 * HOUR_MS;
/// How long it is waited for at least after somebody began to look: a server that was down heard of nobody.
const WATCH_MS_MIN: i64 = HOUR_MS;
/// How old a session may become: then it is stopped, for no gateway holds an amount for ever. With the time a charge
/// point may be away this is less than a week.
const AGE_MS_MAX: i64 = 5 * 24 * HOUR_MS;
/// How long a charge point that is back has to tell what it did.
const BACK_GRACE_MS: i64 = 60_000;
/// How long the end of a transaction that is due may take to be made final.
const SWEEP_MS: i64 = 1000;
/// The pause before a stop is sent again over the same connection.
const RESEND_MS: i64 = 30_000;

/// Whoever asked for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Is here, or has the session's token.
    Here,
    /// Went away without it.
    Gone,
    /// Asked another process, or an earlier one.
    Elsewhere,
}

/// A demand to stop that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopSent {
    /// Which demand.
    pub asked_ms: i64,
    /// Over which connection.
    pub connection: u64,
    pub at_ms: i64,
    pub is_answered: bool,
}

/// What the one who works on a session knows beside the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub now_ms: i64,
    pub caller: Caller,
    /// The charge point's connection to this server.
    pub connection: Option<u64>,
    /// When it came back, if it was away.
    pub back_at_ms: Option<i64>,
    /// When any server heard of it last.
    pub seen_at_ms: i64,
    /// Since when the session is looked after without a break.
    pub since_ms: i64,
    pub stop_sent: Option<StopSent>,
    /// What is charged until now.
    pub cost: Decimal,
    /// When a session that is too dear or too old may be stopped.
    pub ask_stop_from_ms: i64,
    /// When the gateway is asked again whether the guest has acted.
    pub look_at_ms: i64,
    /// How long an end without a stop is provisional.
    pub provisional_ms: i64,
}

/// What is to be done about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask the gateway to hold the money; of a session that ended meanwhile, to let go of it afterwards.
    Hold,
    /// Whether it is held can be found out no more.
    LoseHold,
    /// Ask the gateway whether the guest has acted.
    Look,
    /// Nobody has its token.
    Drop,
    /// Its time is over.
    Expire,
    SendStart,
    /// It has cost what is held, or is too old.
    AskStop,
    SendStop,
    /// End its transaction, of which nothing more is heard.
    GiveUp,
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
    let age_ms = now.now_ms.saturating_sub(session.created_at_ms);
    if session.ended_at_ms.is_some() {
        return match session.payment_status {
            PaymentStatus::Authorizing if age_ms >= HOLD_REPEAT_MS => Next::LoseHold,
            PaymentStatus::Authorizing => Next::Hold,
            PaymentStatus::Capturing => Next::Capture,
            PaymentStatus::Canceling => Next::Cancel,
            _ => Next::Done,
        };
    }
    if session.status.is_running() {
        return running(session, transaction, now);
    }
    if now.caller == Caller::Gone && !session.start_sent {
        return Next::Drop;
    }
    let over_ms = over_at_ms(session, now);
    match session.payment_status {
        PaymentStatus::Authorizing if now.caller == Caller::Here => Next::Hold,
        PaymentStatus::Authorizing if age_ms >= ORPHAN_MS => Next::Drop,
        PaymentStatus::Authorizing => Next::Wait(session.created_at_ms.saturating_add(ORPHAN_MS)),
        _ if now.now_ms >= over_ms => Next::Expire,
        PaymentStatus::RequiresAction if now.now_ms >= now.look_at_ms => Next::Look,
        PaymentStatus::RequiresAction => Next::Wait(over_ms.min(now.look_at_ms)),
        _ if !session.start_sent && now.connection.is_some() => Next::SendStart,
        _ => Next::Wait(over_ms),
    }
}

/// When a session that is not known to have begun is over. A charge point that was asked to start and is away may have
/// begun it, and tells so when it is back.
fn over_at_ms(session: &GuestSession, now: Circumstances) -> i64 {
    let expires_ms = session.expires_at_ms;
    let latest_ms = expires_ms.saturating_add(AWAY_MS_MAX);
    match (session.start_sent, now.connection, now.back_at_ms) {
        (false, ..) | (true, Some(_), None) => expires_ms,
        (true, None, _) => latest_ms,
        (true, Some(_), Some(back_ms)) => back_ms
            .saturating_add(BACK_GRACE_MS)
            .clamp(expires_ms, latest_ms),
    }
}

fn running(
    session: &GuestSession,
    transaction: Option<TransactionEnd>,
    now: Circumstances,
) -> Next {
    match transaction {
        Some(TransactionEnd::Final) => Next::Finalise,
        // The sweep that makes it final wakes who waits.
        Some(TransactionEnd::Provisional {
            since_ms,
            is_reported,
        }) => {
            let final_ms = since_ms.saturating_add(now.provisional_ms);
            let final_ms = final_ms.max(now.now_ms.saturating_add(SWEEP_MS));
            match session.stop_asked_at_ms.zip(now.connection) {
                Some((asked_ms, connection)) if is_reported => {
                    match stopping(asked_ms, connection, now) {
                        Next::Wait(until_ms) => Next::Wait(until_ms.min(final_ms)),
                        next => next,
                    }
                }
                _ => Next::Wait(final_ms),
            }
        }
        _ => charging(session, now),
    }
}

fn charging(session: &GuestSession, now: Circumstances) -> Next {
    let Some(connection) = now.connection else {
        let watched_ms = now.since_ms.saturating_add(WATCH_MS_MIN);
        let away_ms = now.seen_at_ms.saturating_add(AWAY_MS_MAX).max(watched_ms);
        return match now.now_ms >= away_ms {
            true => Next::GiveUp,
            false => Next::Wait(away_ms),
        };
    };
    let Some(asked_ms) = session.stop_asked_at_ms else {
        let is_used_up = !session.held.is_zero() && now.cost >= session.held;
        let is_old = now.now_ms >= session.created_at_ms.saturating_add(AGE_MS_MAX);
        return match is_used_up || is_old {
            true if now.now_ms >= now.ask_stop_from_ms => Next::AskStop,
            true => Next::Wait(now.ask_stop_from_ms),
            false => Next::Wait(i64::MAX),
        };
    };
    stopping(asked_ms, connection, now)
}

/// A stop that was asked for is sent until it is answered.
fn stopping(asked_ms: i64, connection: u64, now: Circumstances) -> Next {
    match now.stop_sent.filter(|sent| sent.asked_ms == asked_ms) {
        Some(sent) if sent.is_answered => Next::Wait(i64::MAX),
        Some(sent) if sent.connection == connection => {
            let again_ms = sent.at_ms.saturating_add(RESEND_MS);
            match now.now_ms >= again_ms {
                true => Next::SendStop,
                false => Next::Wait(again_ms),
            }
        }
        _ => Next::SendStop,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::guest::GuestStatus;
    use crate::domain::money::price::Tariff;
    use crate::store::ReceiptFacts;

    pub(in super::super) fn session(
        status: GuestStatus,
        payment_status: PaymentStatus,
    ) -> GuestSession {
        GuestSession {
            token: "t".into(),
            organization_id: "o".into(),
            charge_point_id: "CP".into(),
            evse_id: 1,
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
            return_url: String::new(),
            receipt: ReceiptFacts::default(),
            tariff: tariff(),
            held: Decimal::TEN,
            energy_wh: None,
            idle_minutes: None,
            total: None,
            captured: None,
            created_at_ms: 0,
            expires_at_ms: 100,
            ended_at_ms: None,
        }
    }

    pub(in super::super) fn tariff() -> Tariff {
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
        caller: Caller::Here,
        connection: Some(1),
        back_at_ms: None,
        seen_at_ms: 50,
        since_ms: 0,
        stop_sent: None,
        cost: Decimal::ONE,
        ask_stop_from_ms: 0,
        look_at_ms: 60,
        provisional_ms: 20,
    };

    const OFFLINE: Circumstances = Circumstances {
        connection: None,
        ..NOW
    };

    fn at(now_ms: i64, now: Circumstances) -> Circumstances {
        Circumstances { now_ms, ..now }
    }

    #[test]
    fn a_session_that_is_paid_for_is_started_once_and_expires() {
        let mut paid = session(GuestStatus::Authorizing, PaymentStatus::Authorized);
        assert_eq!(next(&paid, None, NOW), Next::SendStart);
        assert_eq!(next(&paid, None, OFFLINE), Next::Wait(100));
        assert_eq!(next(&paid, None, at(100, OFFLINE)), Next::Expire);
        paid.start_sent = true;
        assert_eq!(next(&paid, None, NOW), Next::Wait(100));
        assert_eq!(next(&paid, None, at(100, NOW)), Next::Expire);
        let acting = session(GuestStatus::RequiresAction, PaymentStatus::RequiresAction);
        assert_eq!(next(&acting, None, NOW), Next::Wait(60));
        assert_eq!(next(&acting, None, at(60, NOW)), Next::Look);
        assert_eq!(next(&acting, None, at(100, NOW)), Next::Expire);
    }

    #[test]
    fn what_was_started_does_not_expire_while_its_charge_point_is_away_for_a_day() {
        let mut started = session(GuestStatus::Authorizing, PaymentStatus::Authorized);
        started.start_sent = true;
        let latest = 100 + AWAY_MS_MAX;
        assert_eq!(next(&started, None, at(100, OFFLINE)), Next::Wait(latest));
        assert_eq!(next(&started, None, at(latest, OFFLINE)), Next::Expire);
        let back = Circumstances {
            back_at_ms: Some(200),
            ..NOW
        };
        let told = 200 + BACK_GRACE_MS;
        assert_eq!(next(&started, None, at(300, back)), Next::Wait(told));
        assert_eq!(next(&started, None, at(told, back)), Next::Expire);
    }

    #[test]
    fn an_authorization_is_of_whoever_waits_for_it() {
        let new = session(GuestStatus::Authorizing, PaymentStatus::Authorizing);
        let paid = session(GuestStatus::Authorizing, PaymentStatus::Authorized);
        let by = |caller| Circumstances { caller, ..NOW };
        assert_eq!(next(&new, None, NOW), Next::Hold);
        assert_eq!(next(&new, None, by(Caller::Gone)), Next::Drop);
        assert_eq!(next(&paid, None, by(Caller::Gone)), Next::Drop);
        // One that another server works on is left alone until nobody can wait for it any more.
        let elsewhere = by(Caller::Elsewhere);
        assert_eq!(next(&new, None, elsewhere), Next::Wait(ORPHAN_MS));
        assert_eq!(next(&new, None, at(ORPHAN_MS, elsewhere)), Next::Drop);
        assert_eq!(next(&paid, None, elsewhere), Next::SendStart);
    }

    #[test]
    fn a_running_session_is_paid_when_the_end_of_its_transaction_is_final() {
        let running = session(GuestStatus::Charging, PaymentStatus::Authorized);
        let open = Some(TransactionEnd::Open);
        assert_eq!(next(&running, open, NOW), Next::Wait(i64::MAX));
        assert_eq!(
            next(&running, Some(TransactionEnd::Final), NOW),
            Next::Finalise
        );
        let left = |is_reported| {
            Some(TransactionEnd::Provisional {
                since_ms: 5_000,
                is_reported,
            })
        };
        assert_eq!(next(&running, left(true), NOW), Next::Wait(5_020));
        let due = 5_020 + SWEEP_MS;
        assert_eq!(next(&running, left(false), at(5_020, NOW)), Next::Wait(due));
        // What is reported still is asked to stop, and what is not has left.
        let mut stopping = session(GuestStatus::Stopping, PaymentStatus::Authorized);
        stopping.stop_asked_at_ms = Some(40);
        assert_eq!(next(&stopping, left(true), NOW), Next::SendStop);
        assert_eq!(next(&stopping, left(false), NOW), Next::Wait(5_020));
        let away = Circumstances {
            connection: None,
            ..NOW
        };
        assert_eq!(next(&stopping, left(true), away), Next::Wait(5_020));
    }

    #[test]
    fn a_stop_is_sent_until_it_is_answered() {
        let mut running = session(GuestStatus::Stopping, PaymentStatus::Authorized);
        let open = Some(TransactionEnd::Open);
        running.stop_asked_at_ms = Some(40);
        assert_eq!(next(&running, open, NOW), Next::SendStop);
        let sent = |connection, is_answered| Circumstances {
            stop_sent: Some(StopSent {
                asked_ms: 40,
                connection,
                at_ms: 45,
                is_answered,
            }),
            ..NOW
        };
        let again = 45 + RESEND_MS;
        assert_eq!(next(&running, open, sent(1, false)), Next::Wait(again));
        assert_eq!(
            next(&running, open, at(again, sent(1, false))),
            Next::SendStop
        );
        assert_eq!(next(&running, open, sent(0, false)), Next::SendStop);
        assert_eq!(next(&running, open, sent(0, true)), Next::Wait(i64::MAX));
        running.stop_asked_at_ms = Some(46);
        assert_eq!(next(&running, open, sent(1, true)), Next::SendStop);
    }

    #[test]
    fn what_has_cost_what_is_held_is_stopped_and_what_is_too_old() {
        let running = session(GuestStatus::Charging, PaymentStatus::Authorized);
        let open = Some(TransactionEnd::Open);
        let dear = Circumstances {
            cost: Decimal::TEN,
            ..NOW
        };
        assert_eq!(next(&running, open, dear), Next::AskStop);
        let refused = Circumstances {
            ask_stop_from_ms: 90,
            ..dear
        };
        assert_eq!(next(&running, open, refused), Next::Wait(90));
        assert_eq!(next(&running, open, at(AGE_MS_MAX, NOW)), Next::AskStop);
        let mut free = running.clone();
        free.held = Decimal::ZERO;
        assert_eq!(next(&free, open, dear), Next::Wait(i64::MAX));
    }

    #[test]
    fn a_charge_point_that_does_not_come_back_is_given_up_after_a_day() {
        let running = session(GuestStatus::Charging, PaymentStatus::Authorized);
        let open = Some(TransactionEnd::Open);
        let until = 50 + AWAY_MS_MAX;
        assert_eq!(next(&running, open, OFFLINE), Next::Wait(until));
        assert_eq!(next(&running, open, at(until, OFFLINE)), Next::GiveUp);
        let restarted = Circumstances {
            since_ms: until,
            ..OFFLINE
        };
        let watched = until + WATCH_MS_MIN;
        assert_eq!(
            next(&running, open, at(until, restarted)),
            Next::Wait(watched)
        );
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
            if payment == PaymentStatus::Authorizing {
                let late = at(HOLD_REPEAT_MS, NOW);
                assert_eq!(next(&ended, None, late), Next::LoseHold);
            }
        }
    }
}
