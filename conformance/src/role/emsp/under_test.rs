//! The CPO that a run puts to the test: where it is, and how partners come by invitations.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dynamo_csms::store::{NewApiKey, Store};
use reqwest::Client;
use reqwest::redirect::Policy;

use super::partner::{Name, Partner};
use crate::failure::Failure;
use crate::peer::emsp::Emsp;
use crate::role::Closed;

/// How long a CPO may take for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The CPO under test.
pub(crate) struct CpoUnderTest {
    /// Its list of versions.
    pub(crate) versions: String,
    pub(super) client: Client,
    whose: Whose,
}

/// Whose it is.
enum Whose {
    /// Of this process: each scenario has an organization of its own there.
    Bundled { base: String, store: Store },
    /// Somebody's: partners stay what they are from one scenario to the next.
    Foreign {
        /// An address of the rig that it reaches.
        host: IpAddr,
        tokens: Mutex<VecDeque<String>>,
        kept: Mutex<BTreeMap<Name, Partner>>,
    },
}

impl fmt::Debug for CpoUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.versions)
    }
}

/// The organization of a scenario at the bundled CPO.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) base: String,
    pub(super) organization: String,
    pub(super) key: String,
}

/// What is missing where all invitations are used.
const NO_TOKEN: &str = "it needs a token A that nobody has used yet; give one more with --token";

fn client() -> anyhow::Result<Client> {
    // A second installation in the same process is refused, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder()
        .redirect(Policy::none())
        .timeout(ANSWER_MAX)
        .pool_max_idle_per_host(0)
        .build()?)
}

impl CpoUnderTest {
    /// The one of the bundled CSMS at `base`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(crate) fn bundled(base: String, store: Store) -> anyhow::Result<Self> {
        Ok(Self {
            versions: format!("{base}/ocpi/versions"),
            client: client()?,
            whose: Whose::Bundled { base, store },
        })
    }

    /// Somebody's, which reaches the rig at `host` and gave out these tokens A.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(crate) fn foreign(
        versions: String,
        host: IpAddr,
        tokens: Vec<String>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            versions,
            client: client()?,
            whose: Whose::Foreign {
                host,
                tokens: Mutex::new(tokens.into()),
                kept: Mutex::default(),
            },
        })
    }

    /// An organization for one scenario, told from all others by its number.
    pub(super) async fn tenant(&self, number: u32) -> Result<Option<Tenant>, Failure> {
        let Whose::Bundled { base, store } = &self.whose else {
            return Ok(None);
        };
        let organization = format!("cpo-{number:06}");
        let made = store.create_organization(&organization, &organization);
        made.await.map_err(no_set_up)?;
        let scopes = ["read:charge_points", "write:charge_points"];
        let key = NewApiKey::generate(&organization, scopes.map(str::to_owned).to_vec());
        let secret = key.key.clone();
        store.create_api_key(key).await.map_err(no_set_up)?;
        Ok(Some(Tenant {
            base: base.clone(),
            organization,
            key: secret,
        }))
    }

    /// A partner with an invitation that it has not used.
    pub(super) async fn invite(
        &self,
        name: Name,
        tenant: Option<&Tenant>,
    ) -> Result<Partner, Closed> {
        match &self.whose {
            Whose::Bundled { .. } => {
                let token = self.another_token(tenant).await?;
                let host = IpAddr::from([127, 0, 0, 1]);
                Ok(Partner::new(name, serve(name, host).await?, token))
            }
            Whose::Foreign { host, tokens, kept } => {
                let known = locked(kept).get(&name).cloned();
                match known {
                    Some(partner) if partner.token_c.is_none() && !partner.ended => Ok(partner),
                    Some(_) => Err(Closed::NotRun(format!(
                        "{name} has used its token A; {NO_TOKEN}"
                    ))),
                    None => {
                        let token = locked(tokens).pop_front();
                        let token = token.ok_or_else(|| Closed::NotRun(NO_TOKEN.to_owned()))?;
                        Ok(Partner::new(name, serve(name, *host).await?, token))
                    }
                }
            }
        }
    }

    /// One more invitation.
    pub(super) async fn another_token(&self, tenant: Option<&Tenant>) -> Result<String, Closed> {
        match (&self.whose, tenant) {
            (Whose::Bundled { store, .. }, Some(tenant)) => {
                let now_ms = jiff::Timestamp::now().as_millisecond();
                let issued = store.issue_ocpi_token(&tenant.organization, "rig", now_ms);
                let (_, token) = issued.await.map_err(no_set_up)?;
                Ok(token)
            }
            _ => Err(Closed::NotRun(NO_TOKEN.to_owned())),
        }
    }

    /// Has the CPO register with a partner; gives the word by which it knows it.
    pub(super) async fn ask_registration(
        &self,
        tenant: Option<&Tenant>,
        versions: &str,
        token: &str,
    ) -> Result<String, Closed> {
        match (&self.whose, tenant) {
            (Whose::Bundled { store, .. }, Some(tenant)) => {
                let now_ms = jiff::Timestamp::now().as_millisecond();
                let organization = &tenant.organization;
                let asked = store.ask_ocpi_registration(organization, versions, token, now_ms);
                Ok(asked.await.map_err(no_set_up)?)
            }
            _ => Err(Closed::NotRun(BY_HAND.to_owned())),
        }
    }

    /// Has the CPO give a partner another token.
    pub(super) async fn ask_renewal(&self, id: &str) -> Result<(), Closed> {
        let Whose::Bundled { store, .. } = &self.whose else {
            return Err(Closed::NotRun(BY_HAND.to_owned()));
        };
        let now_ms = jiff::Timestamp::now().as_millisecond();
        match store.ask_ocpi_renewal(id, now_ms).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(no_set_up("there is no such partner").into()),
            Err(error) => Err(no_set_up(error).into()),
        }
    }

    /// A partner of a scenario before this one that is registered.
    pub(super) fn kept(&self, name: Name) -> Option<Partner> {
        let Whose::Foreign { kept, .. } = &self.whose else {
            return None;
        };
        let kept = locked(kept);
        kept.get(&name).cloned()
    }

    /// Keeps a partner for the scenarios after this one.
    pub(super) fn keep(&self, name: Name, partner: Partner) {
        if let Whose::Foreign { kept, .. } = &self.whose {
            locked(kept).insert(name, partner);
        }
    }
}

/// What only a person could do at a CPO of somebody's.
const BY_HAND: &str = "nobody can tell this CPO to register with the rig, or to renew its token";

pub(super) fn no_set_up(error: impl fmt::Display) -> Failure {
    Failure::new(format!("the scenario cannot be set up: {error}"))
}

async fn serve(name: Name, host: IpAddr) -> Result<Emsp, Failure> {
    Emsp::serve(&name.to_string(), name.party(), host).await
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
