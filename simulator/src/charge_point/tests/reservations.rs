//! When a reservation ends, and whom it keeps out.

use super::harness::{NOON, Rig, able, info};
use crate::charge_point::{
    Action, Answer, AuthorizationStatus, Command, Reply, Report, ReservationReply, Reserve,
    ResetKind,
};

fn reserve(connector_id: u32, parent: Option<&str>) -> Command {
    Command::Reserve(Reserve {
        connector_id,
        reservation_id: 7,
        id_tag: "A".into(),
        parent: parent.map(Into::into),
        expires_at_ms: NOON + 3_600_000,
    })
}

fn fault(connector_id: u32) -> Action {
    Action::RaiseFault {
        connector_id,
        error_code: "GroundFailure".into(),
    }
}

fn available(connector_id: u32, operative: bool) -> Command {
    Command::ChangeAvailability {
        connector_id,
        operative,
    }
}

/// Whether a reservation is kept once the world has done something and undone it again.
fn outlives(mut rig: Rig, does: impl Fn(&mut Rig)) -> bool {
    let kept = rig.command(reserve(1, None));
    assert_eq!(kept, Ok(Reply::Reservation(ReservationReply::Accepted)));
    does(&mut rig);
    let cancelled = rig.command(Command::CancelReservation { reservation_id: 7 });
    cancelled == Ok(Reply::ReservationCancelled { accepted: true })
}

#[test]
fn a_reservation_ends_with_its_connector() {
    let rig = || Rig::with(able(), &[]).boot();
    for at in [0, 1] {
        assert!(!outlives(rig(), |rig| {
            rig.act(fault(at));
            rig.act(Action::ClearFault { connector_id: at });
            assert_eq!(rig.status(1), "Available");
        }));
        assert!(!outlives(rig(), |rig| {
            rig.command(available(at, false)).unwrap();
            rig.command(available(at, true)).unwrap();
        }));
    }
    // Without power nothing is told, and it ends all the same.
    assert!(!outlives(rig(), |rig| {
        rig.act(Action::PowerCycle {
            seconds: 5.0,
            backup: false,
        });
        rig.act(fault(1));
        rig.act(Action::ClearFault { connector_id: 1 });
        rig.wait(10_000);
    }));
    // Another connector is nobody's business, and a reset ends nothing.
    assert!(outlives(rig(), |rig| {
        rig.act(fault(2));
        rig.command(available(2, false)).unwrap();
        let kind = ResetKind::Hard;
        rig.command(Command::Reset { kind }).unwrap();
        rig.wait(10_000);
    }));
}

#[test]
fn a_reservation_ends_with_a_lock_that_does_not_move() {
    let rig = Rig::with(able(), &[]).boot();
    assert!(!outlives(rig, |rig| {
        rig.act(Action::JamLock { connector_id: 1 });
        rig.plug(1);
        rig.tag(1, "A");
        assert_eq!(rig.status(1), "Faulted");
        rig.act(Action::FreeLock { connector_id: 1 });
    }));
}

fn start(connector_id: Option<u32>, id_tag: &str) -> Command {
    Command::RemoteStart {
        connector_id,
        id_tag: id_tag.into(),
        profile: None,
    }
}

fn started(accepted: bool) -> Result<Reply, dynamo_protocol::CallError> {
    Ok(Reply::RemoteStart { accepted })
}

#[test]
fn a_remote_start_where_another_has_reserved_is_rejected() {
    for asks in ["true", "false"] {
        let keys = [("AuthorizeRemoteTxRequests", asks)];
        let rig = || Rig::with(able(), &keys).boot();
        let mut one = rig();
        one.command(reserve(1, None)).unwrap();
        one.said();
        assert_eq!(one.command(start(Some(1), "B")), started(false));
        one.expect(&[]);
        assert_eq!(one.command(start(Some(1), "a")), started(true));
        // Wherever it is free: not there.
        let mut one = rig();
        one.command(reserve(1, None)).unwrap();
        assert_eq!(one.command(start(None, "B")), started(true));
        assert_eq!([one.status(1), one.status(2)], ["Reserved", "Preparing"]);
        // A group is known only when the CSMS is asked.
        let mut one = rig();
        one.command(reserve(1, Some("P"))).unwrap();
        let asked = asks == "true";
        assert_eq!(one.command(start(Some(1), "B")), started(asked));
    }
}

#[test]
fn a_remote_start_of_the_group_is_judged_by_what_is_known_of_the_tag() {
    for (parent, cache, accepted) in [
        (Some("P"), "true", true),
        (Some("P"), "false", false),
        (Some("Q"), "true", false),
        (None, "true", false),
    ] {
        let rig = Rig::with(able(), &[("AuthorizeRemoteTxRequests", "false")]);
        let rig = rig.scripted(move |report| match report {
            Report::Authorize { .. } => {
                let info = info(AuthorizationStatus::Accepted, parent);
                Some(Ok(Answer::Authorize(info)))
            }
            Report::StartTransaction { .. } => Some(Ok(Answer::StartTransaction {
                transaction_id: 5,
                id_tag_info: info(AuthorizationStatus::Accepted, parent),
            })),
            _ => None,
        });
        let mut rig = rig.boot();
        // The cache learns the group.
        rig.plug(2);
        rig.tag(2, "B");
        rig.tag(2, "B");
        rig.unplug(2);
        rig.set("AuthorizationCacheEnabled", cache);
        rig.command(reserve(1, Some("P"))).unwrap();
        assert_eq!(rig.command(start(Some(1), "B")), started(accepted));
        let status = if accepted { "Preparing" } else { "Reserved" };
        assert_eq!(rig.status(1), status);
    }
}
