//! Who sends a message to whom stands in its headers [OCPI 2.2.1 §4.1.4, §4.1.5].

use super::{Parties, Party};
use crate::rules::{Breach, Rule};
use crate::wire::entry::End;
use crate::wire::ocpi::Exchange;
use reqwest::header::HeaderMap;

/// Messages of functional modules name both parties, and answers name them the other way round.
static ROUTING: Rule = Rule::should("ocpi-routing");
/// Versions and credentials are of the platform, and name nobody.
static NONE: Rule = Rule::must("ocpi-no-routing");

/// The names of the headers that say who sends, and who is meant.
const FROM: [&str; 2] = ["ocpi-from-country-code", "ocpi-from-party-id"];
const TO: [&str; 2] = ["ocpi-to-country-code", "ocpi-to-party-id"];

/// Headers that are wrong, missing, or there where none belongs.
pub(super) fn is_right(exchange: &Exchange, parties: &Parties, found: &mut Vec<Breach>) {
    let asked = &exchange.asked;
    let answer = exchange.answer.as_ref();
    let (headers, what) = match (asked.by, answer) {
        (End::Sut, _) => (&asked.headers, asked.in_words()),
        (End::Rig, Some(answer)) => (
            &answer.headers,
            format!("the answer to {}", asked.in_words()),
        ),
        (End::Rig, None) => return,
    };
    if !asked.place.module.is_functional() {
        let there = FROM
            .iter()
            .chain(&TO)
            .find(|name| headers.contains_key(**name));
        if let Some(name) = there {
            found.push(NONE.broken(format!("{what} has the header {name}")));
        }
        return;
    }
    let partner = parties.partners.get(&asked.partner);
    let (from, to) = match asked.by {
        End::Sut => (parties.own.clone(), partner.cloned()),
        // Who names nobody need not be answered with names; a refusal may come before anybody looks.
        End::Rig if exchange.code() != (200, Some(1_000)) => return,
        End::Rig => (party_in(&asked.headers, TO), party_in(&asked.headers, FROM)),
    };
    for (names, wanted) in [(FROM, from), (TO, to)] {
        let Some(wanted) = wanted else { continue };
        let is = party_in(headers, names);
        let is_same = is.as_ref().is_some_and(|(country, party)| {
            country.eq_ignore_ascii_case(&wanted.0) && party.eq_ignore_ascii_case(&wanted.1)
        });
        if !is_same {
            let is = is.map_or("nobody".to_owned(), |(country, party)| {
                format!("{country} {party}")
            });
            found.push(ROUTING.broken(format!(
                "{what}: {} is {is}, not {} {}",
                if names == FROM {
                    "OCPI-from"
                } else {
                    "OCPI-to"
                },
                wanted.0,
                wanted.1
            )));
        }
    }
}

fn party_in(headers: &HeaderMap, names: [&str; 2]) -> Option<Party> {
    let value = |name: &str| {
        let value = headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Some((value(names[0])?, value(names[1])?))
}
