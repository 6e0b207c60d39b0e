//! Messages that an operator has the CSMS ask for, and those that come of it [1.6 §5.17].

use cucumber::when;
use serde_json::json;

use crate::failure::{DONE, StepResult};
use crate::steps::csms::session::minutes_ago;
use crate::steps::world::World;

#[when("it sends meter values that were asked for")]
async fn triggered_values(world: &mut World) -> StepResult {
    let station = world.station()?;
    let value = json!({"value": station.meter_wh.to_string(), "context": "Trigger",
        "measurand": "Energy.Active.Import.Register", "unit": "Wh"});
    let payload = json!({"connectorId": 1,
        "meterValue": [{"timestamp": minutes_ago(0), "sampledValue": [value]}]});
    station.talk.command("MeterValues", payload).await;
    DONE
}

#[when(
    regex = r"^it sends (DiagnosticsStatusNotification|FirmwareStatusNotification) with the status (\w+)$"
)]
async fn sends_state(world: &mut World, action: String, status: String) -> StepResult {
    let talk = &mut world.station()?.talk;
    talk.command(&action, json!({"status": status})).await;
    DONE
}
