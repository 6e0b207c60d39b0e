//! The charge point behind the REST API: the rig plays it, and what the CSMS says to it is on record.

use std::sync::Arc;

use cucumber::{given, then, when};
use gherkin::Step;
use serde_json::Value;

use crate::case::side::Side;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::peer::station::Knock;
use crate::role::csms::CsmsRole;
use crate::role::rest::recipe;
use crate::role::station::StationRole;
use crate::rules::ocppj::ERROR_CODES;
use crate::steps::csms::{accepted_by_csms, accepted_with, transaction_begins};
use crate::steps::world::{OrEnd, World};
use crate::watch::pattern::{Extent, mismatch};
use crate::wire::script::Answer;
use crate::words::{quoted, span};

#[given(regex = "^a charge point of the (installer|organization) that is offline$")]
async fn registered(world: &mut World, owner: String) -> StepResult {
    let api = world.rest().await?;
    if owner == "installer" {
        recipe::register(api).await
    } else {
        api.register_charge_point().await
    }
}

#[given(regex = "^a connected charge point of the (installer|organization)$")]
async fn connected(world: &mut World, owner: String) -> StepResult {
    registered(world, owner).await?;
    connects(world).await
}

#[given("it connects and boots")]
#[when("it connects and boots")]
async fn connects(world: &mut World) -> StepResult {
    if let Some(station) = &mut world.station {
        station.connect().await?;
    } else {
        connects_only(world).await?;
    }
    accepted_by_csms(world.station()?).await
}

#[given("it connects and boots without a firmware version")]
async fn boots_without_firmware(world: &mut World) -> StepResult {
    connects_only(world).await?;
    accepted_with(world.station()?, boot_without_firmware()).await
}

fn boot_without_firmware() -> Value {
    serde_json::json!({"chargePointVendor": "Dynamo", "chargePointModel": "Scripted"})
}

#[given("it connects and does not boot")]
async fn connects_only(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let (id, own_csms_url) = (api.word("charge point")?, api.own_ocpp_url());
    let mut station = StationRole::named(world.rig()?, Side::Api, &world.scenario, id);
    station.own_csms_url = own_csms_url;
    station.connect().await?;
    world.station = Some(station);
    DONE
}

#[given(regex = r"^it answers ([A-Z]\w+) with$")]
#[when(regex = r"^it answers ([A-Z]\w+) with$")]
async fn answers(world: &mut World, action: String, step: &Step) -> StepResult {
    let text = step.docstring.as_deref().unwrap_or_default();
    let text = world.rest().await?.expand(text)?;
    let payload: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the step's own JSON is none: {error}: {text}")))?;
    let station = world.station()?;
    station
        .talk
        .line
        .script()
        .answer_always(&action, Answer::Result(payload));
    DONE
}

#[given(regex = r"^it answers ([A-Z]\w+) with the status (\w+)$")]
#[when(regex = r"^it answers ([A-Z]\w+) with the status (\w+)$")]
async fn answers_status(world: &mut World, action: String, status: String) -> StepResult {
    let payload = serde_json::json!({"status": status});
    let station = world.station()?;
    station
        .talk
        .line
        .script()
        .answer_always(&action, Answer::Result(payload));
    DONE
}

#[given(regex = r"^it answers ([A-Z]\w+) with the error (\w+)$")]
async fn answers_error(world: &mut World, action: String, code: String) -> StepResult {
    let known = ERROR_CODES.iter().find(|known| **known == code);
    let code = known.ok_or_else(|| Failure::new(format!("{code} is no code of OCPP 1.6")))?;
    let station = world.station()?;
    station
        .talk
        .line
        .script()
        .answer_always(&action, Answer::Error { code });
    DONE
}

#[given(regex = r"^it never answers ([A-Z]\w+)$")]
async fn never_answers(world: &mut World, action: String) -> StepResult {
    let station = world.station()?;
    station
        .talk
        .line
        .script()
        .answer_always(&action, Answer::Held);
    DONE
}

/// The bundled charge point and the CSMS talk to each other; the rig stands between them and writes down what they say.
#[when("the charge point is switched on and connects to the CSMS")]
async fn switched_on(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    let rest = world.rest().await?;
    let (id, own_csms_url) = (rest.word("charge point")?, rest.own_ocpp_url());
    let csms = rig.csms.as_ref();
    let csms = csms.ok_or_else(|| Failure::new("the rig has no CSMS to connect to"))?;
    let knock = Knock {
        url: own_csms_url.unwrap_or_else(|| csms.url.clone()),
        id,
        password: csms.password.clone(),
        tls: csms.tls.clone(),
        subprotocols: Some(dynamo_protocol::SUBPROTOCOL_16.to_owned()),
    };
    let csms = CsmsRole::between(Arc::clone(&rig), &world.tags, knock).await?;
    world.csms = Some(csms);
    world.csms()?.start().await.or_end(world)
}

