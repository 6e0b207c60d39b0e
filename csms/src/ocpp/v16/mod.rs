//! OCPP 1.6: what a charge point may send, and which function answers it; and its dialect, in which it is commanded.
//! Handlers turn wire types into the domain's and back, nothing more.

mod answer;
mod authorize;
mod boot;
mod command;
mod dialect;
mod meter_values;
mod notes;
mod numbers;
mod profile;
mod report;
mod transaction;

pub(crate) use dialect::{V16, find, new_key, raw, wrong_key};

use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, ErrorCode};

use super::routes::Routes;

#[cfg(test)]
/// What a charge point may send and this CSMS does not serve: it has no certificate authority.
pub(crate) const NOT_SERVED: &[Action] = &[Action::SignCertificate];

/// The highest connector number that is taken; no charge point has as many.
const CONNECTOR_MAX: i32 = 1_000;

/// A connector's number, 0 for the whole charge point.
fn connector(number: i32) -> Result<i64, CallError> {
    if (0..=CONNECTOR_MAX).contains(&number) {
        return Ok(i64::from(number));
    }
    Err(CallError::new(
        ErrorCode::PropertyConstraintViolation,
        format!("connectorId: a number from 0 to {CONNECTOR_MAX} is wanted, not {number}"),
    ))
}

pub(crate) fn routes() -> Routes {
    Routes::new::<Action>()
        .on(authorize::authorize)
        .on(boot::boot_notification)
        .on(boot::heartbeat)
        .on(boot::status_notification)
        .on(meter_values::meter_values)
        .on(notes::data_transfer)
        .on(notes::diagnostics_status_notification)
        .on(notes::firmware_status_notification)
        .on(notes::log_status_notification)
        .on(notes::security_event_notification)
        .on(notes::signed_firmware_status_notification)
        .on(transaction::start_transaction)
        .on_or(transaction::stop_transaction, transaction::keep_unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_a_charge_point_may_send_is_served_or_listed() {
        let routes = routes();
        for action in Action::ALL {
            let wanted = action.origin().from_charging_station() && !NOT_SERVED.contains(action);
            assert_eq!(routes.serves(action.as_str()), wanted, "{action}");
        }
    }
}
