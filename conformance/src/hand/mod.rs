//! Who makes a system under test do something.

pub(crate) mod driver;
pub(crate) mod driver_file;
pub(crate) mod operator;
