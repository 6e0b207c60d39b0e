//! Handshakes that confirm what they should not.

use dynamo_protocol::SUBPROTOCOL_16;

use crate::defect::Offers;

/// The subprotocols of an offer.
fn words(offer: &str) -> impl Iterator<Item = &str> {
    offer.split(',').map(str::trim)
}

pub(super) static SEEDS: &[Offers] = &[
    Offers {
        name: "takes an unknown subprotocol for OCPP 1.6",
        breaks: "without a common subprotocol the line is closed [1.6J §3.2]",
        make: |offer| {
            if offer.is_empty() {
                return String::new();
            }
            SUBPROTOCOL_16.to_owned()
        },
    },
    Offers {
        name: "takes whoever names no subprotocol",
        breaks: "without a common subprotocol the line is closed [1.6J §3.2]",
        make: |offer| {
            if offer.is_empty() {
                return SUBPROTOCOL_16.to_owned();
            }
            offer.to_owned()
        },
    },
    Offers {
        name: "reads the first subprotocol of an offer alone",
        breaks: "one of the offered subprotocols is confirmed [1.6J §3.2]",
        make: |offer| words(offer).next().unwrap_or_default().to_owned(),
    },
];
