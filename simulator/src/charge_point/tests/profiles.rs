//! What only some hardware does: reservations, charging profiles; and going on with a transaction.

use std::sync::Arc;

use super::harness::{NOON, Rig};
use crate::charge_point::{
    ChargePoint, ChargingProfile, Command, Hardware, Input, Limit, Period, ProfileFilter,
    ProfileKind, ProfilePurpose, Reply, Report, ReservationReply, Reserve, Resumed, Setup,
};

fn rig() -> Rig {
    let hardware = Hardware {
        reservation: true,
        smart_charging: true,
        ..Hardware::default()
    };
    Rig::with(hardware, &[]).boot()
}

fn reserve(connector_id: u32, reservation_id: i32) -> Command {
    Command::Reserve(Reserve {
        connector_id,
        reservation_id,
        id_tag: "A".into(),
        parent: None,
        expires_at_ms: NOON + 60_000,
    })
}

fn reserved(reply: ReservationReply) -> Result<Reply, dynamo_protocol::CallError> {
    Ok(Reply::Reservation(reply))
}

#[test]
fn a_reserved_connector_is_for_its_tag_alone_and_the_start_says_so() {
    let mut rig = rig();
    assert_eq!(
        rig.command(reserve(1, 7)),
        reserved(ReservationReply::Accepted)
    );
    rig.expect(&["Status(1,Reserved)"]);
    assert_eq!(
        rig.command(reserve(1, 8)),
        reserved(ReservationReply::Occupied)
    );
    assert_eq!(
        rig.command(reserve(3, 8)),
        reserved(ReservationReply::Rejected)
    );
    rig.plug(1);
    rig.tag(1, "B");
    assert!(rig.cp.snapshot().connectors[0].id_tag.is_none());
    rig.tag(1, "A");
    assert_eq!(rig.cp.snapshot().connectors[0].id_tag.as_deref(), Some("A"));
    let start = rig.reports.iter().find_map(|report| match report {
        Report::StartTransaction { reservation_id, .. } => Some(*reservation_id),
        _ => None,
    });
    assert_eq!(start, Some(Some(7)));
}

#[test]
fn a_reservation_ends_by_time_and_by_command() {
    let mut rig = rig();
    rig.command(reserve(1, 7)).unwrap();
    let cancel = |reservation_id| Command::CancelReservation { reservation_id };
    let cancelled = |accepted| Ok(Reply::ReservationCancelled { accepted });
    assert_eq!(rig.command(cancel(8)), cancelled(false));
    assert_eq!(rig.command(cancel(7)), cancelled(true));
    rig.expect(&["Status(1,Reserved)", "Status(1,Available)"]);
    rig.command(reserve(2, 9)).unwrap();
    rig.said();
    rig.wait(60_000);
    rig.expect(&["Status(2,Available)"]);
}

#[test]
fn a_profile_limits_what_flows_until_it_is_cleared() {
    let mut rig = rig().charge();
    let profile = |purpose, limit_w| ChargingProfile {
        id: 101,
        stack_level: 0,
        purpose,
        kind: ProfileKind::Absolute,
        transaction_id: None,
        valid: (None, None),
        start_ms: None,
        duration_ms: None,
        periods: vec![Period {
            from_ms: 0,
            limit: Limit::Watts(limit_w),
        }],
    };
    let set = |rig: &mut Rig, connector_id, profile| {
        let command = Command::SetChargingProfile {
            connector_id,
            profile,
        };
        rig.command(command) == Ok(Reply::ChargingProfile { accepted: true })
    };
    assert!(!set(&mut rig, 2, profile(ProfilePurpose::Tx, 0)));
    assert!(!set(
        &mut rig,
        1,
        profile(ProfilePurpose::ChargePointMax, 0)
    ));
    assert!(set(&mut rig, 1, profile(ProfilePurpose::TxDefault, 5_000)));
    let before = rig.cp.snapshot().connectors[0].meter_wh;
    rig.wait(3_600_000);
    let after = rig.cp.snapshot().connectors[0].meter_wh;
    assert!(
        (4_999..=5_001).contains(&(after - before)),
        "{before} {after}"
    );
    rig.said();
    assert!(set(&mut rig, 1, profile(ProfilePurpose::Tx, 0)));
    rig.expect(&["Status(1,SuspendedEVSE)"]);
    let clear = |rig: &mut Rig| {
        rig.command(Command::ClearChargingProfiles(ProfileFilter {
            id: Some(101),
            ..ProfileFilter::default()
        }))
    };
    assert_eq!(
        clear(&mut rig),
        Ok(Reply::ChargingProfilesCleared { found: true })
    );
    rig.expect(&["Status(1,Charging)"]);
    assert_eq!(
        clear(&mut rig),
        Ok(Reply::ChargingProfilesCleared { found: false })
    );
}

