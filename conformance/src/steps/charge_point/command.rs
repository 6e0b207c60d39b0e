//! Commands of the central system and how a charge point answers them.

use cucumber::then;
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::wire::entry::Message;
use crate::words::words;

#[then(regex = r"^it answers ([A-Z]\w+(?:, [A-Z]\w+)*(?: or [A-Z]\w+)?)$")]
async fn answers(world: &mut World, wanted: String) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    status_is(&result, &words(&wanted))
}

fn status_is(result: &Value, wanted: &[String]) -> StepResult {
    match result["status"].as_str() {
        Some(status) if wanted.iter().any(|word| word == status) => DONE,
        Some(status) => Err(Failure::new(format!(
            "it answered {status}, not {}",
            wanted.join(" or ")
        ))),
        None => Err(Failure::new(format!("its answer {result} has no status"))),
    }
}

/// A vendor that nobody knows [1.6 §4.3]. Some take everything; nothing comes of it.
#[then("it answers UnknownVendorId, UnknownMessageId or Rejected; Accepted is warned about")]
async fn answers_unknown_vendor(world: &mut World) -> StepResult {
    let result = world.csms()?.talk.result().await?;
    if result["status"] == "Accepted" {
        world.warn("it accepted data of a vendor that nobody knows; UnknownVendorId is expected [1.6 §4.3]");
        return DONE;
    }
    status_is(
        &result,
        &["UnknownVendorId", "UnknownMessageId", "Rejected"].map(str::to_owned),
    )
}

#[then("it answers Rejected or with an error")]
async fn answers_rejected_or_error(world: &mut World) -> StepResult {
    let talk = world.talk()?;
    match talk.answer().await? {
        Message::Result { payload, .. } => status_is(&payload, &["Rejected".to_owned()]),
        Message::Error { id, .. } => {
            talk.errors_expected.insert(id);
            DONE
        }
        other => Err(Failure::new(format!(
            "Rejected or an error is expected, not {other}"
        ))),
    }
}
