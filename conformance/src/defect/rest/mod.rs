//! Ways in which REST APIs get it wrong: what a request asks for becomes something else, or an answer is another one.

mod done;
mod told;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::defect::Http;
use crate::wire::actor::{Actor, Credential};
use crate::wire::http::{Answer, HttpBend, Request};

type Ask = Box<dyn FnMut(&Request) -> Vec<Request> + Send>;
type Tell = Box<dyn FnMut(&Request, &mut Answer) + Send>;

struct Service {
    ask: Ask,
    tell: Tell,
}

impl HttpBend for Service {
    fn asks(&mut self, request: &Request) -> Vec<Request> {
        (self.ask)(request)
    }

    fn tells(&mut self, request: &Request, answer: &mut Answer) {
        (self.tell)(request, answer);
    }
}

/// Does something else than it was asked for; the answer to the last request is the one that the caller gets.
fn asks(ask: impl FnMut(&Request) -> Vec<Request> + Send + 'static) -> Box<dyn HttpBend> {
    Box::new(Service {
        ask: Box::new(ask),
        tell: Box::new(|_, _| {}),
    })
}

/// Tells something else than what is.
fn tells(tell: impl FnMut(&Request, &mut Answer) + Send + 'static) -> Box<dyn HttpBend> {
    Box::new(Service {
        ask: Box::new(|request| vec![request.clone()]),
        tell: Box::new(tell),
    })
}

/// What comes too fast is said to be done.
fn has_no_limit() -> Box<dyn HttpBend> {
    tells(|request, answer| {
        if let (429, Some((_, asked))) = (answer.status, &request.body) {
            answer.status = 200;
            answer.bytes = asked.clone().into_bytes();
            edit(answer, |done| {
                done["status"] = "Accepted".into();
                done["sent_at"] = "2026-01-01T10:00:00Z".into();
                done["response_time_ms"] = 1.into();
            });
        }
    })
}

/// One status for another.
fn says(instead_of: u16, status: u16) -> Box<dyn HttpBend> {
    tells(move |_, answer| {
        if answer.status == instead_of {
            answer.status = status;
        }
    })
}

/// Changes the JSON of answers to requests of this method, and of this end of the path.
fn edits(
    method: &'static Method,
    end: &'static str,
    change: impl Fn(&mut Value) + Send + 'static,
) -> Box<dyn HttpBend> {
    tells(move |request, answer| {
        let path = request.path.split('?').next().unwrap_or_default();
        if request.method == *method && path.ends_with(end) && answer.status < 400 {
            edit(answer, &change);
        }
    })
}

fn edit(answer: &mut Answer, change: impl Fn(&mut Value)) {
    if let Ok(mut json) = serde_json::from_slice(&answer.bytes) {
        change(&mut json);
        answer.bytes = json.to_string().into_bytes();
    }
}

/// Changes the JSON of errors.
fn edits_errors(change: impl Fn(&mut Value) + Send + 'static) -> Box<dyn HttpBend> {
    tells(move |_, answer| {
        if answer.status >= 400 {
            edit(answer, &change);
        }
    })
}

fn remove(json: &mut Value, member: &str) {
    if let Some(members) = json.as_object_mut() {
        members.remove(member);
    }
}

/// Calls this with every number under one of these names.
fn numbers(json: &mut Value, names: &[&str], change: &impl Fn(&mut Value)) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                if value.is_number() && names.contains(&name.as_str()) {
                    change(value);
                } else {
                    numbers(value, names, change);
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                numbers(element, names, change);
            }
        }
        _ => {}
    }
}

/// Takes these for the organization or the installer who was here before.
fn mistakes_for_the_owner(strangers: &'static [Actor]) -> Box<dyn HttpBend> {
    let (mut key, mut token) = (None, None);
    asks(move |request| {
        let mut request = request.clone();
        match request.actor {
            Actor::Organization => key = Some(request.credential.clone()),
            Actor::Installer => token = Some(request.credential.clone()),
            actor if strangers.contains(&actor) => {
                let of_installer = matches!(request.credential, Credential::Token(_))
                    || request.path.starts_with("/api/v1/installer/");
                let (same, other) = if of_installer {
                    (&token, &key)
                } else {
                    (&key, &token)
                };
                if let Some(owner) = same.clone().or_else(|| other.clone()) {
                    request.credential = owner;
                }
            }
            _ => {}
        }
        vec![request]
    })
}

