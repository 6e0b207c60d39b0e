//! Strangers at every route with an id of ours: they are kept out, they change nothing, and nothing of what they want
//! reaches the charge point.

use cucumber::{then, when};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::rest::recipe::{friend, path_of_ours};
use crate::role::rest::{Rest, sample};
use crate::role::station::StationRole;
use crate::rules::rest::document::Operation;
use crate::steps::world::World;
use crate::wire::actor::Actor;
use crate::wire::http::Answer;

/// Requests that are under way at the same time.
const AT_ONCE: usize = 8;

/// What changes by itself between two looks at the same thing.
const FLEETING: [&str; 6] = [
    "request_id",
    "duration_seconds",
    "uptime_seconds",
    "latency_ms",
    "last_seen_at",
    "last_heartbeat_at",
];

/// Views that the owner cannot have here; each with its reason.
const NO_VIEW: [(&str, &str); 1] = [(
    "/api/v1/sessions/guest/{session_token}/receipt",
    "the session is under way, so that there is something to stop",
)];

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
#[derive(Clone, Debug, PartialEq)]
struct View {
    path: String,
    status: u16,
    body: Value,
}

/// Whether there is something of the organization's to see. What everybody sees has things of all in it, and changes
/// with the scenarios beside this one.
fn is_view(operation: &Operation) -> bool {
    operation.method == "GET" && !operation.is_public()
}

/// Everything of the organization's that can be read, as its owner sees it: by its id, and in lists. Nobody reads of
/// it in the report: it is looked at after every stranger.
async fn look(api: &mut Rest) -> Result<Vec<View>, Failure> {
    let shared = std::sync::Arc::clone(&api.under_test);
    let mut calls = Vec::new();
    for operation in shared.document.operations.iter().filter(|o| is_view(o)) {
        let path = path_of_ours(api, operation).await?;
        let request = api
            .request(friend(operation), &operation.method, &path, None)
            .await?;
        let call = api.caller().unrecorded().call(request);
        let may_be_none = NO_VIEW.iter().any(|(path, _)| *path == operation.template);
        calls.push(async move { seen(call.await?, may_be_none) });
    }
    let seen: Vec<Result<View, Failure>> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    seen.into_iter().collect()
}

/// An owner who sees nothing would not see a change either.
fn seen(answer: Answer, may_be_none: bool) -> Result<View, Failure> {
    if !(200..300).contains(&answer.status) && !may_be_none {
        return Err(Failure::new(format!(
            "its owner has no view of it: {}",
            answer.in_words()
        )));
    }
    let mut body = answer
        .json()
        .unwrap_or_else(|_| json!(String::from_utf8_lossy(&answer.bytes)));
    without_the_fleeting(&mut body);
    Ok(View {
        path: answer.path,
        status: answer.status,
        body,
    })
}

/// The first thing that is not as it was.
fn change(before: &[View], after: &[View]) -> Option<String> {
    let (was, is) = before.iter().zip(after).find(|(was, is)| was != is)?;
    Some(format!(
        "{} was {} {} before, and is {} {} after it",
        was.path, was.status, was.body, is.status, is.body
    ))
}

/// Those who have credentials of the right kind and no business here.
fn strangers(operation: &Operation) -> Vec<Actor> {
    let mut strangers = Vec::new();
    if operation.takes("apiKey") {
        strangers.push(Actor::AnotherOrganization);
    }
    if operation.takes("installer") {
        strangers.extend([
            Actor::AnotherInstaller,
            Actor::ForeignInstaller,
            Actor::AnotherSiteOwner,
        ]);
    }
    strangers
}

/// What a stranger would send: an id of ours stands in the path or in the body.
async fn intrusion(
    api: &mut Rest,
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
#[when("other organizations, installers and site owners try every route with an id of ours")]
async fn by_strangers(world: &mut World) -> StepResult {
    let commands = calls_so_far(world.station()?);
    let api = world.rest().await?;
    let shared = std::sync::Arc::clone(&api.under_test);
    // Everything is made before anything is looked at.
    for operation in &shared.document.operations {
        path_of_ours(api, operation).await?;
        for stranger in strangers(operation) {
            api.credential(stranger).await?;
        }
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
    if !changes.is_empty() {
        return Err(Failure::new(changes.join("; ")));
    }
    nothing_was_sent(world, commands).await
}

/// Commands that have reached the charge point.
fn calls_so_far(station: &StationRole) -> usize {
    let log = station.talk.line.log();
    let calls = log.entries.iter();
    calls
        .filter(|entry| entry.call_from_sut().is_some())
        .count()
}

/// The owner sends one more command: what strangers sent would have come before it.
async fn nothing_was_sent(world: &mut World, before: usize) -> StepResult {
    let api = world.rest().await?;
    let body = json!({"charge_point_id": api.word("charge point")?, "command": "ClearCache"});
    let path = "/api/v1/ocpp16/send_command";
    api.set_up(Actor::Organization, "POST", path, body).await?;
    let mut log = world.station()?.talk.line.log();
    let mut sent = Vec::new();
    let entries = log.entries.iter_mut();
    for entry in entries
        .filter(|entry| entry.call_from_sut().is_some())
        .skip(before)
    {
        let is_ours = matches!(entry.call_from_sut(), Some((_, "ClearCache", _)));
        entry.consumed |= is_ours;
        sent.extend(
            entry
                .call_from_sut()
                .map(|(_, action, _)| action.to_owned()),
        );
    }
    if sent == ["ClearCache"] {
        return DONE;
    }
    Err(Failure::new(format!(
        "what strangers wanted reached the charge point: before the ClearCache of its owner came {}",
        sent.join(", ")
    )))
}

#[then("each answer is 404 or 403")]
async fn each_is_shut(world: &mut World) -> StepResult {
    let api = world.rest().await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::rest::document::Document;
    use reqwest::header::HeaderMap;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            method: "GET".into(),
            path: "/things".into(),
            status,
            headers: HeaderMap::new(),
            bytes: body.into(),
        }
    }

    #[test]
    fn lists_are_looked_at_and_what_everybody_sees_is_not() {
        let closed = || json!({"security": [{"apiKey": []}], "responses": {}});
        let document = Document::read(json!({"openapi": "3.1.0", "paths": {
            "/things": {"get": closed(), "post": closed()},
            "/things/{id}": {"get": closed(), "delete": closed()},
            "/map": {"get": {"responses": {}}}}}));
        let document = document.unwrap();
        let views = document.operations.iter().filter(|o| is_view(o));
        let views: Vec<&str> = views.map(|view| view.template.as_str()).collect();
        assert_eq!(views, ["/things", "/things/{id}"]);
    }

    #[test]
    fn an_owner_who_sees_nothing_ends_the_scenario_and_what_is_gone_from_a_list_is_a_change() {
        assert!(seen(answer(404, "{}"), false).is_err());
        assert!(seen(answer(409, "{}"), true).is_ok());
        let view = |body: &str| vec![seen(answer(200, body), false).unwrap()];
        let both = view(r#"[{"id": 1}, {"id": 2, "last_seen_at": "now"}]"#);
        assert_eq!(
            change(
                &both,
                &view(r#"[{"id": 1}, {"id": 2, "last_seen_at": "then"}]"#)
            ),
            None
        );
        let said = change(&both, &view(r#"[{"id": 1}]"#)).expect("a change");
        assert!(said.starts_with("/things was 200"), "{said}");
        assert!(change(&view("a PDF"), &view("another PDF")).is_some());
    }
}
