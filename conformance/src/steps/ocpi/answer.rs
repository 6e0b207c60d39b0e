//! What the CPO answered.

use cucumber::{given, then};
use gherkin::Step;
use serde_json::Value;

use super::request::json_of;
use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::partner::Name;
use crate::steps::world::World;
use crate::watch::outcome::Outcome;
use crate::watch::pattern::{Extent, mismatch};
use crate::wire::ocpi::Exchange;

fn outcome(words: &str) -> Result<Outcome, Failure> {
    words.parse().map_err(Failure)
}

/// What is said against an end, if anything; whether it only warns.
fn judged(exchange: &Exchange, right: &str, tolerated: &str) -> Result<Option<String>, Failure> {
    let right = outcome(right)?;
    if right.fits(exchange.code()) {
        return Ok(None);
    }
    let text = format!("{right} is expected; {}", exchange.in_words());
    if !tolerated.is_empty() && outcome(tolerated)?.fits(exchange.code()) {
        return Ok(Some(text));
    }
    Err(Failure(text))
}

#[given(regex = r"^(P1|P2) is answered ([0-9x, withor]+?)(?:; ([0-9x withor]+) only warns)?$")]
#[then(regex = r"^(P1|P2) is answered ([0-9x, withor]+?)(?:; ([0-9x withor]+) only warns)?$")]
async fn is(world: &mut World, _name: Name, right: String, tolerated: String) -> StepResult {
    let exchange = world.roaming().await?.answer().await?.clone();
    if let Some(warning) = judged(&exchange, &right, &tolerated)? {
        world.warn(warning);
    }
    DONE
}

#[then(regex = r"^each of the answers is ([0-9x, withor]+?)(?:; ([0-9x withor]+) only warns)?$")]
async fn each_is(world: &mut World, right: String, tolerated: String) -> StepResult {
    let answers = all(world).await?;
    for exchange in &answers {
        if let Some(warning) = judged(exchange, &right, &tolerated)? {
            world.warn(warning);
        }
    }
    DONE
}

/// One row for each request: how it is answered, and which other answer only warns.
#[then("the answers are")]
async fn are(world: &mut World, step: &Step) -> StepResult {
    let answers = all(world).await?;
    let missing = || Failure::new("the step has no table of answers");
    let rows = &step.table.as_ref().ok_or_else(missing)?.rows;
    if rows.len() != answers.len() {
        return Err(Failure::new(format!(
            "{} answers are expected, {} came",
            rows.len(),
            answers.len()
        )));
    }
    for (row, exchange) in rows.iter().zip(&answers) {
        let cell = |at: usize| row.get(at).map(String::as_str).unwrap_or_default();
        if let Some(warning) = judged(exchange, cell(0), cell(1))? {
            world.warn(warning);
        }
    }
    DONE
}

async fn all(world: &mut World) -> Result<Vec<Exchange>, Failure> {
    let roaming = world.roaming().await?;
    roaming.answer().await?;
    Ok(roaming.answers.clone())
}

/// Of two requests at once.
#[then(regex = r"^one of the answers is ([0-9x, withor]+) and the other ([0-9x, withor]+)$")]
async fn one_is(world: &mut World, right: String, other: String) -> StepResult {
    let answers = all(world).await?;
    let (right, other) = (outcome(&right)?, outcome(&other)?);
    let winners = answers.iter().filter(|one| right.fits(one.code())).count();
    let losers = answers.iter().filter(|one| other.fits(one.code())).count();
    if answers.len() == 2 && winners == 1 && losers == 1 {
        return DONE;
    }
    let said: Vec<String> = answers.iter().map(Exchange::in_words).collect();
    Err(Failure::new(format!(
        "one answer should be {right} and the other {other}: {}",
        said.join("; ")
    )))
}

#[then(regex = "^the data (equals|contains)$")]
async fn data_is(world: &mut World, how: String, step: &Step) -> StepResult {
    let roaming = world.roaming().await?;
    let pattern: Value = json_of(roaming, step)?;
    let extent = match how.as_str() {
        "equals" => Extent::Equals,
        _ => Extent::Contains,
    };
    let answer = roaming.answer().await?;
    match mismatch(&pattern, &answer.data(), extent) {
        None => DONE,
        Some(wrong) => Err(Failure::new(format!("{wrong}; {}", answer.in_words()))),
    }
}

