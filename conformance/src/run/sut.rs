//! Finding or starting what is put to the test.

use crate::terminal::tell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use dynamo_csms::domain::tags::tag::TagStatus;
use dynamo_csms::store::TagSetting;
use dynamo_csms::{AcceptUnknown, Csms, Options};
use dynamo_protocol::ChargePointId;
use dynamo_simulator::{ClientTls, TlsFiles};
use indicatif::ProgressBar;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::peer::station::url_of;
use crate::peer::tls;

use crate::case::capabilities::Capabilities;
use crate::case::tags::Tags;
use crate::hand::driver::Driver;
use crate::hand::driver_file::DriverFile;
use crate::hand::operator::{Operator, Person};
use crate::peer::csms::{CsmsServer, Door};
use crate::role::emsp::under_test::CpoUnderTest;
use crate::role::rest::under_test::ApiUnderTest;
use crate::role::rig::{Between, ChargerUnderTest, CsmsUnderTest, Identity, RigParts};
use crate::rules::schemas::Schemas;
use crate::run::args::{Args, Sut};
use crate::run::strays::{idle_flags, is_serial, refuse_strays};
use crate::words::{quoted, span};

/// How long a connection to what is under test, and an answer of a driver or an operator, may take.
const ARRIVAL: Duration = Duration::from_secs(30);

/// How long the control API of a charger may take to come up once the charger is here.
const OPERATOR_MAX: Duration = Duration::from_secs(5);

/// The schemes of drivers and operators.
const HTTP: [&str; 2] = ["http", "https"];

/// Default of `--timeout`.
const PATIENCE: Duration = Duration::from_secs(30);

/// Default of `--settle` for systems from outside. The bundled ones are as fast as this machine.
const SETTLE: Duration = Duration::from_secs(3);

/// Default of `--reboot-timeout`.
const REBOOT: Duration = Duration::from_secs(120);

/// Default of `--id-prefix`.
const ID_PREFIX: &str = "CT-";

const KNOWN_TAG: &str = "RFID-USER-4A2F";
const UNKNOWN_TAG: &str = "NO-SUCH-TAG";
const BLOCKED_TAG: &str = "RFID-BLOCKED-1";
const EXPIRED_TAG: &str = "RFID-EXPIRED-1";

/// What was started for a run and has to be ended after it.
pub(crate) struct Bundle {
    csms: Csms,
    /// Holds the database of the bundled CSMS.
    folder: tempfile::TempDir,
}

impl Bundle {
    /// Ends the bundled CSMS and removes its database.
    pub(crate) async fn end(self) {
        self.csms.shutdown().await;
        if let Err(error) = self.folder.close() {
            tracing::warn!(%error, "a temporary folder stays behind");
        }
    }
}

/// A run's systems under test.
pub(crate) struct Prepared {
    pub(crate) parts: RigParts,
    pub(crate) bundle: Option<Bundle>,
    pub(crate) concurrency: usize,
}

/// Starts or finds what the arguments name.
///
/// `bar` is where progress is drawn, so that a question to a person does not run into it.
pub(crate) async fn prepare(
    args: &Args,
    over: CancellationToken,
    bar: ProgressBar,
) -> Result<Prepared> {
    let capabilities = Capabilities::read(args.capabilities.as_deref())?;
    refuse_strays(args)?;
    if let Some(complaint) = tags(args, &capabilities, true).complaint() {
        bail!(complaint);
    }
    for remark in idle_flags(args) {
        bar.suspend(|| tell(&remark));
    }
    // Before anybody is waited for.
    let schemas = args.schemas.as_deref().map(Schemas::read).transpose()?;
    let mut prepared = match args.sut {
        None => bundled(args, &capabilities, over).await?,
        Some(Sut::Csms) => foreign_csms(args, &capabilities, bar).await?,
        Some(Sut::ChargePoint) => foreign_charger(args, &capabilities, over, bar).await?,
        Some(Sut::Cpo) => foreign_cpo(args, &capabilities).await?,
    };
    prepared.parts.schemas = schemas.map(Arc::new);
    Ok(prepared)
}

/// What is under test, for the report.
pub(crate) fn description(args: &Args) -> String {
    let or_none = |value: &Option<String>| value.clone().unwrap_or_default();
    match args.sut {
        None => "the bundled CSMS and the bundled charge point".into(),
        Some(Sut::Csms) => format!("the CSMS at {}", or_none(&args.url)),
        Some(Sut::ChargePoint) => format!("the charge point {}", or_none(&args.charge_point_id)),
        Some(Sut::Cpo) => format!("the CPO at {}", or_none(&args.url)),
    }
}

