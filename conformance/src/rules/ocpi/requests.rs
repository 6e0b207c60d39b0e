//! What a platform sends to its partners: who it says it is, the ids of its requests, its bodies.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::Value;

use super::Parties;
use crate::rules::{Breach, Rule};
use crate::wire::entry::End;
use crate::wire::ocpi::{Asked, Exchange};

/// The token in the header is base64, after one blank, and one that the partner gave out [OCPI 2.2.1 §4.1.2].
static AUTHORIZATION: Rule = Rule::must("ocpi-authorization");
/// Each request has ids, and its own one is new [OCPI 2.2.1 §4.1.6].
static ID: Rule = Rule::must("ocpi-request-id");
/// These ids are UUIDs.
static UUID: Rule = Rule::should("ocpi-request-id-is-a-uuid");
/// Objects are sent without an envelope, as JSON.
static BODY: Rule = Rule::must("ocpi-bare-body");

/// A header that no partner of the standard understands.
pub(super) fn are_signed(exchange: &Exchange, parties: &Parties, found: &mut Vec<Breach>) {
    let asked = &exchange.asked;
    if let Some(wrong) = wrong_token(asked, parties) {
        let text = format!("{}: its Authorization {wrong}", asked.in_words());
        found.push(AUTHORIZATION.broken(text));
    }
}

fn wrong_token(asked: &Asked, parties: &Parties) -> Option<String> {
    let mut all = asked.headers.get_all("authorization").iter();
    let (Some(header), None) = (all.next(), all.next()) else {
        return Some("is not there once".to_owned());
    };
    let Ok(header) = std::str::from_utf8(header.as_bytes()) else {
        return Some("is no text".to_owned());
    };
    let Some(encoded) = header.strip_prefix("Token ") else {
        return Some("does not begin with `Token ` and one blank".to_owned());
    };
    let Ok(token) = BASE64_STANDARD.decode(encoded) else {
        return Some("holds no base64 of RFC 4648 with its padding".to_owned());
    };
    if token.last().is_some_and(u8::is_ascii_whitespace) {
        return Some("holds a token with a blank or a line feed behind it".to_owned());
    }
    let is_known = parties.tokens.iter().any(|known| known.as_bytes() == token);
    (!is_known).then(|| "holds a token that this partner never gave out".to_owned())
}

/// Ids that are not there, are there again, or are no UUIDs.
pub(super) fn ids_are_fresh(exchanges: &[Exchange], found: &mut Vec<Breach>) {
    let mut seen = HashSet::new();
    let requests = exchanges.iter().map(|exchange| &exchange.asked);
    for asked in requests.filter(|asked| asked.by == End::Sut) {
        for name in ["X-Request-ID", "X-Correlation-ID"] {
            let id = asked.header(&name.to_lowercase()).unwrap_or_default();
            if id.is_empty() {
                found.push(ID.broken(format!("{} has no {name}", asked.in_words())));
            } else if id.parse::<uuid::Uuid>().is_err() {
                let text = format!("{}: its {name} {id:?} is no UUID", asked.in_words());
                found.push(UUID.broken(text));
            }
            if name == "X-Request-ID" && !id.is_empty() && !seen.insert(id.clone()) {
                let text = format!(
                    "{} has the {name} {id:?} of another request",
                    asked.in_words()
                );
                found.push(ID.broken(text));
            }
        }
    }
}

/// Bodies that are no bare objects.
pub(super) fn bodies_are_bare(exchange: &Exchange, found: &mut Vec<Breach>) {
    let asked = &exchange.asked;
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&asked.method);
    // An authorization may leave the place open.
    let may_be_empty = asked.url.contains("/authorize");
    if !has_body || (may_be_empty && asked.body.is_empty()) {
        return;
    }
    if let Some(wrong) = wrong_body(asked) {
        found.push(BODY.broken(format!("{}: {wrong}", asked.in_words())));
    }
}

fn wrong_body(asked: &Asked) -> Option<String> {
    let kind = asked.header("content-type").unwrap_or_default();
    let plain = kind.split(';').next().unwrap_or_default().trim();
    if !plain.eq_ignore_ascii_case("application/json") {
        return Some(format!("its Content-Type is {kind:?}"));
    }
    match asked.json() {
        Some(Value::Object(object))
            if object.contains_key("status_code") && object.contains_key("timestamp") =>
        {
            Some("its body is an envelope".to_owned())
        }
        Some(Value::Object(_)) => None,
        Some(_) => Some("its body is no JSON object".to_owned()),
        None => Some("its body is no JSON".to_owned()),
    }
}
