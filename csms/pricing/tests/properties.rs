//! What holds for every tariff and every charge.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use dynamo_pricing::{Bill, Charge, Stretch, price, wrong_tariff};
use dynamo_protocol::ocpi::sessions::DimensionType;
use dynamo_protocol::ocpi::tariffs::{
    DayOfWeek, PriceComponent, ReservationRestriction, Tariff, TariffDimension, TariffElement,
    TariffRestrictions,
};
use dynamo_protocol::ocpi::{DateTime, Number, Price};
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;

/// 2026-03-28T12:00:00Z, the day before clocks are put forward.
const BEGIN_MS: i64 = 1_774_699_200_000;

fn number(digits: i64, scale: u32) -> Number {
    Number(Decimal::new(digits, scale))
}

fn any_component() -> impl Strategy<Value = PriceComponent> {
    let vat = weighted(0.7, select(vec![0, 70, 190, 200, 250]));
    let step = select(vec![1, 7, 60, 300, 500, 900]);
    (select(TariffDimension::ALL), 0_i64..100_000, vat, step).prop_map(
        |(r#type, price, vat, step_size)| PriceComponent {
            r#type,
            price: number(price, 4),
            vat: vat.map(|vat| number(vat, 1)),
            step_size,
        },
    )
}

fn any_restrictions() -> impl Strategy<Value = TariffRestrictions> {
    let time = || {
        let time = (0_u8..24, 0_u8..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"));
        weighted(0.3, time)
    };
    let day = || weighted(0.1, (28_i8..31).prop_map(|day| date(2026, 3, day)));
    let bound = |digits: i64| weighted(0.2, (0..digits).prop_map(|digits| number(digits, 3)));
    let duration = || weighted(0.2, 0_i64..100_000);
    let days = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(select(DayOfWeek::ALL), 1..4),
    ];
    (
        (time(), time(), day(), day()),
        (bound(30_000), bound(30_000), bound(40_000), bound(40_000)),
        (bound(30_000), bound(30_000), duration(), duration()),
        (days, weighted(0.2, select(ReservationRestriction::ALL))),
    )
        .prop_map(
            |(
                (start_time, end_time, start_date, end_date),
                (min_kwh, max_kwh, min_current, max_current),
                (min_power, max_power, min_duration, max_duration),
                (day_of_week, reservation),
            )| TariffRestrictions {
                start_time,
                end_time,
                start_date,
                end_date,
                min_kwh,
                max_kwh,
                min_current,
                max_current,
                min_power,
                max_power,
                min_duration,
                max_duration,
                day_of_week,
                reservation,
            },
        )
}

fn tariff_of(elements: Vec<TariffElement>, limits: [Option<Price>; 2]) -> Tariff {
    Tariff {
        country_code: "GB".into(),
        party_id: "DYN".into(),
        id: "T".into(),
        currency: "GBP".to_owned(),
        r#type: None,
        tariff_alt_text: Vec::new(),
        tariff_alt_url: None,
        min_price: limits[0],
        max_price: limits[1],
        elements,
        start_date_time: None,
        end_date_time: None,
        last_updated: DateTime(0),
    }
}

fn any_tariff() -> impl Strategy<Value = Tariff> {
    let element = (
        prop::collection::vec(any_component(), 1..4),
        weighted(0.7, any_restrictions()),
    );
    let element = element.prop_map(|(price_components, restrictions)| TariffElement {
        price_components,
        restrictions,
    });
    let limit = || {
        let amounts = (0_i64..50_000, weighted(0.5, 0_i64..50_000));
        weighted(0.2, amounts).prop_map(|limit| {
            limit.map(|(net, gross)| Price {
                excl_vat: number(net, 3),
                incl_vat: gross.map(|gross| number(gross, 3)),
            })
        })
    };
    (prop::collection::vec(element, 1..6), [limit(), limit()])
        .prop_map(|(elements, limits)| tariff_of(elements, limits))
}

/// A length in milliseconds, whole seconds or not.
fn any_length() -> impl Strategy<Value = i64> {
    prop_oneof![
        0_i64..2,
        1_i64..40_000_000,
        (1_i64..600).prop_map(|minutes| minutes * 60_000)
    ]
}

