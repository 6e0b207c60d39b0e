//! The same sessions, priced by the product and by an engine for OCPI that others wrote.
//!
//! A session is a row of phases, charging and full. The product sees registers and statuses, the engine a CDR with
//! ENERGY, TIME and PARKING_TIME. OCPI has no free minutes for a full car; they become time without a price, so the
//! engine judges energy, fee, started minutes and the sum, while the free ones are taken off here. OCPI asks for a FLAT
//! price always; ours is none without energy, so the tariff of such a session has no FLAT.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]
#![allow(dead_code, reason = "the product uses all of this file")]

#[path = "../../src/domain/money/price.rs"]
mod price;

use chrono_tz::Tz;
use jiff::{SignedDuration, Timestamp};
use ocpi_tariffs::{Version, cdr, price as engine};
use price::{IdleFrom, Tariff, Usage, idle_minutes, in_coins};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// A hundredth of an hour, which OCPI can say without rounding.
const TICK_MS: i64 = 36_000;

/// Charging for some ticks with energy in 10 Wh, then full for some ticks.
type Phases = Vec<((i64, i64), i64)>;

struct Session {
    history: Vec<IdleFrom>,
    energy_wh: i64,
    length_ms: i64,
    periods: Vec<Value>,
    idle_ms: i64,
}

fn instant(at_ms: i64) -> String {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    (begin + SignedDuration::from_millis(at_ms)).to_string()
}

fn hours(length_ms: i64) -> Value {
    json!(
        Decimal::new(length_ms / TICK_MS, 2)
            .to_string()
            .parse::<f64>()
            .unwrap()
    )
}

fn period(at_ms: i64, dimension: &str, length_ms: i64, energy_wh: i64) -> Value {
    let mut dimensions = vec![json!({"type": dimension, "volume": hours(length_ms)})];
    if energy_wh > 0 {
        let kwh: f64 = Decimal::new(energy_wh, 3).to_string().parse().unwrap();
        dimensions.push(json!({"type": "ENERGY", "volume": kwh}));
    }
    json!({"start_date_time": instant(at_ms), "dimensions": dimensions})
}

fn session(phases: &Phases, free_minutes: i64) -> Session {
    let mut session = Session {
        history: Vec::new(),
        energy_wh: 0,
        length_ms: 0,
        periods: Vec::new(),
        idle_ms: 0,
    };
    let mut free_ms = free_minutes * 60_000;
    for ((ticks, tens_wh), full_ticks) in phases {
        let at_ms = session.length_ms;
        let (charging_ms, full_ms) = (ticks * TICK_MS, full_ticks * TICK_MS);
        session.idle(false, at_ms);
        let wh = tens_wh * 10;
        session.periods.push(period(at_ms, "TIME", charging_ms, wh));
        session.energy_wh += wh;
        let full_at_ms = at_ms + charging_ms;
        session.length_ms = full_at_ms + full_ms;
        if full_ms == 0 {
            continue;
        }
        session.idle(true, full_at_ms);
        session.idle_ms += full_ms;
        let gratis_ms = full_ms.min(free_ms);
        free_ms -= gratis_ms;
        if gratis_ms > 0 {
            session
                .periods
                .push(period(full_at_ms, "TIME", gratis_ms, 0));
        }
        if full_ms > gratis_ms {
            let paid = period(
                full_at_ms + gratis_ms,
                "PARKING_TIME",
                full_ms - gratis_ms,
                0,
            );
            session.periods.push(paid);
        }
    }
    session
}

impl Session {
    fn idle(&mut self, is_idle: bool, at_ms: i64) {
        self.history.push(IdleFrom { is_idle, at_ms });
    }

    fn cdr(&self, tariff: &Tariff) -> String {
        let component = |kind: &str, price: Decimal, step: i64| {
            let price: f64 = price.to_string().parse().unwrap();
            json!({"type": kind, "price": price, "vat": 0.0, "step_size": step})
        };
        let zero = json!({"excl_vat": 0.0, "incl_vat": 0.0});
        let per_hour = tariff.idle_fee_per_minute * Decimal::from(60);
        let mut components = vec![
            component("ENERGY", tariff.price_per_kwh, 1),
            component("PARKING_TIME", per_hour, 60),
        ];
        if self.energy_wh > 0 {
            components.push(component("FLAT", tariff.session_fee, 1));
        }
        json!({
            "country_code": "GB", "party_id": "DYN", "id": "1", "session_id": "1",
            "start_date_time": instant(0), "end_date_time": instant(self.length_ms),
            "currency": tariff.currency, "cdr_location": {"country": "GBR"},
            "charging_periods": self.periods,
            "tariffs": [{
                "country_code": "GB", "party_id": "DYN", "id": "1", "currency": tariff.currency,
                "last_updated": instant(0),
                "elements": [{"price_components": components}],
            }],
            "total_cost": zero, "total_energy": 0.0, "total_time": 0.0, "last_updated": instant(0),
        })
        .to_string()
    }
}

