//! The beginning and the end of transactions.

use std::time::{Duration, SystemTime};

use cucumber::{given, then};
use serde_json::{Value, json};

use super::operator::{Moment, PRESENT, TAKE_OUT, done_in_outage};
use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::{CsmsRole, RUNNING};
use crate::role::talk::Seen;
use crate::steps::world::World;
use crate::watch::expected::{Allowance, Expected, Order, Want};
use crate::wire::entry::{Entry, EntryKind, Message};
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
pub(super) async fn adopt(csms: &mut CsmsRole, seen: &Seen) -> StepResult {
    let answer = csms.talk.line.wait(csms.talk.patience, |log| {
        seen.answer(log).map(|answer| match answer {
            Message::Result { payload, .. } => payload["transactionId"].as_i64(),
            _ => None,
        })
    });
    let answer = answer.await;
    csms.talk.transaction = answer.ok_or_else(|| Failure::new("the start was not answered"))?;
    csms.talk
        .told
        .insert("StartTransaction", seen.payload.clone());
    let mut running = csms.talk.told.remove(RUNNING).unwrap_or_else(|| json!({}));
    let connector = seen.payload["connectorId"].to_string();
    running[connector] = json!({"id": csms.talk.transaction, "start": seen.payload});
    csms.talk.told.insert(RUNNING, running);
    DONE
}

/// Of two that run, the one that was meant.
#[then(
    regex = r"^(before or after that, )?it stops the transaction of connector (\d+) because of (\w+)$"
)]
async fn stops_on(world: &mut World, beside: String, connector: u32, reason: String) -> StepResult {
    let csms = world.csms()?;
    let (id, start) = csms.transaction_on(connector)?;
    let expected = Expected::call("StopTransaction")
        .with("transactionId", id)
        .with("reason", reason)
        .want(
            "meterStop",
            Want::AtLeast(start["meterStart"].as_i64().unwrap_or(0)),
        );
    csms.talk
        .expect(Order::of(&beside), &expected)
        .await
        .map(|_| ())
}

/// The register goes on where it was: it should belong to the connector and not to the session [1.6 §6.45, §7.31].
#[then("its meterStart is not below the meterStop before")]
async fn register_goes_on(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let begun = told_number(csms, "StartTransaction", "meterStart")?;
    let ended = told_number(csms, "StopTransaction", "meterStop")?;
    if begun < ended {
        world.warn(format!(
            "the session before ended at {ended} Wh and this one begins at {begun} Wh: registers should be told as they \
             stand [1.6 §7.31]"
        ));
    }
    DONE
}

/// A car that came back after the end of its session got nothing meanwhile [1.6 §4.10]. A meter may count what the
/// station itself takes, and a coarse one in steps.
#[then("it has given no energy since the end of the session before")]
async fn gave_nothing(world: &mut World) -> StepResult {
    const OF_ITS_OWN_WH: i64 = 3;
    let csms = world.csms()?;
    let begun = told_number(csms, "StartTransaction", "meterStart")?;
    let ended = told_number(csms, "StopTransaction", "meterStop")?;
    let step = [1_000, 100, 10].into_iter();
    let step = step
        .filter(|step| begun % step == 0 && ended % step == 0)
        .max();
    if begun - ended <= step.unwrap_or_default().max(OF_ITS_OWN_WH) {
        return DONE;
    }
    Err(Failure::new(format!(
        "the session before ended at {ended} Wh and this one begins at {begun} Wh: a car that is back gets no energy \
         without a transaction [1.6 §4.10]"
    )))
}

/// A number in the last start or stop that a step has seen.
fn told_number(csms: &CsmsRole, action: &str, member: &str) -> Result<i64, Failure> {
    let told = csms.talk.told.get(action);
    told.and_then(|told| told[member].as_i64())
        .ok_or_else(|| Failure::new(format!("there was no {action} before this step")))
}

#[given("the charge point has more than one connector")]
async fn has_two(world: &mut World) -> StepResult {
    if world.csms()?.traits.connectors > 1 {
        DONE
    } else {
        Err(world.does_not_apply("the charge point has one connector (capability connectors)"))
    }
}

#[then(
    regex = r"^(before or after that, )?it starts a transaction on connector (\d+) with (the \w+ tag|another tag)(, begun during the outage)?$"
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
        during_outage(csms, &seen.payload, done_in_outage(csms, PRESENT).first())?;
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
        let order = if reason == "EVDisconnected" {
            TAKE_OUT
        } else {
            PRESENT
        };
        during_outage(csms, &seen.payload, done_in_outage(csms, order).last())?;
    }
    csms.talk.told.insert("StopTransaction", seen.payload);
    DONE
}

/// The message is dated when the session began or ended, before it could be told: not before somebody was asked to do
/// what began or ended it, and not after the connection was back. A lock and a contactor take their time.
fn during_outage(csms: &CsmsRole, payload: &Value, act: Option<&Moment>) -> StepResult {
    let act = act.ok_or_else(|| Failure::new("nothing was done during the outage"))?;
    let at = stamp(payload)?;
    let latest = back_from_outage(csms).map_or(act.done, |back| back.max(act.done + CLOCK_SLACK));
    if at + CLOCK_SLACK < act.asked || at > latest {
        return Err(Failure::new(format!(
            "its timestamp is {}, but it happened at {} (the rig's clock), in the outage",
            payload["timestamp"],
            jiff::Timestamp::try_from(act.done)
                .map(|done| format!("{done:.3}"))
                .unwrap_or_default()
        )));
    }
    DONE
}

