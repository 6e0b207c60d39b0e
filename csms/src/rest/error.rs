//! What goes wrong over REST, and how it is said.

use std::sync::Arc;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::store::{Registration, StoreError};

/// Bytes a request's body may have.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// After how many seconds a request may be repeated that the database could not serve.
const UNAVAILABLE_RETRY_S: u64 = 5;

/// What every error says; some say more, by further fields.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// For programs.
    #[schema(example = "validation_error")]
    code: &'static str,
    /// For people.
    message: String,
    /// Which fields of the request are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    details: Vec<Detail>,
    /// Finds the request in the server's log.
    request_id: String,
    #[serde(flatten)]
    #[schema(ignore)]
    further: Map<String, Value>,
}

/// A field that is wrong, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    /// By its path in the body, or its name in the query.
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
    /// E-mail address or password are wrong; which, is not said.
    WrongLogin,
    /// Another kind of credentials is wanted, or a scope.
    Forbidden(&'static str),
    /// The guest cannot pay with this; why.
    PaymentDeclined(String),
    /// No such thing, or none of this organization.
    NotFound(String),
    MethodNotAllowed,
    UnsupportedMediaType,
    PayloadTooLarge,
    /// It exists already, or is not in a state for this; code and message.
    Conflict(&'static str, String),
    /// Understood, and not possible as things are; code and message.
    Unprocessable(&'static str, String),
    /// The charge point was sent the command and did not answer in time.
    Timeout,
    /// Too many commands wait for the charge point.
    Busy,
    /// The turn of the command did not come in time, behind other commands: nothing was sent.
    NotSent,
    /// Too many people wait for their password to be looked at, or too many were wrong; seconds until it may
    /// be tried again.
    Crowded(u64),
    /// The database does not answer or takes nothing at the moment; the log has that once.
    Unavailable(String),
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
            Self::Unauthorized | Self::WrongLogin => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::PaymentDeclined(_) => (StatusCode::PAYMENT_REQUIRED, "payment_declined"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::Conflict(code, _) => (StatusCode::CONFLICT, code),
            Self::Unprocessable(code, _) => (StatusCode::UNPROCESSABLE_ENTITY, code),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::Busy | Self::NotSent => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Crowded(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
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
                "an API key (Authorization: Bearer KEY, or X-API-Key: KEY) or the token of an account \
                 (Authorization: Bearer TOKEN) is wanted"
                    .to_owned()
            }
            Self::WrongLogin => "the e-mail address or the password is wrong".to_owned(),
            Self::Forbidden(message) => (*message).to_owned(),
            Self::PaymentDeclined(message)
            | Self::NotFound(message)
            | Self::Conflict(_, message)
            | Self::Unprocessable(_, message)
            | Self::OcppRejected(message, _) => message.clone(),
            Self::MethodNotAllowed => "this path has other methods, see Allow".to_owned(),
            Self::UnsupportedMediaType => "the body must be application/json".to_owned(),
            Self::PayloadTooLarge => format!("the body may have {BODY_BYTES_MAX} bytes"),
            Self::Timeout => "the charge point did not answer in time".to_owned(),
            Self::Busy => "too many commands wait for this charge point".to_owned(),
            Self::NotSent => {
                "the command was not sent: the charge point took too long over the commands before it".to_owned()
            }
            Self::Crowded(_) => "too many attempts: see Retry-After".to_owned(),
            Self::Unavailable(_) => "the request cannot be served now: see Retry-After".to_owned(),
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
        let details = match self {
            Self::Validation(details) => details.clone(),
            _ => Vec::new(),
        };
        let further = match self {
            Self::OcppRejected(_, fields) => fields.clone(),
            _ => Map::new(),
        };
        let body = ErrorBody {
            code: self.status_and_code().1,
            message: self.message(),
            details,
            request_id: request_id.to_owned(),
            further,
        };
        serde_json::to_value(body).expect("texts and JSON values can be written as JSON")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status_and_code().0.into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized | Self::WrongLogin => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Busy | Self::NotSent => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Crowded(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(UNAVAILABLE_RETRY_S));
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
        if error.is_of_something_gone() {
            Self::NotFound("what this belongs to was deleted a moment ago".to_owned())
        } else if error.is_passing() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

/// What handlers return.
pub(crate) type Answer<T> = Result<Json<T>, ApiError>;

/// The same with another status than 200.
pub(crate) type StatusAnswer<T> = Result<(StatusCode, Json<T>), ApiError>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, Site, Store};

    #[tokio::test]
    async fn what_belongs_to_something_that_is_gone_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let site = Site {
            id: "site_1".to_owned(),
            name: "x".to_owned(),
            address: "x".to_owned(),
            latitude: None,
            longitude: None,
            created_at_ms: 0,
        };
        let nobody = Owner::organization("org_gone".to_owned());
        let error = store.create_site(&nobody, site).await.unwrap_err();
        let status = ApiError::from(error).into_response().status();
        assert_eq!(status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_database_that_is_away_for_a_while_is_no_error_of_the_request() {
        let outage = StoreError::Outage(Arc::new(StoreError::Refused("full".to_owned())));
        let no_connection = StoreError::from(sqlx::Error::PoolTimedOut);
        for error in [
            outage,
            StoreError::TimedOut,
            StoreError::Closed,
            no_connection,
        ] {
            let response = ApiError::from(error).into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[RETRY_AFTER], "5");
        }
        let broken = StoreError::Corrupt("nonsense".to_owned());
        let response = ApiError::from(broken).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
