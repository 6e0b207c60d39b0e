//! Tokens that a partner keeps at the CPO [OCPI 2.2.1 §12].

use cucumber::{given, then, when};
use gherkin::Step;
use reqwest::Method;
use serde_json::{Value, json};

use super::request::json_of;
use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::Roaming;
use crate::role::emsp::partner::{Name, merge};
use crate::steps::world::World;
use crate::wire::ocpi::Exchange;

async fn put(
    roaming: &mut Roaming,
    name: Name,
    uid: &str,
    step: &Step,
) -> Result<Exchange, Failure> {
    let change: Value = json_of(roaming, step)?;
    let uid = roaming.expand(uid)?;
    let (country, party) = name.party();
    let mut token = json!({"country_code": country, "party_id": party, "uid": uid, "type": "RFID",
        "contract_id": format!("{country}-{party}-C1"), "issuer": "Rig", "valid": true, "whitelist": "ALLOWED",
        "last_updated": "2026-01-01T00:00:00Z"});
    merge(&mut token, &change);
    let url = roaming.expand(&format!("{{tokens}}/{country}/{party}/{uid}"))?;
    let body = token.to_string().into_bytes();
    roaming.ask(name, Method::PUT, &url, Some(body)).await
}

/// A whole token, with what the step says of it.
#[given(regex = r"^(P1|P2) keeps the token (\S+) with$")]
async fn keeps(world: &mut World, name: Name, uid: String, step: &Step) -> StepResult {
    let roaming = world.roaming().await?;
    let exchange = put(roaming, name, &uid, step).await?;
    match exchange.code() {
        (200 | 201, Some(1_000)) => DONE,
        _ => Err(Failure::new(exchange.in_words())),
    }
}

#[when(regex = r"^(P1|P2) puts the token (\S+) with$")]
async fn puts(world: &mut World, name: Name, uid: String, step: &Step) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let exchange = put(roaming, name, &uid, step).await?;
    roaming.answers = vec![exchange];
    DONE
}

#[given("the CPO forgives nothing")]
async fn strict(world: &mut World) -> StepResult {
    if world.roaming().await?.forgives() {
        return Err(
            world.does_not_apply("this CPO forgives a change without its time, and says so")
        );
    }
    DONE
}

#[then("no object is in the data")]
async fn nothing_in_it(world: &mut World) -> StepResult {
    let answer = world.roaming().await?.answer().await?.clone();
    match answer.data().as_array().is_none_or(Vec::is_empty) {
        true => DONE,
        false => Err(Failure::new(format!("objects came: {}", answer.in_words()))),
    }
}
