//! Requests that are taken for others, and changes that are not kept.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::Value;

use super::{Service, asks, edit, look_instead, mistakes_for_the_owner};
use crate::defect::Http;
use crate::wire::actor::Actor;
use crate::wire::http::{HttpBend, Request};

/// Something else in the path, or in its query.
fn reads(instead_of: &'static str, word: &'static str) -> Box<dyn HttpBend> {
    asks(move |request| {
        vec![Request {
            path: request.path.replace(instead_of, word),
            ..request.clone()
        }]
    })
}

fn json_of(request: &Request) -> Value {
    let text = request.body.as_ref().map(|(_, text)| text.as_str());
    serde_json::from_str(text.unwrap_or_default()).unwrap_or_default()
}

/// An address with a capital letter is another one.
fn minds_the_case_of_addresses() -> Box<dyn HttpBend> {
    asks(|request| {
        let mut body = json_of(request);
        let address = body["email"].as_str().unwrap_or_default();
        let small = address.to_lowercase();
        if address == small {
            return vec![request.clone()];
        }
        body["email"] = format!("another-{small}").into();
        vec![Request {
            body: Some(("application/json".to_owned(), body.to_string())),
            ..request.clone()
        }]
    })
}

/// What was read once is told again.
fn tells_what_it_told() -> Box<dyn HttpBend> {
    let mut told = HashMap::<String, Vec<u8>>::new();
    super::tells(move |request, answer| {
        if request.method == Method::GET && answer.status == 200 {
            let first = told.entry(request.path.clone());
            answer
                .bytes
                .clone_from(first.or_insert_with(|| answer.bytes.clone()));
        }
    })
}

/// A change is told as if it was made, and is not.
fn only_says_that_it_changes() -> Box<dyn HttpBend> {
    let changes = |request: &Request| request.method == Method::PUT && json_of(request).is_object();
    Box::new(Service {
        ask: Box::new(move |request| {
            vec![if changes(request) {
                look_instead(request)
            } else {
                request.clone()
            }]
        }),
        tell: Box::new(move |request, answer| {
            if !changes(request) || answer.status >= 300 {
                return;
            }
            let body = json_of(request);
            edit(answer, |json| {
                for (name, value) in body.as_object().into_iter().flatten() {
                    json[name] = value.clone();
                }
            });
        }),
    })
}

/// Every request under a key is a new one.
fn knows_no_keys() -> Box<dyn HttpBend> {
    asks(|request| {
        let mut request = request.clone();
        request
            .headers
            .retain(|(name, _)| name != "Idempotency-Key");
        vec![request]
    })
}

/// Whatever it is, it is read as JSON.
fn reads_any_type() -> Box<dyn HttpBend> {
    asks(|request| {
        let mut request = request.clone();
        if let Some((kind, _)) = &mut request.body {
            *kind = "application/json".to_owned();
        }
        vec![request]
    })
}

pub(super) const SEEDS: &[Http] = &[
    Http {
        name: "takes page nought for the first",
        breaks: "a page that is none is answered 400 [RFC 9110 §15.5.1]",
        make: || reads("page=0", "page=1"),
    },
    Http {
        name: "has one page",
        breaks: "the second page goes on where the first ends [OpenAPI §4.8.12]",
        make: || reads("page=2", "page=1"),
    },
    Http {
        name: "finds what is out of reach",
        breaks: "a parameter of the query is heeded [OpenAPI §4.8.12]",
        make: || reads("latitude=52.5", "latitude=51.5"),
    },
    Http {
        name: "minds the case of addresses",
        breaks: "an account is found by its address, large or small [OpenAPI §4.8.17]",
        make: minds_the_case_of_addresses,
    },
    Http {
        name: "tells what it told before",
        breaks: "what is read is what was written last [RFC 9110 §9.3.4]",
        make: tells_what_it_told,
    },
    Http {
        name: "only says that it changes",
        breaks: "what was put is there [RFC 9110 §9.3.4]",
        make: only_says_that_it_changes,
    },
    Http {
        name: "knows no keys",
        breaks: "a request under a key is done once [Idempotency-Key §2.6]",
        make: knows_no_keys,
    },
    Http {
        name: "reads any type of body",
        breaks: "a body of another type is answered 415 [RFC 9110 §15.5.16]",
        make: reads_any_type,
    },
    Http {
        name: "takes installers of one organization for each other",
        breaks: "what belongs to others is not found [RFC 9110 §15.5.5]",
        make: || mistakes_for_the_owner(&[Actor::AnotherInstaller]),
    },
];
