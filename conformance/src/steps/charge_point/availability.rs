//! In and out of service: availability, reset, the lock of a connector.

use cucumber::when;
use serde_json::json;

use crate::failure::DONE;
use crate::failure::StepResult;
use crate::steps::world::World;

#[when(regex = r"^the CSMS makes connector (\d+) (Operative|Inoperative)$")]
async fn change_availability(world: &mut World, connector: u32, kind: String) -> StepResult {
    world
        .csms()?
        .talk
        .command(
            "ChangeAvailability",
            json!({"connectorId": connector, "type": kind}),
        )
        .await;
    DONE
}

#[when(regex = r"^the CSMS resets it (Hard|Soft)$")]
async fn reset(world: &mut World, kind: String) -> StepResult {
    world
        .csms()?
        .talk
        .command("Reset", json!({"type": kind}))
        .await;
    DONE
}

#[when(regex = r"^the CSMS unlocks connector (\d+)$")]
async fn unlock(world: &mut World, connector: u32) -> StepResult {
    world
        .csms()?
        .talk
        .command("UnlockConnector", json!({"connectorId": connector}))
        .await;
    DONE
}

#[when("the CSMS unlocks a connector that is not there")]
async fn unlock_nowhere(world: &mut World) -> StepResult {
    let connector = super::command::not_there(world)?;
    world
        .csms()?
        .talk
        .command("UnlockConnector", json!({"connectorId": connector}))
        .await;
    DONE
}
