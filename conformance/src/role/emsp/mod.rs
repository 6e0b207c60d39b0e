//! The rig as one or two eMSPs that roam with a CPO under test.
//!
//! | what | where |
//! | --- | --- |
//! | a scenario's place at the CPO: its partners, its words, its answers | here |
//! | the CPO under test, and who invites partners there | `under_test` |
//! | one partner: its tokens, its endpoints, its registration | [`partner`] |
//! | a request is sent, and written down with its answer | `caller` |
//! | a list, page by page | [`list`] |
//! | what is at the CPO so that there is something to see | `data` |

mod caller;
mod data;
pub(crate) mod list;
pub(crate) mod partner;
pub(crate) mod under_test;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, StepResult};
use crate::role::Closed;
use crate::role::rest::words;
use crate::role::rig::Rig;
use crate::rules::Breach;
use crate::rules::ocpi::{Parties, Party, breaches};
use crate::wire::entry::{End, Entry};
use crate::wire::ocpi::{Asked, Exchange, Ledger, Module, Place, entries};
use crate::words::{quoted, span};
use caller::Caller;
use partner::{Name, Partner, Shows};
use under_test::{CpoUnderTest, Tenant};

/// What was sent and answered in a scenario, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) entries: Vec<Entry>,
    pub(crate) breaches: Vec<Breach>,
}

/// One scenario's place at the CPO under test.
#[derive(Debug)]
pub(crate) struct Roaming {
    under_test: Arc<CpoUnderTest>,
    tenant: Option<Tenant>,
    pub(crate) patience: Duration,
    caller: Caller,
    partners: BTreeMap<Name, Partner>,
    pub(crate) ledger: Ledger,
    /// What steps can say in braces.
    pub(crate) words: BTreeMap<String, String>,
    /// Of the next request.
    pub(crate) next_headers: Vec<(String, Vec<u8>)>,
    /// A request whose answer has not come yet.
    pub(crate) pending: Option<JoinHandle<Result<Exchange, Failure>>>,
    /// The answers to the last step that sent something.
    pub(crate) answers: Vec<Exchange>,
    /// By which word the CPO knows the partner that it registered with.
    known_as: Option<String>,
    /// How many exchanges there were when the last step that sent something began.
    pub(crate) since: usize,
}

impl Roaming {
    /// A place without partners.
    pub(crate) async fn open(rig: &Arc<Rig>) -> Result<Self, Closed> {
        let missing = || Failure::new("the rig has no CPO to roam with");
        let under_test = Arc::clone(rig.cpo.as_ref().ok_or_else(missing)?);
        let ledger = Ledger::default();
        let bend = rig.between.ocpi.map(|make| Arc::new(Mutex::new(make())));
        let tenant = under_test.tenant(rig.number()).await?;
        let mut words = BTreeMap::new();
        words.insert("versions".to_owned(), under_test.versions.clone());
        // A card of this scenario alone.
        words.insert(
            "uid".to_owned(),
            format!("RIG-{:08X}", rand::random::<u32>()),
        );
        Ok(Self {
            caller: Caller::new(under_test.client.clone(), ledger.clone(), bend),
            under_test,
            tenant,
            patience: rig.patience,
            partners: BTreeMap::new(),
            ledger,
            words,
            next_headers: Vec::new(),
            pending: None,
            answers: Vec::new(),
            known_as: None,
            since: 0,
        })
    }

    /// Whether the CPO takes what the API's documents want, beyond the standard.
    pub(crate) fn forgives(&self) -> bool {
        self.tenant.is_some()
    }

    /// A text with what is in braces put in.
    pub(crate) fn expand(&self, text: &str) -> Result<String, Failure> {
        words::expand(&self.words, text)
    }

    /// A partner with an invitation that it has not used.
    pub(crate) async fn invite(&mut self, name: Name) -> Result<(), Closed> {
        let invited = self.under_test.invite(name, self.tenant.as_ref()).await?;
        self.take(name, invited);
        Ok(())
    }

    /// Another invitation for a partner that is here.
    pub(crate) async fn invite_again(&mut self, name: Name) -> Result<(), Closed> {
        let tenant = self.tenant.as_ref();
        let token = self.under_test.another_token(tenant).await?;
        self.partner_mut(name)?.invited_with(token);
        Ok(())
    }

