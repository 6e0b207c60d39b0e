//! Transaction messages that the CSMS cannot process, or does not answer [1.6 §3.7.1].

use std::time::{Duration, SystemTime};

use cucumber::{given, then, when};
use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::role::talk::Seen;
use crate::steps::world::World;
use crate::watch::expected::{Expected, Order};
use crate::wire::entry::Message;
use crate::wire::script::Answer;
use crate::words::span;

/// What a wait may be shorter than it should: clocks of two processes are compared.
const EARLY: Duration = Duration::from_millis(200);

/// What a wait may be longer before it is a habit worth a word.
const LATE: Duration = Duration::from_secs(3);

const CANNOT: Answer = Answer::Error {
    code: "InternalError",
};

/// A transaction message, as the expectations name it.
fn action_of(name: &str) -> Result<&'static str, Failure> {
    let known = ["StartTransaction", "StopTransaction", "MeterValues"];
    let found = known.into_iter().find(|known| *known == name);
    found.ok_or_else(|| Failure::new(format!("{name} is no transaction message")))
}

/// Calls of a charge point.
const CALLS: [&str; 8] = [
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "Heartbeat",
    "MeterValues",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
];

#[given(regex = r"^the CSMS cannot process the next (\w+)$")]
async fn cannot_process(world: &mut World, action: String) -> StepResult {
    if !CALLS.contains(&action.as_str()) {
        return Err(Failure::new(format!("a charge point sends no {action}")));
    }
    let csms = world.csms()?;
    csms.talk.line.script().answer_once(&action, CANNOT);
    DONE
}

#[given(regex = r"^the CSMS can process no (\w+)$")]
async fn can_process_none(world: &mut World, action: String) -> StepResult {
    let action = action_of(&action)?;
    let csms = world.csms()?;
    csms.talk.line.script().answer_always(action, CANNOT);
    // What was answered well before is not what it sends again.
    csms.talk.begin_act();
    DONE
}

#[when("the CSMS can process each StopTransaction again")]
async fn can_process_again(world: &mut World) -> StepResult {
    let done = Answer::Result(json!({}));
    let csms = world.csms()?;
    csms.talk
        .line
        .script()
        .answer_always("StopTransaction", done);
    DONE
}

#[given(regex = r"^the CSMS does not answer the next (\w+)$")]
async fn does_not_answer(world: &mut World, action: String) -> StepResult {
    let action = action_of(&action)?;
    let csms = world.csms()?;
    csms.talk.line.script().answer_once(action, Answer::Held);
    DONE
}

/// Sent again it is the same message: a new time stamp would make it another transaction [1.6 §3.7.1].
fn same(told: &Value, seen: &Seen) -> StepResult {
    if seen.payload == *told {
        return DONE;
    }
    Err(Failure::new(format!(
        "it sent {told} and then {}; the same message is expected [1.6 §3.7.1]",
        seen.payload
    )))
}

fn told(csms: &CsmsRole, action: &str) -> Value {
    csms.talk.told.get(action).cloned().unwrap_or(json!(null))
}

#[then(regex = r"^it sends the same (StartTransaction|StopTransaction) again$")]
async fn sends_again(world: &mut World, action: String) -> StepResult {
    let action = action_of(&action)?;
    let csms = world.csms()?;
    let told = told(csms, action);
    let patience = csms.talk.patience + csms.outage.map_or(Duration::ZERO, |(_, length)| length);
    let seen = csms
        .talk
        .expect_within(Order::Next, &Expected::call(action), patience)
        .await?;
    if action == "StartTransaction" {
        super::transaction::adopt(csms, &seen).await?;
    }
    same(&told, &seen)
}

/// Readings of the session that the CSMS could not process come again as they were, before those after them.
#[then("it sends meter values that the CSMS cannot process, and the same again")]
async fn sends_readings_again(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let id = csms.talk.transaction;
    let id = id.ok_or_else(|| Failure::new("no transaction runs"))?;
    let expected = Expected::call("MeterValues").with("transactionId", id);
    let first = csms.talk.expect(Order::Next, &expected).await?;
    let again = csms.talk.expect(Order::Next, &expected).await?;
    let done = Answer::Result(json!({}));
    csms.talk.line.script().answer_always("MeterValues", done);
    same(&first.payload, &again)
}

/// What was not answered is kept, also through a restart [1.6 §3.7.1, §5.14].
#[then("it boots and sends the same StopTransaction again, in any order")]
async fn boots_and_sends_again(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let told = told(csms, "StopTransaction");
    super::boot::boot(csms).await?;
    let seen = csms
        .talk
        .expect(Order::BesideLast, &Expected::call("StopTransaction"))
        .await?;
    same(&told, &seen)
}

/// Repetitions with their waits: never sooner than TransactionMessageRetryInterval says [1.6 §9.1.32], and after each
/// failure longer by as much, which is recommended [1.6 §3.7.1].
#[then(
    regex = r"^it sends the same StopTransaction (\d+) more times, each time (\d+) seconds? later than the time before$"
)]
async fn sends_again_later(world: &mut World, times: u32, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    let interval = Duration::from_secs(seconds) * csms.stretch;
    let told = told(csms, "StopTransaction");
    let mut strange = Vec::new();
    for time in 1..=times {
        let failed = last_failure(csms).await?;
        let should = interval * time;
        let patience = csms.talk.patience + should;
        let seen = csms
            .talk
            .expect_within(Order::Next, &Expected::call("StopTransaction"), patience)
            .await?;
        same(&told, &seen)?;
        csms.talk.answered(&seen).await?;
        let waited = seen.at.duration_since(failed).unwrap_or_default();
        if waited + EARLY < interval {
            return Err(Failure::new(format!(
                "it sent its StopTransaction again {} after the error; TransactionMessageRetryInterval is {} [1.6 §9.1.32]",
                span(waited),
                span(interval)
            )));
        }
        if waited + EARLY < should || waited > should + LATE {
            strange.push(format!(
                "repetition {time} came {} after the error, not {} [1.6 §3.7.1]",
                span(waited),
                span(should)
            ));
        }
    }
    for text in strange {
        world.warn(text);
    }
    DONE
}

/// When the last StopTransaction got its error.
async fn last_failure(csms: &CsmsRole) -> Result<SystemTime, Failure> {
    let failed = csms.talk.line.wait(csms.talk.patience, |log| {
        let mut entries = log.entries.iter().rev();
        let id = entries.find_map(|entry| match entry.call_from_sut() {
            Some((id, "StopTransaction", _)) => Some(id.to_owned()),
            _ => None,
        })?;
        let mut entries = log.entries.iter().rev();
        let error = entries.find(|entry| {
            matches!(entry.frame(Direction::ToSut), Some(Message::Error { id: other, .. }) if *other == id)
        });
        error.map(|entry| entry.at)
    });
    let missing = || Failure::new("no StopTransaction was answered with an error before this step");
    failed.await.ok_or_else(missing)
}
