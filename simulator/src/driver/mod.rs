//! What gives a charge point life: a task with its socket, its line and one sleep.
//!
//! [`spawn`] is for whoever wants a single charge point in the same process and operates it by hand; a fleet
//! starts the same task without a handle. The driver decides nothing about charging: it carries inputs in and
//! outputs out, in order.

mod book;
mod call_watch;
mod clock;
mod line;
mod socket;
mod task;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dynamo_protocol::{ChargePointId, Millis};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use clock::{Clock, RigClock};
pub(crate) use clock::{scaled, unix_now_ms};
pub(crate) use socket::TLS_SCHEME;
pub(crate) use task::{Job, Observer, drive};

use crate::charge_point::{Action, ChargePoint, Hardware, NotDone, Setup, Snapshot};
use crate::tls::ClientTls;

/// Actions of operators that may wait for one charge point; whoever has one more waits too.
const MAILBOX_ACTIONS_MAX: usize = 8;

/// One charge point and where it belongs.
#[derive(Clone, Debug)]
pub struct Station {
    /// Its identity, the last segment of the URL.
    pub id: ChargePointId,
    /// `ws://host[:port][/path]` or `wss://…`, without the identity.
    pub csms_url: String,
    /// For HTTP Basic authentication with the identity as user.
    pub password: Option<String>,
    /// For a URL that begins with `wss://`.
    pub tls: Option<ClientTls>,
    /// What it is made of.
    pub hardware: Hardware,
    /// How it was delivered.
    pub setup: Setup,
    /// Everything random about it follows from this.
    pub seed: u64,
    /// Whose time it lives by.
    pub clock: Clock,
}

/// How busy a driver is, published after each turn of its loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Nothing is under way: no call open or waiting in either direction, no input or output unprocessed, nothing in
    /// the mailbox, and the socket is open or deliberately not (not being opened or closed right now). Frames still
    /// in the kernel are not seen here: compare `frames_in` with what was sent.
    pub quiet: bool,
    /// Whether the WebSocket is open.
    pub connected: bool,
    /// The charge point's monotonic clock when this was published.
    pub clock_ms: Millis,
    /// When the charge point wants to be woken, on its monotonic clock.
    pub next_wake_ms: Option<Millis>,
    /// Text frames read and processed since the charge point was spawned.
    pub frames_in: u64,
    /// Text frames written since the charge point was spawned.
    pub frames_out: u64,
}

/// Starts a charge point as a task of its own. It powers on and connects at once.
///
/// Must be called on a Tokio runtime. A URL that cannot be used makes every attempt to connect fail.
#[must_use]
pub fn spawn(station: Station) -> Handle {
    let end = CancellationToken::new();
    let hardware = Arc::new(station.hardware);
    let setup = Arc::new(station.setup);
    let (controls, mailbox) = Controls::new(&hardware, &setup, station.seed);
    let job = Job {
        id: station.id,
        csms_url: station.csms_url.into(),
        password: station.password.map(Into::into),
        tls: station.tls,
        hardware,
        setup,
        seed: station.seed,
        clock: station.clock,
        end: end.clone(),
        at_once: CancellationToken::new(),
        grace: Duration::ZERO,
        mailbox: Some(mailbox),
        published: Some(controls.published()),
        visitor: None,
        observer: None,
    };
    Handle {
        controls,
        end,
        task: tokio::spawn(drive(job)),
    }
}

/// A charge point that was [`spawn`]ed. Dropping it lets go of the charge point, which then closes its socket.
#[derive(Debug)]
pub struct Handle {
    controls: Controls,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Handle {
    /// Does something to the charge point and waits until it has taken notice and said so on the wire, as far as
    /// it can at once.
    ///
    /// # Errors
    /// When the hardware lacks the part, things do not allow it now, or the charge point is gone.
    pub async fn operate(&self, action: Action) -> Result<(), OperateError> {
        self.controls.operate(action, None).await
    }

    /// What an operator sees.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.controls.snapshot()
    }

    /// How busy the driver is; every change is published.
    #[must_use]
    pub fn activity(&self) -> watch::Receiver<Activity> {
        self.controls.published.activity.subscribe()
    }

    /// Closes the socket with a close frame and ends the charge point, whatever it was doing.
    pub async fn stop(self) {
        self.end.cancel();
        // A panic of the task was reported by the panic hook; there is nothing left to stop.
        let _ = self.task.await;
    }
}

/// The operator's hand on one running charge point. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Controls {
    mailbox: mpsc::Sender<Box<Mail>>,
    published: Arc<Published>,
}

impl Controls {
    /// The two ends: this one, and the mailbox for the task. What [`Controls::published`] gives is shared by both.
    pub(crate) fn new(
        hardware: &Arc<Hardware>,
        setup: &Arc<Setup>,
        seed: u64,
    ) -> (Self, mpsc::Receiver<Box<Mail>>) {
        let (mailbox, mails) = mpsc::channel(MAILBOX_ACTIONS_MAX);
        // What an operator sees before the first turn: a charge point without power.
        let unpowered = ChargePoint::new(Arc::clone(hardware), Arc::clone(setup), seed);
        let published = Arc::new(Published {
            snapshot: Mutex::new(unpowered.snapshot()),
            activity: watch::Sender::default(),
        });
        (Self { mailbox, published }, mails)
    }

    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// With a `silence`, the socket that the action takes away goes without a sign.
    pub(crate) async fn operate(
        &self,
        action: Action,
        silence: Option<Silence>,
    ) -> Result<(), OperateError> {
        let (done, answer) = oneshot::channel();
        self.mailbox
            .send(Box::new(Mail {
                action,
                silence,
                done,
            }))
            .await
            .map_err(|_| OperateError::Gone)?;
        match answer.await {
            Ok(result) => result.map_err(OperateError::from),
            Err(_) => Err(OperateError::Gone),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let snapshot = self.published.snapshot.lock();
        snapshot.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.published.activity.borrow().connected
    }
}

/// Why an action was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperateError {
    /// The hardware lacks the part: it never works here. The sentence says why.
    #[error("{0}")]
    Impossible(String),
    /// Not possible as things are, e.g. the cable is locked or the power is away. The sentence says why.
    #[error("{0}")]
    Refused(String),
    /// The charge point has ended.
    #[error("the charge point is gone")]
    Gone,
}

impl From<NotDone> for OperateError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Impossible(reason) => Self::Impossible(reason),
            NotDone::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// A place among the sockets that may be silent at once.
pub(crate) type Silence = OwnedSemaphorePermit;

/// An action on its way to the task.
#[derive(Debug)]
pub(crate) struct Mail {
    action: Action,
    silence: Option<Silence>,
    done: oneshot::Sender<Result<(), NotDone>>,
}

/// What the task shows of itself to those who asked for it.
#[derive(Debug)]
pub(crate) struct Published {
    snapshot: Mutex<Snapshot>,
    activity: watch::Sender<Activity>,
}

/// Whether a URL can be used for [`Station::csms_url`]; the sentence says why not.
pub(crate) fn check_url(csms_url: &str) -> Result<(), String> {
    let id = ChargePointId::new("x").expect("a letter is an identity");
    socket::Target::new(csms_url, &id, None, None, "")
        .map(drop)
        .map_err(|error| error.to_string())
}
