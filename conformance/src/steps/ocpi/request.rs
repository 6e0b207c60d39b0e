//! What partners ask the CPO.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cucumber::{given, when};
use gherkin::Step;
use reqwest::Method;
use serde_json::Value;

use crate::failure::{DONE, Failure, StepResult};
use crate::peer::plain;
use crate::role::emsp::Roaming;
use crate::role::emsp::partner::{Name, Shows};
use crate::steps::world::World;
use crate::wire::ocpi::{Exchange, Module};
use crate::words::quoted;

/// Bytes that are no text are written `(byte FF)`.
#[given(regex = r"^the next request of (P1|P2) has the header ([\w-]+): (.*)$")]
#[when(regex = r"^the next request of (P1|P2) has the header ([\w-]+): (.*)$")]
async fn header(world: &mut World, _name: Name, name: String, value: String) -> StepResult {
    let roaming = world.roaming().await?;
    let value = header_value(&roaming.expand(&value)?)?;
    roaming.next_headers.push((name, value));
    DONE
}

/// `base64(X)` is encoded, `16 kB of A` is that many, `(byte FF)` is a byte, `\n` within base64 a line feed.
fn header_value(text: &str) -> Result<Vec<u8>, Failure> {
    if let Some((before, rest)) = text.split_once("base64(") {
        let inner = rest
            .strip_suffix(')')
            .ok_or_else(|| Failure::new(format!("{} has no closing bracket", quoted(text))))?;
        let encoded = BASE64_STANDARD.encode(inner.replace("\\n", "\n"));
        return Ok(format!("{before}{encoded}").into_bytes());
    }
    if let Some(before) = text.strip_suffix("16 kB of A") {
        return Ok(format!("{before}{}", "A".repeat(16 * 1024)).into_bytes());
    }
    let mut bytes = Vec::new();
    let mut parts = text.split("(byte ");
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let wrong = || Failure::new(format!("{} has no byte such as (byte FF)", quoted(text)));
        let (digits, rest) = part.split_once(')').ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Ok(bytes)
}

/// What a request shows: `token A`, `token C`, `the token before`, `no token`, `the token xyz`.
fn shows(roaming: &Roaming, name: Name, words: &str) -> Result<Shows, Failure> {
    let partner = roaming.partner(name)?;
    Ok(match words {
        "" => Shows::Current,
        "no token" => Shows::Nothing,
        "token A" => Shows::Token(partner.token_a.clone()),
        "token B" => Shows::Token(partner.token_b.clone()),
        "the token before" => {
            let before = partner.older_c.last().cloned();
            Shows::Token(
                before.ok_or_else(|| Failure::new(format!("{name} had no other token C")))?,
            )
        }
        other => match other.strip_prefix("the token ") {
            Some(token) => Shows::Token(roaming.expand(token)?),
            None => return Err(Failure::new(format!("{} is no token", quoted(other)))),
        },
    })
}

fn method(text: &str) -> Result<Method, Failure> {
    Method::from_bytes(text.as_bytes())
        .map_err(|_| Failure::new(format!("{} is no method", quoted(text))))
}

async fn send(
    roaming: &mut Roaming,
    name: Name,
    way: &str,
    url: &str,
    with: &str,
    body: Option<&str>,
) -> Result<Exchange, Failure> {
    let shows = shows(roaming, name, with)?;
    let url = roaming.expand(url)?;
    let body = body.map(|body| roaming.expand(body)).transpose()?;
    let body = body.map(String::into_bytes);
    let asked = roaming.request(name, method(way)?, &url, shows, body)?;
    roaming.caller().call(asked).await
}

#[given(
    regex = r"^(P1|P2) sends (GET|POST|PUT|PATCH|DELETE) (\S+)(?: with (token A|token B|no token|the token before|the token \S+))?$"
)]
#[when(
    regex = r"^(P1|P2) sends (GET|POST|PUT|PATCH|DELETE) (\S+)(?: with (token A|token B|no token|the token before|the token \S+))?$"
)]
async fn sends(
    world: &mut World,
    name: Name,
    way: String,
    url: String,
    with: String,
    step: &Step,
) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let body = step
        .docstring
        .as_deref()
        .map(|text| text.trim_matches('\n'));
    let exchange = send(roaming, name, &way, &url, &with, body).await?;
    roaming.answers = vec![exchange];
    DONE
}

/// Each row is a request: its method, its URL, and its body where it has one.
#[when(
    regex = r"^(P1|P2) sends these requests(?: with (token A|token B|no token|the token before|the token \S+))?$"
)]
async fn sends_these(world: &mut World, name: Name, with: String, step: &Step) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let missing = || Failure::new("the step has no table of requests");
    let rows = step.table.as_ref().ok_or_else(missing)?.rows.clone();
    let mut answers = Vec::new();
    for row in rows {
        let cell = |at: usize| row.get(at).map(String::as_str).unwrap_or_default();
        let body = (!cell(2).is_empty()).then(|| cell(2));
        answers.push(send(roaming, name, cell(0), cell(1), &with, body).await?);
    }
    roaming.answers = answers;
    DONE
}

