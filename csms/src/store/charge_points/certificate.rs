//! Certificates of charge points: what was issued, and what was revoked. Their keys are nowhere.

use crate::domain::charge_points::certificate::Issued;
use crate::store::{OwnedPoint, Owner, Result, Store, on_db, owned};

/// Certificates of one charge point that are listed, the newest.
const LISTED_MAX: i64 = 1000;

/// A certificate that was issued.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Certificate {
    pub id: String,
    pub charge_point_id: String,
    pub serial_number: String,
    pub issued_at_ms: i64,
    pub expires_at_ms: i64,
    pub revoked_at_ms: Option<i64>,
}

/// The columns of [`Certificate`], of a table named `c`.
macro_rules! certificate_columns {
    () => {
        "c.id, c.charge_point_id, c.serial_number, c.issued_at_ms, c.expires_at_ms, c.revoked_at_ms"
    };
}

/// A certificate to keep.
pub(crate) struct NewCertificate {
    pub id: String,
    charge_point_id: String,
    owner: Owner,
    serial_number: String,
    fingerprint: String,
    certificate_pem: String,
    issued_at_ms: i64,
    expires_at_ms: i64,
}

impl NewCertificate {
    /// Everything of what was issued to a charge point but its key.
    pub(crate) fn of(issued: &Issued, point: &OwnedPoint) -> Self {
        Self {
            id: format!("cert_{}", crate::store::random_text(18)),
            charge_point_id: point.id.clone(),
            owner: point.owner().clone(),
            serial_number: issued.serial_number.clone(),
            fingerprint: issued.fingerprint.clone(),
            certificate_pem: issued.certificate_pem.clone(),
            issued_at_ms: issued.issued_at_ms,
            expires_at_ms: issued.expires_at_ms,
        }
    }
}

impl Store {
    /// Keeps a certificate; false when the charge point is not the owner's, or is no more.
    pub(crate) async fn add_certificate(&self, new: NewCertificate) -> Result<bool> {
        self.write(new, |new, conn| {
            Box::pin(async move {
                let owner = &new.owner;
                let made: Option<String> = on_db!(conn, db => sqlx::query_scalar(concat!(
                    "insert into certificate (id, charge_point_id, serial_number, fingerprint, certificate_pem,
                         issued_at_ms, expires_at_ms)
                     select $1, p.id, $3, $4, $5, $6, $7 from charge_point p
                     where p.id = $2 and p.deleted_at_ms is null and ", owned!("p", "$8", "$9", "$10"),
                     " returning id"))
                    .bind(&new.id).bind(&new.charge_point_id).bind(&new.serial_number)
                    .bind(&new.fingerprint).bind(&new.certificate_pem)
                    .bind(new.issued_at_ms).bind(new.expires_at_ms)
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .fetch_optional(db))?;
                Ok(made.is_some())
            })
        })
        .await
    }

    /// The certificates of a charge point, the newest first.
    pub(crate) async fn certificates(&self, point: &OwnedPoint) -> Result<Vec<Certificate>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select ", certificate_columns!(), " from certificate c where c.charge_point_id = $1
             order by c.issued_at_ms desc, c.id limit $2"))
            .bind(&point.id).bind(LISTED_MAX)
            .fetch_all(db))
    }

    /// Revokes a certificate of a charge point for ever and gives its fingerprint; `None` when there is none, or the
    /// charge point is not the owner's any more. One that is revoked already keeps its time.
    pub(crate) async fn revoke_certificate(
        &self,
        point: &OwnedPoint,
        id: &str,
        now_ms: i64,
    ) -> Result<Option<String>> {
        let (owner, charge_point_id) = (point.owner().clone(), point.id.clone());
        let input = (owner, charge_point_id, id.to_owned(), now_ms);
        self.write(input, |(owner, charge_point_id, id, now_ms), conn| {
            Box::pin(async move {
                on_db!(conn, db => sqlx::query_scalar(concat!(
                    "update certificate set revoked_at_ms = coalesce(revoked_at_ms, $1)
                     where id = $2 and charge_point_id in (select p.id from charge_point p
                         where p.id = $3 and p.deleted_at_ms is null and ",
                         owned!("p", "$4", "$5", "$6"), ")
                     returning fingerprint"))
                    .bind(*now_ms).bind(id).bind(charge_point_id)
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .fetch_optional(db))
            })
        })
        .await
    }

    /// The certificate with this fingerprint, if it was issued here.
    pub(crate) async fn certificate_of(&self, fingerprint: &str) -> Result<Option<Certificate>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select ", certificate_columns!(), " from certificate c where c.fingerprint = $1"))
            .bind(fingerprint)
            .fetch_optional(db))
    }

    /// Whether a certificate that was issued here is good no more.
    pub(crate) async fn is_revoked(&self, fingerprint: &str) -> Result<bool> {
        let known = self.certificate_of(fingerprint).await?;
        Ok(known.is_none_or(|known| known.revoked_at_ms.is_some()))
    }
}
