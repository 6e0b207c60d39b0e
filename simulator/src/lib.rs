//! Charge points that behave like real ones, and what gives them life.
//!
//! The charge point itself ([`charge_point`], [`dialect`], [`ev`]) is pure: inputs and time go in, outputs come
//! out. Around it, the [`driver`] owns the socket and the sleep, a visitor plugs cars in and holds
//! cards before the reader, and [`run`] does that for a whole fleet and says what came of it.
//!
//! The simulator knows nothing of any particular CSMS: they meet on the wire.

mod args;
pub mod charge_point;
mod control;
pub mod dialect;
pub mod driver;
pub mod ev;
mod figures;
mod fleet;
mod input_error;
mod ledger;
mod output;
mod plan;
mod reach;
mod report;
mod scenario;
mod span;
mod tally;
mod thresholds;
mod tls;
mod visitor;
mod yaml_error;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use args::Args;
pub use driver::{Activity, Clock, Handle, OperateError, RigClock, Station, spawn};
pub use input_error::InputError;
pub use ledger::LedgerLine;
pub use tls::{ClientTls, TlsFiles};

/// How the outside ends a run.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Sessions are stopped, messages delivered, sockets closed, as far as that takes a few seconds.
    pub in_order: CancellationToken,
    /// Nothing is waited for any more; reports are still written.
    pub at_once: CancellationToken,
}

impl From<CancellationToken> for Shutdown {
    /// Ends in order when the token is cancelled; nobody hurries it.
    fn from(in_order: CancellationToken) -> Self {
        Self {
            in_order,
            at_once: CancellationToken::new(),
        }
    }
}

/// What a finished run says about its thresholds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every threshold held.
    Held,
    /// These did not, one sentence each.
    NotHeld(Vec<String>),
}

/// Runs a fleet as the arguments say, until its time is over or `shutdown` says so; either way sessions are stopped
/// properly, unless it shall end at once, and reports are written.
///
/// In a box, so that the fleet is compiled in this crate, and not again in each that runs one.
///
/// # Errors
/// One sentence that names the value and the remedy: arguments or files that make no sense, files that cannot be
/// written, a CSMS to which no connection at all came about, and a run that was ended at once.
pub fn run(
    args: Args,
    shutdown: impl Into<Shutdown>,
) -> BoxFuture<'static, Result<Verdict, InputError>> {
    boxed(args, shutdown.into())
}

fn boxed(args: Args, shutdown: Shutdown) -> BoxFuture<'static, Result<Verdict, InputError>> {
    Box::pin(async move {
        let plan = plan::Plan::from_args(&args)?;
        if args.check {
            plan.describe()?;
            return Ok(Verdict::Held);
        }
        fleet::run(plan, shutdown).await
    })
}