/// With or without a fraction, with or without `Z`.
#[then(regex = r"^the last_updated of the data is the point in time (\S+)$")]
async fn is_at(world: &mut World, wanted: String) -> StepResult {
    let answer = world.roaming().await?.answer().await?.clone();
    let data = answer.data();
    let at = |text: &str| -> Option<jiff::Timestamp> {
        format!("{}Z", text.strip_suffix('Z').unwrap_or(text))
            .parse()
            .ok()
    };
    let is = data["last_updated"].as_str().and_then(at);
    match is.is_some() && is == at(&wanted) {
        true => DONE,
        false => Err(Failure::new(format!(
            "last_updated is not {wanted}; {}",
            answer.in_words()
        ))),
    }
}

/// For fields that may be absent or null.
#[then(regex = r"^the data has no (.+)$")]
async fn data_lacks(world: &mut World, names: String) -> StepResult {
    let answer = world.roaming().await?.answer().await?.clone();
    let data = answer.data();
    let mut names = names.split(", ").flat_map(|part| part.split(" or "));
    match names.find(|name| !data[*name].is_null()) {
        None => DONE,
        Some(name) => Err(Failure::new(format!(
            "{name} is there; {}",
            answer.in_words()
        ))),
    }
}

#[then("the data of all answers is the same")]
async fn data_is_the_same(world: &mut World) -> StepResult {
    let answers = all(world).await?;
    let Some((first, rest)) = answers.split_first() else {
        return Err(Failure::new("there is no answer"));
    };
    match rest.iter().find(|one| one.data() != first.data()) {
        None => DONE,
        Some(other) => Err(Failure::new(format!(
            "the data differs: {}; {}",
            first.in_words(),
            other.in_words()
        ))),
    }
}

/// That of an optional field that some leave out may be null.
#[then(
    regex = r#"^each of the answers has the X-Request-ID and X-Correlation-ID of its request(?:; one without them at (.+) only warns)?$"#
)]
async fn ids_come_back(world: &mut World, tolerated: String) -> StepResult {
    let answers = all(world).await?;
    for exchange in &answers {
        for name in ["x-request-id", "x-correlation-id"] {
            let sent = exchange.asked.headers.get(name);
            let came = exchange
                .answer
                .as_ref()
                .and_then(|answer| answer.headers.get(name));
            if sent == came {
                continue;
            }
            let text = format!("{name} is {came:?}, not {sent:?}; {}", exchange.in_words());
            let only_warns = !tolerated.is_empty()
                && came.is_none()
                && outcome(&tolerated)?.fits(exchange.code());
            if !only_warns {
                return Err(Failure(text));
            }
            world.warn(text);
        }
    }
    DONE
}

/// A refusal that OCPI leaves to HTTP need not be an envelope, but it tells nothing.
#[then("an answer without an envelope or with data only warns")]
async fn refusals_are_envelopes(world: &mut World) -> StepResult {
    for exchange in all(world).await? {
        let (_, code) = exchange.code();
        if code.is_none() || !exchange.data().is_null() {
            world.warn(format!(
                "this is no refusal in an envelope: {}",
                exchange.in_words()
            ));
        }
    }
    DONE
}

#[then(regex = r"^the answer has the header ([\w-]+); without it only warns$")]
async fn has_header(world: &mut World, name: String) -> StepResult {
    let exchange = world.roaming().await?.answer().await?.clone();
    let answer = exchange.answer.as_ref();
    if answer.is_none_or(|answer| answer.header(&name).is_none()) {
        world.warn(format!("there is no {name}; {}", exchange.in_words()));
    }
    DONE
}

/// Who was asked answers, and who asked is answered.
#[then(regex = r"^the answer goes from the CPO to (P1|P2)$")]
async fn is_routed(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let own = roaming.own_party();
    let (country, party) = name.party();
    let exchange = roaming.answer().await?;
    let header = |name: &str| {
        exchange
            .answer
            .as_ref()
            .and_then(|answer| answer.header(name))
    };
    let (own_country, own_party) = own.unwrap_or_default();
    for (name, wanted) in [
        ("ocpi-to-country-code", country),
        ("ocpi-to-party-id", party),
        ("ocpi-from-country-code", own_country.as_str()),
        ("ocpi-from-party-id", own_party.as_str()),
    ] {
        let is = header(name).unwrap_or_default();
        if !is.eq_ignore_ascii_case(wanted) {
            return Err(Failure::new(format!(
                "{name} is {is:?}, not {wanted:?}; {}",
                exchange.in_words()
            )));
        }
    }
    DONE
}