/// The engine's total; its amounts have four decimals.
fn by_engine(session: &Session, tariff: &Tariff) -> Decimal {
    let text = session.cdr(tariff);
    let parsed = cdr::parse_with_version(&text, Version::V221).unwrap();
    let priced = cdr::price(&parsed.cdr, engine::TariffSource::UseCdr, Tz::UTC);
    let (report, _) = match priced {
        Ok(priced) => priced.into_parts(),
        Err(refused) => panic!("{:?} of {text}", refused.into_parts().0),
    };
    // The engine has no total where it has nothing to price.
    let Some(total) = report.total_cost.calculated else {
        assert_eq!(session.energy_wh, 0, "{text}");
        return Decimal::ZERO;
    };
    format!("{:#}", total.excl_vat).parse().unwrap()
}

fn by_product(session: &Session, tariff: &Tariff) -> Decimal {
    let usage = Usage {
        energy_wh: session.energy_wh,
        idle_minutes: idle_minutes(&session.history, 0, session.length_ms),
    };
    tariff.price(usage).total
}

fn any_tariff() -> impl Strategy<Value = Tariff> {
    (0_i64..200, 0_i64..500, 0_i64..100, 0_i64..4).prop_map(|(kwh, fee, idle, frees)| Tariff {
        currency: "GBP".to_owned(),
        price_per_kwh: Decimal::new(kwh, 2),
        session_fee: Decimal::new(fee, 2),
        idle_fee_per_minute: Decimal::new(idle, 2),
        // Whole ticks as well as whole minutes.
        free_idle_minutes: frees * 3,
    })
}

/// Sessions end with a full car, or never have one: OCPI rounds up the kind of time that a session ends with.
fn any_phases() -> impl Strategy<Value = Phases> {
    // One phase in three takes nothing.
    let taken = || prop_oneof![1 => Just(0_i64), 2 => 0_i64..5_000];
    let phase = ((1_i64..300, taken()), 1_i64..200);
    let short = ((1_i64..300, taken()), Just(0_i64));
    prop_oneof![
        prop::collection::vec(phase, 1..4),
        prop::collection::vec(short, 1..4)
    ]
}

#[test]
fn two_thousand_sessions_cost_the_same_by_both() {
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    let sessions = (any_tariff(), any_phases());
    let priced = TestRunner::new(config).run(&sessions, |(tariff, phases)| {
        let session = session(&phases, tariff.free_idle_minutes);
        let theirs = in_coins(by_engine(&session, &tariff), &tariff.currency);
        prop_assert_eq!(
            by_product(&session, &tariff),
            theirs,
            "{:?}",
            session.periods
        );
        Ok(())
    });
    priced.unwrap();
}

#[test]
fn the_engine_prices_the_example_as_one_does_by_hand() {
    let tariff = Tariff {
        currency: "GBP".to_owned(),
        price_per_kwh: "0.38".parse().unwrap(),
        session_fee: "0.5".parse().unwrap(),
        idle_fee_per_minute: "0.05".parse().unwrap(),
        free_idle_minutes: 3,
    };
    // An hour for 10 kWh, then full for 10 ticks: 6 minutes, 3 of them paid.
    let session = session(&vec![((100, 1_000), 10)], 3);
    assert_eq!(by_engine(&session, &tariff), "4.45".parse().unwrap());
    assert_eq!(by_product(&session, &tariff), "4.45".parse().unwrap());
    // The same without energy: no fee, and 3 minutes of a full car.
    let nothing = self::session(&vec![((100, 0), 10)], 3);
    assert_eq!(by_engine(&nothing, &tariff), "0.15".parse().unwrap());
    assert_eq!(by_product(&nothing, &tariff), "0.15".parse().unwrap());
}
