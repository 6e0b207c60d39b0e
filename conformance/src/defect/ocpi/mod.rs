//! Ways in which platforms get OCPI wrong: what a partner asks becomes something else, an answer is another one, or what
//! the platform sends by itself is bent on its way.

mod access;
mod handshake;
mod lists;
mod objects;
mod tokens;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::defect::Roams;
use crate::wire::http::Answer;
use crate::wire::ocpi::{Asked, Module, OcpiBend};

type Ask = Box<dyn FnMut(&Asked) -> Vec<Asked> + Send>;
type Tell = Box<dyn FnMut(&Asked, &mut Answer) + Send>;
type Call = Box<dyn FnMut(&mut Asked) + Send>;

struct Platform {
    ask: Ask,
    tell: Tell,
    call: Call,
}

impl OcpiBend for Platform {
    fn asks(&mut self, asked: &Asked) -> Vec<Asked> {
        (self.ask)(asked)
    }

    fn tells(&mut self, asked: &Asked, answer: &mut Answer) {
        (self.tell)(asked, answer);
    }

    fn calls(&mut self, asked: &mut Asked) {
        (self.call)(asked);
    }
}

/// Does something else than it was asked for.
fn asks(mut change: impl FnMut(&mut Asked) + Send + 'static) -> Box<dyn OcpiBend> {
    Box::new(Platform {
        ask: Box::new(move |asked| {
            let mut asked = asked.clone();
            change(&mut asked);
            vec![asked]
        }),
        tell: Box::new(|_, _| {}),
        call: Box::new(|_| {}),
    })
}

/// Tells something else than what is.
fn tells(tell: impl FnMut(&Asked, &mut Answer) + Send + 'static) -> Box<dyn OcpiBend> {
    Box::new(Platform {
        ask: Box::new(|asked| vec![asked.clone()]),
        tell: Box::new(tell),
        call: Box::new(|_| {}),
    })
}

/// Sends something else to its partners.
fn calls(call: impl FnMut(&mut Asked) + Send + 'static) -> Box<dyn OcpiBend> {
    Box::new(Platform {
        ask: Box::new(|asked| vec![asked.clone()]),
        tell: Box::new(|_, _| {}),
        call: Box::new(call),
    })
}

/// Changes the envelopes of good answers to this.
fn edits(
    module: Module,
    method: &'static Method,
    change: impl Fn(&Asked, &mut Value) + Send + 'static,
) -> Box<dyn OcpiBend> {
    tells(move |asked, answer| {
        if asked.place.module == module && asked.method == *method && code_of(answer) == 1_000 {
            edit(answer, |json| change(asked, json));
        }
    })
}

fn edit(answer: &mut Answer, change: impl FnOnce(&mut Value)) {
    if let Ok(mut json) = serde_json::from_slice(&answer.bytes) {
        change(&mut json);
        answer.bytes = json.to_string().into_bytes();
    }
}

fn code_of(answer: &Answer) -> i64 {
    let json = serde_json::from_slice::<Value>(&answer.bytes).unwrap_or_default();
    json["status_code"].as_i64().unwrap_or(0)
}

/// Answers so in the place of what came.
fn answers(answer: &mut Answer, status: u16, code: i64, data: Value) {
    answer.status = status;
    edit(answer, |json| {
        json["status_code"] = code.into();
        json["data"] = data;
    });
}

/// Credentials as a CPO shows them.
fn some_credentials() -> Value {
    json!({"token": "anything-at-all", "url": "http://cpo/versions", "roles": [{"role": "CPO", "country_code": "GB",
        "party_id": "DYN", "business_details": {"name": "x"}}]})
}

/// The token in the header, where it is base64.
fn shown(asked: &Asked) -> Option<String> {
    let header = asked.header("authorization")?;
    let bytes = BASE64_STANDARD
        .decode(header.strip_prefix("Token ")?)
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn show(asked: &mut Asked, token: &str) {
    let header = format!("Token {}", BASE64_STANDARD.encode(token));
    put(asked, "authorization", &header);
}

fn put(asked: &mut Asked, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        asked.headers.insert(HeaderName::from_static(name), value);
    }
}

/// Changes the JSON of a request.
fn edit_body(asked: &mut Asked, change: impl FnOnce(&mut Value)) {
    if let Some(mut json) = asked.json() {
        change(&mut json);
        asked.body = json.to_string().into_bytes();
    }
}

fn remove(json: &mut Value, member: &str) {
    if let Some(members) = json.as_object_mut() {
        members.remove(member);
    }
}

/// The objects of a list, or the one that was asked for.
fn each(json: &mut Value, change: impl Fn(&mut Value)) {
    match &mut json["data"] {
        Value::Array(all) => all.iter_mut().for_each(change),
        one => change(one),
    }
}

/// All of them.
pub(super) fn seeds() -> impl Iterator<Item = &'static Roams> {
    let rooms = [
        access::SEEDS,
        handshake::SEEDS,
        lists::SEEDS,
        objects::SEEDS,
        tokens::SEEDS,
    ];
    rooms.into_iter().flatten()
}