fn any_stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let part = (
        any_length(),
        prop_oneof![1 => Just(0_i64), 3 => 0_i64..30_000],
        any::<bool>(),
        weighted(0.3, 0_i64..300_000),
        weighted(0.5, 0_i64..640),
    );
    prop::collection::vec(part, 1..8).prop_map(|parts| {
        let mut from_ms = BEGIN_MS;
        let stretch = |(length_ms, energy_wh, is_charging, power, current): (
            _,
            _,
            _,
            Option<i64>,
            Option<i64>,
        )| {
            let stretch = Stretch {
                from_ms,
                to_ms: from_ms + length_ms,
                energy_wh,
                is_charging,
                power_kw: power.map(|power| Decimal::new(power, 4)),
                current_a: current.map(|current| Decimal::new(current, 1)),
            };
            from_ms += length_ms;
            stretch
        };
        parts.into_iter().map(stretch).collect()
    })
}

fn any_charge() -> impl Strategy<Value = Charge> {
    let zone = select(vec![
        "UTC0",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "NST3:30NDT,M3.2.0,M11.1.0",
    ]);
    (zone, any_stretches(), weighted(0.2, any_length()), 0_u8..20).prop_map(
        |(zone, stretches, reserved, expired)| {
            let zone = TimeZone::posix(zone).unwrap();
            let reserved = reserved.map(|length_ms| BEGIN_MS - length_ms);
            match reserved {
                Some(from_ms) if expired == 0 => Charge::expired(zone, from_ms, BEGIN_MS).unwrap(),
                Some(from_ms) => {
                    let charge = Charge::new(zone, stretches).unwrap();
                    charge.reserved_since(from_ms).unwrap()
                }
                None => Charge::new(zone, stretches).unwrap(),
            }
        },
    )
}

