//! Registration, renewal and their end [OCPI 2.2.1 §7].

use cucumber::{given, then, when};
use gherkin::Step;
use reqwest::Method;
use serde_json::Value;

use super::request::json_of;
use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::partner::{Name, Shows};
use crate::steps::world::World;

/// With a docstring: what of its credentials is otherwise; null takes out.
#[given(regex = r"^(P1|P2) (registers|renews its registration)(?: with these members changed)?$")]
#[when(regex = r"^(P1|P2) (registers|renews its registration)(?: with these members changed)?$")]
async fn registers(world: &mut World, name: Name, what: String, step: &Step) -> StepResult {
    let roaming = world.roaming().await?;
    let change: Option<Value> = match &step.docstring {
        Some(_) => Some(json_of(roaming, step)?),
        None => None,
    };
    let method = match what.as_str() {
        "registers" => Method::POST,
        _ => Method::PUT,
    };
    if roaming.partner(name)?.endpoints.is_empty() {
        roaming.discover(name).await?;
    }
    roaming.begin();
    let exchange = roaming.register(name, method, change.as_ref()).await?;
    roaming.answers = vec![exchange];
    DONE
}

#[when(regex = r"^(P1|P2) ends its registration$")]
async fn ends(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let url = roaming.expand("{credentials}")?;
    let exchange = roaming.ask(name, Method::DELETE, &url, None).await?;
    if exchange.code() == (200, Some(1_000)) {
        roaming.partner_mut(name)?.ends();
    }
    roaming.answers = vec![exchange];
    DONE
}

/// Two offers with two tokens, on their way together.
#[when(regex = r"^(P1|P2) registers twice at once$")]
async fn twice(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.discover(name).await?;
    roaming.begin();
    let url = roaming.expand("{credentials}")?;
    let first = roaming.partner_mut(name)?.offer(None);
    let second = roaming.partner_mut(name)?.offer(None);
    let mut requests = Vec::new();
    for body in [first, second] {
        requests.push(roaming.request(name, Method::POST, &url, Shows::Current, Some(body))?);
    }
    let caller = roaming.caller();
    let calls = requests.into_iter().map(|asked| caller.call(asked));
    let answers: Result<Vec<_>, Failure> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .collect();
    let answers = answers?;
    for answer in &answers {
        if answer.code() == (200, Some(1_000)) {
            roaming.partner_mut(name)?.registered(answer);
        }
    }
    roaming.answers = answers;
    DONE
}

/// Bounds of a token [OCPI 2.2.1 §7.3.1].
fn is_token(token: &str) -> bool {
    (1..=64).contains(&token.len()) && token.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

#[then(regex = r"^the data is credentials of a CPO with a token that is new to (P1|P2)$")]
async fn new_credentials(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let answer = roaming.answer().await?.clone();
    let data = answer.data();
    let wrong = |text: &str| Err(Failure::new(format!("{text}; {}", answer.in_words())));
    let token = data["token"].as_str().unwrap_or_default();
    if !is_token(token) {
        return wrong("the token has not 1 to 64 characters from U+0021 to U+007E");
    }
    let partner = roaming.partner(name)?;
    let known = [&partner.token_a, &partner.token_b];
    if known.contains(&&token.to_owned()) || partner.older_c.iter().any(|old| old == token) {
        return wrong("the token is one that is known already");
    }
    if data["url"].as_str() != Some(roaming.expand("{versions}")?.as_str()) {
        return wrong("the url is not that of the list of versions");
    }
    let roles = data["roles"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let text = |role: &Value, name: &str| role[name].as_str().unwrap_or_default().chars().count();
    let is_whole = |role: &&Value| {
        role["role"] == "CPO"
            && text(role, "country_code") == 2
            && text(role, "party_id") == 3
            && role["business_details"]["name"].is_string()
    };
    match roles.iter().find(is_whole) {
        Some(_) => DONE,
        None => wrong("no role is a CPO with country, party and name"),
    }
}

/// What the registration gave, as GET shows it.
#[then(regex = r"^the data is credentials with the token that (P1|P2) shows$")]
async fn own_credentials(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let answer = roaming.answer().await?.clone();
    let data = answer.data();
    let token = roaming.partner(name)?.token_c.clone();
    if data["token"].as_str() != token.as_deref() {
        return Err(Failure::new(format!(
            "the token is not the one that was shown; {}",
            answer.in_words()
        )));
    }
    if data["url"].as_str() != Some(roaming.expand("{versions}")?.as_str()) {
        return Err(Failure::new(format!(
            "the url is not that of the list of versions; {}",
            answer.in_words()
        )));
    }
    DONE
}

/// What was taken although it need not be has used the invitation.
#[then(regex = r"^a refusal has given (P1|P2) no token and left it its invitation$")]
async fn refusal_leaves_all(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let answer = roaming.answer().await?.clone();
    if answer.code() == (200, Some(1_000)) {
        return DONE;
    }
    if answer.data()["token"].is_string() {
        return Err(Failure::new(format!("a token came; {}", answer.in_words())));
    }
    let url = roaming.expand("{versions}")?;
    let versions = roaming.ask(name, Method::GET, &url, None).await?;
    match versions.code() {
        (200, Some(1_000)) => DONE,
        _ => Err(Failure::new(format!(
            "the invitation opens nothing any more; {}",
            versions.in_words()
        ))),
    }
}

#[then(regex = r"^there is no token in the data$")]
async fn no_token(world: &mut World) -> StepResult {
    let answer = world.roaming().await?.answer().await?.clone();
    match answer.data()["token"].as_str() {
        None => DONE,
        Some(_) => Err(Failure::new(format!("a token came; {}", answer.in_words()))),
    }
}
