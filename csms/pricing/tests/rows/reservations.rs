//! Rows about reservations.

use dynamo_pricing::{Charge, price};
use dynamo_protocol::ocpi::DateTime;
use dynamo_protocol::ocpi::sessions::DimensionType;
use dynamo_protocol::ocpi::tariffs::Tariff;
use rust_decimal::Decimal;
use serde_json::json;

use crate::words::{
    always, at_noon, berlin, component, decimal, net, pair, restricted, said, tariff, volumes,
};

fn with_reservation_prices() -> Tariff {
    tariff(json!([
        restricted(
            json!([component("FLAT", 1.0, 1), component("TIME", 6.0, 300)]),
            json!({"reservation": "RESERVATION"})
        ),
        always(json!([component("ENERGY", 0.25, 1)])),
    ]))
}

#[test]
fn money_19_reservation_prices_do_not_touch_a_plain_session() {
    let reserved = restricted(
        json!([component("TIME", 5.0, 1)]),
        json!({"reservation": "RESERVATION"}),
    );
    let bill = price(
        &tariff(json!([
            reserved,
            always(json!([component("ENERGY", 0.25, 1)]))
        ])),
        &at_noon(&[(20, 4_000, true)]),
    );
    assert_eq!(net(bill.total_cost), "1");
    assert_eq!(bill.total_reservation_cost, None);
}

#[test]
fn money_20_a_used_reservation_is_billed_with_the_session() {
    let from_ms = DateTime::parse("2026-01-14T10:47:00Z").unwrap().0;
    let charge = at_noon(&[(60, 8_000, true)]).reserved_since(from_ms);
    let bill = price(&with_reservation_prices(), &charge.unwrap());
    assert_eq!(net(bill.total_cost), "4.5");
    assert_eq!(net(bill.total_reservation_cost.unwrap()), "2.5");
    assert_eq!(net(bill.total_fixed_cost), "0");
    assert_eq!(
        volumes(&bill, DimensionType::ReservationTime),
        [
            pair("2026-01-14T10:47:00Z", "0.2167"),
            pair("2026-01-14T11:00:00Z", "")
        ]
    );
    assert_eq!(bill.total_time.0, decimal("1"));
}

#[test]
fn money_21_an_expired_reservation_costs_by_its_own_prices() {
    let tariff = tariff(json!([
        restricted(
            json!([component("FLAT", 4.0, 1)]),
            json!({"reservation": "RESERVATION_EXPIRES"})
        ),
        restricted(
            json!([component("TIME", 2.0, 600)]),
            json!({"reservation": "RESERVATION"})
        ),
        always(json!([
            component("FLAT", 0.5, 1),
            component("ENERGY", 0.25, 1)
        ])),
    ]));
    let charge = Charge::expired(berlin(), 0, 25 * 60_000).unwrap();
    let bill = price(&tariff, &charge);
    assert_eq!(net(bill.total_cost), "5");
    assert_eq!(net(bill.total_reservation_cost.unwrap()), "5");
    assert_eq!(bill.total_energy.0, Decimal::ZERO);
    assert_eq!(said(&bill, DimensionType::ReservationTime), ["0.4167"]);
}

#[test]
fn an_expired_reservation_has_the_price_of_expiry_whichever_comes_first() {
    // The standard's example: 6.00 per hour when it expires, 3.00 otherwise, in blocks of ten minutes.
    let of = |price: f64, reservation: &str| {
        restricted(
            json!([component("TIME", price, 600)]),
            json!({"reservation": reservation}),
        )
    };
    let tariff = tariff(json!([
        of(3.0, "RESERVATION"),
        of(6.0, "RESERVATION_EXPIRES")
    ]));
    let expired = Charge::expired(berlin(), 0, 90 * 60_000).unwrap();
    assert_eq!(net(price(&tariff, &expired).total_cost), "9");
    let from_ms = DateTime::parse("2026-01-14T10:38:00Z").unwrap().0;
    let used = at_noon(&[(60, 0, true)]).reserved_since(from_ms).unwrap();
    assert_eq!(net(price(&tariff, &used).total_cost), "1.5");
}
