//! What a user sees of the simulator, against a CSMS that does what each test tells it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod control;
mod csms;
mod driver;
mod fleet;
mod rubbish;
mod strange;
mod verdict;

use std::time::Duration;

use dynamo_protocol::ChargePointId;
use dynamo_simulator::charge_point::{Action, Hardware, Setup, Snapshot};
use dynamo_simulator::{Clock, Handle, Station};

/// A charge point for tests: fast to boot and to reconnect.
fn station(csms_url: String, clock: Clock) -> Station {
    let mut setup = Setup::default();
    setup.boot_ms = 0;
    setup.reconnect_min_ms = 100;
    setup.reconnect_max_ms = 500;
    Station {
        id: ChargePointId::new("CP-1").unwrap(),
        csms_url,
        password: None,
        tls: None,
        hardware: Hardware::default(),
        setup,
        seed: 7,
        clock,
    }
}

/// Waits until the charge point looks as wanted; every change of it is published.
async fn until(handle: &Handle, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let mut activity = handle.activity();
    let reached = async {
        loop {
            activity.borrow_and_update();
            let snapshot = handle.snapshot();
            if wanted(&snapshot) {
                return snapshot;
            }
            activity.changed().await.unwrap();
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), reached).await {
        Ok(snapshot) => snapshot,
        Err(_) => panic!("waited in vain until {what}: {:?}", handle.snapshot()),
    }
}

fn card() -> Action {
    Action::PresentIdTag {
        connector_id: Some(1),
        id_tag: "TAG-1".into(),
    }
}
