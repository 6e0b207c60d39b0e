//! Requests, by those who make them.

use std::time::{Duration, Instant};

use cucumber::{given, when};
use dynamo_protocol::time;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use gherkin::Step;
use tokio::time::sleep;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::rest::{Rest, recipe};
use crate::steps::world::World;
use crate::wire::actor::Actor;
use crate::words::{duration, span};

/// How long somebody who waits for an end looks away.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[given(regex = r"^the next request has the header ([\w-]+): (.+)$")]
#[when(regex = r"^the next request has the header ([\w-]+): (.+)$")]
async fn with_header(world: &mut World, name: String, value: String) -> StepResult {
    world.rest().await?.next_headers.push((name, value));
    DONE
}

/// For what would be in the way of other scenarios.
#[given("a CSMS of its own")]
#[given("a CSMS with a clock of its own")]
async fn own_csms(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    world.rest = Some(Rest::open_own(&rig, &world.scenario, None).await?);
    DONE
}

#[given(regex = r"^a CSMS that waits (\d+) (milliseconds?|seconds?) for the answer to a command$")]
async fn impatient_csms(world: &mut World, number: u64, unit: String) -> StepResult {
    let rig = world.rig()?;
    let timeout = Some(duration(number, &unit)?);
    world.rest = Some(Rest::open_own(&rig, &world.scenario, timeout).await?);
    DONE
}

#[given(regex = r"^(\d+) (days|hours) go by$")]
#[when(regex = r"^(\d+) (days|hours) go by$")]
async fn time_goes_by(world: &mut World, number: u64, unit: String) -> StepResult {
    let hours = if unit == "days" { number * 24 } else { number };
    let length = Duration::from_secs(hours * 3_600);
    world.rest().await?.put_ahead(length)
}

/// To the second, so that it reads the same wherever it is written.
#[given(regex = r"^the time in (\d+) (hours?|minutes?) is called \{([a-z ]+)\}$")]
async fn point_in_time(world: &mut World, number: u64, unit: String, name: String) -> StepResult {
    let length = duration(number, &unit)?;
    let at_s = (jiff::Timestamp::now() + length).as_second();
    let words = &mut world.rest().await?.words;
    words.insert(name, time::text(at_s * 1000));
    DONE
}

#[given("a project of the installer")]
async fn project(world: &mut World) -> StepResult {
    recipe::project(world.rest().await?).await.map(|_| ())
}

/// The token in the mail can be said as {invitation}.
#[given("the site owner is invited to it")]
async fn invited(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let email = recipe::invite(api).await?;
    let token = api.token_in_mail(&email).await?;
    api.words.insert("invitation".into(), token);
    api.words.insert("site owner".into(), email);
    DONE
}

#[given("the site owner has accepted it")]
async fn accepted(world: &mut World) -> StepResult {
    world
        .rest()
        .await?
        .credential(Actor::SiteOwner)
        .await
        .map(|_| ())
}

#[when(
    regex = r"^(the installer|another installer|an installer of another organization|the organization|another organization|a key that may only read|a key that may do nothing|a stranger|nobody|the site owner) (sends|begins to send) (GET|POST|PUT|PATCH|DELETE) (/.*)$"
)]
async fn sends(
    world: &mut World,
    actor: Actor,
    how: String,
    method: String,
    path: String,
    step: &Step,
) -> StepResult {
    know_transaction(world).await?;
    let api = world.rest().await?;
    let request = api
        .request(actor, &method, &path, step.docstring.as_deref())
        .await?;
    let sent = api.caller().call(request);
    api.answers.clear();
    if how == "sends" {
        api.answers.push(sent.await?);
    } else {
        api.pending = Some(tokio::spawn(sent));
    }
    DONE
}

/// What a scenario begins with has to come off.
#[given(
    regex = r"^(the installer|another installer|an installer of another organization|the organization|another organization|a key that may only read|nobody|the site owner) sends (GET|POST|PUT|PATCH|DELETE) (/.*)$"
)]
async fn has_sent(
    world: &mut World,
    actor: Actor,
    method: String,
    path: String,
    step: &Step,
) -> StepResult {
    sends(world, actor, "sends".to_owned(), method, path, step).await?;
    let answer = world.rest().await?.answer().await?;
    if (200..300).contains(&answer.status) {
        return DONE;
    }
    Err(Failure::new(answer.in_words()))
}

#[when(
    regex = r"^(the installer|the organization|nobody) sends (\d+) times (at once|one after another) (GET|POST|PUT|PATCH|DELETE) (/.*)$"
)]
async fn sends_often(
    world: &mut World,
    actor: Actor,
    times: usize,
    how: String,
    method: String,
    path: String,
    step: &Step,
) -> StepResult {
    know_transaction(world).await?;
    let api = world.rest().await?;
    let request = api
        .request(actor, &method, &path, step.docstring.as_deref())
        .await?;
    let all = (0..times).map(|_| api.caller().call(request.clone()));
    let answers = if how == "at once" {
        join_all(all).await
    } else {
        stream::iter(all).then(|call| call).collect().await
    };
    api.answers = answers.into_iter().collect::<Result<_, Failure>>()?;
    DONE
}

/// Asks again and again, as somebody who waits for the end of something does.
#[when(
    regex = r"^(the installer|the organization|the site owner) asks for (/\S.*) until its (\w+) is (not )?(\w+)$"
)]
async fn asks_until(
    world: &mut World,
    actor: Actor,
    path: String,
    member: String,
    not: String,
    value: String,
) -> StepResult {
    know_transaction(world).await?;
    let patience = world.rig()?.patience;
    let api = world.rest().await?;
    let request = api.request(actor, "GET", &path, None).await?;
    let deadline = Instant::now() + patience;
    loop {
        let answer = api.caller().call(request.clone()).await?;
        let is = answer.json()?[member.as_str()].as_str() == Some(value.as_str());
        if is == not.is_empty() {
            api.answers = vec![answer];
            return DONE;
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!(
                "its {member} did not become {not}{value} within {}; {}",
                span(patience),
                answer.in_words()
            )));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// What the line told the scenario can be said in braces.
async fn know_transaction(world: &mut World) -> StepResult {
    let running = world.running();
    if let Some(id) = running {
        let words = &mut world.rest().await?.words;
        words.insert("transaction".to_owned(), id.to_string());
    }
    DONE
}
