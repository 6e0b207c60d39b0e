//! What the CPO asked its partners.

use cucumber::{then, when};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::partner::Name;
use crate::steps::world::{OrEnd as _, World};
use crate::wire::ocpi::{Exchange, Module};

/// The token in the header of a request, where it is written as the standard says.
fn token_of(exchange: &Exchange) -> String {
    let header = exchange.asked.header("authorization").unwrap_or_default();
    let encoded = header.strip_prefix("Token ").unwrap_or_default();
    let token = BASE64_STANDARD.decode(encoded).unwrap_or_default();
    String::from_utf8(token).unwrap_or_default()
}

fn in_words(came: &[Exchange]) -> String {
    let came: Vec<String> = came.iter().map(|one| one.asked.in_words()).collect();
    match came.is_empty() {
        true => "nothing".to_owned(),
        false => came.join("; "),
    }
}

#[then(regex = r"^(P1|P2) was asked nothing meanwhile$")]
async fn nothing(world: &mut World, name: Name) -> StepResult {
    let came = world.roaming().await?.came(name);
    match came.is_empty() {
        true => DONE,
        false => Err(Failure::new(format!(
            "{name} was asked: {}",
            in_words(&came)
        ))),
    }
}

/// The call-back of a registration: both before it was answered, with the token that it brought.
#[then(
    regex = r"^meanwhile (P1|P2) was asked for its versions and then for its details, with (token B|a token B)$"
)]
async fn called_back(world: &mut World, name: Name, which: String) -> StepResult {
    let roaming = world.roaming().await?;
    let post = roaming.answer().await?.clone();
    let came = roaming.came(name);
    let partner = roaming.partner(name)?;
    let modules: Vec<Module> = came.iter().map(|one| one.asked.place.module).collect();
    let versions = modules
        .iter()
        .position(|module| *module == Module::Versions);
    let details = modules
        .iter()
        .rposition(|module| *module == Module::Details);
    let (Some(versions), Some(details)) = (versions, details) else {
        return Err(Failure::new(format!(
            "{name} was not asked for its versions and details; it was asked: {}",
            in_words(&came)
        )));
    };
    if details < versions {
        return Err(Failure::new(
            "its details were asked for before its versions",
        ));
    }
    if let Some(late) = came.iter().find(|one| {
        post.answered_at
            .is_some_and(|answered| one.asked.at > answered)
    }) {
        return Err(Failure::new(format!(
            "{} came after the answer to the registration",
            late.asked.in_words()
        )));
    }
    for one in &came {
        let token = token_of(one);
        let is_right = match which.as_str() {
            "token B" => token == partner.token_b,
            _ => one.code().0 != 401,
        };
        // A token that counts no more may be tried.
        if !is_right && (which == "token B" || one.asked.place.module == Module::Details) {
            return Err(Failure::new(format!(
                "{} does not show token B of {name}",
                one.asked.in_words()
            )));
        }
        let foreign = [Some(&partner.token_a), partner.token_c.as_ref()];
        if foreign.into_iter().flatten().any(|other| *other == token) {
            return Err(Failure::new(format!(
                "{} shows a token that is for the other direction",
                one.asked.in_words()
            )));
        }
    }
    DONE
}

#[then(regex = r"^(P1|P2) was asked for its versions and the details of 2.2.1 alone$")]
async fn no_other_version(world: &mut World, name: Name) -> StepResult {
    let came = world.roaming().await?.came(name);
    let known = [Module::Versions, Module::Details];
    match came
        .iter()
        .find(|one| !known.contains(&one.asked.place.module))
    {
        None if came.is_empty() => Err(Failure::new(format!("{name} was asked nothing"))),
        None => DONE,
        Some(other) => Err(Failure::new(format!(
            "{name} was asked {}",
            other.asked.in_words()
        ))),
    }
}

#[when(regex = r"^the CPO is told to register with (P1|P2)$")]
async fn registers(world: &mut World, name: Name) -> StepResult {
    let asked = world.roaming().await?.have_registered(name).await;
    asked.or_end(world)
}

