//! The rules of OCPP 1.6 that every scenario demands: payloads obey the schema, a charge point waits for its
//! acceptance and tells the time it was told, and nobody says what no step accounts for.

mod acceptance;
mod accounting;
mod frames;
mod given_once;
mod habits;
mod idle;
mod printable;
mod readings;
mod reasons;
mod stamps;

pub(super) use acceptance::nothing_is_said_before_acceptance;
pub(super) use accounting::nothing_is_unaccounted;
pub(super) use frames::frames_are_valid;
pub(super) use given_once::transaction_ids_are_given_once;
pub(super) use idle::is_told_when_asked as idle_is_told_when_asked;
pub(super) use printable::texts_are as texts_are_printable;
pub(super) use readings::are_in_order as readings_are_in_order;
pub(crate) use reasons::CSMS_MAY;
pub(super) use stamps::time_stamps_are_of_now;
