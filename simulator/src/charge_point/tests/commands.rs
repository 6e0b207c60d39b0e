//! What the CSMS commands, named after the cases they belong to.

use super::harness::Rig;
use crate::charge_point::{
    Action, AvailabilityReply, Command, ConfigurationReply, Reply, ResetKind, TriggerReply,
    Triggered, UnlockReply,
};

fn start(connector_id: Option<u32>) -> Command {
    Command::RemoteStart {
        connector_id,
        id_tag: "R".into(),
        profile: None,
    }
}

fn accepted() -> Result<Reply, dynamo_protocol::CallError> {
    Ok(Reply::RemoteStart { accepted: true })
}

#[test]
fn tc_010_and_011_remote_start() {
    for ask in ["true", "false"] {
        let authorize: &[&str] = if ask == "true" {
            &["Authorize(R)"]
        } else {
            &[]
        };
        let mut rig = Rig::booted(&[
            ("AuthorizeRemoteTxRequests", ask),
            ("ConnectionTimeOut", "5"),
        ]);
        rig.plug(1);
        rig.said();
        assert_eq!(rig.command(start(None)), accepted());
        rig.expect(&[authorize, &["Start(1,R)", "Status(1,Charging)"]].concat());
        assert_eq!(rig.command(start(Some(2))), accepted());
        rig.expect(&[authorize, &["Status(2,Preparing)"]].concat());
        rig.wait(5_000);
        rig.expect(&["Status(2,Available)"]);
        assert_eq!(rig.command(start(Some(2))), accepted());
        rig.plug(2);
        rig.expect(
            &[
                authorize,
                &["Status(2,Preparing)", "Start(2,R)", "Status(2,Charging)"],
            ]
            .concat(),
        );
    }
}

#[test]
fn tc_012_and_028_remote_stop_needs_the_right_id() {
    let mut rig = Rig::charging(&[]);
    let stop = |transaction_id| Command::RemoteStop { transaction_id };
    assert_eq!(
        rig.command(stop(7)),
        Ok(Reply::RemoteStop { accepted: false })
    );
    rig.expect(&[]);
    assert_eq!(
        rig.command(stop(101)),
        Ok(Reply::RemoteStop { accepted: true })
    );
    rig.expect(&["Stop(101,Remote)", "Status(1,Finishing)"]);
    assert_eq!(
        rig.command(stop(101)),
        Ok(Reply::RemoteStop { accepted: false })
    );
}

#[test]
fn tc_013_014_034_availability_survives_resets_and_power_loss() {
    let mut rig = Rig::booted(&[]);
    let change = |operative| Command::ChangeAvailability {
        connector_id: 1,
        operative,
    };
    assert_eq!(
        rig.command(change(false)),
        Ok(Reply::Availability(AvailabilityReply::Accepted))
    );
    rig.expect(&["Status(1,Unavailable)"]);
    for again in 0..3 {
        match again {
            0 => drop(rig.command(Command::Reset {
                kind: ResetKind::Hard,
            })),
            1 => drop(rig.command(Command::Reset {
                kind: ResetKind::Soft,
            })),
            _ => rig.act(Action::PowerCycle {
                seconds: 5.0,
                backup: false,
            }),
        }
        rig.wait(7_000);
        rig.expect(&[
            "Disconnect",
            "Boot",
            "Status(0,Available)",
            "Status(1,Unavailable)",
            "Status(2,Available)",
        ]);
    }
    rig.command(change(true)).unwrap();
    rig.expect(&["Status(1,Available)"]);
}

#[test]
fn tc_015_016_resets_end_transactions() {
    let mut rig = Rig::charging(&[]);
    rig.command(Command::Reset {
        kind: ResetKind::Hard,
    })
    .unwrap();
    rig.wait(2_000);
    rig.expect(&[
        "Disconnect",
        "Boot",
        "Status(0,Available)",
        "Status(1,Finishing)",
        "Status(2,Available)",
        "Stop(101,HardReset)",
    ]);
    let mut rig = Rig::charging(&[]);
    rig.command(Command::Reset {
        kind: ResetKind::Soft,
    })
    .unwrap();
    rig.wait(2_000);
    rig.expect(&[
        "Stop(101,SoftReset)",
        "Status(1,Finishing)",
        "Disconnect",
        "Boot",
        "Status(0,Available)",
        "Status(1,Finishing)",
        "Status(2,Available)",
    ]);
}

#[test]
fn tc_017_018_030_031_unlocking() {
    let unlock = |connector_id| Command::Unlock { connector_id };
    let mut rig = Rig::charging(&[]);
    for (connector_id, reply) in [
        (2, UnlockReply::Unlocked),
        (3, UnlockReply::NotSupported),
        (0, UnlockReply::NotSupported),
    ] {
        assert_eq!(rig.command(unlock(connector_id)), Ok(Reply::Unlock(reply)));
    }
    assert_eq!(
        rig.command(unlock(1)),
        Ok(Reply::Unlock(UnlockReply::Unlocked))
    );
    rig.expect(&["Stop(101,UnlockCommand)", "Status(1,Finishing)"]);
    rig.unplug(1);
    rig.expect(&["Status(1,Available)"]);
    rig.act(Action::JamLock { connector_id: 1 });
    assert_eq!(
        rig.command(unlock(1)),
        Ok(Reply::Unlock(UnlockReply::UnlockFailed))
    );
    rig.act(Action::FreeLock { connector_id: 1 });
    assert_eq!(
        rig.command(unlock(1)),
        Ok(Reply::Unlock(UnlockReply::Unlocked))
    );
}

