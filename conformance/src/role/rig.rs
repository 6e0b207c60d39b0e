//! What the scenarios of a run share: the systems under test, the tags, how patient to be.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dynamo_protocol::trace::Direction;
use dynamo_simulator::ClientTls;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::device::Device;
use super::emsp::under_test::CpoUnderTest;
use super::rest::under_test::ApiUnderTest;
use crate::case::capabilities::ChargerTraits;
use crate::case::tags::{Pool, Tags};
use crate::hand::driver::Driver;
use crate::hand::operator::Operator;
use crate::peer::csms::CsmsServer;
use crate::rules::schemas::Schemas;
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};
use crate::wire::http::HttpBend;
use crate::wire::ocpi::OcpiBend;
use crate::wire::post::Post;

/// The charger under test.
#[derive(Clone, Debug)]
pub(crate) enum ChargerUnderTest {
    /// Each scenario gets a fresh one in this process.
    Bundled,
    /// The one that connects from outside; scenarios take turns.
    Foreign {
        id: String,
        traits: ChargerTraits,
        operator: Operator,
        post: Arc<Mutex<Option<Post>>>,
        /// What it says of itself, once it was asked.
        device: Arc<OnceLock<Device>>,
    },
}

/// The CSMS under test.
#[derive(Clone, Debug)]
pub(crate) struct CsmsUnderTest {
    /// URL without the identity.
    pub(crate) url: String,
    /// One identity for all, or a prefix for many.
    pub(crate) identity: Identity,
    pub(crate) password: Option<String>,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) driver: Option<Driver>,
}

/// Which identities the scripted charge points use.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    One(String),
    Prefix(String),
}

/// Numbers are handed out once per process: several rigs can share a CSMS.
static NEXT_IDENTITY: AtomicU32 = AtomicU32::new(1);
static NEXT_TRANSACTION: AtomicU32 = AtomicU32::new(1);

/// What stands between a system under test and the rig: nothing, but in the judge's own test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Between {
    pub(crate) frames: Option<fn() -> Box<dyn Bend>>,
    pub(crate) http: Option<fn() -> Box<dyn HttpBend>>,
    pub(crate) ocpi: Option<fn() -> Box<dyn OcpiBend>>,
    /// The offered subprotocols as the CSMS under test reads them.
    pub(crate) offer: Option<fn(&str) -> String>,
    /// A frame was bent.
    pub(crate) bent: Arc<AtomicBool>,
}

/// A bend that remembers whether there was an occasion for it.
struct Watched {
    bend: Box<dyn Bend>,
    bent: Arc<AtomicBool>,
}

impl Bend for Watched {
    fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate> {
        let fate = self.bend.fate(direction, action, message);
        if fate.is_some() {
            self.bent.store(true, Ordering::Relaxed);
        }
        fate
    }

    fn opens(&mut self) {
        self.bend.opens();
    }

    fn pongs(&mut self) -> bool {
        let pongs = self.bend.pongs();
        if !pongs {
            self.bent.store(true, Ordering::Relaxed);
        }
        pongs
    }
}

/// Shared by all scenarios of a run.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) charger: Option<ChargerUnderTest>,
    pub(crate) server: Option<CsmsServer>,
    pub(crate) csms: Option<CsmsUnderTest>,
    pub(crate) api: Option<Arc<ApiUnderTest>>,
    pub(crate) cpo: Option<Arc<CpoUnderTest>>,
    pub(crate) tags: Tags,
    /// The known tags that are free.
    pub(crate) pool: Arc<Pool>,
    /// How long an expected message may take.
    pub(crate) patience: Duration,
    /// How long a line is watched, at least, for what should not come.
    pub(crate) settle: Duration,
    /// How long a restart may take.
    pub(crate) reboot: Duration,
    pub(crate) schemas: Option<Arc<Schemas>>,
    /// What stands between the system under test and the rig, in the judge's own test.
    pub(crate) between: Between,
    pub(crate) halt: Halt,
    pub(crate) door: Door,
    /// Findings that one scenario has told for all.
    said: std::sync::Mutex<BTreeSet<&'static str>>,
}

/// The early end of a run that cannot come to anything: what is wrong is said once, not by every scenario.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    called: CancellationToken,
    why: OnceLock<GivenUp>,
}

/// Why a run is given up.
#[derive(Clone, Debug)]
pub(crate) struct GivenUp {
    /// For the scenarios that had no turn.
    pub(crate) reason: String,
    /// What the user can do.
    pub(crate) remedy: String,
}

impl Halt {
    /// Ends the run; only the first reason counts.
    pub(crate) fn call(&self, reason: impl Into<String>, remedy: impl Into<String>) {
        let (reason, remedy) = (reason.into(), remedy.into());
        let _ = self.why.set(GivenUp { reason, remedy });
        self.called.cancel();
    }

    /// Comes back when the run is to end.
    pub(crate) async fn called(&self) {
        self.called.cancelled().await;
    }

    pub(crate) fn why(&self) -> Option<&GivenUp> {
        self.why.get()
    }
}

/// Refusals after which nobody is expected to be let in.
const REFUSALS_MAX: u32 = 3;

/// Whom the CSMS under test has let in: one that knows none of our identities cannot be tested.
#[derive(Debug, Default)]
pub(crate) struct Door {
    opened: AtomicBool,
    refused: AtomicU32,
    last_status: AtomicU16,
    first: OnceLock<Instant>,
}

/// How long a CSMS may refuse everybody because it is busy or just starting [RFC 9110 §15.6.4].
const BUSY_MAX: Duration = Duration::from_secs(3);

impl Door {
    /// Somebody was let in.
    pub(crate) fn opens(&self) {
        self.opened.store(true, Ordering::Relaxed);
    }

