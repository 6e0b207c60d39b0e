//! Finding or starting what is put to the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use dynamo_csms::domain::authorization::TagStatus;
use dynamo_csms::store::TagSetting;
use dynamo_csms::{AcceptUnknown, Csms, Options};
use dynamo_protocol::ChargePointId;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::args::{Args, Sut};
use crate::capabilities::Capabilities;
use crate::driver::Driver;
use crate::operator::Operator;
use crate::peer::csms::CsmsServer;
use crate::rig::{ChargerUnderTest, CsmsUnderTest, Identity, RigParts, Tags};

/// How long the system under test has to show up before the run is given up.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Default of `--timeout`.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// What is under test, for the report.
    pub(crate) description: String,
    pub(crate) concurrency: usize,
}

/// Starts or finds what the arguments name.
pub(crate) async fn prepare(args: &Args, over: CancellationToken) -> Result<Prepared> {
    let capabilities = Capabilities::read(args.capabilities.as_deref())?;
    refuse_strays(args)?;
    match args.sut {
        None => bundled(args, &capabilities, over).await,
        Some(Sut::Csms) => foreign_csms(args, &capabilities).await,
        Some(Sut::ChargePoint) => foreign_charger(args, &capabilities, over).await,
    }
}

/// Flags that have no meaning for this run are refused rather than ignored.
fn refuse_strays(args: &Args) -> Result<()> {
    let csms = [
        ("--url", args.url.is_some()),
        ("--driver", args.driver.is_some()),
        ("--driver-header", !args.driver_header.is_empty()),
        ("--password", args.password.is_some()),
    ];
    let charger = [
        ("--listen", args.listen.is_some()),
        ("--operator", args.operator.is_some()),
    ];
    let either = [("--charge-point-id", args.charge_point_id.is_some())];
    let strays: Vec<(&str, bool)> = match args.sut {
        None => [&csms[..], &charger, &either].concat(),
        Some(Sut::Csms) => charger.to_vec(),
        Some(Sut::ChargePoint) => csms.to_vec(),
    };
    match strays.iter().find(|(_, given)| *given) {
        Some((flag, _)) if args.sut.is_none() => bail!("{flag} needs --sut: csms or charge-point"),
        Some((flag, _)) => bail!("{flag} has no meaning with this --sut; leave it out"),
        None if args.driver.is_none() && !args.driver_header.is_empty() => {
            bail!("--driver-header needs --driver")
        }
        None => Ok(()),
    }
}

fn tags(args: &Args, capabilities: &Capabilities, with_defaults: bool) -> Tags {
    let pick = |flag: &Option<String>, file: &Option<String>| flag.clone().or_else(|| file.clone());
    let default = |tag: &str| with_defaults.then(|| tag.to_owned());
    Tags {
        known: pick(&args.id_tag, &capabilities.id_tag).unwrap_or_else(|| KNOWN_TAG.into()),
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
        id_tags: vec![tags.known.clone()],
        accept_unknown: AcceptUnknown {
            charge_points: true,
            tags: false,
        },
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
        identity: Identity::Prefix(args.id_prefix.clone()),
        password: None,
        driver: Some(driver),
    };
    let server = CsmsServer::listen(local, over)
        .await
        .context("cannot listen for the bundled charge points")?;
    Ok(Prepared {
        parts: RigParts {
            charger: Some(ChargerUnderTest::Bundled),
            server: Some(server),
            csms: Some(under_test),
            tags,
            patience: args.timeout.unwrap_or(PATIENCE),
            schemas: args.schemas.clone(),
            defect: None,
        },
        bundle: Some(Bundle { csms, folder }),
        description: "the bundled CSMS and the bundled charge point".into(),
        concurrency: args.concurrency.map_or(64, usize::from),
    })
}

