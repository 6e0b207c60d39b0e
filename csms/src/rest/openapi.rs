//! The description of the API, OpenAPI 3.1, made from the handlers, and the page that shows it.

use std::collections::BTreeMap;

use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use sha2::{Digest as _, Sha256};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, OpenApi as Description, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::error::ErrorBody;

/// Where the description is.
pub(super) const PATH: &str = "/openapi.json";

/// The description as it is served: written once, it never changes while the program runs.
pub(super) fn rendered<S: Clone + Send + Sync + 'static>(
    description: &Description,
) -> MethodRouter<S> {
    let text = serde_json::to_vec(description).expect("a description can be written as JSON");
    let tag = format!("\"{}\"", STANDARD.encode(Sha256::digest(&text)));
    let text = Bytes::from(text);
    get(|headers: HeaderMap| async move {
        let known = headers
            .get(IF_NONE_MATCH)
            .and_then(|tags| tags.to_str().ok());
        if known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag)) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
        }
        let kind = (CONTENT_TYPE, "application/json".to_owned());
        ([kind, (ETAG, tag)], text).into_response()
    })
}

/// What stands around the operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "dynamo",
        description = "The REST API of the Charge Station Management System: installers, CPOs, OCPP commands, \
                       guest sessions."
    ),
    components(schemas(ErrorBody)),
    modifiers(&Security)
)]
pub(super) struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, description: &mut Description) {
        let components = description.components.get_or_insert_default();
        let key = ApiKey::Header(ApiKeyValue::with_description(
            "X-API-Key",
            "The key of an organization; `Authorization: Bearer KEY` is taken as well.",
        ));
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(key));
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.bearer_format = Some("JWT".to_owned());
        token.description = Some("What POST /api/v1/installer/login answers.".to_owned());
        components.add_security_scheme("installer", SecurityScheme::Http(token));
    }
}

/// Says what handlers leave unsaid: a description of each answer, which the standard wants, and an id of each operation
/// that no other has, for clients that are made of the description.
pub(super) fn complete(description: &mut Description) {
    for (path, item) in &mut description.paths.paths {
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(operation_id(method, path));
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    response.description = what_it_means(status).to_owned();
                }
            }
        }
    }
}

/// `GET /api/v1/projects/{project_id}/tariff` is `get_projects_tariff`, and a parameter at the end is named:
/// `get_projects_by_project_id`.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let mut id = method.to_owned();
    let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let parameter = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        match parameter {
            None => id.extend(["_", &part.replace('-', "_")]),
            Some(name) if parts.peek().is_none() => id.extend(["_by_", name]),
            Some(_) => {}
        }
    }
    id
}

/// What a success is where its handler does not say more.
fn what_it_means(status: &str) -> &'static str {
    match status {
        "201" => "It was made.",
        "202" => "It has begun.",
        "204" => "It is gone.",
        _ => "What was asked for.",
    }
}

/// Groups of errors that operations share, for their `responses(…)`: status, the codes it comes with, what it says.
macro_rules! error_groups {
    ($($(#[$doc:meta])* $name:ident { $($status:literal [$($code:ident),+]: $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([
                    $(($status.to_owned(), error($text, &[$(stringify!($code)),+]).into())),+
                ])
            }
        }
    )+};
}

