//! Liberties that a right system may take: put between it and the judge like defects, and the judge must not mind.
//!
//! Each cites the place of the standard that leaves it open. One that turns a scenario red shows that the judge is
//! unfair.

mod v16;

use crate::case::side::Side;
use crate::wire::fate::Bend;

/// A liberty as it is listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liberty {
    /// Short, as in the benign matrix.
    pub(crate) name: &'static str,
    /// Why it is right, with its section.
    pub(crate) because: &'static str,
    /// A fresh one for each scenario.
    pub(crate) make: fn() -> Box<dyn Bend>,
}

/// Liberties that are tried with scenarios of this side.
pub(crate) fn of(side: Side) -> &'static [Liberty] {
    match side {
        Side::ChargePoint => v16::charge_point::ALL,
        Side::Csms => v16::csms::ALL,
        Side::Api | Side::Cpo => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_liberty_has_its_name_and_cites_why_it_is_one() {
        for side in [Side::ChargePoint, Side::Csms] {
            let all = of(side);
            let names: BTreeSet<_> = all.iter().map(|liberty| liberty.name).collect();
            assert_eq!(names.len(), all.len());
            assert!(all.len() >= 25, "{side:?}: {}", all.len());
            for liberty in all {
                let cites = liberty.because.contains('[') && liberty.because.ends_with(']');
                assert!(cites, "{}: {}", liberty.name, liberty.because);
            }
        }
    }
}
