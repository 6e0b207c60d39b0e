//! What every exchange of OCPI has to keep to, whoever asked for what. A platform is judged by the bytes that it sent.

mod answers;
mod forms;
mod requests;
mod routing;
mod stamps;

use std::collections::BTreeMap;

use crate::rules::{Breach, FLOOD};
use crate::wire::entry::End;
use crate::wire::ocpi::{EXCHANGES_MAX, Exchange};

/// Country code and party id.
pub(crate) type Party = (String, String);

/// What the rig knows of a scenario beside its exchanges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parties {
    /// The party of the platform under test, where it said so.
    pub(crate) own: Option<Party>,
    /// The parties of the rig, by the names of its partners.
    pub(crate) partners: BTreeMap<String, Party>,
    /// Tokens by which the platform was told to call.
    pub(crate) tokens: Vec<String>,
}

/// Every breach of the unspoken rules.
pub(crate) fn breaches(exchanges: &[Exchange], parties: &Parties) -> Vec<Breach> {
    let mut found = Vec::new();
    for exchange in exchanges {
        match exchange.asked.by {
            End::Rig => {
                answers::are_envelopes(exchange, &mut found);
                answers::data_has_its_shape(exchange, &mut found);
            }
            End::Sut => {
                requests::are_signed(exchange, parties, &mut found);
                requests::bodies_are_bare(exchange, &mut found);
            }
        }
        forms::are_right(exchange, &mut found);
        stamps::are_right(exchange, &mut found);
        routing::is_right(exchange, parties, &mut found);
    }
    requests::ids_are_fresh(exchanges, &mut found);
    if exchanges.len() >= EXCHANGES_MAX {
        found.push(FLOOD.broken(format!(
            "more than {EXCHANGES_MAX} requests in one scenario; the rest is not on record"
        )));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use reqwest::Method;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::http::Answer;
    use crate::wire::ocpi::{Asked, Module, Place};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    fn asked(by: End, method: Method, place: Place) -> Asked {
        Asked {
            by,
            partner: "P1".into(),
            at: SystemTime::now(),
            place,
            method,
            url: "http://h/x".into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    fn place(module: Module, parts: &[&str]) -> Place {
        Place {
            module,
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        }
    }

    /// An answer to GET at this place.
    fn told(module: Module, parts: &[&str], envelope: &Value) -> Exchange {
        Exchange {
            asked: asked(End::Rig, Method::GET, place(module, parts)),
            answer: Some(Answer {
                method: "GET".into(),
                path: "x".into(),
                status: 200,
                headers: headers(&[("content-type", "application/json")]),
                bytes: envelope.to_string().into_bytes(),
            }),
            answered_at: Some(SystemTime::now()),
        }
    }

    fn enveloped(data: Value) -> Value {
        let now = jiff::Timestamp::now().as_millisecond();
        json!({"status_code": 1000, "timestamp": dynamo_protocol::time::text(now), "data": data})
    }

    fn pushed(method: Method, module: Module, parts: &[&str], body: &Value) -> Exchange {
        let mut asked = asked(End::Sut, method, place(module, parts));
        asked.headers = headers(&[
            ("authorization", "Token dG9rZW4tYg=="),
            ("content-type", "application/json; charset=utf-8"),
            ("x-request-id", "6b3ce01c-0e09-4e07-9c5c-f9b1b9a1a1a1"),
            ("x-correlation-id", "6b3ce01c-0e09-4e07-9c5c-f9b1b9a1a1a2"),
            ("ocpi-from-country-code", "GB"),
            ("ocpi-from-party-id", "DYN"),
            ("ocpi-to-country-code", "DE"),
            ("ocpi-to-party-id", "RIG"),
        ]);
        asked.body = body.to_string().into_bytes();
        Exchange {
            asked,
            answer: None,
            answered_at: None,
        }
    }

    fn known() -> Parties {
        Parties {
            own: Some(("GB".into(), "DYN".into())),
            partners: BTreeMap::from([("P1".into(), ("DE".into(), "RIG".into()))]),
            tokens: vec!["token-b".into()],
        }
    }

    fn said(exchanges: &[Exchange]) -> Vec<String> {
        let found = breaches(exchanges, &known()).into_iter();
        found
            .map(|breach| format!("{}: {}", breach.rule.id, breach.text))
            .collect()
    }

    #[test]
    fn right_exchanges_break_nothing() {
        let change = json!({"status": "CHARGING", "last_updated": "2026-01-01T00:00:00Z"});
        let place = ["GB", "DYN", "L", "E"];
        let all = [
            told(Module::Tariffs, &[], &enveloped(json!([]))),
            pushed(Method::PATCH, Module::Locations, &place, &change),
        ];
        assert_eq!(said(&all), Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_with_an_answer_has_its_rule() {
        let of = |envelope: Value| said(&[told(Module::Locations, &[], &envelope)]).join("\n");
        let mut late = enveloped(json!([]));
        late["timestamp"] = "2020-01-01T00:00:00Z".into();
        let mut offset = enveloped(json!([]));
        offset["timestamp"] = "2020-01-01T00:00:00+00:00".into();
        let mut text = enveloped(json!([]));
        text["status_code"] = "1000".into();
        for (envelope, rule) in [
            (json!([]), "ocpi-envelope"),
            (text, "ocpi-envelope"),
            (enveloped(Value::Null), "ocpi-data-shape"),
            (enveloped(json!({"a": 1})), "ocpi-data-shape"),
            (enveloped(enveloped(json!([]))), "ocpi-data-shape"),
            (enveloped(json!([{"id": "L"}])), "ocpi-form"),
            (late, "ocpi-timestamp-of-now"),
            (offset, "ocpi-date-time"),
        ] {
            assert!(of(envelope.clone()).contains(rule), "{rule}: {envelope}");
        }
        let mut page = told(Module::Locations, &[], &enveloped(json!([])));
        let answer = page.answer.as_mut().unwrap();
        answer.headers = headers(&[("content-type", "text/html")]);
        assert!(said(&[page])[0].starts_with("ocpi-envelope: "));
        let one = told(Module::Locations, &["L"], &enveloped(json!([{}])));
        assert!(said(&[one])[0].starts_with("ocpi-data-shape: "));
    }

    #[test]
    fn what_is_wrong_with_a_request_has_its_rule() {
        let good = || {
            let change = json!({"status": "CHARGING", "last_updated": "2026-01-01T00:00:00Z"});
            let place = ["GB", "DYN", "L", "E"];
            pushed(Method::PATCH, Module::Locations, &place, &change)
        };
        let with = |name: &'static str, value: &str| {
            let mut exchange = good();
            exchange.asked.headers.insert(name, value.parse().unwrap());
            exchange
        };
        let body = |body: Value| {
            let mut exchange = good();
            exchange.asked.body = body.to_string().into_bytes();
            exchange
        };
        for (exchange, rule) in [
            (
                with("authorization", "Token  dG9rZW4tYg=="),
                "ocpi-authorization",
            ),
            (
                with("authorization", "Token dG9rZW4tYg"),
                "ocpi-authorization",
            ),
            (
                with("authorization", "Token dG9rZW4tYgo="),
                "ocpi-authorization",
            ),
            (
                with("authorization", "Bearer dG9rZW4tYg=="),
                "ocpi-authorization",
            ),
            (with("content-type", "text/plain"), "ocpi-bare-body"),
            (body(json!([1])), "ocpi-bare-body"),
            (body(enveloped(json!({}))), "ocpi-bare-body"),
            (body(json!({"status": "FREE"})), "ocpi-form"),
            (
                body(json!({"last_updated": "2026-01-01T00:00:00+01:00"})),
                "ocpi-date-time",
            ),
            (with("x-request-id", "1"), "ocpi-request-id-is-a-uuid"),
            (with("x-request-id", ""), "ocpi-request-id"),
            (with("ocpi-to-party-id", "DYN"), "ocpi-routing"),
        ] {
            let said = said(std::slice::from_ref(&exchange));
            assert!(
                said.iter()
                    .any(|said| said.starts_with(&format!("{rule}: "))),
                "{rule}: {said:?}"
            );
        }
        let twice = said(&[good(), good()]);
        assert_eq!(twice.len(), 1, "{twice:?}");
        assert!(twice[0].starts_with("ocpi-request-id: "), "{twice:?}");
        let mut handshake = good();
        handshake.asked.place = place(Module::Versions, &[]);
        handshake.asked.method = Method::GET;
        handshake.asked.body.clear();
        let said = said(&[handshake]);
        assert!(said[0].starts_with("ocpi-no-routing: "), "{said:?}");
    }
}
