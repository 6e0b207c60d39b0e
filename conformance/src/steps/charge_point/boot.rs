//! Power on, boot, registration, heartbeat.

use crate::dialect::v16::keys::stretch;
use std::time::Duration;

use cucumber::{given, then};
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::role::talk::Seen;
use crate::steps::world::{OrEnd, World};
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::script::{Answer, now};
use crate::words::span;

/// What a charge point may wait beyond an interval, and what its clock may differ.
const SLACK: Duration = Duration::from_millis(1_500);

#[given("a charge point that is booted and idle")]
async fn booted_and_idle(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    let csms = CsmsRole::new(rig, &world.tags).await.or_end(world)?;
    world.csms = Some(csms);
    world.csms()?.start().await.or_end(world)
}

/// Waits for the status of connectors `from` to the last, in whatever order they come.
pub(super) async fn statuses(
    csms: &mut CsmsRole,
    from: u32,
    words: &[&str],
    order: Order,
) -> StepResult {
    let mut order = order;
    for connector in from..=csms.traits.connectors {
        let wanted = words.iter().map(|word| json!(word)).collect();
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector)
            .want("status", Want::OneOf(wanted));
        csms.talk.expect(order, &expected).await?;
        order = Order::BesideLast;
    }
    DONE
}

/// The answer to a boot. An accepted charge point takes its heartbeat interval from it: no smaller one than it can.
fn registration(csms: &mut CsmsRole, status: &str, seconds: u32) -> Answer {
    let mut interval = seconds;
    if status == "Accepted" {
        let stretch = stretch(seconds, csms.traits.min_interval);
        csms.stretch = csms.stretch.max(stretch);
        interval *= stretch;
    }
    Answer::Result(json!({"status": status, "currentTime": now(), "interval": interval}))
}

#[given(regex = r"^the CSMS answers the next boot with (\w+) and an interval of (\d+) seconds?$")]
async fn next_boot(world: &mut World, status: String, seconds: u32) -> StepResult {
    let csms = world.csms()?;
    let answer = registration(csms, &status, seconds);
    csms.talk
        .line
        .script()
        .answer_once("BootNotification", answer);
    DONE
}

#[given(regex = r"^the CSMS answers later boots with (\w+) and an interval of (\d+) seconds?$")]
async fn later_boots(world: &mut World, status: String, seconds: u32) -> StepResult {
    let csms = world.csms()?;
    let answer = registration(csms, &status, seconds);
    csms.talk
        .line
        .script()
        .answer_always("BootNotification", answer);
    DONE
}

async fn boot(csms: &mut CsmsRole) -> Result<Seen, Failure> {
    csms.boot().await
}

#[then("it boots")]
async fn it_boots(world: &mut World) -> StepResult {
    boot(world.csms()?).await.map(|_| ())
}

#[then(regex = r"^it boots again no sooner than (\d+) seconds? after the answer$")]
async fn it_boots_again(world: &mut World, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    let before = last_boot_answer(csms)?;
    let interval = Duration::from_secs(seconds);
    let patience = csms.talk.patience.max(interval + SLACK);
    let seen = csms
        .talk
        .expect_within(Order::Next, &Expected::call("BootNotification"), patience)
        .await?;
    let waited = seen.at.duration_since(before).unwrap_or_default();
    // Clocks of two processes are compared: a few milliseconds are no breach.
    if waited + Duration::from_millis(50) < interval {
        return Err(Failure::new(format!(
            "it booted again {} after the answer, sooner than the interval of {} that it was given [1.6 §4.2]",
            span(waited),
            span(interval)
        )));
    }
    DONE
}

