//! The OpenAPI document of the API under test, as a witness: every answer has to be one that it describes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use super::Answer;

/// The methods an operation can have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Schema errors of one answer that are told.
const ERRORS_SHOWN: usize = 3;

/// The document, taken apart.
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    components: Value,
    /// By the schema's text; making one is dear.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    /// With its parameters in braces.
    pub(crate) template: String,
    /// The names of the schemes that let a caller in; none where everybody may call.
    pub(crate) security: Vec<String>,
    /// The schema of its JSON body.
    pub(crate) body: Option<Value>,
    pub(crate) responses: BTreeMap<u16, Value>,
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter in the query or in the path.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) in_query: bool,
    pub(crate) is_required: bool,
    pub(crate) schema: Value,
}

impl Operation {
    /// Whether it answers with this status, as the document says.
    pub(crate) fn documents(&self, status: u16) -> bool {
        self.responses.contains_key(&status)
    }

    /// The names of its parameters in the path, in their order.
    pub(crate) fn path_parameters(&self) -> Vec<&str> {
        segments(&self.template)
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect()
    }

    /// The path with these in the place of its parameters.
    pub(crate) fn path(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        for segment in segments(&self.template) {
            path.push('/');
            match segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) => path.push_str(&value(name)),
                None => path.push_str(segment),
            }
        }
        path
    }

    /// Whether everybody may call it.
    pub(crate) fn is_public(&self) -> bool {
        self.security.is_empty()
    }

    /// Whether this scheme lets a caller in.
    pub(crate) fn takes(&self, scheme: &str) -> bool {
        self.security.iter().any(|name| name == scheme)
    }

    fn matches(&self, path: &str) -> bool {
        let (wanted, is): (Vec<&str>, Vec<&str>) =
            (segments(&self.template).collect(), segments(path).collect());
        let same = |(wanted, is): (&&str, &&str)| {
            wanted == is || (wanted.starts_with('{') && !is.is_empty())
        };
        wanted.len() == is.len() && wanted.iter().zip(&is).all(same)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').split('/')
}

impl Document {
    /// Takes a document apart.
    ///
    /// # Errors
    /// When it is no OpenAPI 3.1 document with operations.
    pub(crate) fn read(document: Value) -> anyhow::Result<Self> {
        let version = document["openapi"].as_str().unwrap_or_default();
        if !version.starts_with("3.1") {
            bail!("/openapi.json is of OpenAPI {version:?}; 3.1 is expected");
        }
        let paths = document["paths"].as_object();
        let paths = paths.context("/openapi.json has no paths")?;
        let mut operations = Vec::new();
        for (template, item) in paths {
            for method in METHODS {
                if let Some(node) = item.get(method) {
                    operations.push(operation(template, method, node));
                }
            }
        }
        if operations.is_empty() {
            bail!("/openapi.json describes no operation");
        }
        Ok(Self {
            operations,
            components: document["components"].clone(),
            validators: Mutex::default(),
        })
    }

    /// The operation that a request belongs to; one whose path is literally that goes before those with parameters.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = path.split('?').next().unwrap_or(path);
        let fitting = self.operations.iter();
        fitting
            .filter(|operation| operation.method == method && operation.matches(path))
            .min_by_key(|operation| operation.path_parameters().len())
    }

    /// Everything it says can be answered: method, path and status.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&str, &str, u16)> {
        self.operations.iter().flat_map(|operation| {
            let statuses = operation.responses.keys();
            statuses.map(move |status| {
                (
                    operation.method.as_str(),
                    operation.template.as_str(),
                    *status,
                )
            })
        })
    }

    /// A schema with its reference followed.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str();
        let target = reference
            .and_then(|reference| reference.strip_prefix("#/components"))
            .and_then(|pointer| self.components.pointer(pointer));
        target.unwrap_or(schema)
    }

    /// What is wrong with an answer, whoever asked for what.
    pub(crate) fn breaches(&self, answer: &Answer) -> Vec<String> {
        let mut found = Vec::new();
        let what = format!(
            "{} {} was answered {}",
            answer.method, answer.path, answer.status
        );
        if answer.status >= 500 {
            found.push(format!("{what}, an error of the server itself"));
        }
        if answer.status >= 400 {
            found.extend(wrong_error(answer).map(|wrong| format!("{what}, but {wrong}")));
        }
        if let Some(operation) = self.operation(&answer.method, &answer.path) {
            match operation.responses.get(&answer.status) {
                None => found.push(format!(
                    "{what}, which the OpenAPI document does not say of it"
                )),
                Some(response) => {
                    let wrong = self.wrong_body(response, answer);
                    found.extend(wrong.map(|wrong| format!("{what}, but {wrong}")));
                }
            }
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
                crate::params::list(&kinds)
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

fn operation(template: &str, method: &str, node: &Value) -> Operation {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let body = &node["requestBody"];
    let parameters = node["parameters"].as_array();
    Operation {
        method: method.to_uppercase(),
        template: template.to_owned(),
        security: node["security"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|scheme| members(scheme).into_iter().map(|(name, _)| name))
            .collect(),
        body: body.pointer("/content/application~1json/schema").cloned(),
        responses: members(&node["responses"])
            .into_iter()
            .filter_map(|(status, response)| Some((status.parse().ok()?, response)))
            .collect(),
        parameters: parameters
            .into_iter()
            .flatten()
            .map(|parameter| Parameter {
                name: parameter["name"].as_str().unwrap_or_default().to_owned(),
                in_query: parameter["in"] == "query",
                is_required: parameter["required"].as_bool().unwrap_or(false),
                schema: match parameter.get("example") {
                    Some(example) => json!({"example": example}),
                    None => parameter["schema"].clone(),
                },
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue};

    fn document() -> Document {
        let error = json!({"description": "", "content": {"application/json": {"schema":
            {"$ref": "#/components/schemas/Error"}}}});
        Document::read(json!({
            "openapi": "3.1.0",
            "components": {"schemas": {
                "Thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
                "Error": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}}}},
            "paths": {
                "/things/{id}": {"get": {"security": [{"apiKey": []}], "responses": {
                    "200": {"description": "", "content": {"application/json": {"schema":
                        {"$ref": "#/components/schemas/Thing"}}}},
                    "404": error}},
                    "delete": {"responses": {"204": {"description": ""}}}},
                "/things/all": {"get": {"responses": {"200": {"description": ""}}}}}}))
        .unwrap()
    }

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
    fn a_path_belongs_to_the_operation_that_names_it_best() {
        let document = document();
        let template = |path: &str| {
            let found = document.operation("GET", path);
            found.map(|operation| operation.template.clone())
        };
        assert_eq!(template("/things/all?x=1").unwrap(), "/things/all");
        assert_eq!(template("/things/7").unwrap(), "/things/{id}");
        assert_eq!(template("/things"), None);
        assert_eq!(template("/things/"), None);
        assert_eq!(document.answers().count(), 4);
    }

    #[test]
    fn an_answer_that_the_document_does_not_describe_is_a_breach() {
        let document = document();
        let wrong = |answer: Answer| document.breaches(&answer).join("\n");
        let error = r#"{"code":"not_found","message":"none","request_id":"req_1"}"#;
        assert_eq!(wrong(answer("GET", "/things/7", 200, r#"{"id":"7"}"#)), "");
        assert_eq!(wrong(answer("GET", "/things/7", 404, error)), "");
        assert_eq!(wrong(answer("DELETE", "/things/7", 204, "")), "");
        for (wanted, answer) in [
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
}
