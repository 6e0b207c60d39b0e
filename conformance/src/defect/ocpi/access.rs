//! Who is let in, and what every message has in common.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{answers, asks, calls, code_of, edit, edit_body, put, show, shown, tells};
use crate::defect::Roams;
use crate::wire::ocpi::{Module, OcpiBend};

/// Says yes to whom it does not know, where `fits` the token that was shown.
fn lets_in(fits: fn(Option<&str>, Module) -> bool) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        if answer.status == 401 && fits(shown(asked).as_deref(), asked.place.module) {
            answers(answer, 200, 1_000, json!([]));
        }
    })
}

/// Compares tokens as a database without care for case does.
fn ignores_case() -> Box<dyn OcpiBend> {
    let mut known = String::new();
    asks(move |asked| {
        let Some(token) = shown(asked) else { return };
        if token.eq_ignore_ascii_case(&known) {
            let known = known.clone();
            show(asked, &known);
        } else if !token.starts_with(' ') {
            known = token;
        }
    })
}

/// Refuses what the standard does not demand, but what every old partner sends.
fn shuts_out(fits: fn(&str) -> bool) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        let header = asked.header("authorization").unwrap_or_default();
        if fits(header.trim_start_matches("Token ")) {
            answers(answer, 401, 2_000, Value::Null);
        }
    })
}

fn ends_with_line_feed(encoded: &str) -> bool {
    let decoded = BASE64_STANDARD.decode(encoded).unwrap_or_default();
    decoded.ends_with(b"\n")
}

/// One status and code for another.
fn says(from: (u16, i64), to: (u16, i64)) -> Box<dyn OcpiBend> {
    tells(move |_, answer| {
        if (answer.status, code_of(answer)) == from {
            answers(answer, to.0, to.1, Value::Null);
        }
    })
}

/// Writes the token in its own way.
fn writes_token(write: fn(&str) -> String) -> Box<dyn OcpiBend> {
    calls(move |asked| {
        if let Some(token) = shown(asked) {
            put(asked, "authorization", &write(&token));
        }
    })
}

fn exchanges_parties() -> Box<dyn OcpiBend> {
    tells(|_, answer| {
        for what in ["country-code", "party-id"] {
            let names = [format!("ocpi-from-{what}"), format!("ocpi-to-{what}")];
            let values = [answer.header(&names[1]), answer.header(&names[0])];
            for (name, value) in names.iter().zip(values) {
                let name = HeaderName::from_bytes(name.as_bytes()).ok();
                let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
                if let (Some(name), Some(value)) = (name, value) {
                    answer.headers.insert(name, value);
                }
            }
        }
    })
}

fn wants_every_header() -> Box<dyn OcpiBend> {
    tells(|asked, answer| {
        if asked.header("x-request-id").is_none() {
            answers(answer, 400, 2_001, Value::Null);
        }
    })
}

fn ignores_who_is_meant() -> Box<dyn OcpiBend> {
    asks(|asked| {
        asked.headers.remove("ocpi-to-country-code");
        asked.headers.remove("ocpi-to-party-id");
    })
}

