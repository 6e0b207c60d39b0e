//! Steps of scenarios that put a CSMS to the test: the rig is its charge point.

mod boot;
mod command;
mod line;
mod session;

pub(crate) use boot::{accepted_by_csms, accepted_with};
pub(crate) use session::{session_runs, transaction_begins};

use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::station::StationRole;

/// Connectors of the scripted charge point.
const CONNECTORS: u32 = 2;

/// Sends a call and wants it acknowledged: the beginning of many scenarios.
async fn told(station: &mut StationRole, action: &str, payload: Value) -> Result<Value, Failure> {
    station.talk.command(action, payload).await;
    station.talk.result().await
}

/// One of these words must be the status of the answer.
fn status_is(result: &Value, pointer: &str, wanted: &[String]) -> StepResult {
    match result.pointer(pointer).and_then(Value::as_str) {
        Some(status) if wanted.iter().any(|word| word == status) => DONE,
        Some(status) => Err(Failure::new(format!(
            "the CSMS answered {status}, not {}",
            wanted.join(" or ")
        ))),
        None => Err(Failure::new(format!("the answer {result} has no status"))),
    }
}
