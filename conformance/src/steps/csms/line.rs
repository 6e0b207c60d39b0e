//! What should not be on a line.

use cucumber::{then, when};
use serde_json::json;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;

#[when("it answers a call that nobody made")]
async fn stray_answer(world: &mut World) -> StepResult {
    world
        .station()?
        .talk
        .line
        .send(r#"[3,"nobody-asked",{"status":"Accepted"}]"#.to_owned())
        .await;
    DONE
}

#[when("it sends two heartbeats without waiting")]
async fn two_heartbeats(world: &mut World) -> StepResult {
    let station = world.station()?;
    let first = station.talk.line.call("Heartbeat", &json!({})).await;
    station.talk.command("Heartbeat", json!({})).await;
    station.talk.earlier_call = Some(first);
    DONE
}

#[then("the CSMS answers both")]
async fn answers_both(world: &mut World) -> StepResult {
    let station = world.station()?;
    station.talk.result().await?;
    let first = station
        .talk
        .earlier_call
        .take()
        .ok_or_else(|| Failure::new("only one call was sent"))?;
    station.talk.last_call = Some((first, "Heartbeat".to_owned()));
    station.talk.result().await.map(|_| ())
}
