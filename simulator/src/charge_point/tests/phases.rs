//! Amperes, phases and meters.

use std::sync::Arc;

use super::harness::{NOON, Rig, able};
use crate::charge_point::{
    Answer, AuthorizationStatus, ChargePoint, ChargingProfile, Command, Hardware, Limit, Measurand,
    Period, Phase, ProfileKind, ProfilePurpose, Quantity, Reply, Report, Resumed, Setup,
    TriggerReply, Triggered,
};

const ALL: &str = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered,Voltage,\
    Current.Import.L1,Current.Import.L2,Current.Import.L3,Current.Import.N,Voltage.L1-N,Voltage.L1-L2,\
    Power.Active.Import.L1,Power.Active.Import.L3,Energy.Active.Import.Register.L1,\
    Energy.Active.Import.Register.L2,Energy.Active.Import.Register.L3";

/// A station of this power with a car that is in the middle of a transaction at connector 1.
fn with_car(max_power_w: u32, car: u64) -> Rig {
    let hardware = Hardware {
        max_power_w,
        main_meter: true,
        ..able()
    };
    let mut setup = Setup {
        resumed: vec![Resumed {
            connector_id: 1,
            transaction_id: 7,
            id_tag: "A".into(),
            started_at_ms: NOON,
            meter_start_wh: 0,
            meter_wh: 0,
            car,
        }],
        ..Setup::default()
    };
    for (key, value) in [
        ("MeterValuesSampledData", ALL),
        ("MeterValueSampleInterval", "0"),
    ] {
        setup.configure(key, value).unwrap();
    }
    let mut rig = Rig::with(hardware.clone(), &[]);
    rig.cp = ChargePoint::new(hardware, Arc::new(setup), 1);
    rig.boot()
}

/// Cars by what they take: 3.7 kW and 7.4 kW on one phase, 11 kW and 22 kW on three.
const CAR: u64 = (70 << 16) | 0x100;
const MEDIUM: u64 = CAR;
const THREE_PHASES: u64 = CAR + 1;
const LARGE: u64 = CAR + 3;
const SMALL: u64 = CAR + 4;

fn car_phases(car: u64) -> u8 {
    crate::ev::Ev::new(car, 22_000).phases()
}

fn limit(rig: &mut Rig, connector_id: u32, purpose: ProfilePurpose, limit: Limit) {
    let command = Command::SetChargingProfile {
        connector_id,
        profile: profile(purpose, limit),
    };
    let accepted = Ok(Reply::ChargingProfile { accepted: true });
    assert_eq!(rig.command(command), accepted);
}

fn profile(purpose: ProfilePurpose, limit: Limit) -> ChargingProfile {
    ChargingProfile {
        id: 3,
        stack_level: 0,
        purpose,
        kind: ProfileKind::Absolute,
        transaction_id: None,
        valid: (None, None),
        start_ms: None,
        duration_ms: None,
        periods: vec![Period { from_ms: 0, limit }],
    }
}

/// What the meter of a connector shows.
fn read(rig: &mut Rig, connector_id: u32) -> Vec<(Quantity, i64)> {
    rig.reports.clear();
    let trigger = Command::Trigger {
        message: Triggered::MeterValues,
        connector_id: Some(connector_id),
    };
    let accepted = Ok(Reply::Trigger(TriggerReply::Accepted));
    assert_eq!(rig.command(trigger), accepted);
    let Some(Report::MeterValues { readings, .. }) = rig.reports.pop() else {
        panic!("no reading");
    };
    readings[0].values.to_vec()
}

fn value(read: &[(Quantity, i64)], measurand: Measurand, phase: Option<Phase>) -> i64 {
    let wanted = Quantity { measurand, phase };
    let found = read.iter().find(|(quantity, _)| *quantity == wanted);
    found
        .unwrap_or_else(|| panic!("no {wanted:?} in {read:?}"))
        .1
}

