//! An answer held against the OpenAPI document: what is wrong with it, whoever asked for what.

use std::sync::{Arc, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use crate::rules::rest::document::Document;
use crate::rules::{Breach, Rule};
use crate::wire::http::Answer;

/// An answer is as the document of the API says.
static DOCUMENT: Rule = Rule::must("rest-document");

/// Schema errors of one answer that are told.
const ERRORS_SHOWN: usize = 3;

/// Paths that the document leaves out on purpose; each with what it is for.
const UNDESCRIBED: [(&str, &str); 2] = [
    (
        "/sandbox/payments/",
        "a page with a button for guests, where no real gateway is",
    ),
    (
        "/readyz",
        "a probe for those who run the server, in plain text",
    ),
];

impl Document {
    /// What is wrong with an answer, whoever asked for what. `outage` is whether the server's database was taken away.
    pub(crate) fn breaches(&self, answer: &Answer, outage: bool) -> Vec<Breach> {
        let found = self.wrong_with(answer, outage);
        found
            .into_iter()
            .map(|text| DOCUMENT.broken(text))
            .collect()
    }

    fn wrong_with(&self, answer: &Answer, outage: bool) -> Vec<String> {
        let mut found = Vec::new();
        let what = format!(
            "{} {} was answered {}",
            answer.method, answer.path, answer.status
        );
        if answer.status >= 500 && !(outage && answer.status == 503) {
            found.push(format!("{what}, an error of the server itself"));
        }
        if answer.header("x-request-id").is_none_or(|id| id.is_empty()) {
            found.push(format!("{what}, without an X-Request-Id"));
        }
        if UNDESCRIBED
            .iter()
            .any(|(path, _)| answer.path.starts_with(path))
        {
            return found;
        }
        if answer.status >= 400 {
            found.extend(wrong_error(answer).map(|wrong| format!("{what}, but {wrong}")));
        }
        match self.operation(&answer.method, &answer.path) {
            None if answer.status < 400 => found.push(format!(
                "{what}, and the OpenAPI document has no such operation"
            )),
            None => {}
            Some(operation) => match operation.responses.get(&answer.status) {
                None => found.push(format!(
                    "{what}, which the OpenAPI document does not say of it"
                )),
                Some(response) => {
                    let wrong = self.wrong_body(response, answer);
                    found.extend(wrong.map(|wrong| format!("{what}, but {wrong}")));
                }
            },
        }
        found
    }

    /// What is wrong with the body, by the description of the response.
    fn wrong_body(&self, response: &Value, answer: &Answer) -> Option<String> {
        let empty = Map::new();
        let content = self.resolve(response)["content"].as_object();
        let content = content.unwrap_or(&empty);
        if content.is_empty() {
            let length = answer.bytes.len();
            return (length > 0)
                .then(|| format!("with {length} bytes where the document has no body"));
        }
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        let Some(media) = content.get(&kind) else {
            let kinds: Vec<&String> = content.keys().collect();
            return Some(format!(
                "as {kind:?}, not as {}",
                crate::words::list(&kinds)
            ));
        };
        if kind != "application/json" {
            return None;
        }
        let json = match answer.json() {
            Ok(json) => json,
            Err(failure) => return Some(failure.0),
        };
        let validator = match self.validator(&media["schema"]) {
            Ok(validator) => validator,
            Err(wrong) => return Some(wrong),
        };
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .take(ERRORS_SHOWN)
            .map(|error| {
                let place = error.instance_path().to_string();
                match place.trim_start_matches('/') {
                    "" => error.to_string(),
                    place => format!("{error} (member {place})"),
                }
            })
            .collect();
        (!errors.is_empty()).then(|| {
            format!(
                "its body is not as the document says: {}",
                errors.join("; ")
            )
        })
    }

    /// The validator of a schema, its references followed inside the document.
    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let text = schema.to_string();
        let mut validators = self
            .validators
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = validators.get(&text) {
            return Ok(Arc::clone(known));
        }
        let whole = json!({"components": self.components, "allOf": [schema]});
        let made = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole)
            .map_err(|error| format!("the document's schema {text} is none: {error}"))?;
        let made = Arc::new(made);
        validators.insert(text, Arc::clone(&made));
        Ok(made)
    }
}