fn sum(bill: &Bill, of: DimensionType) -> Decimal {
    let dimensions = bill.periods.iter().flat_map(|period| &period.dimensions);
    let volumes = dimensions.filter(|dimension| dimension.r#type == of);
    volumes.map(|dimension| dimension.volume.0).sum()
}

fn parts(bill: &Bill) -> Vec<Price> {
    let mut parts = vec![
        bill.total_fixed_cost,
        bill.total_energy_cost,
        bill.total_time_cost,
        bill.total_parking_cost,
    ];
    parts.extend(bill.total_reservation_cost);
    parts
}

fn is_close(one: Decimal, other: Decimal, tolerance: Decimal) -> bool {
    (one - other).abs() <= tolerance
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_amount_is_negative_and_gross_is_not_below_net(tariff in any_tariff(), charge in any_charge()) {
        let bill = price(&tariff, &charge);
        for Price { excl_vat, incl_vat } in parts(&bill).into_iter().chain([bill.total_cost]) {
            prop_assert!(excl_vat.0 >= Decimal::ZERO);
            prop_assert!(incl_vat.unwrap() >= excl_vat);
            prop_assert!(excl_vat.0.scale() <= 4 && incl_vat.unwrap().0.scale() <= 4);
        }
    }

    /// OCPI-MONEY-23.
    #[test]
    fn the_parts_are_the_total(tariff in any_tariff(), charge in any_charge()) {
        let tariff = Tariff { min_price: None, max_price: None, ..tariff };
        let bill = price(&tariff, &charge);
        let net: Decimal = parts(&bill).iter().map(|part| part.excl_vat.0).sum();
        let gross: Decimal = parts(&bill).iter().map(|part| part.incl_vat.unwrap().0).sum();
        // Five parts are rounded, each by half a ten-thousandth at most, and the total is as well.
        let rounded = Decimal::new(3, 4);
        prop_assert!(is_close(net, bill.total_cost.excl_vat.0, rounded));
        prop_assert!(is_close(gross, bill.total_cost.incl_vat.unwrap().0, rounded));
    }

    /// OCPI-MONEY-22.
    #[test]
    fn periods_cover_the_charge_and_add_up(tariff in any_tariff(), charge in any_charge()) {
        let bill = price(&tariff, &charge);
        prop_assert_eq!(bill.periods[0].start_date_time, DateTime(charge.begin_ms()));
        let begins: Vec<i64> = bill.periods.iter().map(|period| period.start_date_time.0).collect();
        prop_assert!(begins.is_sorted());
        prop_assert!(*begins.last().unwrap() <= charge.end_ms());
        prop_assert!(bill.periods.iter().all(|period| !period.dimensions.is_empty()));
        let taken: i64 = charge.stretches().iter().map(|stretch| stretch.energy_wh).sum();
        prop_assert_eq!(bill.total_energy.0, Decimal::new(taken, 3));
        prop_assert_eq!(sum(&bill, DimensionType::Energy), bill.total_energy.0);
        // Each period says its length, to a ten-thousandth of an hour.
        let tolerance = Decimal::new(1, 4);
        let mut ends = begins.clone();
        ends.remove(0);
        ends.push(charge.end_ms());
        for ((begin, end), period) in begins.iter().zip(ends).zip(&bill.periods) {
            let times = period.dimensions.iter().filter(|dimension| matches!(
                dimension.r#type,
                DimensionType::Time | DimensionType::ParkingTime | DimensionType::ReservationTime
            ));
            let said: Decimal = times.map(|dimension| dimension.volume.0).sum();
            let length = Decimal::from(end - begin) / Decimal::from(3_600_000);
            prop_assert!(is_close(said, length, tolerance), "{said} for {length}");
            let are_numbers = period.dimensions.iter().all(|dimension| {
                dimension.volume.0 >= Decimal::ZERO && dimension.volume.0.mantissa() < 1_000_000_000_000_000
            });
            prop_assert!(are_numbers, "{period:?}");
        }
        let parking = sum(&bill, DimensionType::ParkingTime);
        let many = Decimal::new(5, 4) * Decimal::from(bill.periods.len());
        prop_assert!(is_close(parking, bill.total_parking_time.0, many));
        let all = sum(&bill, DimensionType::Time) + parking;
        prop_assert!(is_close(all, bill.total_time.0, many));
    }

    #[test]
    fn pricing_twice_gives_the_same(tariff in any_tariff(), charge in any_charge()) {
        prop_assert_eq!(price(&tariff, &charge), price(&tariff, &charge));
    }

    #[test]
    fn without_restrictions_stretches_may_be_cut_anywhere(
        tariff in any_tariff(),
        stretches in any_stretches(),
        at in 0_u64..1_000,
    ) {
        let elements = tariff.elements.into_iter().map(|element| TariffElement { restrictions: None, ..element });
        let tariff = tariff_of(elements.collect(), [tariff.min_price, tariff.max_price]);
        let cut = stretches.iter().flat_map(|stretch| {
            let part = |length: i64| i64::try_from(i128::from(length) * i128::from(at) / 1_000).unwrap();
            let at_ms = stretch.from_ms + part(stretch.to_ms - stretch.from_ms);
            let energy_wh = part(stretch.energy_wh);
            [
                Stretch { to_ms: at_ms, energy_wh, ..stretch.clone() },
                Stretch { from_ms: at_ms, energy_wh: stretch.energy_wh - energy_wh, ..stretch.clone() },
            ]
        });
        let cut = Charge::new(TimeZone::UTC, cut.collect()).unwrap();
        let whole = Charge::new(TimeZone::UTC, stretches).unwrap();
        // What was taken in an instant belongs to the period before it, so volumes may be elsewhere.
        let costs = |bill: Bill| Bill { periods: Vec::new(), ..bill };
        prop_assert_eq!(costs(price(&tariff, &cut)), costs(price(&tariff, &whole)));
    }

    /// What others send may be anything that has the form of a tariff.
    #[test]
    fn odd_tariffs_are_told_and_priced_without_panic(
        tariff in any_tariff(),
        charge in any_charge(),
        odd in select(vec![Decimal::MAX, Decimal::MIN, -Decimal::ONE, Decimal::new(1, 28)]),
        step in select(vec![i64::MIN, -1, 0, i64::MAX]),
        place in 0_usize..7,
    ) {
        let mut tariff = tariff;
        let element = &mut tariff.elements[0];
        let component = &mut element.price_components[0];
        let restrictions = element.restrictions.get_or_insert_default();
        match place {
            0 => component.price = Number(odd),
            1 => component.vat = Some(Number(odd)),
            2 => component.step_size = step,
            3 => (restrictions.min_kwh, restrictions.max_kwh) = (Some(Number(odd)), Some(Number(odd))),
            4 => (restrictions.min_duration, restrictions.max_duration) = (Some(step), Some(step)),
            5 => tariff.max_price = Some(Price { excl_vat: Number(odd), incl_vat: None }),
            _ => (restrictions.min_power, restrictions.max_current) = (Some(Number(odd)), Some(Number(odd))),
        }
        let is_wrong = match place {
            0 | 5 => odd < Decimal::ZERO,
            1 => !(Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&odd),
            2 => step < 1,
            // A range from a bound to the same bound has nothing in it.
            3 | 4 => true,
            _ => odd < Decimal::ZERO,
        };
        prop_assert!(!is_wrong || wrong_tariff(&tariff).is_some());
        let bill = price(&tariff, &charge);
        prop_assert!(bill.total_cost.excl_vat.0 >= Decimal::ZERO);
    }
}
