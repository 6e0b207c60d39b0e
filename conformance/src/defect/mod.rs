//! Seeded defects: known ways of getting a protocol wrong, put between a system that is right and the judge.
//!
//! A defect sits on the socket of the system under test, or between its REST API and who calls it, and changes what
//! crosses there, so that the judge sees exactly what it would see from a system built that way. Each must turn a
//! scenario red that is meant for it; one that survives shows a blind spot of the judge. `dynamo conformance
//! --self-test` prints which scenario caught which.

use crate::case::side::Side;
use crate::wire::bend::{
    answers, answers_twice, becomes, calls, habit, never_answers, never_calls, only_says, says,
    swaps_error_codes,
};
use crate::wire::fate::Bend;
use crate::wire::http::HttpBend;
use crate::wire::ocpi::OcpiBend;

mod meant;
mod ocpi;
mod rest;
mod v16;

pub(crate) use meant::{By, Catch, is_meant, meant_for};

/// A defect as it is listed: its name, the rule it breaks, and how it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    /// Short, as in the kill matrix.
    pub(crate) name: &'static str,
    /// The rule it breaks, with its section.
    pub(crate) breaks: &'static str,
    pub(crate) make: Make,
}

/// How a defect is made: a fresh one for each scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Make {
    /// On the line.
    Frames(fn() -> Box<dyn Bend>),
    /// At the REST API.
    Http(fn() -> Box<dyn HttpBend>),
    /// Between a platform and its partners.
    Ocpi(fn() -> Box<dyn OcpiBend>),
    /// In the handshake: the offered subprotocols as the system under test reads them.
    Offer(fn(&str) -> String),
}

/// Defects that are tried with scenarios of this side.
pub(crate) fn of(side: Side) -> Vec<Seed> {
    match side {
        Side::ChargePoint => v16::charge_point::seeds().map(Seed::from).collect(),
        Side::Csms => {
            let on_the_line = v16::csms::seeds().map(Seed::from);
            let of_the_handshake = v16::csms::offers().map(Seed::from);
            on_the_line.chain(of_the_handshake).collect()
        }
        Side::Api => rest::seeds().map(Seed::from).collect(),
        Side::Cpo => ocpi::seeds().map(Seed::from).collect(),
    }
}

/// A defect on the line.
struct Frames {
    name: &'static str,
    breaks: &'static str,
    make: fn() -> Box<dyn Bend>,
}

/// A defect of a REST API.
struct Http {
    name: &'static str,
    breaks: &'static str,
    make: fn() -> Box<dyn HttpBend>,
}

/// A defect of a platform that roams.
struct Roams {
    name: &'static str,
    breaks: &'static str,
    make: fn() -> Box<dyn OcpiBend>,
}

/// A defect of the handshake.
struct Offers {
    name: &'static str,
    breaks: &'static str,
    make: fn(&str) -> String,
}

impl From<&Frames> for Seed {
    fn from(seed: &Frames) -> Self {
        Self {
            name: seed.name,
            breaks: seed.breaks,
            make: Make::Frames(seed.make),
        }
    }
}

impl From<&Http> for Seed {
    fn from(seed: &Http) -> Self {
        Self {
            name: seed.name,
            breaks: seed.breaks,
            make: Make::Http(seed.make),
        }
    }
}

impl From<&Roams> for Seed {
    fn from(seed: &Roams) -> Self {
        Self {
            name: seed.name,
            breaks: seed.breaks,
            make: Make::Ocpi(seed.make),
        }
    }
}

impl From<&Offers> for Seed {
    fn from(seed: &Offers) -> Self {
        Self {
            name: seed.name,
            breaks: seed.breaks,
            make: Make::Offer(seed.make),
        }
    }
}

/// The names of a side are in the kill matrix, so they must differ; the rules they break must be cited.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::side::SIDES;
    use std::collections::BTreeSet;

    #[test]
    fn each_defect_has_its_name_and_cites_its_rule() {
        for seeds in SIDES.map(of) {
            let names: BTreeSet<_> = seeds.iter().map(|seed| seed.name).collect();
            assert_eq!(names.len(), seeds.len());
            assert!(seeds.len() >= 15);
            for seed in seeds {
                assert!(seed.breaks.contains('§'), "{}: {}", seed.name, seed.breaks);
            }
        }
    }
}
