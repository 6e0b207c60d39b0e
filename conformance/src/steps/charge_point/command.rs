//! Commands of the central system and how a charge point answers them.

use cucumber::{then, when};
use serde_json::{Value, json};

use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::wire::entry::Message;
use crate::words::words;

#[when(regex = r"^the CSMS starts a session remotely with (the \w+ tag) on connector (\d+)$")]
async fn remote_start(world: &mut World, word: TagWord, connector: u32) -> StepResult {
    let tag = world.tag(word).await?;
    let csms = world.csms()?;
    csms.talk.mark("remote start");
    if connector == 0 || connector > csms.traits.connectors {
        csms.talk
            .command_that_may_fail(
                "RemoteStartTransaction",
                json!({"connectorId": connector, "idTag": tag}),
            )
            .await;
    } else {
        csms.talk
            .command(
                "RemoteStartTransaction",
                json!({"connectorId": connector, "idTag": tag}),
            )
            .await;
    }
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