#[when(regex = r"^the CPO is told to renew its registration with (P1|P2)$")]
async fn renews(world: &mut World, name: Name) -> StepResult {
    let asked = world.roaming().await?.have_renewed(name).await;
    asked.or_end(world)
}

/// The handshake as the CPO makes it: three requests, each with the token that it was given.
#[then(
    regex = r"^the CPO reads the versions and details of (P1|P2) and posts its credentials, each with the token that it was given$"
)]
async fn handshake(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let is_post =
        |one: &Exchange| one.asked.place.module == Module::Credentials && one.answer.is_some();
    let post = roaming.expect(name, "a registration", is_post).await?;
    let partner = roaming.partner(name)?;
    let came = roaming.came(name);
    let first = |module: Module| came.iter().position(|one| one.asked.place.module == module);
    let order = [Module::Versions, Module::Details, Module::Credentials].map(first);
    if order.iter().any(Option::is_none) || !order.is_sorted() {
        return Err(Failure::new(format!(
            "versions, details and credentials did not come in this order; {name} was asked: {}",
            in_words(&came)
        )));
    }
    if post.asked.method != reqwest::Method::POST {
        return Err(Failure::new(format!(
            "{} is no POST",
            post.asked.in_words()
        )));
    }
    if let Some(other) = came.iter().find(|one| token_of(one) != partner.token_b) {
        return Err(Failure::new(format!(
            "{} does not show the token that the CPO was given",
            other.asked.in_words()
        )));
    }
    let body = post.asked.json().unwrap_or_default();
    let roles = body["roles"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !roles.iter().any(|role| role["role"] == "CPO") {
        return Err(Failure::new(format!("it has no role CPO: {body}")));
    }
    DONE
}

#[then(regex = r"^the CPO posts no credentials to (P1|P2) within (\d+) seconds?$")]
async fn no_post(world: &mut World, name: Name, seconds: u64) -> StepResult {
    let roaming = world.roaming().await?;
    let read = |one: &Exchange| one.asked.place.module == Module::Versions && one.answer.is_some();
    roaming.expect(name, "its versions", read).await?;
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    let came = roaming.came(name);
    let is_post = |one: &&Exchange| one.asked.place.module == Module::Credentials;
    match came.iter().find(is_post) {
        None => DONE,
        Some(post) => Err(Failure::new(format!("{} came", post.asked.in_words()))),
    }
}

/// The CPO showed the token that opens it in its credentials.
#[then(regex = r"^the token that the CPO (posted|put) is refused by it with (\d{3})$")]
async fn posted_is_refused(world: &mut World, _how: String, status: u16) -> StepResult {
    posted_opens(world, status).await
}

#[then(regex = r"^the token that the CPO (posted|put) opens it$")]
async fn posted_opens_it(world: &mut World, _how: String) -> StepResult {
    posted_opens(world, 200).await
}

async fn posted_opens(world: &mut World, status: u16) -> StepResult {
    let name = Name::P1;
    let roaming = world.roaming().await?;
    let is_offer =
        |one: &Exchange| one.asked.place.module == Module::Credentials && one.answer.is_some();
    let offer = roaming.expect(name, "credentials", is_offer).await?;
    let all = roaming.came(name);
    let offer = all.iter().rev().find(|one| is_offer(one)).unwrap_or(&offer);
    let body = offer.asked.json().unwrap_or_default();
    let token = body["token"].as_str().unwrap_or_default().to_owned();
    let url = roaming.expand("{versions}")?;
    // It takes the answer to its offer in after it is written down.
    let deadline = tokio::time::Instant::now() + roaming.patience;
    loop {
        let shows = crate::role::emsp::partner::Shows::Token(token.clone());
        let asked = roaming.request(name, reqwest::Method::GET, &url, shows, None)?;
        let answer = roaming.caller().call(asked).await?;
        if answer.code().0 == status {
            return DONE;
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Failure::new(format!(
                "{status} is expected; {}",
                answer.in_words()
            )));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
