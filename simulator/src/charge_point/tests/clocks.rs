//! What follows when the CSMS puts the clock right.

use super::harness::{NOON, Rig, able};
use crate::charge_point::{
    ChargingProfile, Command, Limit, Period, ProfileKind, ProfilePurpose, Report, Reserve,
};

fn stamp(report: &Report) -> Option<i64> {
    match report {
        Report::StartTransaction { at_ms, .. } | Report::StopTransaction { at_ms, .. } => {
            Some(*at_ms)
        }
        Report::Status {
            connector_id: 1,
            at_ms,
            ..
        } => Some(*at_ms),
        Report::MeterValues {
            connector_id: 1,
            readings,
            ..
        } => Some(readings[0].at_ms),
        _ => None,
    }
}

#[test]
fn a_clock_that_is_put_back_moves_no_stamp_of_a_transaction_back() {
    for behind_ms in [700, 90_000, 3_600_000, 40 * 86_400_000] {
        let rig = Rig::with(
            able(),
            &[
                ("MeterValueSampleInterval", "7"),
                ("ClockAlignedDataInterval", "60"),
                ("StopTxnSampledData", "Energy.Active.Import.Register"),
                ("StopTxnAlignedData", "Energy.Active.Import.Register"),
            ],
        );
        let mut rig = rig.boot();
        rig.set("HeartbeatInterval", "5");
        rig.wait(20_000);
        let mut rig = rig.charge();
        rig.wait(20_000);
        rig.ahead_ms = -behind_ms;
        rig.wait(200_000);
        rig.tag(1, "A");
        let stamps: Vec<i64> = rig.reports.iter().filter_map(stamp).collect();
        assert!(stamps.len() > 20, "{stamps:?}");
        assert!(stamps.is_sorted(), "{behind_ms}: {stamps:?}");
        // And time goes on: a sample each 7 seconds, not one stamp for all of them.
        let distinct = stamps.windows(2).filter(|two| two[0] < two[1]).count();
        assert!(distinct > 20, "{behind_ms}: {stamps:?}");
        for report in &rig.reports {
            if let Report::StopTransaction { readings, .. } = report {
                assert!(readings.is_sorted_by_key(|r| r.at_ms), "{readings:?}");
            }
        }
        // What begins later begins by the clock that was put right.
        rig.reports.clear();
        rig.unplug(1);
        rig.plug(1);
        rig.tag(1, "A");
        let start = rig.reports.iter().find_map(|report| match report {
            Report::StartTransaction { at_ms, .. } => Some(*at_ms),
            _ => None,
        });
        assert_eq!(start, Some(rig.now.wall_ms - behind_ms));
    }
}

fn reserve() -> Command {
    Command::Reserve(Reserve {
        connector_id: 1,
        reservation_id: 7,
        id_tag: "A".into(),
        parent: None,
        expires_at_ms: NOON + 3_600_000,
    })
}

#[test]
fn a_clock_that_is_put_right_moves_the_end_of_a_reservation() {
    let mut rig = Rig::with(able(), &[]).boot();
    rig.set("HeartbeatInterval", "5");
    rig.command(reserve()).unwrap();
    rig.ahead_ms = 3_500_000;
    rig.wait(60_000);
    assert_eq!(rig.status(1), "Reserved");
    rig.wait(60_000);
    assert_eq!(rig.status(1), "Available", "it is over an hour later there");
    rig.ahead_ms = 0;
    rig.wait(10_000);
    rig.command(reserve()).unwrap();
    rig.ahead_ms = -3_600_000;
    rig.wait(3_700_000);
    assert_eq!(rig.status(1), "Reserved", "the time is not there yet");
}

fn limit(kind: ProfileKind, from_s: i64) -> ChargingProfile {
    let absolute = kind == ProfileKind::Absolute;
    ChargingProfile {
        id: 1,
        stack_level: 0,
        purpose: ProfilePurpose::TxDefault,
        kind,
        transaction_id: None,
        valid: (None, None),
        start_ms: absolute.then_some(NOON + from_s * 1_000),
        duration_ms: None,
        periods: vec![Period {
            from_ms: 0,
            limit: Limit::Watts(0),
        }],
    }
}

#[test]
fn a_clock_that_is_put_right_moves_the_limits_of_profiles() {
    let mut rig = Rig::with(able(), &[]).boot();
    rig.set("HeartbeatInterval", "5");
    let mut rig = rig.charge();
    // Nothing from half past twelve on.
    let profile = limit(ProfileKind::Absolute, 1_800);
    rig.command(Command::SetChargingProfile {
        connector_id: 0,
        profile,
    })
    .unwrap();
    assert_eq!(rig.status(1), "Charging");
    rig.ahead_ms = 1_800_000;
    rig.wait(10_000);
    assert_eq!(rig.status(1), "SuspendedEVSE");
    rig.ahead_ms = 0;
    rig.wait(10_000);
    assert_eq!(rig.status(1), "Charging");
}

#[test]
fn what_counts_from_the_start_of_charging_does_not_follow_the_clock() {
    let mut rig = Rig::with(able(), &[]).boot();
    rig.set("HeartbeatInterval", "5");
    let mut profile = limit(ProfileKind::Relative, 0);
    // Half an hour of charging, then none.
    profile.periods[0].limit = Limit::Watts(5_000);
    profile.periods.push(Period {
        from_ms: 1_800_000,
        limit: Limit::Watts(0),
    });
    rig.command(Command::SetChargingProfile {
        connector_id: 0,
        profile,
    })
    .unwrap();
    let mut rig = rig.charge();
    for (ahead_ms, status) in [(7_200_000, "Charging"), (-7_200_000, "Charging")] {
        rig.ahead_ms = ahead_ms;
        rig.wait(600_000);
        assert_eq!(rig.status(1), status, "{ahead_ms}");
    }
    rig.wait(601_000);
    assert_eq!(rig.status(1), "SuspendedEVSE");
}
