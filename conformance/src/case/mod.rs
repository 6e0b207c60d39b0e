//! What a run can play: features, their tags, what they need.

pub(crate) mod capabilities;
pub(crate) mod catalogue;
pub(crate) mod features;
pub(crate) mod file;
pub(crate) mod side;
pub(crate) mod tags;
pub(crate) mod waivers;
