//! A Charge Station Management System: OCPP 1.6J server, small REST API, SQLite or PostgreSQL.
//!
//! [`run`] is the command `dynamo csms`, [`admin`] is `dynamo csms admin`, and [`start`] gives a CSMS inside
//! the process, for tests and for the judge. What it deliberately does not do: speak OCPI, or
//! know other OCPP versions.

mod admin;
mod args;
mod clock;
mod commissioning;
pub mod config;
pub mod demo;
pub mod domain;
mod guest;
mod listen;
mod metrics;
mod ocpp;
mod outbox;
mod payment;
mod public;
mod receipt;
mod rest;
pub mod store;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use dynamo_protocol::decode::Decoding;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use admin::{AdminArgs, AdminError, admin};
pub use args::{Args, Command, Unknown, announce, open, run};
pub use clock::Clock;
pub use ocpp::{hash_password, sessions};
pub use outbox::MailSettings;
pub use payment::PaymentSettings;
pub use tls::TlsFiles;
pub use tls::authority::Issued;

use clock::Mono;
use domain::authorization::{UnknownTags, check_tag};
use metrics::Metrics;
use public::PublicUrls;
use sessions::Sessions;
use store::{
    DEFAULT_ORGANIZATION, NewApiKey, NewCertificate, Opener, Owner, Probe, SCOPE_READ, SCOPE_WRITE,
    Store, StoreError, TagSetting, without_password,
};
use tls::authority::{Authority, AuthorityError};
use tls::{Door, TlsDoor};

/// What of unknown origin is let in and recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptUnknown {
    /// Charge points nobody registered.
    pub charge_points: bool,
    /// Id tags nobody registered.
    pub tags: bool,
}

impl AcceptUnknown {
    /// Everything.
    pub const ALL: Self = Self {
        charge_points: true,
        tags: true,
    };

    const fn unknown_tags(self) -> UnknownTags {
        if self.tags {
            UnknownTags::Accept
        } else {
            UnknownTags::Refuse
        }
    }
}

/// How a CSMS is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the REST API; port 0 picks a free one.
    pub http: SocketAddr,
    /// Address of the OCPP server; port 0 picks a free one.
    pub ocpp: SocketAddr,
    /// Address of the REST API with TLS; port 0 picks a free one.
    pub https: Option<SocketAddr>,
    /// Address of the OCPP server with TLS; port 0 picks a free one.
    pub ocpps: Option<SocketAddr>,
    /// Certificate and key of the listeners with TLS; the built-in authority issues them when `None`.
    pub tls: Option<TlsFiles>,
    /// Roots whose certificates prove identities beside those of the built-in authority, a PEM file.
    pub client_ca: Option<std::path::PathBuf>,
    /// `sqlite://PATH` or `postgres://…`.
    pub database: String,
    /// The key of the default organization on a database without keys, at least 8 characters; generated
    /// when `None`.
    pub api_key: Option<String>,
    /// Whether the data of the demo is loaded.
    pub demo: bool,
    /// Tags that are accepted from the start.
    pub id_tags: Vec<String>,
    /// What of unknown origin is let in.
    pub accept_unknown: AcceptUnknown,
    /// Signs the tokens of accounts, at least 32 bytes; generated and kept in the database when `None`.
    pub jwt_key: Option<String>,
    /// How long a token of an account is good.
    pub jwt_lifetime: Duration,
    /// How the REST API is reached from outside, such as `https://csms.example.com`; the listener when `None`.
    pub public_http: Option<String>,
    /// How charge points reach this server, such as `wss://ocpp.example.com`; the listener when `None`.
    pub public_ocpp: Option<String>,
    /// The tax contained in prices, in percent.
    pub tax_rate: rust_decimal::Decimal,
    /// Where mail goes; without it mail waits in the outbox.
    pub mail: Option<MailSettings>,
    /// How long a webhook or the mail server may take for one letter; below 20 seconds.
    pub letter_timeout: Duration,
    /// Who holds and takes the money of guests.
    pub payment: PaymentSettings,
    /// How long the payment gateway may take for one answer.
    pub payment_timeout: Duration,
    /// How long a guest session may take to begin.
    pub guest_authorization: Duration,
    /// How long stopping a guest session waits for the charge point.
    pub guest_stop_wait: Duration,
    /// How long a guest session whose transaction was left without a stop waits for one before it is paid.
    pub guest_late_stop_wait: Duration,
    /// Whether webhooks may reach loopback, private, link-local and other addresses that are not of the public
    /// internet.
    pub webhooks_to_private_networks: bool,
    /// How long a command waits for its answer, its turn included.
    pub command_timeout: Duration,
    /// How long a commissioning run waits for what a charge point agreed to do.
    pub commissioning_wait: Duration,
    /// How long a commissioning run may last; then it has failed.
    pub commissioning_limit: Duration,
    /// How often a charge point is pinged. One that sends nothing for two of these is dead.
    pub ping_interval: Duration,
    /// How long a message may take to leave, before a peer that does not read is given up.
    pub write_timeout: Duration,
    /// How often the times charge points were last heard of are written down.
    pub presence_interval: Duration,
    /// The interval of charge points that have none of their own, in seconds.
    pub heartbeat_interval_s: i32,
    /// How strictly payloads of charge points are read.
    pub decoding: Decoding,
    /// The wall clock.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            http: local(8080),
            ocpp: local(9000),
            https: None,
            ocpps: None,
            tls: None,
            client_ca: None,
            database: "sqlite://dynamo.db".to_owned(),
            api_key: None,
            demo: false,
            id_tags: Vec::new(),
            accept_unknown: AcceptUnknown::default(),
            jwt_key: None,
            jwt_lifetime: Duration::from_hours(24),
            public_http: None,
            public_ocpp: None,
            tax_rate: rust_decimal::Decimal::from(20),
            mail: None,
            letter_timeout: Duration::from_secs(10),
            payment: PaymentSettings::Sandbox,
            payment_timeout: Duration::from_secs(10),
            guest_authorization: Duration::from_mins(5),
            guest_stop_wait: Duration::from_secs(10),
            guest_late_stop_wait: Duration::from_mins(1),
            webhooks_to_private_networks: false,
            command_timeout: Duration::from_secs(10),
            commissioning_wait: Duration::from_mins(1),
            commissioning_limit: Duration::from_mins(30),
            ping_interval: Duration::from_secs(20),
            write_timeout: Duration::from_secs(10),
            presence_interval: Duration::from_secs(30),
            heartbeat_interval_s: 300,
            decoding: Decoding::strict(),
            clock: Clock::default(),
        }
    }
}

