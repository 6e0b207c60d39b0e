//! Answers are envelopes [OCPI 2.2.1 §4.1.7], and what they hold has the shape of its endpoint.

use reqwest::Method;
use serde_json::Value;

use crate::rules::{Breach, Rule};
use crate::wire::http::Answer;
use crate::wire::ocpi::{Exchange, Module};

/// Every answer that OCPI gives is an envelope.
static ENVELOPE: Rule = Rule::must("ocpi-envelope");
/// Errors that OCPI leaves to HTTP come in one as well.
static OF_ERRORS: Rule = Rule::should("ocpi-envelope-of-errors");
/// Lists are lists, objects are objects, and no envelope is inside another.
static SHAPE: Rule = Rule::must("ocpi-data-shape");

/// What is no envelope.
pub(super) fn are_envelopes(exchange: &Exchange, found: &mut Vec<Breach>) {
    let Some(answer) = &exchange.answer else {
        return;
    };
    let rule = match answer.status {
        200..300 => &ENVELOPE,
        // What a server of HTTP refuses before anybody looks at it.
        413 | 414 | 431 => return,
        400..500 if exchange.asked.headers.contains_key("authorization") => &OF_ERRORS,
        _ => return,
    };
    if let Some(wrong) = wrong_envelope(answer) {
        found.push(rule.broken(format!("{wrong}; {}", answer.in_words())));
    }
}

fn wrong_envelope(answer: &Answer) -> Option<String> {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Some(format!("its Content-Type is {kind:?}"));
    }
    let Ok(Value::Object(envelope)) = serde_json::from_slice(&answer.bytes) else {
        return Some("its body is no JSON object".to_owned());
    };
    let code = envelope.get("status_code");
    if !code
        .and_then(Value::as_i64)
        .is_some_and(|code| (1_000..10_000).contains(&code))
    {
        return Some("its envelope has no status_code of four digits".to_owned());
    }
    if !envelope.get("timestamp").is_some_and(Value::is_string) {
        return Some("its envelope has no timestamp".to_owned());
    }
    match envelope.get("status_message") {
        None | Some(Value::String(_) | Value::Null) => None,
        Some(_) => Some("the status_message of its envelope is no text".to_owned()),
    }
}

/// Data of another shape than the endpoint has.
pub(super) fn data_has_its_shape(exchange: &Exchange, found: &mut Vec<Breach>) {
    let (status, code) = exchange.code();
    if status >= 300 || code.is_none_or(|code| code >= 2_000) {
        return;
    }
    let (asked, data) = (&exchange.asked, exchange.data());
    let is_enveloped =
        |value: &Value| value.get("status_code").is_some() && value.get("timestamp").is_some();
    let many = data.as_array().map(Vec::as_slice).unwrap_or_default();
    if is_enveloped(&data) || many.iter().any(is_enveloped) {
        let text = format!("an envelope is inside another; {}", exchange.in_words());
        found.push(SHAPE.broken(text));
        return;
    }
    let parts = asked.place.parts.len();
    let wrong = match (asked.place.module, &asked.method, parts) {
        (Module::Versions, &Method::GET, 0) => !data.is_array(),
        (
            Module::Locations | Module::Sessions | Module::Cdrs | Module::Tariffs,
            &Method::GET,
            0,
        ) => !data.is_array(),
        (Module::Details | Module::Credentials, &Method::GET, 0) => !data.is_object(),
        (Module::Locations | Module::Tokens, &Method::GET, _) => !data.is_object(),
        (Module::Commands, &Method::POST, _) => !data.is_object(),
        _ => false,
    };
    if wrong {
        let text = format!(
            "its data has not the shape of {}; {}",
            if parts == 0 && data.is_object() {
                "a list"
            } else {
                "its endpoint"
            },
            exchange.in_words()
        );
        found.push(SHAPE.broken(text));
    }
}
