//! Where features come from: embedded in the binary, or a folder of the user's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use cucumber::feature::Ext as _;
use futures_util::stream;
use gherkin::{Feature, GherkinEnv};
use include_dir::{Dir, File, include_dir};

use crate::collect::all_tags;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../features");

/// Reads the features: those of the folder, or the embedded ones.
pub(crate) fn read(folder: Option<&Path>) -> Result<Vec<Feature>> {
    let mut texts = match folder {
        Some(folder) => texts_in(folder)?,
        None => embedded(&EMBEDDED),
    };
    texts.sort();
    texts
        .into_iter()
        .map(|(path, text)| parse(path, &text))
        .collect()
}

fn parse(path: PathBuf, text: &str) -> Result<Feature> {
    let mut feature = Feature::parse(text, GherkinEnv::default())
        .map_err(|error| anyhow!("cannot read the feature {}: {error}", path.display()))?;
    feature.path = Some(path.clone());
    feature
        .expand_examples()
        .map_err(|error| anyhow!("cannot read the examples in {}: {error}", path.display()))
}

fn embedded(dir: &Dir<'_>) -> Vec<(PathBuf, String)> {
    let here = dir
        .files()
        .filter(|file| is_feature(file.path()))
        .filter_map(text_of);
    here.chain(dir.dirs().flat_map(embedded)).collect()
}

fn text_of(file: &File<'_>) -> Option<(PathBuf, String)> {
    Some((file.path().to_path_buf(), file.contents_utf8()?.to_owned()))
}

fn is_feature(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "feature")
}

fn texts_in(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(here) = folders.pop() {
        let listing = std::fs::read_dir(&here)
            .with_context(|| format!("cannot read the folder of features {}", here.display()))?;
        for entry in listing {
            let path = entry
                .with_context(|| format!("cannot read the folder of features {}", here.display()))?
                .path();
            if path.is_dir() {
                folders.push(path);
            } else if is_feature(&path) {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read the feature {}", path.display()))?;
                found.push((path, text));
            }
        }
    }
    if found.is_empty() {
        bail!(
            "no .feature file in {}; give a folder that has some",
            folder.display()
        );
    }
    Ok(found)
}

/// Keeps the scenarios that are wanted, and the features that still have some.
pub(crate) fn keep(features: Vec<Feature>, wanted: impl Fn(&[String]) -> bool) -> Vec<Feature> {
    let keep = |mut feature: Feature| {
        let tags = feature.clone();
        feature
            .scenarios
            .retain(|scenario| wanted(&all_tags(&tags, scenario)));
        for rule in &mut feature.rules {
            rule.scenarios
                .retain(|scenario| wanted(&all_tags(&tags, scenario)));
        }
        feature.rules.retain(|rule| !rule.scenarios.is_empty());
        (!feature.scenarios.is_empty() || !feature.rules.is_empty()).then_some(feature)
    };
    features.into_iter().filter_map(keep).collect()
}

/// Gives features that are read already to cucumber.
#[derive(Debug)]
pub(crate) struct Ready;

impl cucumber::Parser<Vec<Feature>> for Ready {
    type Cli = cucumber::cli::Empty;
    type Output = stream::Iter<std::vec::IntoIter<cucumber::parser::Result<Feature>>>;

    fn parse(self, features: Vec<Feature>, _: Self::Cli) -> Self::Output {
        stream::iter(features.into_iter().map(Ok).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_step_of_every_feature_has_exactly_one_function() {
        let steps = <crate::world::World as cucumber::World>::collection();
        for feature in read(None).expect("the embedded features are readable") {
            let background = feature
                .background
                .iter()
                .flat_map(|background| &background.steps);
            for step in background.chain(
                feature
                    .scenarios
                    .iter()
                    .flat_map(|scenario| &scenario.steps),
            ) {
                let found = steps.find(step);
                assert!(
                    matches!(found, Ok(Some(_))),
                    "{:?}: {} {}",
                    feature.path,
                    step.keyword,
                    step.value
                );
            }
        }
    }

    #[test]
    fn every_scenario_says_which_side_it_tests_and_every_id_has_its_scenario() {
        let mut ids = BTreeSet::new();
        for feature in read(None).expect("the embedded features are readable") {
            for scenario in &feature.scenarios {
                let tags = all_tags(&feature, scenario);
                let sides = tags
                    .iter()
                    .filter(|tag| ["charge-point", "csms"].contains(&tag.as_str()))
                    .count();
                assert_eq!(sides, 1, "{}", scenario.name);
                ids.extend(tags.into_iter().filter(|tag| tag.starts_with("TC_")));
            }
        }
        let known: BTreeSet<String> = crate::catalogue::ids().map(str::to_owned).collect();
        assert_eq!(ids, known);
    }
}
