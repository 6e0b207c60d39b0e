//! The engine's word on a CDR.

use chrono_tz::Tz;
use dynamo_pricing::{Bill, Charge};
use dynamo_protocol::ocpi::sessions::DimensionType;
use dynamo_protocol::ocpi::tariffs::Tariff;
use dynamo_protocol::ocpi::{DateTime, Price};
use ocpi_tariffs::price::{PeriodReport, Report, TariffSource};
use ocpi_tariffs::{Version, cdr};
use rust_decimal::Decimal;
use serde_json::json;

pub(crate) enum Verdict {
    Same,
    /// They differ by a ten-thousandth, as half of one was rounded.
    Half,
    /// A price ended before what it is for (MONEY-08), and without what came for free they are the same.
    SameWithoutFree,
    /// They still differ without it, because energy that is left out also starts or ends other prices.
    BecameFree,
    Other(String),
}

fn cdr(tariff: &Tariff, charge: &Charge, bill: &Bill) -> String {
    json!({
        "country_code": "GB", "party_id": "DYN", "id": "1", "session_id": "1",
        "start_date_time": DateTime(charge.begin_ms()), "end_date_time": DateTime(charge.end_ms()),
        "currency": tariff.currency, "cdr_location": {"country": "DEU"},
        "charging_periods": bill.periods, "tariffs": [tariff],
        "total_cost": bill.total_cost, "total_energy": bill.total_energy, "total_time": bill.total_time,
        "last_updated": DateTime(charge.end_ms()),
    })
    .to_string()
}

/// Net and gross.
type Amounts = (Decimal, Decimal);

/// Nothing priced is no amount for the engine, and 0 here.
fn amounts(price: Option<ocpi_tariffs::Price>) -> Amounts {
    price.map_or((Decimal::ZERO, Decimal::ZERO), |price| {
        let gross = price.incl_vat.unwrap();
        (Decimal::from(price.excl_vat), Decimal::from(gross))
    })
}

fn ours(price: Price) -> Amounts {
    (price.excl_vat.0, price.incl_vat.unwrap().0)
}

/// What the engine adds up over the periods, before it rounds.
fn sum(report: &Report, of: impl Fn(&PeriodReport) -> Option<ocpi_tariffs::Price>) -> Amounts {
    let costs = report.periods.iter().map(|period| amounts(of(period)));
    costs.fold(Amounts::default(), |sum, cost| {
        (sum.0 + cost.0, sum.1 + cost.1)
    })
}

pub(crate) fn compare(tariff: &Tariff, charge: &Charge, bill: &Bill) -> Verdict {
    let report = match priced(tariff, charge, bill) {
        Ok(report) => report,
        Err(refused) => return Verdict::Other(refused),
    };
    let free_from = free_from(&report);
    let both = verdict(bill, &report);
    if !matches!(both, Verdict::Other(_)) || free_from == [None; 3] {
        return both;
    }
    // What came for free at the end is not told to the engine, and then both have to agree.
    let told = without_free(bill, free_from);
    match priced(tariff, charge, &told).map(|report| verdict(bill, &report)) {
        Ok(Verdict::Same | Verdict::Half) => Verdict::SameWithoutFree,
        // Energy that is not told passes no bound.
        _ if free_from[0].is_some() && has_energy_bounds(tariff) => Verdict::BecameFree,
        Ok(other) => other,
        Err(refused) => Verdict::Other(refused),
    }
}

fn has_energy_bounds(tariff: &Tariff) -> bool {
    let mut restrictions = tariff
        .elements
        .iter()
        .filter_map(|element| element.restrictions.as_ref());
    restrictions.any(|when| when.min_kwh.is_some() || when.max_kwh.is_some())
}

