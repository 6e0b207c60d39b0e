//! What a charge point reports of its connectors, and what it keeps to itself.

use cucumber::then;
use serde_json::Value;

use crate::expect::{Expected, Order, StepResult, Want};
use crate::params::{duration, words};
use crate::world::{DONE, World};

fn status(connector: u32, text: &str) -> Expected {
    let wanted = words(text).into_iter().map(Value::from).collect();
    Expected::call("StatusNotification")
        .with("connectorId", connector)
        .want("status", Want::OneOf(wanted))
}

#[then(regex = r"^(before or after that, )?it reports connector (\d+) as (\w+(?: or \w+)*)$")]
async fn reports(world: &mut World, beside: String, connector: u32, words: String) -> StepResult {
    world
        .bench()?
        .expect(Order::of(&beside), &status(connector, &words))
        .await
        .map(|_| ())
}

#[then(regex = r"^it reports connector (\d+) as Faulted with (\w+)$")]
async fn reports_fault(world: &mut World, connector: u32, error_code: String) -> StepResult {
    let expected = status(connector, "Faulted").with("errorCode", error_code);
    world
        .bench()?
        .expect(Order::Next, &expected)
        .await
        .map(|_| ())
}

#[then(regex = r"^(?:before or after that, )?it may report connector (\d+) as (\w+)$")]
async fn may_report(world: &mut World, connector: u32, word: String) -> StepResult {
    world.bench()?.allowed.push(status(connector, &word));
    DONE
}

#[then(regex = r"^it sends nothing else for (\d+) (\w+)$")]
async fn nothing_else(world: &mut World, number: u64, unit: String) -> StepResult {
    world
        .bench()?
        .expect_none(duration(number, &unit)?, |_| true)
        .await
}

#[then(regex = r"^it sends no (\w+) for (\d+) (\w+)$")]
async fn none_of(world: &mut World, action: String, number: u64, unit: String) -> StepResult {
    world
        .bench()?
        .expect_none(duration(number, &unit)?, |other| other == action)
        .await
}
