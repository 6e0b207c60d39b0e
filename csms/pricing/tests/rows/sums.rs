//! Rows about prices, taxes, steps, limits and rounding.

use dynamo_pricing::price;
use dynamo_protocol::ocpi::sessions::DimensionType;
use rust_decimal::Decimal;
use serde_json::json;

use crate::words::{
    always, at_noon, both, charge, component, decimal, net, pair, restricted, said, tariff,
    tariff_with, taxed, volumes,
};

#[test]
fn money_01_energy_by_the_register() {
    let bill = price(
        &tariff(json!([always(json!([taxed("ENERGY", 0.30, 20.0)]))])),
        &at_noon(&[(60, 1_246_912 - 1_234_567, true)]),
    );
    assert_eq!(bill.total_energy.0, decimal("12.345"));
    assert_eq!(both(bill.total_cost), pair("3.7035", "4.4442"));
    assert_eq!(bill.total_energy_cost, bill.total_cost);
}

#[test]
fn money_02_each_component_has_its_tax() {
    let components = json!([taxed("FLAT", 1.0, 25.0), taxed("ENERGY", 0.40, 10.0)]);
    let bill = price(
        &tariff(json!([always(components)])),
        &at_noon(&[(60, 10_000, true)]),
    );
    assert_eq!(both(bill.total_cost), pair("5", "5.65"));
    assert_eq!(both(bill.total_fixed_cost), pair("1", "1.25"));
    assert_eq!(both(bill.total_energy_cost), pair("4", "4.4"));
}

#[test]
fn money_03_time_is_charging_only() {
    let bill = price(
        &tariff(json!([always(json!([component("TIME", 3.0, 60)]))])),
        &at_noon(&[(50, 8_000, true), (40, 0, false)]),
    );
    assert_eq!(net(bill.total_cost), "2.5");
    assert_eq!(bill.total_time.0, decimal("1.5"));
    assert_eq!(bill.total_parking_time.0, decimal("0.6667"));
    assert_eq!(said(&bill, DimensionType::Time), ["0.8333", ""]);
    assert_eq!(said(&bill, DimensionType::ParkingTime), ["", "0.6667"]);
}

#[test]
fn money_04_steps_round_the_bill_and_not_the_volumes() {
    let components = json!([
        component("ENERGY", 0.30, 1),
        component("PARKING_TIME", 6.0, 300)
    ]);
    let bill = price(
        &tariff(json!([always(components)])),
        &at_noon(&[(60, 8_000, true), (17, 0, false)]),
    );
    assert_eq!(net(bill.total_cost), "4.4");
    assert_eq!(net(bill.total_energy_cost), "2.4");
    assert_eq!(net(bill.total_parking_cost), "2");
    assert_eq!(bill.total_parking_time.0, decimal("0.2833"));
    assert_eq!(said(&bill, DimensionType::ParkingTime), ["", "0.2833"]);
}

#[test]
fn money_05_one_step_for_both_kinds_of_time() {
    let components = json!([
        component("TIME", 6.0, 600),
        component("PARKING_TIME", 3.0, 600)
    ]);
    let tariff = tariff(json!([always(components)]));
    let bill = price(&tariff, &at_noon(&[(21, 5_000, true), (16, 0, false)]));
    assert_eq!(net(bill.total_cost), "3.1");
    assert_eq!(net(bill.total_time_cost), "2.1");
    assert_eq!(net(bill.total_parking_cost), "1");
    // It stays with parking when the car charges once more: 2.10 and 1.00, and 4 minutes for 0.40.
    let again = at_noon(&[(21, 5_000, true), (16, 0, false), (4, 900, true)]);
    assert_eq!(net(price(&tariff, &again).total_cost), "3.5");
}

