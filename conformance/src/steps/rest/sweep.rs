//! Requests to every operation that the OpenAPI document describes: what holds for all of them is tried with all of
//! them, the new ones included.

use std::collections::HashSet;

use cucumber::{then, when};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::rest::recipe::{friend, path_of_ours, path_with, register_another};
use crate::role::rest::{Rest, sample};
use crate::rules::rest::document::Operation;
use crate::steps::world::World;
use crate::wire::actor::Actor;
use crate::wire::http::{Answer, Request};

/// Requests that are under way at the same time.
const AT_ONCE: usize = 8;

/// The largest body that is taken, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// An id that nothing has.
const NO_SUCH_ID: &str = "NO-SUCH-ID-7F3A";

/// A request to each of some operations.
struct Sweep {
    requests: Vec<Request>,
}

impl Sweep {
    /// A request to every operation of this kind, as it would be taken.
    async fn of(
        api: &mut Rest,
        wanted: impl Fn(&Operation) -> bool,
        actor: impl Fn(&Operation) -> Actor,
    ) -> Result<Self, Failure> {
        let shared = std::sync::Arc::clone(&api.under_test);
        let mut requests = Vec::new();
        for operation in shared.document.operations.iter().filter(|o| wanted(o)) {
            let path = operation.path(|_| NO_SUCH_ID.to_owned());
            let path = path + &sample::query(&shared.document, operation);
            let body = sample::body(&shared.document, operation);
            let mut request = api
                .request(actor(operation), &operation.method, &path, None)
                .await?;
            request.body = body.map(|body| ("application/json".into(), body.to_string()));
            requests.push(request);
        }
        Ok(Self { requests })
    }

    async fn send(self, api: &mut Rest) -> StepResult {
        let calls: Vec<_> = self
            .requests
            .into_iter()
            .map(|request| api.caller().call(request))
            .collect();
        let answers: Vec<Result<Answer, Failure>> =
            stream::iter(calls).buffered(AT_ONCE).collect().await;
        api.answers = answers.into_iter().collect::<Result<_, _>>()?;
        DONE
    }
}

/// Somebody with credentials of the wrong kind, or without the scope where both kinds are right.
fn wrong_kind(operation: &Operation) -> Actor {
    match (operation.takes("apiKey"), operation.takes("installer")) {
        (true, true) => Actor::Powerless,
        (true, false) => Actor::Installer,
        (false, _) => Actor::Organization,
    }
}

#[when("every operation that wants credentials is called without any")]
async fn without_credentials(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let closed = |operation: &Operation| !operation.security.is_empty();
    let sweep = Sweep::of(api, closed, |_| Actor::Nobody).await?;
    sweep.send(api).await
}

#[when("every operation that wants credentials is called with a key that nobody made")]
async fn with_unknown_credentials(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let closed = |operation: &Operation| !operation.security.is_empty();
    let sweep = Sweep::of(api, closed, |_| Actor::Stranger).await?;
    sweep.send(api).await
}

#[when("every operation that wants credentials is called with those of another kind")]
async fn with_the_wrong_kind(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let closed = |operation: &Operation| !operation.security.is_empty();
    let sweep = Sweep::of(api, closed, wrong_kind).await?;
    sweep.send(api).await
}

#[when("every operation that changes something is called with a key that may only read")]
async fn with_a_reading_key(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let changes = |operation: &Operation| operation.takes("apiKey") && operation.method != "GET";
    let sweep = Sweep::of(api, changes, |_| Actor::Reader).await?;
    sweep.send(api).await
}

#[when("every operation that takes a body is sent one of another content type")]
async fn of_another_type(world: &mut World) -> StepResult {
    with_body(world, "text/plain", None).await
}

#[when("every operation that takes a body is sent one that is too large")]
async fn too_large(world: &mut World) -> StepResult {
    let mut body = r#"{"name": ""#.to_owned();
    body.push_str(&"x".repeat(BODY_BYTES_MAX - body.len() - 1));
    body.push_str("\"}");
    with_body(world, "application/json", Some(body)).await
}

