//! What should not be on a line, slow answers, and pings.

use std::time::{Duration, SystemTime};

use cucumber::{given, then, when};
use serde_json::json;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::words::span;

#[given(regex = r"^the CSMS takes (\d+) milliseconds to answer$")]
async fn slow_answers(world: &mut World, ms: u64) -> StepResult {
    world.csms()?.talk.line.script().delay = (Duration::from_millis(ms), Duration::from_millis(ms));
    DONE
}

/// A payload is an object [1.6J §4.2.1].
#[when(regex = r"^the CSMS sends ([A-Z]\w+) with a text where its members belong$")]
async fn sends_text(world: &mut World, action: String) -> StepResult {
    let talk = &mut world.csms()?.talk;
    talk.command_that_may_fail(&action, json!("Inoperative"))
        .await;
    DONE
}

#[given(regex = r"^the charge point has the setting (\w+)$")]
async fn has_setting(world: &mut World, key: String) -> StepResult {
    match world.csms()?.remember(&key).await? {
        Some(_) => DONE,
        None => Err(world.does_not_apply(format!("the charge point has no setting {key}"))),
    }
}

/// What a ping may come early or late.
const OFF: Duration = Duration::from_millis(700);

/// The pings that came since a moment.
fn pings_since(log: &crate::wire::line::Log, begun: SystemTime) -> Vec<SystemTime> {
    let pings = log.pings.iter().copied();
    pings.filter(|ping| *ping >= begun).collect()
}

/// From now on: a connection may have begun with another interval.
#[then(regex = r"^it sends (\d+) pings, (\d+) seconds apart$")]
async fn pings(world: &mut World, count: usize, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    let talk = &csms.talk;
    let interval = Duration::from_secs(seconds) * csms.stretch;
    let begun = SystemTime::now();
    let times = u32::try_from(count + 1).unwrap_or(u32::MAX);
    let patience = interval * times + OFF + talk.settle;
    let found = talk.line.wait(patience, |log| {
        let pings = pings_since(log, begun);
        (pings.len() >= count).then_some(pings)
    });
    let Some(pings) = found.await else {
        let came = pings_since(&talk.line.log(), begun).len();
        return Err(Failure::new(format!(
            "{came} pings came within {}; WebSocketPingInterval is {} [1.6J §7]",
            span(patience),
            span(interval)
        )));
    };
    for pair in pings.windows(2) {
        let apart = pair[1].duration_since(pair[0]).unwrap_or_default();
        if apart + OFF < interval || apart > interval + OFF {
            return Err(Failure::new(format!(
                "two pings are {} apart; WebSocketPingInterval is {} [1.6J §7]",
                span(apart),
                span(interval)
            )));
        }
    }
    DONE
}

/// One may be under way when the setting changes.
#[then(regex = r"^no ping comes for (\d+) seconds$")]
async fn no_ping(world: &mut World, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    let talk = &csms.talk;
    let length = Duration::from_secs(seconds) * csms.stretch;
    let begun = SystemTime::now() + OFF;
    let came = talk.line.wait(length + OFF, |log| {
        (!pings_since(log, begun).is_empty()).then_some(())
    });
    match came.await {
        None => DONE,
        Some(()) => Err(Failure::new(
            "a ping came, and WebSocketPingInterval is 0: none is to be sent [1.6J §7]",
        )),
    }
}
