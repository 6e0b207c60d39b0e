//! What should not be on a line, and slow answers.

use std::time::Duration;

use cucumber::{given, when};
use serde_json::json;

use crate::failure::DONE;
use crate::failure::StepResult;
use crate::steps::world::World;

#[when("the CSMS sends Reset without its type")]
async fn reset_without_type(world: &mut World) -> StepResult {
    world
        .csms()?
        .talk
        .command_that_may_fail("Reset", json!({}))
        .await;
    DONE
}

#[when(regex = r"^the CSMS sends Reset of the type (\w+)$")]
async fn reset_of_type(world: &mut World, kind: String) -> StepResult {
    world
        .csms()?
        .talk
        .command_that_may_fail("Reset", json!({"type": kind}))
        .await;
    DONE
}

#[given(regex = r"^the CSMS takes (\d+) milliseconds to answer$")]
async fn slow_answers(world: &mut World, ms: u64) -> StepResult {
    world.csms()?.talk.line.script().delay = (Duration::from_millis(ms), Duration::from_millis(ms));
    DONE
}
