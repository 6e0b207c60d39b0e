//! What comes in: bodies, query strings and pages, read and checked before a handler sees them.

use std::num::IntErrorKind;

use axum::body::Body as RawBody;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use garde::Validate;
use hyper::body::Body as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, timeout};
use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::error::BODY_BYTES_MAX;
use super::error::{ApiError, Detail};

/// How long a client may take for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON object that is what its type says, bounds included. Fields nobody knows are ignored.
pub(crate) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Validate<Context = ()>> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        Ok(Self(parse(&read_json(request).await?)?))
    }
}

/// The same where the body may be left out, or be `null`.
pub(crate) struct OptionalBody<T>(pub Option<T>);

impl<S: Send + Sync, T: DeserializeOwned + Validate<Context = ()>> FromRequest<S>
    for OptionalBody<T>
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let headers = request.headers();
        let empty = headers.get("content-length").is_none_or(|l| l == "0")
            && !headers.contains_key("transfer-encoding");
        if empty {
            return Ok(Self(None));
        }
        let bytes = read_json(request).await?;
        if bytes.trim_ascii() == b"null" {
            return Ok(Self(None));
        }
        Ok(Self(Some(parse(&bytes)?)))
    }
}

async fn read_json(request: Request) -> Result<Vec<u8>, ApiError> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::UnsupportedMediaType);
    }
    timeout(BODY_TIMEOUT, read(request.into_body()))
        .await
        .map_err(|_| ApiError::field("body", "it did not arrive in time"))?
}

async fn read(body: RawBody) -> Result<Vec<u8>, ApiError> {
    // What is announced as too long is not read first.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(ApiError::PayloadTooLarge);
    }
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::field("body", "it broke off"))?;
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(ApiError::PayloadTooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse<T>(bytes: &[u8]) -> Result<T, ApiError>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    // serde takes an array for a struct, in the order of its fields; nobody means that.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::field("body", "a JSON object is wanted"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_syntax() || error.is_eof() {
            return ApiError::field("body", format!("it is no JSON: {error}"));
        }
        wrong_field(&path, &error.to_string())
    })?;
    reader
        .end()
        .map_err(|error| ApiError::field("body", format!("it is no JSON: {error}")))?;
    value.validate().map_err(|report| {
        let details = report.into_inner().into_iter().map(|(path, error)| Detail {
            field: path.to_string(),
            reason: error.to_string(),
        });
        ApiError::Validation(details.collect())
    })?;
    Ok(value)
}

/// The error of a field that is missing or of another type.
fn wrong_field(path: &str, message: &str) -> ApiError {
    let reason = message.split(" at line ").next().unwrap_or(message);
    let path = if path == "." { "" } else { path };
    let dot = if path.is_empty() { "" } else { "." };
    if let Some(name) = reason.strip_prefix("missing field `") {
        let name = name.trim_end_matches('`');
        return ApiError::field(&format!("{path}{dot}{name}"), "it is required");
    }
    let field = if path.is_empty() { "body" } else { path };
    ApiError::field(field, reason)
}

/// The error of a query string, by what its reader says of it.
fn wrong_parameter(message: &str) -> ApiError {
    let reason = message
        .strip_prefix("Failed to deserialize query string: ")
        .unwrap_or(message);
    // `NAME: why` where a value is wrong.
    let (name, reason) = reason.split_once(": ").unwrap_or(("", reason));
    let quoted = |what| reason.strip_prefix(what)?.split('`').next();
    if let Some(name) = quoted("duplicate field `") {
        return ApiError::field(name, "it is given more than once");
    }
    if let Some(name) = quoted("missing field `") {
        return ApiError::field(name, "it is required");
    }
    let name = if name.is_empty() { "query" } else { name };
    ApiError::field(name, reason)
}

/// The query string. Parameters nobody knows are ignored.
pub(crate) struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(wrong_parameter(&rejection.body_text())),
        }
    }
}

/// An id in the path. One that cannot be an id is simply not found.
pub(crate) struct PathId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        match path {
            Ok(Path(id)) if !id.contains('\0') => Ok(Self(id)),
            _ => Err(ApiError::NotFound("there is nothing of this id".to_owned())),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// From 1.
    #[param(schema_with = whole_number)]
    page: Option<String>,
    /// Entries per page; above its maximum it becomes the maximum.
    #[param(schema_with = whole_number)]
    per_page: Option<String>,
}

/// From 1; without a format, which would be a bound above as well.
fn whole_number() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .build()
}

