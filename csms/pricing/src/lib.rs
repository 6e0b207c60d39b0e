//! What a charging session costs by a tariff of OCPI 2.2.1, and the charging periods that show it.
//!
//! A [`Charge`] says what happened in stretches of time. [`price`] cuts it wherever a price changes, adds up what each
//! price is for, and makes a [`Bill`] of it. All of it is exact: amounts are rounded once, at the end, half up, to four
//! decimals. [`wrong_tariff`] says what is wrong with a tariff that has the right form.
//!
//! How the standard is read where it leaves room:
//!
//! - An element holds for a period if it holds when the period begins; a period begins wherever one may start or end to
//!   hold. So who reads the periods finds the same prices.
//! - Where PARKING_TIME is priced in a session, its total is rounded up to the step and TIME is not, whichever comes
//!   last [OCPI 2.2.1 §10.3.1]. A dimension is rounded up where its last price ends, also when it goes on without a
//!   price.
//! - A fee (FLAT) is paid once in a session: that of the first element that holds and has one.
//! - Hours have four decimals, rounded such that who prices the periods once more comes to the same costs; only where no
//!   four decimals do that have they ten (`hours.rs`). Energy between two readings is estimated to a tenth of a Wh.
//! - Where nobody knows the current, an element holds as if it had no bound of the current.
//! - A reservation has its own fee and its own time, which is rounded up by itself.
//! - Nothing panics on odd tariffs. A price or tax below zero counts as zero, a step below one as no step, and a time
//!   of day that cannot be read makes its element never hold. Amounts that no decimal can hold stay at the largest.

mod bill;
mod charge;
mod costs;
mod cuts;
mod element;
mod hours;
mod periods;
mod when;
mod wrong;

pub use bill::{Bill, price};
pub use charge::{Charge, Stretch, WrongCharge};
pub use wrong::wrong_tariff;
