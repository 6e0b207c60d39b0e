//! Accounts of people, and whose things a caller may reach.

use crate::store::database::query_text::Put;
use crate::store::{Conn, Result, Store, on_db, run_on_db};

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Registers and commissions charge points.
    Installer,
    /// Was handed a project, and reads it.
    SiteOwner,
}

impl Role {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::SiteOwner => "site_owner",
        }
    }

    fn from_word(word: &str) -> Self {
        // Written by this program only, by `as_str`; who is no installer may do least.
        if word == Self::Installer.as_str() {
            Self::Installer
        } else {
            Self::SiteOwner
        }
    }
}

/// Whose charge points, projects and sessions a query reaches. Part of every query, also where an id is given:
/// what belongs to others is not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Everything of this organization.
    pub organization_id: String,
    /// Of that, only what this installer registered.
    pub installer_id: Option<String>,
    /// Of that, only what was handed over to this site owner.
    pub site_owner_id: Option<String>,
}

impl Owner {
    /// Everything of an organization.
    #[must_use]
    pub const fn organization(organization_id: String) -> Self {
        Self {
            organization_id,
            installer_id: None,
            site_owner_id: None,
        }
    }
}

/// The condition that what is in a row is the owner's: of a charge point what it is now, of a transaction what its
/// charge point was when it began. Bind organization, installer and site owner in this order.
///
/// Who sees a transaction, for ever, whatever becomes of its charge point (moved to another project, given to another
/// organization, deleted):
/// - the organization that it was made in;
/// - the installer who had registered the charge point, before and after the hand-over;
/// - the site owner of the project that it was made in, from the day of accepting on, also what was before: a
///   project changes hands with its history, and a charge point without it.
///
/// What a charge point is and has now (status, configuration, certificates, commissioning, tariff) goes with it.
macro_rules! owned {
    ($row:literal, $organization:literal, $installer:literal, $site_owner:literal) => {
        concat!(
            $row,
            ".organization_id = ",
            $organization,
            " and (",
            $installer,
            " is null or ",
            $row,
            ".installer_id = ",
            $installer,
            ")",
            " and (",
            $site_owner,
            " is null or ",
            $row,
            ".project_id in",
            " (select o.id from project o where o.site_owner_id = ",
            $site_owner,
            "))"
        )
    };
}
pub(crate) use owned;

/// The same condition for a text that is put together, of what this owner has: what is no matter for it is left out.
pub(in crate::store) fn owner_conditions(owner: &Owner, row: &str, put: &mut Put) -> String {
    let organization = put.text(&owner.organization_id);
    let mut text = format!("{row}.organization_id = {organization}");
    if let Some(installer) = &owner.installer_id {
        let installer = put.text(installer);
        text += &format!(" and {row}.installer_id = {installer}");
    }
    if let Some(site_owner) = &owner.site_owner_id {
        let site_owner = put.text(site_owner);
        text += &format!(
            " and {row}.project_id in (select o.id from project o where o.site_owner_id = {site_owner})"
        );
    }
    text
}

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub id: String,
    pub organization_id: String,
    pub role: Role,
    pub name: String,
    pub email: String,
    pub company: Option<String>,
    pub password_hash: String,
    pub created_at_ms: i64,
}

impl Account {
    pub(crate) fn owner(&self) -> Owner {
        let id = Some(self.id.clone());
        let (installer_id, site_owner_id) = match self.role {
            Role::Installer => (id, None),
            Role::SiteOwner => (None, id),
        };
        Owner {
            organization_id: self.organization_id.clone(),
            installer_id,
            site_owner_id,
        }
    }
}

/// E-mail addresses are compared without case.
pub(crate) fn email_key(email: &str) -> String {
    email.to_lowercase()
}

type AccountColumns = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    i64,
);

fn account_of(row: AccountColumns) -> Account {
    let (id, organization_id, role, name, email, company, password_hash, created_at_ms) = row;
    Account {
        id,
        organization_id,
        role: Role::from_word(&role),
        name,
        email,
        company,
        password_hash,
        created_at_ms,
    }
}

impl Store {
    /// Makes an account; false when one with this e-mail address exists.
    pub(crate) async fn create_account(&self, account: Account) -> Result<bool> {
        self.write(account, |account, conn| {
            Box::pin(async move { conn.insert_account(account).await })
        })
        .await
    }

    /// The account of this id.
    pub(crate) async fn account(&self, id: &str) -> Result<Option<Account>> {
        let mut conn = self.reader().await?;
        let row: Option<AccountColumns> = on_db!(&mut conn, db => sqlx::query_as(
            "select id, organization_id, role, name, email, company, password_hash, created_at_ms
             from account where id = $1")
            .bind(id)
            .fetch_optional(db))?;
        Ok(row.map(account_of))
    }

    /// The account with this e-mail address.
    pub(crate) async fn account_by_email(&self, email: &str) -> Result<Option<Account>> {
        let mut conn = self.reader().await?;
        conn.account_by_email_key(&email_key(email)).await
    }

    /// What is kept under this name, if anything is.
    pub(crate) async fn named_secret(&self, name: &'static str) -> Result<Option<String>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar("select value from secret where name = $1")
            .bind(name)
            .fetch_optional(db))
    }

    /// Keeps a value under this name, in the place of the one before.
    pub(crate) async fn set_secret(&self, name: &'static str, value: String) -> Result<()> {
        self.write((name, value), |(name, value), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "insert into secret (name, value) values ($1, $2)
                     on conflict (name) do update set value = excluded.value")
                    .bind(*name).bind(value)
                    .execute(db))
            })
        })
        .await
    }

    /// A secret of this server, kept from its first use on: `fresh` when there was none.
    pub(crate) async fn secret(&self, name: &'static str, fresh: String) -> Result<String> {
        self.write((name, fresh), |(name, fresh), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "insert into secret (name, value) values ($1, $2) on conflict do nothing")
                    .bind(*name).bind(fresh)
                    .execute(db))?;
                on_db!(conn, db => sqlx::query_scalar("select value from secret where name = $1")
                    .bind(*name)
                    .fetch_one(db))
            })
        })
        .await
    }
}

impl Conn {
    pub(crate) async fn account_by_email_key(&mut self, key: &str) -> Result<Option<Account>> {
        let row: Option<AccountColumns> = on_db!(self, db => sqlx::query_as(
            "select id, organization_id, role, name, email, company, password_hash, created_at_ms
             from account where email_key = $1")
            .bind(key)
            .fetch_optional(db))?;
        Ok(row.map(account_of))
    }

    pub(crate) async fn insert_account(&mut self, account: &Account) -> Result<bool> {
        let made: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "insert into account (id, organization_id, role, name, email, email_key, company, password_hash,
                 created_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning id")
            .bind(&account.id).bind(&account.organization_id).bind(account.role.as_str())
            .bind(&account.name).bind(&account.email).bind(email_key(&account.email))
            .bind(&account.company).bind(&account.password_hash).bind(account.created_at_ms)
            .fetch_optional(db))?;
        Ok(made.is_some())
    }
}
