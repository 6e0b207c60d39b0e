//! Large charge points and full queues.

use super::harness::{Rig, able};
use crate::charge_point::queue::MESSAGES_MAX;
use crate::charge_point::{
    Action, Command, Fact, Hardware, NotDone, Reply, TriggerReply, Triggered,
};

#[test]
fn every_default_value_fits_into_its_answer() {
    for connectors in [1, 33, 100] {
        let hardware = Hardware {
            connectors,
            ..able()
        };
        let mut rig = Rig::with(hardware, &[]).boot();
        let all = Command::GetConfiguration { keys: Vec::new() };
        let Ok(Reply::Configuration { known, .. }) = rig.command(all) else {
            panic!("no configuration");
        };
        for entry in known {
            let chars = entry.value.chars().count();
            assert!(chars <= 500, "{}: {chars}", entry.key);
            assert!(!entry.value.ends_with(','), "{}", entry.value);
        }
    }
}

#[test]
fn a_charge_point_of_a_hundred_connectors_works_as_one_of_two() {
    let hardware = Hardware {
        connectors: 100,
        ..Hardware::default()
    };
    // Nothing is answered yet: everything waits.
    let mut rig = Rig::with(hardware, &[("AuthorizeRemoteTxRequests", "true")]).boot();
    let boots = rig.now.mono_ms;
    rig.act(Action::Disconnect { seconds: 5.0 });
    for connector_id in 1..=100 {
        rig.plug(connector_id);
    }
    rig.hold = true;
    rig.wait(5_000);
    assert!(rig.now.mono_ms > boots);
    // A hundred states wait for their turn; people and the CSMS are served all the same.
    rig.tag(1, "A");
    let start = Command::RemoteStart {
        connector_id: Some(50),
        id_tag: "R".into(),
        profile: None,
    };
    let accepted = Ok(Reply::RemoteStart { accepted: true });
    assert_eq!(rig.command(start), accepted);
    let trigger = Command::Trigger {
        message: Triggered::MeterValues,
        connector_id: None,
    };
    let reply = rig.command(trigger);
    assert_eq!(reply, Ok(Reply::Trigger(TriggerReply::Accepted)));
    rig.release();
    let said = rig.said();
    let count = |word: &str| said.iter().filter(|one| one.starts_with(word)).count();
    assert_eq!(count("Meter("), 100);
    assert_eq!(
        count("Status(") - count("Status(1,") + count("Status(100"),
        101
    );
    assert!(said.contains(&"Start(1,A)".into()) && said.contains(&"Start(50,R)".into()));
}

#[test]
fn a_full_outbox_refuses_cards_and_keeps_what_it_accepted() {
    let mut rig = Rig::booted(&[]);
    rig.hold = true;
    let trigger = Command::Trigger {
        message: Triggered::Heartbeat,
        connector_id: None,
    };
    let mut accepted = 0;
    while rig.command(trigger.clone()) == Ok(Reply::Trigger(TriggerReply::Accepted)) {
        accepted += 1;
        assert!(accepted < 1_000, "it takes everything");
    }
    rig.plug(1);
    rig.tag(1, "A");
    let told = rig.facts.last();
    assert!(matches!(told, Some(Fact::NotDone(NotDone::Refused(_)))));
    rig.release();
    let said = rig.said();
    let heartbeats = said.iter().filter(|one| *one == "Heartbeat").count();
    assert_eq!(heartbeats, accepted);
    assert!(said.contains(&"Status(1,Preparing)".into()), "{said:?}");
    rig.tag(1, "A");
    assert_eq!(rig.status(1), "Charging");
}

#[test]
fn a_full_queue_refuses_cards() {
    let mut rig = Rig::booted(&[("AllowOfflineTxForUnknownId", "true")]);
    rig.cut();
    rig.plug(1);
    for _ in 0..MESSAGES_MAX / 2 {
        rig.tag(1, "A");
        rig.tag(1, "A");
    }
    assert!(!matches!(rig.facts.last(), Some(Fact::NotDone(_))));
    rig.tag(1, "A");
    let told = rig.facts.last();
    assert!(matches!(told, Some(Fact::NotDone(NotDone::Refused(_)))));
}
