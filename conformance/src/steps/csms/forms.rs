//! What charge points of many makers send, many messages in one scenario, each after the answer to the one before.

use cucumber::{then, when};
use dynamo_protocol::trace::Direction;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::case::tags::TagWord;
use crate::dialect::v16::forms::{
    adopt_members, messages, meter_forms, reading, status_notification, stop_members, times,
};
use crate::dialect::v16::words::REASONS;
use crate::failure::{DONE, Failure, StepResult};
use crate::role::station::StationRole;
use crate::steps::csms::session::{start, stop};
use crate::steps::world::World;
use crate::wire::entry::{Entry, Message};
use crate::wire::script::minutes_ago;

/// Where in the record the messages of a series begin.
const SERIES: &str = "series";

/// Failures of a series that are told one by one.
const SHOWN: usize = 3;

/// A call: action and payload.
type Call = (&'static str, Value);

/// Sends one call and waits for its answer.
async fn ask(station: &mut StationRole, action: &str, payload: Value) -> Option<Message> {
    station.talk.command_that_may_fail(action, payload).await;
    station.talk.answer().await.ok()
}

/// Sends calls until one is not answered; a later step judges the answers.
async fn send_all(station: &mut StationRole, calls: Vec<Call>) {
    station.talk.mark(SERIES);
    for (action, payload) in calls {
        if ask(station, action, payload).await.is_none() {
            break;
        }
    }
}

/// Sessions with one difference each: what a start or a stop has beyond its plain members.
async fn sessions(station: &mut StationRole, tag: &str, differences: Vec<(&'static str, Value)>) {
    station.talk.mark(SERIES);
    for (action, members) in differences {
        let mut begun = start(station, 1, tag, minutes_ago(0));
        if action == "StartTransaction" {
            adopt_members(&mut begun, &members);
        }
        let answer = ask(station, "StartTransaction", begun).await;
        let Some(Message::Result { payload, .. }) = answer else {
            return;
        };
        let Some(id) = payload["transactionId"].as_i64() else {
            return;
        };
        station.talk.transaction = Some(id);
        let mut ended = stop(station, id, "Local", minutes_ago(0));
        if action == "StopTransaction" {
            adopt_members(&mut ended, &members);
        }
        if ask(station, "StopTransaction", ended).await.is_none() {
            return;
        }
    }
}

#[when(regex = r"^it sends (\w+) with each (.+)$")]
async fn sends_each(world: &mut World, action: String, what: String) -> StepResult {
    let action = match action.as_str() {
        "StartTransaction" => "StartTransaction",
        "StopTransaction" => "StopTransaction",
        other => return sends_messages(world, other, &what).await,
    };
    let tag = world.tag(TagWord::Known).await?;
    let members: Vec<Value> = match (action, what.as_str()) {
        (_, "form of a time") => times()
            .into_iter()
            .map(|time| json!({"timestamp": time}))
            .collect(),
        ("StartTransaction", "optional member") => vec![json!({}), json!({"reservationId": 17})],
        ("StopTransaction", "optional member") => stop_members(&tag),
        ("StopTransaction", "reason") => {
            REASONS.iter().map(|word| json!({"reason": word})).collect()
        }
        _ => return Err(Failure::new(format!("{action} has no {what}"))),
    };
    let differences = members
        .into_iter()
        .map(|members| (action, members))
        .collect();
    sessions(world.station()?, &tag, differences).await;
    DONE
}

async fn sends_messages(world: &mut World, action: &str, what: &str) -> StepResult {
    let wanted = [
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "MeterValues",
        "StatusNotification",
    ];
    let known = wanted.into_iter().find(|name| *name == action);
    let (Some(action), Some(payloads)) = (known, messages(action, what)) else {
        return Err(Failure::new(format!("{action} has no {what}")));
    };
    let calls = payloads.into_iter().map(|payload| (action, payload));
    send_all(world.station()?, calls.collect()).await;
    DONE
}

#[when("it sends meter values of the transaction in every form")]
async fn sends_meter_forms(world: &mut World) -> StepResult {
    let station = world.station()?;
    let id = station.talk.transaction;
    let id = id.ok_or_else(|| Failure::new("no transaction runs"))?;
    let forms = meter_forms(Some(id)).into_iter();
    let calls = forms.map(|mut payload| {
        if payload["connectorId"] == 1 {
            payload["transactionId"] = id.into();
        }
        ("MeterValues", payload)
    });
    send_all(station, calls.collect()).await;
    DONE
}

/// Ids are texts of up to 36 characters, whatever they are made of [1.6J §4.1.4].
#[when("it sends heartbeats under ids of every kind")]
async fn sends_ids(world: &mut World) -> StepResult {
    let station = world.station()?;
    let number = Timestamp::now().as_nanosecond();
    let guid = format!(
        "{:08x}-1c3d-4e5f-8a9b-{:012x}",
        number as u32,
        number & 0xffff_ffff_ffff
    );
    let ids = [
        guid,
        format!("{number}-\"quoted\"/\\"),
        format!("Zähler ✓ {}", number % 1_000_000),
        "7".to_owned(),
    ];
    station.talk.mark(SERIES);
    for id in ids {
        station.talk.begin_act();
        station
            .talk
            .line
            .send(json!([2, id, "Heartbeat", {}]).to_string())
            .await;
        station.talk.last_call = Some((id, "Heartbeat".to_owned()));
        if station.talk.answer().await.is_err() {
            break;
        }
    }
    DONE
}

/// Every message without each member that it needs [1.6 §6].
#[when("it sends every message without each member that it needs")]
async fn lacks_members(world: &mut World) -> StepResult {
    let sample = reading(json!({"value": "1000"}));
    let whole: [(&str, Value); 7] = [
        ("Authorize", json!({"idTag": "X"})),
        (
            "BootNotification",
            json!({"chargePointVendor": "Dynamo", "chargePointModel": "Scripted"}),
        ),
        ("DataTransfer", json!({"vendorId": "org.example.nobody"})),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": sample}),
        ),
        (
            "StartTransaction",
            json!({"connectorId": 1, "idTag": "X", "meterStart": 0, "timestamp": minutes_ago(0)}),
        ),
        (
            "StatusNotification",
            status_notification(1, "Available", "NoError"),
        ),
        (
            "StopTransaction",
            json!({"transactionId": 1, "meterStop": 0, "timestamp": minutes_ago(0)}),
        ),
    ];
    let calls = whole.into_iter().flat_map(|(action, payload)| {
        let names: Vec<String> = payload
            .as_object()
            .into_iter()
            .flat_map(|members| members.keys().cloned())
            .collect();
        names.into_iter().map(move |name| {
            let mut payload = payload.clone();
            payload.as_object_mut().map(|members| members.remove(&name));
            (action, payload)
        })
    });
    send_all(world.station()?, calls.collect()).await;
    DONE
}

/// A connector is a number, and a payload an object.
#[when("it sends messages with a text where a number or an object belongs")]
async fn sends_texts(world: &mut World) -> StepResult {
    let sample = reading(json!({"value": "1000"}));
    let calls = vec![
        (
            "MeterValues",
            json!({"connectorId": "one", "meterValue": sample}),
        ),
        (
            "StartTransaction",
            json!({"connectorId": "one", "idTag": "X", "meterStart": 0, "timestamp": minutes_ago(0)}),
        ),
        (
            "StatusNotification",
            json!({"connectorId": "one", "status": "Available", "errorCode": "NoError"}),
        ),
        ("StatusNotification", json!("hello")),
        ("MeterValues", json!([])),
    ];
    send_all(world.station()?, calls).await;
    DONE
}

/// Readings that a check may find wrong [1.6 §4.7].
#[when("it sends odd readings")]
async fn odd_readings(world: &mut World) -> StepResult {
    let station = world.station()?;
    let with = |value: &str, time: String| {
        json!([{"timestamp": time, "sampledValue": [
            {"value": value, "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]}])
    };
    let now = || minutes_ago(0);
    let mut calls = vec![
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("5000", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("4000", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("NaN", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("1", "2000-01-01T00:00:00Z".into())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "meterValue": with("1", minutes_ago(-24 * 60))}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 99, "meterValue": with("1", now())}),
        ),
        (
            "MeterValues",
            json!({"connectorId": 1, "transactionId": 2_000_000_011, "meterValue": with("1", now())}),
        ),
    ];
    if let Some(id) = station.talk.transaction {
        let late =
            json!({"connectorId": 1, "transactionId": id, "meterValue": with("6000", now())});
        calls.push(("MeterValues", late));
    }
    send_all(station, calls).await;
    DONE
}

/// Starts and stops that a check may find wrong [1.6 §4.8, §4.10].
#[when("it tells of odd sessions")]
async fn odd_sessions(world: &mut World) -> StepResult {
    let tag = world.tag(TagWord::Known).await?;
    let station = world.station()?;
    let tomorrow = minutes_ago(-24 * 60);
    let other = json!([{"timestamp": minutes_ago(0), "sampledValue": [{"value": "50", "measurand": "Frequency"}]}]);
    let differences = vec![
        ("StartTransaction", json!({"meterStart": 0})),
        (
            "StartTransaction",
            json!({"timestamp": "2000-01-01T00:00:00Z"}),
        ),
        ("StartTransaction", json!({"timestamp": tomorrow})),
        ("StartTransaction", json!({"connectorId": 99})),
        ("StopTransaction", json!({"meterStop": 0})),
        (
            "StopTransaction",
            json!({"timestamp": "2000-01-01T00:00:00Z"}),
        ),
        ("StopTransaction", json!({"timestamp": tomorrow})),
        ("StopTransaction", json!({"transactionData": other})),
    ];
    sessions(station, &tag, differences).await;
    DONE
}

/// Ends what runs on all connectors.
#[when("it stops every transaction")]
async fn stops_all(world: &mut World) -> StepResult {
    let station = world.station()?;
    let ids: Vec<i64> = {
        let log = station.talk.line.log();
        let results =
            log.entries
                .iter()
                .filter_map(|entry| match entry.frame(Direction::FromSut)? {
                    Message::Result { payload, .. } => payload["transactionId"].as_i64(),
                    _ => None,
                });
        results.collect()
    };
    let calls = ids.into_iter().map(|id| {
        (
            "StopTransaction",
            stop(station, id, "Local", minutes_ago(0)),
        )
    });
    let calls: Vec<Call> = calls.collect();
    send_all(station, calls).await;
    DONE
}

/// What became of the messages of a series, each in words.
#[derive(Debug, Default)]
struct Answered {
    with_a_result: Vec<String>,
    /// With the code of the error.
    with_an_error: Vec<(String, String)>,
    not_at_all: Vec<String>,
}

fn answered(station: &StationRole) -> Result<Answered, Failure> {
    let missing = || Failure::new("no step before this one has sent anything");
    let from = *station.talk.marks.get(SERIES).ok_or_else(missing)?;
    let (last, last_action) = station.talk.last_call.as_ref().ok_or_else(missing)?;
    let log = station.talk.line.log();
    let mut found = Answered::default();
    let calls = log.entries.iter().skip(from).filter_map(Entry::call_to_sut);
    let mut was_sent = false;
    for (id, action, payload) in calls {
        was_sent |= id == last;
        let call = format!("{action} {payload}");
        let index = log.answer_to(id);
        match index.and_then(|index| log.entries[index].frame(Direction::FromSut)) {
            Some(Message::Error { code, .. }) => found.with_an_error.push((call, code.clone())),
            Some(_) => found.with_a_result.push(call),
            None => found.not_at_all.push(call),
        }
    }
    if !was_sent {
        let call = format!("{last_action}, which the line was down for");
        found.not_at_all.push(call);
    }
    Ok(found)
}

/// The first of many texts.
fn first(texts: &[String]) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let shown = texts[..texts.len().min(SHOWN)].join("; ");
    if more == 0 {
        shown
    } else {
        format!("{shown}; and {more} more")
    }
}

impl Answered {
    /// A call has an answer, whatever it is [1.6J §4.1.1].
    fn every_call(&self) -> StepResult {
        if self.not_at_all.is_empty() {
            return DONE;
        }
        let calls = first(&self.not_at_all);
        Err(Failure::new(format!(
            "the CSMS never answered {calls} [1.6J §4.1.1]"
        )))
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.with_an_error.iter();
        errors
            .map(|(call, code)| format!("{call} with the error {code}"))
            .collect()
    }
}

#[then("the CSMS acknowledges each")]
async fn acknowledges_each(world: &mut World) -> StepResult {
    let answered = answered(world.station()?)?;
    answered.every_call()?;
    let errors = answered.errors();
    if errors.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "the CSMS answered {}",
        first(&errors)
    )))
}

/// Its checks should not keep a CSMS from acknowledging what happened [1.6 §4.7, §4.8, §4.10].
#[then("the CSMS answers each; an error is warned about")]
async fn answers_each(world: &mut World) -> StepResult {
    let answered = answered(world.station()?)?;
    answered.every_call()?;
    let errors = answered.errors();
    if !errors.is_empty() {
        let errors = first(&errors);
        world.warn(format!(
            "the CSMS answered {errors}; what it finds odd it should acknowledge all the same [1.6 §4.7, §4.8, §4.10]"
        ));
    }
    DONE
}

#[then("the CSMS refuses each")]
async fn refuses_each(world: &mut World) -> StepResult {
    let answered = answered(world.station()?)?;
    answered.every_call()?;
    if !answered.with_a_result.is_empty() {
        return Err(Failure::new(format!(
            "the CSMS answered with a result to {}",
            first(&answered.with_a_result)
        )));
    }
    let odd = |code: &str| {
        matches!(
            code,
            "InternalError" | "NotImplemented" | "NotSupported" | "SecurityError"
        )
    };
    let errors = answered.with_an_error.iter().filter(|(_, code)| odd(code));
    let errors: Vec<String> = errors
        .map(|(call, code)| format!("{call} with {code}"))
        .collect();
    if !errors.is_empty() {
        let errors = first(&errors);
        world.warn(format!(
            "the CSMS refused {errors}; that is not what is wrong with it [1.6J §4.2.3]"
        ));
    }
    DONE
}
