//! Messages that an operator has the CSMS ask for, and those that come of it [1.6 §5.17].

use cucumber::{then, when};
use serde_json::json;

use crate::failure::{DONE, StepResult};
use crate::steps::csms::command::{MISSING_CONNECTOR, expect_if_it_can, last_command, order};
use crate::steps::csms::session::minutes_ago;
use crate::steps::world::World;
use crate::watch::expected::{Expected, Want};

#[when(regex = r"^the operator has the CSMS trigger (\w+)(?: of connector (\d+))?$")]
async fn trigger(world: &mut World, message: String, connector: String) -> StepResult {
    let mut payload = json!({"requestedMessage": message});
    if let Ok(connector) = connector.parse::<u32>() {
        payload["connectorId"] = connector.into();
    }
    order(world, "TriggerMessage", payload).await
}

#[when("the operator has the CSMS trigger MeterValues of a connector that is not there, if it can")]
async fn trigger_missing(world: &mut World) -> StepResult {
    let payload = json!({"requestedMessage": "MeterValues", "connectorId": MISSING_CONNECTOR});
    order(world, "TriggerMessage", payload).await
}

/// Without a connector a message of connectors is asked for of all of them, which is more than was ordered. What is
/// of the whole charge point has none, or 0.
#[then(regex = r"^the CSMS sends TriggerMessage for (\w+)(?: of connector (\d+))?$")]
async fn sends_trigger(world: &mut World, message: String, connector: String) -> StepResult {
    let connector: u32 = connector.parse().unwrap_or(0);
    let expected = Expected::call("TriggerMessage").with("requestedMessage", message);
    let connector_id = Want::IsOrAbsent(connector.into());
    // Not every CSMS has this profile.
    expect_if_it_can(world, expected.want("connectorId", connector_id)).await?;
    let named = last_command(world)?.get("connectorId").is_some();
    if connector > 0 && !named {
        world.warn(format!(
            "the CSMS asked for it of all connectors; connector {connector} was meant"
        ));
    }
    DONE
}

#[then("the CSMS sends TriggerMessage for MeterValues of that connector")]
async fn sends_trigger_missing(world: &mut World) -> StepResult {
    let expected = Expected::call("TriggerMessage").with("requestedMessage", "MeterValues");
    expect_if_it_can(world, expected.with("connectorId", MISSING_CONNECTOR)).await
}

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
