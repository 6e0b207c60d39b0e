//! Authorization, transactions and meter values that a charge point tells.

use cucumber::{then, when};
use serde_json::{Value, json};

use crate::case::side::Side;
use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::station::StationRole;
use crate::steps::csms::{tag_is_accepted, tag_is_refused, told};
use crate::steps::world::World;
use crate::wire::script::minutes_ago;

/// The first number in the words, 0 where there are none.
fn minutes_in(words: &str) -> i64 {
    words
        .split(' ')
        .find_map(|word| word.parse().ok())
        .unwrap_or(0)
}

#[when(regex = r"^it asks about (the \w+ tag)( in lower case)?$")]
async fn asks(world: &mut World, word: TagWord, lower: String) -> StepResult {
    let tag = world.tag(word).await?;
    let tag = if lower.is_empty() {
        tag
    } else {
        tag.to_lowercase()
    };
    world
        .station()?
        .talk
        .command("Authorize", json!({"idTag": tag}))
        .await;
    DONE
}

#[then(regex = r"^the CSMS answers that the tag is (\w+)( and gives a transaction id)?$")]
async fn answers_tag(world: &mut World, status: String, transaction: String) -> StepResult {
    let station = world.station()?;
    let result = station.talk.result().await?;
    let remark = if status == "Accepted" {
        tag_is_accepted(station, &result)?;
        None
    } else {
        tag_is_refused(&result, &status, station.talk.side)?
    };
    if !transaction.is_empty() {
        adopt(station, &result)?;
    }
    if let Some(remark) = remark {
        world.warn(remark);
    }
    DONE
}

fn adopt(station: &mut StationRole, result: &Value) -> StepResult {
    match result["transactionId"].as_i64() {
        Some(id) => {
            station.talk.transaction = Some(id);
            DONE
        }
        None => Err(Failure::new(format!(
            "the answer {result} has no transaction id"
        ))),
    }
}

pub(super) fn start(station: &mut StationRole, connector: u32, tag: &str, begun: String) -> Value {
    // Within the same millisecond the next start would be the one before, told again.
    if station.talk.told.contains_key("StartTransaction") {
        station.meter_wh += 1;
    }
    let payload = json!({"connectorId": connector, "idTag": tag, "meterStart": station.meter_wh, "timestamp": begun});
    station
        .talk
        .told
        .insert("StartTransaction", payload.clone());
    payload
}

pub(super) fn stop(
    station: &mut StationRole,
    transaction: i64,
    reason: &str,
    ended: String,
) -> Value {
    station.meter_wh += 1_250;
    let payload = json!({"transactionId": transaction, "meterStop": station.meter_wh, "timestamp": ended,
        "reason": reason});
    station.talk.told.insert("StopTransaction", payload.clone());
    payload
}

fn running(station: &StationRole) -> Result<i64, Failure> {
    station
        .talk
        .transaction
        .ok_or_else(|| Failure::new("no transaction runs"))
}

#[when(
    regex = r"^it starts a transaction on connector (\d+) with (the \w+ tag)( in lower case)?(, begun \d+ minutes ago)?$"
)]
async fn starts(
    world: &mut World,
    connector: u32,
    word: TagWord,
    lower: String,
    ago: String,
) -> StepResult {
    let mut tag = world.tag(word).await?;
    if !lower.is_empty() {
        tag.make_ascii_lowercase();
    }
    let station = world.station()?;
    let payload = start(station, connector, &tag, minutes_ago(minutes_in(&ago)));
    station.talk.command("StartTransaction", payload).await;
    DONE
}

/// A stop with the tag that was shown carries it [1.6 §6.49].
#[when(
    regex = r"^it stops the transaction because of (\w+)(?: with (the \w+ tag))?(, ended \d+ minutes ago)?$"
)]
async fn stops(world: &mut World, reason: String, word: String, ago: String) -> StepResult {
    let tag = match word.as_str() {
        "" => None,
        word => Some(world.tag(word.parse().map_err(Failure::new)?).await?),
    };
    let station = world.station()?;
    let id = running(station)?;
    let mut payload = stop(station, id, &reason, minutes_ago(minutes_in(&ago)));
    if let Some(tag) = tag {
        payload["idTag"] = tag.into();
        station.talk.told.insert("StopTransaction", payload.clone());
    }
    station.talk.command("StopTransaction", payload).await;
    DONE
}

/// A car that takes nothing is no fault [1.6 §6.49].
#[when(regex = r"^it stops the transaction where its meter began because of (\w+)$")]
async fn stops_empty(world: &mut World, reason: String) -> StepResult {
    let station = world.station()?;
    let id = running(station)?;
    let begun = station.talk.told.get("StartTransaction");
    let meter = begun.map(|begun| begun["meterStart"].clone());
    let meter = meter.ok_or_else(|| Failure::new("no start was told before"))?;
    let mut payload = stop(station, id, &reason, minutes_ago(0));
    payload["meterStop"] = meter;
    station.talk.told.insert("StopTransaction", payload.clone());
    station.talk.command("StopTransaction", payload).await;
    DONE
}