/// One request again and again, each time with another value of this header.
#[when(regex = r"^(P1|P2) sends GET (\S+) with each of these values of the header ([\w-]+)$")]
async fn sends_headers(
    world: &mut World,
    name: Name,
    url: String,
    header: String,
    step: &Step,
) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let missing = || Failure::new("the step has no table of values");
    let rows = step.table.as_ref().ok_or_else(missing)?.rows.clone();
    let mut answers = Vec::new();
    for value in rows.iter().filter_map(|row| row.first()) {
        let value = header_value(&roaming.expand(value)?)?;
        roaming.next_headers.push((header.clone(), value));
        answers.push(send(roaming, name, "GET", &url, "", None).await?);
    }
    roaming.answers = answers;
    DONE
}

/// Over plain HTTP, letter for letter.
#[when(regex = r"^(P1|P2) writes GET (\S+) with the headers (\S+) and (\S+)$")]
async fn writes(
    world: &mut World,
    name: Name,
    url: String,
    authorization: String,
    id: String,
) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let url = roaming.expand(&url)?;
    if !url.starts_with("http://") {
        return Err(world.cannot_run("only plain HTTP is written by hand"));
    }
    let asked = roaming.request(name, Method::GET, &url, Shows::Current, None)?;
    let value = |name: &str| asked.header(name).unwrap_or_default();
    let headers = [
        (authorization, value("authorization")),
        (id, value("x-request-id")),
        ("X-Correlation-ID".to_owned(), value("x-correlation-id")),
    ];
    let number = roaming.ledger.begin(asked);
    let answer = plain::get(&url, &headers, roaming.patience).await?;
    roaming.ledger.end(number, answer);
    roaming.answers = roaming.ledger.get(number).into_iter().collect();
    DONE
}

/// Every URL that the CPO has named, and its list of versions.
#[when(
    regex = r"^(P1|P2) asks every endpoint with (token A|token B|no token|the token before|the token \S+|an empty header)$"
)]
async fn asks_everything(world: &mut World, name: Name, with: String) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let urls = ["{versions}", "{details}"].map(|word| roaming.expand(word));
    let mut requests: Vec<(Method, String)> = Vec::new();
    for url in urls {
        requests.push((Method::GET, url?));
    }
    let endpoints = roaming.partner(name)?.endpoints.clone();
    requests.extend(endpoints.iter().map(|(module, url)| match module {
        Module::Commands => (Method::POST, format!("{url}/START_SESSION")),
        Module::Tokens => (Method::GET, format!("{url}/DE/RIG/NO-SUCH")),
        _ => (Method::GET, url.clone()),
    }));
    let mut answers = Vec::new();
    for (way, url) in requests {
        let shows = if with == "an empty header" {
            roaming
                .next_headers
                .push(("authorization".to_owned(), b"Token".to_vec()));
            Shows::Nothing
        } else {
            shows(roaming, name, &with)?
        };
        let body = (way == Method::POST).then(|| b"{}".to_vec());
        let asked = roaming.request(name, way, &url, shows, body)?;
        answers.push(roaming.caller().call(asked).await?);
    }
    roaming.answers = answers;
    DONE
}

/// The modules of an invitation: those that a partner reads before it is registered stay out.
#[when(regex = r"^(P1|P2) asks every module with (token A|token B|the token before)$")]
async fn asks_modules(world: &mut World, name: Name, with: String) -> StepResult {
    asks_everything(world, name, with).await?;
    let roaming = world.roaming().await?;
    roaming
        .answers
        .retain(|one| one.asked.place.module.is_functional());
    DONE
}

#[when(regex = r"^(P1|P2) sends the last request again without (.+)$")]
async fn again_without(world: &mut World, name: Name, headers: String) -> StepResult {
    let roaming = world.roaming().await?;
    let last = roaming.answer().await?.asked.clone();
    roaming.begin();
    for header in headers.split(", ").flat_map(|part| part.split(" and ")) {
        roaming
            .next_headers
            .push((header.to_owned(), b"(nothing)".to_vec()));
    }
    let body = (!last.body.is_empty()).then_some(last.body);
    let asked = roaming.request(name, last.method, &last.url, Shows::Current, body)?;
    let exchange = roaming.caller().call(asked).await?;
    roaming.answers = vec![exchange];
    DONE
}

/// As JSON of a step, with names put in.
pub(super) fn json_of(roaming: &Roaming, step: &Step) -> Result<Value, Failure> {
    let text = step.docstring.as_deref().unwrap_or_default();
    let text = roaming.expand(text)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the step's own JSON is none: {error}: {text}")))
}
