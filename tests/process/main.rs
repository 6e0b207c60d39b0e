//! The binary as a user meets it: separate processes, real sockets, real signals.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests, and so are their helpers"
)]

mod bad_input;
mod crash;
mod dead_csms;
mod examples;
mod fleet;
mod foreign_peer;
mod judged;
mod mail;
mod memory;
mod one_server;
mod secrets;
mod signals;
mod support;
mod transport;
mod webhooks;
