//! Examples of the standard, with its figures [OCPI 2.2.1 §10.3.1, §11.3.1, §11.4.2 and §11.4.6].

use dynamo_pricing::{Charge, price};
use dynamo_protocol::ocpi::DateTime;
use serde_json::{Value, json};

use crate::words::{
    always, at_noon, berlin, both, charge, component, net, pair, restricted, tariff, tariff_with,
    taxed,
};

fn taxed_in_steps(of: &str, price: f64, vat: f64, step: i64) -> Value {
    json!({"type": of, "price": price, "vat": vat, "step_size": step})
}

#[test]
fn energy_a_fee_and_parking() {
    let energy = taxed("ENERGY", 0.25, 10.0);
    let fee = taxed("FLAT", 0.5, 20.0);
    let parking = taxed_in_steps("PARKING_TIME", 2.0, 20.0, 900);
    let session = at_noon(&[(60, 20_000, true), (40, 0, false)]);
    for (components, total) in [
        (json!([energy]), pair("5", "5.5")),
        (json!([fee, energy]), pair("5.5", "6.1")),
        (json!([fee, energy, parking]), pair("7", "7.9")),
    ] {
        let bill = price(&tariff(json!([always(components)])), &session);
        assert_eq!(both(bill.total_cost), total);
    }
}

#[test]
fn limits() {
    let energy = taxed("ENERGY", 0.25, 10.0);
    let fee = taxed("FLAT", 0.5, 20.0);
    let least = json!({"min_price": {"excl_vat": 0.5, "incl_vat": 0.55}});
    let most = json!({"max_price": {"excl_vat": 10, "incl_vat": 11}});
    for (components, limits, wh, total) in [
        (json!([energy]), &least, 1_999, pair("0.5", "0.55")),
        (json!([energy]), &least, 20_000, pair("5", "5.5")),
        (json!([fee, energy]), &most, 50_000, pair("10", "11")),
        (json!([fee, energy]), &most, 30_000, pair("8", "8.85")),
    ] {
        let tariff = tariff_with(json!([always(components)]), limits);
        let bill = price(&tariff, &at_noon(&[(60, wh, true)]));
        assert_eq!(both(bill.total_cost), total, "{wh} Wh");
    }
}

#[test]
fn charging_and_parking_by_the_hour() {
    let components = json!([
        taxed_in_steps("TIME", 3.0, 10.0, 60),
        taxed_in_steps("PARKING_TIME", 5.0, 20.0, 300),
    ]);
    let session = at_noon(&[(150, 20_000, true), (42, 0, false)]);
    let bill = price(&tariff(json!([always(components)])), &session);
    assert_eq!(both(bill.total_cost), pair("11.25", "12.75"));
}

#[test]
fn steps_of_energy_and_of_both_times() {
    let energy = |price: f64| json!([component("ENERGY", price, 500)]);
    let until_five = json!({"end_time": "17:00"});
    let by_energy = tariff(json!([
        restricted(energy(0.20), until_five),
        always(energy(0.27))
    ]));
    let session = charge(
        "2026-01-14T15:00:00Z",
        &[(60, 4_300, true), (60, 1_100, true)],
    );
    // 4.3 kWh for 0.86, and 1.2 for 0.324.
    assert_eq!(net(price(&by_energy, &session).total_cost), "1.184");
    let time = |price: f64| json!([component("TIME", price, 600)]);
    let until_five = json!({"end_time": "17:00"});
    let by_time = tariff(json!([
        restricted(time(5.0), until_five),
        always(time(7.0))
    ]));
    let session = charge("2026-01-14T15:54:00Z", &[(28, 4_000, true)]);
    // 6 minutes for 0.50, and 24 for 2.80.
    assert_eq!(net(price(&by_time, &session).total_cost), "3.3");
    let both = json!([
        component("TIME", 1.0, 600),
        component("PARKING_TIME", 2.0, 600)
    ]);
    let session = at_noon(&[(21, 4_000, true), (16, 0, false)]);
    // 21 minutes for 0.35, and 20 for two thirds.
    assert_eq!(
        net(price(&tariff(json!([always(both)])), &session).total_cost),
        "1.0167"
    );
}

