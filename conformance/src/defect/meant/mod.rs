//! How each seeded defect has to show: in which scenarios, and by which words or which rule. A scenario that is red for
//! another reason has not caught it. A run of some scenarios proves nothing about a defect that is meant for others.

mod charge_point;
mod csms;
mod ocpi;
mod rest;

use crate::case::side::Side;

/// Scenarios that have to catch a defect, and how they have to say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Catch {
    pub(crate) by: By,
    /// Their names.
    pub(crate) scenarios: &'static [&'static str],
    /// A warning is all that can be expected: the standard does not demand what the defect breaks.
    pub(crate) only_warns: bool,
}

/// What the verdict of a scenario has to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// A piece of its words.
    Words(&'static str),
    /// The id of a rule that holds in every scenario.
    Rule(&'static str),
}

const fn words(words: &'static str, scenarios: &'static [&'static str]) -> Catch {
    Catch {
        by: By::Words(words),
        scenarios,
        only_warns: false,
    }
}

const fn rule(id: &'static str, scenarios: &'static [&'static str]) -> Catch {
    Catch {
        by: By::Rule(id),
        scenarios,
        only_warns: false,
    }
}

impl Catch {
    const fn only_warns(self) -> Self {
        Self {
            only_warns: true,
            ..self
        }
    }
}

/// Defects with how they have to be caught, by name.
type Table = &'static [(&'static str, &'static [Catch])];

/// How a defect has to be caught.
pub(crate) fn meant_for(side: Side, defect: &str) -> &'static [Catch] {
    table(side)
        .iter()
        .find(|(name, _)| *name == defect)
        .map_or(&[], |(_, catches)| catches)
}

/// Whether a scenario is meant to catch some defect of its side.
pub(crate) fn is_meant(side: Side, scenario: &str) -> bool {
    let mut catches = table(side).iter().flat_map(|(_, catches)| *catches);
    catches.any(|catch| catch.scenarios.contains(&scenario))
}

fn table(side: Side) -> Table {
    match side {
        Side::ChargePoint => charge_point::CHARGE_POINT,
        Side::Csms => csms::CSMS,
        Side::Api => rest::REST,
        Side::Cpo => ocpi::CPO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::features;
    use crate::case::features::all_tags;
    use crate::case::side::{SIDES, side_of};
    use crate::defect;
    use gherkin::Feature;
    use std::collections::BTreeSet;

    fn scenarios_of(features: &[Feature], side: Side) -> Vec<&str> {
        let all = features
            .iter()
            .flat_map(|feature| feature.scenarios.iter().map(move |one| (feature, one)));
        let of_side = all.filter(|(feature, one)| side_of(&all_tags(feature, one)) == Some(side));
        of_side.map(|(_, one)| one.name.as_str()).collect()
    }

    #[test]
    fn every_scenario_of_the_line_is_meant_for_a_defect() {
        let features = features::read(&[], false).expect("the embedded features are readable");
        // A moved clock waits for a line without a stray frame: see the self-test.
        let features = features::keep(features, |tags| {
            !tags.iter().any(|tag| tag == "moved-clock")
        });
        for side in [Side::ChargePoint, Side::Csms] {
            let scenarios = scenarios_of(&features, side).into_iter();
            let idle: Vec<&str> = scenarios.filter(|name| !is_meant(side, name)).collect();
            assert!(idle.is_empty(), "{idle:#?}");
        }
    }

    #[test]
    fn every_defect_is_meant_for_scenarios_that_exist_and_for_each_in_one_way() {
        let features = features::read(&[], false).expect("the embedded features are readable");
        for side in SIDES {
            let seeds = defect::of(side);
            assert_eq!(seeds.len(), table(side).len(), "{}", side.name());
            let scenarios = scenarios_of(&features, side);
            let known: BTreeSet<&str> = scenarios.iter().copied().collect();
            assert_eq!(known.len(), scenarios.len(), "two scenarios have one name");
            for seed in seeds {
                let meant = meant_for(side, seed.name);
                let mut names = BTreeSet::new();
                for catch in meant {
                    let (By::Words(by) | By::Rule(by)) = catch.by;
                    assert!(by.len() >= 5, "{}: by {by:?}?", seed.name);
                    for name in catch.scenarios {
                        assert!(known.contains(name), "{}: {name}", seed.name);
                        assert!(names.insert(*name), "{}: {name} twice", seed.name);
                    }
                }
                assert!(!names.is_empty(), "{}", seed.name);
            }
        }
    }
}
