//! The beginning and the end of transactions.

use std::time::{Duration, SystemTime};

use cucumber::{given, then};
use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::role::talk::Seen;
use crate::steps::world::World;
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::entry::Message;
use crate::wire::script::Answer;
use crate::words::quoted;

/// What the clocks of a charge point and of the rig may differ.
const CLOCK_SLACK: Duration = Duration::from_millis(1_500);

/// A start as it must look.
fn start(connector: u32, tag: &str) -> Expected {
    Expected::call("StartTransaction")
        .with("connectorId", connector)
        .want("idTag", Want::Tag(tag.to_owned()))
        .want("meterStart", Want::AtLeast(0))
        .want("reservationId", Want::Absent)
}

/// The end of the scenario's transaction as it must look. `Local` is what a missing reason means [1.6 §6.49].
pub(super) fn stop(csms: &CsmsRole, reason: &str) -> Expected {
    let begun = csms
        .talk
        .told
        .get("StartTransaction")
        .and_then(|told| told["meterStart"].as_i64())
        .unwrap_or(0);
    let expected = Expected::call("StopTransaction").want("meterStop", Want::AtLeast(begun));
    let expected = match csms.talk.transaction {
        Some(id) => expected.with("transactionId", id),
        None => expected,
    };
    if reason == "Local" {
        expected
    } else {
        expected.with("reason", reason)
    }
}

/// Takes a start in, once it is answered: the scenario speaks of this transaction from now on.
async fn adopt(csms: &mut CsmsRole, seen: &Seen) -> StepResult {
    let answer = csms.talk.line.wait(csms.talk.patience, |log| {
        log.entries
            .iter()
            .find_map(|entry| match entry.frame(Direction::ToSut)? {
                Message::Result { id, payload } if *id == seen.id => {
                    Some(payload["transactionId"].as_i64())
                }
                Message::Error { id, .. } if *id == seen.id => Some(None),
                _ => None,
            })
    });
    let answer = answer.await;
    csms.talk.transaction = answer.ok_or_else(|| Failure::new("the start was not answered"))?;
    csms.talk
        .told
        .insert("StartTransaction", seen.payload.clone());
    DONE
}

#[then(
    regex = r"^(before or after that, )?it starts a transaction on connector (\d+) with (the \w+ tag)(, begun during the outage)?$"
)]
async fn starts(
    world: &mut World,
    beside: String,
    connector: u32,
    word: TagWord,
    outage: String,
) -> StepResult {
    let tag = world.tag(word).await?;
    let csms = world.csms()?;
    let patience = csms.talk.patience + csms.outage.map_or(Duration::ZERO, |(_, length)| length);
    let seen = csms
        .talk
        .expect_within(Order::of(&beside), &start(connector, &tag), patience)
        .await?;
    if !outage.is_empty() {
        during_outage(csms, &seen.payload)?;
    }
    adopt(csms, &seen).await
}

#[then(
    regex = r"^(before or after that, )?it stops the transaction because of (\w+)(?: with (the \w+ tag))?(, ended during the outage)?$"
)]
async fn stops(
    world: &mut World,
    beside: String,
    reason: String,
    word: String,
    outage: String,
) -> StepResult {
    let tag = match word.as_str() {
        "" => None,
        word => Some(world.tag(word.parse().map_err(Failure::new)?).await?),
    };
    let csms = world.csms()?;
    let mut expected = stop(csms, &reason);
    if reason == "Local" {
        expected = expected.want_reason_local();
    }
    if let Some(tag) = tag {
        expected = expected.want("idTag", Want::Tag(tag));
    }
    let patience = csms.talk.patience + csms.outage.map_or(Duration::ZERO, |(_, length)| length);
    let seen = csms
        .talk
        .expect_within(Order::of(&beside), &expected, patience)
        .await?;
    if !outage.is_empty() {
        during_outage(csms, &seen.payload)?;
    }
    csms.talk.told.insert("StopTransaction", seen.payload);
    DONE
}

