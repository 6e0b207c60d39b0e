//! Organizations, keys and accounts of a scenario, made when somebody calls first.
//!
//! The API has no operations for organizations and keys, so these are made in the store; accounts are opened by the
//! API itself.

use dynamo_csms::domain::tags::tag::TagStatus;
use dynamo_csms::store::{NewApiKey, OrganizationSetting, TagSetting};
use serde_json::json;

use crate::failure::{Failure, StepResult};
use crate::role::rest::{Rest, no_set_up, recipe};
use crate::wire::actor::{Actor, Credential, PASSWORD};

/// The scope that lets a key look.
pub(super) const SCOPE_READ: &str = "read:charge_points";
/// The scope that lets it also change and command.
pub(super) const SCOPE_WRITE: &str = "write:charge_points";

impl Rest {
    /// Its id; the other one is where strangers are.
    pub(super) fn organization(&self, another: bool) -> String {
        format!("org-{}{}", self.unique, if another { "-b" } else { "" })
    }

    /// An organization, unless it is there, and a key of it with these scopes.
    pub(super) async fn make_organization(
        &self,
        id: &str,
        scopes: &[&str],
    ) -> Result<String, Failure> {
        let store = &self.place.store;
        store.create_organization(id, id).await.map_err(no_set_up)?;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let key = NewApiKey::generate(id, scopes);
        let secret = key.key.clone();
        store.create_api_key(key).await.map_err(no_set_up)?;
        Ok(secret)
    }

    pub(super) async fn set_tag(
        &self,
        organization: &str,
        tag: &str,
        status: TagStatus,
    ) -> StepResult {
        let setting = TagSetting {
            organization_id: organization.to_owned(),
            status,
            ..TagSetting::accepted(tag)
        };
        let store = &self.place.store;
        store.set_tag(setting).await.map_err(no_set_up)
    }

    /// What this caller shows; made at its first call.
    pub(crate) async fn credential(&mut self, actor: Actor) -> Result<Credential, Failure> {
        if let Some(known) = self.credentials.get(&actor) {
            return Ok(known.clone());
        }
        let here = self.organization(false);
        let made = match actor {
            Actor::Nobody => Credential::None,
            Actor::Stranger => Credential::Key("dyn_N0B0DYM4DETHISKEY".into()),
            Actor::Organization => {
                return Err(Failure::new("the organization has lost its key"));
            }
            Actor::Reader => Credential::Key(self.make_organization(&here, &[SCOPE_READ]).await?),
            Actor::Powerless => Credential::Key(self.make_organization(&here, &[]).await?),
            Actor::AnotherOrganization => {
                let there = self.organization(true);
                let scopes = [SCOPE_READ, SCOPE_WRITE];
                Credential::Key(self.make_organization(&there, &scopes).await?)
            }
            Actor::Installer => self.sign_up("installer", &here).await?,
            Actor::AnotherInstaller => self.sign_up("another", &here).await?,
            Actor::ForeignInstaller => {
                let there = self.organization(true);
                self.make_organization(&there, &[]).await?;
                self.sign_up("foreign", &there).await?
            }
            Actor::SiteOwner => Box::pin(recipe::site_owner(self)).await?,
            Actor::AnotherSiteOwner => Box::pin(recipe::another_site_owner(self)).await?,
        };
        self.credentials.insert(actor, made.clone());
        Ok(made)
    }

    /// Opens an account with an organization and logs in.
    async fn sign_up(&self, name: &str, organization: &str) -> Result<Credential, Failure> {
        let opened = OrganizationSetting {
            id: organization.to_owned(),
            takes_sign_ups: Some(true),
            ..OrganizationSetting::default()
        };
        let opened = self.place.store.set_organization(opened).await;
        opened.map_err(no_set_up)?;
        let email = format!("{name}@{}.example.com", self.unique);
        let account = json!({"name": name, "email": email, "password": PASSWORD, "company": "Mains & Sons",
            "organization_id": organization});
        self.set_up(Actor::Nobody, "POST", "/api/v1/installer/signup", account)
            .await?;
        self.log_in(&email, PASSWORD).await
    }

    /// The token of an account.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Result<Credential, Failure> {
        let login = json!({"email": email, "password": password});
        let answer = self
            .set_up(Actor::Nobody, "POST", "/api/v1/installer/login", login)
            .await?;
        let token = answer["token"].as_str();
        let token = token.ok_or_else(|| Failure::new("the login gives no token"))?;
        Ok(Credential::Token(token.to_owned()))
    }
}
