//! Commands of the central system and how a charge point answers them.

use cucumber::then;
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::wire::entry::{Entry, Message};
use crate::words::{duration, words};

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
    if !result["data"].is_null() {
        let text = format!(
            "its answer {result} carries data; there are none for a vendor that nobody knows [1.6 §4.3]"
        );
        if result["status"] == "UnknownVendorId" {
            return Err(Failure::new(text));
        }
        world.warn(text);
    }
    status_is(
        &result,
        &["UnknownVendorId", "UnknownMessageId", "Rejected"].map(str::to_owned),
    )
}

/// While it is refused a charge point answers nothing [1.6 §4.2].
#[then(regex = r"^it does not answer for (\d+) (\w+)$")]
async fn does_not_answer(world: &mut World, number: u64, unit: String) -> StepResult {
    let talk = &mut world.csms()?.talk;
    let id = talk.last_call.as_ref().map(|(id, _)| id.clone());
    let id = id.ok_or_else(|| Failure::new("no command was sent before this step"))?;
    let answered = talk
        .line
        .wait(duration(number, &unit)?, |log| log.answer_to(&id))
        .await;
    match answered {
        Some(_) => Err(Failure::new(
            "it answered; while its boot is Rejected it answers nothing [1.6 §4.2]",
        )),
        None => {
            talk.silence_expected.insert(id.clone());
            talk.errors_expected.insert(id);
            DONE
        }
    }
}

/// What it does with the command once it is accepted is its own affair.
#[then("it has not answered before that boot")]
async fn has_not_answered(world: &mut World) -> StepResult {
    let talk = &world.csms()?.talk;
    let log = talk.line.log();
    let answer = talk
        .last_call
        .as_ref()
        .and_then(|(id, _)| log.answer_to(id));
    let boots = |entry: &Entry| {
        let call = entry.call_from_sut();
        call.is_some_and(|(_, action, _)| action == "BootNotification")
    };
    let boot = log.entries.iter().rposition(boots);
    match (answer, boot) {
        (Some(answer), Some(boot)) if answer < boot => Err(Failure::new(
            "it answered while its boot was Rejected; it answers nothing then [1.6 §4.2]",
        )),
        _ => DONE,
    }
}

#[then(regex = r"^it answers ([A-Z]\w+(?:, [A-Z]\w+)*) or with an error$")]
async fn answers_or_error(world: &mut World, wanted: String) -> StepResult {
    let talk = world.talk()?;
    match talk.answer().await? {
        Message::Result { payload, .. } => status_is(&payload, &words(&wanted)),
        Message::Error { id, .. } => {
            talk.errors_expected.insert(id);
            DONE
        }
        other => Err(Failure::new(format!(
            "{wanted} or an error is expected, not {other}"
        ))),
    }
}