/// The message is dated when the tag was presented, long before it could be told.
fn during_outage(csms: &CsmsRole, payload: &Value) -> StepResult {
    let acted = *csms
        .talk
        .acted
        .get("present")
        .ok_or_else(|| Failure::new("no tag was presented before"))?;
    let at = stamp(payload)?;
    if at + CLOCK_SLACK < acted || at > acted + CLOCK_SLACK {
        return Err(Failure::new(format!(
            "its timestamp is {}, but it happened at {} (the rig's clock), when the tag was presented",
            payload["timestamp"],
            jiff::Timestamp::try_from(acted)
                .map(|acted| format!("{acted:.3}"))
                .unwrap_or_default()
        )));
    }
    DONE
}

/// The time stamp of a message.
pub(super) fn stamp(payload: &Value) -> Result<SystemTime, Failure> {
    let text = payload["timestamp"].as_str().unwrap_or_default();
    let stamp: jiff::Timestamp = text
        .parse()
        .map_err(|_| Failure::new(format!("its timestamp {} is no time", quoted(text))))?;
    Ok(stamp.into())
}

/// A session as most scenarios need it, on either side.
#[given(regex = r"^a session with (the known tag) runs on connector (\d+)$")]
async fn session_runs(world: &mut World, word: TagWord, connector: u32) -> StepResult {
    if world.csms.is_none() {
        return crate::steps::csms::session_runs(world, word, connector).await;
    }
    let tag = world.tag(word).await?;
    super::operator::plug_in(world, connector).await?;
    let status = |word: &str| {
        Expected::call("StatusNotification")
            .with("connectorId", connector)
            .with("status", word)
    };
    world
        .csms()?
        .talk
        .expect(Order::Next, &status("Preparing"))
        .await?;
    super::operator::present(world, word, Some(connector)).await?;
    let csms = world.csms()?;
    csms.talk
        .allow(Expected::call("Authorize").want("idTag", Want::Tag(tag.clone())));
    let seen = csms
        .talk
        .expect(Order::Next, &start(connector, &tag))
        .await?;
    csms.talk
        .expect(Order::BesideLast, &status("Charging"))
        .await?;
    adopt(csms, &seen).await
}

#[given("the CSMS cannot process the next StartTransaction")]
async fn cannot_process(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    csms.talk.line.script().answer_once(
        "StartTransaction",
        Answer::Error {
            code: "InternalError",
        },
    );
    DONE
}

/// Sent again it is the same message: a new time stamp would make it another transaction [1.6 §3.7.1].
#[then("it sends the same StartTransaction again")]
async fn starts_again(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let told = csms
        .talk
        .told
        .get("StartTransaction")
        .cloned()
        .unwrap_or(json!(null));
    let seen = csms
        .talk
        .expect(Order::Next, &Expected::call("StartTransaction"))
        .await?;
    adopt(csms, &seen).await?;
    if seen.payload != told {
        return Err(Failure::new(format!(
            "it sent {told} and then {}; the same message is expected [1.6 §3.7.1]",
            seen.payload
        )));
    }
    DONE
}

#[given(regex = r"^the CSMS answers the next StartTransaction with (\w+)$")]
async fn answers_start(world: &mut World, status: String) -> StepResult {
    world.csms()?.answers.refuse_next_start(&status);
    DONE
}

/// Both are right after a power cut [1.6 §4.10]: stopped with the reading at the cut, or resumed.
#[then(
    "it has stopped the transaction because of PowerLoss, or goes on until the known tag stops it"
)]
async fn stopped_or_resumed(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let expected = stop(csms, "PowerLoss");
    let resumed = {
        let log = csms.talk.line.log();
        let mut calls = log.entries[log.cursor_before..]
            .iter()
            .filter_map(|entry| entry.call_from_sut());
        calls.any(|(_, action, payload)| {
            action == "StatusNotification" && payload["status"] == "Charging"
        })
    };
    if !resumed {
        let seen = csms.talk.expect(Order::BesideLast, &expected).await?;
        csms.talk.told.insert("StopTransaction", seen.payload);
        return DONE;
    }
    super::operator::present(world, TagWord::Known, Some(1)).await?;
    let csms = world.csms()?;
    let tag = TagWord::Known.of(&csms.rig.tags).map_err(Failure::new)?;
    csms.talk
        .allow(Expected::call("Authorize").want("idTag", Want::Tag(tag)));
    csms.talk
        .allow(Expected::call("StatusNotification").with("status", "Finishing"));
    let expected = stop(csms, "Local").want_reason_local();
    csms.talk.expect(Order::Next, &expected).await.map(|_| ())
}
