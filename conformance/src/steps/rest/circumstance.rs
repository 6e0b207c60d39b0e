//! What has to be the case before some errors come: a registration that was rejected, a command under way, a gateway
//! that nobody reaches.

use std::time::Instant;

use cucumber::{given, when};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::rest::recipe::{friend, invite_as};
use crate::role::rest::{Rest, sample};
use crate::role::station::StationRole;
use crate::rules::rest::document::Operation;
use crate::steps::rest::request::LOOK_AGAIN;
use crate::steps::world::World;
use crate::wire::actor::Actor;
use crate::wire::http::Request;
use crate::wire::script::Answer;

#[given("a charge point of the organization whose registration is rejected")]
async fn rejected(world: &mut World) -> StepResult {
    world.rest().await?.register_rejected().await
}

#[given("a CSMS whose payment gateway nobody reaches")]
async fn without_gateway(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    world.rest = Some(Rest::open_without_gateway(&rig, &world.scenario).await?);
    DONE
}

/// The token in the mail can be said as {invitation}.
#[given("another installer is invited to it")]
async fn installer_is_invited(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    api.credential(Actor::AnotherInstaller).await?;
    let email = format!("another@{}.example.com", api.word("unique")?);
    invite_as(api, &email).await?;
    let token = api.token_in_mail(&email).await?;
    api.words.insert("invitation".into(), token);
    DONE
}

#[when("the organization has seen it go offline")]
async fn seen_offline(world: &mut World) -> StepResult {
    let deadline = Instant::now() + world.rig()?.patience;
    let api = world.rest().await?;
    let path = format!("/api/v1/chargepoints/{}/status", api.word("charge point")?);
    let request = api.request(Actor::Organization, "GET", &path, None).await?;
    loop {
        let answer = api.caller().call(request.clone()).await?;
        if answer.json()?["online"] == false {
            return DONE;
        }
        if Instant::now() > deadline {
            return Err(Failure::new("the CSMS does not notice that it is gone"));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Everything that sends one command to a charge point of ours: the requests, with the action that goes out.
async fn commands(api: &mut Rest) -> Result<Vec<(Request, String)>, Failure> {
    let shared = std::sync::Arc::clone(&api.under_test);
    let mut commands = Vec::new();
    let sending = |operation: &&Operation| operation.says("charge_point_not_registered");
    for operation in shared.document.operations.iter().filter(sending) {
        let mut body = sample::body(&shared.document, operation).unwrap_or(Value::Null);
        body["charge_point_id"] = api.word("charge point")?.into();
        let action = action_of(operation, &body);
        let text = body.to_string();
        let mut request = api
            .request(
                friend(operation),
                &operation.method,
                &operation.template,
                None,
            )
            .await?;
        request.body = Some(("application/json".into(), text));
        commands.push((request, action));
    }
    if commands.is_empty() {
        return Err(Failure::new(
            "the document has no operation that sends a command",
        ));
    }
    Ok(commands)
}

/// The action is named in the body, or by the operation itself: `/reserve_now` sends `ReserveNow`.
fn action_of(operation: &Operation, body: &Value) -> String {
    if let Some(action) = body["command"].as_str().or_else(|| body["action"].as_str()) {
        return action.to_owned();
    }
    let name = operation.template.rsplit('/').next().unwrap_or_default();
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect()
}

#[when("every operation that sends a command is called for it")]
async fn all_commands(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    api.answers.clear();
    for (request, _) in commands(api).await? {
        let answer = api.caller().call(request).await?;
        api.answers.push(answer);
    }
    DONE
}

#[when(
    "every operation that sends a command is repeated with its Idempotency-Key before the charge point answers"
)]
async fn twins(world: &mut World) -> StepResult {
    let commands = commands(world.rest().await?).await?;
    let mut answers = Vec::new();
    for (number, (mut request, action)) in commands.into_iter().enumerate() {
        let key = format!("twin-{number}");
        request.headers.push(("Idempotency-Key".to_owned(), key));
        let station = world.station()?;
        station
            .talk
            .line
            .script()
            .answer_once(&action, Answer::Held);
        let api = world.rest().await?;
        let first = tokio::spawn(api.caller().call(request.clone()));
        let id = call_on_the_wire(world.station()?, &action).await?;
        answers.push(world.rest().await?.caller().call(request).await?);
        let accepted = match action.as_str() {
            "GetConfiguration" => json!({}),
            _ => json!({"status": "Accepted"}),
        };
        let accepted = Answer::Result(accepted);
        world.station()?.talk.line.answer(&id, &accepted).await;
        let first = first.await;
        let first = first.map_err(|_| Failure::new("the request broke off"))??;
        if first.status != 200 {
            return Err(Failure::new(first.in_words()));
        }
    }
    world.rest().await?.answers = answers;
    DONE
}

/// The id of the call of this action that nobody has looked at.
async fn call_on_the_wire(station: &mut StationRole, action: &str) -> Result<String, Failure> {
    let found = station.talk.line.wait(station.talk.patience, |log| {
        log.entries.iter_mut().find_map(|entry| {
            let (id, is, _) = entry.call_from_sut()?;
            let id = (!entry.consumed && is == action).then(|| id.to_owned())?;
            entry.consumed = true;
            Some(id)
        })
    });
    found
        .await
        .ok_or_else(|| Failure::new(format!("no {action} came")))
}