/// In any order: what came before is not looked for again. `with` has the whole payload.
#[then(regex = r"^it receives ([A-Z]\w+)( with)?$")]
async fn receives(world: &mut World, action: String, _with: String, step: &Step) -> StepResult {
    let pattern = match step.docstring.as_deref() {
        None => "(an object)".into(),
        Some(text) => {
            let text = world.rest().await?.expand(text)?;
            serde_json::from_str(&text)
                .map_err(|error| Failure::new(format!("the step's own JSON is none: {error}")))?
        }
    };
    await_call(world.station()?, &action, &pattern).await?;
    DONE
}

/// The payload of a call like this, which is accounted for by that.
async fn await_call(
    station: &mut StationRole,
    action: &str,
    pattern: &Value,
) -> Result<Value, Failure> {
    let patience = station.talk.patience;
    let found = station
        .talk
        .line
        .wait(patience, |log| {
            log.entries.iter_mut().find_map(|entry| {
                let (_, is, payload) = entry.call_from_sut()?;
                let fits = !entry.consumed
                    && is == action
                    && mismatch(pattern, payload, Extent::Equals).is_none();
                let payload = fits.then(|| payload.clone())?;
                entry.consumed = true;
                Some(payload)
            })
        })
        .await;
    found.ok_or_else(|| {
        let log = station.talk.line.log();
        let calls = log
            .entries
            .iter()
            .filter_map(crate::wire::entry::Entry::call_from_sut);
        let came: Vec<String> = calls
            .map(|(_, action, payload)| format!("{action} {payload}"))
            .collect();
        Failure::new(format!(
            "no {action} like {pattern} came within {}; the CSMS sent {}",
            span(patience),
            quoted(&came.join("; "))
        ))
    })
}

/// The charge point does what it is told: it starts for the tag that only the CSMS knew.
#[given(regex = r"^the guest's session begins on connector (\d+)$")]
#[when(regex = r"^the guest's session begins on connector (\d+)$")]
async fn guest_begins(world: &mut World, connector: u32) -> StepResult {
    let station = world.station()?;
    let pattern = serde_json::json!({"connectorId": connector, "idTag": "(a text)"});
    let asked = await_call(station, "RemoteStartTransaction", &pattern).await?;
    let tag = asked["idTag"].as_str().unwrap_or_default();
    transaction_begins(station, tag, connector).await
}

/// Commands to one charge point that may be sent at once, and each second after that.
const BURST: usize = 10;
const PER_SECOND: f64 = 10.0;

/// What was answered 200 was sent and nothing else, and no faster than a charge point can take it.
#[then(
    regex = r"^it receives ([A-Z]\w+) for each answer 200, ten at once and ten a second at most$"
)]
async fn receives_at_its_pace(world: &mut World, action: String) -> StepResult {
    let answers = &world.rest().await?.answers;
    let sent = answers.iter().filter(|answer| answer.status == 200).count();
    let station = world.station()?;
    let mut log = station.talk.line.log();
    let mut came = Vec::new();
    for entry in &mut log.entries {
        if entry.call_from_sut().is_some_and(|(_, is, _)| is == action) {
            entry.consumed = true;
            came.push(entry.at);
        }
    }
    if came.len() != sent {
        return Err(Failure::new(format!(
            "{} {action} came, and {sent} were answered 200",
            came.len()
        )));
    }
    let span = came.first().zip(came.last());
    let span = span.and_then(|(first, last)| last.duration_since(*first).ok());
    // The first one was on its way for a while before it was seen: one more may have been let through since.
    let most = BURST + 1 + (span.unwrap_or_default().as_secs_f64() * PER_SECOND).ceil() as usize;
    if (BURST..=most).contains(&sent) {
        return DONE;
    }
    Err(Failure::new(format!(
        "{sent} {action} came within {}; {BURST} to {most} are expected",
        crate::words::span(span.unwrap_or_default())
    )))
}

#[when("it boots again without a firmware version")]
async fn boots_again_without_firmware(world: &mut World) -> StepResult {
    let boot = boot_without_firmware();
    world
        .station()?
        .talk
        .command("BootNotification", boot)
        .await;
    DONE
}

/// All of them are accounted for, however many there are.
#[then(regex = r"^it receives ([A-Z]\w+) at least once$")]
async fn receives_some(world: &mut World, action: String) -> StepResult {
    let station = world.station()?;
    let mut log = station.talk.line.log();
    let mut count = 0;
    for entry in &mut log.entries {
        if entry.call_from_sut().is_some_and(|(_, is, _)| is == action) {
            entry.consumed = true;
            count += 1;
        }
    }
    if count == 0 {
        return Err(Failure::new(format!("no {action} came")));
    }
    DONE
}

#[given("it loses its connection")]
#[when("it loses its connection")]
async fn goes_down(world: &mut World) -> StepResult {
    let station = world.station()?;
    station.talk.line.hang_up(true).await;
    let down = station
        .talk
        .line
        .wait(station.talk.patience, |log| (!log.connected).then_some(()))
        .await;
    down.ok_or_else(|| Failure::new("the line did not go down"))
}
