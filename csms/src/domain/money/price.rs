//! Prices: what a transaction costs by a tariff, in exact decimals.
//!
//! A price has three parts: a fee per session, the energy, and the time a car that is full keeps its place. Where no
//! energy was taken there is no fee: nothing was sold, whether the start was refused or the car took nothing. The
//! parts are exact, their sum is rounded once, half up, to what the currency's smallest coin is worth. All
//! prices include tax. A price is never negative and never falls with more energy or more time.
//!
//! What is deliberately not here: taxes (a view on a total, not part of it), and prices by time of day.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Milliseconds of a minute, the unit of idle time.
const MINUTE_MS: i64 = 60_000;

/// Currencies of ISO 4217 whose smallest coin is not a hundredth, with the digits after the point. Not from the crate
/// `iso_currency`: it has gold, test codes and superseded money too, so that these lists would become one of exceptions.
const OTHER_DIGITS: [(&str, u32); 24] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XPF", 0),
];

/// The other currencies of ISO 4217 that money can be paid in; XAF and XOF have no coin below one.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK \
    SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XAF XCD \
    XCG XOF YER ZAR ZMW ZWG";

/// Digits after the point of a currency; `None` when ISO 4217 has none of this name.
pub(crate) fn currency_digits(currency: &str) -> Option<u32> {
    if let Some((_, digits)) = OTHER_DIGITS.iter().find(|(code, _)| *code == currency) {
        return Some(*digits);
    }
    let known = CURRENCIES.split(' ').any(|code| code == currency);
    known.then_some(if matches!(currency, "XAF" | "XOF") {
        0
    } else {
        2
    })
}

/// All of them.
pub(crate) fn currencies() -> impl Iterator<Item = &'static str> {
    let others = OTHER_DIGITS.iter().map(|(code, _)| *code);
    CURRENCIES.split(' ').chain(others)
}

/// An amount in coins that exist: rounded half up.
pub(crate) fn in_coins(amount: Decimal, currency: &str) -> Decimal {
    let digits = currency_digits(currency).unwrap_or(2);
    amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
}

/// What a session at a charge point is charged for. No part is negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tariff {
    /// ISO 4217.
    pub currency: String,
    pub price_per_kwh: Decimal,
    pub session_fee: Decimal,
    /// For each started minute after the free ones.
    pub idle_fee_per_minute: Decimal,
    pub free_idle_minutes: i64,
}

/// What was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Negative when the register ran backwards; nothing is paid for that, and nothing paid back.
    pub energy_wh: i64,
    /// Started minutes, the free ones included.
    pub idle_minutes: i64,
}

/// What a session costs, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    pub session: Decimal,
    pub energy: Decimal,
    pub idle: Decimal,
    /// The minutes that `idle` is for.
    pub paid_idle_minutes: i64,
    /// The sum of the three, rounded once.
    pub total: Decimal,
}

impl Tariff {
    /// The price of a session.
    pub(crate) fn price(&self, usage: Usage) -> Price {
        let energy_kwh = Decimal::new(usage.energy_wh.max(0), 3);
        let paid_idle_minutes = usage.idle_minutes.saturating_sub(self.free_idle_minutes);
        let paid_idle_minutes = paid_idle_minutes.max(0);
        let session = match usage.energy_wh > 0 {
            true => self.session_fee,
            false => Decimal::ZERO,
        };
        let (energy, idle) = (
            energy_kwh.saturating_mul(self.price_per_kwh),
            Decimal::from(paid_idle_minutes).saturating_mul(self.idle_fee_per_minute),
        );
        let sum = session.saturating_add(energy).saturating_add(idle);
        Price {
            session,
            energy,
            idle,
            paid_idle_minutes,
            total: in_coins(sum, &self.currency),
        }
    }
}

/// Whether a full car kept its place from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdleFrom {
    pub is_idle: bool,
    pub at_ms: i64,
}

