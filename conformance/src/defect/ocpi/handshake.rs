//! Versions, and registrations with their renewal and their end.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Platform, answers, asks, calls, code_of, edit, edit_body, edits, put, remove, show, shown,
    some_credentials, tells,
};
use crate::defect::Roams;
use crate::wire::ocpi::{Module, OcpiBend};

fn is_post_of_credentials(asked: &crate::wire::ocpi::Asked) -> bool {
    asked.place.module == Module::Credentials && asked.method == Method::POST
}

/// After a registration nobody reads versions any more.
fn closes_discovery() -> Box<dyn OcpiBend> {
    let mut registered = false;
    tells(move |asked, answer| {
        registered |= is_post_of_credentials(asked) && code_of(answer) == 1_000;
        let is_discovery = matches!(asked.place.module, Module::Versions | Module::Details);
        if registered && is_discovery {
            answers(answer, 401, 2_000, Value::Null);
        }
    })
}

fn lists_a_version_that_it_has_not() -> Box<dyn OcpiBend> {
    edits(Module::Versions, &Method::GET, |_, json| {
        let url = json["data"][0]["url"].clone();
        if let Value::Array(all) = &mut json["data"] {
            all.push(json!({"version": "2.1.1", "url": url}));
        }
    })
}

/// The invitation stays good: who shows it is taken for the partner that it became.
fn keeps_invitations() -> Box<dyn OcpiBend> {
    let known = std::sync::Arc::new(std::sync::Mutex::new((String::new(), String::new())));
    let learned = std::sync::Arc::clone(&known);
    Box::new(Platform {
        ask: Box::new(move |asked| {
            let mut asked = asked.clone();
            let known = known
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if !known.1.is_empty() && shown(&asked).as_deref() == Some(&*known.0) {
                show(&mut asked, &known.1);
            }
            vec![asked]
        }),
        tell: Box::new(move |asked, answer| {
            let json = serde_json::from_slice::<Value>(&answer.bytes).unwrap_or_default();
            if is_post_of_credentials(asked)
                && let Some(token) = json["data"]["token"].as_str()
            {
                let mut known = learned
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                *known = (shown(asked).unwrap_or_default(), token.to_owned());
            }
        }),
        call: Box::new(|_| {}),
    })
}

/// Gives the token of the last registration out again.
fn keeps_its_token() -> Box<dyn OcpiBend> {
    let mut token = Value::Null;
    tells(move |asked, answer| {
        if asked.place.module == Module::Credentials && code_of(answer) == 1_000 {
            match asked.method {
                Method::POST => edit(answer, |json| token = json["data"]["token"].clone()),
                Method::PUT => edit(answer, |json| json["data"]["token"] = token.clone()),
                _ => {}
            }
        }
    })
}

/// A party can register once in its life.
fn registers_once() -> Box<dyn OcpiBend> {
    let mut times = 0;
    tells(move |asked, answer| {
        if is_post_of_credentials(asked) {
            times += 1;
            if times > 1 {
                answers(answer, 500, 3_000, Value::Null);
            }
        }
    })
}

/// Serves nobody while it waits for a partner.
fn waits_alone() -> Box<dyn OcpiBend> {
    let open = std::sync::Arc::new(std::sync::atomic::AtomicI32::new(0));
    let closing = std::sync::Arc::clone(&open);
    let order = std::sync::atomic::Ordering::Relaxed;
    Box::new(Platform {
        ask: Box::new(move |asked| {
            if is_post_of_credentials(asked) {
                open.fetch_add(1, order);
            }
            vec![asked.clone()]
        }),
        tell: Box::new(move |asked, answer| {
            if is_post_of_credentials(asked) {
                closing.fetch_sub(1, order);
            } else if closing.load(order) > 0 {
                answers(answer, 503, 3_000, Value::Null);
            }
        }),
        call: Box::new(|_| {}),
    })
}