#[test]
fn prices_that_change_at_five_and_parking_that_is_free_from_eight() {
    let tariff = tariff(json!([
        restricted(
            json!([component("TIME", 1.2, 1_800)]),
            json!({"end_time": "17:00"})
        ),
        restricted(
            json!([component("TIME", 2.4, 900)]),
            json!({"start_time": "17:00"})
        ),
        restricted(
            json!([component("PARKING_TIME", 1.0, 900)]),
            json!({"end_time": "20:00"})
        ),
    ]));
    let late = charge("2026-01-14T15:35:00Z", &[(35, 5_000, true)]);
    assert_eq!(net(price(&tariff, &late).total_cost), "1.3");
    let free = charge("2026-01-14T18:55:00Z", &[(10, 2_000, true), (2, 0, false)]);
    assert_eq!(net(price(&tariff, &free).total_cost), "0.6");
}

#[test]
fn prices_by_power_and_by_duration() {
    let energy = |price: f64| json!([component("ENERGY", price, 1)]);
    let by_power = tariff(json!([
        restricted(energy(0.20), json!({"max_power": 16})),
        restricted(energy(0.35), json!({"max_power": 32})),
        always(energy(0.50)),
    ]));
    // 6 kW, 48 kW, 4 kW: 0.20 for the first kWh, 20.00 for 40, and half a kWh for 0.10.
    let session = at_noon(&[(10, 1_000, true), (50, 40_000, true), (8, 500, true)]);
    assert_eq!(net(price(&by_power, &session).total_cost), "20.3");
    let by_duration = tariff(json!([
        restricted(energy(0.0), json!({"max_duration": 1_800})),
        restricted(energy(0.25), json!({"max_duration": 3_600})),
        always(energy(0.40)),
    ]));
    let session = at_noon(&[(30, 5_000, true), (10, 1_200, true)]);
    assert_eq!(net(price(&by_duration, &session).total_cost), "0.3");
}

/// A session that begins at noon, so many minutes after its reservation.
fn reserved(minutes: i64) -> Charge {
    let noon_ms = DateTime::parse("2026-01-14T11:00:00Z").unwrap().0;
    let session = at_noon(&[(60, 20_000, true)]);
    session.reserved_since(noon_ms - minutes * 60_000).unwrap()
}

#[test]
fn reservations() {
    let of = |components: Value, reservation: &str| {
        restricted(components, json!({"reservation": reservation}))
    };
    let charging = always(json!([
        taxed("FLAT", 0.5, 20.0),
        taxed("ENERGY", 0.25, 10.0)
    ]));
    let time = |price: f64, step: i64| taxed_in_steps("TIME", price, 20.0, step);
    let by_minute = of(json!([time(5.0, 60)]), "RESERVATION");
    let bill = price(&tariff(json!([by_minute, charging])), &reserved(15));
    assert_eq!(both(bill.total_cost), pair("6.75", "7.6"));
    let with_fee = of(
        json!([taxed("FLAT", 2.0, 20.0), time(5.0, 300)]),
        "RESERVATION",
    );
    let bill = price(&tariff(json!([with_fee, charging])), &reserved(13));
    assert_eq!(both(bill.total_cost), pair("8.75", "10"));
    let with_expiry = tariff(json!([
        of(json!([taxed("FLAT", 4.0, 20.0)]), "RESERVATION_EXPIRES"),
        of(json!([time(2.0, 600)]), "RESERVATION"),
        charging,
    ]));
    assert_eq!(
        both(price(&with_expiry, &reserved(22)).total_cost),
        pair("6.5", "7.3")
    );
    let expired = Charge::expired(berlin(), 0, 3_600_000).unwrap();
    assert_eq!(
        both(price(&with_expiry, &expired).total_cost),
        pair("6", "7.2")
    );
}