/// The one shape of errors: a code for programs, a message for people, and the request's id.
fn wrong_error(answer: &Answer) -> Option<String> {
    let json = match answer.json() {
        Ok(json) => json,
        Err(failure) => return Some(failure.0),
    };
    for member in ["code", "message", "request_id"] {
        if json[member].as_str().is_none_or(str::is_empty) {
            return Some(format!("the error {json} has no text in {member}"));
        }
    }
    let details = json.get("details").and_then(Value::as_array);
    let whole = |detail: &Value| detail["field"].is_string() && detail["reason"].is_string();
    if json.get("details").is_some() && !details.is_some_and(|all| all.iter().all(whole)) {
        return Some(format!(
            "the details of the error {json} are no list of field and reason"
        ));
    }
    (answer.header("x-request-id").as_deref() != json["request_id"].as_str()).then(|| {
        "the header X-Request-Id and the request_id of the error are not the same".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::rest::document::tests::document;
    use reqwest::header::{HeaderMap, HeaderValue};

    fn answer(method: &str, path: &str, status: u16, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("x-request-id", HeaderValue::from_static("req_1"));
        Answer {
            method: method.into(),
            path: path.into(),
            status,
            headers,
            bytes: body.into(),
        }
    }

    #[test]
    fn an_answer_that_the_document_does_not_describe_is_a_breach() {
        let document = document();
        let wrong = |answer: Answer| document.wrong_with(&answer, false).join("\n");
        let error = r#"{"code":"not_found","message":"none","request_id":"req_1"}"#;
        assert_eq!(wrong(answer("GET", "/things/7", 200, r#"{"id":"7"}"#)), "");
        assert_eq!(wrong(answer("GET", "/things/7", 404, error)), "");
        assert_eq!(wrong(answer("DELETE", "/things/7", 204, "")), "");
        assert_eq!(wrong(answer("GET", "/sandbox/payments/7", 200, "")), "");
        assert_eq!(wrong(answer("GET", "/elsewhere", 404, error)), "");
        for (wanted, answer) in [
            (
                "no such operation",
                answer("GET", "/elsewhere", 200, r#"{"id":"7"}"#),
            ),
            (
                "not as the document says",
                answer(
                    "GET",
                    "/things/7",
                    404,
                    r#"{"code":"lost","message":"y","request_id":"req_1"}"#,
                ),
            ),
            (
                "not as the document says",
                answer("GET", "/things/7", 200, r#"{"id":7}"#),
            ),
            ("does not say", answer("GET", "/things/7", 418, error)),
            ("the server itself", answer("GET", "/elsewhere", 500, error)),
            (
                "no text in message",
                answer("GET", "/things/7", 404, r#"{"code":"x"}"#),
            ),
            ("is no JSON", answer("GET", "/things/7", 404, "no")),
            ("has no body", answer("DELETE", "/things/7", 204, "{}")),
            (
                "not the same",
                answer(
                    "GET",
                    "/things/7",
                    404,
                    r#"{"code":"x","message":"y","request_id":"req_2"}"#,
                ),
            ),
        ] {
            let said = wrong(answer);
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
    }

    #[test]
    fn an_error_of_the_server_is_a_breach_unless_its_database_was_taken_away() {
        let error = r#"{"code":"unavailable","message":"later","request_id":"req_1"}"#;
        let document = Document::read(json!({"openapi": "3.1.0", "paths": {"/things": {"get": {
            "responses": {"503": {"description": "", "content": {"application/json": {"schema": {}}}}}}}}}));
        let document = document.unwrap();
        let away = answer("GET", "/things", 503, error);
        assert_eq!(document.wrong_with(&away, true), Vec::<String>::new());
        assert_eq!(document.wrong_with(&away, false).len(), 1);
        let broken = answer("GET", "/elsewhere", 500, error);
        assert_eq!(document.wrong_with(&broken, true).len(), 1);
        let mut nameless = away;
        nameless.headers.remove("x-request-id");
        assert!(document.wrong_with(&nameless, true)[0].contains("X-Request-Id"));
    }
}