/// Why a CSMS could not start: one sentence that names the value and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is taken or not ours.
    #[error(
        "cannot listen on {address} ({flag}): {cause}; choose another address, or port 0 for a free port"
    )]
    Listen {
        /// The flag it came from.
        flag: &'static str,
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The database cannot be opened or brought up to date.
    #[error("cannot open the database {address} (--database): {cause}; {remedy}")]
    Database {
        /// What was asked for, without its password.
        address: String,
        /// What is wrong.
        cause: StoreError,
        /// What to do.
        remedy: &'static str,
    },
    /// The database is open and cannot be written.
    #[error("cannot prepare the database (--database): {0}")]
    Prepare(StoreError),
    /// A flag has a value that cannot be used.
    #[error("{0}")]
    Value(String),
}

// Not `#[from]`: the sentence has its cause in it already, and a source would be said twice.
impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Prepare(error)
    }
}

/// Shortest API key that can be given.
const API_KEY_CHARS_MIN: usize = 8;

/// What everything inside shares.
pub(crate) struct App {
    pub options: Options,
    pub store: Store,
    pub outbox: outbox::Outbox,
    pub sessions: Sessions,
    pub routes: ocpp::routes::Routes,
    pub passwords: ocpp::Passwords,
    pub attempts: rest::attempts::Attempts,
    pub tokens: rest::token::Tokens,
    pub urls: PublicUrls,
    pub authority: Authority,
    pub metrics: Arc<Metrics>,
    pub mono: Mono,
    pub probe: Probe,
    pub refusals: ocpp::refusals::RefusalLog,
    /// Tells this process from every other one on the same database.
    pub run_id: String,
    pub shutdown: CancellationToken,
    /// The tasks that own a socket.
    pub sockets: TaskTracker,
    /// Work that outlives the request it came with.
    pub jobs: TaskTracker,
    pub pace: ocpp::pace::Pace,
    pub taps: ocpp::taps::Taps,
    /// Turns of pushing configuration after a boot.
    pub pushes: tokio::sync::Semaphore,
    pub runs: commissioning::Runs,
    pub payments: Arc<dyn payment::Gateway>,
    pub guests: guest::Guests,
}