#[test]
fn amperes_count_on_the_phases_in_use() {
    assert_eq!(
        [SMALL, MEDIUM, THREE_PHASES, LARGE].map(car_phases),
        [1, 1, 3, 3]
    );
    let amperes = |tenths, phases| Limit::Amperes { tenths, phases };
    for (station_w, car, given, watts) in [
        // One phase of 16 A is 3680 W, however many phases the period allows.
        (22_000, MEDIUM, amperes(160, 3), 3_680),
        (22_000, MEDIUM, amperes(160, 1), 3_680),
        (7_400, LARGE, amperes(160, 3), 3_680),
        (22_000, LARGE, amperes(160, 3), 11_040),
        (22_000, LARGE, amperes(160, 1), 3_680),
        (22_000, THREE_PHASES, amperes(61, 3), 4_209),
        (22_000, LARGE, Limit::Watts(5_000), 5_000),
        (22_000, MEDIUM, Limit::Watts(5_000), 5_000),
        (50_000, MEDIUM, amperes(200, 3), 8_000),
    ] {
        let mut rig = with_car(station_w, car);
        limit(&mut rig, 1, ProfilePurpose::TxDefault, given);
        let read = read(&mut rig, 1);
        let power = value(&read, Measurand::Power, None);
        assert_eq!(power, watts, "{station_w} {car:x} {given:?}");
    }
}

#[test]
fn what_is_shared_out_is_amperes() {
    let mut rig = with_car(22_000, LARGE);
    rig.plug(2);
    rig.tag(2, "B");
    let whole = Limit::Amperes {
        tenths: 200,
        phases: 3,
    };
    limit(&mut rig, 0, ProfilePurpose::ChargePointMax, whole);
    let read = read(&mut rig, 1);
    assert_eq!(
        value(&read, Measurand::Power, None),
        6_900,
        "10 A on three phases"
    );
}

#[test]
fn phases_are_measured_as_the_car_loads_them() {
    for (car, watts, amperes) in [
        (SMALL, 3_700, [160, 0, 0, 160]),
        (LARGE, 22_000, [318, 318, 318, 0]),
    ] {
        let mut rig = with_car(22_000, car);
        let read = read(&mut rig, 1);
        assert_eq!(value(&read, Measurand::Power, None), watts);
        let phases = [Phase::L1, Phase::L2, Phase::L3, Phase::N];
        let told = phases.map(|phase| value(&read, Measurand::Current, Some(phase)));
        assert_eq!(told, amperes);
        assert_eq!(value(&read, Measurand::Current, None), amperes[0]);
        assert_eq!(value(&read, Measurand::CurrentOffered, None), 318);
        assert_eq!(value(&read, Measurand::Voltage, Some(Phase::L1N)), 230);
        assert_eq!(value(&read, Measurand::Voltage, Some(Phase::L1L2)), 400);
    }
    // A station with one phase has no other, direct current has none.
    for (station_w, phases) in [(7_400, 5), (50_000, 0)] {
        let mut rig = with_car(station_w, SMALL);
        let read = read(&mut rig, 1);
        let told = read.iter().filter(|(quantity, _)| quantity.phase.is_some());
        assert_eq!(told.count(), phases, "{read:?}");
    }
}

#[test]
fn the_registers_of_the_phases_grow_and_add_up() {
    for car in [SMALL, LARGE] {
        let mut rig = with_car(22_000, car);
        let mut before = [0; 3];
        for _ in 0..300 {
            rig.wait(1_700);
            let read = read(&mut rig, 1);
            let phases = [Phase::L1, Phase::L2, Phase::L3];
            let now = phases.map(|p| value(&read, Measurand::EnergyRegister, Some(p)));
            assert!(now.iter().zip(before).all(|(now, before)| *now >= before));
            let whole = value(&read, Measurand::EnergyRegister, None);
            let sum: i64 = now.iter().sum();
            assert!((0..=1).contains(&(whole - sum)), "{now:?} of {whole}");
            before = now;
        }
        assert!(before[0] > 100, "{before:?}");
        assert_eq!(before[1] == 0, car == SMALL);
    }
}

