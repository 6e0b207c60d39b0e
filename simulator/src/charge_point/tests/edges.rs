//! Rare moments: ways down, cables that are kept, clocks that are put right.

use super::harness::{Rig, info};
use crate::charge_point::{
    Action, Answer, AuthorizationStatus, CableSide, Command, Context, Fact, Hardware, Report,
    ResetKind, Triggered,
};

fn fixed_cable() -> Hardware {
    Hardware {
        fixed_cable: true,
        ..Hardware::default()
    }
}

fn at_station() -> Action {
    Action::Unplug {
        connector_id: 1,
        side: CableSide::Station,
    }
}

#[test]
fn nothing_begins_on_the_way_down() {
    let backup = Hardware {
        backup_power: true,
        ..Hardware::default()
    };
    for by_reset in [true, false] {
        // The stop is not answered well, so the way down takes its time.
        let mut rig = Rig::with(backup.clone(), &[("TransactionMessageAttempts", "9")])
            .scripted(|report| {
                matches!(report, Report::StopTransaction { .. })
                    .then(|| Err(super::harness::refused()))
            })
            .boot()
            .charge();
        // Somebody is awaited at the other connector.
        rig.tag(2, "B");
        rig.said();
        if by_reset {
            let kind = ResetKind::Soft;
            rig.command(Command::Reset { kind }).unwrap();
        } else {
            rig.act(Action::PowerCycle {
                seconds: 3_600.0,
                backup: true,
            });
        }
        rig.plug(2);
        rig.wait(60_000);
        let said = rig.said();
        assert!(!said.iter().any(|w| w.starts_with("Start")), "{said:?}");
        let seen = rig.cp.snapshot();
        assert!(!seen.connectors[1].charging && seen.connectors[1].meter_wh == 0);
    }
}

#[test]
fn a_kept_cable_is_given_back_to_its_owner_and_nobody_else() {
    let keys = [("UnlockConnectorOnEVSideDisconnect", "false")];
    for (tag, given_back) in [("a", true), ("FRIEND", true), ("OTHER", false)] {
        for anywhere in [false, true] {
            let mut rig = Rig::booted(&keys).scripted(|report| match report {
                Report::Authorize { id_tag } => {
                    let parent = (&**id_tag != "OTHER").then_some("FAMILY");
                    let info = info(AuthorizationStatus::Accepted, parent);
                    Some(Ok(Answer::Authorize(info)))
                }
                _ => None,
            });
            rig = rig.charge();
            rig.unplug(1);
            rig.said();
            if anywhere {
                rig.anywhere(tag);
            } else {
                rig.tag(1, tag);
            }
            let said = rig.said();
            assert!(!said.contains(&"Status(1,Preparing)".into()), "{said:?}");
            rig.act(at_station());
            let free = rig.status(1) == "Available";
            assert_eq!(free, given_back, "{tag} anywhere={anywhere}");
        }
    }
}

#[test]
fn a_fixed_cable_is_free_after_a_transaction_that_outlived_it() {
    let keys = [("StopTransactionOnEVSideDisconnect", "false")];
    let mut rig = Rig::with(fixed_cable(), &keys).boot().charge();
    rig.unplug(1);
    assert_eq!(rig.status(1), "SuspendedEV");
    rig.tag(1, "A");
    assert_eq!(rig.status(1), "Available");
}

#[test]
fn a_scheduled_change_leaves_nothing_of_the_transaction_behind() {
    let mut rig = Rig::charging(&[]);
    let change = |operative| Command::ChangeAvailability {
        connector_id: 1,
        operative,
    };
    rig.command(change(false)).unwrap();
    rig.tag(1, "A");
    rig.said();
    rig.command(change(true)).unwrap();
    rig.expect(&["Status(1,Preparing)"]);
}

/// Aligned stamps told while the CSMS's clock is off by what `error_ms` says for each answer.
fn aligned_stamps(errors_ms: &'static [i64]) -> Vec<i64> {
    let keys = [
        ("ClockAlignedDataInterval", "60"),
        ("HeartbeatInterval", "10"),
    ];
    let mut rig = Rig::with(Hardware::default(), &keys);
    let wall = std::rc::Rc::new(std::cell::Cell::new(rig.now.wall_ms));
    let (seen, mut turn) = (std::rc::Rc::clone(&wall), 0);
    rig = rig.scripted(move |report| {
        turn += 1;
        let current_time_ms = seen.get() + errors_ms[turn % errors_ms.len()];
        match report {
            Report::Heartbeat => Some(Ok(Answer::Heartbeat { current_time_ms })),
            _ => None,
        }
    });
    rig = rig.boot();
    rig.set("HeartbeatInterval", "7");
    for _ in 0..6_000 {
        rig.wait(100);
        wall.set(rig.now.wall_ms);
    }
    let stamps = rig.reports.iter().filter_map(|report| match report {
        Report::MeterValues {
            connector_id: 1,
            readings,
            ..
        } => (readings[0].context == Context::Clock).then_some(readings[0].at_ms),
        _ => None,
    });
    stamps.collect()
}

#[test]
fn aligned_readings_are_neither_lost_nor_doubled_when_the_clock_is_put_right() {
    for errors_ms in [&[0][..], &[0, 900], &[-900, 0, 400], &[-450, 450, -300]] {
        let stamps = aligned_stamps(errors_ms);
        assert!(stamps.len() >= 9, "{errors_ms:?}: {stamps:?}");
        assert!(
            stamps.windows(2).all(|pair| pair[1] - pair[0] == 60_000),
            "{errors_ms:?}: {stamps:?}"
        );
    }
}

#[test]
fn triggered_readings_of_a_transaction_are_in_its_ledger_line() {
    let mut rig = Rig::charging(&[]);
    rig.wait(10_000);
    let trigger = Command::Trigger {
        message: Triggered::MeterValues,
        connector_id: Some(1),
    };
    rig.command(trigger).unwrap();
    assert_eq!(rig.cp.open_transactions()[0].meter_values.len(), 1);
    rig.tag(1, "A");
    let Some(Fact::TransactionStopped {
        energy_wh,
        entry: Some(entry),
    }) = rig.facts.last()
    else {
        panic!("not stopped: {:?}", rig.facts.last());
    };
    assert_eq!(entry.meter_values.len(), 1);
    assert_eq!(entry.meter_stop, Some(entry.meter_start + energy_wh));
}