impl App {
    pub(crate) const fn clock(&self) -> &Clock {
        &self.options.clock
    }
}

/// A running CSMS.
pub struct Csms {
    app: Arc<App>,
    tasks: TaskTracker,
    /// Ends after the sockets: their ends are told.
    told: TaskTracker,
    http_addr: SocketAddr,
    ocpp_addr: SocketAddr,
    https_addr: Option<SocketAddr>,
    ocpps_addr: Option<SocketAddr>,
    api_key: String,
    generated_key: bool,
    stations: Vec<demo::Station>,
    /// Where the root of the server's certificate lies, when the built-in authority issued it.
    root_at: Option<String>,
}

/// Starts a CSMS; it serves when this returns.
///
/// # Errors
/// When an address cannot be bound or the database cannot be opened.
pub async fn start(options: Options) -> Result<Csms, StartError> {
    check(&options)?;
    // A second installation is refused, and is of the same kind.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mail = options.mail.as_ref();
    let mail = mail.map(|mail| outbox::mail(mail, options.letter_timeout));
    let mail = mail.transpose().map_err(StartError::Value)?;
    let material = tls::Material::read(&options)?;
    let (http, http_addr) = listen("--http", options.http)?;
    let (ocpp, ocpp_addr) = listen("--ocpp", options.ocpp)?;
    let (https, https_addr) = listen_if("--https", options.https)?;
    let (ocpps, ocpps_addr) = listen_if("--ocpps", options.ocpps)?;
    let metrics = Arc::new(Metrics::default());
    let store = open_store(&options.database, Opener::Csms(metrics.clone())).await?;
    let (api_key, generated_key) = prepare(&store, &options).await?;
    let stations = if options.demo {
        demo::load(&store, options.clock.now_ms()).await?
    } else {
        Vec::new()
    };
    let tokens = tokens(&store, &options).await?;
    let (outbox, told_queue) = outbox::Outbox::new(metrics.clone());
    outbox.refresh(&store).await?;
    let authority = Authority::of(&store, options.clock.now_ms()).await;
    let authority = authority.map_err(|error| match error {
        AuthorityError::Store(error) => error.into(),
        error => StartError::Value(error.to_string()),
    })?;
    let (for_charge_points, for_all) =
        material.configure(&options, [https_addr, ocpps_addr], &authority)?;
    let urls = PublicUrls::of(&options, http_addr, https_addr, ocpp_addr, ocpps_addr);
    let is_secure = https.is_some() || ocpps.is_some();
    let root_at = (is_secure && options.tls.is_none())
        .then(|| lay_root(&options.database, &authority, &urls));
    let payments = payment::gateway(&options.payment, &urls.http, options.payment_timeout);
    let payments = payments.map_err(StartError::Value)?;
    let app = Arc::new(App {
        sessions: Sessions::new(options.command_timeout, metrics.clone()),
        routes: ocpp::v16::routes(),
        passwords: ocpp::Passwords::default(),
        attempts: rest::attempts::Attempts::default(),
        tokens,
        urls,
        authority,
        metrics,
        mono: Mono::start(),
        probe: Probe::default(),
        refusals: ocpp::refusals::RefusalLog::default(),
        run_id: uuid::Uuid::new_v4().simple().to_string(),
        shutdown: CancellationToken::new(),
        sockets: TaskTracker::new(),
        jobs: TaskTracker::new(),
        pace: ocpp::pace::Pace::default(),
        taps: ocpp::taps::Taps::default(),
        pushes: tokio::sync::Semaphore::new(ocpp::push::PUSHES_MAX),
        runs: commissioning::Runs::default(),
        payments,
        guests: guest::Guests::default(),
        outbox,
        store,
        options,
    });
    let tasks = TaskTracker::new();
    let (api, points) = (rest::router(app.clone()), ocpp::accept::router(app.clone()));
    let secure = |config| Door::Tls(TlsDoor::new(config, app.clone()));
    for (listener, door, router) in [
        (Some(http), Door::Plain, api.clone()),
        (Some(ocpp), Door::Plain, points.clone()),
        (https, secure(for_all), api),
        (ocpps, secure(for_charge_points), points),
    ] {
        if let Some(listener) = listener {
            let stop = app.shutdown.clone();
            tasks.spawn(listen::serve(listener, door, router, stop, tasks.clone()));
        }
    }
    tasks.spawn(write_presences(app.clone()));
    tasks.spawn(commissioning::take_up_all(app.clone()));
    tasks.spawn(guest::take_up_all(app.clone()));
    tasks.spawn(outbox::refresh_awaited(app.clone()));
    tasks.spawn(outbox::deliver(app.clone(), mail));
    let told = TaskTracker::new();
    told.spawn(outbox::write_told(app.clone(), told_queue));
    Ok(Csms {
        app,
        tasks,
        told,
        http_addr,
        ocpp_addr,
        https_addr,
        ocpps_addr,
        api_key,
        generated_key,
        stations,
        root_at,
    })
}

