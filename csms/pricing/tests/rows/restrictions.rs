//! Rows about when an element holds.

use dynamo_pricing::{Charge, price};
use dynamo_protocol::ocpi::sessions::DimensionType;
use serde_json::json;

use crate::words::{
    always, at_noon, berlin, charge, component, decimal, net, pair, restricted, said, stretches,
    tariff, volumes,
};

#[test]
fn money_12_days_are_those_of_the_location() {
    let on_monday = json!({"day_of_week": ["MONDAY"]});
    let bill = price(
        &tariff(json!([
            restricted(json!([component("ENERGY", 0.50, 1)]), on_monday),
            always(json!([component("ENERGY", 0.20, 1)])),
        ])),
        &charge("2026-01-11T23:10:00Z", &[(40, 4_000, true)]),
    );
    assert_eq!(net(bill.total_cost), "2");
}

#[test]
fn money_13_a_night_passes_midnight() {
    let by_night = json!({"start_time": "22:00", "end_time": "06:00"});
    let bill = price(
        &tariff(json!([
            restricted(json!([component("ENERGY", 0.10, 1)]), by_night),
            always(json!([component("ENERGY", 0.40, 1)])),
        ])),
        &charge("2026-01-14T22:30:00Z", &[(60, 6_000, true)]),
    );
    assert_eq!(net(bill.total_cost), "0.6");
    assert_eq!(bill.periods.len(), 1);
}

#[test]
fn money_14_summer_time_counts() {
    let evening = json!({"start_time": "18:00", "end_time": "00:00"});
    let tariff = tariff(json!([
        restricted(json!([component("ENERGY", 0.50, 1)]), evening),
        always(json!([component("ENERGY", 0.30, 1)])),
    ]));
    let costs = ["2026-01-15T16:20:00Z", "2026-07-15T16:20:00Z"]
        .map(|from| net(price(&tariff, &charge(from, &[(20, 2_000, true)])).total_cost));
    assert_eq!(costs, ["0.6", "1"]);
}

#[test]
fn a_change_of_the_clocks_starts_and_ends_prices() {
    // On 29 March 2026 clocks go from 02:00 to 03:00, on 25 October from 03:00 back to 02:00.
    let small_hours = json!({"start_time": "02:30", "end_time": "03:30"});
    let tariff = tariff(json!([restricted(
        json!([component("TIME", 6.0, 1)]),
        small_hours
    )]));
    let four_hours = &[(240, 1_000, true)];
    let spring = price(&tariff, &charge("2026-03-28T23:00:00Z", four_hours));
    assert_eq!(net(spring.total_cost), "3");
    let autumn = price(
        &tariff,
        &charge("2026-10-24T22:00:00Z", &[(300, 1_000, true)]),
    );
    // From 02:30 to 03:00 in summer time, and from 02:30 to 03:30 in winter time.
    assert_eq!(net(autumn.total_cost), "9");
    assert_eq!(autumn.periods.len(), 5);
}

#[test]
fn money_15_energy_tiers_change_at_their_bound() {
    let tariff = tariff(json!([
        restricted(
            json!([component("ENERGY", 0.20, 1)]),
            json!({"max_kwh": 10})
        ),
        always(json!([component("ENERGY", 0.40, 1)])),
    ]));
    let bill = price(&tariff, &at_noon(&[(75, 12_500, true)]));
    assert_eq!(net(bill.total_cost), "3");
    assert_eq!(
        volumes(&bill, DimensionType::Energy),
        [
            pair("2026-01-14T11:00:00Z", "10"),
            pair("2026-01-14T12:00:00Z", "2.5")
        ]
    );
    let read_there = price(&tariff, &at_noon(&[(60, 10_000, true), (15, 2_500, true)]));
    assert_eq!(read_there, bill);
    let just_ten = price(&tariff, &at_noon(&[(60, 10_000, true)]));
    assert_eq!(net(just_ten.total_cost), "2");
}

