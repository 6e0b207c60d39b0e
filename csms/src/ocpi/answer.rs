//! What is answered, and how it is refused [OCPI 2.2.1 §4.1.7, §5].
//!
//! A handler gives an [`Answer`]; `finish.rs` writes it. What reached a handler as JSON is answered with HTTP 200 and a
//! status code of OCPI; only what OCPI itself leaves to HTTP has another status.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderName, HeaderValue, StatusCode as Http};
use axum::response::{IntoResponse, Response};
use dynamo_protocol::ocpi::envelope::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::store::StoreError;

/// What a handler answers.
pub(super) type Answer = Result<Done, Refused>;

/// It was done.
#[derive(Debug)]
pub(super) struct Done {
    pub status: Http,
    pub data: Option<Value>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Done {
    /// With nothing to say.
    pub(super) const fn nothing() -> Self {
        Self {
            status: Http::OK,
            data: None,
            headers: Vec::new(),
        }
    }

    /// With an object, a list or a text.
    pub(super) fn with(data: impl Serialize) -> Self {
        Self {
            data: Some(serde_json::to_value(data).expect("objects of OCPI have texts for keys")),
            ..Self::nothing()
        }
    }
}

/// It was not done.
#[derive(Debug)]
pub(super) enum Refused {
    /// No token, or none that is known here.
    Unauthorized,
    /// No such path or object.
    NotFound(String),
    /// No such object, with a status code of its own.
    Unknown(StatusCode, String),
    /// A registration that exists is made, or one that does not exist is changed.
    MethodNotAllowed,
    /// The same, and which methods there are.
    OtherMethods(&'static str, String),
    /// The body is no JSON.
    NotJson(String),
    /// The body is larger than any object.
    TooLarge,
    /// What the caller did wrong, or what could not be done.
    Because(StatusCode, String),
    /// The database fails.
    Store(StoreError),
}

impl Refused {
    /// A parameter is missing or wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Because(StatusCode::InvalidParameters, message.into())
    }

    const fn status(&self) -> Http {
        match self {
            Self::Unauthorized => Http::UNAUTHORIZED,
            Self::NotFound(_) | Self::Unknown(..) => Http::NOT_FOUND,
            Self::MethodNotAllowed | Self::OtherMethods(..) => Http::METHOD_NOT_ALLOWED,
            Self::NotJson(_) => Http::BAD_REQUEST,
            Self::TooLarge => Http::PAYLOAD_TOO_LARGE,
            Self::Because(..) | Self::Store(_) => Http::OK,
        }
    }

    fn code_and_message(self) -> (StatusCode, String) {
        match self {
            Self::Unauthorized => (
                StatusCode::ClientError,
                "a token that is known here is wanted: Authorization: Token BASE64".to_owned(),
            ),
            Self::NotFound(message) | Self::OtherMethods(_, message) | Self::NotJson(message) => {
                (StatusCode::ClientError, message)
            }
            Self::MethodNotAllowed => (
                StatusCode::ClientError,
                "this path has other methods, see Allow".to_owned(),
            ),
            Self::TooLarge => (
                StatusCode::ClientError,
                "the body may have 1 MiB".to_owned(),
            ),
            Self::Unknown(code, message) | Self::Because(code, message) => (code, message),
            Self::Store(error) => {
                if !error.is_in_the_log() {
                    tracing::error!(cause = %error, "a request of a partner could not be served");
                }
                (
                    StatusCode::ServerError,
                    "the request cannot be served now".to_owned(),
                )
            }
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is written into the envelope, where its time is known.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub data: Option<Value>,
    pub code: StatusCode,
    pub message: String,
}

/// On its way to `finish.rs`, which takes it out.
#[derive(Clone)]
pub(super) struct Unwritten(Arc<Mutex<Option<Content>>>);

impl Unwritten {
    fn of(content: Content) -> Self {
        Self(Arc::new(Mutex::new(Some(content))))
    }

    pub(super) fn take(&self) -> Option<Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers);
        response.extensions_mut().insert(Unwritten::of(Content {
            data: self.data,
            code: StatusCode::Success,
            message: "Success".to_owned(),
        }));
        response
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        match &self {
            Self::Unauthorized => {
                let scheme = HeaderValue::from_static("Token");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            Self::OtherMethods(methods, _) => {
                let methods = HeaderValue::from_static(methods);
                response
                    .headers_mut()
                    .insert(axum::http::header::ALLOW, methods);
            }
            _ => {}
        }
        let (code, message) = self.code_and_message();
        response.extensions_mut().insert(Unwritten::of(Content {
            data: None,
            code,
            message,
        }));
        response
    }
}