#[test]
fn money_06_energy_is_rounded_up_once() {
    let bill = price(
        &tariff(json!([
            restricted(
                json!([component("ENERGY", 0.20, 500)]),
                json!({"end_time": "17:00"})
            ),
            always(json!([component("ENERGY", 0.30, 500)])),
        ])),
        &charge(
            "2026-01-14T15:00:00Z",
            &[(60, 3_700, true), (60, 2_600, true)],
        ),
    );
    assert_eq!(net(bill.total_cost), "1.58");
    let at_five = "2026-01-14T16:00:00Z";
    assert_eq!(
        volumes(&bill, DimensionType::Energy),
        [pair("2026-01-14T15:00:00Z", "3.7"), pair(at_five, "2.6")]
    );
}

#[test]
fn money_07_the_last_step_rounds_all_of_the_time() {
    let bill = price(
        &tariff(json!([
            restricted(
                json!([component("TIME", 6.0, 1_800)]),
                json!({"end_time": "17:00"})
            ),
            always(json!([component("TIME", 12.0, 600)])),
        ])),
        &charge("2026-01-14T15:50:00Z", &[(33, 5_000, true)]),
    );
    assert_eq!(net(bill.total_cost), "7");
}

#[test]
fn money_08_paid_parking_that_becomes_free_is_rounded_at_its_end() {
    let until_eight = json!({"end_time": "20:00"});
    let parking = restricted(json!([component("PARKING_TIME", 6.0, 900)]), until_eight);
    let bill = price(
        &tariff(json!([parking])),
        &charge("2026-01-14T18:40:00Z", &[(10, 2_000, true), (30, 0, false)]),
    );
    assert_eq!(net(bill.total_cost), "1.5");
    assert_eq!(bill.total_parking_time.0, decimal("0.5"));
    assert_eq!(bill.periods.len(), 3);
}

#[test]
fn money_09_a_minimum_is_no_fee() {
    let limits = json!({"min_price": {"excl_vat": 2.0, "incl_vat": 2.4}});
    let elements = json!([always(json!([taxed("ENERGY", 0.30, 20.0)]))]);
    let bill = price(
        &tariff_with(elements, &limits),
        &at_noon(&[(60, 1_000, true)]),
    );
    assert_eq!(both(bill.total_cost), pair("2", "2.4"));
    assert_eq!(both(bill.total_energy_cost), pair("0.3", "0.36"));
}

#[test]
fn money_10_net_and_gross_have_limits_of_their_own() {
    let limits = json!({"max_price": {"excl_vat": 10.0, "incl_vat": 11.5}});
    let elements = json!([always(json!([taxed("ENERGY", 0.40, 20.0)]))]);
    let bill = price(
        &tariff_with(elements, &limits),
        &at_noon(&[(60, 24_000, true)]),
    );
    assert_eq!(both(bill.total_cost), pair("9.6", "11.5"));
}

#[test]
fn limits_that_say_nothing_of_tax_keep_gross_at_net_or_above() {
    let elements = json!([always(json!([taxed("ENERGY", 0.40, 20.0)]))]);
    let session = at_noon(&[(60, 10_000, true)]);
    for (limits, total) in [
        (json!({"min_price": {"excl_vat": 20}}), pair("20", "20")),
        (json!({"min_price": {"excl_vat": 4.5}}), pair("4.5", "4.8")),
        (json!({"max_price": {"excl_vat": 3}}), pair("3", "4.8")),
    ] {
        let bill = price(&tariff_with(elements.clone(), &limits), &session);
        assert_eq!(both(bill.total_cost), total, "{limits}");
    }
}

#[test]
fn money_11_no_vat_field_is_no_tax() {
    let session = at_noon(&[(60, 5_000, true)]);
    for component in [component("ENERGY", 0.50, 1), taxed("ENERGY", 0.50, 0.0)] {
        let bill = price(&tariff(json!([always(json!([component]))])), &session);
        assert_eq!(both(bill.total_cost), pair("2.5", "2.5"));
    }
}

