//! Bodies and queries that the OpenAPI document itself would take: examples where it has them, and the smallest value
//! that keeps the bounds where it has none.

use dynamo_protocol::time;
use serde_json::{Map, Value, json};

use crate::rules::rest::document::{Document, Operation};

/// Schemas within schemas; a deeper one is no body that anybody writes.
const DEPTH_MAX: usize = 12;

/// A body for the operation.
pub(crate) fn body(document: &Document, operation: &Operation) -> Option<Value> {
    let schema = operation.body.as_ref()?;
    Some(value(document, schema, 0))
}

/// The query with what the operation requires; `?` included.
pub(crate) fn query(document: &Document, operation: &Operation) -> String {
    let required = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.in_query && parameter.is_required);
    let pairs: Vec<String> = required
        .map(|parameter| {
            let text = match value(document, &parameter.schema, 0) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            format!("{}={text}", parameter.name)
        })
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

fn value(document: &Document, schema: &Value, depth: usize) -> Value {
    // What stands beside a reference says more than what it refers to.
    if let Some(example) = schema.get("example")
        && schema.get("$ref").is_some()
    {
        return example.clone();
    }
    let schema = document.resolve(schema);
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    // A time that stands in a document is over.
    if schema["format"] == "date-time" {
        return json!(soon());
    }
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    for given in ["examples", "enum"] {
        if let Some(first) = schema[given].as_array().and_then(|all| all.first()) {
            return first.clone();
        }
    }
    for given in ["const", "default"] {
        if let Some(value) = schema.get(given) {
            return value.clone();
        }
    }
    for choice in ["oneOf", "anyOf"] {
        let choices = schema[choice].as_array().into_iter().flatten();
        let mut real = choices.filter(|choice| document.resolve(choice)["type"] != "null");
        if let Some(first) = real.next() {
            return value(document, first, depth + 1);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = value(document, part, depth + 1) {
                whole.extend(members);
            }
        }
        return Value::Object(whole);
    }
    of_type(document, schema, depth)
}

fn of_type(document: &Document, schema: &Value, depth: usize) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("object"),
        kind => kind.as_str().unwrap_or("object"),
    };
    let least = schema["minimum"].as_f64().unwrap_or(1.0).max(1.0);
    match kind {
        "string" => json!(text(schema)),
        "integer" => json!(least as i64),
        "number" => json!(least),
        "boolean" => json!(true),
        "array" => json!([value(document, &schema["items"], depth + 1)]),
        _ => {
            let required = schema["required"].as_array().into_iter().flatten();
            let members = required.filter_map(Value::as_str).map(|name| {
                let member = &schema["properties"][name];
                (name.to_owned(), value(document, member, depth + 1))
            });
            Value::Object(members.collect())
        }
    }
}

fn text(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("email") => "somebody@example.com".into(),
        Some("uri" | "url") => "https://example.com/here".into(),
        _ => {
            let least = schema["minLength"].as_u64().unwrap_or(1).clamp(1, 4_096);
            "x".repeat(usize::try_from(least).unwrap_or(1))
        }
    }
}

/// An hour from now.
fn soon() -> String {
    time::text(jiff::Timestamp::now().as_millisecond() + 3_600_000)
}
