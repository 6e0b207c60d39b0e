//! The charge point driven by a scripted CSMS: the exchanges of the Core profile, and what no input may break.

mod bounds;
mod clocks;
mod commands;
mod composite;
mod edges;
mod exchange;
mod harness;
mod offline;
mod phases;
mod profiles;
mod property;
mod reservations;
mod size;
mod standard;
mod visits;
mod warnings;
