//! Answers of charge points to commands, read as far as they can be understood.

use dynamo_protocol::decode::{Decoded, Decoding};
use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, ChargePointId, RawValue};
use serde_json::Value;

use crate::App;
use crate::domain::charge_points::deviation;
use crate::store::DeviationReport;

/// What an answer says; what had to be forgiven is left behind in the records of the charge point.
///
/// # Errors
/// When it cannot be understood: what is wrong with it.
pub(crate) async fn understand(
    app: &App,
    id: &ChargePointId,
    action: Action,
    answer: &RawValue,
) -> Result<Value, CallError> {
    let exact = Decoding::Strict.read_response(action, answer);
    let Err(refused) = exact else {
        return exact.map(|read| read.message);
    };
    let own = match app.store.charge_point(id.as_str()).await {
        Ok(found) => found.and_then(|found| found.decoding),
        // It was taken off the registry meanwhile, or nobody knows: the answer is there all the same.
        Err(_) => None,
    };
    if own.unwrap_or(app.options.decoding) == Decoding::Strict {
        return Err(refused);
    }
    let Decoded {
        message,
        deviations,
    } = Decoding::Tolerant.read_response(action, answer)?;
    let report = DeviationReport {
        charge_point_id: id.as_str().to_owned(),
        message: format!("{action}.conf"),
        deviations,
        received_at_ms: app.clock().now_ms(),
    };
    let count = |leniency| app.metrics.deviated(leniency);
    deviation::record(&app.store, count, report).await;
    Ok(message)
}
