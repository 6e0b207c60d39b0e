//! CDRs as partners read them: each is priced by the product, written as JSON, and priced again by an engine that others
//! wrote, which sees nothing but the CDR. Every part of the bill has to be the same, to the ten-thousandth.
//!
//! Where the engine is known to read the standard in another way, the rule has a name here. What each rule means is shown
//! by the tests of `csms/pricing` (rows OCPI-MONEY-08, -10 and -19).
//!
//! - MONEY-08, paid time that becomes free: the engine adds the free time before it rounds up to a step. Where that makes
//!   a difference, the engine is asked once more, about the CDR without the free time; the few sessions that differ still
//!   are counted, but not judged.
//! - MONEY-10, limits on net and gross: the engine looks at net first, and then takes both amounts of the limit. Tariffs
//!   with limits have one tax here, and limits with the same.
//! - MONEY-19, reservations: the engine does not know them. No tariff here has any.
//! - Halves: the engine rounds them to even digits, and loses some as it divides before it multiplies; the product rounds
//!   them up. They are counted.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

mod engine;
mod kinds;
mod sessions;

use std::cell::RefCell;
use std::collections::BTreeMap;

use dynamo_pricing::{Bill, Charge, price, wrong_tariff};
use dynamo_protocol::ocpi::tariffs::Tariff;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;

use engine::Verdict;

const SESSIONS: u32 = 6_000;
const NOT_JUDGED: &str = "MONEY-08: not judged";
/// Of each kind at least.
const ENOUGH: u32 = 100;

/// What the bill is without something of the tariff.
fn total_without(tariff: &Tariff, charge: &Charge, change: impl FnOnce(&mut Tariff)) -> Decimal {
    let mut tariff = tariff.clone();
    change(&mut tariff);
    price(&tariff, charge).total_cost.excl_vat.0
}

/// What a session is an example of.
fn examples(tariff: &Tariff, charge: &Charge, bill: &Bill) -> Vec<&'static str> {
    let mut found = kinds::crossed(tariff, charge, bill);
    let total = bill.total_cost.excl_vat.0;
    let small_steps = |tariff: &mut Tariff| {
        let elements = tariff.elements.iter_mut();
        let components = elements.flat_map(|element| &mut element.price_components);
        components.for_each(|component| component.step_size = 1);
    };
    let others = [
        ("step size", total_without(tariff, charge, small_steps)),
        (
            "minimum price",
            total_without(tariff, charge, |tariff| tariff.min_price = None),
        ),
        (
            "maximum price",
            total_without(tariff, charge, |tariff| tariff.max_price = None),
        ),
    ];
    let others = others.iter().filter(|(_, other)| *other != total);
    found.extend(others.map(|(what, _)| *what));
    let volumes = || bill.periods.iter().flat_map(|period| &period.dimensions);
    if volumes().any(|dimension| dimension.volume.0.scale() > 4) {
        found.push("volumes of more than four decimals");
    }
    found
}

#[test]
fn partners_find_the_same_costs_in_the_periods() {
    let config = Config {
        cases: SESSIONS,
        max_global_rejects: SESSIONS,
        max_shrink_iters: 500,
        failure_persistence: None,
        ..Config::default()
    };
    let counts: RefCell<BTreeMap<&str, u32>> = RefCell::default();
    let count = |what: &'static str| *counts.borrow_mut().entry(what).or_default() += 1;
    let sessions = (sessions::any_tariff(), sessions::any_charge());
    let priced = TestRunner::new(config).run(&sessions, |(tariff, charge)| {
        prop_assume!(wrong_tariff(&tariff).is_none());
        let bill = price(&tariff, &charge);
        match engine::compare(&tariff, &charge, &bill) {
            Verdict::Same => count("same"),
            Verdict::Half => count("same, but for half a ten-thousandth"),
            Verdict::SameWithoutFree => count("MONEY-08: same without the free end"),
            Verdict::BecameFree => {
                count(NOT_JUDGED);
                return Ok(());
            }
            Verdict::Other(difference) => prop_assert!(false, "{difference}"),
        }
        for what in examples(&tariff, &charge, &bill) {
            count(what);
        }
        Ok(())
    });
    for (what, count) in counts.borrow().iter() {
        println!("{count:6} {what}");
    }
    priced.unwrap();
    let counts = counts.borrow();
    for what in kinds::ALL
        .iter()
        .chain(&["step size", "minimum price", "maximum price"])
    {
        let count = counts.get(what).copied().unwrap_or_default();
        assert!(count >= ENOUGH, "{count} sessions with {what}");
    }
    let skipped = counts.get(NOT_JUDGED).copied().unwrap_or_default();
    assert!(
        skipped < SESSIONS / 50,
        "{skipped} sessions were not judged"
    );
}
