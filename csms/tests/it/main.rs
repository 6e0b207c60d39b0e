//! The CSMS through its public doors: real WebSockets, real HTTP, a database of its own per test.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "in a test a panic is the verdict, and a skip is told on stderr"
)]

mod admin;
mod backup;
mod billing;
mod certificates;
mod changes;
mod charge_points;
mod commands;
mod commissioning;
mod configuration;
mod connection;
mod cpo;
mod crowd;
mod databases;
mod decoding;
mod durability;
mod endings;
mod evses;
mod figures;
mod guest;
mod handshake;
mod history;
mod late_starts;
mod line;
mod mail;
mod messages;
mod ocpi;
mod ocpp16;
mod passwords;
mod payment;
mod projects;
mod rest;
mod retention;
mod rubbish;
mod sites;
mod start;
mod strangers;
mod support;
mod transactions;
mod transport;
mod webhooks;
