//! The tariff of the REST API as partners see it [OCPI 2.2.1 §11].
//!
//! REST prices include tax, those of OCPI do not: each is divided by one and the rate, and rounded to four decimals, which
//! is what OCPI writes. A roaming session is priced by what is published, so that its bill is the same here and there.

use dynamo_protocol::ocpi::tariffs::{PriceComponent, Tariff, TariffDimension, TariffElement};
use dynamo_protocol::ocpi::{DateTime, DisplayText, Number};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::money::price;
use crate::domain::roaming::ids::id_of;

/// Decimals of a price in OCPI.
const DECIMALS: u32 = 4;
/// Started minutes of idle time are paid, in seconds.
const IDLE_STEP_S: i64 = 60;

/// The tariff of a charge point or a project, and since when it is so.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub id: String,
    pub tariff: price::Tariff,
    pub updated_at_ms: i64,
}

/// The id of a tariff that was given none, by what it is for.
pub(crate) fn tariff_id(owner_id: &str) -> String {
    id_of(&format!("tariff-{owner_id}"))
}

impl Published {
    /// What partners see. `tax_rate` in percent.
    pub(crate) fn shown(
        &self,
        (country_code, party_id): (&str, &str),
        tax_rate: Decimal,
    ) -> Tariff {
        let tariff = &self.tariff;
        let component = |r#type, gross: Decimal, step_size| {
            let net = gross / (Decimal::ONE + tax_rate / Decimal::ONE_HUNDRED);
            let net = net.round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero);
            PriceComponent {
                r#type,
                price: Number(net.normalize()),
                vat: Some(Number(tax_rate.normalize())),
                step_size,
            }
        };
        let per_hour = tariff.idle_fee_per_minute * Decimal::from(60);
        let all = [
            component(TariffDimension::Energy, tariff.price_per_kwh, 1),
            component(TariffDimension::Flat, tariff.session_fee, 1),
            component(TariffDimension::ParkingTime, per_hour, IDLE_STEP_S),
        ];
        let mut components: Vec<PriceComponent> = all
            .into_iter()
            .filter(|component| !component.price.0.is_zero())
            .collect();
        if components.is_empty() {
            // What is free says so [OCPI 2.2.1 §11.3.1].
            components.push(component(TariffDimension::Flat, Decimal::ZERO, 1));
        }
        let free = tariff.free_idle_minutes;
        let tells_free = free > 0 && !tariff.idle_fee_per_minute.is_zero();
        Tariff {
            country_code: country_code.into(),
            party_id: party_id.into(),
            id: self.id.as_str().into(),
            currency: tariff.currency.clone(),
            r#type: None,
            tariff_alt_text: tells_free
                .then(|| {
                    DisplayText::english(&format!(
                        "The first {free} minutes in which the car no longer charges are free."
                    ))
                })
                .into_iter()
                .collect(),
            tariff_alt_url: None,
            min_price: None,
            max_price: None,
            elements: vec![TariffElement {
                price_components: components,
                restrictions: None,
            }],
            start_date_time: None,
            end_date_time: None,
            last_updated: DateTime(self.updated_at_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use dynamo_protocol::ocpi::form::{Extent, faults};

    use super::*;

    fn published(per_kwh: &str, fee: &str, idle: &str, free: i64) -> Tariff {
        let published = Published {
            id: "tar_001".to_owned(),
            tariff: price::Tariff {
                currency: "EUR".to_owned(),
                price_per_kwh: per_kwh.parse().unwrap(),
                session_fee: fee.parse().unwrap(),
                idle_fee_per_minute: idle.parse().unwrap(),
                free_idle_minutes: free,
            },
            updated_at_ms: 0,
        };
        let shown = published.shown(("GB", "GWY"), Decimal::from(20));
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(faults("Tariff", &json, Extent::Whole), []);
        shown
    }

    #[test]
    fn prices_are_shown_without_tax() {
        let tariff = published("0.42", "0.60", "0.06", 10);
        let shown: Vec<_> = tariff.elements[0]
            .price_components
            .iter()
            .map(|one| (one.r#type.as_str(), one.price.0.to_string(), one.step_size))
            .collect();
        assert_eq!(
            shown,
            [
                ("ENERGY", "0.35".to_owned(), 1),
                ("FLAT", "0.5".to_owned(), 1),
                ("PARKING_TIME", "3".to_owned(), 60)
            ]
        );
        assert!(tariff.tariff_alt_text[0].text.contains("first 10 minutes"));
    }

    #[test]
    fn free_is_one_flat_price_of_nothing() {
        let tariff = published("0", "0", "0", 5);
        let components = &tariff.elements[0].price_components;
        assert_eq!(components.len(), 1);
        assert_eq!(components[0].r#type, TariffDimension::Flat);
        assert!(tariff.tariff_alt_text.is_empty());
    }
}
