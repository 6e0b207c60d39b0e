//! The one way in which a command reaches a charge point: said in the words of its version, sent once, and its answer
//! understood.

use std::sync::Arc;

use dynamo_protocol::decode::{Decoded, Decoding};
use dynamo_protocol::{CallError, ChargePointId, RawValue};
use serde_json::Value;

use super::dialect::Dialect;
use super::key_change;
use super::masked::without_keys;
use super::version::Served;
use crate::App;
use crate::domain::charge_points::deviation;
use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::{Answer, CallFailure, Command};
use crate::store::{DeviationReport, Result};

/// What became of a command.
pub(crate) struct Sent {
    /// The action that said it.
    pub action: &'static str,
    pub result: std::result::Result<Answer, CallFailure>,
}

/// Sends a command and waits for its answer. What had to be forgiven of that is left behind in the records of the charge
/// point. Never waits longer than the command time-out, and whoever stops waiting takes along what was not sent; but
/// that a command gives the charge point its password, is seen to its end.
///
/// # Errors
/// When a new password cannot be kept; it was not sent then.
pub(crate) async fn send(app: &Arc<App>, id: &ChargePointId, command: &Command) -> Result<Sent> {
    // Nothing is sent to one that is offline; what is said to it says only what was meant.
    let spoken = app.sessions.dialect(id);
    let dialect = spoken.unwrap_or_else(|| {
        let written = match command {
            Command::Raw(raw) => Served::find(raw.version),
            _ => None,
        };
        written.unwrap_or_else(Served::usual).dialect
    });
    let numbering = match command {
        // In the words of its version, numbers and all.
        Command::Raw(_) => Numbering::default(),
        _ => match app.store.numbering(id.as_str()).await {
            Ok(numbering) => numbering,
            Err(error) => {
                tracing::warn!(charge_point = %id, cause = %error, "a command is not sent");
                return Ok(unsaid(CallFailure::NotSent));
            }
        },
    };
    let call = match dialect.say(command, &numbering) {
        Ok(call) => call,
        Err(failure) => return Ok(unsaid(failure)),
    };
    let action = call.action;
    let result = match key_change::call(app, id, dialect, call).await? {
        Ok(payload) => understand(app, id, dialect, action, &payload).await,
        Err(failure) => Err(failure),
    };
    Ok(Sent { action, result })
}

fn unsaid(failure: CallFailure) -> Sent {
    Sent {
        action: "the command",
        result: Err(failure),
    }
}

/// What an answer says. An error says what is wrong with it.
async fn understand(
    app: &App,
    id: &ChargePointId,
    dialect: &dyn Dialect,
    action: &'static str,
    payload: &RawValue,
) -> std::result::Result<Answer, CallFailure> {
    let invalid = |error: CallError| {
        let said: Value = serde_json::from_str(payload.get()).unwrap_or_default();
        CallFailure::Invalid {
            reason: error.description,
            answer: Box::new(dialect.answer(action, said)),
        }
    };
    let refused = match dialect.read(action, Decoding::Strict, payload) {
        Ok(read) => return Ok(dialect.answer(action, read.message)),
        Err(refused) => refused,
    };
    let own = match app.store.charge_point(id.as_str()).await {
        Ok(found) => found.and_then(|found| found.decoding),
        // It was taken off the registry meanwhile, or nobody knows: the answer is there all the same.
        Err(_) => None,
    };
    if own.unwrap_or(app.options.decoding) == Decoding::Strict {
        return Err(invalid(refused));
    }
    let read = dialect.read(action, Decoding::Tolerant, payload);
    let Decoded {
        message,
        deviations,
    } = read.map_err(invalid)?;
    let report = DeviationReport {
        charge_point_id: id.as_str().to_owned(),
        message: format!("{action}.conf"),
        deviations: without_keys(deviations, payload.get()),
        received_at_ms: app.clock().now_ms(),
    };
    let count = |leniency| app.metrics.deviated(leniency);
    deviation::record(&app.store, count, report).await;
    Ok(dialect.answer(action, message))
}