    /// A partner that is registered, as of a scenario before this one where the CPO is somebody's.
    pub(crate) async fn registered(&mut self, name: Name) -> Result<(), Closed> {
        if self.partners.contains_key(&name) {
            return Ok(());
        }
        match self.under_test.kept(name) {
            Some(kept) if kept.ended => {
                return Err(Closed::NotRun(format!(
                    "{name} has ended its registration, and has no other token A"
                )));
            }
            Some(kept) => self.take(name, kept),
            None => self.invite(name).await?,
        }
        if self.partner(name)?.token_c.is_none() {
            self.discover(name).await?;
            let answer = self.register(name, Method::POST, None).await?;
            if self.partner(name)?.token_c.is_none() {
                let text = format!("{name} could not register: {}", answer.in_words());
                return Err(Failure::new(text).into());
            }
        }
        self.put_words(name);
        Ok(())
    }

    fn take(&mut self, name: Name, partner: Partner) {
        partner.emsp.attach(self.ledger.clone(), self.caller.bend());
        partner.open_doors();
        self.partners.insert(name, partner);
        self.put_words(name);
    }

    /// The endpoints of the CPO as a partner was told of them become words.
    fn put_words(&mut self, name: Name) {
        let Some(partner) = self.partners.get(&name) else {
            return;
        };
        self.words.extend(partner.words());
    }

    /// A partner that a step before this one brought.
    pub(crate) fn partner(&self, name: Name) -> Result<&Partner, Failure> {
        self.partners
            .get(&name)
            .ok_or_else(|| Failure::new(format!("no step before this one has brought {name}")))
    }

    /// The same, to change it.
    pub(crate) fn partner_mut(&mut self, name: Name) -> Result<&mut Partner, Failure> {
        self.partners
            .get_mut(&name)
            .ok_or_else(|| Failure::new(format!("no step before this one has brought {name}")))
    }

    /// Reads versions and details as the partner's state lets it.
    pub(crate) async fn discover(&mut self, name: Name) -> StepResult {
        let versions = self.under_test.versions.clone();
        let list = self.ask(name, Method::GET, &versions, None).await?;
        let details = partner::details_url(&list)?;
        self.words.insert("details".to_owned(), details.clone());
        self.partner_mut(name)?.details_url = Some(details.clone());
        let details = self.ask(name, Method::GET, &details, None).await?;
        self.partner_mut(name)?.learn(&list, &details)?;
        self.put_words(name);
        Ok(())
    }

    /// Sends credentials with a new token of the partner; `change` is merged into them [RFC 7396]. Keeps what comes of it.
    pub(crate) async fn register(
        &mut self,
        name: Name,
        method: Method,
        change: Option<&serde_json::Value>,
    ) -> Result<Exchange, Failure> {
        if self.partner(name)?.endpoints.is_empty() {
            self.discover(name).await?;
        }
        let body = self.partner_mut(name)?.offer(change);
        let url = self.expand("{credentials}")?;
        let exchange = self.ask(name, method, &url, Some(body)).await?;
        self.partner_mut(name)?.registered(&exchange);
        self.put_words(name);
        Ok(exchange)
    }

    /// Has the CPO register with a partner that gave it a token.
    pub(crate) async fn have_registered(&mut self, name: Name) -> Result<(), Closed> {
        self.begin();
        let partner = self.partner_mut(name)?;
        partner.gives_out_another();
        let (token_b, url) = (partner.token_b.clone(), partner.emsp.url(Module::Versions));
        let tenant = self.tenant.as_ref();
        let asked = self.under_test.ask_registration(tenant, &url, &token_b);
        self.known_as = Some(asked.await?);
        Ok(())
    }

    /// Has the CPO give a partner another token, as it knows the partner since it registered with it.
    pub(crate) async fn have_renewed(&mut self, name: Name) -> Result<(), Closed> {
        self.begin();
        let missing = || Failure::new(format!("the CPO has not registered with {name}"));
        let id = self.known_as.clone().ok_or_else(missing)?;
        self.partner_mut(name)?.gives_out_another();
        self.under_test.ask_renewal(&id).await
    }

