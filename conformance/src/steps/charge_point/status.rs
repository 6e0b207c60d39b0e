//! What a charge point reports of its connectors, and what it keeps to itself.

use std::time::Duration;

use cucumber::then;
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::watch::expected::{Allowance, Expected, Order, Want};
use crate::words::{duration, span, words};

fn status(connector: u32, text: &str) -> Expected {
    let wanted = words(text).into_iter().map(Value::from).collect();
    Expected::call("StatusNotification")
        .with("connectorId", connector)
        .want("status", Want::OneOf(wanted))
}

#[then(regex = r"^(before or after that, )?it reports connector (\d+) as (\w+(?: or \w+)*)$")]
async fn reports(world: &mut World, beside: String, connector: u32, words: String) -> StepResult {
    let talk = &mut world.csms()?.talk;
    let expected = status(connector, &words);
    talk.expect(Order::of(&beside), &expected).await.map(|_| ())
}

/// A fault of the whole station shows at every connector.
#[then(regex = r"^it may report any connector as (\w+)$")]
async fn may_report_any(world: &mut World, word: String) -> StepResult {
    let csms = world.csms()?;
    let times = csms.traits.connectors as usize + 1;
    let expected = Expected::call("StatusNotification").with("status", word);
    csms.talk.allow_times(expected, times);
    DONE
}

#[then(regex = r"^it reports connector (\d+) as (\w+) with (\w+)$")]
async fn reports_code(
    world: &mut World,
    connector: u32,
    word: String,
    error_code: String,
) -> StepResult {
    let expected = status(connector, &word).with("errorCode", error_code);
    world
        .csms()?
        .talk
        .expect(Order::Next, &expected)
        .await
        .map(|_| ())
}

#[then(regex = r"^(?:before or after that, )?it may report connector (\d+) as (\w+)$")]
async fn may_report(world: &mut World, connector: u32, word: String) -> StepResult {
    let csms = world.csms()?;
    let expected = status(connector, &word);
    // What happened in an outage is told after it, whatever else was done meanwhile [1.6 §4.9].
    match csms.talk.marks.get("outage").copied() {
        Some(from) => csms.talk.allowed.push(Allowance {
            expected,
            from,
            times: 1,
        }),
        None => csms.talk.allow(expected),
    }
    DONE
}

/// What it was told as last counts, whenever that was.
#[then(regex = r"^connector (\d+) is (\w+) in the end$")]
async fn is_in_the_end(world: &mut World, connector: u32, word: String) -> StepResult {
    let wanted = status(connector, &word);
    let of_connector = Expected::call("StatusNotification").with("connectorId", connector);
    let talk = &world.csms()?.talk;
    let mut last = None;
    let is_it = talk.line.wait(talk.patience, |log| {
        let mut entries = log.entries.iter_mut().rev();
        let told = entries.find(|entry| {
            let call = entry.call_from_sut();
            call.is_some_and(|(_, action, payload)| of_connector.matches(action, payload))
        })?;
        let (_, action, payload) = told.call_from_sut()?;
        last = payload["status"].as_str().map(str::to_owned);
        let is_it = wanted.matches(action, payload);
        told.consumed |= is_it;
        is_it.then_some(())
    });
    if is_it.await.is_some() {
        // What the charge point says of it next would be another end.
        return talk
            .expect_none(Duration::ZERO, |action, payload| {
                of_connector.matches(action, payload) && !wanted.matches(action, payload)
            })
            .await;
    }
    Err(Failure::new(format!(
        "connector {connector} was reported as {} last, and not as {word} within {}",
        last.as_deref().unwrap_or("nothing"),
        span(talk.patience)
    )))
}

/// Exactly so long: what it has to wait for may be due soon after.
#[then(regex = r"^it sends nothing else for (\d+) (\w+)$")]
async fn nothing_else(world: &mut World, number: u64, unit: String) -> StepResult {
    world
        .csms()?
        .talk
        .expect_none_for(duration(number, &unit)?, |_, _| true)
        .await
}

#[then(regex = r"^it sends no (\w+) for (\d+) (\w+)$")]
async fn none_of(world: &mut World, action: String, number: u64, unit: String) -> StepResult {
    let csms = world.csms()?;
    // Where intervals are longer than the scenario thinks, so is the time to watch.
    let least = duration(number, &unit)? * csms.stretch;
    csms.talk
        .expect_none(least, |other, _| other == action)
        .await
}

/// When an identification lapses is known to the second: the time runs from the status it made [1.6 §9.1.6].
#[then(regex = r"^it reports connector (\d+) as (\w+), (\d+) seconds after it reported Preparing$")]
async fn reports_after(
    world: &mut World,
    connector: u32,
    word: String,
    seconds: u64,
) -> StepResult {
    const EARLY: Duration = Duration::from_millis(300);
    const LATE: Duration = Duration::from_millis(2_000);
    let csms = world.csms()?;
    let preparing = status(connector, "Preparing");
    let prepared = {
        let log = csms.talk.line.log();
        let mut calls = log.entries.iter().rev();
        calls.find_map(|entry| {
            let (_, action, payload) = entry.call_from_sut()?;
            (entry.consumed && preparing.matches(action, payload)).then_some(entry.at)
        })
    };
    let prepared = prepared.ok_or_else(|| {
        Failure::new(format!(
            "it has not reported connector {connector} as Preparing"
        ))
    })?;
    let should = Duration::from_secs(seconds) * csms.stretch;
    let patience = csms.talk.patience + should;
    let seen = csms
        .talk
        .expect_within(Order::Next, &status(connector, &word), patience)
        .await?;
    let took = seen.at.duration_since(prepared).unwrap_or_default();
    if took + EARLY < should || took > should + LATE {
        return Err(Failure::new(format!(
            "it reported connector {connector} as {word} {} after Preparing, not {}",
            span(took),
            span(should)
        )));
    }
    DONE
}

#[then(regex = r"^connector (\d+) is not reported as (\w+) for (\d+) (\w+)$")]
async fn not_reported(
    world: &mut World,
    connector: u32,
    word: String,
    number: u64,
    unit: String,
) -> StepResult {
    let unwanted = status(connector, &word);
    let csms = world.csms()?;
    let least = duration(number, &unit)? * csms.stretch;
    let seen = csms
        .talk
        .expect_none(least, |action, payload| unwanted.matches(action, payload));
    seen.await.map_err(|_| {
        Failure::new(format!(
            "it reported connector {connector} as {word}; it should not"
        ))
    })
}
