//! Authorization, transactions and meter values that a charge point tells.

use cucumber::{then, when};
use dynamo_protocol::time;
use serde_json::{Value, json};

use super::{status_is, told};
use crate::bench::Bench;
use crate::expect::{Failure, StepResult};
use crate::params::{TagWord, words};
use crate::world::{DONE, World};

fn tag(world: &mut World, word: TagWord) -> Result<String, Failure> {
    let rig = world.rig()?;
    word.of(&rig.tags)
        .map_err(|reason| world.cannot_run(reason))
}

/// The time, some minutes ago, as a charge point writes it.
fn minutes_ago(minutes: i64) -> String {
    time::text(jiff::Timestamp::now().as_millisecond() - minutes * 60_000)
}

/// The first number in the words, 0 where there are none.
fn minutes_in(words: &str) -> i64 {
    words
        .split(' ')
        .find_map(|word| word.parse().ok())
        .unwrap_or(0)
}

#[when(regex = r"^it asks about (the \w+ tag)( in lower case)?$")]
async fn asks(world: &mut World, word: TagWord, lower: String) -> StepResult {
    let tag = tag(world, word)?;
    let tag = if lower.is_empty() {
        tag
    } else {
        tag.to_lowercase()
    };
    world
        .bench()?
        .command("Authorize", json!({"idTag": tag}))
        .await;
    DONE
}

#[then(regex = r"^the CSMS answers that the tag is (\w+)( and gives a transaction id)?$")]
async fn answers_tag(world: &mut World, status: String, transaction: String) -> StepResult {
    let bench = world.bench()?;
    let result = bench.result().await?;
    status_is(&result, "/idTagInfo/status", &[status])?;
    if transaction.is_empty() {
        DONE
    } else {
        adopt(bench, &result)
    }
}

fn adopt(bench: &mut Bench, result: &Value) -> StepResult {
    match result["transactionId"].as_i64() {
        Some(id) => {
            bench.transaction = Some(id);
            DONE
        }
        None => Err(Failure::new(format!(
            "the answer {result} has no transaction id"
        ))),
    }
}

fn start(bench: &mut Bench, connector: u32, tag: &str, begun: String) -> Value {
    let payload = json!({"connectorId": connector, "idTag": tag, "meterStart": bench.meter_wh, "timestamp": begun});
    bench.told.insert("StartTransaction", payload.clone());
    payload
}

fn stop(bench: &mut Bench, transaction: i64, reason: &str, ended: String) -> Value {
    bench.meter_wh += 1_250;
    let payload = json!({"transactionId": transaction, "meterStop": bench.meter_wh, "timestamp": ended,
        "reason": reason});
    bench.told.insert("StopTransaction", payload.clone());
    payload
}

fn running(bench: &Bench) -> Result<i64, Failure> {
    bench
        .transaction
        .ok_or_else(|| Failure::new("no transaction runs"))
}

#[when(
    regex = r"^it starts a transaction on connector (\d+) with (the \w+ tag)(, begun \d+ minutes ago)?$"
)]
async fn starts(world: &mut World, connector: u32, word: TagWord, ago: String) -> StepResult {
    let tag = tag(world, word)?;
    let bench = world.bench()?;
    let payload = start(bench, connector, &tag, minutes_ago(minutes_in(&ago)));
    bench.command("StartTransaction", payload).await;
    DONE
}

#[when(regex = r"^it stops the transaction because of (\w+)(, ended \d+ minutes ago)?$")]
async fn stops(world: &mut World, reason: String, ago: String) -> StepResult {
    let bench = world.bench()?;
    let id = running(bench)?;
    let payload = stop(bench, id, &reason, minutes_ago(minutes_in(&ago)));
    bench.command("StopTransaction", payload).await;
    DONE
}

#[when("it stops a transaction that nobody knows")]
async fn stops_unknown(world: &mut World) -> StepResult {
    let bench = world.bench()?;
    let payload = stop(bench, 2_000_000_011, "Local", minutes_ago(0));
    bench.command("StopTransaction", payload).await;
    DONE
}

#[when(regex = r"^it tells the same (start|stop) once more$")]
async fn tells_again(world: &mut World, which: String) -> StepResult {
    let action = if which == "start" {
        "StartTransaction"
    } else {
        "StopTransaction"
    };
    let bench = world.bench()?;
    let payload = bench.told.get(action).cloned();
    let payload = payload.ok_or_else(|| Failure::new(format!("no {action} was told before")))?;
    bench.command(action, payload).await;
    DONE
}

#[then(regex = r"^the CSMS gives (the same|another) transaction id$")]
async fn compares_ids(world: &mut World, which: String) -> StepResult {
    let bench = world.bench()?;
    let before = running(bench)?;
    let result = bench.result().await?;
    let id = result["transactionId"].as_i64();
    if (id == Some(before)) == (which == "the same") && id.is_some() {
        return DONE;
    }
    Err(Failure::new(format!(
        "the transaction id was {before} before and is {} now; {which} is expected",
        result["transactionId"]
    )))
}

#[then("the CSMS acknowledges the end of the transaction")]
async fn acknowledges_end(world: &mut World) -> StepResult {
    world.bench()?.result().await.map(|_| ())
}

#[when(regex = r"^it sends meter values (of the|outside a) transaction$")]
async fn meter_values(world: &mut World, which: String) -> StepResult {
    let bench = world.bench()?;
    bench.meter_wh += 100;
    let mut payload = json!({"connectorId": 1, "meterValue": [{"timestamp": minutes_ago(0), "sampledValue": [
        {"value": bench.meter_wh.to_string(), "context": "Sample.Periodic",
         "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11000", "measurand": "Power.Active.Import", "unit": "W"}]}]});
    if which == "of the" {
        payload["transactionId"] = running(bench)?.into();
    } else {
        payload["connectorId"] = 2.into();
    }
    bench.command("MeterValues", payload).await;
    DONE
}

#[when(regex = r"^it sends data of the vendor (\S+)$")]
async fn data_transfer(world: &mut World, vendor: String) -> StepResult {
    world
        .bench()?
        .command(
            "DataTransfer",
            json!({"vendorId": vendor, "data": "anything"}),
        )
        .await;
    DONE
}

#[then(regex = r"^the CSMS answers ([A-Z]\w+, [A-Z]\w+ or [A-Z]\w+)$")]
async fn answers_one_of(world: &mut World, wanted: String) -> StepResult {
    let result = world.bench()?.result().await?;
    status_is(&result, "/status", &words(&wanted))
}

/// A session as most scenarios need it.
pub(crate) async fn session_runs(world: &mut World, word: TagWord, connector: u32) -> StepResult {
    let tag = tag(world, word)?;
    let bench = world.bench()?;
    let status =
        |word: &str| json!({"connectorId": connector, "status": word, "errorCode": "NoError"});
    told(bench, "StatusNotification", status("Preparing")).await?;
    let answer = told(bench, "Authorize", json!({"idTag": tag})).await?;
    status_is(&answer, "/idTagInfo/status", &["Accepted".to_owned()])?;
    transaction_begins(bench, &tag, connector).await?;
    told(bench, "StatusNotification", status("Charging")).await?;
    DONE
}

/// A transaction that the CSMS has to accept.
pub(crate) async fn transaction_begins(bench: &mut Bench, tag: &str, connector: u32) -> StepResult {
    let payload = start(bench, connector, tag, minutes_ago(0));
    let answer = told(bench, "StartTransaction", payload).await?;
    status_is(&answer, "/idTagInfo/status", &["Accepted".to_owned()])?;
    adopt(bench, &answer)
}
