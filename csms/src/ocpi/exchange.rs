//! What two platforms tell each other when they register: tokens, versions, endpoints [OCPI 2.2.1 §6, §7.2].

use std::collections::HashSet;

use dynamo_protocol::ocpi::VERSION;
use dynamo_protocol::ocpi::credentials::{Credentials, CredentialsRole, Role};
use dynamo_protocol::ocpi::envelope::StatusCode;
use dynamo_protocol::ocpi::header::TokenEncoding;
use dynamo_protocol::ocpi::versions::{Endpoint, InterfaceRole};
use reqwest::{Method, StatusCode as Http};
use serde_json::Value;

use super::client::{Call, Partners};
use super::versions_url;
use crate::App;
use crate::store::{OwnParty, random_text};

/// Characters of the tokens that are made here: 5 bits each.
const TOKEN_CHARS: usize = 48;
/// Endpoints of a partner that are kept.
const ENDPOINTS_MAX: usize = 50;

/// Why a partner's own interface could not be used: the status code of OCPI, and a sentence.
#[derive(Debug)]
pub(crate) struct Failure(pub StatusCode, pub String);

/// A token by which a partner calls.
pub(crate) fn new_token() -> String {
    random_text(TOKEN_CHARS)
}

/// The credentials of an organization, with the token for a partner.
pub(crate) fn own_credentials(app: &App, own: &OwnParty, token: &str) -> Credentials {
    Credentials {
        token: token.to_owned(),
        url: versions_url(app),
        roles: vec![CredentialsRole {
            role: Role::Cpo,
            business_details: own.business.clone(),
            party_id: own.party_id.as_str().into(),
            country_code: own.country_code.as_str().into(),
        }],
    }
}

/// What is wrong with credentials beyond their form.
pub(crate) fn checked(theirs: Credentials) -> Result<Credentials, String> {
    let mut seen = HashSet::new();
    for (number, role) in theirs.roles.iter().enumerate() {
        let (country, party) = (role.country_code.as_str(), role.party_id.as_str());
        if country.len() != 2 || party.len() != 3 {
            return Err(format!(
                "/roles/{number} has the party {country:?} {party:?}: two and three characters are wanted"
            ));
        }
        if !seen.insert((role.role, role.country_code.clone(), role.party_id.clone())) {
            return Err(format!("/roles/{number} is there twice"));
        }
    }
    Ok(theirs)
}

/// Asks a partner for its endpoints, with the first of the tokens that it knows.
pub(crate) async fn endpoints(
    partners: &Partners,
    versions: &str,
    tokens: [Option<&str>; 2],
    encoding: TokenEncoding,
) -> Result<Vec<Endpoint>, Failure> {
    let mut failure = Failure(StatusCode::CannotUseClient, String::new());
    let mut asked: Option<&str> = None;
    for token in tokens.into_iter().flatten() {
        if asked == Some(token) {
            continue;
        }
        asked = Some(token);
        let of = Of {
            partners,
            token,
            encoding,
        };
        match of.endpoints(versions).await {
            Ok(endpoints) => return Ok(endpoints),
            Err(refused) => {
                failure = refused.failure;
                // Only a token that is not known may be another one.
                if !refused.is_of_token {
                    break;
                }
            }
        }
    }
    Err(failure)
}

struct Of<'a> {
    partners: &'a Partners,
    token: &'a str,
    encoding: TokenEncoding,
}

struct NotAnswered {
    failure: Failure,
    is_of_token: bool,
}

impl From<Failure> for NotAnswered {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            is_of_token: false,
        }
    }
}

impl Of<'_> {
    async fn endpoints(&self, versions: &str) -> Result<Vec<Endpoint>, NotAnswered> {
        let listed = self.get(versions).await?;
        let listed = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        let ours = listed.iter().find(|one| one["version"] == VERSION);
        let url = ours.and_then(|one| one["url"].as_str()).ok_or_else(|| {
            let spoken: Vec<&str> = listed
                .iter()
                .filter_map(|one| one["version"].as_str())
                .collect();
            Failure(
                StatusCode::UnsupportedVersion,
                format!("your versions are {spoken:?}, and {VERSION} is wanted"),
            )
        })?;
        let details = self.get(url).await?;
        let endpoints = details["endpoints"].as_array();
        let endpoints = endpoints.map(Vec::as_slice).unwrap_or_default();
        let read: Vec<Endpoint> = endpoints
            .iter()
            .take(ENDPOINTS_MAX)
            .filter_map(read_endpoint)
            .collect();
        if read.is_empty() {
            let message =
                format!("the details of your version {VERSION} at {url} list no endpoint");
            return Err(Failure(StatusCode::NoMatchingEndpoints, message).into());
        }
        Ok(read)
    }

    async fn get(&self, url: &str) -> Result<Value, NotAnswered> {
        let call = Call {
            method: Method::GET,
            url,
            token: self.token,
            encoding: self.encoding,
            body: None,
            route: None,
        };
        let cannot =
            |why: String| Failure(StatusCode::CannotUseClient, format!("GET {url}: {why}"));
        let answered = self.partners.call(call).await;
        let answered = answered.map_err(|unanswered| cannot(unanswered.why))?;
        if !answered.is_success() {
            return Err(NotAnswered {
                failure: cannot(answered.refusal()),
                is_of_token: answered.status == Http::UNAUTHORIZED
                    || answered.status == Http::FORBIDDEN,
            });
        }
        let data = answered.said.data;
        let data = data.ok_or_else(|| cannot("the answer has no data".to_owned()))?;
        // Some wrap a single object into a list.
        Ok(match data {
            Value::Array(mut one) if one.len() == 1 && one[0].get("endpoints").is_some() => {
                one.remove(0)
            }
            data => data,
        })
    }
}

/// Of an endpoint that says enough; modules that the standard does not know are kept too.
fn read_endpoint(value: &Value) -> Option<Endpoint> {
    let url = value["url"].as_str()?;
    let is_receiver = value["role"] == "RECEIVER";
    dynamo_protocol::ocpi::form::is_url(url).then(|| Endpoint {
        identifier: value["identifier"].as_str().unwrap_or_default().to_owned(),
        role: match is_receiver {
            true => InterfaceRole::Receiver,
            false => InterfaceRole::Sender,
        },
        url: url.to_owned(),
    })
}
