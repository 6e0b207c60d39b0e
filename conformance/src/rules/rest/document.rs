//! The OpenAPI document of the API under test, as a witness: every answer has to be one that it describes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use jsonschema::Validator;
use serde::Serialize;
use serde_json::{Value, json};

/// The methods an operation can have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// An answer that the document describes: an error by its code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Described {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, self.status)?;
        match &self.code {
            Some(code) => write!(f, " {code}"),
            None => Ok(()),
        }
    }
}

/// The document, taken apart.
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    pub(super) components: Value,
    /// By the schema's text; making one is dear.
    pub(super) validators: Mutex<HashMap<String, Arc<Validator>>>,
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
    /// The codes of its errors, where the document names them.
    pub(crate) codes: BTreeMap<u16, Vec<String>>,
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

    /// Whether it answers with this code, as the document says.
    pub(crate) fn says(&self, code: &str) -> bool {
        self.codes.values().flatten().any(|other| other == code)
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
    /// When it is no OpenAPI 3.1 document with operations, or one of them answers with what is no single status.
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
                    let mut made = operation(template, method, node)?;
                    for (status, response) in &made.responses {
                        let codes = codes_of(&document["components"], response);
                        made.codes.insert(*status, codes);
                    }
                    operations.push(made);
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

    /// Everything it says can be answered.
    pub(crate) fn answers(&self) -> Vec<Described> {
        let mut all = Vec::new();
        for operation in &self.operations {
            for status in operation.responses.keys() {
                let of = |code: Option<&String>| Described {
                    method: operation.method.clone(),
                    path: operation.template.clone(),
                    status: *status,
                    code: code.cloned(),
                };
                match operation.codes.get(status) {
                    Some(codes) if !codes.is_empty() => {
                        all.extend(codes.iter().map(|code| of(Some(code))));
                    }
                    _ => all.push(of(None)),
                }
            }
        }
        all
    }

    /// A schema with its reference followed.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        resolve(&self.components, schema)
    }
}

fn resolve<'a>(components: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str();
    let target = reference
        .and_then(|reference| reference.strip_prefix("#/components"))
        .and_then(|pointer| components.pointer(pointer));
    target.unwrap_or(schema)
}

/// The values that a response's member `code` can have.
fn codes_of(components: &Value, response: &Value) -> Vec<String> {
    let response = resolve(components, response);
    let Some(schema) = response.pointer("/content/application~1json/schema") else {
        return Vec::new();
    };
    let parts = schema["allOf"].as_array().map_or_else(
        || vec![resolve(components, schema)],
        |parts| parts.iter().map(|part| resolve(components, part)).collect(),
    );
    let codes = parts
        .iter()
        .filter_map(|part| part.pointer("/properties/code/enum")?.as_array());
    let codes = codes.flatten().filter_map(Value::as_str);
    codes.map(str::to_owned).collect()
}

/// The responses by status. `default` or `4XX` cannot be counted, so they are no description.
fn responses(what: &str, node: &Value) -> anyhow::Result<BTreeMap<u16, Value>> {
    let all = node["responses"].as_object().into_iter().flatten();
    all.map(|(status, response)| {
        let number = status.parse().with_context(|| {
            format!("/openapi.json answers {what} with {status:?}; a single status is wanted")
        })?;
        Ok((number, response.clone()))
    })
    .collect()
}

fn operation(template: &str, method: &str, node: &Value) -> anyhow::Result<Operation> {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let body = &node["requestBody"];
    let parameters = node["parameters"].as_array();
    let schemes = node["security"].as_array().into_iter().flatten();
    let mut schemes: Vec<_> = schemes.map(members).collect();
    // Where one of them asks for nothing, the others need not be shown.
    if schemes.iter().any(serde_json::Map::is_empty) {
        schemes.clear();
    }
    let names = schemes.into_iter().flatten().map(|(name, _)| name);
    Ok(Operation {
        method: method.to_uppercase(),
        template: template.to_owned(),
        security: names.collect(),
        body: body.pointer("/content/application~1json/schema").cloned(),
        responses: responses(&format!("{} {template}", method.to_uppercase()), node)?,
        codes: BTreeMap::new(),
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
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rules::rest) fn document() -> Document {
        let error = json!({"description": "", "content": {"application/json": {"schema": {"allOf": [
            {"$ref": "#/components/schemas/Error"}, {"properties": {"code": {"enum": ["not_found", "gone"]}}}]}}}});
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
        let answers: Vec<String> = document.answers().iter().map(ToString::to_string).collect();
        assert_eq!(
            answers,
            [
                "GET /things/all 200",
                "GET /things/{id} 200",
                "GET /things/{id} 404 not_found",
                "GET /things/{id} 404 gone",
                "DELETE /things/{id} 204"
            ]
        );
    }

    #[test]
    fn an_answer_of_any_status_is_no_description() {
        for status in ["default", "4XX"] {
            let read = Document::read(json!({"openapi": "3.1.0", "paths": {"/things": {"get": {
                "responses": {"200": {}, status: {}}}}}}));
            let said = read.err().expect("refused").to_string();
            assert!(
                said.contains(status) && said.contains("GET /things"),
                "{said}"
            );
        }
    }
}