error_groups! {
    /// Of everything that wants to know who asks, which is in the database.
    AccessErrors {
        "401" [unauthorized]: "No credentials, or none that are known.",
        "403" [forbidden]: "Credentials of another kind, or without the scope.",
        "503" [unavailable]: "The database, or what else is needed, does not serve in time; see Retry-After.",
    }
    /// Of what needs the database for everybody who asks.
    StoreErrors {
        "503" [unavailable]: "The database, or what else is needed, does not serve in time; see Retry-After.",
    }
    /// Of the login.
    LoginErrors {
        "401" [unauthorized]: "The e-mail address or the password is wrong.",
        "429" [rate_limited]: "Too many attempts under way, or too many wrong passwords for this address; see \
                               Retry-After.",
    }
    /// Of the sign-up.
    SignUpErrors {
        "403" [forbidden]: "The organization takes no sign-ups.",
        "429" [rate_limited]: "Too many attempts under way, or too many from this address with e-mail addresses that \
                               have an account; see Retry-After.",
    }
    /// Of whatever has a password hashed for everybody who asks.
    CrowdErrors {
        "429" [rate_limited]: "Too many attempts under way; see Retry-After.",
    }
    /// Of everything with a body.
    BodyErrors {
        "400" [validation_error]: "What is wrong stands in `details`, by field.",
        "413" [payload_too_large]: "The body is above 1 MiB.",
        "415" [unsupported_media_type]: "The body is not application/json.",
    }
    /// Of everything with parameters in the query.
    QueryErrors {
        "400" [validation_error]: "What is wrong stands in `details`, by field.",
    }
    /// Of everything with an id.
    MissingErrors {
        "404" [not_found]: "There is no such thing, or it is somebody else's.",
    }
    /// Of what must be unique.
    ConflictErrors {
        "409" [already_exists]: "It exists already.",
    }
    /// Of a charge point that is in use.
    InUseErrors {
        "422" [still_connected, active_session]: "It has a socket, a transaction that is open or provisional, or a \
                                                 guest whose payment is not settled.",
    }
    /// Of a site that is in use.
    SiteInUseErrors {
        "409" [in_use]: "Charge points stand there.",
    }
    /// Of the close of a transaction.
    OverErrors {
        "409" [already_over]: "It is over already.",
    }
    /// Of invitations.
    InvitationErrors {
        "409" [already_accepted]: "It was accepted already.",
        "422" [too_many_invitations]: "Too many were sent within a day that nobody accepted, or too many mails left \
                                      within it, to this address or in all.",
    }
    /// Of accepting an invitation.
    AcceptanceErrors {
        "404" [not_found]: "There is no invitation with this token.",
        "409" [already_accepted, already_exists]: "It was accepted already, or the address has another kind of \
                                                   account.",
        "422" [invitation_expired]: "Its time is over.",
    }
    /// Of what needs the charge point's socket.
    NotConnectedErrors {
        "422" [not_connected]: "The charge point is not connected, or its boot was not accepted.",
    }
    /// Of a guest who wants to charge.
    GuestErrors {
        "402" [payment_declined]: "The payment was declined.",
        "409" [connector_occupied]: "The connector is occupied.",
        "422" [not_connected, connector_unavailable, billing_inactive, no_tariff, payment_unavailable]:
            "The charge point is not connected, the connector is out of order, nothing is billed there, no tariff \
             is set, or the payment gateway does not serve.",
    }
    /// Of the stop of a guest session.
    GuestStopErrors {
        "422" [not_connected, ocpp_rejected]: "The charge point is not connected, or does not stop.",
    }
    /// Of a receipt.
    ReceiptErrors {
        "409" [not_completed]: "The session was not charged, or has not ended.",
    }
    /// Of what there can be so many of.
    LimitErrors {
        "422" [too_many_webhooks]: "There are as many as there can be.",
    }
    /// Of everything that is sent to a charge point.
    CommandErrors {
        "404" [not_found]: "There is no such charge point, or it is somebody else's.",
        "408" [timeout]: "The charge point was sent the command and did not answer in time.",
        "409" [idempotency_conflict, idempotency_in_progress]:
            "Another request came with this Idempotency-Key, or the first with it has no outcome.",
        "422" [charge_point_offline, charge_point_not_registered, ocpp_rejected]:
            "The charge point is offline, not accepted, or refused.",
        "429" [rate_limited]:
            "Too many commands for this charge point, or its turn did not come in time: nothing was sent; see Retry-After.",
    }
}

/// An error of one of these codes.
fn error(text: &str, codes: &[&str]) -> Response {
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes.iter().copied()));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Error"))
        .item(ObjectBuilder::new().property("code", code));
    let content = ContentBuilder::new()
        .schema(Some(RefOr::T(Schema::AllOf(schema.build()))))
        .build();
    ResponseBuilder::new()
        .description(text)
        .content("application/json", content)
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_answer_has_a_description_and_every_operation_an_id_of_its_own() {
        let (_, mut description) = super::super::api().split_for_parts();
        complete(&mut description);
        let description = serde_json::to_value(&description).unwrap();
        let mut ids = BTreeSet::new();
        let (mut operations, mut answers) = (0, 0);
        for item in description["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                operations += 1;
                ids.insert(operation["operationId"].as_str().unwrap());
                for answer in operation["responses"].as_object().unwrap().values() {
                    answers += 1;
                    let text = answer["description"].as_str();
                    assert!(text.is_some_and(|text| !text.is_empty()), "{operation}");
                }
            }
        }
        assert_eq!(ids.len(), operations);
        assert!(operations > 60 && answers > 400);
        let schemas = &description["components"]["schemas"];
        let missing: Vec<_> = references(&description)
            .into_iter()
            .filter(|name| schemas.get(name).is_none())
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }

    /// The names of the schemas that anything refers to.
    fn references(value: &Value) -> Vec<String> {
        match value {
            Value::Object(members) => {
                let own = members.get("$ref").and_then(Value::as_str);
                let own = own.and_then(|path| path.strip_prefix("#/components/schemas/"));
                let below = members.values().flat_map(references);
                own.map(str::to_owned).into_iter().chain(below).collect()
            }
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn an_id_is_made_of_method_and_path() {
        for (method, path, id) in [
            ("post", "/api/v1/installer/login", "post_installer_login"),
            (
                "get",
                "/api/v1/projects/{project_id}/tariff",
                "get_projects_tariff",
            ),
            (
                "get",
                "/api/v1/projects/{project_id}",
                "get_projects_by_project_id",
            ),
            ("put", "/api/v1/a-b/{x}", "put_a_b_by_x"),
        ] {
            assert_eq!(operation_id(method, path), id);
        }
    }
}