#[test]
fn money_24_what_a_session_costs_so_far_never_falls_and_ends_at_the_bill() {
    let components = json!([
        taxed("FLAT", 1.0, 20.0),
        taxed("ENERGY", 0.30, 20.0),
        taxed("PARKING_TIME", 6.0, 20.0),
    ]);
    let tariff = tariff(json!([always(components)]));
    let so_far = (1..=60).map(|minute| (minute, 200 * minute, true));
    let sessions = so_far.map(|charging| vec![charging]);
    let idle = (1..=30).map(|minute| vec![(60, 12_000, true), (minute, 0, false)]);
    let costs: Vec<_> = sessions
        .chain(idle)
        .map(|parts| price(&tariff, &at_noon(&parts)).total_cost)
        .collect();
    assert!(costs.is_sorted_by_key(|cost| cost.excl_vat));
    assert!(costs.is_sorted_by_key(|cost| cost.incl_vat));
    assert_eq!(both(*costs.last().unwrap()), pair("7.6", "9.12"));
}

#[test]
fn money_26_rounding_happens_once_at_the_end() {
    let components = json!([
        component("FLAT", 0.105, 1),
        component("ENERGY", 0.105, 1),
        component("PARKING_TIME", 0.63, 1),
    ]);
    let bill = price(
        &tariff(json!([always(components)])),
        &at_noon(&[(30, 1_000, true), (10, 0, false)]),
    );
    assert_eq!(net(bill.total_cost), "0.315");
    let text = serde_json::to_string(&bill.periods).unwrap();
    assert!(
        text.contains(r#"{"type":"PARKING_TIME","volume":0.1666}"#),
        "{text}"
    );
    assert_eq!(
        serde_json::to_string(&bill.total_cost.excl_vat).unwrap(),
        "0.315"
    );
}

#[test]
fn money_27_a_pause_of_the_charger_is_no_parking() {
    let components = json!([
        component("ENERGY", 0.30, 1),
        component("PARKING_TIME", 6.0, 60)
    ]);
    let bill = price(
        &tariff(json!([always(components)])),
        &at_noon(&[(30, 4_000, true), (30, 0, true), (30, 4_000, true)]),
    );
    assert_eq!(net(bill.total_cost), "2.4");
    assert_eq!(said(&bill, DimensionType::ParkingTime), [""]);
}

#[test]
fn money_28_a_session_without_energy_has_its_bill() {
    let components = json!([component("FLAT", 1.0, 1), component("ENERGY", 0.30, 1)]);
    let tariff = tariff(json!([always(components)]));
    let bill = price(&tariff, &at_noon(&[(2, 0, true)]));
    assert_eq!(net(bill.total_cost), "1");
    assert_eq!(bill.total_energy.0, Decimal::ZERO);
    assert_eq!(said(&bill, DimensionType::Time), ["0.0333"]);
    // Nor does one without time fall out.
    let instant = price(&tariff, &at_noon(&[(0, 0, true)]));
    assert_eq!(net(instant.total_cost), "1");
    assert_eq!(said(&instant, DimensionType::Time), ["0"]);
}

#[test]
fn money_29_free_idle_minutes_as_a_tariff_that_knows_when_they_end() {
    // Charging ends after 60 minutes; 10 more are free.
    let parking = json!([taxed("PARKING_TIME", 3.0, 20.0)]);
    let bill = price(
        &tariff(json!([
            restricted(parking, json!({"min_duration": 70 * 60})),
            always(json!([
                taxed("FLAT", 0.5, 20.0),
                taxed("ENERGY", 0.35, 20.0)
            ])),
        ])),
        &at_noon(&[(60, 8_000, true), (25, 0, false)]),
    );
    assert_eq!(both(bill.total_cost), pair("4.05", "4.86"));
    assert_eq!(bill.total_parking_time.0, decimal("0.4167"));
    let begins = volumes(&bill, DimensionType::ParkingTime);
    let begins: Vec<_> = begins.iter().map(|(begin, _)| begin.as_str()).collect();
    assert_eq!(
        begins,
        [
            "2026-01-14T11:00:00Z",
            "2026-01-14T12:00:00Z",
            "2026-01-14T12:10:00Z"
        ]
    );
}
