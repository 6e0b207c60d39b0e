//! Webhooks: somebody who listens, and what they are told.

use cucumber::{given, then};
use gherkin::Step;
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::peer::sink::Sink;
use crate::steps::world::World;
use crate::wire::actor::Actor;
use crate::words::words;

/// What the letters of scenarios are signed with.
const SECRET: &str = "whsec_scenarios-0001";

#[given("somebody listens for webhooks")]
async fn listens(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let sink = Sink::listen().await?;
    api.words.insert("listener".into(), sink.url.clone());
    api.words.insert("secret".into(), SECRET.into());
    api.sink = Some(sink);
    DONE
}

#[given(regex = r"^somebody is told of (.+)$")]
async fn is_told_of(world: &mut World, events: String) -> StepResult {
    listens(world).await?;
    let api = world.rest().await?;
    let body = json!({"url": api.word("listener")?, "secret": SECRET, "events": words(&events)});
    api.set_up(Actor::Organization, "POST", "/api/v1/webhooks", body)
        .await?;
    DONE
}

#[given(regex = r"^they refuse the first (\d+) letters?$")]
async fn refuses(world: &mut World, letters: usize) -> StepResult {
    let api = world.rest().await?;
    let nobody = || Failure::new("nobody listens");
    api.sink.as_ref().ok_or_else(nobody)?.refuse(letters);
    DONE
}

#[then(regex = r"^they are told of ([a-z_]+\.[a-z_]+)( with)?$")]
async fn told(world: &mut World, kind: String, _with: String, step: &Step) -> StepResult {
    let patience = world.rig()?.patience;
    let running = world.running();
    let api = world.rest().await?;
    if let Some(id) = running {
        api.words.insert("transaction".into(), id.to_string());
    }
    let text = api.expand(step.docstring.as_deref().unwrap_or("{}"))?;
    let pattern: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the step's own JSON is none: {error}")))?;
    let nobody = || Failure::new("nobody listens");
    let sink = api.sink.as_mut().ok_or_else(nobody)?;
    sink.expect(&kind, &pattern, SECRET, patience).await
}

#[then("what was refused came again as it was")]
async fn came_again(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let nobody = || Failure::new("nobody listens");
    api.sink.as_ref().ok_or_else(nobody)?.refused_came_again()
}
