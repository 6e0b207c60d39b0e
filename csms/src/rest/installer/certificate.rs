//! `/api/v1/installer/charge-points/{charge_point_id}/certificates`: the client certificates of charge points,
//! for security profile 3.
//!
//! Only on loopback or over TLS: a private key is in the answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::listen::Peer;
use crate::rest::auth::Installer;
use crate::rest::charge_point;
use crate::rest::error::{Answer, ApiError, StatusAnswer};
use crate::rest::input::{OptionalBody, PathId};
use crate::rest::openapi::{AccessErrors, BodyErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::{Certificate, NewCertificate};
use crate::tls::Transport;

/// Days a certificate is good for when the request does not say.
const VALIDITY_DAYS: u16 = 365;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(generate))
        .routes(routes!(list))
        .routes(routes!(revoke))
}

/// A request that nobody on the way could read.
struct Confidential;

impl<S: Send + Sync> FromRequestParts<S> for Confidential {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let over_tls = matches!(parts.extensions.get(), Some(Transport::Tls(_)));
        let peer = parts.extensions.get::<Peer>();
        if over_tls || peer.is_some_and(|Peer(address)| address.ip().to_canonical().is_loopback()) {
            return Ok(Self);
        }
        Err(ApiError::Forbidden(
            "certificates are handled over TLS only (--https), or from the machine of this server",
        ))
    }
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewCertificateBody {
    /// How long it is good for; 365 days when left out.
    #[garde(inner(range(min = 1, max = 1095)))]
    #[schema(minimum = 1, maximum = 1095, default = 365, example = 365)]
    validity_days: Option<u16>,
}

#[derive(Serialize, ToSchema)]
struct IssuedBody {
    certificate_id: String,
    charge_point_id: String,
    /// Its common name is the charge point's id.
    certificate_pem: String,
    /// Said once and kept nowhere.
    private_key_pem: String,
    /// The root of this server's authority: what the charge point is to trust, too.
    ca_certificate_pem: String,
    issued_at: Stamp,
    expires_at: Stamp,
}

/// Issues a certificate with which a charge point proves its identity (security profile 3).
#[utoipa::path(
    post,
    path = "/api/v1/installer/charge-points/{charge_point_id}/certificates/generate",
    tag = "Certificates",
    params(("charge_point_id" = String, Path)),
    request_body = Option<NewCertificateBody>,
    responses((status = 201, body = IssuedBody), AccessErrors, MissingErrors, BodyErrors),
    security(("installer" = []))
)]
async fn generate(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    _: Confidential,
    PathId(id): PathId,
    OptionalBody(body): OptionalBody<NewCertificateBody>,
) -> StatusAnswer<IssuedBody> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let days = body.and_then(|body| body.validity_days);
    let now_ms = app.clock().now_ms();
    let issued = app
        .authority
        .issue(point.identity(), days.unwrap_or(VALIDITY_DAYS), now_ms)
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let new = NewCertificate::of(&issued, &point);
    let certificate_id = new.id.clone();
    // The charge point may have been deleted meanwhile.
    if !app.rest_store.add_certificate(new).await? {
        return Err(charge_point::missing(&id));
    }
    tracing::info!(
        charge_point = %point.identity(), certificate_id, serial_number = issued.serial_number,
        "a certificate was issued"
    );
    let answer = IssuedBody {
        certificate_id,
        charge_point_id: point.into_record().id,
        certificate_pem: issued.certificate_pem,
        private_key_pem: issued.private_key_pem,
        ca_certificate_pem: app.authority.root_pem().to_owned(),
        issued_at: Stamp(issued.issued_at_ms),
        expires_at: Stamp(issued.expires_at_ms),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CertificateStatus {
    Active,
    Expired,
    Revoked,
}

#[derive(Serialize, ToSchema)]
struct CertificateBody {
    certificate_id: String,
    status: CertificateStatus,
    /// In hexadecimal, as the certificate has it.
    serial_number: String,
    issued_at: Stamp,
    expires_at: Stamp,
    revoked_at: Option<Stamp>,
}

impl CertificateBody {
    fn of(certificate: Certificate, now_ms: i64) -> Self {
        let status = match certificate.revoked_at_ms {
            Some(_) => CertificateStatus::Revoked,
            None if certificate.expires_at_ms <= now_ms => CertificateStatus::Expired,
            None => CertificateStatus::Active,
        };
        Self {
            certificate_id: certificate.id,
            status,
            serial_number: certificate.serial_number,
            issued_at: Stamp(certificate.issued_at_ms),
            expires_at: Stamp(certificate.expires_at_ms),
            revoked_at: certificate.revoked_at_ms.map(Stamp),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct CertificateList {
    /// The newest first, at most 1000.
    certificates: Vec<CertificateBody>,
}

/// Lists the certificates that were issued to a charge point, expired and revoked ones too.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points/{charge_point_id}/certificates",
    tag = "Certificates",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = CertificateList), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn list(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    _: Confidential,
    PathId(id): PathId,
) -> Answer<CertificateList> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let now_ms = app.clock().now_ms();
    let certificates = app.rest_store.certificates(&point).await?;
    let certificates = certificates.into_iter();
    let certificates = certificates.map(|certificate| CertificateBody::of(certificate, now_ms));
    Ok(Json(CertificateList {
        certificates: certificates.collect(),
    }))
}

/// Revokes a certificate: it opens nothing from now on, and the socket it opened is closed.
#[utoipa::path(
    delete,
    path = "/api/v1/installer/charge-points/{charge_point_id}/certificates/{certificate_id}",
    tag = "Certificates",
    params(("charge_point_id" = String, Path), ("certificate_id" = String, Path)),
    responses((status = 204, description = "Revoked, now or before."), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn revoke(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    _: Confidential,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::NotFound("there is no such certificate".to_owned());
    let Path((id, certificate_id)) = path.map_err(|_| missing())?;
    if certificate_id.contains('\0') {
        return Err(missing());
    }
    let (store, now_ms) = (&app.rest_store, app.clock().now_ms());
    let point = store.owned_point(&installer.owner(), &id).await?;
    let point = point.ok_or_else(missing)?;
    let revoked = store.revoke_certificate(&point, &certificate_id, now_ms);
    let fingerprint = revoked.await?.ok_or_else(missing)?;
    app.sessions.revoke(point.identity(), &fingerprint);
    tracing::info!(charge_point = %point.identity(), certificate_id, "a certificate was revoked");
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn is_let_through(address: &str, transport: Transport) -> bool {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.extensions.insert(Peer(address.parse().unwrap()));
        parts.extensions.insert(transport);
        let taken = Confidential::from_request_parts(&mut parts, &()).await;
        assert!(matches!(taken, Ok(_) | Err(ApiError::Forbidden(_))));
        taken.is_ok()
    }

    #[tokio::test]
    async fn from_afar_only_tls_is_let_through() {
        assert!(is_let_through("127.0.0.1:1", Transport::Plain).await);
        assert!(is_let_through("[::1]:1", Transport::Plain).await);
        assert!(is_let_through("[::ffff:127.0.0.1]:1", Transport::Plain).await);
        assert!(is_let_through("192.0.2.1:1", Transport::Tls(None)).await);
        assert!(!is_let_through("192.0.2.1:1", Transport::Plain).await);
        assert!(!is_let_through("[2001:db8::1]:1", Transport::Plain).await);
    }
}