#[test]
fn tc_019_021_040_configuration() {
    let mut rig = Rig::booted(&[]);
    for (key, value, reply) in [
        (
            "MeterValueSampleInterval",
            "17",
            ConfigurationReply::Accepted,
        ),
        (
            "MeterValueSampleInterval",
            "-1",
            ConfigurationReply::Rejected,
        ),
        ("MadeUp", "1", ConfigurationReply::NotSupported),
        (
            "WebSocketPingInterval",
            "9",
            ConfigurationReply::RebootRequired,
        ),
    ] {
        assert_eq!(rig.set(key, value), Reply::ConfigurationChanged(reply));
    }
    let Ok(Reply::Configuration { known, unknown }) = rig.command(Command::GetConfiguration {
        keys: vec!["metervaluesampleinterval".into(), "MadeUp".into()],
    }) else {
        panic!("no configuration");
    };
    assert_eq!(
        (&*known[0].value, known[0].readonly, unknown.len()),
        ("17", false, 1)
    );
    let too_many = vec!["MadeUp".to_owned(); 51];
    assert!(
        rig.command(Command::GetConfiguration { keys: too_many })
            .is_err()
    );
    assert_eq!(rig.cp.ping_interval_s(), 0);
    rig.command(Command::Reset {
        kind: ResetKind::Hard,
    })
    .unwrap();
    rig.wait(2_000);
    assert_eq!(rig.cp.ping_interval_s(), 9);
}

#[test]
fn tc_026_027_041_no_start_where_it_cannot_be() {
    let mut rig = Rig::charging(&[]);
    for connector_id in [Some(0), Some(1), Some(3)] {
        assert_eq!(
            rig.command(start(connector_id)),
            Ok(Reply::RemoteStart { accepted: false })
        );
    }
    rig.act(Action::RaiseFault {
        connector_id: 2,
        error_code: "GroundFailure".into(),
    });
    rig.expect(&["Status(2,Faulted,GroundFailure)"]);
    rig.plug(2);
    rig.tag(2, "B");
    assert_eq!(
        rig.command(start(None)),
        Ok(Reply::RemoteStart { accepted: false })
    );
    rig.act(Action::RaiseFault {
        connector_id: 1,
        error_code: "HighTemperature".into(),
    });
    rig.expect(&["Stop(101,Other)", "Status(1,Faulted,HighTemperature)"]);
    rig.act(Action::ClearFault { connector_id: 1 });
    rig.act(Action::ClearFault { connector_id: 2 });
    rig.expect(&["Status(1,Finishing)", "Status(2,Preparing)"]);
}

#[test]
fn tc_062_unknown_vendor() {
    let mut rig = Rig::booted(&[]);
    let transfer = Command::DataTransfer {
        vendor_id: "who".into(),
    };
    assert_eq!(rig.command(transfer), Ok(Reply::VendorUnknown));
}

#[test]
fn availability_of_a_busy_connector_is_scheduled() {
    let mut rig = Rig::charging(&[]);
    let change = Command::ChangeAvailability {
        connector_id: 0,
        operative: false,
    };
    assert_eq!(
        rig.command(change),
        Ok(Reply::Availability(AvailabilityReply::Scheduled))
    );
    rig.expect(&["Status(2,Unavailable)"]);
    rig.tag(1, "A");
    rig.expect(&[
        "Stop(101,Local,A)",
        "Status(0,Unavailable)",
        "Status(1,Unavailable)",
    ]);
}

#[test]
fn triggered_messages() {
    let mut rig = Rig::charging(&[]);
    for (message, connector_id, reply, said) in [
        (
            Triggered::Heartbeat,
            None,
            TriggerReply::Accepted,
            &["Heartbeat"][..],
        ),
        (Triggered::Boot, None, TriggerReply::Accepted, &["Boot"]),
        (
            Triggered::Status,
            Some(1),
            TriggerReply::Accepted,
            &["Status(1,Charging)"],
        ),
        (
            Triggered::Status,
            None,
            TriggerReply::Accepted,
            &[
                "Status(0,Available)",
                "Status(1,Charging)",
                "Status(2,Available)",
            ],
        ),
        (Triggered::Status, Some(3), TriggerReply::Rejected, &[]),
        (
            Triggered::MeterValues,
            Some(1),
            TriggerReply::Accepted,
            &["Meter(1,Some(101),Trigger)"],
        ),
        (
            Triggered::DiagnosticsStatus,
            None,
            TriggerReply::NotImplemented,
            &[],
        ),
        (
            Triggered::FirmwareStatus,
            None,
            TriggerReply::NotImplemented,
            &[],
        ),
    ] {
        let command = Command::Trigger {
            message,
            connector_id,
        };
        assert_eq!(rig.command(command), Ok(Reply::Trigger(reply)));
        rig.expect(said);
    }
}

#[test]
fn a_preparing_connector_becomes_unavailable_by_the_legal_way() {
    let mut rig = Rig::booted(&[]);
    rig.plug(1);
    rig.said();
    rig.command(Command::ChangeAvailability {
        connector_id: 1,
        operative: false,
    })
    .unwrap();
    rig.expect(&["Status(1,Available)", "Status(1,Unavailable)"]);
}