/// A request with another word in its body, if it has the one.
fn with_word(request: &Request, instead_of: &str, word: &str) -> Option<Request> {
    let (kind, text) = request.body.as_ref()?;
    let other = text.replace(instead_of, word);
    (other != *text).then(|| Request {
        body: Some((kind.clone(), other)),
        ..request.clone()
    })
}

/// What makes no sense in these words is done with others, and refused.
fn commands_and_refuses() -> Box<dyn HttpBend> {
    asks(|request| {
        let mended = with_word(request, "Dance", "Heartbeat");
        mended.into_iter().chain([request.clone()]).collect()
    })
}

/// A request under a key is also sent without it.
fn sends_beside_the_key() -> Box<dyn HttpBend> {
    asks(|request| {
        let mut without = request.clone();
        without
            .headers
            .retain(|(name, _)| name != "Idempotency-Key");
        let has_key = without.headers.len() < request.headers.len();
        let beside = has_key.then_some(without);
        beside.into_iter().chain([request.clone()]).collect()
    })
}

/// A request that changes nothing, in the place of this one.
fn look_instead(request: &Request) -> Request {
    Request {
        method: Method::GET,
        body: None,
        ..request.clone()
    }
}

fn only_says_that_it_deletes() -> Box<dyn HttpBend> {
    Box::new(Service {
        ask: Box::new(|request| match request.method {
            Method::DELETE => vec![look_instead(request)],
            _ => vec![request.clone()],
        }),
        tell: Box::new(|request, answer| {
            if request.method == Method::DELETE {
                answer.status = 204;
                answer.bytes.clear();
            }
        }),
    })
}

/// The first price is kept.
fn keeps_the_price() -> Box<dyn HttpBend> {
    let mut is_set = false;
    asks(move |request| {
        let sets = request.method == Method::PUT && request.path.ends_with("/tariff");
        let again = sets && is_set;
        is_set |= sets;
        vec![if again {
            look_instead(request)
        } else {
            request.clone()
        }]
    })
}

fn ignores_filters() -> Box<dyn HttpBend> {
    asks(|request| {
        let mut request = request.clone();
        if request.path.contains("?status=") {
            request.path.truncate(request.path.find('?').unwrap_or(0));
        }
        vec![request]
    })
}

/// All of them.
pub(super) fn seeds() -> impl Iterator<Item = &'static Http> {
    let all = [SEEDS, told::SEEDS, done::SEEDS];
    all.into_iter().flatten()
}