#[test]
fn the_main_meter_is_connector_0() {
    let mut rig = with_car(22_000, LARGE);
    rig.plug(2);
    rig.tag(2, "B");
    rig.wait(600_000);
    let (whole, one, two) = (read(&mut rig, 0), read(&mut rig, 1), read(&mut rig, 2));
    for measurand in [Measurand::EnergyRegister, Measurand::Power] {
        let sum = value(&one, measurand, None) + value(&two, measurand, None);
        assert!(sum > 0);
        assert_eq!(value(&whole, measurand, None), sum);
    }
    assert_eq!(value(&whole, Measurand::Voltage, None), 230);
    rig.set("ClockAlignedDataInterval", "60");
    rig.said();
    rig.wait(60_000);
    let said = rig.said();
    assert!(said.contains(&"Meter(0,None,Clock)".into()), "{said:?}");
    // Without one, connector 0 has nothing to say.
    let mut rig = Rig::booted(&[]);
    let trigger = Command::Trigger {
        message: Triggered::MeterValues,
        connector_id: Some(0),
    };
    let rejected = Ok(Reply::Trigger(TriggerReply::Rejected));
    assert_eq!(rig.command(trigger), rejected);
}

fn start(connector_id: u32, profile: ChargingProfile) -> Command {
    Command::RemoteStart {
        connector_id: Some(connector_id),
        id_tag: "R".into(),
        profile: Some(Box::new(profile)),
    }
}

#[test]
fn a_remote_start_s_profile_holds_for_its_transaction_alone() {
    for asks in ["true", "false"] {
        let keys = [
            ("AuthorizeRemoteTxRequests", asks),
            ("ConnectionTimeOut", "5"),
        ];
        let mut rig = Rig::with(able(), &keys).boot();
        let mine = |id, limit| ChargingProfile {
            id,
            transaction_id: Some(4_711),
            ..profile(ProfilePurpose::Tx, limit)
        };
        let accepted = |accepted| Ok(Reply::RemoteStart { accepted });
        let none = Limit::Watts(0);
        assert_eq!(rig.command(start(1, mine(1, none))), accepted(true));
        // Nobody comes: with the start its profile is gone.
        rig.wait(5_000);
        rig.plug(1);
        rig.tag(1, "R");
        assert_eq!(rig.status(1), "Charging", "it came with another start");
        rig.tag(1, "R");
        rig.unplug(1);
        assert_eq!(rig.command(start(1, mine(1, none))), accepted(true));
        rig.plug(1);
        assert_eq!(rig.status(1), "SuspendedEVSE");
        rig.plug(2);
        rig.tag(2, "B");
        assert_eq!(rig.status(2), "Charging", "it is not for the others");
        rig.tag(1, "R");
        rig.unplug(1);
        rig.plug(1);
        rig.tag(1, "R");
        assert_eq!(rig.status(1), "Charging", "it went with its transaction");
    }
}

#[test]
fn a_remote_start_with_a_profile_that_cannot_be_is_rejected() {
    let mut rig = Rig::with(able(), &[]).boot();
    let rejected = Ok(Reply::RemoteStart { accepted: false });
    for purpose in [ProfilePurpose::TxDefault, ProfilePurpose::ChargePointMax] {
        let command = start(1, profile(purpose, Limit::Watts(1)));
        assert_eq!(rig.command(command), rejected);
    }
    let mut without = profile(ProfilePurpose::Tx, Limit::Watts(1));
    without.periods.clear();
    assert_eq!(rig.command(start(1, without)), rejected);
    assert_eq!(rig.status(1), "Available");
}

#[test]
fn a_refused_remote_start_leaves_no_profile_behind() {
    let mut refused = 1;
    let mut rig = Rig::with(able(), &[]).scripted(move |report| match report {
        Report::Authorize { .. } if refused > 0 => {
            refused -= 1;
            let info = super::harness::info(AuthorizationStatus::Blocked, None);
            Some(Ok(Answer::Authorize(info)))
        }
        _ => None,
    });
    rig = rig.boot();
    rig.plug(1);
    let command = start(1, profile(ProfilePurpose::Tx, Limit::Watts(0)));
    rig.command(command).unwrap();
    assert_eq!(rig.status(1), "Preparing");
    rig.tag(1, "R");
    assert_eq!(rig.status(1), "Charging");
}
