//! Amounts of money as the API reads and writes them: JSON numbers outside, exact decimals inside.

use dynamo_protocol::RawValue;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The highest price or fee that can be set.
pub(crate) const AMOUNT_MAX: u32 = 1_000_000;

/// An amount in some currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount(pub Decimal);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The double next to the decimal, which is written with the decimal's digits.
        let number: f64 = self.0.to_string().parse().unwrap_or(f64::NAN);
        serializer.serialize_f64(number)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Its text, so that no digit is lost on the way through a double.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let text = text.get();
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Err(D::Error::custom("a number is wanted"));
        }
        let digits = text.split(['e', 'E']).next().unwrap_or(text);
        let decimal = Decimal::from_str_exact(digits).and_then(|exact| {
            if digits == text {
                Ok(exact)
            } else {
                Decimal::from_scientific(text)
            }
        });
        decimal
            .map(Self)
            .map_err(|_| D::Error::custom("it has more digits than can be kept"))
    }
}

/// Digits after the point that a price or fee can have.
const DIGITS_MAX: u32 = 10;

/// For `#[garde(custom(price))]`: from 0 to [`AMOUNT_MAX`], with [`DIGITS_MAX`] digits after the point.
pub(crate) fn price(amount: &Amount, (): &()) -> garde::Result {
    if amount.0.is_sign_negative() && !amount.0.is_zero() {
        return Err(garde::Error::new("it cannot be negative"));
    }
    if amount.0 > Decimal::from(AMOUNT_MAX) {
        return Err(garde::Error::new(format!("it can be {AMOUNT_MAX} at most")));
    }
    if amount.0.normalize().scale() > DIGITS_MAX {
        let reason = format!("it can have {DIGITS_MAX} digits after the point");
        return Err(garde::Error::new(reason));
    }
    Ok(())
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).into()
    }
}

impl ToSchema for Amount {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_decimals_that_were_written() {
        for text in [
            "0.35",
            "0.1",
            "999999.999999",
            "0",
            "12",
            "1000000",
            "0.000001",
        ] {
            let amount: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(amount.0, text.parse().unwrap(), "{text}");
            let written = serde_json::to_value(amount).unwrap();
            assert_eq!(written.as_f64(), text.parse().ok(), "{text}");
        }
        for text in [
            "\"1\"",
            "null",
            "true",
            "[]",
            "0.12345678901234567890123456789",
        ] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
        for (text, near) in [
            ("1e-7", "0.0000001"),
            ("999999.0123456789", "999999.0123456789"),
        ] {
            let amount: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(amount.0, near.parse().unwrap(), "{text}");
        }
        // Beyond what decimals can hold there is an error, and never a panic.
        for text in ["1e300", "1e-300", "-1e28", "1.7976931348623157e308"] {
            let _ = serde_json::from_str::<Amount>(text);
        }
    }

    #[test]
    fn prices_are_not_negative() {
        let valid = |text: &str| price(&Amount(text.parse().unwrap()), &()).is_ok();
        assert!(valid("0") && valid("1000000") && valid("-0") && valid("0.0000000001000"));
        assert!(!valid("0.00000000001"));
        assert!(!valid("-0.01") && !valid("1000000.01"));
    }
}