const SEEDS: &[Http] = &[
    Http {
        name: "says 200 where it made something",
        breaks: "what was made is answered 201 [RFC 9110 §15.3.2]",
        make: || says(201, 200),
    },
    Http {
        name: "invents a status",
        breaks: "an operation has the statuses of its document [OpenAPI §4.8.16]",
        make: || says(404, 410),
    },
    Http {
        name: "tells errors without their id",
        breaks: "an error has the id of its request [OpenAPI §4.8.17]",
        make: || edits_errors(|error| remove(error, "request_id")),
    },
    Http {
        name: "calls all errors by one name",
        breaks: "an error has the code of its kind [OpenAPI §4.8.17]",
        make: || edits_errors(|error| error["code"] = "error".into()),
    },
    Http {
        name: "tells errors as pages",
        breaks: "an answer has a content type of its document [RFC 9110 §8.3]",
        make: || {
            tells(|_, answer| {
                if answer.status >= 400 {
                    let page = HeaderValue::from_static("text/html");
                    answer.headers.insert(CONTENT_TYPE, page);
                }
            })
        },
    },
    Http {
        name: "leaves a required member out",
        breaks: "what the schema requires is there [JSON Schema §6.5.3]",
        make: || {
            edits(&Method::GET, "/sites", |page| {
                for site in page["sites"].as_array_mut().into_iter().flatten() {
                    remove(site, "address");
                }
            })
        },
    },
    Http {
        name: "writes numbers as text",
        breaks: "a member has the type of its schema [JSON Schema §6.1.1]",
        make: || {
            edits(&Method::GET, "/transactions", |page| {
                numbers(page, &["meter_start"], &|number| {
                    *number = number.to_string().into();
                })
            })
        },
    },
    Http {
        name: "counts one too many",
        breaks: "the total of a page is what the filter fits [OpenAPI §4.8.17]",
        make: || {
            edits(&Method::GET, "", |page| {
                if let Some(total) = page["total"].as_i64() {
                    page["total"] = (total + 1).into();
                }
            })
        },
    },
    Http {
        name: "ignores filters",
        breaks: "a parameter of the query is heeded [OpenAPI §4.8.12]",
        make: ignores_filters,
    },
    Http {
        name: "asks nobody who they are",
        breaks: "who shows no credentials is answered 401 [RFC 9110 §15.5.2]",
        make: || mistakes_for_the_owner(&[Actor::Nobody, Actor::Stranger]),
    },
    Http {
        name: "takes any password",
        breaks: "only the right password lets in [RFC 9110 §11.1]",
        make: || {
            asks(|request| {
                let right = with_word(request, "not-the-password", crate::wire::actor::PASSWORD);
                vec![right.unwrap_or_else(|| request.clone())]
            })
        },
    },
    Http {
        name: "shows all to all",
        breaks: "what belongs to others is not found [RFC 9110 §15.5.5]",
        make: || {
            mistakes_for_the_owner(&[
                Actor::AnotherOrganization,
                Actor::AnotherInstaller,
                Actor::ForeignInstaller,
                Actor::AnotherSiteOwner,
            ])
        },
    },
    Http {
        name: "takes site owners for each other",
        breaks: "what belongs to others is not found [RFC 9110 §15.5.5]",
        make: || mistakes_for_the_owner(&[Actor::AnotherSiteOwner]),
    },
    Http {
        name: "lets readers write",
        breaks: "a key without the scope is answered 403 [RFC 9110 §15.5.4]",
        make: || mistakes_for_the_owner(&[Actor::Reader]),
    },
    Http {
        name: "shows secrets again",
        breaks: "the secret of a webhook is shown once [OpenAPI §4.8.17]",
        make: || {
            edits(&Method::GET, "/webhooks", |page| {
                page["data"][0]["secret"] = "whsec_0123456789abcdef".into();
            })
        },
    },
    Http {
        name: "commands what it refuses",
        breaks: "what is answered 400 is not done [RFC 9110 §15.5.1]",
        make: commands_and_refuses,
    },
    Http {
        name: "commands again under the same key",
        breaks: "a request under a key is done once [Idempotency-Key §2.6]",
        make: sends_beside_the_key,
    },
    Http {
        name: "has no limit",
        breaks: "what comes too fast is answered 429 [RFC 6585 §4]",
        make: has_no_limit,
    },
    Http {
        name: "does not say when to come again",
        breaks: "an answer 429 says when to come again [RFC 6585 §4]",
        make: || {
            tells(|_, answer| {
                answer.headers.remove(RETRY_AFTER);
            })
        },
    },
    Http {
        name: "forgets what a change leaves out",
        breaks: "what a change does not name stays [RFC 7396 §1]",
        make: || {
            tells(|request, answer| {
                if [Method::PUT, Method::PATCH].contains(&request.method) && answer.status < 400 {
                    edit(answer, |json| json["address"] = Value::Null);
                }
            })
        },
    },
    Http {
        name: "only says that it has deleted",
        breaks: "what is deleted is gone [RFC 9110 §9.3.5]",
        make: only_says_that_it_deletes,
    },
    Http {
        name: "keeps the first price",
        breaks: "what is put replaces what was there [RFC 9110 §9.3.4]",
        make: keeps_the_price,
    },
    Http {
        name: "bills a cent too much",
        breaks: "a session costs what its tariff says [OpenAPI §4.8.17]",
        make: || {
            tells(|_, answer| {
                let names = ["cost", "cost_so_far", "final_cost"];
                edit(answer, |json| {
                    numbers(json, &names, &|cost| {
                        *cost = json!(cost.as_f64().unwrap_or(0.0) + 0.01);
                    });
                });
            })
        },
    },
];
