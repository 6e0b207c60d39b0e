//! The judge: runs Gherkin scenarios over the wire against a CSMS, a charge point or a CPO, bundled or foreign.
//!
//! The rig plays the other side of the line with scripted peers that can break every rule, records each frame, and
//! `Then` steps look at that record only. It never asks an API whether something happened; where the REST API itself is
//! under test, the recorded HTTP exchange is the wire. That the judge notices
//! what it should is proved by seeded defects (`--self-test`).
//!
//! Rooms, from below; each knows only those above it in this table:
//!
//! | room | holds |
//! | --- | --- |
//! | `words`, `failure`, `terminal` | how people write and read; how a step fails |
//! | `wire` | what happened on a line, in order; lines with their recorder; what a line does to a frame; HTTP exchanges |
//! | `peer` | sockets and HTTP on both ends |
//! | `watch` | what a step wants to see |
//! | `case` | features, tags, the catalogue, capabilities |
//! | `dialect` | how each version of OCPP says things |
//! | `rules` | what every scenario demands without saying so |
//! | `hand` | who makes a system under test do something: operator and driver |
//! | `defect`, `benign` | seeded defects; liberties that a right system may take |
//! | `role` | what the rig plays in a scenario: a CSMS, a charge point, a caller of the REST API, an eMSP or two |
//! | `report` | what a run has to say |
//! | `steps` | the words of the features |
//! | `run` | from arguments to the verdict |

mod benign;
mod case;
mod defect;
mod dialect;
mod failure;
mod hand;
mod peer;
mod report;
mod role;
mod rules;
mod run;
mod steps;
mod terminal;
mod watch;
mod wire;
mod words;

pub use run::args::{Args, Sut};
pub use run::verdict::Verdict;

use futures_util::future::LocalBoxFuture;
use tokio_util::sync::CancellationToken;

/// Puts what the arguments name to the test, prints the verdict and writes the reports. When `shutdown` is
/// cancelled, the scenarios that have not ended are reported as not run.
///
/// In a box, so that the judge is compiled in this crate, and not again in the one that runs it.
///
/// # Errors
/// One sentence with the remedy, when the run cannot be made: arguments or files that make no sense, nobody at the
/// given address, an address that is taken, a report that cannot be written.
pub fn run(
    args: Args,
    shutdown: CancellationToken,
) -> LocalBoxFuture<'static, anyhow::Result<Verdict>> {
    Box::pin(run::run(args, shutdown))
}
