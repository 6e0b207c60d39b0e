//! The numbers of OCPP 1.6 for connectors and transactions.
//!
//! EVSE n is connector n here, and has one connector: a target that is no such thing has no number.

use crate::domain::command::{CallFailure, Target};

/// Why something cannot be said.
pub(super) fn no_words(what: &str) -> CallFailure {
    CallFailure::NotSayable(format!("OCPP 1.6 has no words for {what}"))
}

/// The number of a connector; 0 is the whole charge point [1.6 §3.7].
pub(super) fn connector(target: Target) -> Result<i32, CallFailure> {
    match target {
        Target::Station => Ok(0),
        Target::Evse(evse) | Target::Connector { evse, connector: 1 } => of_evse(Some(evse)),
        Target::Connector { evse, connector } => {
            Err(no_words(&format!("connector {connector} of EVSE {evse}")))
        }
    }
}

/// The number of an EVSE's connector.
pub(super) fn of_evse(evse: Option<u32>) -> Result<i32, CallFailure> {
    let evse = evse.unwrap_or(0);
    i32::try_from(evse).map_err(|_| no_words(&format!("EVSE {evse}")))
}

/// The number of a transaction: this version knows nothing but numbers that a CSMS gave.
pub(super) fn number_of(transaction: &str) -> Result<i32, CallFailure> {
    let number = transaction.parse();
    number.map_err(|_| no_words(&format!("the transaction {transaction:?}")))
}