/// When the connection was back after the last outage.
fn back_from_outage(csms: &CsmsRole) -> Option<SystemTime> {
    let from = csms.talk.marks.get("outage").copied()?;
    let log = csms.talk.line.log();
    let opened = |entry: &&Entry| matches!(entry.kind, EntryKind::Opened);
    log.entries
        .get(from..)?
        .iter()
        .find(opened)
        .map(|entry| entry.at)
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
#[given(regex = r"^a session with (the known tag|another tag) runs on connector (\d+)$")]
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
    let seen = csms
        .talk
        .expect(Order::Next, &start(connector, &tag))
        .await?;
    // It may ask before it starts, once. For the stop it must not [1.6 §3.4].
    let asks = Expected::call("Authorize").want("idTag", Want::Tag(tag.clone()));
    take_in(csms, &asks);
    csms.talk
        .expect(Order::BesideLast, &status("Charging"))
        .await?;
    adopt(csms, &seen).await?;
    csms.taken_in(&seen).await
}

/// Accounts for one such call among those that came since the last act and before what the last step has seen.
fn take_in(csms: &CsmsRole, expected: &Expected) {
    let mut log = csms.talk.line.log();
    let (from, to) = (log.cursor_before, log.cursor);
    let mut entries = log.entries[from..to].iter_mut();
    let found = entries.find(|entry| {
        let call = entry.call_from_sut();
        !entry.consumed
            && call.is_some_and(|(_, action, payload)| expected.matches(action, payload))
    });
    if let Some(entry) = found {
        entry.consumed = true;
    }
}

/// The answer to a stop may say what is known of its tag, as that to a start does [1.6 §6.46, §6.50].
#[given(regex = r"^the CSMS answers the next (StartTransaction|StopTransaction) with (\w+)$")]
async fn says_of_the_tag(world: &mut World, action: String, status: String) -> StepResult {
    let csms = world.csms()?;
    if action == "StartTransaction" {
        csms.answers.refuse_next_start(&status);
    } else {
        let answer = Answer::Result(json!({"idTagInfo": {"status": status}}));
        csms.talk.line.script().answer_once(&action, answer);
    }
    DONE
}

/// Both are right after a power cut [1.6 §4.10]: stopped with the reading at the cut, or resumed. A stop that was sent
/// with the last power may come once more after the boot: nobody knows whether its answer has arrived.
#[then(
    regex = r"^it stops the transaction because of PowerLoss, or goes on until the known tag stops it(, and may be out of service then)?$"
)]
async fn stopped_or_resumed(world: &mut World, out_of_service: String) -> StepResult {
    let csms = world.csms()?;
    let cut = csms.talk.marks.get("power cycle").copied();
    let cut = cut.ok_or_else(|| Failure::new("the power was not away before this step"))?;
    let expected = stop(csms, "PowerLoss");
    let (resumed, has_stopped, boot) = {
        let mut log = csms.talk.line.log();
        log.cursor_before = cut;
        let since = &log.entries[cut..];
        let calls = || since.iter().filter_map(Entry::call_from_sut);
        let boot = since.iter().rposition(|entry| {
            let call = entry.call_from_sut();
            call.is_some_and(|(_, action, _)| action == "BootNotification")
        });
        let after_boot = since[boot.unwrap_or(0)..].iter();
        let mut statuses = after_boot.filter_map(Entry::call_from_sut);
        let resumed = statuses.any(|(_, action, payload)| {
            let status = payload["status"].as_str().unwrap_or_default();
            action == "StatusNotification"
                && ["Charging", "SuspendedEV", "SuspendedEVSE"].contains(&status)
        });
        let has_stopped = calls().any(|(_, action, payload)| expected.matches(action, payload));
        (resumed, has_stopped, boot.map(|boot| boot + cut))
    };
    if has_stopped || !resumed {
        let seen = csms.talk.expect(Order::BesideLast, &expected).await?;
        let place = {
            let log = csms.talk.line.log();
            let mut entries = log.entries.iter();
            let is_it = |entry: &Entry| {
                entry
                    .call_from_sut()
                    .is_some_and(|(id, _, _)| id == seen.id)
            };
            entries.rposition(is_it)
        };
        if place < boot {
            let mut same = Expected::call("StopTransaction");
            for member in ["transactionId", "meterStop", "timestamp"] {
                same = same.with(member, seen.payload[member].clone());
            }
            for expected in [
                same,
                Expected::call("StatusNotification").with("status", "Finishing"),
            ] {
                csms.talk.allowed.push(Allowance {
                    expected,
                    from: cut,
                    times: 1,
                });
            }
        }
        csms.talk.told.insert("StopTransaction", seen.payload);
        return DONE;
    }
    super::operator::present(world, TagWord::Known, Some(1)).await?;
    let tag = world.tag(TagWord::Known).await?;
    let csms = world.csms()?;
    let expected = stop(csms, "Local")
        .want_reason_local()
        .want("idTag", Want::Tag(tag));
    csms.talk.expect(Order::Next, &expected).await?;
    let mut words = vec![json!("Finishing"), json!("Preparing")];
    if !out_of_service.is_empty() {
        words.push(json!("Unavailable"));
    }
    let over = Expected::call("StatusNotification")
        .with("connectorId", 1)
        .want("status", Want::OneOf(words));
    csms.talk.expect(Order::BesideLast, &over).await.map(|_| ())
}