impl Paging {
    /// Page and size; a size above the maximum becomes the maximum.
    pub(crate) fn resolve(&self, default: i64, max: i64) -> Result<(i64, i64), ApiError> {
        let number = |field: &str, text: &Option<String>, default: i64| match text {
            None => Ok(default),
            Some(text) => whole(text)
                .filter(|number| *number >= 1)
                .ok_or_else(|| ApiError::field(field, "a number from 1 is wanted")),
        };
        let page = number("page", &self.page, 1)?;
        let per_page = number("per_page", &self.per_page, default)?;
        Ok((page, per_page.min(max)))
    }
}

/// A whole number; one that is too large for any list becomes the largest there is.
fn whole(text: &str) -> Option<i64> {
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(i64::MAX),
        Err(_) => None,
    }
}

/// Rows to take and to skip for a page.
pub(crate) fn slice(page: i64, per_page: i64) -> (i64, i64) {
    (per_page, (page - 1).saturating_mul(per_page))
}

/// Text of a name: no control characters. For `#[garde(custom(plain))]`, beside a length.
pub(crate) fn plain(text: &str, (): &()) -> garde::Result {
    if text.chars().any(char::is_control) {
        return Err(garde::Error::new("it has control characters"));
    }
    if !text.is_empty() && text.trim().is_empty() {
        return Err(garde::Error::new("it is blank"));
    }
    Ok(())
}

/// Text that people write to each other: several lines, and otherwise no control characters.
/// For `#[garde(custom(prose))]`, beside a length.
pub(crate) fn prose(text: &str, (): &()) -> garde::Result {
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(garde::Error::new("it has control characters"));
    }
    Ok(())
}

/// Tells a field that is `null` from one that is left out. For `#[serde(default, deserialize_with = …)]`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A field that may be left out and cannot be `null`. For `#[serde(default, deserialize_with = …)]`.
pub(crate) fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A word of the query that is looked up in the database.
pub(crate) fn searchable(field: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(ApiError::field(field, "it cannot contain U+0000"))
        }
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[derive(Debug, Deserialize, Validate)]
    struct Point {
        #[garde(range(min = -90.0, max = 90.0))]
        latitude: f64,
    }

    #[derive(Debug, Deserialize, Validate)]
    struct Thing {
        #[garde(length(chars, min = 1, max = 5), custom(plain))]
        name: String,
        #[garde(dive)]
        place: Option<Point>,
    }

    fn refused(body: &str) -> Vec<(String, String)> {
        let error = parse::<Thing>(body.as_bytes()).unwrap_err();
        let body = error.body("req");
        let details = body["details"].as_array().unwrap();
        let text = |v: &Value, key: &str| v[key].as_str().unwrap().to_owned();
        details
            .iter()
            .map(|d| (text(d, "field"), text(d, "reason")))
            .collect()
    }

    #[test]
    fn each_wrong_field_is_named_by_its_path() {
        let one = |body: &str| refused(body).remove(0);
        assert_eq!(one("{}"), ("name".into(), "it is required".into()));
        assert_eq!(
            one(r#"{"name":"a","place":{}}"#),
            ("place.latitude".into(), "it is required".into())
        );
        assert_eq!(one(r#"{"name":1}"#).0, "name");
        assert_eq!(
            one(r#"{"name":"a","place":{"latitude":"x"}}"#).0,
            "place.latitude"
        );
        assert_eq!(one(r#"["a"]"#).0, "body");
        assert_eq!(one("").0, "body");
        assert_eq!(one(r#"{"name":"a"} x"#).0, "body");
        let two = refused(r#"{"name":"","place":{"latitude":91}}"#);
        let fields: Vec<_> = two.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["name", "place.latitude"]);
        assert_eq!(one("{\"name\":\"a\\u0000\"}").0, "name");
        assert!(parse::<Thing>(br#"{"name":"a","more":1}"#).is_ok());
    }

    #[test]
    fn however_large_a_page_is_asked_for_it_is_the_largest() {
        let page = |page: Option<&str>, per_page: Option<&str>| {
            let paging = Paging {
                page: page.map(str::to_owned),
                per_page: per_page.map(str::to_owned),
            };
            paging.resolve(20, 100).ok()
        };
        assert_eq!(page(None, None), Some((1, 20)));
        for large in ["101", "5000000000", "99999999999999999999999"] {
            assert_eq!(page(None, Some(large)), Some((1, 100)), "{large}");
        }
        assert_eq!(page(Some("5000000000"), None), Some((5_000_000_000, 20)));
        let (last, per_page) = page(Some("99999999999999999999999"), None).unwrap();
        assert_eq!(slice(last, per_page), (20, i64::MAX));
        for wrong in ["0", "-1", "-99999999999999999999999", "x", "1.5", "", " 1"] {
            assert_eq!(page(None, Some(wrong)), None, "{wrong:?}");
            assert_eq!(page(Some(wrong), None), None, "{wrong:?}");
        }
    }
}
