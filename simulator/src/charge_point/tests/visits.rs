//! A charge point and the person who visits it.

use super::harness::Rig;
use crate::charge_point::{Command, Fact, Hardware};
use crate::visitor::{Sessions, Visitor};

/// Lives for so long: the visitor acts when it wants to, the charge point is woken when it wants to be.
fn live(rig: &mut Rig, visitor: &mut Visitor, ms: u64, mut meanwhile: impl FnMut(&mut Rig)) {
    let end = rig.now.mono_ms + ms;
    while rig.now.mono_ms < end {
        while let Some(action) = visitor.act(rig.now.mono_ms, &rig.cp.snapshot()) {
            rig.act(action);
        }
        meanwhile(rig);
        rig.wait(1_000);
    }
}

fn visitor() -> Visitor {
    Visitor::new("TAG".into(), Some(Sessions::default()), 1.0, 7)
}

fn stopped(rig: &Rig) -> usize {
    let is_stop = |fact: &&Fact| matches!(fact, Fact::TransactionStopped { .. });
    rig.facts.iter().filter(is_stop).count()
}

/// The CSMS is faster than the card: it starts the session of somebody else wherever a car is plugged in.
fn start_for_a_guest(rig: &mut Rig) {
    let waiting = rig.cp.snapshot();
    let mut waiting = waiting.connectors.iter().filter(|c| c.plugged);
    if let Some(connector) = waiting.find(|c| c.status == "Preparing") {
        rig.command(Command::RemoteStart {
            connector_id: Some(connector.connector_id),
            id_tag: "GUEST".into(),
            profile: None,
        })
        .unwrap();
    }
}

#[test]
fn no_connector_is_finishing_for_ever() {
    for stop in ["true", "false"] {
        for unlock in ["true", "false"] {
            for fixed_cable in [true, false] {
                let hardware = Hardware {
                    connectors: 1,
                    fixed_cable,
                    ..Hardware::default()
                };
                let mut rig = Rig::with(
                    hardware,
                    &[
                        ("StopTransactionOnEVSideDisconnect", stop),
                        ("UnlockConnectorOnEVSideDisconnect", unlock),
                        ("MeterValueSampleInterval", "0"),
                    ],
                )
                .boot();
                let mut visitor = visitor();
                live(&mut rig, &mut visitor, 3_600_000, start_for_a_guest);
                // A session takes two minutes at most, with all the patience of a visitor.
                let sessions = stopped(&rig);
                assert!(
                    sessions >= 20,
                    "stop {stop}, unlock {unlock}, fixed {fixed_cable}: {sessions} sessions, now {}",
                    rig.status(1)
                );
            }
        }
    }
}

#[test]
fn sessions_of_one_s_own_go_on_as_ever() {
    let mut rig = Rig::booted(&[("MeterValueSampleInterval", "0")]);
    live(&mut rig, &mut visitor(), 3_600_000, |_| {});
    assert!(stopped(&rig) >= 80, "{}", stopped(&rig));
    assert!(
        !rig.facts
            .iter()
            .any(|fact| matches!(fact, Fact::NotDone(_)))
    );
}