fn priced(tariff: &Tariff, charge: &Charge, bill: &Bill) -> Result<Report, String> {
    let text = cdr(tariff, charge, bill);
    let parsed = cdr::parse_with_version(&text, Version::V221).unwrap();
    let priced = cdr::price(&parsed.cdr, TariffSource::UseCdr, Tz::Europe__Berlin);
    match priced {
        Ok(priced) => Ok(priced.into_parts().0),
        Err(refused) => Err(format!("{:?} of {text}", refused.into_parts().0)),
    }
}

fn verdict(bill: &Bill, report: &Report) -> Verdict {
    let flat = |period: &PeriodReport| period.dimensions.flat.cost();
    let energy = |period: &PeriodReport| period.dimensions.energy.as_ref()?.cost();
    let time = |period: &PeriodReport| period.dimensions.duration_charging.as_ref()?.cost();
    let parking = |period: &PeriodReport| period.dimensions.duration_idle.as_ref()?.cost();
    let parts = [
        (
            "total_fixed_cost",
            bill.total_fixed_cost,
            report.total_fixed_cost.calculated,
            sum(report, flat),
        ),
        (
            "total_energy_cost",
            bill.total_energy_cost,
            report.total_energy_cost.calculated,
            sum(report, energy),
        ),
        (
            "total_time_cost",
            bill.total_time_cost,
            report.total_charging_time_cost.calculated,
            sum(report, time),
        ),
        (
            "total_parking_cost",
            bill.total_parking_cost,
            report.total_idle_cost.calculated,
            sum(report, parking),
        ),
        (
            "total_cost",
            bill.total_cost,
            report.total_cost.calculated,
            sum(report, PeriodReport::cost),
        ),
    ];
    let mut verdict = Verdict::Same;
    for (name, product, engine, exact) in parts {
        let (product, engine) = (ours(product), amounts(engine));
        if !is_half(product.0, engine.0, exact.0) || !is_half(product.1, engine.1, exact.1) {
            return Verdict::Other(format!(
                "{name} is {product:?}, {engine:?} by the engine: {bill:?}"
            ));
        }
        if product != engine {
            verdict = Verdict::Half;
        }
    }
    verdict
}

/// Whether the same amount was rounded in another way: it is half a ten-thousandth, but for what the engine loses as it
/// divides seconds by 3,600 before it multiplies, and for hours that no number of ten decimals is.
fn is_half(product: Decimal, engine: Decimal, exact: Decimal) -> bool {
    let in_steps = exact * Decimal::from(10_000);
    let off = (in_steps.fract() - Decimal::new(5, 1)).abs();
    product == engine || product - engine == Decimal::new(1, 4) && off < Decimal::new(1, 3)
}

/// For each of ENERGY, TIME and PARKING_TIME the period from which on it has no price any more, where it had one before.
fn free_from(report: &Report) -> [Option<usize>; 3] {
    let after_last = |has_price: &dyn Fn(&PeriodReport) -> Option<bool>| {
        let prices: Vec<_> = report.periods.iter().map(has_price).collect();
        let last = prices.iter().rposition(|price| *price == Some(true))?;
        prices[last..].contains(&Some(false)).then_some(last + 1)
    };
    [
        after_last(&|period| {
            period
                .dimensions
                .energy
                .as_ref()
                .map(|of| of.price.is_some())
        }),
        after_last(&|period| {
            period
                .dimensions
                .duration_charging
                .as_ref()
                .map(|of| of.price.is_some())
        }),
        after_last(&|period| {
            period
                .dimensions
                .duration_idle
                .as_ref()
                .map(|of| of.price.is_some())
        }),
    ]
}

fn without_free(bill: &Bill, free_from: [Option<usize>; 3]) -> Bill {
    let mut bill = bill.clone();
    let kinds = [
        DimensionType::Energy,
        DimensionType::Time,
        DimensionType::ParkingTime,
    ];
    for (kind, from) in kinds.iter().zip(free_from) {
        let free = bill.periods.iter_mut().skip(from.unwrap_or(usize::MAX));
        free.for_each(|period| {
            period
                .dimensions
                .retain(|dimension| dimension.r#type != *kind)
        });
    }
    bill
}
