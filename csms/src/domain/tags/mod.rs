//! Id tags: what one is worth, where it may charge, who pays.

pub(crate) mod access;
pub(crate) mod authorization;
pub(crate) mod payer;
pub mod tag;
pub(crate) mod test_tag;
pub mod token;
