//! How much memory a charge point costs.

use crate::charge_point::ChargePoint;
use crate::charge_point::connector::Connector;

#[test]
fn an_idle_charge_point_stays_small() {
    let own = size_of::<ChargePoint>();
    let connectors = 2 * size_of::<Connector>();
    println!("charge point {own} bytes, two connectors {connectors} bytes");
    assert!(own + connectors <= 1_024, "{own} + {connectors}");
}
