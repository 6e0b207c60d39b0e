//! What goes wrong over REST, and how it is said.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::time::{Duration, timeout};

use super::BODY_BYTES_MAX;
use crate::store::{Registration, StoreError};

/// How long a client may take for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A field that is wrong, and why.
#[derive(Debug)]
pub(crate) struct Detail {
    pub field: String,
    pub reason: String,
}

/// Every error of the API.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request says what cannot be.
    Validation(Vec<Detail>),
    /// No key, or none that is known.
    Unauthorized,
    /// The key lacks this scope.
    Forbidden(&'static str),
    /// No such thing, or none of this organization.
    NotFound(String),
    MethodNotAllowed,
    UnsupportedMediaType,
    PayloadTooLarge,
    /// The charge point did not answer in time.
    Timeout,
    /// Too many commands wait for the charge point.
    Busy,
    /// The charge point has no socket, or lost it.
    Offline,
    /// The charge point is not Accepted, and may not be sent this [1.6 §4.2].
    NotRegistered(Registration),
    /// The charge point answered in a way that makes no answer of ours; further fields of the body.
    OcppRejected(String, Map<String, Value>),
    /// Ours; the cause is for the log.
    Internal(String),
}

impl ApiError {
    pub(crate) fn field(field: &str, reason: impl Into<String>) -> Self {
        Self::Validation(vec![Detail {
            field: field.to_owned(),
            reason: reason.into(),
        }])
    }

    const fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Validation(_) => (StatusCode::BAD_REQUEST, "validation_error"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Offline => (StatusCode::UNPROCESSABLE_ENTITY, "charge_point_offline"),
            Self::NotRegistered(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "charge_point_not_registered",
            ),
            Self::OcppRejected(..) => (StatusCode::UNPROCESSABLE_ENTITY, "ocpp_rejected"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Validation(details) => details
                .iter()
                .map(|detail| format!("{}: {}", detail.field, detail.reason))
                .collect::<Vec<_>>()
                .join("; "),
            Self::Unauthorized => {
                "an API key is wanted: Authorization: Bearer KEY, or X-API-Key: KEY".to_owned()
            }
            Self::Forbidden(scope) => format!("the API key lacks the scope {scope}"),
            Self::NotFound(message) | Self::OcppRejected(message, _) => message.clone(),
            Self::MethodNotAllowed => "this path has other methods, see Allow".to_owned(),
            Self::UnsupportedMediaType => "the body must be application/json".to_owned(),
            Self::PayloadTooLarge => format!("the body may have {BODY_BYTES_MAX} bytes"),
            Self::Timeout => "the charge point did not answer in time".to_owned(),
            Self::Busy => "too many commands wait for this charge point".to_owned(),
            Self::Offline => "the charge point is offline".to_owned(),
            Self::NotRegistered(registration) => format!(
                "the registration of this charge point is {}: this may not be sent to it",
                registration.as_str()
            ),
            Self::Internal(_) => "the request could not be served".to_owned(),
        }
    }

    /// The body, once the request has its id.
    pub(super) fn body(&self, request_id: &str) -> Value {
        let mut body = Map::new();
        body.insert("code".to_owned(), json!(self.status_and_code().1));
        body.insert("message".to_owned(), json!(self.message()));
        if let Self::Validation(details) = self {
            let details: Vec<_> = details
                .iter()
                .map(|detail| json!({"field": detail.field, "reason": detail.reason}))
                .collect();
            body.insert("details".to_owned(), json!(details));
        }
        if let Self::OcppRejected(_, fields) = self {
            body.extend(fields.clone());
        }
        body.insert("request_id".to_owned(), json!(request_id));
        Value::Object(body)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status_and_code().0.into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        // The body is written where the request id is known.
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// A JSON object as body.
pub(crate) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::UnsupportedMediaType);
        }
        let bytes = match timeout(BODY_TIMEOUT, read(request.into_body())).await {
            Ok(read) => read?,
            Err(_) => return Err(ApiError::field("body", "it did not arrive in time")),
        };
        // Serde would also take the fields in order, as an array.
        let begins_with = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if begins_with.is_some_and(|byte| *byte != b'{') {
            return Err(ApiError::field("body", "a JSON object is wanted"));
        }
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Self).map_err(|error| {
            ApiError::field("body", format!("it is not the JSON wanted here: {error}"))
        })
    }
}

async fn read(body: axum::body::Body) -> Result<Vec<u8>, ApiError> {
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

/// The query string.
pub(crate) struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::field("query", rejection.body_text())),
        }
    }
}

/// Which page of a list; from 1.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Paging {
    page: Option<String>,
    per_page: Option<String>,
}

impl Paging {
    /// Page and size; a size above the maximum becomes the maximum.
    pub(crate) fn resolve(&self, default: i64, max: i64) -> Result<(i64, i64), ApiError> {
        let number = |field: &str, text: &Option<String>, default: i64| match text {
            None => Ok(default),
            Some(text) => text
                .parse::<u32>()
                .ok()
                .filter(|number| *number >= 1)
                .map(i64::from)
                .ok_or_else(|| ApiError::field(field, "a number from 1 is wanted")),
        };
        let page = number("page", &self.page, 1)?;
        let per_page = number("per_page", &self.per_page, default)?;
        Ok((page, per_page.min(max)))
    }
}

pub(crate) type Answer = Result<Json<Value>, ApiError>;
