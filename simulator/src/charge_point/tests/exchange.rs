//! The exchanges of the Core profile with the line up, named after the cases they belong to.

use super::harness::{Rig, info, refused};
use crate::charge_point::{
    Action, Answer, AuthorizationStatus, CableSide, Command, ConfigurationReply, Fact, Failure,
    Hardware, Input, NotDone, Registration, Reply, Report, TriggerReply, Triggered, UnlockReply,
};

fn boot_answer(registration: Registration, interval_s: u32) -> Option<Result<Answer, Failure>> {
    Some(Ok(Answer::Boot {
        registration,
        current_time_ms: super::harness::NOON,
        interval_s,
    }))
}

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

/// Answers the first boots with this, later ones friendly.
fn first_boots(
    mut times: u32,
    registration: Registration,
) -> impl FnMut(&Report) -> Option<Result<Answer, Failure>> {
    move |report| match report {
        Report::Boot { .. } if times > 0 => {
            times -= 1;
            boot_answer(registration, 10)
        }
        Report::Boot { .. } => boot_answer(Registration::Accepted, 5),
        _ => None,
    }
}

fn tags(
    status: AuthorizationStatus,
    parent: Option<&'static str>,
) -> impl FnMut(&Report) -> Option<Result<Answer, Failure>> {
    move |report| match report {
        Report::Authorize { .. } => Some(Ok(Answer::Authorize(info(status, parent)))),
        _ => None,
    }
}

const ALL_AVAILABLE: [&str; 3] = [
    "Status(0,Available)",
    "Status(1,Available)",
    "Status(2,Available)",
];

#[test]
fn tc_001_a_rejected_boot_waits_and_heartbeats_follow_the_accepted_one() {
    let mut rig = Rig::new(&[]).scripted(first_boots(1, Registration::Rejected));
    rig.input(Input::PowerOn);
    rig.plug(1);
    rig.wait(9_999);
    rig.expect(&["Boot"]);
    rig.ignored(Command::ClearCache);
    rig.unplug(1);
    rig.wait(1);
    rig.expect(&["Boot", ALL_AVAILABLE[0], ALL_AVAILABLE[1], ALL_AVAILABLE[2]]);
    rig.wait(10_000);
    rig.expect(&["Heartbeat", "Heartbeat"]);
}

#[test]
fn tc_002_a_pending_one_is_configured_and_says_only_what_is_triggered() {
    let mut rig = Rig::new(&[]).scripted(first_boots(1, Registration::Pending));
    rig.input(Input::PowerOn);
    assert!(matches!(
        rig.command(Command::GetConfiguration { keys: Vec::new() }),
        Ok(Reply::Configuration { .. })
    ));
    assert_eq!(
        rig.set("MeterValueSampleInterval", "30"),
        Reply::ConfigurationChanged(ConfigurationReply::Accepted)
    );
    assert_eq!(
        rig.command(start(Some(1))),
        Ok(Reply::RemoteStart { accepted: false })
    );
    rig.expect(&["Boot"]);
    let trigger = Command::Trigger {
        message: Triggered::Heartbeat,
        connector_id: None,
    };
    assert_eq!(
        rig.command(trigger),
        Ok(Reply::Trigger(TriggerReply::Accepted))
    );
    rig.expect(&["Heartbeat"]);
    rig.wait(10_000);
    rig.expect(&["Boot", ALL_AVAILABLE[0], ALL_AVAILABLE[1], ALL_AVAILABLE[2]]);
}

#[test]
fn a_boot_without_an_answer_is_tried_again() {
    let mut times = 2;
    let mut rig = Rig::new(&[]).scripted(move |report| match report {
        Report::Boot { .. } if times > 0 => {
            times -= 1;
            Some(Err(if times == 1 {
                Failure::TimedOut
            } else {
                refused()
            }))
        }
        _ => None,
    });
    rig.input(Input::PowerOn);
    rig.wait(120_000);
    assert_eq!(rig.said().iter().filter(|said| *said == "Boot").count(), 3);
    assert!(rig.cp.snapshot().accepted);
}

#[test]
fn tc_003_cable_first() {
    let mut rig = Rig::booted(&[]);
    rig.plug(1);
    rig.expect(&["Status(1,Preparing)"]);
    rig.anywhere("A");
    rig.expect(&["Authorize(A)", "Start(1,A)", "Status(1,Charging)"]);
    assert!(matches!(
        rig.facts[..],
        [
            Fact::Accepted,
            Fact::TransactionStarted {
                transaction_id: 101
            },
            Fact::SessionAllowed
        ]
    ));
}

#[test]
fn tc_004_tag_first_with_and_without_a_cable() {
    let mut rig = Rig::booted(&[("ConnectionTimeOut", "5")]);
    rig.anywhere("A");
    rig.expect(&["Authorize(A)", "Status(1,Preparing)"]);
    rig.plug(1);
    rig.expect(&["Start(1,A)", "Status(1,Charging)"]);
    rig.tag(2, "B");
    rig.wait(4_999);
    rig.expect(&["Authorize(B)", "Status(2,Preparing)"]);
    rig.wait(1);
    rig.expect(&["Status(2,Available)"]);
}