#[test]
fn a_limit_below_six_amperes_on_each_phase_suspends() {
    // Cars on one phase and on three, as the seeds bring them.
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let hardware = Hardware {
            smart_charging: true,
            ..Hardware::default()
        };
        let mut rig = Rig::with(hardware.clone(), &[]);
        rig.cp = ChargePoint::new(hardware, Arc::new(Setup::default()), seed);
        let mut rig = rig.boot().charge();
        let phases = u32::from(rig.cp.connectors[0].phases_in_use());
        seen.insert(phases);
        let least_w = 6 * 230 * phases;
        for (limit, status) in [
            (Limit::Watts(least_w), "Charging"),
            (Limit::Watts(least_w - 1), "SuspendedEVSE"),
            (
                Limit::Amperes {
                    tenths: 60,
                    phases: 3,
                },
                "Charging",
            ),
            (
                Limit::Amperes {
                    tenths: 59,
                    phases: 3,
                },
                "SuspendedEVSE",
            ),
        ] {
            let profile = ChargingProfile {
                id: 1,
                stack_level: 0,
                purpose: ProfilePurpose::Tx,
                kind: ProfileKind::Relative,
                transaction_id: None,
                valid: (None, None),
                start_ms: None,
                duration_ms: None,
                periods: vec![Period { from_ms: 0, limit }],
            };
            let connector_id = 1;
            let command = Command::SetChargingProfile {
                connector_id,
                profile,
            };
            assert_eq!(
                rig.command(command),
                Ok(Reply::ChargingProfile { accepted: true })
            );
            let seen = &rig.cp.snapshot().connectors[0];
            assert_eq!(seen.status, status, "{limit:?} on {phases} phases");
            let before = seen.meter_wh;
            rig.wait(60_000);
            let flowed = rig.cp.snapshot().connectors[0].meter_wh > before;
            assert_eq!(flowed, status == "Charging", "{limit:?}");
        }
    }
    assert!(seen.contains(&1) && seen.contains(&3), "{seen:?}");
}

#[test]
fn a_resumed_transaction_goes_on_with_its_number_and_its_meter() {
    let setup = Setup {
        resumed: vec![Resumed {
            connector_id: 2,
            transaction_id: 10_042,
            id_tag: "A".into(),
            started_at_ms: NOON - 900_000,
            meter_start_wh: 10_500,
            meter_wh: 11_250,
            car: 70 << 16,
        }],
        ..Setup::default()
    };
    let mut rig = Rig::new(&[]);
    rig.cp = ChargePoint::new(Hardware::default(), Arc::new(setup), 1);
    rig.input(Input::PowerOn);
    assert!(rig.said().contains(&"Status(2,Charging)".to_owned()));
    let seen = &rig.cp.snapshot().connectors[1];
    assert_eq!((seen.transaction_id, seen.meter_wh), (Some(10_042), 11_250));
    rig.wait(3_600_000);
    let stopped = rig.command(Command::RemoteStop {
        transaction_id: 10_042,
    });
    assert_eq!(stopped, Ok(Reply::RemoteStop { accepted: true }));
    let stop = rig.reports.iter().find_map(|report| match report {
        Report::StopTransaction {
            transaction_id,
            meter_stop_wh,
            ..
        } => Some((*transaction_id, *meter_stop_wh)),
        _ => None,
    });
    let (id, meter_stop_wh) = stop.expect("it was stopped");
    assert_eq!(id, 10_042);
    assert!(
        (14_900..=15_000).contains(&meter_stop_wh),
        "{meter_stop_wh}"
    );
}