#[test]
fn money_16_prices_by_power() {
    let tariff = tariff(json!([
        restricted(
            json!([component("ENERGY", 0.30, 1)]),
            json!({"max_power": 11})
        ),
        always(json!([component("ENERGY", 0.60, 1)])),
    ]));
    let mut parts = stretches(
        "2026-01-14T11:00:00Z",
        &[(30, 3_700, true), (30, 11_000, true)],
    );
    let by_mean = price(&tariff, &Charge::new(berlin(), parts.clone()).unwrap());
    assert_eq!(net(by_mean.total_cost), "7.71");
    assert_eq!(
        by_mean.periods[1].start_date_time.to_string(),
        "2026-01-14T11:30:00Z"
    );
    assert_eq!(said(&by_mean, DimensionType::MinPower), ["7.4", "22"]);
    assert_eq!(said(&by_mean, DimensionType::MaxPower), ["7.4", "22"]);
    // What was measured counts more than the mean.
    parts[0].power_kw = Some(decimal("11"));
    let measured = price(&tariff, &Charge::new(berlin(), parts).unwrap());
    assert_eq!(net(measured.total_cost), "8.82");
}

#[test]
fn money_17_durations_count_pauses() {
    let bill = price(
        &tariff(json!([
            restricted(
                json!([component("ENERGY", 0.0, 1)]),
                json!({"max_duration": 3_600})
            ),
            always(json!([component("ENERGY", 0.40, 1)])),
        ])),
        &at_noon(&[(30, 5_000, true), (40, 0, false), (20, 3_000, true)]),
    );
    assert_eq!(net(bill.total_cost), "1.2");
}

#[test]
fn money_18_the_first_element_per_dimension() {
    let by_day = json!({"start_time": "09:00", "end_time": "18:00"});
    let bill = price(
        &tariff(json!([
            restricted(json!([component("PARKING_TIME", 6.0, 60)]), by_day),
            always(json!([
                component("FLAT", 1.0, 1),
                component("ENERGY", 0.30, 1)
            ])),
        ])),
        &charge("2026-01-14T09:00:00Z", &[(60, 8_000, true), (10, 0, false)]),
    );
    assert_eq!(net(bill.total_cost), "4.4");
    // 0.1667 hours would be read as more than ten minutes, and rounded up to eleven.
    assert_eq!(said(&bill, DimensionType::ParkingTime), ["", "0.1666"]);
    assert_eq!(bill.total_parking_time.0, decimal("0.1667"));
}

#[test]
fn money_30_dates_bound_the_days_and_times_recur_on_each() {
    let mornings = json!({
        "start_date": "2026-01-14", "end_date": "2026-01-16", "start_time": "10:00", "end_time": "11:00",
    });
    let tariff = tariff(json!([
        restricted(json!([component("ENERGY", 0.50, 1)]), mornings),
        always(json!([component("ENERGY", 0.20, 1)])),
    ]));
    let costs = [
        "2026-01-14T11:10:00Z",
        "2026-01-15T09:10:00Z",
        "2026-01-16T09:10:00Z",
    ]
    .map(|from| net(price(&tariff, &charge(from, &[(40, 2_000, true)])).total_cost));
    assert_eq!(costs, ["0.4", "1", "0.4"]);
}

#[test]
fn money_31_the_current_is_that_of_all_phases() {
    let tariff = tariff(json!([
        restricted(
            json!([component("ENERGY", 0.30, 1)]),
            json!({"max_current": 40})
        ),
        always(json!([component("ENERGY", 0.60, 1)])),
    ]));
    let mut parts = stretches(
        "2026-01-14T11:00:00Z",
        &[(60, 11_000, true), (10, 0, false)],
    );
    parts[0].current_a = Some(decimal("48"));
    let bill = price(&tariff, &Charge::new(berlin(), parts).unwrap());
    assert_eq!(net(bill.total_cost), "6.6");
    assert_eq!(said(&bill, DimensionType::MaxCurrent), ["48", "0"]);
}