impl Csms {
    /// Where the REST API listens.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where charge points connect.
    #[must_use]
    pub const fn ocpp_addr(&self) -> SocketAddr {
        self.ocpp_addr
    }

    /// Where the REST API listens with TLS.
    #[must_use]
    pub const fn https_addr(&self) -> Option<SocketAddr> {
        self.https_addr
    }

    /// Where charge points connect with TLS.
    #[must_use]
    pub const fn ocpps_addr(&self) -> Option<SocketAddr> {
        self.ocpps_addr
    }

    /// The root of the built-in certificate authority, as PEM.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        self.app.authority.root_pem()
    }

    /// Issues a certificate to a charge point that is known, and keeps everything but its key.
    ///
    /// # Errors
    /// When the database fails, or there is no such charge point.
    pub async fn issue_certificate(
        &self,
        id: &ChargePointId,
        validity_days: u16,
    ) -> Result<Issued, StoreError> {
        let (app, now_ms) = (&self.app, self.app.clock().now_ms());
        let point = app.store.charge_point(id.as_str()).await?;
        let missing = || StoreError::Missing(format!("the charge point {:?}", id.as_str()));
        let owner = Owner::organization(point.ok_or_else(missing)?.organization_id);
        let issued = app.authority.issue(id, validity_days, now_ms);
        let issued = issued.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let row = NewCertificate::of(&issued, id, owner);
        if app.store.add_certificate(row).await? {
            Ok(issued)
        } else {
            Err(missing())
        }
    }

    /// The key that was given or generated; empty when the database had keys already and none was given.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The charge points that belong behind the data of the demo; none without it.
    #[must_use]
    pub fn stations(&self) -> &[demo::Station] {
        &self.stations
    }

    /// The store, to register tags and charge points.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Who is connected, and a way to call them.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.app.sessions
    }

    /// Puts a mail into the outbox; it leaves when SMTP is configured.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn post_mail(
        &self,
        recipient: &str,
        subject: &str,
        body: &str,
    ) -> Result<(), StoreError> {
        let mail = store::Mail {
            recipient: recipient.to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
            created_at_ms: self.app.clock().now_ms(),
        };
        self.app.store.post_mail(mail).await?;
        self.app.outbox.posted();
        Ok(())
    }

    /// Closes all sockets, commits what is queued, and closes the database. Takes 10 seconds at most, also
    /// when the database or a peer does not answer.
    pub async fn shutdown(self) {
        let presences = self.app.sessions.presences();
        self.app.shutdown.cancel();
        self.tasks.close();
        let gone = async {
            self.tasks.wait().await;
            self.app.sockets.close();
            self.app.sockets.wait().await;
            self.app.jobs.close();
            self.app.jobs.wait().await;
            self.told.close();
            self.told.wait().await;
            if let Err(error) = self.app.store.heard_of(presences).await {
                tracing::warn!(cause = %error, "the times charge points were last seen are lost");
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, gone).await.is_err() {
            tracing::warn!("some requests or connections were cut off");
        }
        self.app.store.close().await;
    }
}

fn listen(
    flag: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    listen::bind(address)
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|cause| StartError::Listen {
            flag,
            address,
            cause,
        })
}

fn listen_if(
    flag: &'static str,
    address: Option<SocketAddr>,
) -> Result<(Option<TcpListener>, Option<SocketAddr>), StartError> {
    let bound = address.map(|address| listen(flag, address)).transpose()?;
    Ok(bound.unzip())
}

/// Lays the root of the authority down as a file, and says where it is. Where no file can be written, the REST API
/// has it.
fn lay_root(database: &str, authority: &Authority, urls: &PublicUrls) -> String {
    let path = tls::root_file(database);
    match tls::write_root(&path, authority.root_pem()) {
        Ok(()) => path.display().to_string(),
        Err(error) => {
            tracing::warn!(path = %path.display(), cause = %error, "the root certificate was not written as a file");
            format!("{}{}", urls.http, rest::AUTHORITY_PATH)
        }
    }
}