    /// A request with what the partner shows by its state.
    pub(crate) async fn ask(
        &mut self,
        name: Name,
        method: Method,
        url: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Exchange, Failure> {
        let asked = self.request(name, method, url, Shows::Current, body)?;
        self.caller.call(asked).await
    }

    /// A request of a partner, with the headers that were said before it.
    pub(crate) fn request(
        &mut self,
        name: Name,
        method: Method,
        url: &str,
        shows: Shows,
        body: Option<Vec<u8>>,
    ) -> Result<Asked, Failure> {
        let own = self.own_party();
        let partner = self.partner(name)?;
        let place = self.place(partner, url);
        let mut headers = partner.headers(shows, &place, own.as_ref())?;
        if body.is_some() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        // One that is said replaces the usual one; the same name twice stands there twice.
        let mut replaced: Vec<HeaderName> = Vec::new();
        for (header, value) in std::mem::take(&mut self.next_headers) {
            put(&mut headers, &mut replaced, &header, &value)?;
        }
        Ok(Asked {
            by: End::Rig,
            partner: name.to_string(),
            at: std::time::SystemTime::now(),
            place,
            method,
            url: url.replace(' ', "%20"),
            headers,
            body: body.unwrap_or_default(),
        })
    }

    fn place(&self, partner: &Partner, url: &str) -> Place {
        partner.place(url, &self.under_test.versions)
    }

    /// Sends requests.
    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// From now on steps speak of what comes of this one.
    pub(crate) fn begin(&mut self) {
        self.answers.clear();
        self.since = self.ledger.len();
    }

    /// The last answer; waits for one that is under way.
    pub(crate) async fn answer(&mut self) -> Result<&Exchange, Failure> {
        if let Some(pending) = self.pending.take() {
            let broke = |_| Failure::new("the request broke off");
            self.answers = vec![pending.await.map_err(broke)??];
        }
        self.answers
            .last()
            .ok_or_else(|| Failure::new("nothing was sent before this step"))
    }

    /// What a partner was asked since the last step that sent something.
    pub(crate) fn came(&self, name: Name) -> Vec<Exchange> {
        let name = name.to_string();
        let all = self.ledger.from(self.since).into_iter();
        all.filter(|one| one.asked.by == End::Sut && one.asked.partner == name)
            .collect()
    }

    /// Waits until the CPO has asked a partner for something that fits.
    pub(crate) async fn expect(
        &self,
        name: Name,
        what: &str,
        fits: impl Fn(&Exchange) -> bool,
    ) -> Result<Exchange, Failure> {
        let deadline = Instant::now() + self.patience;
        let mut changes = self.ledger.changes();
        loop {
            changes.borrow_and_update();
            let came = self.came(name);
            if let Some(found) = came.iter().find(|one| fits(one)) {
                return Ok(found.clone());
            }
            if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
                let came: Vec<String> = came.iter().map(|one| one.asked.in_words()).collect();
                return Err(Failure::new(format!(
                    "{name} was not asked for {what} within {}; it was asked: {}",
                    span(self.patience),
                    if came.is_empty() {
                        "nothing".to_owned()
                    } else {
                        came.join("; ")
                    }
                )));
            }
        }
    }

    /// The party of the CPO, once it said so.
    pub(crate) fn own_party(&self) -> Option<Party> {
        self.partners
            .values()
            .find_map(|partner| partner.own.clone())
    }

    /// What was sent and answered, and what was wrong with it. A CPO of somebody's keeps its partners.
    pub(crate) fn close(mut self) -> Record {
        if let Some(pending) = self.pending.take() {
            pending.abort();
        }
        let exchanges = self.ledger.from(0);
        let parties = Parties {
            own: self.own_party(),
            partners: self
                .partners
                .iter()
                .map(|(name, partner)| (name.to_string(), partner.party()))
                .collect(),
            tokens: self
                .partners
                .values()
                .flat_map(Partner::given_out)
                .collect(),
        };
        for (name, partner) in self.partners {
            self.under_test.keep(name, partner);
        }
        Record {
            entries: entries(&exchanges),
            breaches: breaches(&exchanges, &parties),
        }
    }
}

/// Puts a header that a step has said among those that a partner sends.
fn put(
    headers: &mut HeaderMap,
    replaced: &mut Vec<HeaderName>,
    name: &str,
    value: &[u8],
) -> StepResult {
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Failure::new(format!("{} is no name of a header", quoted(name))))?;
    if value == b"(nothing)" {
        headers.remove(&known);
        return Ok(());
    }
    let value = HeaderValue::from_bytes(value)
        .map_err(|_| Failure::new(format!("{name} cannot be sent with such a value")))?;
    if replaced.contains(&known) {
        headers.append(known, value);
    } else {
        headers.insert(known.clone(), value);
        replaced.push(known);
    }
    Ok(())
}
