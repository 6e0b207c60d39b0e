//! What the API has to describe, whatever its own document says: a document that has lost an answer would be held
//! against less of itself. One that has lost who is let in would be held against nothing: who may be called by everybody
//! stands here.

use crate::rules::rest::document::{Document, Operation};

/// Method, path, who is let in, and the answers: a status, for errors with its code. The further operations of the
/// document are its own affair, but they want credentials: everybody is let in only where it says `none` here.
pub(crate) const REQUIRED: &str = include_str!("required.csv");

/// Its rows, a field after the other.
fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    REQUIRED.lines().skip(1).map(|row| {
        let mut fields = row.splitn(4, ',');
        std::array::from_fn(|_| fields.next().unwrap_or_default())
    })
}

/// Whether nothing stands here of it.
fn is_further(operation: &Operation) -> bool {
    !rows().any(|[method, path, ..]| operation.method == method && operation.template == path)
}

/// What of it the document does not describe, in words.
pub(crate) fn lacking(document: &Document) -> Vec<String> {
    let mut lacking = Vec::new();
    for [method, path, scheme, answers] in rows() {
        let mut operations = document.operations.iter();
        let found = operations.find(|known| known.method == method && known.template == path);
        let Some(operation) = found else {
            lacking.push(format!("{method} {path}"));
            continue;
        };
        let right_door = match scheme {
            "none" => operation.is_public(),
            scheme => operation.takes(scheme),
        };
        if !right_door {
            lacking.push(format!("{method} {path} for {scheme}"));
        }
        for answer in answers.split(' ') {
            let (status, code) = answer.split_once(':').unwrap_or((answer, ""));
            let status: u16 = status.parse().unwrap_or_default();
            let has_code = || operation.codes[&status].iter().any(|known| known == code);
            if !operation.documents(status) || !(code.is_empty() || has_code()) {
                lacking.push(format!("{method} {path} {status} {code}").trim().to_owned());
            }
        }
    }
    let operations = document.operations.iter();
    let open = operations.filter(|operation| operation.is_public() && is_further(operation));
    lacking.extend(open.map(|open| format!("credentials for {} {}", open.method, open.template)));
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_has_lost_is_named() {
        let error = |code: &str| {
            serde_json::json!({"content": {"application/json": {"schema": {
            "properties": {"code": {"enum": [code]}}}}}})
        };
        let document = Document::read(serde_json::json!({"openapi": "3.1.0", "paths": {
            "/api/v1/chargepoints/{charge_point_id}/status": {"get": {"responses": {
                "200": {}, "401": error("unauthorized"), "403": error("forbidden"), "404": error("gone")}}}}}));
        let lacking = lacking(&document.unwrap());
        let of_it = lacking
            .iter()
            .filter(|lack| lack.contains("{charge_point_id}/status"));
        let of_it: Vec<_> = of_it
            .filter(|lack| lack.contains("/api/v1/chargepoints"))
            .collect();
        assert_eq!(
            of_it,
            [
                "GET /api/v1/chargepoints/{charge_point_id}/status for apiKey",
                "GET /api/v1/chargepoints/{charge_point_id}/status 404 not_found"
            ]
        );
        assert!(lacking.contains(&"POST /api/v1/installer/login".to_owned()));
    }

    #[test]
    fn a_further_operation_that_everybody_may_call_is_named() {
        let paths = |security: serde_json::Value| {
            serde_json::json!({"openapi": "3.1.0", "paths": {
                "/api/v1/authority": {"get": {"responses": {}}},
                "/api/v1/sites/{site_id}": {
                    "get": {"security": [{"apiKey": []}, {"installer": []}], "responses": {}},
                    "delete": {"security": security, "responses": {}}}}})
        };
        let named = |security| {
            let lacking = lacking(&Document::read(paths(security)).unwrap());
            let of_it = lacking
                .into_iter()
                .filter(|lack| lack.starts_with("credentials"));
            of_it.collect::<Vec<_>>()
        };
        assert_eq!(
            named(serde_json::json!([{"apiKey": []}])),
            Vec::<String>::new()
        );
        // Credentials that may be left out keep nobody out.
        for nobody in [
            serde_json::json!([]),
            serde_json::json!([{}]),
            serde_json::json!([{"apiKey": []}, {}]),
        ] {
            assert_eq!(
                named(nobody),
                ["credentials for DELETE /api/v1/sites/{site_id}"]
            );
        }
    }
}