pub(crate) async fn open_store(address: &str, opener: Opener) -> Result<Store, StartError> {
    let opened = Store::open_for(address, opener).await;
    opened.map_err(|cause| match cause {
        StoreError::Address(sentence) => StartError::Value(sentence),
        cause => {
            let usual = if address.starts_with("postgres") {
                "check that the server runs there and lets this user in"
            } else {
                "give a file that can be written, such as sqlite://dynamo.db"
            };
            StartError::Database {
                address: without_password(address),
                remedy: cause.remedy().unwrap_or(usual),
                cause,
            }
        }
    })
}

/// Makes what the options promise: the API key and the tags. True when the key was generated.
async fn prepare(store: &Store, options: &Options) -> Result<(String, bool), StartError> {
    for tag in &options.id_tags {
        check_tag(tag).map_err(|why| StartError::Value(format!("--id-tag: {why}")))?;
        // Only one that is not there yet: what an operator blocked stays blocked.
        store.add_tag(TagSetting::accepted(tag)).await?;
    }
    let scopes = vec![SCOPE_READ.to_owned(), SCOPE_WRITE.to_owned()];
    let mut new = NewApiKey::generate(DEFAULT_ORGANIZATION, scopes);
    let given = options.api_key.clone();
    let given = given.or_else(|| options.demo.then(|| demo::API_KEY.to_owned()));
    let is_generated = given.is_none();
    if let Some(key) = given {
        new.key = key;
    }
    let key = new.key.clone();
    let made = store.create_first_api_key(new).await?;
    let Some(given) = &options.api_key else {
        let key = if made { key } else { String::new() };
        return Ok((key, made && is_generated));
    };
    if store.api_key(given).await?.is_none() {
        tracing::warn!(
            "the API key that was given (--api-key) opens nothing: this database has other keys; \
             make one with `admin api-key create`"
        );
    }
    Ok((key, false))
}

/// The maker of tokens, with the key that was given or the one this database keeps.
async fn tokens(store: &Store, options: &Options) -> Result<rest::token::Tokens, StartError> {
    let key = match &options.jwt_key {
        Some(key) => key.clone(),
        None => store.secret("jwt_key", store::random_text(64)).await?,
    };
    Ok(rest::token::Tokens::new(&key, options.jwt_lifetime))
}

/// What is wrong with the values of the options.
fn check(options: &Options) -> Result<(), StartError> {
    if options.command_timeout.is_zero() {
        return Err(StartError::Value(
            "the command time-out (--command-timeout) must be longer than 0s, such as 10s"
                .to_owned(),
        ));
    }
    if options.jwt_lifetime.is_zero() {
        return Err(StartError::Value(
            "the lifetime of tokens (--jwt-lifetime) must be longer than 0s, such as 24h"
                .to_owned(),
        ));
    }
    let short = options.jwt_key.as_ref();
    if let Some(key) = short.filter(|key| key.len() < rest::token::KEY_BYTES_MIN) {
        return Err(StartError::Value(format!(
            "the key for tokens (--jwt-key) has {} bytes and must have at least {}; leave it out to get \
             a generated one",
            key.len(),
            rest::token::KEY_BYTES_MIN
        )));
    }
    public::check(options)?;
    let key_chars = options.api_key.as_ref().map(|key| key.chars().count());
    if let Some(chars) = key_chars.filter(|chars| *chars < API_KEY_CHARS_MIN) {
        return Err(StartError::Value(format!(
            "the API key (--api-key) has {chars} characters and must have at least \
             {API_KEY_CHARS_MIN}; leave it out to get a generated one"
        )));
    }
    Ok(())
}

async fn write_presences(app: Arc<App>) {
    let mut interval = tokio::time::interval(app.options.presence_interval);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval.reset();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = app.shutdown.cancelled() => return,
        }
        for presences in app.sessions.presences().chunks(PRESENCES_PER_COMMIT) {
            match app.store.heard_of(presences.to_vec()).await {
                Err(error) if !error.is_in_the_log() => tracing::warn!(
                    cause = %error, "the times charge points were last seen were not written"
                ),
                _ => {}
            }
        }
    }
}

/// How long requests, sockets and the last times may take at shutdown, before the store is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(6);

/// Charge points whose times are written in one job; between two jobs others get their turn.
const PRESENCES_PER_COMMIT: usize = 200;
