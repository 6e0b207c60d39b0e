//! Requests to every operation that the OpenAPI document describes: what holds for all of them is tried with all of
//! them, the new ones included.

use cucumber::{then, when};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::api::document::Operation;
use crate::api::recipe::{friend, path_of_ours};
use crate::api::{Actor, Answer, Api, Request, sample};
use crate::expect::{Failure, StepResult};
use crate::world::{DONE, World};

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
        api: &mut Api,
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

    async fn send(self, api: &mut Api) -> StepResult {
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
    let api = world.api().await?;
    let closed = |operation: &Operation| !operation.security.is_empty();
    let sweep = Sweep::of(api, closed, |_| Actor::Nobody).await?;
    sweep.send(api).await
}

#[when("every operation that wants credentials is called with a key that nobody made")]
async fn with_unknown_credentials(world: &mut World) -> StepResult {
    let api = world.api().await?;
    let closed = |operation: &Operation| !operation.security.is_empty();
    let sweep = Sweep::of(api, closed, |_| Actor::Stranger).await?;
    sweep.send(api).await
}

#[when("every operation that wants credentials is called with those of another kind")]
async fn with_the_wrong_kind(world: &mut World) -> StepResult {
    let api = world.api().await?;
    let closed = |operation: &Operation| !operation.security.is_empty();
    let sweep = Sweep::of(api, closed, wrong_kind).await?;
    sweep.send(api).await
}

#[when("every operation that changes something is called with a key that may only read")]
async fn with_a_reading_key(world: &mut World) -> StepResult {
    let api = world.api().await?;
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
    let api = world.api().await?;
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

#[when("every operation that can miss something is asked about what nobody has")]
async fn about_nothing(world: &mut World) -> StepResult {
    let api = world.api().await?;
    let sought = |operation: &Operation| operation.documents(404);
    let mut sweep = Sweep::of(api, sought, friend).await?;
    for request in &mut sweep.requests {
        name_nothing(request)?;
    }
    sweep.send(api).await
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

#[then(regex = r"^each answer is (\d{3}) with the code (\w+)$")]
async fn each_is(world: &mut World, status: u16, code: String) -> StepResult {
    let api = world.api().await?;
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

/// What changes by itself between two looks at the same thing.
const FLEETING: [&str; 6] = [
    "request_id",
    "duration_seconds",
    "uptime_seconds",
    "latency_ms",
    "last_seen_at",
    "last_heartbeat_at",
];

fn without_the_fleeting(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.retain(|name, _| !FLEETING.contains(&name.as_str()));
            members.values_mut().for_each(without_the_fleeting);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_the_fleeting),
        _ => {}
    }
}

/// What owners see of a thing: where, the status, and the body.
type View = (String, u16, Value);

/// Everything of the organization's that can be read by its id, as its owner sees it. Nobody reads of it in the
/// report: it is looked at after every stranger.
async fn look(api: &mut Api) -> Result<Vec<View>, Failure> {
    let shared = std::sync::Arc::clone(&api.under_test);
    let mut calls = Vec::new();
    for operation in &shared.document.operations {
        if operation.method != "GET" || operation.path_parameters().is_empty() {
            continue;
        }
        let path = path_of_ours(api, operation).await?;
        let request = api
            .request(friend(operation), &operation.method, &path, None)
            .await?;
        let call = api.caller().unrecorded().call(request);
        calls.push(async move {
            let answer = call.await?;
            let mut json = answer.json().unwrap_or(Value::Null);
            without_the_fleeting(&mut json);
            Ok((path, answer.status, json))
        });
    }
    let seen: Vec<Result<View, Failure>> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    seen.into_iter().collect()
}

/// Those who have credentials of the right kind and no business here.
fn strangers(operation: &Operation) -> Vec<Actor> {
    let mut strangers = Vec::new();
    if operation.takes("apiKey") {
        strangers.push(Actor::AnotherOrganization);
    }
    if operation.takes("installer") {
        strangers.extend([Actor::AnotherInstaller, Actor::ForeignInstaller]);
    }
    strangers
}

/// What a stranger would send: an id of ours stands in the path or in the body.
async fn intrusion(
    api: &mut Api,
    operation: &Operation,
) -> Result<Option<(String, Option<Value>)>, Failure> {
    let shared = std::sync::Arc::clone(&api.under_test);
    let path = path_of_ours(api, operation).await?;
    let mut body = sample::body(&shared.document, operation);
    let named = body
        .as_mut()
        .and_then(|body| body.get_mut("charge_point_id"));
    let in_body = named.is_some() && operation.documents(404);
    if let Some(id) = named {
        *id = api.word("charge point")?.into();
    }
    let in_path = !operation.path_parameters().is_empty();
    Ok((in_path || in_body).then_some((path, body)))
}

/// The figure of isolated routes is made here: one counts where no stranger was let in and nothing was changed.
#[when("other organizations and installers try every route with an id of ours")]
async fn by_strangers(world: &mut World) -> StepResult {
    let api = world.api().await?;
    let shared = std::sync::Arc::clone(&api.under_test);
    // Everything is made before anything is looked at.
    for operation in &shared.document.operations {
        path_of_ours(api, operation).await?;
    }
    let mut before = look(api).await?;
    let mut answers = Vec::new();
    let mut changes = Vec::new();
    for operation in &shared.document.operations {
        let Some((path, body)) = intrusion(api, operation).await? else {
            continue;
        };
        let mut kept_out = true;
        let strangers = strangers(operation);
        for actor in &strangers {
            let mut request = api.request(*actor, &operation.method, &path, None).await?;
            request.body = body
                .as_ref()
                .map(|body| ("application/json".into(), body.to_string()));
            let answer = api.caller().call(request).await?;
            kept_out &= matches!(answer.status, 403 | 404);
            answers.push(answer);
        }
        if operation.method != "GET" && !strangers.is_empty() {
            let after = look(api).await?;
            if let Some(change) = change(&before, &after) {
                kept_out = false;
                changes.push(format!(
                    "{} {path} of strangers: {change}",
                    operation.method
                ));
            }
            before = after;
        }
        if !strangers.is_empty() {
            shared.kept_out(&operation.method, &operation.template, kept_out);
        }
    }
    api.answers = answers;
    if changes.is_empty() {
        return DONE;
    }
    Err(Failure::new(changes.join("; ")))
}

/// The first thing that is not as it was.
fn change(before: &[View], after: &[View]) -> Option<String> {
    let ((path, was, before), (_, is, after)) =
        before.iter().zip(after).find(|(was, is)| was != is)?;
    Some(format!(
        "{path} was {was} {before} before, and is {is} {after} after it"
    ))
}

#[then("each answer is 404 or 403")]
async fn each_is_shut(world: &mut World) -> StepResult {
    let api = world.api().await?;
    if api.answers.is_empty() {
        return Err(Failure::new("the document has no route with an id"));
    }
    let others: Vec<String> = api
        .answers
        .iter()
        .filter(|answer| !matches!(answer.status, 403 | 404))
        .map(Answer::in_words)
        .collect();
    if others.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "{} let a stranger in: {}",
        others.len(),
        others.join("; ")
    )))
}