fn id_prefix(args: &Args) -> String {
    args.id_prefix.clone().unwrap_or_else(|| ID_PREFIX.into())
}

fn tags(args: &Args, capabilities: &Capabilities, with_defaults: bool) -> Tags {
    let pick = |flag: &Option<String>, file: &Option<String>| flag.clone().or_else(|| file.clone());
    let default = |tag: &str| with_defaults.then(|| tag.to_owned());
    let mut known = args.id_tag.clone();
    if known.is_empty() {
        known.extend(capabilities.id_tag.clone());
    }
    if known.is_empty() {
        known.push(KNOWN_TAG.into());
    }
    Tags {
        known,
        shared: args.sut != Some(Sut::Csms),
        unknown: pick(&args.invalid_id_tag, &capabilities.invalid_id_tag)
            .unwrap_or_else(|| UNKNOWN_TAG.into()),
        blocked: pick(&args.blocked_id_tag, &capabilities.blocked_id_tag)
            .or_else(|| default(BLOCKED_TAG)),
        expired: pick(&args.expired_id_tag, &capabilities.expired_id_tag)
            .or_else(|| default(EXPIRED_TAG)),
    }
}

fn http_client() -> Result<reqwest::Client> {
    // A second installation in the same process is refused, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(ARRIVAL)
        // A connection that waited may be closed by the other side just when the next order goes out, and an
        // order is not sent twice. Each gets a fresh one.
        .pool_max_idle_per_host(0)
        .build()
        .context("cannot make an HTTP client")
}

async fn bundled(
    args: &Args,
    capabilities: &Capabilities,
    over: CancellationToken,
) -> Result<Prepared> {
    let tags = tags(args, capabilities, true);
    let folder =
        tempfile::tempdir().context("cannot make a temporary folder for the bundled CSMS")?;
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        http: local,
        ocpp: local,
        database: format!("sqlite://{}", folder.path().join("csms.db").display()),
        id_tags: tags.known.clone(),
        accept_unknown: AcceptUnknown {
            charge_points: true,
            tags: false,
        },
        webhooks_to_private_networks: true,
        ..Options::default()
    };
    let csms = dynamo_csms::start(options).await?;
    let settings = [
        (&tags.blocked, TagStatus::Blocked),
        (&tags.expired, TagStatus::Expired),
    ];
    for (tag, status) in settings {
        if let Some(tag) = tag {
            csms.store()
                .set_tag(TagSetting {
                    status,
                    ..TagSetting::accepted(tag)
                })
                .await?;
        }
    }
    let key = format!("X-API-Key: {}", csms.api_key());
    let send = format!("http://{}/api/v1/ocpp16/send_command", csms.http_addr());
    let driver = Driver::new(&send, &[key], http_client()?)?;
    let under_test = CsmsUnderTest {
        url: format!("ws://{}/ocpp16", csms.ocpp_addr()),
        identity: Identity::Prefix(id_prefix(args)),
        password: None,
        tls: None,
        driver: Some(driver),
    };
    let base = format!("http://{}", csms.http_addr());
    let cpo = CpoUnderTest::bundled(base.clone(), csms.store().clone())?;
    let api = ApiUnderTest::find(base, http_client()?, csms.store().clone())
        .await
        .context("the bundled CSMS does not describe its REST API")?;
    let server = CsmsServer::listen(local, over, Door::default())
        .await
        .context("cannot listen for the bundled charge points")?;
    Ok(Prepared {
        parts: RigParts {
            charger: Some(ChargerUnderTest::Bundled),
            server: Some(server),
            csms: Some(under_test),
            api: Some(Arc::new(api)),
            cpo: Some(Arc::new(cpo)),
            tags,
            patience: args.timeout.unwrap_or(PATIENCE),
            settle: args.settle.unwrap_or(Duration::ZERO),
            reboot: args.reboot_timeout.or(args.timeout).unwrap_or(PATIENCE),
            schemas: None,
            between: Between::default(),
        },
        bundle: Some(Bundle { csms, folder }),
        concurrency: args.concurrency.map_or(64, usize::from),
    })
}

