//! Lists, their pages and their windows.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::{answers, asks, code_of, edit, tells};
use crate::defect::Roams;
use crate::wire::http::Answer;
use crate::wire::ocpi::{Asked, Module, OcpiBend};

fn is_list(asked: &Asked) -> bool {
    let lists = [
        Module::Locations,
        Module::Sessions,
        Module::Cdrs,
        Module::Tariffs,
    ];
    asked.method == Method::GET
        && lists.contains(&asked.place.module)
        && asked.place.parts.is_empty()
}

/// Changes answers to lists.
fn lists(change: impl Fn(&Asked, &mut Answer) + Send + 'static) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        if is_list(asked) && code_of(answer) == 1_000 {
            change(asked, answer);
        }
    })
}

fn header(answer: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers.insert(name, value);
    }
}

/// A point in time of the query is a millisecond later.
fn shifts(name: &'static str) -> Box<dyn OcpiBend> {
    asks(move |asked| {
        let begin = format!("{name}=");
        let Some((before, rest)) = asked.url.split_once(&begin) else {
            return;
        };
        let (stamp, after) = match rest.split_once('&') {
            Some((stamp, after)) => (stamp, format!("&{after}")),
            None => (rest, String::new()),
        };
        if let Ok(at) = stamp.parse::<jiff::Timestamp>() {
            let next = dynamo_protocol::time::text(at.as_millisecond() + 1);
            asked.url = format!("{before}{begin}{next}{after}");
        }
    })
}

fn query(asked: &Asked, name: &str) -> Option<String> {
    let (_, query) = asked.url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

pub(super) const SEEDS: &[Roams] = &[
    Roams {
        name: "does not say how many come at most",
        breaks: "a page has X-Limit [OCPI 2.2.1 §4.1.3]",
        make: || lists(|_, answer| drop(answer.headers.remove("x-limit"))),
    },
    Roams {
        name: "links to no next page",
        breaks: "a page that is not the last has a Link [OCPI 2.2.1 §4.1.3]",
        make: || lists(|_, answer| drop(answer.headers.remove("link"))),
    },
    Roams {
        name: "links on behind the end",
        breaks: "the last page has no Link [OCPI 2.2.1 §4.1.3]",
        make: || {
            lists(|asked, answer| {
                if query(asked, "offset").is_some() {
                    let link = format!("<{}>; rel=\"next\"", asked.url);
                    header(answer, "link", &link);
                }
            })
        },
    },
    Roams {
        name: "orders pages anew",
        breaks: "pages have one order [OCPI 2.2.1 §4.1.3]",
        make: || {
            lists(|asked, answer| {
                if query(asked, "limit").as_deref() == Some("2") {
                    edit(answer, |json| {
                        if let Value::Array(all) = &mut json["data"] {
                            all.reverse();
                        }
                    });
                }
            })
        },
    },
    Roams {
        name: "forgets the window in its links",
        breaks: "the Link keeps the filters of the request [OCPI 2.2.1 §4.1.3]",
        make: || {
            lists(|_, answer| {
                let link = answer.header("link").unwrap_or_default();
                if link.contains("date_from=") {
                    header(answer, "link", &link.replace("date_from=", "since="));
                }
            })
        },
    },
    Roams {
        name: "says any limit is its own",
        breaks: "X-Limit is the cap of the platform [OCPI 2.2.1 §4.1.3]",
        make: || {
            lists(|asked, answer| {
                if let Some(limit) = query(asked, "limit") {
                    header(answer, "x-limit", &limit);
                }
            })
        },
    },
    Roams {
        name: "breaks on a query that makes no sense",
        breaks: "what is wrong with a request is a status code of 2xxx [OCPI 2.2.1 §5.2]",
        make: || {
            tells(|asked, answer| {
                if is_list(asked) && code_of(answer) == 2_001 {
                    answers(answer, 500, 3_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "finds nothing behind the end",
        breaks: "a page without objects is an empty list [OCPI 2.2.1 §4.1.3]",
        make: || {
            tells(|asked, answer| {
                let json = serde_json::from_slice::<Value>(&answer.bytes).unwrap_or_default();
                if is_list(asked) && json["data"] == json!([]) {
                    answers(answer, 404, 2_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "begins windows behind their beginning",
        breaks: "date_from is inclusive [OCPI 2.2.1 §4.1.3]",
        make: || shifts("date_from"),
    },
    Roams {
        name: "ends windows behind their end",
        breaks: "date_to is exclusive [OCPI 2.2.1 §4.1.3]",
        make: || shifts("date_to"),
    },
    Roams {
        name: "minds a slash at the end",
        breaks: "examples of the standard have one [OCPI 2.2.1 §4.1.3]",
        make: || {
            tells(|asked, answer| {
                if asked.url.contains("/?") || asked.url.ends_with('/') {
                    answers(answer, 404, 2_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "wants a Z behind every point in time",
        breaks: "the Z may be left out [OCPI 2.2.1 §16.3]",
        make: || {
            tells(|asked, answer| {
                if query(asked, "date_from").is_some_and(|stamp| !stamp.ends_with('Z')) {
                    answers(answer, 200, 2_001, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "cuts offsets off",
        breaks: "a DateTime is in UTC [OCPI 2.2.1 §16.3]",
        make: || asks(|asked| asked.url = asked.url.replace("%2B02:00", "Z")),
    },
];
