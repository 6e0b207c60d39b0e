//! Passwords of charge points: what is kept of them, and of keys that were sent and may be passwords by now.

use serde::{Deserialize, Serialize};

use crate::domain::charge_points::security::SecurityProfile;
use crate::store::{Conn, Result, Store, StoreError, on_db, run_on_db};

/// Keys that were sent to one charge point and may be its password; of more the oldest is forgotten.
const PENDING_MAX: usize = 4;

/// A key that was sent to a charge point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPassword {
    /// What is kept of it.
    pub hash: String,
    /// What is known of it.
    pub state: PendingState,
}

/// What is known of a key that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingState {
    /// It is on its way; so it stays when the server ends before the answer.
    Sent,
    /// The charge point takes it with its next reboot.
    AfterReboot,
    /// There was no answer that says anything: the charge point uses this one or the one before, or will after a reboot.
    Unknown,
}

/// What became of a key that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It is the password from now on.
    Taken,
    AfterReboot,
    Unknown,
    NotTaken,
}

/// What is kept of pending keys, as JSON.
pub(in crate::store) fn pending_of(kept: Option<&str>) -> Result<Vec<PendingPassword>> {
    let Some(kept) = kept else {
        return Ok(Vec::new());
    };
    serde_json::from_str(kept).map_err(|error| {
        StoreError::Corrupt(format!("pending passwords that cannot be read: {error}"))
    })
}

/// What a pending key is after its answer, and whether it is the password now.
fn settle(
    pending: &mut Vec<PendingPassword>,
    hash: &str,
    settlement: Settlement,
    comes_without: bool,
) -> bool {
    // Somebody set another password meanwhile, or the charge point came with the key already.
    let Some(place) = pending.iter().position(|pending| pending.hash == hash) else {
        return false;
    };
    match settlement {
        // A charge point without a password shows none, whatever key it has, until its profile asks for one.
        Settlement::Taken if comes_without => pending[place].state = PendingState::AfterReboot,
        Settlement::Taken => {
            pending.clear();
            return true;
        }
        Settlement::AfterReboot => pending[place].state = PendingState::AfterReboot,
        Settlement::Unknown => pending[place].state = PendingState::Unknown,
        Settlement::NotTaken => {
            pending.remove(place);
        }
    }
    false
}

impl Store {
    /// Keeps a key before it is sent: whatever happens then, the charge point can come with it.
    pub(crate) async fn expect_password(&self, id: &str, hash: String) -> Result<()> {
        self.write((id.to_owned(), hash), |(id, hash), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                if kept.pending.len() >= PENDING_MAX {
                    kept.pending.remove(0);
                }
                kept.pending.push(PendingPassword {
                    hash: hash.clone(),
                    state: PendingState::Sent,
                });
                conn.keep_passwords(id, &kept).await
            })
        })
        .await
    }

    /// Keeps what became of a key that was sent.
    pub(crate) async fn settle_password(
        &self,
        id: &str,
        hash: String,
        settlement: Settlement,
    ) -> Result<()> {
        let input = (id.to_owned(), hash, settlement);
        self.write(input, |(id, hash, settlement), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                let comes_without =
                    kept.password.is_none() && kept.profile == SecurityProfile::None.number();
                if settle(&mut kept.pending, hash, *settlement, comes_without) {
                    kept.password = Some(hash.clone());
                }
                conn.keep_passwords(id, &kept).await
            })
        })
        .await
    }

    /// Makes a key that was sent the password: the charge point came with it.
    pub(crate) async fn adopt_password(&self, id: &str, hash: String) -> Result<()> {
        self.write((id.to_owned(), hash), |(id, hash), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                if kept.pending.iter().any(|pending| pending.hash == *hash) {
                    kept.pending.clear();
                    kept.password = Some(hash.clone());
                    conn.keep_passwords(id, &kept).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Keeps a password that a charge point came with anew: what was kept of it, and what is from now on. Keys that were
    /// sent stay beside it.
    pub(crate) async fn renew_password(&self, id: &str, old: String, new: String) -> Result<()> {
        self.write((id.to_owned(), old, new), |(id, old, new), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update charge_point set password_hash = $3
                     where id = $1 and password_hash = $2 and deleted_at_ms is null")
                    .bind(id.as_str()).bind(old.as_str()).bind(new.as_str())
                    .execute(db))
            })
        })
        .await
    }

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

/// The passwords of one charge point.
struct Kept {
    password: Option<String>,
    pending: Vec<PendingPassword>,
    profile: i64,
}

impl Conn {
    /// The passwords of a charge point; who changes them at the same time waits.
    async fn hold_passwords(&mut self, id: &str) -> Result<Option<Kept>> {
        let row: Option<(Option<String>, Option<String>, i64)> = on_db!(self, db => sqlx::query_as(
            "update charge_point set id = id where id = $1 and deleted_at_ms is null
             returning password_hash, pending_passwords, security_profile")
            .bind(id)
            .fetch_optional(db))?;
        row.map(|(password, pending, profile)| {
            Ok(Kept {
                password,
                pending: pending_of(pending.as_deref())?,
                profile,
            })
        })
        .transpose()
    }

    async fn keep_passwords(&mut self, id: &str, kept: &Kept) -> Result<()> {
        let pending = (!kept.pending.is_empty())
            .then(|| serde_json::to_string(&kept.pending).expect("texts can be written as JSON"));
        run_on_db!(self, db => sqlx::query(
            "update charge_point set password_hash = $2, pending_passwords = $3 where id = $1")
            .bind(id).bind(&kept.password).bind(pending)
            .execute(db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(keys: &[(&str, PendingState)]) -> Vec<PendingPassword> {
        let of = |(hash, state): &(&str, PendingState)| PendingPassword {
            hash: (*hash).to_owned(),
            state: *state,
        };
        keys.iter().map(of).collect()
    }

    #[test]
    fn an_answer_settles_the_key_it_is_about() {
        use PendingState::{AfterReboot, Sent, Unknown};
        let before = [("old", Unknown), ("new", Sent)];
        for (settlement, comes_without, after, taken) in [
            (Settlement::Taken, false, &[][..], true),
            (
                Settlement::Taken,
                true,
                &[("old", Unknown), ("new", AfterReboot)],
                false,
            ),
            (
                Settlement::AfterReboot,
                false,
                &[("old", Unknown), ("new", AfterReboot)],
                false,
            ),
            (
                Settlement::Unknown,
                false,
                &[("old", Unknown), ("new", Unknown)],
                false,
            ),
            (Settlement::NotTaken, false, &[("old", Unknown)], false),
        ] {
            let mut keys = pending(&before);
            let is_taken = settle(&mut keys, "new", settlement, comes_without);
            assert_eq!((keys, is_taken), (pending(after), taken), "{settlement:?}");
        }
        let mut keys = pending(&before);
        assert!(!settle(&mut keys, "gone", Settlement::Taken, false));
        assert_eq!(keys, pending(&before));
    }
}
