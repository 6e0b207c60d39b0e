//! The beginning and the end of transactions.

use std::time::{Duration, SystemTime};

use cucumber::{given, then};
use serde_json::{Value, json};

use crate::bench::{Bench, Seen};
use crate::expect::{Expected, Failure, Order, StepResult, Want};
use crate::params::TagWord;
use crate::rig::Side;
use crate::script::Answer;
use crate::world::{DONE, World};

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
pub(super) fn stop(bench: &Bench, reason: &str) -> Expected {
    let begun = bench
        .told
        .get("StartTransaction")
        .and_then(|told| told["meterStart"].as_i64())
        .unwrap_or(0);
    let expected = Expected::call("StopTransaction").want("meterStop", Want::AtLeast(begun));
    let expected = match bench.transaction {
        Some(id) => expected.with("transactionId", id),
        None => expected,
    };
    if reason == "Local" {
        expected
    } else {
        expected.with("reason", reason)
    }
}

/// Takes a start in: the scenario speaks of this transaction from now on.
fn adopt(bench: &mut Bench, seen: &Seen) -> StepResult {
    let log = bench.line.log();
    let answer = log.entries.iter().find_map(|entry| {
        match entry.frame(dynamo_protocol::trace::Direction::ToSut)? {
            crate::trace::Message::Result { id, payload } if *id == seen.id => {
                payload["transactionId"].as_i64()
            }
            _ => None,
        }
    });
    drop(log);
    bench.transaction = answer;
    bench.told.insert("StartTransaction", seen.payload.clone());
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
    let tag = super::authorization::tag(world, word)?;
    let bench = world.bench()?;
    let patience = bench.rig.patience + bench.outage.map_or(Duration::ZERO, |(_, length)| length);
    let seen = bench
        .expect_within(Order::of(&beside), &start(connector, &tag), patience)
        .await?;
    if !outage.is_empty() {
        during_outage(bench, &seen.payload)?;
    }
    // The answer stands in the record right behind the call; wait until it does.
    let id = seen.id.clone();
    bench
        .line
        .wait(patience, |log| {
            let answered = log.entries.iter().any(|entry| {
                entry
                    .frame(dynamo_protocol::trace::Direction::ToSut)
                    .and_then(crate::trace::Message::id)
                    == Some(&id)
            });
            answered.then_some(())
        })
        .await;
    adopt(bench, &seen)
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
        word => Some(super::authorization::tag(
            world,
            word.parse().map_err(Failure::new)?,
        )?),
    };
    let bench = world.bench()?;
    let mut expected = stop(bench, &reason);
    if reason == "Local" {
        expected = expected.want_reason_local();
    }
    if let Some(tag) = tag {
        expected = expected.want("idTag", Want::Tag(tag));
    }
    let patience = bench.rig.patience + bench.outage.map_or(Duration::ZERO, |(_, length)| length);
    let seen = bench
        .expect_within(Order::of(&beside), &expected, patience)
        .await?;
    if !outage.is_empty() {
        during_outage(bench, &seen.payload)?;
    }
    bench.told.insert("StopTransaction", seen.payload);
    DONE
}

/// The time stamp of a message lies within the last outage.
fn during_outage(bench: &Bench, payload: &Value) -> StepResult {
    let (begun, length) = bench
        .outage
        .ok_or_else(|| Failure::new("there was no outage before"))?;
    let at = stamp(payload)?;
    let (first, last) = (begun - CLOCK_SLACK, begun + length + CLOCK_SLACK);
    if at < first || at > last {
        return Err(Failure::new(format!(
            "its timestamp {} lies outside the outage",
            payload["timestamp"]
        )));
    }
    DONE
}

/// The time stamp of a message.
pub(super) fn stamp(payload: &Value) -> Result<SystemTime, Failure> {
    let text = payload["timestamp"].as_str().unwrap_or_default();
    let stamp: jiff::Timestamp = text
        .parse()
        .map_err(|_| Failure::new(format!("{text:?} is no time stamp")))?;
    Ok(stamp.into())
}

/// A session as most scenarios need it, on either side.
#[given(regex = r"^a session with (the known tag) runs on connector (\d+)$")]
async fn session_runs(world: &mut World, word: TagWord, connector: u32) -> StepResult {
    if world.bench()?.side == Side::Csms {
        return crate::steps::csms::session_runs(world, word, connector).await;
    }
    let tag = super::authorization::tag(world, word)?;
    super::operator::plug_in(world, connector).await?;
    let status = |word: &str| {
        Expected::call("StatusNotification")
            .with("connectorId", connector)
            .with("status", word)
    };
    world
        .bench()?
        .expect(Order::Next, &status("Preparing"))
        .await?;
    super::operator::present(world, word, Some(connector)).await?;
    let bench = world.bench()?;
    bench
        .allowed
        .push(Expected::call("Authorize").want("idTag", Want::Tag(tag.clone())));
    let seen = bench.expect(Order::Next, &start(connector, &tag)).await?;
    bench.expect(Order::BesideLast, &status("Charging")).await?;
    adopt(bench, &seen)
}

#[given("the CSMS cannot process the next StartTransaction")]
async fn cannot_process(world: &mut World) -> StepResult {
    let bench = world.bench()?;
    bench.line.script().answer_once(
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
    let bench = world.bench()?;
    let told = bench
        .told
        .get("StartTransaction")
        .cloned()
        .unwrap_or(json!(null));
    let seen = bench
        .expect(Order::Next, &Expected::call("StartTransaction"))
        .await?;
    if seen.payload != told {
        return Err(Failure::new(format!(
            "it sent {} and then {}",
            told, seen.payload
        )));
    }
    DONE
}