#[test]
fn tc_005_cable_out_at_the_car() {
    for (stop, unlock) in [("true", "true"), ("true", "false"), ("false", "false")] {
        let mut rig = Rig::charging(&[
            ("StopTransactionOnEVSideDisconnect", stop),
            ("UnlockConnectorOnEVSideDisconnect", unlock),
        ]);
        rig.unplug(1);
        if stop == "false" {
            rig.expect(&["Status(1,SuspendedEV)"]);
            assert_eq!(
                rig.command(Command::RemoteStop {
                    transaction_id: 101
                }),
                Ok(Reply::RemoteStop { accepted: true })
            );
            rig.expect(&["Stop(101,Remote)", "Status(1,Finishing)"]);
        } else {
            rig.expect(&["Stop(101,EVDisconnected)", "Status(1,Finishing)"]);
        }
        if unlock == "false" && stop == "true" {
            rig.act(Action::Unplug {
                connector_id: 1,
                side: CableSide::Station,
            });
            assert!(matches!(
                rig.facts.last(),
                Some(Fact::NotDone(NotDone::Refused(_)))
            ));
            assert_eq!(
                rig.command(Command::Unlock { connector_id: 1 }),
                Ok(Reply::Unlock(UnlockReply::Unlocked))
            );
        }
        rig.act(Action::Unplug {
            connector_id: 1,
            side: CableSide::Station,
        });
        rig.expect(&["Status(1,Available)"]);
    }
}

#[test]
fn the_same_car_goes_on_when_its_cable_comes_back() {
    let mut rig = Rig::charging(&[("StopTransactionOnEVSideDisconnect", "false")]);
    rig.unplug(1);
    rig.plug(1);
    rig.expect(&["Status(1,SuspendedEV)", "Status(1,Charging)"]);
}

#[test]
fn a_fixed_cable_is_free_at_once() {
    let hardware = Hardware {
        fixed_cable: true,
        ..Hardware::default()
    };
    let mut rig = Rig::with(hardware, &[]).boot().charge();
    rig.unplug(1);
    rig.expect(&[
        "Stop(101,EVDisconnected)",
        "Status(1,Finishing)",
        "Status(1,Available)",
    ]);
    assert_eq!(
        rig.command(Command::Unlock { connector_id: 1 }),
        Ok(Reply::Unlock(UnlockReply::NotSupported))
    );
}

#[test]
fn tc_007_and_061_the_cache_saves_the_question_until_it_is_cleared() {
    let mut rig = Rig::charging(&[("LocalPreAuthorize", "true")]);
    rig.tag(1, "A");
    rig.unplug(1);
    rig.said();
    rig.plug(1);
    rig.tag(1, "a");
    rig.expect(&["Status(1,Preparing)", "Start(1,a)", "Status(1,Charging)"]);
    rig.tag(1, "A");
    rig.unplug(1);
    rig.plug(2);
    rig.said();
    let again = Command::RemoteStart {
        connector_id: Some(2),
        id_tag: "A".into(),
        profile: None,
    };
    assert_eq!(rig.command(again.clone()), accepted());
    rig.expect(&["Start(2,A)", "Status(2,Charging)"]);
    rig.tag(2, "A");
    rig.said();
    assert_eq!(
        rig.command(Command::ClearCache),
        Ok(Reply::CacheCleared { accepted: true })
    );
    assert_eq!(rig.command(again), accepted());
    assert_eq!(rig.said()[0], "Authorize(A)");
}

#[test]
fn tc_023_a_tag_that_is_not_accepted_starts_nothing() {
    let mut rig = Rig::booted(&[]).scripted(tags(AuthorizationStatus::Invalid, None));
    rig.plug(1);
    rig.tag(1, "X");
    rig.expect(&["Status(1,Preparing)", "Authorize(X)"]);
    assert_eq!(rig.command(start(Some(1))), accepted());
    rig.wait(1_000);
    rig.expect(&["Authorize(R)"]);
}

#[test]
fn tc_024_a_lock_that_does_not_move_starts_nothing() {
    let mut rig = Rig::booted(&[("AuthorizeRemoteTxRequests", "false")]);
    rig.command(start(Some(1))).unwrap();
    rig.act(Action::JamLock { connector_id: 1 });
    rig.plug(1);
    rig.expect(&[
        "Status(1,Preparing)",
        "Status(1,Faulted,ConnectorLockFailure)",
    ]);
    rig.act(Action::FreeLock { connector_id: 1 });
    rig.expect(&["Status(1,Preparing)"]);
}

