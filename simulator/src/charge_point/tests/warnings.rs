//! Error codes beside a state that is not Faulted, and what is said when a car is gone.

use super::harness::{Rig, able};
use crate::charge_point::{
    Action, CableSide, Command, Fact, FaultCode, Hardware, NotDone, Reply, Report, ResetKind,
    Setup, Status,
};

fn fault(connector_id: u32, error_code: &str) -> Action {
    Action::RaiseFault {
        connector_id,
        error_code: error_code.into(),
    }
}

fn warning(connector_id: u32, error_code: &str) -> Action {
    Action::RaiseWarning {
        connector_id,
        error_code: error_code.into(),
    }
}

fn clear(connector_id: u32) -> Action {
    Action::ClearFault { connector_id }
}

const NO_CONTACT: &str = "EVCommunicationError";

#[test]
fn a_car_that_does_not_communicate_suspends_and_is_no_fault() {
    for raise in [fault, warning] {
        let mut rig = Rig::charging(&[("MeterValueSampleInterval", "0")]);
        rig.act(raise(1, NO_CONTACT));
        rig.expect(&["Status(1,SuspendedEVSE,EVCommunicationError)"]);
        let before = rig.cp.snapshot().connectors[0].meter_wh;
        rig.wait(600_000);
        rig.said();
        assert_eq!(
            rig.cp.snapshot().connectors[0].meter_wh,
            before,
            "no energy"
        );
        rig.act(clear(1));
        rig.expect(&["Status(1,Charging)"]);
        rig.wait(600_000);
        assert!(rig.cp.snapshot().connectors[0].meter_wh > before);
        rig.said();
        rig.act(raise(1, NO_CONTACT));
        rig.tag(1, "A");
        rig.expect(&[
            "Status(1,SuspendedEVSE,EVCommunicationError)",
            "Stop(101,Local,A)",
            "Status(1,Finishing,EVCommunicationError)",
        ]);
        rig.unplug(1);
        rig.expect(&["Status(1,Available)"]);
        // The car is not the only one that the connector does not understand.
        rig.plug(1);
        rig.expect(&["Status(1,Preparing,EVCommunicationError)"]);
        rig.tag(1, "A");
        rig.expect(&[
            "Authorize(A)",
            "Start(1,A)",
            "Status(1,SuspendedEVSE,EVCommunicationError)",
        ]);
    }
}

#[test]
fn the_charge_point_as_a_whole_has_no_car() {
    for raise in [fault, warning] {
        let mut rig = Rig::booted(&[]);
        rig.act(raise(0, NO_CONTACT));
        let told = rig.facts.last();
        assert!(matches!(told, Some(Fact::NotDone(NotDone::Refused(_)))));
        rig.expect(&[]);
    }
}

#[test]
fn a_warning_is_told_with_every_state_and_changes_none() {
    let mut rig = Rig::booted(&[]);
    rig.act(warning(0, "WeakSignal"));
    rig.act(warning(1, "HighTemperature"));
    rig.act(warning(1, "HighTemperature"));
    rig.expect(&[
        "Status(0,Available,WeakSignal)",
        "Status(1,Available,HighTemperature)",
    ]);
    rig.plug(1);
    rig.tag(1, "A");
    rig.expect(&[
        "Status(1,Preparing,HighTemperature)",
        "Authorize(A)",
        "Start(1,A)",
        "Status(1,Charging,HighTemperature)",
    ]);
    rig.act(warning(1, "PowerMeterFailure"));
    rig.expect(&["Status(1,Charging,PowerMeterFailure)"]);
    // A fault is told instead of it, and leaves it behind.
    rig.act(fault(1, "GroundFailure"));
    rig.expect(&["Stop(101,Other)", "Status(1,Faulted,GroundFailure)"]);
    rig.act(clear(1));
    rig.expect(&["Status(1,Finishing)"]);
    rig.act(clear(0));
    rig.expect(&["Status(0,Available)"]);
    rig.act(warning(1, "Nonsense"));
    let told = rig.facts.last();
    assert!(matches!(told, Some(Fact::NotDone(NotDone::Refused(_)))));
}

#[test]
fn what_broke_anew_while_the_line_was_away_is_told() {
    let mut rig = Rig::booted(&[]);
    rig.act(fault(1, "GroundFailure"));
    rig.act(warning(2, "WeakSignal"));
    rig.said();
    rig.cut();
    // Mended and broken again in another way: the state is the same, the fault is not.
    rig.act(clear(1));
    rig.act(fault(1, "HighTemperature"));
    rig.act(clear(2));
    rig.mend();
    rig.expect(&["Status(1,Faulted,HighTemperature)", "Status(2,Available)"]);
    rig.cut();
    rig.act(clear(1));
    rig.act(fault(1, "HighTemperature"));
    rig.mend();
    rig.expect(&[]);
}

