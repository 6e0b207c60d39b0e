//! Tokens of partners that are kept wrongly.

use reqwest::Method;
use serde_json::{Value, json};

use super::{answers, asks, code_of, edit, edit_body, edits, remove, tells};
use crate::defect::Roams;
use crate::wire::ocpi::{Asked, Module, OcpiBend};

fn is_put(asked: &Asked) -> bool {
    asked.place.module == Module::Tokens && asked.method == Method::PUT
}

fn is_get(asked: &Asked) -> bool {
    asked.place.module == Module::Tokens && asked.method == Method::GET
}

/// Refuses tokens that say this.
fn refuses(fits: fn(&Value) -> bool) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        if is_put(asked) && asked.json().is_some_and(|body| fits(&body)) {
            answers(answer, 200, 2_001, Value::Null);
        }
    })
}

/// Fields of the token before stay where the next one has none.
fn merges() -> Box<dyn OcpiBend> {
    edits(Module::Tokens, &Method::GET, |_, json| {
        if json["data"].get("group_id").is_none() {
            json["data"]["group_id"] = "RIG-GROUP".into();
        }
    })
}

/// The last one that was put is everybody's.
fn keeps_the_last() -> Box<dyn OcpiBend> {
    let mut last = Value::Null;
    tells(move |asked, answer| {
        if is_put(asked) && code_of(answer) == 1_000 {
            last = asked.json().unwrap_or_default();
        }
        if is_get(asked) && code_of(answer) == 1_000 && !last.is_null() {
            edit(answer, |json| json["data"] = last.clone());
        }
    })
}

/// Letters that are not ASCII become marks.
fn asks_marks() -> Box<dyn OcpiBend> {
    tells(|asked, answer| {
        if is_get(asked) {
            let text = String::from_utf8_lossy(&answer.bytes);
            let text = text.chars().map(|c| if c.is_ascii() { c } else { '?' });
            answer.bytes = text.collect::<String>().into_bytes();
        }
    })
}

pub(super) const SEEDS: &[Roams] = &[
    Roams {
        name: "loses fields of tokens",
        breaks: "a token is kept with all of its fields [OCPI 2.2.1 §12.2.1.2]",
        make: || {
            edits(Module::Tokens, &Method::GET, |_, json| {
                remove(&mut json["data"], "language");
            })
        },
    },
    Roams {
        name: "merges what is put",
        breaks: "PUT replaces the object [OCPI 2.2.1 §4.1.1]",
        make: merges,
    },
    Roams {
        name: "resets what a change does not name",
        breaks: "PATCH changes the fields that it names [OCPI 2.2.1 §4.1.1]",
        make: || {
            asks(|asked| {
                if asked.method == Method::PATCH {
                    edit_body(asked, |json| {
                        if json.get("valid").is_none() {
                            json["valid"] = false.into();
                        }
                    });
                }
            })
        },
    },
    Roams {
        name: "changes what is not there",
        breaks: "PATCH of an unknown object is refused [OCPI 2.2.1 §12.2.1.3]",
        make: || {
            tells(|asked, answer| {
                if asked.method == Method::PATCH && answer.status == 404 {
                    answers(answer, 200, 1_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "has one token for all types",
        breaks: "a token is known by its uid and type [OCPI 2.2.1 §12.2.1]",
        make: || {
            asks(|asked| {
                let is_shown = is_get(asked);
                if let Some((url, _)) = asked.url.split_once("?type=") {
                    let url = url.to_owned();
                    if is_shown {
                        asked.url = url;
                    }
                }
            })
        },
    },
    Roams {
        name: "takes what is wrong",
        breaks: "a body that is not of its URL is refused with 2001 [OCPI 2.2.1 §5.2]",
        make: || {
            tells(|asked, answer| {
                if is_put(asked) && code_of(answer) == 2_001 {
                    answers(answer, 200, 1_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "does not say what a token is worth",
        breaks: "an addition to the standard answers as its own POST does [OCPI 2.2.1 §12.2.2.2]",
        make: || {
            tells(|asked, answer| {
                if asked.url.contains("/authorize") {
                    answers(answer, 404, 2_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "wants said twice what the URL says",
        breaks: "an addition to the standard forgives it [OCPI 2.2.1 §12.2.1.2]",
        make: || refuses(|body| body.get("country_code").is_none()),
    },
    Roams {
        name: "takes fields that it does not know for faults",
        breaks: "fields that are not known are ignored [OCPI 2.2.1 §4.1]",
        make: || refuses(|body| body.get("x_rig").is_some()),
    },
    Roams {
        name: "takes null for a fault",
        breaks: "an optional field may be null [OCPI 2.2.1 §2]",
        make: || refuses(|body| body.get("language") == Some(&Value::Null)),
    },
    Roams {
        name: "loses letters that are not ASCII",
        breaks: "a string is of UTF-8 [OCPI 2.2.1 §16.7]",
        make: asks_marks,
    },
    Roams {
        name: "shows tokens to other partners",
        breaks: "a token is its owner's [OCPI 2.2.1 §12.2.1]",
        make: || {
            tells(|asked, answer| {
                if is_get(asked) && asked.partner == "P2" && answer.status == 404 {
                    answers(answer, 200, 1_000, json!({"uid": "X"}));
                }
            })
        },
    },
    Roams {
        name: "has one token for all partners",
        breaks: "a token is known by its party too [OCPI 2.2.1 §12.2.1]",
        make: keeps_the_last,
    },
    Roams {
        name: "gives a party to whoever names it",
        breaks: "a party is registered once [OCPI 2.2.1 §7.1.4]",
        make: || {
            tells(|asked, answer| {
                if asked.place.module == Module::Credentials && code_of(answer) == 2_001 {
                    answers(answer, 200, 1_000, super::some_credentials());
                }
            })
        },
    },
];
