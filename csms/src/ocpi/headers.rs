//! The headers of OCPI [OCPI 2.2.1 §4.1.4, §4.1.5].

use axum::http::HeaderName;

pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) static CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
pub(super) static TO_COUNTRY: HeaderName = HeaderName::from_static("ocpi-to-country-code");
pub(super) static TO_PARTY: HeaderName = HeaderName::from_static("ocpi-to-party-id");
pub(super) static FROM_COUNTRY: HeaderName = HeaderName::from_static("ocpi-from-country-code");
pub(super) static FROM_PARTY: HeaderName = HeaderName::from_static("ocpi-from-party-id");