async fn foreign_csms(
    args: &Args,
    capabilities: &Capabilities,
    bar: ProgressBar,
) -> Result<Prepared> {
    let url = args
        .url
        .clone()
        .context("--sut csms needs --url, such as ws://127.0.0.1:9000/ocpp16")?;
    reachable("--url", &url, &["ws", "wss"], ARRIVAL).await?;
    let identity = match &args.charge_point_id {
        Some(id) => Identity::One(id.clone()),
        None => Identity::Prefix(id_prefix(args)),
    };
    let driver = match args.driver.as_deref() {
        None => None,
        Some("prompt") => Some(Driver::prompt(Person::new("the CSMS", bar))),
        Some(url) if url.contains("://") => {
            reachable("--driver", url, &HTTP, ARRIVAL).await?;
            Some(Driver::new(url, &args.driver_header, http_client()?)?)
        }
        Some(name) => {
            let file = DriverFile::find(name)?;
            reachable("--driver", file.base(), &HTTP, ARRIVAL).await?;
            Some(Driver::of_file(file, &args.driver_header, http_client()?)?)
        }
    };
    let password = args.password.clone();
    let tls = client_tls(args, &url)?;
    Ok(Prepared {
        parts: RigParts {
            charger: None,
            server: None,
            csms: Some(CsmsUnderTest {
                url: url.clone(),
                identity,
                password,
                tls,
                driver,
            }),
            api: None,
            cpo: None,
            tags: tags(args, capabilities, false),
            patience: args.timeout.unwrap_or(PATIENCE),
            settle: args.settle.unwrap_or(SETTLE),
            reboot: REBOOT,
            schemas: None,
            between: Between::default(),
        },
        bundle: None,
        concurrency: if is_serial(args) {
            1
        } else {
            args.concurrency.map_or(16, usize::from)
        },
    })
}

/// Whether somebody listens there: a run against nobody should say so at once.
async fn reachable(flag: &str, url: &str, schemes: &[&str], patience: Duration) -> Result<()> {
    let parsed = reqwest::Url::parse(url)
        .map_err(|error| anyhow!("{flag} {} is no URL: {error}", quoted(url)))?;
    if !schemes.contains(&parsed.scheme()) {
        let schemes: Vec<String> = schemes
            .iter()
            .map(|scheme| format!("{scheme}://"))
            .collect();
        bail!(
            "{flag} {} must begin with {}",
            quoted(url),
            schemes.join(" or ")
        );
    }
    let host = parsed
        .host_str()
        .ok_or_else(|| anyhow!("{flag} {} names no host", quoted(url)))?;
    let port = parsed.port_or_known_default().unwrap_or(80);
    let host = host.trim_matches(['[', ']']).to_owned();
    match timeout(patience, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            bail!("nobody answers at {url} ({error}); start what belongs there or correct {flag}")
        }
        Err(_) => bail!(
            "nobody answered at {url} within {}; start what belongs there or correct {flag}",
            span(patience)
        ),
    }
}

/// What the rig needs for a CSMS with TLS.
fn client_tls(args: &Args, url: &str) -> Result<Option<ClientTls>> {
    if !url.starts_with("wss:") {
        if let Some((flag, _)) = [
            ("--ca", &args.ca),
            ("--cert", &args.cert),
            ("--key", &args.key),
        ]
        .into_iter()
        .find(|(_, file)| file.is_some())
        {
            bail!("{flag} needs a --url that begins with wss://");
        }
        return Ok(None);
    }
    let identity = match (&args.cert, &args.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => bail!("--cert and --key go together; give both"),
    };
    let id = args
        .charge_point_id
        .clone()
        .unwrap_or_else(|| format!("{}000001", id_prefix(args)));
    let id = ChargePointId::new(&id).map_err(|error| anyhow!("{}: {error}", quoted(&id)))?;
    let files = TlsFiles {
        ca: args.ca.clone(),
        identity,
    };
    Ok(Some(ClientTls::read(&files, &id)?))
}

/// What the rig needs to be a CSMS with TLS.
fn server_tls(args: &Args) -> Result<Option<TlsAcceptor>> {
    match (&args.cert, &args.key) {
        (Some(certificate), Some(key)) => {
            tls::acceptor(certificate, key, args.ca.as_deref()).map(Some)
        }
        (None, None) if args.ca.is_none() => Ok(None),
        _ => bail!(
            "--listen with TLS needs --cert and --key; --ca in addition demands certificates of charge points"
        ),
    }
}

/// Where a charger finds the rig: an address that it can use.
fn url_for_charger(scheme: &str, addr: SocketAddr, id: &str) -> String {
    let host = if addr.ip().is_unspecified() {
        own_address().unwrap_or(addr.ip())
    } else {
        addr.ip()
    };
    url_of(
        &format!("{scheme}://{}", SocketAddr::new(host, addr.port())),
        id,
    )
}

