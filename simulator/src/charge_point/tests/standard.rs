//! What the standard asks for in rare moments: queues, resets, a refused boot.

use super::harness::{NOON, Rig, refused};
use crate::charge_point::{
    Action, Answer, Command, Context, Failure, Hardware, Input, Registration, Reply, Report,
    ResetKind, TriggerReply, Triggered,
};

/// Stamps of the clock-aligned readings of a connector without a transaction.
fn aligned(rig: &Rig, connector: u32) -> Vec<i64> {
    let stamps = rig.reports.iter().filter_map(|report| match report {
        Report::MeterValues {
            connector_id,
            transaction_id: None,
            readings,
        } if *connector_id == connector => {
            assert_eq!(readings[0].context, Context::Clock);
            Some(readings[0].at_ms)
        }
        _ => None,
    });
    stamps.collect()
}

#[test]
fn aligned_readings_outside_a_transaction_outlive_an_outage() {
    let keys = [
        ("ClockAlignedDataInterval", "10"),
        ("HeartbeatInterval", "0"),
    ];
    let mut rig = Rig::booted(&keys);
    rig.wait(10_000);
    rig.cut();
    rig.wait(30_000);
    rig.act(Action::PowerCycle {
        seconds: 1.0,
        backup: false,
    });
    rig.mend();
    let stamps = aligned(&rig, 2);
    let wanted: Vec<i64> = (1..=10).map(|n| NOON + n * 10_000).collect();
    assert_eq!(stamps, wanted, "each once, in order, with its own time");
    assert_eq!(rig.cp.snapshot().queued, 0);
}

#[test]
fn aligned_readings_that_wait_leave_room_for_transactions() {
    let mut rig = Rig::booted(&[
        ("ClockAlignedDataInterval", "10"),
        ("AllowOfflineTxForUnknownId", "true"),
    ]);
    rig.cut();
    rig.wait(10_000_000);
    rig.plug(1);
    rig.tag(1, "N");
    assert_eq!(rig.status(1), "Charging");
    rig.tag(1, "N");
    rig.mend();
    rig.wait(60_000);
    let said = rig.said();
    let start = said.iter().position(|one| one == "Start(1,N)");
    let stop = said.iter().position(|one| one == "Stop(101,Local,N)");
    assert!(start.is_some() && start < stop, "{start:?} {stop:?}");
}

#[test]
fn a_hard_reset_does_not_give_the_power_back() {
    let hardware = Hardware {
        backup_power: true,
        ..Hardware::default()
    };
    for kind in [ResetKind::Hard, ResetKind::Soft] {
        let rig = Rig::with(hardware.clone(), &[("TransactionMessageAttempts", "99")]);
        let mut rig = rig
            .scripted(|report| {
                matches!(report, Report::StopTransaction { .. }).then(|| Err(refused()))
            })
            .boot()
            .charge();
        rig.act(Action::PowerCycle {
            seconds: 600.0,
            backup: true,
        });
        rig.command(Command::Reset { kind }).unwrap();
        rig.wait(60_000);
        assert!(!rig.cp.snapshot().powered, "{kind:?}");
        rig.said();
        rig.wait(600_000);
        assert_eq!(rig.said()[0], "Boot");
    }
}

#[test]
fn readings_that_are_triggered_before_the_id_is_known_get_it() {
    let trigger = || Command::Trigger {
        message: Triggered::MeterValues,
        connector_id: Some(1),
    };
    // The first answers to the start are no good: the id comes late.
    let mut failures = 2;
    let rig = Rig::booted(&[("TransactionMessageRetryInterval", "5")]);
    let mut rig = rig.scripted(move |report| match report {
        Report::StartTransaction { .. } if failures > 0 => {
            failures -= 1;
            Some(Err(Failure::TimedOut))
        }
        _ => None,
    });
    rig.plug(1);
    rig.tag(1, "A");
    rig.said();
    let reply = rig.command(trigger());
    assert_eq!(reply, Ok(Reply::Trigger(TriggerReply::Accepted)));
    rig.expect(&[]);
    rig.wait(20_000);
    let said = rig.said();
    assert!(
        said.contains(&"Meter(1,Some(101),Trigger)".into()),
        "{said:?}"
    );
    // The ledger has it too, and a later one goes out at once.
    assert_eq!(rig.cp.open_transactions()[0].meter_values.len(), 1);
    rig.command(trigger()).unwrap();
    rig.expect(&["Meter(1,Some(101),Trigger)"]);
}

#[test]
fn while_rejected_nothing_is_answered_and_nothing_is_done() {
    let mut rig = Rig::new(&[]).scripted(|report| match report {
        Report::Boot { .. } => Some(Ok(Answer::Boot {
            registration: Registration::Rejected,
            current_time_ms: NOON,
            interval_s: 60,
        })),
        _ => None,
    });
    rig.input(Input::PowerOn);
    rig.said();
    for command in [
        Command::GetConfiguration { keys: Vec::new() },
        Command::Reset {
            kind: ResetKind::Hard,
        },
        Command::Trigger {
            message: Triggered::Boot,
            connector_id: None,
        },
        Command::RemoteStart {
            connector_id: Some(1),
            id_tag: "R".into(),
            profile: None,
        },
    ] {
        rig.ignored(command);
    }
    rig.expect(&[]);
}

/// Something ends a session that began while the line was away.
type Ending = fn(&mut Rig);

#[test]
fn what_begins_and_ends_offline_is_told_from_its_start() {
    let power_cycle = |rig: &mut Rig| {
        rig.act(Action::PowerCycle {
            seconds: 2.0,
            backup: false,
        });
    };
    let endings: [(&str, Ending); 6] = [
        ("PowerLoss", power_cycle),
        ("Reboot", |rig| rig.act(Action::Reboot)),
        ("EmergencyStop", |rig| rig.act(Action::EmergencyStop)),
        ("EVDisconnected", |rig| rig.unplug(1)),
        ("Local,N", |rig| rig.tag(1, "N")),
        ("Other", |rig| {
            rig.act(Action::RaiseFault {
                connector_id: 1,
                error_code: "GroundFailure".into(),
            });
        }),
    ];
    for (reason, ends) in endings {
        for and_then in [None, Some(power_cycle)] {
            let mut rig = Rig::booted(&[
                ("AllowOfflineTxForUnknownId", "true"),
                ("MeterValueSampleInterval", "1"),
            ]);
            rig.cut();
            rig.plug(1);
            rig.tag(1, "N");
            rig.wait(3_500);
            ends(&mut rig);
            and_then.iter().for_each(|then| then(&mut rig));
            rig.mend();
            let said = rig.said();
            let told: Vec<&str> = said
                .iter()
                .map(String::as_str)
                .filter(|one| !one.starts_with("Status") && *one != "Boot" && *one != "Disconnect")
                .collect();
            let stop = format!("Stop(101,{reason})");
            let sample = "Meter(1,Some(101),Periodic)";
            let wanted = ["Start(1,N)", sample, sample, sample, stop.as_str()];
            assert_eq!(told, wanted, "{reason}");
        }
    }
}
