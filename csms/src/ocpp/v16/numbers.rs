//! The numbers of OCPP 1.6 for connectors and transactions.
//!
//! It counts the connectors of a charge point, whichever EVSE they belong to: a target that is no such thing, or several
//! of them, has no number.

use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::{CallFailure, Target};

/// Why something cannot be said.
pub(super) fn no_words(what: &str) -> CallFailure {
    CallFailure::NotSayable(format!("OCPP 1.6 has no words for {what}"))
}

/// The number of a connector; 0 is the whole charge point [1.6 §3.7].
pub(super) fn connector(target: Target, numbering: &Numbering) -> Result<i32, CallFailure> {
    match target {
        Target::Station => Ok(0),
        Target::Evse(evse) => of_evse(Some(evse), numbering),
        Target::Connector { evse, connector } => {
            let number = numbering.connector_of(i64::from(evse), i64::from(connector));
            let number = number.and_then(|number| i32::try_from(number).ok());
            number.ok_or_else(|| no_words(&format!("connector {connector} of EVSE {evse}")))
        }
    }
}

/// The number of an EVSE's only connector; without an EVSE the whole charge point.
pub(super) fn of_evse(evse: Option<u32>, numbering: &Numbering) -> Result<i32, CallFailure> {
    let Some(evse) = evse.filter(|evse| *evse != 0) else {
        return Ok(0);
    };
    let number = numbering.only_connector_of(i64::from(evse));
    let number = number.and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| no_words(&format!("EVSE {evse}, of which no connector is named")))
}

/// The number of a transaction: this version knows nothing but numbers that a CSMS gave.
pub(super) fn number_of(transaction: &str) -> Result<i32, CallFailure> {
    let number = transaction.parse();
    number.map_err(|_| no_words(&format!("the transaction {transaction:?}")))
}
