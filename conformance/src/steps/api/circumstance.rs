//! What has to be the case before some errors come: a registration that was rejected, a command under way, a gateway
//! that nobody reaches.

use std::time::Instant;

use cucumber::{given, when};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::document::Operation;
use crate::api::recipe::{friend, invite_as};
use crate::api::{Actor, Api, Request, sample};
use crate::bench::Bench;
use crate::expect::{Failure, StepResult};
use crate::script::Answer;
use crate::steps::api::request::LOOK_AGAIN;
use crate::world::{DONE, World};

#[given("a charge point of the organization whose registration is rejected")]
async fn rejected(world: &mut World) -> StepResult {
    world.api().await?.register_rejected().await
}

#[given("a CSMS whose payment gateway nobody reaches")]
async fn without_gateway(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    world.api = Some(Api::open_without_gateway(&rig, &world.scenario).await?);
    DONE
}

/// The token in the mail can be said as {invitation}.
#[given("another installer is invited to it")]
async fn installer_is_invited(world: &mut World) -> StepResult {
    let api = world.api().await?;
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
    let api = world.api().await?;
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
async fn commands(api: &mut Api) -> Result<Vec<(Request, String)>, Failure> {
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
    let api = world.api().await?;
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
    let commands = commands(world.api().await?).await?;
    let mut answers = Vec::new();
    for (number, (mut request, action)) in commands.into_iter().enumerate() {
        let key = format!("twin-{number}");
        request.headers.push(("Idempotency-Key".to_owned(), key));
        let bench = world.bench()?;
        bench.line.script().answer_once(&action, Answer::Held);
        let api = world.api().await?;
        let first = tokio::spawn(api.caller().call(request.clone()));
        let id = call_on_the_wire(world.bench()?, &action).await?;
        answers.push(world.api().await?.caller().call(request).await?);
        let accepted = match action.as_str() {
            "GetConfiguration" => json!({}),
            _ => json!({"status": "Accepted"}),
        };
        let accepted = Answer::Result(accepted);
        world.bench()?.line.answer(&id, &accepted).await;
        let first = first.await;
        let first = first.map_err(|_| Failure::new("the request broke off"))??;
        if first.status != 200 {
            return Err(Failure::new(first.in_words()));
        }
    }
    world.api().await?.answers = answers;
    DONE
}

/// The id of the call of this action that nobody has looked at.
async fn call_on_the_wire(bench: &mut Bench, action: &str) -> Result<String, Failure> {
    let found = bench.line.wait(bench.rig.patience, |log| {
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