/// The address of this machine towards other machines. Nothing is sent to find it out.
fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // An address for documentation [RFC 5737]: only the route to it is looked up.
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Waits until somebody listens there, but not for long: it may come up together with the charger.
async fn soon_reachable(flag: &str, url: &str) -> Result<()> {
    let deadline = Instant::now() + OPERATOR_MAX;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match reachable(flag, url, &HTTP, left.max(Duration::from_millis(100))).await {
            Err(_) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            result => return result,
        }
    }
}

async fn foreign_charger(
    args: &Args,
    capabilities: &Capabilities,
    over: CancellationToken,
    bar: ProgressBar,
) -> Result<Prepared> {
    let listen = args
        .listen
        .context("--sut charge-point needs --listen, such as 0.0.0.0:9000")?;
    let id = args
        .charge_point_id
        .clone()
        .context("--sut charge-point needs --charge-point-id")?;
    ChargePointId::new(&id)
        .map_err(|error| anyhow!("--charge-point-id {}: {error}", quoted(&id)))?;
    let operator = match args.operator.as_deref() {
        None => Operator::Absent,
        Some("prompt") => Operator::Prompt(Person::new(&id, bar)),
        Some(url) => {
            reqwest::Url::parse(url).map_err(|error| {
                anyhow!(
                    "--operator {} is neither `prompt` nor a URL: {error}",
                    quoted(url)
                )
            })?;
            Operator::Http {
                url: url.to_owned(),
                client: http_client()?,
                charge_point_id: id.clone(),
            }
        }
    };
    let door = Door {
        tls: server_tls(args)?,
        password: args.password.clone(),
    };
    let scheme = if door.tls.is_some() { "wss" } else { "ws" };
    let server = CsmsServer::listen(listen, over, door)
        .await
        .map_err(|error| {
            anyhow!("cannot listen on {listen} (--listen): {error}; choose another address")
        })?;
    let addr = server.addr();
    let mut post = server.expect(&id);
    server.name_strangers(&id);
    let place = url_for_charger(scheme, addr, &id);
    tell(&format!("waiting for the charge point {id} at {place}"));
    let patience = args.timeout.unwrap_or(PATIENCE);
    if timeout(patience, post.arrival()).await.is_err() {
        let seen = server.seen_strangers();
        let remedy = if seen.is_empty() {
            "point it there and start it".to_owned()
        } else {
            seen.join("; ")
        };
        bail!(
            "no charge point {id} connected to {place} within {}; {remedy}",
            span(patience)
        );
    }
    if let Operator::Http { url, .. } = &operator {
        soon_reachable("--operator", url).await?;
    }
    Ok(Prepared {
        parts: RigParts {
            charger: Some(ChargerUnderTest::Foreign {
                id: id.clone(),
                traits: capabilities.charge_point.clone(),
                operator,
                post: Arc::new(Mutex::new(Some(post))),
                device: Arc::default(),
            }),
            server: Some(server),
            csms: None,
            api: None,
            cpo: None,
            tags: tags(args, capabilities, true),
            // What such a charger does at its intervals takes that much longer than with those of a second.
            patience: patience
                + Duration::from_secs(u64::from(capabilities.charge_point.min_interval) - 1),
            settle: args.settle.unwrap_or(SETTLE),
            reboot: args.reboot_timeout.unwrap_or(REBOOT),
            schemas: None,
            between: Between::default(),
        },
        bundle: None,
        concurrency: 1,
    })
}

/// A CPO of somebody's: the rig is one eMSP there, or two.
async fn foreign_cpo(args: &Args, capabilities: &Capabilities) -> Result<Prepared> {
    let url = args.url.clone().context(
        "--sut cpo needs --url, the list of versions, such as https://cpo.example.com/ocpi/versions",
    )?;
    if args.token.is_empty() {
        bail!("--sut cpo needs --token, the token A with which the rig registers there");
    }
    reachable("--url", &url, &HTTP, ARRIVAL).await?;
    let host = address_towards(&url).context("this machine has no address that reaches --url")?;
    let cpo = CpoUnderTest::foreign(url, host, args.token.clone())?;
    Ok(Prepared {
        parts: RigParts {
            charger: None,
            server: None,
            csms: None,
            api: None,
            cpo: Some(Arc::new(cpo)),
            tags: tags(args, capabilities, false),
            patience: args.timeout.unwrap_or(PATIENCE),
            settle: args.settle.unwrap_or(SETTLE),
            reboot: REBOOT,
            schemas: None,
            between: Between::default(),
        },
        bundle: None,
        concurrency: 1,
    })
}

/// The address of this machine towards the host of a URL. Nothing is sent to find it out.
fn address_towards(url: &str) -> Option<IpAddr> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect((host, port)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