/// Tells everybody who registers what it made of it.
fn answers_registrations(status: u16, code: i64) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        if is_post_of_credentials(asked) {
            answers(answer, status, code, Value::Null);
        }
    })
}

/// Says that a registration came off that did not.
fn takes_all(refusals: fn(u16, i64) -> bool) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        if is_post_of_credentials(asked) && refusals(answer.status, code_of(answer)) {
            answers(answer, 200, 1_000, some_credentials());
        }
    })
}

/// After one partner has left nobody is known any more.
fn forgets_all() -> Box<dyn OcpiBend> {
    let mut gone = false;
    tells(move |asked, answer| {
        if gone {
            answers(answer, 401, 2_000, Value::Null);
        }
        gone |= asked.method == Method::DELETE && asked.place.module == Module::Credentials;
    })
}

pub(super) const SEEDS: &[Roams] = &[
    Roams {
        name: "lists versions by relative URLs",
        breaks: "the URL of a version is one [OCPI 2.2.1 §6.1.2]",
        make: || {
            edits(Module::Versions, &Method::GET, |_, json| {
                json["data"][0]["url"] = "/ocpi/versions/2.2.1".into();
            })
        },
    },
    Roams {
        name: "lists endpoints without roles",
        breaks: "an endpoint has a role [OCPI 2.2.1 §6.2.2]",
        make: || {
            edits(Module::Details, &Method::GET, |_, json| {
                if let Value::Array(all) = &mut json["data"]["endpoints"] {
                    all.iter_mut().for_each(|one| remove(one, "role"));
                }
            })
        },
    },
    Roams {
        name: "names the roles of its callers",
        breaks: "the role is that of the platform itself [OCPI 2.2.1 §6.2.4]",
        make: || {
            edits(Module::Details, &Method::GET, |_, json| {
                if let Value::Array(all) = &mut json["data"]["endpoints"] {
                    for one in all {
                        let is_sender = one["role"] == "SENDER";
                        one["role"] = if is_sender { "RECEIVER" } else { "SENDER" }.into();
                    }
                }
            })
        },
    },
    Roams {
        name: "has one answer for all versions",
        breaks: "the details are those of the version [OCPI 2.2.1 §6.2]",
        make: lists_a_version_that_it_has_not,
    },
    Roams {
        name: "closes the discovery to registered partners",
        breaks: "versions and details are open to partners [OCPI 2.2.1 §6.1]",
        make: closes_discovery,
    },
    Roams {
        name: "ignores the version in the path",
        breaks: "a version that is not spoken is 3002 [OCPI 2.2.1 §5.3]",
        make: || asks(|asked| asked.url = asked.url.replace("/9.9", "/2.2.1")),
    },
    Roams {
        name: "cannot use any partner",
        breaks: "a partner with 2.2.1 and endpoints is registered [OCPI 2.2.1 §7.1.1]",
        make: || answers_registrations(200, 3_001),
    },
    Roams {
        name: "gives back what it was given",
        breaks: "the answer holds the credentials of the platform [OCPI 2.2.1 §7.2.2]",
        make: || {
            edits(Module::Credentials, &Method::POST, |asked, json| {
                json["data"] = asked.json().unwrap_or_default();
            })
        },
    },
    Roams {
        name: "calls back with a token for the other direction",
        breaks: "the platform calls with token B [OCPI 2.2.1 §7.1.1]",
        make: || {
            let invitation = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
            let used = std::sync::Arc::clone(&invitation);
            Box::new(Platform {
                ask: Box::new(move |asked| {
                    let header = asked.header("authorization").unwrap_or_default();
                    *invitation
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner) = header;
                    vec![asked.clone()]
                }),
                tell: Box::new(|_, _| {}),
                call: Box::new(move |asked| {
                    let header = used
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    put(asked, "authorization", &header);
                }),
            })
        },
    },
    Roams {
        name: "keeps invitations open",
        breaks: "token A is of no use after the registration [OCPI 2.2.1 §7.1.1]",
        make: keeps_invitations,
    },
    Roams {
        name: "registers who is registered",
        breaks: "POST of a registered party is HTTP 405 [OCPI 2.2.1 §7.2.2]",
        make: || takes_all(|status, _| status == 405),
    },
    Roams {
        name: "registers by PUT",
        breaks: "PUT of a party that is not registered is HTTP 405 [OCPI 2.2.1 §7.2.3]",
        make: || {
            asks(|asked| {
                if asked.method == Method::PUT && asked.place.module == Module::Credentials {
                    asked.method = Method::POST;
                }
            })
        },
    },
    Roams {
        name: "hides the token of the caller",
        breaks: "GET credentials has the token in clear [OCPI 2.2.1 §7.2.1]",
        make: || {
            edits(Module::Credentials, &Method::GET, |_, json| {
                json["data"]["token"] = "********".into();
            })
        },
    },
    Roams {
        name: "keeps its token in a renewal",
        breaks: "PUT gives a new token [OCPI 2.2.1 §7.2.3]",
        make: keeps_its_token,
    },
    Roams {
        name: "calls a partner that it cannot reach an error of its own",
        breaks: "a call-back that fails is 3001 [OCPI 2.2.1 §5.3]",
        make: || {
            tells(|_, answer| {
                if code_of(answer) == 3_001 {
                    answers(answer, 500, 3_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "registers whom it does not understand",
        breaks: "without a version in common there is no registration [OCPI 2.2.1 §7.1.5]",
        make: || takes_all(|_, code| code == 3_002),
    },
    Roams {
        name: "knows who has left",
        breaks: "DELETE ends the registration [OCPI 2.2.1 §7.2.4]",
        make: || {
            asks(|asked| {
                if asked.method == Method::DELETE && asked.place.module == Module::Credentials {
                    asked.method = Method::GET;
                }
            })
        },
    },
    Roams {
        name: "registers a party once in its life",
        breaks: "who has left may register again [OCPI 2.2.1 §7.2.4]",
        make: registers_once,
    },
    Roams {
        name: "keeps the first role alone",
        breaks: "all roles of the credentials are registered [OCPI 2.2.1 §7.1.3]",
        make: || {
            asks(|asked| {
                if is_post_of_credentials(asked) {
                    edit_body(asked, |json| {
                        if let Value::Array(roles) = &mut json["roles"] {
                            roles.truncate(1);
                        }
                    });
                }
            })
        },
    },
    Roams {
        name: "registers twice with one invitation",
        breaks: "token A is of no use after the registration [OCPI 2.2.1 §7.1.1]",
        make: || takes_all(|status, code| status != 200 || code == 2_000),
    },
    Roams {
        name: "serves nobody while it waits for a partner",
        breaks: "requests are answered whatever else is under way [OCPI 2.2.1 §4.1]",
        make: waits_alone,
    },
    Roams {
        name: "posts its credentials with another token",
        breaks: "the platform that begins shows token A [OCPI 2.2.1 §7.1.1]",
        make: || {
            calls(|asked| {
                if asked.place.module == Module::Credentials {
                    show(asked, "another-token");
                }
            })
        },
    },
    Roams {
        name: "counts a refusal as a registration",
        breaks: "a status code of 3xxx is a refusal [OCPI 2.2.1 §5.3]",
        make: || {
            tells(|asked, answer| {
                if answer.status == 401 && asked.place.module == Module::Versions {
                    answers(answer, 200, 1_000, json!([]));
                }
            })
        },
    },
    Roams {
        name: "does not know the credentials of 2.1.1",
        breaks: "partners of 2.1.1 send one party beside the token [OCPI 2.2.1 §7.3.1]",
        make: || {
            tells(|asked, answer| {
                let body = asked.json().unwrap_or_default();
                if is_post_of_credentials(asked) && body.get("roles").is_none() {
                    answers(answer, 200, 2_001, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "forgets all partners when one leaves",
        breaks: "DELETE ends the registration of the caller [OCPI 2.2.1 §7.2.4]",
        make: forgets_all,
    },
];
