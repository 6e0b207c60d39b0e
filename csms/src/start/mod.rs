//! The start of a CSMS: everything is read, bound and opened before anything is served.

pub(crate) mod error;
mod tasks;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::clock::Mono;
use crate::domain::charge_points::registration;
use crate::domain::charge_points::security::SecurityProfile;
use crate::domain::tags::tag::check_tag;
use crate::metrics::Metrics;
use crate::public::PublicUrls;
use crate::running::Csms;
use crate::sessions::Sessions;
use crate::store::{
    DEFAULT_ORGANIZATION, NewApiKey, NewPartner, Opener, Probe, SCOPE_READ, SCOPE_WRITE, Store,
    StoreError, TagSetting, without_password,
};
use crate::tls::authority::{Authority, AuthorityError};
use crate::tls::{self, Door, DoorParts, TlsDoor};
use crate::{
    Options, commissioning, demo, listen, ocpi, ocpp, options, outbox, password, payment, rest,
    store,
};
use error::StartError;
use tasks::{begin_lasting, parts_of_outbox};

/// Starts a CSMS; it serves when this returns.
///
/// In a box, so that all of the CSMS is compiled in this crate, and not again in each that starts one.
///
/// # Errors
/// When an address cannot be bound or the database cannot be opened.
pub fn start(options: Options) -> LocalBoxFuture<'static, Result<Csms, StartError>> {
    Box::pin(begin(options))
}