    /// Somebody was refused as a stranger.
    pub(crate) fn refuses(&self, status: u16) {
        self.last_status.store(status, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a refusal with this status may pass: nobody was let in yet, and that may change soon.
    pub(crate) fn may_open(&self, status: u16) -> bool {
        let begun = self.first.get_or_init(Instant::now);
        let is_busy = status == 429 || status >= 500;
        is_busy && !self.opened.load(Ordering::Relaxed) && begun.elapsed() < BUSY_MAX
    }

    /// The status with which it refused all of at least `least` identities.
    fn shut(&self, least: u32) -> Option<u16> {
        let shut =
            !self.opened.load(Ordering::Relaxed) && self.refused.load(Ordering::Relaxed) >= least;
        let status = self.last_status.load(Ordering::Relaxed);
        shut.then_some(status)
    }
}

/// What is needed to build a [`Rig`].
#[derive(Clone, Debug)]
pub(crate) struct RigParts {
    pub(crate) charger: Option<ChargerUnderTest>,
    pub(crate) server: Option<CsmsServer>,
    pub(crate) csms: Option<CsmsUnderTest>,
    pub(crate) api: Option<Arc<ApiUnderTest>>,
    pub(crate) cpo: Option<Arc<CpoUnderTest>>,
    pub(crate) tags: Tags,
    pub(crate) patience: Duration,
    /// How long a line is watched, at least, for what should not come.
    pub(crate) settle: Duration,
    /// How long a restart may take.
    pub(crate) reboot: Duration,
    pub(crate) schemas: Option<Arc<Schemas>>,
    pub(crate) between: Between,
}

impl Rig {
    pub(crate) fn new(parts: RigParts) -> Self {
        Self {
            charger: parts.charger,
            server: parts.server,
            csms: parts.csms,
            api: parts.api,
            cpo: parts.cpo,
            pool: Arc::new(Pool::new(&parts.tags)),
            tags: parts.tags,
            patience: parts.patience,
            settle: parts.settle,
            reboot: parts.reboot,
            schemas: parts.schemas,
            between: parts.between,
            said: std::sync::Mutex::default(),
            halt: Halt::default(),
            door: Door::default(),
        }
    }

    /// What the charge point from outside said of itself, if it was asked.
    pub(crate) fn device(&self) -> Option<Device> {
        match &self.charger {
            Some(ChargerUnderTest::Foreign { device, .. }) => device.get().cloned(),
            _ => None,
        }
    }

    /// Whether a scenario has told this finding already.
    pub(crate) fn was_said(&self, finding: &'static str) -> bool {
        self.said().contains(finding)
    }

    /// Whether this scenario is the one that tells the finding.
    pub(crate) fn say_once(&self, finding: &'static str) -> bool {
        self.said().insert(finding)
    }

    fn said(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What bends the frames of a new line.
    pub(crate) fn bend(&self) -> Option<Box<dyn Bend>> {
        let bend = self.between.frames?();
        let bent = Arc::clone(&self.between.bent);
        Some(Box::new(Watched { bend, bent }))
    }

    /// The subprotocols that a charge point offers, as the CSMS under test reads them.
    pub(crate) fn offer(&self, offer: &str) -> String {
        let bend = self.between.offer;
        bend.map_or_else(|| offer.to_owned(), |bend| bend(offer))
    }

    /// A number that no other scenario of this process gets.
    pub(crate) fn number(&self) -> u32 {
        NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed)
    }

    /// The first transaction id of a scripted central system; scenarios do not share ids. An id is an integer
    /// [1.6 §6.46]: whoever keeps fewer than 31 bits of it, or takes it for a float, tells another one.
    pub(crate) fn first_transaction(&self) -> i64 {
        i64::from(NEXT_TRANSACTION.fetch_add(101, Ordering::Relaxed)) + 2_000_000_000
    }

    /// Gives the run up when the CSMS has let nobody in so far; once all scenarios had their turn, a single refusal
    /// is enough.
    pub(crate) fn look_at_the_door(&self, at_the_end: bool) {
        let Some(csms) = &self.csms else { return };
        let least = if at_the_end { 1 } else { REFUSALS_MAX };
        let Some(status) = self.door.shut(least) else {
            return;
        };
        let id = match &csms.identity {
            Identity::One(id) => id.clone(),
            Identity::Prefix(prefix) => format!("{prefix}000001…"),
        };
        self.halt.call(
            format!("the CSMS refuses every identity with HTTP {status}"),
            remedy_of_refusals(status, &id),
        );
    }

    /// Whether the CSMS under test has let nobody in: then no scenario has shown anything of it.
    pub(crate) fn nobody_was_let_in(&self) -> bool {
        self.csms.is_some() && self.door.shut(1).is_some()
    }
}

/// What to look at where every handshake ends with this status. `id`: the identity that was refused.
fn remedy_of_refusals(status: u16, id: &str) -> String {
    match status {
        200..=399 => {
            "no WebSocket answers at --url: correct its scheme, host, port and path".to_owned()
        }
        401 | 403 => format!(
            "register {id} there and give its password with --password, or an identity it knows with \
             --charge-point-id; and look at the path of --url"
        ),
        404 => format!(
            "register {id} there, or give an identity it knows with --charge-point-id (and --password), or \
             correct the path of --url; `dynamo csms` lets all in with --accept-unknown=charge-points"
        ),
        500.. => format!(
            "look at what the CSMS, or a proxy before it, writes to its log about {id}; then at the host, port and \
             path of --url, at --charge-point-id or --id-prefix, and at --password"
        ),
        _ => format!(
            "look at the scheme, host, port and path of --url, at the identity {id} (--charge-point-id, \
             --id-prefix), and at --password"
        ),
    }
}
