//! Hours that partners read: as numbers of OCPI, they cost what the bill says.

use dynamo_pricing::{Bill, Charge, Stretch, price};
use dynamo_protocol::ocpi::sessions::DimensionType;
use rust_decimal::Decimal;
use serde_json::json;

use crate::words::{always, at_noon, berlin, component, decimal, net, said, tariff};

fn hours(bill: &Bill, of: DimensionType) -> Decimal {
    let said = said(bill, of).into_iter().filter(|said| !said.is_empty());
    said.map(|said| decimal(&said)).sum()
}

#[test]
fn whole_minutes_of_parking_are_four_decimals_that_round_up_to_them() {
    let components = json!([
        component("ENERGY", 0.30, 1),
        component("PARKING_TIME", 6.0, 60)
    ]);
    let tariff = tariff(json!([always(components)]));
    for minutes in 1..600 {
        let bill = price(&tariff, &at_noon(&[(7, 900, true), (minutes, 0, false)]));
        let hours = hours(&bill, DimensionType::ParkingTime);
        assert!(hours.scale() <= 4, "{minutes} minutes are {hours} hours");
        let read = (hours * Decimal::from(60)).ceil();
        assert_eq!(read, Decimal::from(minutes));
        assert_eq!(bill.total_parking_cost.excl_vat.0, read / Decimal::TEN);
    }
}

#[test]
fn time_that_no_step_mends_has_as_many_decimals_as_it_takes() {
    let components = json!([
        component("TIME", 6.0, 60),
        component("PARKING_TIME", 3.0, 60)
    ]);
    let tariff = tariff(json!([always(components)]));
    let bill = price(&tariff, &at_noon(&[(20, 3_000, true), (20, 0, false)]));
    assert_eq!(net(bill.total_time_cost), "2");
    // 0.3333 hours would be 1.9998.
    let hours = hours(&bill, DimensionType::Time);
    assert_eq!((hours * Decimal::from(6)).round_dp(4), Decimal::TWO);
    // Nor is it more than it takes: 21 minutes are 0.35 hours.
    let bill = price(&tariff, &at_noon(&[(21, 3_000, true), (20, 0, false)]));
    assert_eq!(said(&bill, DimensionType::Time), ["0.35", ""]);
}

#[test]
fn a_millisecond_more_than_a_step_is_read_as_more() {
    let tariff = tariff(json!([always(json!([component(
        "PARKING_TIME",
        60.0,
        60
    )]))]));
    let parked_ms = |to_ms: i64| {
        let stretch = Stretch {
            from_ms: 0,
            to_ms,
            energy_wh: 0,
            is_charging: false,
            power_kw: None,
            current_a: None,
        };
        price(&tariff, &Charge::new(berlin(), vec![stretch]).unwrap())
    };
    for (ms, minutes) in [(600_000, 10), (600_001, 11), (659_999, 11), (660_000, 11)] {
        let bill = parked_ms(ms);
        assert_eq!(net(bill.total_cost), minutes.to_string(), "{ms} ms");
        let read_ms = hours(&bill, DimensionType::ParkingTime) * Decimal::from(3_600_000);
        for read_ms in [read_ms, read_ms.floor()] {
            let read = (read_ms / Decimal::from(60_000)).ceil();
            assert_eq!(read, Decimal::from(minutes), "{ms} ms");
        }
    }
}