pub(super) const SEEDS: &[Roams] = &[
    Roams {
        name: "asks nobody for a token",
        breaks: "a request without a token is refused with HTTP 401 [OCPI 2.2.1 §4.1.2]",
        make: || lets_in(|token, _| token.is_none()),
    },
    Roams {
        name: "takes any token",
        breaks: "a token that is not known is refused with HTTP 401 [OCPI 2.2.1 §4.1.2]",
        make: || lets_in(|token, _| token == Some("rig-no-such-token")),
    },
    Roams {
        name: "opens its modules to invitations",
        breaks: "token A opens versions and credentials alone [OCPI 2.2.1 §7.1.1]",
        make: || lets_in(|token, module| token.is_some() && module.is_functional()),
    },
    Roams {
        name: "lets its own way of calling in",
        breaks: "token B is for calls of the platform alone [OCPI 2.2.1 §7.1]",
        make: || lets_in(|token, _| token.is_some_and(|token| token.starts_with("??>???"))),
    },
    Roams {
        name: "compares tokens without their case",
        breaks: "tokens are case-sensitive [OCPI 2.2.1 §7.3.1]",
        make: ignores_case,
    },
    Roams {
        name: "breaks on a header that it cannot read",
        breaks: "a wrong token is refused with HTTP 401 [OCPI 2.2.1 §4.1.2]",
        make: || {
            tells(|asked, answer| {
                if answer.status == 401 && shown(asked).is_none() {
                    answers(answer, 500, 3_000, Value::Null);
                }
            })
        },
    },
    Roams {
        name: "does not know the tokens of 2.1.1",
        breaks: "older peers send the token as it is [OCPI 2.2.1 §4.1.2]",
        make: || shuts_out(|value| value.len() == 48),
    },
    Roams {
        name: "minds a line feed behind the token",
        breaks: "the examples of the standard encode one [OCPI 2.2.1 §4.1.2]",
        make: || shuts_out(ends_with_line_feed),
    },
    Roams {
        name: "writes tokens for URLs",
        breaks: "the token is base64 of RFC 4648 [OCPI 2.2.1 §4.1.2]",
        make: || {
            writes_token(|token| {
                let encoded = BASE64_STANDARD.encode(token);
                format!("Token {}", encoded.replace('+', "-").replace('/', "_"))
            })
        },
    },
    Roams {
        name: "writes a line feed behind its token",
        breaks: "the token is encoded, and nothing else [OCPI 2.2.1 §4.1.2]",
        make: || {
            writes_token(|token| format!("Token {}", BASE64_STANDARD.encode(format!("{token}\n"))))
        },
    },
    Roams {
        name: "writes its status code as text",
        breaks: "status_code is an integer [OCPI 2.2.1 §4.1.7]",
        make: || {
            tells(|_, answer| {
                edit(answer, |json| {
                    json["status_code"] = json["status_code"].to_string().into()
                });
            })
        },
    },
    Roams {
        name: "wraps single objects into lists",
        breaks: "an endpoint of one object answers one [OCPI 2.2.1 §4.1.7]",
        make: || {
            tells(|asked, answer| {
                if asked.place.module == Module::Locations && !asked.place.parts.is_empty() {
                    edit(answer, |json| json["data"] = json!([json["data"]]));
                }
            })
        },
    },
    Roams {
        name: "writes stamps with an offset",
        breaks: "a DateTime is in UTC, with Z or nothing [OCPI 2.2.1 §16.3]",
        make: || {
            tells(|_, answer| {
                edit(answer, |json| {
                    let stamp = json["timestamp"].as_str().unwrap_or_default();
                    json["timestamp"] = stamp.replace('Z', "+00:00").into();
                });
            })
        },
    },
    Roams {
        name: "makes ids of its own for answers",
        breaks: "an answer has the X-Request-ID of its request [OCPI 2.2.1 §4.1.6]",
        make: || {
            tells(|_, answer| {
                let id = HeaderValue::from_static("42");
                answer.headers.insert("x-request-id", id);
            })
        },
    },
    Roams {
        name: "sends one id for all requests",
        breaks: "each request has an X-Request-ID of its own [OCPI 2.2.1 §4.1.6]",
        make: || {
            calls(|asked| {
                put(
                    asked,
                    "x-request-id",
                    "3f0c5b1e-8a53-4c12-9d30-111111111111",
                )
            })
        },
    },
    Roams {
        name: "exchanges who answers whom",
        breaks: "from and to are exchanged in an answer [OCPI 2.2.1 §4.1.5]",
        make: exchanges_parties,
    },
    Roams {
        name: "names parties in the handshake",
        breaks: "versions and credentials have no routing headers [OCPI 2.2.1 §4.1.4]",
        make: || calls(|asked| put(asked, "ocpi-to-party-id", "RIG")),
    },
    Roams {
        name: "wants every header",
        breaks: "between two parties routing headers may be left out [OCPI 2.2.1 §4.1.4]",
        make: wants_every_header,
    },
    Roams {
        name: "ignores who is meant",
        breaks: "a message is for the party that its headers name [OCPI 2.2.1 §4.1.4]",
        make: ignores_who_is_meant,
    },
    Roams {
        name: "answers what is no JSON by OCPI",
        breaks: "a body that is no JSON is HTTP 400 [OCPI 2.2.1 §4.1.7]",
        make: || says((400, 2_000), (200, 3_000)),
    },
    Roams {
        name: "answers wrong JSON by HTTP",
        breaks: "what reached OCPI is answered 200 with a status code [OCPI 2.2.1 §5]",
        make: || says((200, 2_001), (422, 2_001)),
    },
    Roams {
        name: "sends an envelope to its partners",
        breaks: "requests have the bare object in their body [OCPI 2.2.1 §4.1.2]",
        make: || {
            calls(|asked| {
                if asked.method == Method::POST {
                    edit_body(asked, |json| {
                        let stamp = "2026-01-01T00:00:00Z";
                        *json = json!({"data": json, "status_code": 1000, "timestamp": stamp});
                    });
                }
            })
        },
    },
    Roams {
        name: "serves every method",
        breaks: "a module has the methods that the standard gives it [OCPI 2.2.1 §8.2]",
        make: || {
            tells(|_, answer| {
                if answer.status == 405 {
                    answers(answer, 200, 1_000, Value::Null);
                }
            })
        },
    },
];