#[test]
fn a_charge_point_can_be_delivered_with_a_warning() {
    let mut setup = Setup::default();
    setup.warn(0, "WeakSignal").unwrap();
    setup.warn(2, NO_CONTACT).unwrap();
    for (connector_id, code) in [(0, NO_CONTACT), (1, "NoError"), (1, "weaksignal")] {
        assert!(setup.warn(connector_id, code).is_err(), "{code}");
    }
    let mut rig = Rig::new(&[]);
    rig.cp = crate::charge_point::ChargePoint::new(Hardware::default(), setup, 1);
    rig = rig.boot_loudly();
    rig.expect(&[
        "Boot",
        "Status(0,Available,WeakSignal)",
        "Status(1,Available)",
        "Status(2,Available)",
    ]);
    rig.plug(2);
    rig.expect(&["Status(2,Preparing,EVCommunicationError)"]);
}

/// What was told of connector 1 beside the error code.
fn gone(rig: &Rig) -> Vec<(Status, bool)> {
    let told = rig.reports.iter().filter_map(|report| match report {
        Report::Status {
            connector_id: 1,
            status,
            ev_side_disconnected,
            fault: None,
            ..
        } => Some((*status, *ev_side_disconnected)),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_car_that_unplugs_at_its_side_is_named_as_the_reason() {
    use Status::{Available, Charging, Finishing, SuspendedEv};
    let mut rig = Rig::charging(&[("StopTransactionOnEVSideDisconnect", "false")]);
    rig.unplug(1);
    rig.plug(1);
    rig.tag(1, "A");
    rig.unplug(1);
    let told = [
        (SuspendedEv, true),
        (Charging, false),
        (Finishing, false),
        (Available, false),
    ];
    assert_eq!(gone(&rig), told);

    for fixed_cable in [true, false] {
        let hardware = Hardware {
            fixed_cable,
            ..able()
        };
        let mut rig = Rig::with(hardware, &[]).boot().charge();
        rig.unplug(1);
        if !fixed_cable {
            rig.act(Action::Unplug {
                connector_id: 1,
                side: CableSide::Station,
            });
        }
        assert_eq!(gone(&rig), [(Finishing, true), (Available, false)]);
    }
}

#[test]
fn a_full_car_that_unplugs_is_told_though_the_state_is_the_same() {
    let mut rig = Rig::charging(&[
        ("StopTransactionOnEVSideDisconnect", "false"),
        ("MeterValueSampleInterval", "0"),
        ("HeartbeatInterval", "0"),
    ]);
    rig.wait(48 * 3_600_000);
    rig.said();
    rig.reports.clear();
    rig.unplug(1);
    assert_eq!(gone(&rig), [(Status::SuspendedEv, true)]);
}

#[test]
fn an_emergency_stop_ends_everything_until_it_is_cleared() {
    let mut rig = Rig::charging(&[]);
    rig.tag(2, "B");
    rig.said();
    rig.act(Action::EmergencyStop);
    rig.expect(&[
        "Stop(101,EmergencyStop)",
        "Status(0,Faulted,OtherError)",
        "Status(1,Faulted,OtherError)",
        "Status(2,Faulted,OtherError)",
    ]);
    rig.plug(2);
    rig.tag(2, "B");
    assert!(!rig.cp.snapshot().connectors[1].charging);
    rig.act(clear(0));
    rig.expect(&[
        "Status(0,Available)",
        "Status(1,Finishing)",
        "Status(2,Preparing)",
    ]);
}

#[test]
fn a_charge_point_that_restarts_of_itself_says_so() {
    let mut rig = Rig::charging(&[]);
    rig.act(Action::Reboot);
    assert!(!rig.cp.snapshot().accepted);
    rig.wait(5_000);
    rig.expect(&[
        "Disconnect",
        "Boot",
        "Status(0,Available)",
        "Status(1,Finishing)",
        "Status(2,Available)",
        "Stop(101,Reboot)",
    ]);
    // Without power nothing restarts, and what is about to lose it does.
    rig.act(Action::PowerCycle {
        seconds: 60.0,
        backup: false,
    });
    rig.act(Action::Reboot);
    let told = rig.facts.last();
    assert!(matches!(told, Some(Fact::NotDone(NotDone::Refused(_)))));
    rig.wait(30_000);
    assert!(!rig.cp.snapshot().powered);
}

#[test]
fn error_codes_fit_the_states_that_the_standard_names() {
    for status in Status::ALL {
        let fits = FaultCode::EvCommunicationError.warns_in(status);
        let named = matches!(
            status,
            Status::Preparing | Status::SuspendedEv | Status::SuspendedEvse | Status::Finishing
        );
        assert_eq!(fits, named, "{status:?}");
        let other = FaultCode::WeakSignal.warns_in(status);
        assert_eq!(other, status != Status::Faulted, "{status:?}");
    }
}

#[test]
fn a_warning_outlives_a_reset() {
    let mut rig = Rig::booted(&[]);
    rig.act(warning(1, "WeakSignal"));
    let kind = ResetKind::Hard;
    let reset = rig.command(Command::Reset { kind });
    assert_eq!(reset, Ok(Reply::Reset { accepted: true }));
    rig.wait(5_000);
    let said = rig.said();
    assert!(said.contains(&"Status(1,Available,WeakSignal)".into()));
}
