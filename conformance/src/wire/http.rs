//! A request as it is sent, an answer as it came, and both as the record shows them.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::failure::Failure;
use crate::wire::actor::{Actor, Credential};

/// Characters of a body that the record keeps.
const BODY_CHARS_SHOWN: usize = 4_000;

/// A request as it will stand on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) actor: Actor,
    pub(crate) credential: Credential,
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Content type and text.
    pub(crate) body: Option<(String, String)>,
}

/// An answer, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.bytes).map_err(|_| {
            Failure::new(format!(
                "the answer to {} {} is no JSON: {}",
                self.method,
                self.path,
                shown(&self.bytes)
            ))
        })
    }

    /// For a reader who wants to know what came instead.
    pub(crate) fn in_words(&self) -> String {
        format!(
            "{} {} was answered {}: {}",
            self.method,
            self.path,
            self.status,
            shown(&self.bytes)
        )
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

/// One exchange with a driver, or with the REST API under test.
#[derive(Clone, Debug)]
pub(crate) struct HttpExchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// Of an error of the API.
    pub(crate) code: Option<String>,
    pub(crate) scenario: String,
}

/// Something that sits between a REST API and who calls it. Sees every request and its answer; may keep state.
pub(crate) trait HttpBend: Send {
    /// What the API is asked in the place of this request: the answer to the last one counts.
    fn asks(&mut self, request: &Request) -> Vec<Request>;

    /// What the caller is told.
    fn tells(&mut self, request: &Request, answer: &mut Answer);
}

impl std::fmt::Debug for dyn HttpBend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpBend")
    }
}

/// A body as the record shows it: secrets and great lengths are shortened.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(bytes) {
        Ok(mut json) => {
            shorten_secrets(&mut json);
            json.to_string()
        }
        Err(_) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("{} bytes that are no text", bytes.len()),
        },
    };
    if text.chars().count() <= BODY_CHARS_SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(BODY_CHARS_SHOWN).collect();
    format!("{beginning}… ({} bytes in all)", bytes.len())
}

/// Members whose value a report does not tell.
const SECRETS: [&str; 8] = [
    "password",
    "ocpp_password",
    "token",
    "secret",
    "key_pem",
    "private_key",
    "private_key_pem",
    "session_token",
];

fn shorten_secrets(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if SECRETS.contains(&name.as_str()) => {
                        let beginning: String = text.chars().take(3).collect();
                        *text = format!("{beginning}…");
                    }
                    value => shorten_secrets(value),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(shorten_secrets),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_great_lengths_are_shortened() {
        let text = shown(br#"{"a":[{"password":"charge-4ll-d4y"}],"name":"x"}"#);
        assert_eq!(text, r#"{"a":[{"password":"cha…"}],"name":"x"}"#);
        let long = shown("x".repeat(10_000).as_bytes());
        assert!(long.ends_with("… (10000 bytes in all)"), "{long}");
        assert_eq!(shown(&[0xff, 0xfe]), "2 bytes that are no text");
    }
}
