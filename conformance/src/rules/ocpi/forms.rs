//! Every object that a platform sends has the form of the standard.

use dynamo_protocol::ocpi::form::{Extent, faults};
use reqwest::Method;
use serde_json::Value;

use crate::rules::{Breach, Rule};
use crate::wire::entry::End;
use crate::wire::ocpi::{Asked, Exchange, Module};

/// Required fields, types, lengths, patterns and words are those of the standard.
static FORM: Rule = Rule::must("ocpi-form");

/// Faults of one object, and of one list, that are told.
const FAULTS_TOLD: usize = 5;

/// Objects with faults.
pub(super) fn are_right(exchange: &Exchange, found: &mut Vec<Breach>) {
    let asked = &exchange.asked;
    let (name, extent, value) = match asked.by {
        End::Rig => {
            let (status, code) = exchange.code();
            let is_good = status < 300 && code.is_some_and(|code| code < 2_000);
            let Some(name) = answered_with(asked).filter(|_| is_good) else {
                return;
            };
            (name, Extent::Whole, exchange.data())
        }
        End::Sut => {
            let Some((name, extent)) = sent(asked) else {
                return;
            };
            (name, extent, asked.json().unwrap_or_default())
        }
    };
    let objects = match &value {
        Value::Array(objects) => objects.as_slice(),
        Value::Object(_) => std::slice::from_ref(&value),
        _ => return,
    };
    let mut wrong = Vec::new();
    for object in objects {
        for fault in faults(name, object, extent) {
            let id = ["id", "uid"].iter().find_map(|id| object[id].as_str());
            wrong.push(format!("{name} {}: {fault}", id.unwrap_or("without an id")));
        }
    }
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(FAULTS_TOLD);
        wrong.truncate(FAULTS_TOLD);
        let more = match more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let text = format!("{}: {}{more}", asked.in_words(), wrong.join("; "));
        found.push(FORM.broken(text));
    }
}

/// The objects that a good answer to this holds. What lists versions and modules may know more of them than the standard.
fn answered_with(asked: &Asked) -> Option<&'static str> {
    let place = (asked.place.module, asked.place.parts.len());
    Some(match (place, &asked.method) {
        ((Module::Credentials, 0), &Method::GET | &Method::POST | &Method::PUT) => "Credentials",
        ((Module::Locations, 0 | 1), &Method::GET) => "Location",
        ((Module::Locations, 2), &Method::GET) => "EVSE",
        ((Module::Locations, 3), &Method::GET) => "Connector",
        ((Module::Sessions, 0), &Method::GET) => "Session",
        ((Module::Cdrs, 0), &Method::GET) => "CDR",
        ((Module::Tariffs, 0), &Method::GET) => "Tariff",
        ((Module::Tokens, 3), &Method::GET) => "Token",
        ((Module::Tokens, 2), &Method::POST) => "AuthorizationInfo",
        ((Module::Commands, 1), &Method::POST) => "CommandResponse",
        _ => return None,
    })
}

/// The object that is sent with this request, and how much of it.
fn sent(asked: &Asked) -> Option<(&'static str, Extent)> {
    let extent = match asked.method {
        Method::PATCH => Extent::Part,
        Method::PUT | Method::POST => Extent::Whole,
        _ => return None,
    };
    let name = match (asked.place.module, asked.place.parts.len()) {
        (Module::Credentials, 0) => "Credentials",
        (Module::Locations, 3) => "Location",
        (Module::Locations, 4) => "EVSE",
        (Module::Locations, 5) => "Connector",
        (Module::Sessions, 3) => "Session",
        (Module::Tariffs, 3) => "Tariff",
        (Module::Cdrs, 0) => "CDR",
        (Module::Tokens, 2) if !asked.body.is_empty() => "LocationReferences",
        (Module::Result, _) => "CommandResult",
        _ => return None,
    };
    Some((name, extent))
}
