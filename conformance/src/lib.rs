//! The judge: runs Gherkin scenarios over the wire against a CSMS or a charge point, bundled or foreign.
//!
//! The rig plays the other side of the line with scripted peers that can break every rule, records each frame, and
//! `Then` steps look at that record only. It never asks an API whether something happened; where the REST API itself is
//! under test, the recorded HTTP exchange is the wire. That the judge notices
//! what it should is proved by seeded defects (`--self-test`).

mod api;
mod args;
mod bench;
mod capabilities;
mod catalogue;
mod checks;
mod collect;
mod defect;
mod driver;
mod expect;
mod features;
mod line;
mod listing;
mod operator;
mod params;
mod peer;
mod report;
mod rig;
mod run;
mod schemas;
mod script;
mod self_test;
mod steps;
mod sut;
mod trace;
mod unasked;
mod verdict;
mod world;

pub use args::{Args, Sut};
pub use run::run;
pub use verdict::Verdict;
