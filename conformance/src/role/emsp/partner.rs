//! One partner of the CPO under test: its server, its tokens, and what it was told of the CPO's endpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use crate::failure::{Failure, StepResult};
use crate::peer::emsp::Emsp;
use crate::rules::ocpi::Party;
use crate::wire::ocpi::{Exchange, Module, Place};
use crate::words::quoted;

/// Which partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Name {
    P1,
    P2,
}

impl Name {
    /// Its country and party.
    pub(crate) fn party(self) -> (&'static str, &'static str) {
        match self {
            Self::P1 => ("DE", "RIG"),
            Self::P2 => ("NL", "RG2"),
        }
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "P1" => Ok(Self::P1),
            "P2" => Ok(Self::P2),
            other => Err(format!("{} is no partner of the rig", quoted(other))),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
        })
    }
}

/// What a request shows to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Token C where there is one, token A before that.
    Current,
    Nothing,
    /// This one, encoded.
    Token(String),
}

/// A partner.
#[derive(Clone, Debug)]
pub(crate) struct Partner {
    name: Name,
    pub(crate) emsp: Arc<Emsp>,
    pub(crate) token_a: String,
    /// By which the CPO calls, and the one that it is offered.
    pub(crate) token_b: String,
    offered: Option<String>,
    /// Tokens B of before.
    older_b: Vec<String>,
    /// By which the partner calls.
    pub(crate) token_c: Option<String>,
    pub(crate) older_c: Vec<String>,
    /// The party of the CPO, once it said so.
    pub(super) own: Option<Party>,
    /// It was registered, and is not any more.
    pub(crate) ended: bool,
    pub(crate) details_url: Option<String>,
    /// The list of versions, and the details, before the registration.
    pub(crate) seen: Option<(Value, Value)>,
    /// The URLs of the CPO's modules.
    pub(crate) endpoints: BTreeMap<Module, String>,
}

/// A token whose base64 has `+`, `/` and two marks of padding: whoever writes it otherwise is seen.
pub(crate) fn new_token() -> String {
    format!("??>???{:016x}", rand::random::<u64>())
}

/// The URL of the details of 2.2.1 in a list of versions.
pub(crate) fn details_url(list: &Exchange) -> Result<String, Failure> {
    let data = list.data();
    let versions = data.as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = versions.iter().find(|one| one["version"] == "2.2.1");
    let url = ours.and_then(|one| one["url"].as_str());
    url.map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("no version 2.2.1 is listed: {}", list.in_words())))
}

impl Partner {
    pub(super) fn new(name: Name, emsp: Emsp, token_a: String) -> Self {
        Self {
            name,
            emsp: Arc::new(emsp),
            token_a,
            token_b: new_token(),
            offered: None,
            older_b: Vec::new(),
            token_c: None,
            older_c: Vec::new(),
            own: None,
            ended: false,
            details_url: None,
            seen: None,
            endpoints: BTreeMap::new(),
        }
    }

    pub(super) fn party(&self) -> Party {
        let (country, party) = self.name.party();
        (country.to_owned(), party.to_owned())
    }

    /// Begins anew with another invitation.
    pub(super) fn invited_with(&mut self, token_a: String) {
        self.token_a = token_a;
        self.older_c.extend(self.token_c.take());
        self.ended = false;
    }

    /// All tokens by which the CPO may have called.
    pub(super) fn given_out(&self) -> Vec<String> {
        let some = self.older_b.iter().chain(&self.offered);
        some.chain([&self.token_b]).cloned().collect()
    }

    /// Lets those in who show a token that this partner gave out: which of them, steps look at.
    pub(super) fn open_doors(&self) {
        let tokens = self.given_out();
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        self.emsp.opened_by(&tokens);
    }

    /// What steps can say in braces of this partner and of what it was told.
    pub(super) fn words(&self) -> Vec<(String, String)> {
        let mut words: Vec<(String, String)> = self
            .endpoints
            .iter()
            .map(|(module, url)| (module.name().to_owned(), url.clone()))
            .collect();
        words.extend(
            self.details_url
                .clone()
                .map(|url| ("details".to_owned(), url)),
        );
        let own = self.name.to_string().to_lowercase();
        let own_word = |word: &str, value: &str| (format!("{own} {word}"), value.to_owned());
        words.push(own_word("token a", &self.token_a));
        words.push(own_word("token b", &self.token_b));
        if let Some(token) = &self.token_c {
            words.push(own_word("token c", token));
            words.push(own_word("token c cut", &token[..token.len() - 1]));
            words.push(own_word("token c in the other case", &other_case(token)));
        }
        words.extend(
            self.older_c
                .last()
                .map(|token| own_word("token before", token)),
        );
        words
    }

    /// Keeps what the list of versions and the details say.
    pub(super) fn learn(&mut self, list: &Exchange, details: &Exchange) -> StepResult {
        let data = details.data();
        let endpoints = data["endpoints"].as_array().ok_or_else(|| {
            Failure::new(format!("no endpoints are listed: {}", details.in_words()))
        })?;
        for endpoint in endpoints {
            let identifier = endpoint["identifier"].as_str().unwrap_or_default();
            let url = endpoint["url"].as_str();
            if let (Some(module), Some(url)) = (Module::of(identifier), url) {
                self.endpoints
                    .insert(module, url.trim_end_matches('/').to_owned());
            }
        }
        if self.seen.is_none() {
            self.seen = Some((list.data(), data));
        }
        Ok(())
    }