async fn foreign_csms(args: &Args, capabilities: &Capabilities) -> Result<Prepared> {
    let url = args
        .url
        .clone()
        .context("--sut csms needs --url, such as ws://127.0.0.1:9000/ocpp16")?;
    reachable(&url).await?;
    let identity = match &args.charge_point_id {
        Some(id) => Identity::One(id.clone()),
        None => Identity::Prefix(args.id_prefix.clone()),
    };
    let serial = matches!(identity, Identity::One(_));
    let driver = args
        .driver
        .as_ref()
        .map(|driver| Driver::new(driver, &args.driver_header, http_client()?))
        .transpose()?;
    let password = args.password.clone();
    Ok(Prepared {
        parts: RigParts {
            charger: None,
            server: None,
            csms: Some(CsmsUnderTest {
                url: url.clone(),
                identity,
                password,
                driver,
            }),
            tags: tags(args, capabilities, false),
            patience: args.timeout.unwrap_or(PATIENCE),
            schemas: args.schemas.clone(),
            defect: None,
        },
        bundle: None,
        description: format!("the CSMS at {url}"),
        concurrency: if serial {
            1
        } else {
            args.concurrency.map_or(16, usize::from)
        },
    })
}

/// Whether somebody listens there: a run against nobody should say so at once.
async fn reachable(url: &str) -> Result<()> {
    let parsed =
        reqwest::Url::parse(url).map_err(|error| anyhow!("--url {url:?} is no URL: {error}"))?;
    if parsed.scheme() != "ws" {
        bail!("--url {url:?} must begin with ws://");
    }
    let host = parsed
        .host_str()
        .ok_or_else(|| anyhow!("--url {url:?} names no host"))?;
    let port = parsed.port_or_known_default().unwrap_or(80);
    let host = host.trim_matches(['[', ']']).to_owned();
    match tokio::time::timeout(ARRIVAL, tokio::net::TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            bail!("nobody answers at {url} ({error}); start the CSMS under test or correct --url")
        }
        Err(_) => bail!(
            "nobody answered at {url} within {ARRIVAL:?}; start the CSMS under test or correct --url"
        ),
    }
}

async fn foreign_charger(
    args: &Args,
    capabilities: &Capabilities,
    over: CancellationToken,
) -> Result<Prepared> {
    let listen = args
        .listen
        .context("--sut charge-point needs --listen, such as 0.0.0.0:9000")?;
    let id = args
        .charge_point_id
        .clone()
        .context("--sut charge-point needs --charge-point-id")?;
    ChargePointId::new(&id).map_err(|error| anyhow!("--charge-point-id {id:?}: {error}"))?;
    let operator = match args.operator.as_deref() {
        None => Operator::Absent,
        Some("prompt") => Operator::Prompt {
            charge_point_id: id.clone(),
        },
        Some(url) => {
            reqwest::Url::parse(url).map_err(|error| {
                anyhow!("--operator {url:?} is neither `prompt` nor a URL: {error}")
            })?;
            Operator::Http {
                url: url.to_owned(),
                client: http_client()?,
                charge_point_id: id.clone(),
            }
        }
    };
    let server = CsmsServer::listen(listen, over).await.map_err(|error| {
        anyhow!("cannot listen on {listen} (--listen): {error}; choose another address")
    })?;
    let addr = server.addr();
    let mut post = server.expect(&id);
    tell(&format!(
        "waiting for the charge point {id} at ws://{addr}/{id}"
    ));
    let patience = args.timeout.unwrap_or(PATIENCE);
    let longest = ARRIVAL.max(patience);
    if tokio::time::timeout(longest, post.arrival()).await.is_err() {
        bail!(
            "no charge point {id} connected to ws://{addr}/{id} within {longest:?}; point it there and start it"
        );
    }
    Ok(Prepared {
        parts: RigParts {
            charger: Some(ChargerUnderTest::Foreign {
                id: id.clone(),
                traits: capabilities.charge_point.clone(),
                operator,
                post: Arc::new(Mutex::new(Some(post))),
            }),
            server: Some(server),
            csms: None,
            tags: tags(args, capabilities, true),
            patience,
            schemas: args.schemas.clone(),
            defect: None,
        },
        bundle: None,
        description: format!("the charge point {id}"),
        concurrency: 1,
    })
}

/// A remark for the person at the terminal.
fn tell(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
