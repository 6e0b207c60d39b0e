//! Messages that the CSMS asks for [1.6 §5.17].

use std::time::{Duration, SystemTime};

use cucumber::{given, then};
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::role::talk::Seen;
use crate::steps::world::World;
use crate::watch::expected::{Expected, Order};
use crate::wire::entry::{Entry, Message};
use crate::words::{duration, list};

/// How old the most recent measurement may be.
const RECENT: Duration = Duration::from_secs(60);

#[given(regex = r"^it claims the profile (\w+)$")]
async fn claims(world: &mut World, profile: String) -> StepResult {
    let claimed = super::configuration::profiles(world.csms()?).await?;
    if claimed.contains(&profile) {
        DONE
    } else {
        Err(world.does_not_apply(format!(
            "the charge point does not claim {profile}, only {}",
            list(&claimed)
        )))
    }
}

/// The message that the last command asked for. It stands behind the answer: "SHALL first send the confirmation"
/// [1.6 §5.17]. A like one before it, as the clock sends it, is no breach where another follows.
async fn asked_for(csms: &mut CsmsRole, expected: &Expected) -> Result<Seen, Failure> {
    let answer = csms
        .talk
        .last_call
        .as_ref()
        .and_then(|(id, _)| csms.talk.line.log().answer_to(id));
    let answer = answer.ok_or_else(|| Failure::new("the command was not answered"))?;
    let is_early = {
        let mut log = csms.talk.line.log();
        let from = log.cursor;
        let between = log.entries.get(from..answer).unwrap_or_default();
        let mut calls = between.iter().filter_map(Entry::call_from_sut);
        let is_early = calls.any(|(_, action, payload)| expected.matches(action, payload));
        log.cursor = answer + 1;
        log.cursor_before = answer + 1;
        is_early
    };
    match csms.talk.expect(Order::Next, expected).await {
        Err(_) if is_early => Err(Failure::new(format!(
            "it sent {} before it answered the command that asked for it [1.6 §5.17]",
            expected.action()
        ))),
        result => result,
    }
}

/// The name of an action as the expectations have it.
fn action_of(name: &str) -> Result<&'static str, Failure> {
    let known = [
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ];
    let found = known.into_iter().find(|known| *known == name);
    found.ok_or_else(|| Failure::new(format!("{name} cannot be triggered")))
}

#[then(regex = r"^it sends the (\w+)(?: of connector (\d+))? that was asked for$")]
async fn sends(world: &mut World, action: String, connector: String) -> StepResult {
    let mut expected = Expected::call(action_of(&action)?);
    if let Ok(connector) = connector.parse::<u32>() {
        expected = expected.with("connectorId", connector);
    }
    let csms = world.csms()?;
    // It tells what is, and not what will be.
    if action == "StatusNotification"
        && let Some(status) = last_status(csms, &connector)
    {
        expected = expected.with("status", status);
    }
    asked_for(csms, &expected).await.map(|_| ())
}

/// What a connector was reported as before the command.
fn last_status(csms: &CsmsRole, connector: &str) -> Option<String> {
    let log = csms.talk.line.log();
    let mut entries = log.entries[..log.cursor].iter().rev();
    entries.find_map(|entry| {
        let (_, action, payload) = entry.call_from_sut()?;
        let is_it = action == "StatusNotification"
            && payload["connectorId"].as_u64() == connector.parse().ok();
        is_it.then(|| payload["status"].as_str().map(str::to_owned))?
    })
}

/// Whether the last command was accepted; false where the charge point does not have the message.
async fn is_accepted(csms: &mut CsmsRole) -> Result<bool, Failure> {
    match csms.talk.answer().await? {
        Message::Result { payload, .. } => match payload["status"].as_str() {
            Some("Accepted") => Ok(true),
            Some("NotImplemented") => Ok(false),
            _ => Err(Failure::new(format!(
                "it answered {payload}; Accepted is expected, or NotImplemented where it does not have the message"
            ))),
        },
        other => Err(Failure::new(format!("the answer is {other}"))),
    }
}

/// How long a reading that was asked for may stand behind one that was due.
const ANYWAY: Duration = Duration::from_millis(500);

/// Whether readings say that somebody has asked for them.
fn is_triggered(payload: &Value) -> bool {
    let values = payload["meterValue"].as_array().into_iter().flatten();
    let mut samples =
        values.flat_map(|value| value["sampledValue"].as_array().into_iter().flatten());
    samples.any(|sample| sample["context"] == "Trigger")
}

/// The most recent measurements [1.6 §5.17]: which ones, and in which context, is a habit.
#[then(
    regex = r"^it answers Accepted and sends the MeterValues of connector (\d+) that were asked for, or does not have them$"
)]
async fn sends_readings(world: &mut World, connector: u32) -> StepResult {
    let csms = world.csms()?;
    if !is_accepted(csms).await? {
        world.warn("it does not have MeterValues when they are asked for (NotImplemented)");
        return DONE;
    }
    let asked = SystemTime::now();
    let expected = Expected::call("MeterValues").with("connectorId", connector);
    let mut seen = asked_for(csms, &expected).await?;
    // One that was due anyway may come first.
    if !is_triggered(&seen.payload)
        && let Some(later) = csms.talk.look_for(Order::Next, &expected, ANYWAY).await
    {
        seen = later;
    }
    let values = seen.payload["meterValue"].as_array().cloned();
    let values = values.unwrap_or_default();
    let samples: Vec<&Value> = values
        .iter()
        .flat_map(|value| value["sampledValue"].as_array().into_iter().flatten())
        .collect();
    if samples.is_empty() {
        return Err(Failure::new(format!(
            "its MeterValues {} hold no reading",
            seen.payload
        )));
    }
    for value in &values {
        let taken = super::transaction::stamp(value)?;
        if taken + RECENT < asked {
            return Err(Failure::new(format!(
                "its reading was taken at {}, long before it was asked for",
                value["timestamp"]
            )));
        }
    }
    if samples.iter().any(|sample| sample["context"] != "Trigger") {
        world.warn("a reading that was asked for has not the context Trigger [1.6 §7.35]");
    }
    DONE
}

/// Both messages belong to the profile FirmwareManagement. Nothing was ordered, so there is nothing but Idle to tell
/// [1.6 §4.4, §4.5].
#[then(
    regex = r"^it answers Accepted and sends (\w+StatusNotification) with Idle, or does not have it$"
)]
async fn sends_idle(world: &mut World, action: String) -> StepResult {
    let action = action_of(&action)?;
    let csms = world.csms()?;
    if is_accepted(csms).await? {
        let expected = Expected::call(action).with("status", "Idle");
        return asked_for(csms, &expected).await.map(|_| ());
    }
    let claimed = super::configuration::profiles(csms).await?;
    if action == "DiagnosticsStatusNotification"
        && claimed
            .iter()
            .any(|profile| profile == "FirmwareManagement")
    {
        world.warn(format!(
            "it claims FirmwareManagement and does not have {action} when it is asked for"
        ));
    }
    DONE
}

/// Of a connector that nobody has nothing can be measured; others go on to be.
#[then(regex = r"^it sends no meter values of that connector for (\d+) (\w+)$")]
async fn none_of_that(world: &mut World, number: u64, unit: String) -> StepResult {
    let csms = world.csms()?;
    let connector = csms.talk.last_call_payload()?["connectorId"].clone();
    csms.talk
        .expect_none(duration(number, &unit)?, |action, payload| {
            action == "MeterValues" && payload["connectorId"] == connector
        })
        .await
}