#[when("it stops a transaction that nobody knows")]
async fn stops_unknown(world: &mut World) -> StepResult {
    let station = world.station()?;
    let payload = stop(station, 2_000_000_011, "Local", minutes_ago(0));
    station.talk.command("StopTransaction", payload).await;
    DONE
}

#[when(regex = r"^it tells the same (start|stop|readings) once more$")]
async fn tells_again(world: &mut World, which: String) -> StepResult {
    let action = match which.as_str() {
        "start" => "StartTransaction",
        "stop" => "StopTransaction",
        _ => "MeterValues",
    };
    let station = world.station()?;
    let payload = station.talk.told.get(action).cloned();
    let payload = payload.ok_or_else(|| Failure::new(format!("no {action} was told before")))?;
    station.talk.command(action, payload).await;
    DONE
}

#[then(regex = r"^the CSMS gives (the same|another) transaction id$")]
async fn compares_ids(world: &mut World, which: String) -> StepResult {
    let station = world.station()?;
    let before = running(station)?;
    let result = station.talk.result().await?;
    let id = result["transactionId"].as_i64();
    if (id == Some(before)) == (which == "the same") && id.is_some() {
        station.talk.transaction = id;
        return DONE;
    }
    Err(Failure::new(format!(
        "the transaction id was {before} before and is {} now; {which} is expected",
        result["transactionId"]
    )))
}

/// What it says of the tag that stopped is true [1.6 §6.50]; it may say nothing.
#[then("the CSMS acknowledges the end of the transaction")]
async fn acknowledges_end(world: &mut World) -> StepResult {
    let station = world.station()?;
    let result = station.talk.result().await?;
    let stopped_with = station.talk.last_call_payload()?;
    let started_with = station.talk.told.get("StartTransaction");
    let tag = |payload: &Value| payload["idTag"].as_str().map(str::to_lowercase);
    let is_own = tag(&stopped_with).is_some() && started_with.and_then(tag) == tag(&stopped_with);
    if is_own && station.talk.side == Side::Csms && result.get("idTagInfo").is_some() {
        tag_is_accepted(station, &result)?;
    }
    DONE
}

#[when(regex = r"^it sends meter values (of the|outside a) transaction(, taken \d+ minutes ago)?$")]
async fn meter_values(world: &mut World, which: String, ago: String) -> StepResult {
    let station = world.station()?;
    station.meter_wh += 100;
    let taken = minutes_ago(minutes_in(&ago));
    let mut payload = json!({"connectorId": 1, "meterValue": [{"timestamp": taken, "sampledValue": [
        {"value": station.meter_wh.to_string(), "context": "Sample.Periodic",
         "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11000", "measurand": "Power.Active.Import", "unit": "W"}]}]});
    if which == "of the" {
        payload["transactionId"] = running(station)?.into();
    } else {
        payload["connectorId"] = 2.into();
    }
    station.talk.told.insert("MeterValues", payload.clone());
    station.talk.command("MeterValues", payload).await;
    DONE
}

/// Of a vendor it does not know a CSMS says UnknownVendorId, and sends no data [1.6 §4.3]. One that takes any data, or
/// refuses them with another word, harms nobody.
#[then("the CSMS answers UnknownVendorId without data; another word is warned about")]
async fn answers_vendor(world: &mut World) -> StepResult {
    let result = world.station()?.talk.result().await?;
    let status = result["status"].as_str().unwrap_or_default().to_owned();
    let is_unknown = matches!(status.as_str(), "UnknownVendorId" | "UnknownMessageId");
    if is_unknown && result.get("data").is_some() {
        return Err(Failure::new(format!(
            "the CSMS answered {status} with data; there are none for a vendor it does not know [1.6 §4.3]"
        )));
    }
    if status != "UnknownVendorId" {
        world.warn(format!(
            "the CSMS answered data of an unknown vendor with {status}; the word for it is UnknownVendorId [1.6 §4.3]"
        ));
    }
    DONE
}

/// A session as most scenarios need it.
pub(crate) async fn session_runs(world: &mut World, word: TagWord, connector: u32) -> StepResult {
    let tag = world.tag(word).await?;
    let station = world.station()?;
    let status =
        |word: &str| json!({"connectorId": connector, "status": word, "errorCode": "NoError"});
    told(station, "StatusNotification", status("Preparing")).await?;
    let answer = told(station, "Authorize", json!({"idTag": tag})).await?;
    tag_is_accepted(station, &answer)?;
    transaction_begins(station, &tag, connector).await?;
    told(station, "StatusNotification", status("Charging")).await?;
    DONE
}

/// A transaction that the CSMS has to accept.
pub(crate) async fn transaction_begins(
    station: &mut StationRole,
    tag: &str,
    connector: u32,
) -> StepResult {
    let payload = start(station, connector, tag, minutes_ago(0));
    let answer = told(station, "StartTransaction", payload).await?;
    tag_is_accepted(station, &answer)?;
    adopt(station, &answer)
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
