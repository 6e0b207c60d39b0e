//! What should not be on a line, and slow answers.

use std::time::Duration;

use crate::failure::DONE;
use crate::failure::StepResult;
use crate::steps::world::World;
use cucumber::given;

#[given(regex = r"^the CSMS takes (\d+) milliseconds to answer$")]
async fn slow_answers(world: &mut World, ms: u64) -> StepResult {
    world.csms()?.talk.line.script().delay = (Duration::from_millis(ms), Duration::from_millis(ms));
    DONE
}