fn last_boot_answer(csms: &CsmsRole) -> Result<std::time::SystemTime, Failure> {
    let log = csms.talk.line.log();
    let boot =
        log.entries[..log.cursor]
            .iter()
            .rev()
            .find_map(|entry| match entry.call_from_sut() {
                Some((id, "BootNotification", _)) => Some(id.to_owned()),
                _ => None,
            });
    let boot = boot.ok_or_else(|| Failure::new("it has not booted before"))?;
    let answer = log.entries.iter().find(|entry| {
        entry
            .frame(dynamo_protocol::trace::Direction::ToSut)
            .and_then(crate::wire::entry::Message::id)
            == Some(&boot)
    });
    answer
        .map(|entry| entry.at)
        .ok_or_else(|| Failure::new("its boot was not answered"))
}

#[then(regex = r"^it sends a heartbeat within (\d+) seconds?$")]
async fn heartbeat(world: &mut World, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    // The scenario's time is that of an interval of a second, and some slack.
    let patience = Duration::from_secs(seconds + u64::from(csms.stretch) - 1);
    csms.talk
        .expect_within(Order::Next, &Expected::call("Heartbeat"), patience)
        .await
        .map(|_| ())
}

/// Seconds apart, no sooner and no later; what a charge point may skip because it said something else is not said here.
#[then(regex = r"^it sends (\d+) heartbeats, (\d+) seconds apart$")]
async fn heartbeats(world: &mut World, count: usize, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    let interval = Duration::from_secs(seconds) * csms.stretch;
    let mut before = None;
    for _ in 0..count {
        let seen = csms
            .talk
            .expect_within(Order::Next, &Expected::call("Heartbeat"), interval + SLACK)
            .await?;
        let apart = before.and_then(|before| seen.at.duration_since(before).ok());
        if let Some(apart) =
            apart.filter(|apart| apart.abs_diff(interval) > Duration::from_millis(700))
        {
            return Err(Failure::new(format!(
                "two heartbeats are {} apart, not the interval of {} that it was given [1.6 §4.6]",
                span(apart),
                span(interval)
            )));
        }
        before = Some(seen.at);
    }
    DONE
}

#[then("it comes back without a boot")]
async fn comes_back(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let outage = csms
        .outage
        .ok_or_else(|| Failure::new("there was no outage before this step"))?;
    let patience = csms.talk.patience + outage.1;
    let sockets = csms
        .talk
        .marks
        .get("sockets before the outage")
        .copied()
        .unwrap_or(0);
    let back = csms
        .talk
        .line
        .wait(patience, |log| {
            (log.connected && log.sockets > sockets).then_some(())
        })
        .await;
    back.ok_or_else(|| {
        Failure::new(format!(
            "it did not connect again within {}",
            span(patience)
        ))
    })?;

    csms.talk
        .expect_none(SLACK, |action, _| action == "BootNotification")
        .await
}

#[then("it boots and stops the transaction because of HardReset, in any order")]
async fn boots_and_stops(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let stop = super::transaction::stop(csms, "HardReset");
    csms.talk
        .expect(Order::Next, &Expected::call("BootNotification"))
        .await?;
    csms.talk.expect(Order::BesideLast, &stop).await?;
    DONE
}

/// The status of connector 0 and of all others, after a boot or a change of availability.
#[then(regex = r"^it reports connector 0 and every connector as (\w+)$")]
async fn every_connector(world: &mut World, status: String) -> StepResult {
    statuses(world.csms()?, 0, &[&status], Order::Next).await
}

#[then(
    regex = r"^(before or after that, )?it reports connector (\d+) as (\w+(?:, \w+)*(?: or \w+)?) and the others as (\w+)$"
)]
async fn one_and_others(
    world: &mut World,
    beside: String,
    one: u32,
    status: String,
    others: String,
) -> StepResult {
    let csms = world.csms()?;
    let mut order = Order::of(&beside);
    for connector in 0..=csms.traits.connectors {
        let words = if connector == one {
            crate::words::words(&status)
        } else {
            vec![others.clone()]
        };
        let wanted = words.into_iter().map(Value::from).collect();
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector)
            .want("status", Want::OneOf(wanted));
        csms.talk.expect(order, &expected).await?;
        order = Order::BesideLast;
    }
    DONE
}
