//! Passwords of charge points: what is kept of them, and of keys that were sent and may be passwords by now.

use crate::domain::charge_points::password::{Passwords, PendingPassword};
use crate::domain::charge_points::security::SecurityProfile;
use crate::store::{Conn, Result, Store, StoreError, on_db, run_on_db};

/// What is kept of pending keys, as JSON.
pub(in crate::store) fn pending_of(kept: Option<&str>) -> Result<Vec<PendingPassword>> {
    let Some(kept) = kept else {
        return Ok(Vec::new());
    };
    serde_json::from_str(kept).map_err(|error| {
        StoreError::Corrupt(format!("pending passwords that cannot be read: {error}"))
    })
}

/// The security profile of a charge point by its number.
pub(in crate::store) fn profile_of(number: i64) -> Result<SecurityProfile> {
    SecurityProfile::from_number(number)
        .ok_or_else(|| StoreError::Corrupt(format!("a charge point of security profile {number}")))
}

impl Store {
    /// Whether passwords are kept as digests with a key, which begin with `keyed`, that do not begin with `own`.
    pub(crate) async fn has_foreign_digests(&self, keyed: &str, own: &str) -> Result<bool> {
        let mut conn = self.reader().await?;
        let any: Option<i64> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select cast(1 as bigint) from charge_point where deleted_at_ms is null
                 and ((password_hash like $1 || '%' and password_hash not like $2 || '%')
                     or (pending_passwords like '%' || $1 || '%'
                         and pending_passwords not like '%' || $2 || '%')) limit 1")
            .bind(keyed).bind(own)
            .fetch_optional(db))?;
        Ok(any.is_some())
    }
}

impl Conn {
    /// The passwords of a charge point; who changes them at the same time waits.
    pub(crate) async fn hold_passwords(&mut self, id: &str) -> Result<Option<Passwords>> {
        let row: Option<(Option<String>, Option<String>, i64)> = on_db!(self, db => sqlx::query_as(
            "update charge_point set id = id where id = $1 and deleted_at_ms is null
             returning password_hash, pending_passwords, security_profile")
            .bind(id)
            .fetch_optional(db))?;
        row.map(|(password, pending, profile)| {
            Ok(Passwords {
                password,
                pending: pending_of(pending.as_deref())?,
                profile: profile_of(profile)?,
            })
        })
        .transpose()
    }

    pub(crate) async fn keep_passwords(&mut self, id: &str, kept: &Passwords) -> Result<()> {
        let pending = (!kept.pending.is_empty())
            .then(|| serde_json::to_string(&kept.pending).expect("texts can be written as JSON"));
        run_on_db!(self, db => sqlx::query(
            "update charge_point set password_hash = $2, pending_passwords = $3 where id = $1")
            .bind(id).bind(&kept.password).bind(pending)
            .execute(db))
    }
}