#[when("every operation that takes a body is sent one that breaks off")]
async fn malformed(world: &mut World) -> StepResult {
    with_body(world, "application/json", Some(r#"{"name": "#.into())).await
}

#[when("every operation that takes a body is sent a list")]
async fn no_object(world: &mut World) -> StepResult {
    with_body(world, "application/json", Some("[]".into())).await
}

async fn with_body(world: &mut World, kind: &str, text: Option<String>) -> StepResult {
    let api = world.rest().await?;
    let mut sweep = Sweep::of(api, |operation| operation.body.is_some(), friend).await?;
    for request in &mut sweep.requests {
        if let Some((content_type, body)) = &mut request.body {
            kind.clone_into(content_type);
            if let Some(text) = &text {
                body.clone_from(text);
            }
        }
    }
    sweep.send(api).await
}

/// Of several ids, one at a time is unknown while the others are ours; and one that is ours is another charge point's.
#[when("every operation that can miss something is asked about what nobody has")]
async fn about_nothing(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let shared = std::sync::Arc::clone(&api.under_test);
    let another = register_another(api).await?;
    let mut requests = Vec::new();
    for operation in &shared.document.operations {
        if !operation.documents(404) {
            continue;
        }
        let names = operation.path_parameters();
        let mut paths = Vec::new();
        for unknown in &names {
            let unknown = |name: &str| (name == *unknown).then(|| NO_SUCH_ID.to_owned());
            paths.push(path_with(api, operation, unknown).await?);
        }
        match names.as_slice() {
            [] => paths.push(path_of_ours(api, operation).await?),
            [_] => {}
            _ => {
                let elsewhere = |name: &str| (name == "charge_point_id").then(|| another.clone());
                paths.push(path_with(api, operation, elsewhere).await?);
            }
        }
        for path in paths {
            let mut request = api
                .request(friend(operation), &operation.method, &path, None)
                .await?;
            let body = sample::body(&shared.document, operation);
            request.body = body.map(|body| ("application/json".into(), body.to_string()));
            name_nothing(&mut request)?;
            requests.push(request);
        }
    }
    Sweep { requests }.send(api).await
}

/// What has no id in its path has the one of a charge point in its body; what else a made-up body names, nobody has
/// either.
fn name_nothing(request: &mut Request) -> StepResult {
    let Some((_, text)) = &mut request.body else {
        return DONE;
    };
    let wrong = |_| Failure::new("the body that was made up is no JSON");
    let mut body: Value = serde_json::from_str(text).map_err(wrong)?;
    if let Some(id) = body.get_mut("charge_point_id") {
        *id = NO_SUCH_ID.into();
        *text = body.to_string();
    }
    DONE
}

#[when("every operation is called")]
async fn all(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let sweep = Sweep::of(api, |_| true, friend).await?;
    sweep.send(api).await
}

#[then("each answer has an X-Request-Id that no other has")]
async fn each_has_an_id(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let operations = api.under_test.document.operations.len();
    let ids = api.answers.iter();
    let ids: HashSet<String> = ids
        .filter_map(|answer| answer.header("x-request-id"))
        .filter(|id| !id.is_empty())
        .collect();
    if ids.len() == operations && api.answers.len() == operations {
        return DONE;
    }
    Err(Failure::new(format!(
        "{} answers of {operations} operations have {} different ids",
        api.answers.len(),
        ids.len()
    )))
}

/// Who calls later has credentials from before.
#[when("its database is taken away")]
async fn without_database(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    api.credential(Actor::Installer).await?;
    api.take_database_away().await
}

#[when("every operation that needs the database is called")]
async fn all_with_database(world: &mut World) -> StepResult {
    let api = world.rest().await?;
    let sweep = Sweep::of(api, needs_the_database, friend).await?;
    sweep.send(api).await
}

#[then(regex = r"^each answer has the header ([\w-]+)$")]
async fn each_has_header(world: &mut World, name: String) -> StepResult {
    let api = world.rest().await?;
    let without = api.answers.iter().find(|a| a.header(&name).is_none());
    match without {
        None => DONE,
        Some(answer) => Err(Failure::new(format!("no {name}: {}", answer.in_words()))),
    }
}

/// The root certificate alone is there without it.
fn needs_the_database(operation: &Operation) -> bool {
    operation.template != "/api/v1/authority"
}

#[then(regex = r"^each answer is (\d{3}) with the code (\w+)$")]
async fn each_is(world: &mut World, status: u16, code: String) -> StepResult {
    let api = world.rest().await?;
    if api.answers.is_empty() {
        return Err(Failure::new("the document has no such operation"));
    }
    let mut others = Vec::new();
    for answer in &api.answers {
        let is = answer
            .json()
            .ok()
            .and_then(|json| json["code"].as_str().map(str::to_owned));
        if answer.status != status || is.as_deref() != Some(code.as_str()) {
            others.push(answer.in_words());
        }
    }
    if others.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "{} of {} are not {status} {code}: {}",
        others.len(),
        api.answers.len(),
        others.join("; ")
    )))
}
