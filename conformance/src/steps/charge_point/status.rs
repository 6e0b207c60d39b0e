//! What a charge point reports of its connectors, and what it keeps to itself.

use std::time::Duration;

use cucumber::then;
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::watch::expected::{Expected, Order, Want};
use crate::words::{duration, span, words};

fn status(connector: u32, text: &str) -> Expected {
    let wanted = words(text).into_iter().map(Value::from).collect();
    Expected::call("StatusNotification")
        .with("connectorId", connector)
        .want("status", Want::OneOf(wanted))
}

#[then(regex = r"^(before or after that, )?it reports connector (\d+) as (\w+(?: or \w+)*)$")]
async fn reports(world: &mut World, beside: String, connector: u32, words: String) -> StepResult {
    world
        .csms()?
        .talk
        .expect(Order::of(&beside), &status(connector, &words))
        .await
        .map(|_| ())
}

#[then(regex = r"^it reports connector (\d+) as Faulted with (\w+)$")]
async fn reports_fault(world: &mut World, connector: u32, error_code: String) -> StepResult {
    let expected = status(connector, "Faulted").with("errorCode", error_code);
    world
        .csms()?
        .talk
        .expect(Order::Next, &expected)
        .await
        .map(|_| ())
}

#[then(regex = r"^(?:before or after that, )?it may report connector (\d+) as (\w+)$")]
async fn may_report(world: &mut World, connector: u32, word: String) -> StepResult {
    world.csms()?.talk.allow(status(connector, &word));
    DONE
}

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
    world
        .csms()?
        .talk
        .expect_none(duration(number, &unit)?, |other, _| other == action)
        .await
}

/// When an identification lapses is known to the second.
#[then(
    regex = r"^it reports connector (\d+) as (\w+), (\d+) seconds after the (tag was presented|remote start)$"
)]
async fn reports_after(
    world: &mut World,
    connector: u32,
    word: String,
    seconds: u64,
    act: String,
) -> StepResult {
    const EARLY: Duration = Duration::from_millis(300);
    const LATE: Duration = Duration::from_millis(2_000);
    let csms = world.csms()?;
    let name = if act == "remote start" {
        "remote start"
    } else {
        "present"
    };
    let acted = *csms
        .talk
        .acted
        .get(name)
        .ok_or_else(|| Failure::new(format!("there was no {act} before")))?;
    let seen = csms
        .talk
        .expect(Order::Next, &status(connector, &word))
        .await?;
    let (took, should) = (
        seen.at.duration_since(acted).unwrap_or_default(),
        Duration::from_secs(seconds) * csms.stretch,
    );
    if took + EARLY < should || took > should + LATE {
        return Err(Failure::new(format!(
            "it reported connector {connector} as {word} {} after the {act}, not {}",
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
    let csms = world.csms()?;
    match csms
        .talk
        .expect_within(
            Order::Next,
            &status(connector, &word),
            duration(number, &unit)?,
        )
        .await
    {
        Ok(_) => Err(Failure::new(format!(
            "it reported connector {connector} as {word} within {number} {unit}; it should not"
        ))),
        Err(_) => DONE,
    }
}
