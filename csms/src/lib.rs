//! A Charge Station Management System: OCPP 1.6J server, REST API, OCPI 2.2.1 as a CPO, SQLite or PostgreSQL.
//!
//! [`run`] is the command `dynamo csms`, [`admin`] is `dynamo csms admin`, and [`start`] gives a CSMS inside
//! the process, for tests and for the judge. What it deliberately does not do: know
//! other OCPP versions, or be an eMSP.

mod address;
mod admin;
mod app;
mod args;
mod clock;
mod commissioning;
pub mod config;
pub mod demo;
pub mod domain;
mod guest;
mod listen;
mod metrics;
mod ocpi;
mod ocpp;
mod options;
mod outbox;
mod parse;
mod password;
mod payment;
mod public;
mod public_only;
mod random;
mod receipt;
mod rest;
mod retention;
mod running;
mod settling;
mod stalled;
mod start;
pub mod store;
mod tls;

pub use address::reachable;
pub use admin::{AdminArgs, AdminError, admin, admin_to};
pub use args::{Args, Command, Unknown, announce, open, run};
pub use clock::Clock;
pub use domain::charge_points::certificate::Issued;
pub use domain::charge_points::password::{PendingPassword, PendingState};
pub use domain::charge_points::security::SecurityProfile;
pub use ocpp::{Rate, sessions};
pub use options::{AcceptUnknown, MailSettings, Options, PaymentSettings, Retention, TlsFiles};
pub use password::hash_password;
pub use running::Csms;
pub use start::error::StartError;
pub use start::start;

use app::App;