/// How long a full car kept its place: the time from `from_ms` to `to_ms` in which it was idle, in started minutes.
///
/// `history` is in the order of its stamps. What the connector was at the beginning is said by the last status
/// from before it.
pub(crate) fn idle_minutes(history: &[IdleFrom], from_ms: i64, to_ms: i64) -> i64 {
    let mut idle_ms: i64 = 0;
    for (position, status) in history.iter().enumerate() {
        if !status.is_idle {
            continue;
        }
        let next_ms = history.get(position + 1).map_or(to_ms, |next| next.at_ms);
        let since_ms = status.at_ms.max(from_ms);
        let spent_ms = next_ms.min(to_ms).saturating_sub(since_ms);
        idle_ms = idle_ms.saturating_add(spent_ms.max(0));
    }
    let started = idle_ms % MINUTE_MS != 0;
    idle_ms / MINUTE_MS + i64::from(started)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tariff(per_kwh: &str, session: &str, idle: &str, free: i64) -> Tariff {
        Tariff {
            currency: "GBP".to_owned(),
            price_per_kwh: per_kwh.parse().unwrap(),
            session_fee: session.parse().unwrap(),
            idle_fee_per_minute: idle.parse().unwrap(),
            free_idle_minutes: free,
        }
    }

    fn total(tariff: &Tariff, energy_wh: i64, idle_minutes: i64) -> String {
        let usage = Usage {
            energy_wh,
            idle_minutes,
        };
        format!("{:.2}", tariff.price(usage).total)
    }

    #[test]
    fn the_sum_is_rounded_once_and_half_up() {
        let plain = tariff("0.35", "0", "0", 0);
        assert_eq!(total(&plain, 8_200, 0), "2.87");
        assert_eq!(total(&plain, 21_600, 0), "7.56");
        // 0.005 is a half: up. Each part alone would have been rounded to 0.01 here.
        assert_eq!(total(&tariff("0.005", "0", "0", 0), 1_000, 0), "0.01");
        assert_eq!(
            total(&tariff("0.004", "0.004", "0.004", 0), 1_000, 1),
            "0.01"
        );
        assert_eq!(
            total(&tariff("0.005", "0.005", "0.005", 0), 1_000, 1),
            "0.02"
        );
        let yen = Tariff {
            currency: "JPY".to_owned(),
            ..tariff("30.5", "0", "0", 0)
        };
        assert_eq!(total(&yen, 1_000, 0), "31.00");
    }

    #[test]
    fn idle_minutes_are_paid_after_the_free_ones() {
        let example = tariff("0.38", "0.5", "0.05", 10);
        assert_eq!(total(&example, 10_000, 0), "4.30");
        assert_eq!(total(&example, 10_000, 10), "4.30");
        assert_eq!(total(&example, 10_000, 11), "4.35");
        assert_eq!(total(&example, 10_000, 40), "5.80");
    }

    #[test]
    fn without_energy_there_is_no_fee_and_nothing_is_given_back() {
        let tariff = tariff("0.38", "0.5", "0.05", 10);
        assert_eq!(total(&tariff, -900, 0), "0.00");
        assert_eq!(total(&tariff, 0, 0), "0.00");
        assert_eq!(total(&tariff, 1, 0), "0.50");
        // A full car keeps its place all the same.
        assert_eq!(total(&tariff, 0, 20), "0.50");
    }

    #[test]
    fn currencies_are_those_of_the_standard() {
        for (code, digits) in [("GBP", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("XOF", 0)] {
            assert_eq!(currency_digits(code), Some(digits), "{code}");
        }
        for code in ["gbp", "EURO", "", "XXX", "ZZZ", "GB", "GBP EUR"] {
            assert_eq!(currency_digits(code), None, "{code}");
        }
    }

    fn at(is_idle: bool, minute: i64) -> IdleFrom {
        IdleFrom {
            is_idle,
            at_ms: minute * MINUTE_MS,
        }
    }

    #[test]
    fn idle_time_is_suspended_by_the_car_and_inside_the_transaction() {
        let hour = |history: &[IdleFrom]| idle_minutes(history, 0, 60 * MINUTE_MS);
        assert_eq!(hour(&[]), 0);
        assert_eq!(hour(&[at(false, 1)]), 0);
        assert_eq!(hour(&[at(true, 45)]), 15);
        assert_eq!(hour(&[at(true, -5), at(false, 10)]), 10);
        assert_eq!(hour(&[at(true, 70)]), 0);
        let twice = [at(true, 10), at(false, 20), at(true, 50), at(false, 90)];
        assert_eq!(hour(&twice), 20);
        let mut second = [at(true, 59)];
        second[0].at_ms += 59_000;
        assert_eq!(hour(&second), 1);
        second[0].at_ms -= 59_001;
        assert_eq!(hour(&second), 2);
    }

    fn any_tariff() -> impl Strategy<Value = Tariff> {
        let money = || (0_i64..1_000_000, 0_u32..7).prop_map(|(n, scale)| Decimal::new(n, scale));
        (
            money(),
            money(),
            money(),
            0_i64..100,
            prop_oneof![Just("GBP"), Just("JPY"), Just("KWD")],
        )
            .prop_map(|(per_kwh, session, idle, free, currency)| Tariff {
                currency: currency.to_owned(),
                price_per_kwh: per_kwh,
                session_fee: session,
                idle_fee_per_minute: idle,
                free_idle_minutes: free,
            })
    }

    proptest! {
        #[test]
        fn prices_never_fall_with_energy_or_time_and_are_never_negative(
            tariff in any_tariff(),
            energy_wh in -1_000_i64..1_000_000_000,
            idle_minutes in 0_i64..100_000,
            more_wh in 0_i64..100_000,
            longer in 0_i64..10_000,
        ) {
            let price = |energy_wh, idle_minutes| tariff.price(Usage { energy_wh, idle_minutes }).total;
            let cost = price(energy_wh, idle_minutes);
            prop_assert!(cost >= Decimal::ZERO);
            prop_assert!(price(energy_wh + more_wh, idle_minutes) >= cost);
            prop_assert!(price(energy_wh, idle_minutes + longer) >= cost);
        }

        #[test]
        fn the_parts_add_up_exactly_and_the_total_is_the_nearest_coin(
            tariff in any_tariff(), energy_wh in 0_i64..1_000_000_000, idle_minutes in 0_i64..100_000,
        ) {
            let price = tariff.price(Usage { energy_wh, idle_minutes });
            let exact = price.session + price.energy + price.idle;
            let kwh = Decimal::new(energy_wh, 3);
            prop_assert_eq!(price.energy, kwh * tariff.price_per_kwh);
            let coin = Decimal::new(1, currency_digits(&tariff.currency).unwrap());
            prop_assert_eq!(price.total % coin, Decimal::ZERO);
            let off = price.total - exact;
            prop_assert!(off <= coin / Decimal::TWO && off > -coin / Decimal::TWO, "{}", off);
        }

        #[test]
        fn what_costs_the_most_does_not_overflow(tariff in any_tariff()) {
            let usage = Usage { energy_wh: i64::MAX, idle_minutes: i64::MAX };
            prop_assert!(tariff.price(usage).total >= Decimal::ZERO);
        }

        #[test]
        fn idle_time_never_falls_as_time_goes_on_and_fits_into_it(
            steps in prop::collection::vec((0_usize..3, 0_i64..600_000), 0..30),
            from_ms in 0_i64..1_000_000, length_ms in 0_i64..10_000_000, more_ms in 0_i64..1_000_000,
        ) {
            let mut at_ms = 0;
            let mut history = Vec::new();
            for (word, wait_ms) in steps {
                at_ms += wait_ms;
                history.push(IdleFrom { is_idle: word == 1, at_ms });
            }
            let idle = idle_minutes(&history, from_ms, from_ms + length_ms);
            prop_assert!(0 <= idle && idle <= length_ms / MINUTE_MS + 1);
            prop_assert!(idle_minutes(&history, from_ms, from_ms + length_ms + more_ms) >= idle);
        }
    }
}