async fn begin(options: Options) -> Result<Csms, StartError> {
    options::check(&options)?;
    // A second installation is refused, and is of the same kind.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mail = options.mail.as_ref();
    let mail = mail.map(|mail| outbox::mail(mail, options.letter_timeout));
    let mail = mail.transpose().map_err(StartError::Value)?;
    let material = tls::Material::read(&options)?;
    let (http, http_addr) = bind("--http", options.http)?;
    let (ocpp, ocpp_addr) = bind("--ocpp", options.ocpp)?;
    let (https, https_addr) = bind_if("--https", options.https)?;
    let (ocpps, ocpps_addr) = bind_if("--ocpps", options.ocpps)?;
    let urls = PublicUrls::of(&options, http_addr, https_addr, ocpp_addr, ocpps_addr);
    // Before the database is made: what is wrong with the settings leaves nothing behind.
    let payments = payment::gateway(&options.payment, &urls.http, options.payment_timeout);
    let payments = payments.map_err(StartError::Value)?;
    let metrics = Arc::new(Metrics::default());
    let store = open_store(&options.database, Opener::Csms(metrics.store.clone())).await?;
    demo::check(&store, &options).await?;
    if !store.has_several_writers() {
        store.nobody_is_online(options.clock.now_ms()).await?;
    }
    let password_key = {
        let given = options.password_key.as_deref();
        password::key::of_server(&store, &options.database, given).await?
    };
    let (api_key, generated_key) = prepare(&store, &options).await?;
    let stations = if options.demo {
        demo::load(&store, options.clock.now_ms()).await?
    } else {
        Vec::new()
    };
    let tokens = tokens(&store, &options).await?;
    let (outbox, announcements) = outbox::Outbox::new(metrics.clone());
    outbox.refresh(&store).await?;
    let authority = Authority::of(&store, options.clock.now_ms()).await;
    let authority = authority.map_err(|error| match error {
        AuthorityError::Store(error) => error.into(),
        error => StartError::Value(error.to_string()),
    })?;
    let (for_charge_points, for_all) =
        material.configure(&options, [https_addr, ocpps_addr], &authority)?;
    let is_secure = https.is_some() || ocpps.is_some();
    let root_at = (is_secure && options.tls.is_none())
        .then(|| lay_root(&options.database, &authority, &urls));
    tracing::info!(gateway = ?options.payment, "guests pay through this gateway; no money moves in the sandbox");
    let app = Arc::new(App {
        sessions: Arc::new(Sessions::new(options.command_timeout, metrics.clone())),
        passwords: password::Passwords::new(password_key),
        guesses: password::guesses::Guesses::default(),
        key_changes: ocpp::key_changes::KeyChanges::default(),
        attempts: rest::attempts::Attempts::default(),
        tokens,
        urls,
        authority: Arc::new(authority),
        metrics,
        mono: Mono::start(),
        registrations: Arc::default(),
        probe: Probe::default(),
        refusals: Arc::default(),
        run_id: uuid::Uuid::new_v4().simple().to_string(),
        shutdown: CancellationToken::new(),
        sockets: TaskTracker::new(),
        handlers: TaskTracker::new(),
        jobs: TaskTracker::new(),
        pace: ocpp::pace::Pace::default(),
        taps: ocpp::taps::Taps::default(),
        pushes: tokio::sync::Semaphore::new(ocpp::push::PUSHES_MAX),
        runs: commissioning::runs::Runs::default(),
        payments,
        guests: Arc::default(),
        outcomes: tokio::sync::Notify::new(),
        partners: ocpi::Partners::new(options.letter_timeout, options.webhooks_to_private_networks),
        outbox: Arc::new(outbox),
        rest_store: store.for_rest(),
        store,
        options,
    });
    warn_of_strangers(&app.options, ocpp_addr, ocpps_addr);
    let tasks = serve(
        &app,
        [http, ocpp],
        [https, ocpps],
        [for_all, for_charge_points],
    );
    begin_lasting(&tasks, &app, mail.map(Arc::new));
    tasks.spawn(bury_left(app.clone()));
    let announcing = TaskTracker::new();
    let parts = parts_of_outbox(&app);
    let announced = outbox::write_announced(parts, app.sockets.clone(), announcements);
    announcing.spawn(announced);
    Ok(Csms {
        app,
        tasks,
        announcing,
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

/// Tells the log when anybody on the network can come as a charge point that has no password.
fn warn_of_strangers(options: &Options, ocpp: SocketAddr, ocpps: Option<SocketAddr>) {
    let mut open = [Some(ocpp), ocpps].into_iter().flatten();
    let open = open.find(|address| !address.ip().to_canonical().is_loopback());
    if options.minimum_security_profile == SecurityProfile::None
        && let Some(address) = open
    {
        tracing::warn!(
            %address,
            "whoever reaches this address can connect as a charge point that has no password, and identities are \
             public: ask every charge point for one with --minimum-security-profile 1, or 2 for TLS as well"
        );
    }
}

/// Serves REST and OCPP, in this order, in clear and with TLS.
fn serve(
    app: &Arc<App>,
    plain: [TcpListener; 2],
    secure: [Option<TcpListener>; 2],
    configs: [Arc<ServerConfig>; 2],
) -> TaskTracker {
    let tasks = TaskTracker::new();
    let door = DoorParts {
        authority: app.authority.clone(),
        metrics: app.metrics.clone(),
        refusals: app.refusals.clone(),
        mono: app.mono,
    };
    let routers = [rest::router(app.clone()), ocpp::accept::router(app.clone())];
    // Charge points have what descriptors the clients of the API leave them.
    let rooms = [Some(listen::http_room()), None];
    let listeners = plain.into_iter().zip(secure).zip(configs);
    for (((plain, secure), config), (router, room)) in listeners.zip(routers.into_iter().zip(rooms))
    {
        let serve = |listener, door| {
            let service = listen::Service {
                door,
                router: router.clone(),
                stop: app.shutdown.clone(),
                write_timeout: app.options.write_timeout,
                room: room.clone(),
            };
            tasks.spawn(listen::serve(listener, service, tasks.clone()));
        };
        serve(plain, Door::Plain);
        if let Some(secure) = secure {
            serve(secure, Door::Tls(TlsDoor::new(config, door.clone())));
        }
    }
    tasks
}

fn bind(flag: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
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

fn bind_if(
    flag: &'static str,
    address: Option<SocketAddr>,
) -> Result<(Option<TcpListener>, Option<SocketAddr>), StartError> {
    let bound = address.map(|address| bind(flag, address)).transpose()?;
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
    if let Some(token) = &options.ocpi_token {
        // Once: what it invited to is done, or is still to be done.
        let invited = NewPartner {
            id: format!("ptn_{}", store::random_text(18)),
            organization_id: DEFAULT_ORGANIZATION.to_owned(),
            name: "partner".to_owned(),
            token_hash: store::key_hash(token),
            now_ms: options.clock.now_ms(),
        };
        store.invite_partner(invited).await?;
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

/// Not before there is somebody to serve: a burial can be long.
async fn bury_left(app: Arc<App>) {
    let buried = tokio::select! {
        buried = registration::bury_left(&app.store) => buried,
        () = app.shutdown.cancelled() => return,
    };
    if let Err(error) = buried {
        tracing::warn!(cause = %error, "deletions that were cut short go on at the next start");
    }
}