#[test]
fn tc_032_power_loss_with_and_without_backup() {
    let hardware = Hardware {
        backup_power: true,
        ..Hardware::default()
    };
    let boot = [
        "Boot",
        "Status(0,Available)",
        "Status(1,Finishing)",
        "Status(2,Available)",
    ];
    let mut rig = Rig::with(hardware, &[]).boot().charge();
    rig.act(Action::PowerCycle {
        seconds: 5.0,
        backup: true,
    });
    rig.wait(10_000);
    rig.expect(
        &[
            &["Stop(101,PowerLoss)", "Status(1,Finishing)", "Disconnect"][..],
            &boot,
        ]
        .concat(),
    );
    let mut rig = Rig::charging(&[]);
    rig.act(Action::PowerCycle {
        seconds: 5.0,
        backup: true,
    });
    assert!(matches!(
        rig.facts.last(),
        Some(Fact::NotDone(NotDone::Impossible(_)))
    ));
    rig.act(Action::PowerCycle {
        seconds: 5.0,
        backup: false,
    });
    assert!(!rig.cp.snapshot().powered);
    rig.wait(10_000);
    rig.expect(&[&["Disconnect"][..], &boot, &["Stop(101,PowerLoss)"]].concat());
}

#[test]
fn tc_068_069_only_the_tag_or_its_group_stops() {
    let mut rig = Rig::charging(&[]);
    rig.tag(1, "B");
    rig.expect(&["Authorize(B)"]);
    rig.tag(1, "A");
    rig.expect(&["Stop(101,Local,A)", "Status(1,Finishing)"]);
    for anywhere in [false, true] {
        let mut rig = Rig::booted(&[])
            .scripted(tags(AuthorizationStatus::Accepted, Some("P")))
            .charge();
        if anywhere {
            rig.anywhere("B")
        } else {
            rig.tag(1, "B")
        }
        rig.expect(&["Authorize(B)", "Stop(101,Local,B)", "Status(1,Finishing)"]);
    }
}

#[test]
fn tc_070_sampled_values() {
    let mut rig = Rig::charging(&[
        ("MeterValueSampleInterval", "2"),
        (
            "MeterValuesSampledData",
            "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC",
        ),
        ("StopTxnSampledData", "Energy.Active.Import.Register"),
    ]);
    rig.wait(6_000);
    rig.expect(&["Meter(1,Some(101),Periodic)"; 3]);
    assert!(
        matches!(&rig.reports[0], Report::MeterValues { readings, .. } if readings[0].values.len() == 5)
    );
    rig.tag(1, "A");
    let Some(Report::StopTransaction {
        readings,
        meter_stop_wh,
        ..
    }) = rig
        .reports
        .iter()
        .find(|report| matches!(report, Report::StopTransaction { .. }))
    else {
        panic!("no stop");
    };
    assert_eq!(readings.len(), 5, "begin, three samples, end");
    assert_eq!(readings[4].energy_wh(), Some(*meter_stop_wh));
    let Some(Fact::TransactionStopped {
        entry: Some(entry), ..
    }) = rig.facts.last()
    else {
        panic!("no ledger entry");
    };
    assert_eq!(
        (entry.meter_values.len(), entry.meter_stop),
        (3, Some(*meter_stop_wh))
    );
}

#[test]
fn tc_071_clock_aligned_values() {
    let mut rig = Rig::booted(&[("MeterValueSampleInterval", "0")]).charge();
    rig.wait(300);
    rig.set("ClockAlignedDataInterval", "10");
    rig.wait(20_000);
    rig.expect(&["Meter(1,Some(101),Clock)", "Meter(2,None,Clock)"].repeat(2));
    for report in &rig.reports {
        if let Report::MeterValues { readings, .. } = report {
            assert_eq!(readings[0].at_ms % 10_000, 0);
        }
    }
    rig.set("ClockAlignedDataInterval", "0");
    rig.wait(60_000);
    rig.expect(&[]);
}

#[test]
fn a_full_car_takes_no_more_and_the_session_goes_on() {
    let mut rig = Rig::charging(&[
        ("MeterValueSampleInterval", "0"),
        ("HeartbeatInterval", "0"),
    ]);
    rig.wait(48 * 3_600_000);
    assert_eq!(rig.status(1), "SuspendedEV");
    assert!(rig.said().contains(&"Status(1,SuspendedEV)".to_owned()));
}

#[test]
fn a_car_at_a_finished_connector_prepares_again() {
    let mut rig = Rig::charging(&[]);
    rig.unplug(1);
    rig.plug(1);
    rig.expect(&[
        "Stop(101,EVDisconnected)",
        "Status(1,Finishing)",
        "Status(1,Preparing)",
    ]);
    rig.tag(1, "B");
    rig.expect(&["Authorize(B)", "Start(1,B)", "Status(1,Charging)"]);
    rig.tag(1, "B");
    rig.tag(1, "B");
    rig.expect(&[
        "Stop(102,Local,B)",
        "Status(1,Finishing)",
        "Authorize(B)",
        "Status(1,Preparing)",
        "Start(1,B)",
        "Status(1,Charging)",
    ]);
}
