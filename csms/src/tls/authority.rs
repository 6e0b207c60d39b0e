//! The certificate authority of the CSMS: it issues the certificates of charge points, and the server's own
//! when none is given.
//!
//! Root and key are made at the first start and kept in the database, so that every CSMS on one database is the
//! same authority. Keys it issues leave it once and are never kept. What it issued and what it revoked is in
//! the table of certificates; there is no list to download, this server is the only one who asks.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::fingerprint;
use crate::domain::charge_points::certificate::Issued;
use crate::store::{Store, StoreError, random_text};

/// How long the root is good: longer than charge points live.
const ROOT_DAYS: i64 = 25 * 365;
const DAY_MS: i64 = 86_400_000;
/// Begins the name of every root.
const ROOT_NAME: &str = "dynamo certificate authority";
/// A server on the same database may be slow by this much.
const SKEW_MS: i64 = 60_000;

/// Why there is no authority: one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the certificate authority that the database keeps (table secret, authority_key and \
         authority_certificate) cannot be used: {0}"
    )]
    Kept(String),
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// The authority of this CSMS.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
    root: CertificateDer<'static>,
    /// The name of the root as it stands in what it issued.
    subject: Vec<u8>,
    begins_at_ms: i64,
    ends_at_ms: i64,
}

impl Authority {
    /// The authority this database keeps, made when there is none.
    pub(crate) async fn of(store: &Store, now_ms: i64) -> Result<Self, AuthorityError> {
        let fresh = KeyPair::generate()?.serialize_pem();
        let key = store.secret("authority_key", fresh).await?;
        let key = KeyPair::from_pem(&key).map_err(kept)?;
        // Of the kept key: two servers that start at once make two roots of one key, and one of them is kept.
        let fresh = root_params(now_ms).self_signed(&key)?.pem();
        let root_pem = store.secret("authority_certificate", fresh).await?;
        let root = CertificateDer::from_pem_slice(root_pem.as_bytes()).map_err(kept)?;
        let (subject, begins_at_ms, ends_at_ms) = {
            let (_, read) = X509Certificate::from_der(&root).map_err(kept)?;
            if read.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
                return Err(kept("key and certificate do not belong together"));
            }
            let validity = read.validity();
            (
                read.subject().as_raw().to_vec(),
                validity.not_before.timestamp() * 1000,
                validity.not_after.timestamp() * 1000,
            )
        };
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&root, key).map_err(kept)?,
            root_pem,
            root,
            subject,
            begins_at_ms,
            ends_at_ms,
        })
    }

    /// The root as PEM: what charge points are to trust.
    pub(crate) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    pub(super) fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// Whether this authority is the issuer that a certificate names, in the bytes it is named with.
    pub(super) fn is_named(&self, issuer: &[u8]) -> bool {
        issuer == self.subject
    }

    /// A certificate with which a charge point proves its identity, for as many days from now on.
    pub(crate) fn issue(
        &self,
        id: &ChargePointId,
        validity_days: u16,
        now_ms: i64,
    ) -> Result<Issued, AuthorityError> {
        let issued_at_ms = now_ms.div_euclid(1000) * 1000;
        let expires_at_ms = (issued_at_ms + i64::from(validity_days) * DAY_MS).min(self.ends_at_ms);
        let serial = serial();
        let mut params = params(id.as_str(), ExtendedKeyUsagePurpose::ClientAuth);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_before = instant(issued_at_ms - SKEW_MS);
        params.not_after = instant(expires_at_ms);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            serial_number: hex::encode(serial),
            fingerprint: fingerprint(certificate.der()),
            certificate_pem: certificate.pem(),
            private_key_pem: key.serialize_pem(),
            issued_at_ms,
            expires_at_ms,
        })
    }

    /// A certificate of this server, under these names beside those of this machine. Its key lives in this process
    /// only and goes with it, so it is good for as long as the root.
    pub(super) fn issue_server(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), AuthorityError> {
        let mut params = params("dynamo", ExtendedKeyUsagePurpose::ServerAuth);
        params.serial_number = Some(SerialNumber::from_slice(&serial()));
        params.not_before = instant(self.begins_at_ms);
        params.not_after = instant(self.ends_at_ms);
        params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
        ];
        for name in names {
            let name = match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            };
            if !params.subject_alt_names.contains(&name) {
                params.subject_alt_names.push(name);
            }
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((
            vec![certificate.der().clone(), self.root.clone()],
            key.into(),
        ))
    }
}

fn kept(why: impl std::fmt::Display) -> AuthorityError {
    AuthorityError::Kept(why.to_string())
}

fn root_params(now_ms: i64) -> CertificateParams {
    // A name of its own: who trusts two servers must be able to tell their roots apart.
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(&root_name());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = instant(now_ms - SKEW_MS);
    params.not_after = instant(now_ms + ROOT_DAYS * DAY_MS);
    params
}

pub(super) fn root_name() -> String {
    format!("{ROOT_NAME} {}", random_text(8))
}

/// Whether a file is the root of an authority as this program makes them, of this database or another one.
pub(super) fn is_a_root(pem: &[u8]) -> bool {
    let mut read = CertificateDer::pem_slice_iter(pem);
    let (Some(Ok(root)), None) = (read.next(), read.next()) else {
        return false;
    };
    X509Certificate::from_der(&root).is_ok_and(|(_, root)| {
        let mut names = root.subject().iter_common_name();
        let name = names.next().and_then(|name| name.as_str().ok());
        name.is_some_and(|name| name.starts_with(ROOT_NAME))
    })
}

fn params(common_name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

pub(super) fn distinguished(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name.push(DnType::OrganizationName, "dynamo");
    name
}

/// Random, positive, and never with a leading zero byte.
fn serial() -> [u8; 16] {
    let mut bytes = uuid::Uuid::new_v4().into_bytes();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    bytes
}

/// An instant as certificates have it. What lies before 1970 becomes that.
fn instant(unix_ms: i64) -> time::OffsetDateTime {
    rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(unix_ms.max(0).unsigned_abs())
}
