//! Answers that are not as they should be: their status, their headers, their errors, what they tell.

use reqwest::Method;
use reqwest::header::{ALLOW, HeaderValue};
use serde_json::{Value, json};

use super::{edit, edits, edits_errors, numbers, remove, says, tells};
use crate::defect::Http;
use crate::wire::http::HttpBend;

/// Calls this with every text of the JSON.
fn texts(json: &mut Value, change: &impl Fn(&mut String)) {
    match json {
        Value::String(text) => change(text),
        Value::Object(members) => members.values_mut().for_each(|value| texts(value, change)),
        Value::Array(elements) => elements.iter_mut().for_each(|value| texts(value, change)),
        _ => {}
    }
}

/// Times of nobody knows where.
fn leaves_zones_out() -> Box<dyn HttpBend> {
    edits(&Method::GET, "", |json| {
        texts(json, &|text| {
            if text.parse::<jiff::Timestamp>().is_ok() {
                *text = text.trim_end_matches('Z').to_owned();
            }
        });
    })
}

/// Fractions are cut off.
fn cuts_numbers(json: &mut Value) {
    match json {
        Value::Number(number) if number.is_f64() => {
            *json = json!(number.as_f64().map(f64::trunc));
        }
        Value::Object(members) => members.values_mut().for_each(cuts_numbers),
        Value::Array(elements) => elements.iter_mut().for_each(cuts_numbers),
        _ => {}
    }
}

/// One id for all answers, in the header and in errors.
fn gives_one_id() -> Box<dyn HttpBend> {
    const ID: &str = "req_1";
    tells(|_, answer| {
        let id = HeaderValue::from_static(ID);
        answer.headers.insert("x-request-id", id);
        if answer.status >= 400 {
            edit(answer, |error| error["request_id"] = ID.into());
        }
    })
}

/// Takes a token that says itself that nobody signed it.
fn takes_unsigned_tokens() -> Box<dyn HttpBend> {
    tells(|request, answer| {
        let is_unsigned = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("authorization") && value.contains("eyJhbGciOiJub25l")
        };
        if answer.status == 401 && request.headers.iter().any(is_unsigned) {
            answer.status = 201;
        }
    })
}

pub(super) const SEEDS: &[Http] = &[
    Http {
        name: "says 201 where something is there already",
        breaks: "what is taken is answered 409 [RFC 9110 §15.5.10]",
        make: || says(409, 201),
    },
    Http {
        name: "calls what is offline a mistake of the caller",
        breaks: "what cannot be done now is answered 422 [RFC 9110 §15.5.21]",
        make: || says(422, 400),
    },
    Http {
        name: "calls an outage an error of its own",
        breaks: "what may pass is answered 503 [RFC 9110 §15.6.4]",
        make: || says(503, 500),
    },
    Http {
        name: "names no field",
        breaks: "an error names the fields that are wrong [OpenAPI §4.8.17]",
        make: || edits_errors(|error| remove(error, "details")),
    },
    Http {
        name: "does not say which methods there are",
        breaks: "an answer 405 says which methods there are [RFC 9110 §15.5.6]",
        make: || {
            tells(|_, answer| {
                answer.headers.remove(ALLOW);
            })
        },
    },
    Http {
        name: "gives answers no id",
        breaks: "every answer has the id of its request [OpenAPI §4.8.17]",
        make: || {
            tells(|_, answer| {
                answer.headers.remove("x-request-id");
            })
        },
    },
    Http {
        name: "gives all answers one id",
        breaks: "every answer has an id that no other has [OpenAPI §4.8.17]",
        make: gives_one_id,
    },
    Http {
        name: "tells times without their zone",
        breaks: "a time has its offset [RFC 3339 §5.6]",
        make: leaves_zones_out,
    },
    Http {
        name: "cuts numbers to whole ones",
        breaks: "a number is what was stored [RFC 8259 §6]",
        make: || edits(&Method::GET, "", cuts_numbers),
    },
    Http {
        name: "tells the farthest first",
        breaks: "the nearest come first [OpenAPI §4.8.10]",
        make: || {
            edits(&Method::GET, "/search", |found| {
                if let Some(all) = found["charge_points"].as_array_mut() {
                    all.reverse();
                }
            })
        },
    },
    Http {
        name: "measures in miles",
        breaks: "a distance has the unit that its name says [OpenAPI §4.8.24]",
        make: || {
            edits(&Method::GET, "/search", |found| {
                numbers(found, &["distance_km"], &|distance| {
                    *distance = json!(distance.as_f64().unwrap_or(0.0) / 1.609);
                });
            })
        },
    },
    Http {
        name: "counts pages from nought",
        breaks: "a page has the number that was asked for [OpenAPI §4.8.12]",
        make: || {
            edits(&Method::GET, "", |json| {
                if let Some(page) = json["page"].as_i64() {
                    json["page"] = (page - 1).into();
                }
            })
        },
    },
    Http {
        name: "gives tokens without an end",
        breaks: "a token has its end beside it [OpenAPI §4.8.17]",
        make: || edits(&Method::POST, "/login", |token| remove(token, "expires_at")),
    },
    Http {
        name: "shows a password that it was given",
        breaks: "a password that the caller knows is not told [OpenAPI §4.8.17]",
        make: || {
            tells(|request, answer| {
                let body = request.body.as_ref().map(|(_, text)| text.as_str());
                let body: Value =
                    serde_json::from_str(body.unwrap_or_default()).unwrap_or_default();
                if answer.status < 300 && body["ocpp_password"].is_string() {
                    edit(answer, |json| {
                        json["ocpp_password"] = body["ocpp_password"].clone();
                    });
                }
            })
        },
    },
    Http {
        name: "tells another currency",
        breaks: "a price has the currency of its tariff [OpenAPI §4.8.17]",
        make: || {
            edits(&Method::GET, "/transactions", |page| {
                for one in page["transactions"].as_array_mut().into_iter().flatten() {
                    one["currency"] = "EUR".into();
                }
            })
        },
    },
    Http {
        name: "takes tokens that nobody signed",
        breaks: "a token that nobody signed is answered 401 [RFC 8725 §3.2]",
        make: takes_unsigned_tokens,
    },
    Http {
        name: "only says that what is in use is gone",
        breaks: "what is in use is answered 409 [RFC 9110 §15.5.10]",
        make: || {
            tells(|request, answer| {
                if request.method == Method::DELETE && answer.status == 409 {
                    answer.status = 204;
                    answer.bytes.clear();
                }
            })
        },
    },
];