    /// Credentials with a new token, which opens the partner from now on beside the one before.
    pub(crate) fn offer(&mut self, change: Option<&Value>) -> Vec<u8> {
        let token = if self.token_c.is_none() && self.offered.is_none() {
            self.token_b.clone()
        } else {
            new_token()
        };
        let mut body = self.emsp.credentials(&token);
        if let Some(change) = change {
            merge(&mut body, change);
        }
        self.older_b.extend(self.offered.replace(token));
        self.open_doors();
        body.to_string().into_bytes()
    }

    /// Answers credentials of the CPO with a new token.
    pub(super) fn gives_out_another(&mut self) {
        let token = new_token();
        self.emsp.gives_out(&token);
        self.older_b.extend(self.offered.replace(token));
        self.open_doors();
    }

    /// Keeps what came of an offer.
    pub(crate) fn registered(&mut self, exchange: &Exchange) {
        let token = exchange.data()["token"].as_str().map(str::to_owned);
        match (exchange.code(), token) {
            ((200 | 201, Some(1_000)), Some(token)) => {
                self.older_c.extend(self.token_c.replace(token));
                self.own = party_of(&exchange.data()).or(self.own.take());
                if let Some(offered) = self.offered.take() {
                    let before = std::mem::replace(&mut self.token_b, offered);
                    self.older_b.push(before);
                }
            }
            _ => self.older_b.extend(self.offered.take()),
        }
        self.open_doors();
    }

    /// The registration is over.
    pub(crate) fn ends(&mut self) {
        self.older_c.extend(self.token_c.take());
        self.ended = true;
    }

    /// Where a URL of the CPO leads.
    pub(super) fn place(&self, url: &str, versions: &str) -> Place {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let details = self.details_url.as_deref();
        let known = details.map(|url| (Module::Details, url));
        let listed = self
            .endpoints
            .iter()
            .map(|(module, url)| (*module, url.as_str()));
        for (module, base) in known
            .into_iter()
            .chain(listed)
            .chain([(Module::Versions, versions)])
        {
            if let Some(rest) = path.strip_prefix(base)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                let parts = rest.split('/').filter(|part| !part.is_empty());
                let parts: Vec<String> = parts.map(str::to_owned).collect();
                // Whatever is below the list of versions is the details of one.
                let module = match (module, parts.is_empty()) {
                    (Module::Versions, false) => Module::Details,
                    (module, _) => module,
                };
                return Place { module, parts };
            }
        }
        Place {
            module: Module::Elsewhere,
            parts: Vec::new(),
        }
    }

    /// The headers of a request.
    pub(super) fn headers(
        &self,
        shows: Shows,
        place: &Place,
        own: Option<&Party>,
    ) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| Failure::new(format!("{} cannot be a header", quoted(text))))
        };
        let token = match shows {
            Shows::Nothing => None,
            Shows::Token(token) => Some(token),
            Shows::Current => Some(self.token_c.clone().unwrap_or_else(|| self.token_a.clone())),
        };
        if let Some(token) = token {
            let encoded = BASE64_STANDARD.encode(token);
            headers.insert("authorization", value(&format!("Token {encoded}"))?);
        }
        for name in ["x-request-id", "x-correlation-id"] {
            headers.insert(name, value(&uuid::Uuid::new_v4().to_string())?);
        }
        if place.module.is_functional() {
            let (country, party) = self.name.party();
            headers.insert("ocpi-from-country-code", value(country)?);
            headers.insert("ocpi-from-party-id", value(party)?);
            if let Some((country, party)) = own {
                headers.insert("ocpi-to-country-code", value(country)?);
                headers.insert("ocpi-to-party-id", value(party)?);
            }
        }
        Ok(headers)
    }
}

/// A text with the case of its first letter changed.
pub(crate) fn other_case(text: &str) -> String {
    let at = text.bytes().position(|byte| byte.is_ascii_alphabetic());
    let mut bytes = text.as_bytes().to_vec();
    if let Some(at) = at {
        bytes[at] ^= 0x20;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The party that is a CPO by its credentials.
fn party_of(credentials: &Value) -> Option<Party> {
    let roles = credentials["roles"].as_array()?;
    let role = roles.iter().find(|role| role["role"] == "CPO")?;
    let text = |name: &str| role[name].as_str().map(str::to_owned);
    Some((text("country_code")?, text("party_id")?))
}

/// Merges a change into an object: null takes out [RFC 7396].
pub(crate) fn merge(value: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *value = change.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = value else {
        return;
    };
    for (name, change) in change {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_shows_who_writes_base64_otherwise() {
        let encoded = BASE64_STANDARD.encode(new_token());
        assert!(
            encoded.contains('+') && encoded.contains('/') && encoded.ends_with("=="),
            "{encoded}"
        );
    }

    #[test]
    fn null_takes_out_and_objects_are_merged() {
        let mut value = json!({"a": 1, "b": {"c": 1, "d": 2}});
        merge(&mut value, &json!({"a": null, "b": {"c": 3}, "e": [4]}));
        assert_eq!(value, json!({"b": {"c": 3, "d": 2}, "e": [4]}));
    }
}
