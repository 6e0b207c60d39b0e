//! Commands of the central system and how a charge point answers them.

use cucumber::{then, when};
use serde_json::{Value, json};

use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::wire::entry::Message;
use crate::words::words;

#[when(
    regex = r"^the CSMS starts a session remotely with (the \w+ tag|another tag) on connector (\d+)$"
)]
async fn remote_start(world: &mut World, word: TagWord, connector: u32) -> StepResult {
    let tag = world.tag(word).await?;
    start_remotely(world, &tag, connector).await
}

#[when(
    regex = r"^the CSMS starts a session remotely with (the \w+ tag) on a connector that is not there$"
)]
async fn remote_start_nowhere(world: &mut World, word: TagWord) -> StepResult {
    let tag = world.tag(word).await?;
    let connector = not_there(world)?;
    start_remotely(world, &tag, connector).await
}

/// The first number that no connector has.
pub(super) fn not_there(world: &mut World) -> Result<u32, Failure> {
    Ok(world.csms()?.traits.connectors + 1)
}

/// The step behind it says which answers are right.
async fn start_remotely(world: &mut World, tag: &str, connector: u32) -> StepResult {
    let csms = world.csms()?;
    csms.talk.mark("remote start");
    let request = json!({"connectorId": connector, "idTag": tag});
    csms.talk
        .command_that_may_fail("RemoteStartTransaction", request)
        .await;
    DONE
}

#[when("the CSMS stops the session remotely")]
async fn remote_stop(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let id = csms
        .talk
        .transaction
        .ok_or_else(|| Failure::new("no transaction runs"))?;
    csms.talk
        .command("RemoteStopTransaction", json!({"transactionId": id}))
        .await;
    DONE
}

#[when("the CSMS stops a session remotely that does not run")]
async fn remote_stop_unknown(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let other = csms.talk.transaction.unwrap_or(0) + 7_919;
    csms.talk
        .command("RemoteStopTransaction", json!({"transactionId": other}))
        .await;
    DONE
}

#[when(regex = r"^the CSMS sends data of the vendor (\S+)$")]
async fn data_transfer(world: &mut World, vendor: String) -> StepResult {
    world
        .csms()?
        .talk
        .command(
            "DataTransfer",
            json!({"vendorId": vendor, "data": "anything"}),
        )
        .await;
    DONE
}

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
    match world.csms()?.talk.answer().await? {
        Message::Result { payload, .. } => status_is(&payload, &["Rejected".to_owned()]),
        Message::Error { .. } => DONE,
        other => Err(Failure::new(format!(
            "Rejected or an error is expected, not {other}"
        ))),
    }
}
