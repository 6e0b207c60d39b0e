//! Numbers of OCPI: JSON numbers, exact to the digits that were written [OCPI 2.2.1 §16.3].

use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An exact decimal that stands in JSON as a number. Up to 15 digits go there and back unchanged; OCPI writes four after
/// the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The nearest double is written with as few digits as tell it from others: those of the decimal.
        let text = self.0.normalize().to_string();
        match text.parse::<i64>() {
            Ok(whole) => whole.serialize(serializer),
            Err(_) => text
                .parse::<f64>()
                .unwrap_or_default()
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let text = number.to_string();
        let decimal = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
        decimal
            .map(Self)
            .map_err(|_| de::Error::custom(format!("{text} is too large a number")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_numbers() {
        for (text, json) in [
            ("0.35", "0.35"),
            ("12.3450", "12.345"),
            ("5.00", "5"),
            ("-0.0001", "-0.0001"),
        ] {
            let number = Number(text.parse().unwrap());
            assert_eq!(serde_json::to_string(&number).unwrap(), json);
        }
        let small: Number = serde_json::from_str("1e-4").unwrap();
        assert_eq!(small.0.to_string(), "0.0001");
        assert!(serde_json::from_str::<Number>("1e300").is_err());
        assert!(serde_json::from_str::<Number>("\"1\"").is_err());
    }

    proptest! {
        #[test]
        fn fifteen_digits_go_there_and_back(digits in -999_999_999_999_999_i64..=999_999_999_999_999, scale in 0_u32..=6) {
            let number = Number(Decimal::new(digits, scale));
            let text = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(serde_json::from_str::<Number>(&text).unwrap(), number);
        }
    }
}
