//! Rows of the catalogue of OCPI cases whose figures were worked out by hand, with fractions. A test is named after its
//! row: OCPI-MONEY-01 is `money_01_…`. Beside them stand the examples of the standard.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

mod examples;
mod hours;
mod reservations;
mod restrictions;
mod sums;
mod words;
