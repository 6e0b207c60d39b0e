//! What was answered.

use cucumber::{given, then};
use gherkin::Step;
use serde_json::Value;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::watch::pattern::{Extent, mismatch};
use crate::wire::http::Answer;
use crate::words::quoted;

#[given(regex = r"^the answer is (\d{3})$")]
#[then(regex = r"^the answer is (\d{3})$")]
async fn is(world: &mut World, status: u16) -> StepResult {
    let answer = world.rest().await?.answer().await?;
    if answer.status == status {
        return DONE;
    }
    Err(Failure::new(format!(
        "{status} is expected; {}",
        answer.in_words()
    )))
}

/// Speaks of such an answer from then on.
#[then(regex = r"^(at least one|exactly \d+) of the answers (?:is|are) (\d{3})$")]
async fn so_many_are(world: &mut World, number: String, status: u16) -> StepResult {
    let api = world.rest().await?;
    let fits = |answer: &Answer| answer.status == status;
    let count = api.answers.iter().filter(|answer| fits(answer)).count();
    let wanted = number
        .strip_prefix("exactly ")
        .and_then(|number| number.parse().ok());
    let found = api.answers.iter().position(fits);
    match found {
        Some(index) if wanted.is_none_or(|wanted: usize| count == wanted) => {
            let last = api.answers.len() - 1;
            api.answers.swap(index, last);
            DONE
        }
        _ => {
            let statuses: Vec<u16> = api.answers.iter().map(|answer| answer.status).collect();
            Err(Failure::new(format!(
                "{number} of the answers should be {status}; they are {statuses:?}"
            )))
        }
    }
}

#[then(regex = r"^its JSON (equals|contains)$")]
async fn json_is(world: &mut World, how: String, step: &Step) -> StepResult {
    let api = world.rest().await?;
    let text = step.docstring.as_deref().unwrap_or_default();
    let text = api.expand(text)?;
    let pattern: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the step's own JSON is none: {error}: {text}")))?;
    let answer = api.answer().await?;
    let extent = if how == "equals" {
        Extent::Equals
    } else {
        Extent::Contains
    };
    match mismatch(&pattern, &answer.json()?, extent) {
        None => DONE,
        Some(wrong) => Err(Failure::new(format!("{wrong}; {}", answer.in_words()))),
    }
}

#[then(regex = r"^the error has the code (\w+)(?: and names the field (\S+))?$")]
async fn error_is(world: &mut World, code: String, field: String) -> StepResult {
    let answer = world.rest().await?.answer().await?;
    let json = answer.json()?;
    let failed = |what: String| Err(Failure::new(format!("{what}; {}", answer.in_words())));
    if json["code"] != code.as_str() {
        return failed(format!("the code {code} is expected"));
    }
    if field.is_empty() {
        return DONE;
    }
    let named: Vec<&str> = json["details"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|detail| detail["field"].as_str())
        .collect();
    if named.contains(&field.as_str()) {
        return DONE;
    }
    failed(format!("the field {field} is not among {named:?}"))
}

#[then(regex = r"^the answer has the header ([\w-]+)(?: with the value (.+))?$")]
async fn has_header(world: &mut World, name: String, value: String) -> StepResult {
    let api = world.rest().await?;
    let value = api.expand(&value)?;
    let answer = api.answer().await?;
    match answer.header(&name) {
        Some(is) if value.is_empty() || is == value => DONE,
        is => Err(Failure::new(format!(
            "the header {name} is {is:?}; {}",
            answer.in_words()
        ))),
    }
}

#[then(regex = r"^the answer has the content type (\S+)$")]
async fn has_content_type(world: &mut World, wanted: String) -> StepResult {
    let answer = world.rest().await?.answer().await?;
    let kind = answer.header("content-type").unwrap_or_default();
    if kind.split(';').next() == Some(wanted.as_str()) && !answer.bytes.is_empty() {
        return DONE;
    }
    Err(Failure::new(format!(
        "the content type is {}; {}",
        quoted(&kind),
        answer.in_words()
    )))
}

#[then(regex = r"^its text begins with (\S+)$")]
async fn begins_with(world: &mut World, beginning: String) -> StepResult {
    let answer = world.rest().await?.answer().await?;
    if answer.bytes.starts_with(beginning.as_bytes()) {
        return DONE;
    }
    Err(Failure::new(format!(
        "the text {} is expected at its beginning; {}",
        quoted(&beginning),
        answer.in_words()
    )))
}

/// Members of members are named with dots.
#[given(regex = r"^its ([\w.]+) is remembered as \{([a-z ]+)\}$")]
#[then(regex = r"^its ([\w.]+) is remembered as \{([a-z ]+)\}$")]
async fn remembered(world: &mut World, member: String, name: String) -> StepResult {
    let api = world.rest().await?;
    let answer = api.answer().await?;
    let json = answer.json()?;
    let value = match json.pointer(&format!("/{}", member.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => {
            return Err(Failure::new(format!(
                "there is no {member}; {}",
                answer.in_words()
            )));
        }
        Some(other) => other.to_string(),
    };
    api.words.insert(name, value);
    DONE
}
